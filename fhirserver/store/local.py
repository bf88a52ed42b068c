"""A mongod of our own, as a replica set of one member: for a first start, the demonstration and tests.

Production has a replica set of its own and names it in `MONGODB_URI` (docs/operations.md).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

_REPLICA_SET: Final = "fhirserver"
_PATIENCE: Final = 60.0
"""Seconds that a start may take: after a kill, mongod replays its journal first."""
_NOT_YET_INITIALIZED: Final = 94
_PORT_TRIES: Final = 5
_LOG_LINES: Final = 60
_ENGINE: Final = "eviction_dirty_target=50,eviction_dirty_trigger=75"
"""Parts of the cache, in %, that may wait to be written. With 5 and 20, as mongod comes, a load of many resources
writes each leaf of the index of keys for a few keys; the checkpoint of each minute writes them anyway."""
_POLL: Final = 0.005
_LOOK: Final = 0.5
"""Seconds between two looks whether mongod is there."""
_log: Final = logging.getLogger("fhirserver")
_ADDRESS: Final = "address"
"""File beside the data that tells other commands where the mongod of a folder listens."""

# mongod lives as long as somebody holds the other end of the keeper's standard input: when this process dies, even by
# SIGKILL, the shell reads end-of-file and ends mongod. (PR_SET_PDEATHSIG would act when the starting *thread* ends.)
_KEEPER: Final = """
exec 3<&0
"$@" 3<&- </dev/null >/dev/null 2>&1 &
child=$!
trap 'kill -TERM $child 2>/dev/null' TERM INT HUP
{ read -r _ <&3; kill -TERM $child; sleep 15; kill -KILL $child; } 2>/dev/null &
reader=$!
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
kill $reader 2>/dev/null
exit $code
"""


class LocalMongodError(RuntimeError):
    """The local mongod cannot be found or started; the message says why and what to do."""


def find_mongod() -> Path:
    """Return the mongod to run: the one of the extra `embedded`, else the one on PATH.

    Raises:
        LocalMongodError: there is none.
    """
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(folder) / "db" / "bin" / "mongod"
        if bundled.is_file():
            if not os.access(bundled, os.X_OK):
                bundled.chmod(0o755)
            return bundled
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    raise LocalMongodError(
        "No mongod found: install the extra `embedded` (pip install 'fhirserver[embedded]'), put mongod on PATH, "
        "or name a replica set in MONGODB_URI."
    )


def running(folder: Path) -> str:
    """Return the address of the mongod that a server has started on a folder; empty: there is none."""
    with suppress(OSError, PyMongoError):
        written = (folder / _ADDRESS).read_text()
        client: MongoClient[dict[str, Any]] = MongoClient(written, serverSelectionTimeoutMS=1000)
        with client:
            served = client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"]
        # after a kill, the port that was written down may be another's
        return written if Path(served).resolve() == folder.resolve() else ""
    return ""


def address(uri: str, state: Path) -> str:
    """Return where a command finds the database: what MONGODB_URI says, else the mongod of a server of that state."""
    return uri or running(state / "mongodb")


class LocalMongod:
    """A running mongod; ends when `stop` is called or this process dies.

    Args:
        folder: where its data and log are kept; made if absent.
        cache_gb: size of its cache, in GB (at least 0.25); a quarter of the machine's memory, 6 at most, unless given.
            A commit holds in it at once all that it writes: about half of the cache at most.

    Raises:
        LocalMongodError: it does not start; the message holds the end of its log.
    """

    def __init__(self, folder: Path, *, cache_gb: float | None = None) -> None:
        self._folder = folder.resolve()
        self._cache_gb = max(0.25, _share_of_memory() if cache_gb is None else cache_gb)
        self._mongod = find_mongod()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._watching = threading.Event()  # set: nobody watches
        self._watching.set()
        self._changing = threading.Lock()
        self.port = 0
        self.start()

    @property
    def uri(self) -> str:
        """The address to give to `Store`."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def pid(self) -> int:
        """The process id of mongod."""
        return int((self._folder / "mongod.lock").read_text() or 0)

    def start(self) -> None:
        """Start it, or start it again after `stop` or `kill`, on the port it had before if that is free."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(_PORT_TRIES):
            self.port = self.port if self.port and _is_free(self.port) else _free_port()
            self._launch()
            if self._becomes_primary():
                (self._folder / _ADDRESS).write_text(self.uri)
                return
        raise LocalMongodError(f"mongod does not start in {self._folder}:\n{self._complaints()}")

    def watch(self) -> None:
        """Start it again, on the port that others know, whenever it ends by itself; until `stop`."""
        self._watching.clear()
        threading.Thread(target=self._watch, name="mongod-watch", daemon=True).start()

    def _watch(self) -> None:
        while not self._watching.wait(_LOOK):
            with self._changing:
                if self._watching.is_set() or (self._process is not None and self._process.poll() is None):
                    continue
                _log.error("mongod has ended by itself; it starts again")
                if self._process is not None:
                    self._release()
                with suppress(LocalMongodError, OSError):  # the next look tries again
                    if _is_free(self.port):
                        self.start()

    def stop(self) -> None:
        """End it cleanly."""
        self._watching.set()
        with self._changing:
            self._stop()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._release()
        (self._folder / _ADDRESS).unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once, as a crash would (`kill -9`); `start` recovers what was acknowledged."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, ValueError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(timeout=20)
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _release(self) -> None:
        os.close(self._pipe)
        self._process = None

    def _launch(self) -> None:
        reading, self._pipe = os.pipe()
        command = [
            str(self._mongod),
            *("--dbpath", str(self._folder), "--logpath", str(self._folder / "mongod.log"), "--logappend"),
            *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
            *("--replSet", _REPLICA_SET, "--oplogSize", "512", "--wiredTigerCacheSizeGB", str(self._cache_gb)),
            *("--wiredTigerEngineConfigString", _ENGINE),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own mongod, with arguments of our own
            ["/bin/sh", "-c", _KEEPER, "mongod", *command],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal reaches the server first, which then stops mongod
        )
        os.close(reading)

    def _becomes_primary(self) -> bool:
        """Wait until it takes writes; False if its port was taken meanwhile."""
        deadline = time.monotonic() + _PATIENCE
        client: MongoClient[dict[str, Any]] = MongoClient(self.uri, serverSelectionTimeoutMS=1000, connect=False)
        with client:
            while time.monotonic() < deadline:
                assert self._process is not None
                if self._process.poll() is not None:
                    self._release()
                    if "Address already in use" in self._complaints():
                        return False
                    raise LocalMongodError(self._reason())
                # a driver that is refused a connection looks again only after half a second
                if not _listens(self.port):
                    time.sleep(_POLL)
                    continue
                with suppress(PyMongoError):
                    if client.admin.command("hello").get("isWritablePrimary"):
                        return True
                    _make_primary(client, f"127.0.0.1:{self.port}")
                time.sleep(_POLL)
        self.kill()
        raise LocalMongodError(f"mongod does not become primary in {self._folder}:\n{self._complaints()}")

    def _reason(self) -> str:
        if running(self._folder):
            return (
                f"Another server runs on {self._folder}: end it, or give this one a FHIRSERVER_STATE or a MONGODB_URI "
                f"of its own.\n{self._complaints()}"
            )
        return f"mongod does not start in {self._folder}:\n{self._complaints()}"

    def _complaints(self) -> str:
        """Return what mongod said last of errors in its log, one JSON object a line."""
        log = self._folder / "mongod.log"
        if not log.exists():
            return "(no log)"
        last = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        errors = [line for line in last if '"s":"E"' in line or '"s":"F"' in line]
        return "\n".join((errors or last)[-3:])


def _make_primary(client: MongoClient[dict[str, Any]], address: str) -> None:
    """Make a new replica set, or tell an old one that its only member listens elsewhere now."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            members = [{"_id": 0, "host": address}]
            client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _share_of_memory() -> float:
    """Return a quarter of the machine's memory, in GB, 6 at most."""
    return min(6.0, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 4 / 2**30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
