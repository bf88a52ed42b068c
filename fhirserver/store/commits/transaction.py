"""Several writes, one commit: all of them or none, decided on one unchanging view of the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from bson import ObjectId
from pymongo import ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession

from fhirserver.errors import Conflict
from fhirserver.issues import Text
from fhirserver.store.commits import claims
from fhirserver.store.kept import documents
from fhirserver.store.kept.files import Upload
from fhirserver.store.kept.ids import id_beside, key, new_id
from fhirserver.store.kept.values import Draft, FileRef, Stored, Task

if TYPE_CHECKING:
    from fhirserver.store.store import Store

_MILLISECOND: Final = timedelta(milliseconds=1)


class Overtaken(Exception):  # noqa: N818 - what happened, as the other failures are named
    """Another commit came first: try again on the new state."""


class Planned:
    """A version that a transaction will write.

    Attributes:
        type: the resource type.
        id: its id.
        draft: what it holds; None: it says that the resource is deleted.
        superseded: the document of the version before; None if there never was one.
    """

    def __init__(self, transaction: Transaction, identity: tuple[str, str], superseded: dict[str, Any] | None) -> None:
        self.type, self.id = identity
        self.superseded = superseded
        self.draft: Draft | None = None
        self.origin: Mapping[str, Any] = {}
        self._transaction = transaction
        self._document: dict[str, Any] | None = None

    def hold(self, draft: Draft | None, origin: Mapping[str, Any]) -> None:
        """Say what the version holds; saying it again before the commit replaces it."""
        self.draft, self.origin, self._document = draft, origin, None

    @property
    def version(self) -> int:
        """The version that will be written."""
        return self.superseded["v"] + 1 if self.superseded else 1

    @property
    def created(self) -> bool:
        """Whether the resource was not there before (never, or deleted): the answer is 201."""
        return self.draft is not None and not (self.superseded and self.superseded["live"])

    @property
    def stored(self) -> Stored:
        """The version as the commit keeps it."""
        return self._transaction.store.stored(self.document)

    @property
    def document(self) -> dict[str, Any]:
        """The document that the commit writes: asking for it takes the moment of the commit."""
        if self._document is None:
            self._document = self._write()
        return self._document

    def _write(self) -> dict[str, Any]:
        updated = self._transaction.moment
        if self.superseded:
            updated = max(updated, self.superseded["u"] + _MILLISECOND)
        if self.draft is None:
            return documents.tombstone(self.type, self.id, self.version, updated, self.origin)
        body = documents.stamp(self.draft.resource, self.id, self.version, updated)
        document = documents.live(self.draft, self.id, self.version, updated, body)
        if len(body) > documents.BODY_INLINE:
            file = self._transaction.put_file(body)
            documents.move_body(document, file.hash)
        return document


class Transaction:
    """One attempt at a commit; made by `Store.transact`, which calls its work again when another commit came first.

    Reads see the store as it was when the transaction began, and what the transaction plans itself. Planned writes are
    sent together when the work is done (or at `flush`).
    """

    def __init__(self, store: Store, session: ClientSession, turns: Collection[str] = ()) -> None:
        self.store = store
        self.session = session
        self.keys: set[str] = set()  # all that this transaction writes or locks
        self.selected: dict[Any, list[str]] = {}  # ids that criteria select, as long as nothing is flushed
        self._turns = turns
        self._moment: datetime | None = None
        self._seen: dict[str, dict[str, Any] | None] = {}
        self._planned: dict[str, Planned] = {}
        self._locks: set[str] = set()
        self._inserts: dict[str, list[dict[str, Any]]] = {}
        self._kept: list[UpdateOne] = []

    # Reading

    def read(self, resource_type: str, identity: str) -> Stored | None:
        """Return the current version (or tombstone) of a resource, planned ones included; None: never was one."""
        planned = self._planned.get(key(resource_type, identity))
        if planned:
            return planned.stored
        document = self._current(resource_type, identity)
        return None if document is None else self.store.stored(document)

    def exists(self, resource_type: str, identity: str) -> bool:
        """Whether the resource is there and not deleted."""
        planned = self._planned.get(key(resource_type, identity))
        if planned:
            return planned.draft is not None
        document = self._current(resource_type, identity)
        return document is not None and bool(document["live"])

    def read_ahead(self, references: Iterable[tuple[str, str]]) -> None:
        """Read the current versions of several resources (type and id) at once, which `read` and writes will need."""
        wanted = self.unread(references)
        if wanted:
            self.remember(self.find({"_id": {"$in": wanted}}), wanted)

    def unread(self, references: Iterable[tuple[str, str]]) -> list[str]:
        """Return the `_id` of those resources (type and id) that this transaction has not read yet."""
        return sorted({key(resource_type, identity) for resource_type, identity in references} - self._seen.keys())

    def remember(self, documents: Iterable[dict[str, Any]], keys: Iterable[str] = ()) -> None:
        """Take documents that were found on this view for what `read` and writes will need.

        Args:
            documents: of `resources`.
            keys: all `_id` that were asked for: those of no document are not there.
        """
        for document in documents:
            self._seen.setdefault(document["_id"], document)
        for name in keys:
            self._seen.setdefault(name, None)

    def find(self, condition: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
        """Find documents of `resources` as `Store.find` does, on the view of this transaction.

        It finds what this transaction plans only after `flush`.
        """
        return self.store.find(condition, session=self.session, **options)

    def count(self, condition: Mapping[str, Any], *, limit: int = 0) -> int:
        """Count documents of `resources` on the view of this transaction."""
        return self.store.count(condition, limit=limit, session=self.session)

    # Planning

    def create(self, draft: Draft) -> Planned:
        """Plan a new resource.

        Raises:
            Conflict: the draft's own id is taken.
        """
        identity = draft.id or self.reserve(draft.type, draft.partition, draft.beside)
        if self.exists(draft.type, identity):
            raise id_taken(draft.type, identity)
        return self._plan(draft.type, identity, draft, draft.origin)

    def reserve(self, resource_type: str, partition: str | None = None, beside: str | None = None) -> str:
        """Make the id of a resource that this commit will create: what refers to it can be written before."""
        identity = id_beside(beside) if beside and not partition else new_id(partition)
        self._seen[key(resource_type, identity)] = None
        return identity

    def update(self, draft: Draft) -> Planned:
        """Plan the next version of `draft.id`, or its first.

        What If-Match asks for is the caller's to check, on what `read` returned.
        """
        assert draft.id is not None, "an update names its resource"
        return self._plan(draft.type, draft.id, draft, draft.origin)

    def delete(self, resource_type: str, identity: str, origin: Mapping[str, Any]) -> Planned | None:
        """Plan a tombstone; None if there is nothing to delete."""
        if not self.exists(resource_type, identity):
            return None
        return self._plan(resource_type, identity, None, origin)

    def lock(self, name: str) -> None:
        """Let only one of the transactions that hold this name at the same time commit; the others start again.

        The name is what must stay unique: a conditional create's criteria, a business identifier.
        """
        # hashed: a name may hold a patient's identity, and be long
        hashed = blake2b(name.encode(), digest_size=16).hexdigest()
        self._claim(f"lock {hashed}")
        self._locks.add(hashed)

    def claimed(self, claim: str) -> dict[str, Any] | None:
        """Return what is kept under a claim's name (`claims.name`); None if nobody has claimed it."""
        return self.claimed_of([claim]).get(claim)

    def claimed_of(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is kept under those of several claims' names that anybody has claimed."""
        found = self.store.database["claims"].find({"_id": {"$in": list(names)}}, session=self.session)
        return {document["_id"]: document["content"] for document in found}

    def claim(self, claim: str, content: Mapping[str, Any]) -> None:
        """Claim a name with this commit; another commit that claims it too runs again, and finds it claimed."""
        self._claim(f"claim {claim}")
        self._inserts.setdefault("claims", []).append(claims.planned(claim, content, self.moment))

    def put_file(self, content: bytes) -> FileRef:
        """Keep content with this commit."""
        return self.keep_file(self.store.files.upload([content]))

    def keep_file(self, upload: Upload) -> FileRef:
        """Keep content that was uploaded (`Files.upload`) with this commit."""
        self._kept.append(self.store.files.keeping(upload))
        return upload.ref

    def audit(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write audit records with this commit."""
        self._inserts.setdefault("audit", []).extend(
            {"_id": ObjectId(), "at": self.moment, **record} for record in records
        )

    def enqueue(self, task: Task) -> None:
        """Have something done after this commit (outbox)."""
        tasks = self._inserts.setdefault("outbox", [])
        tasks.append(self.store.outbox.planned(task, self.moment, len(tasks)))

    # Committing

    @property
    def moment(self) -> datetime:
        """The moment of this commit, from MongoDB's clock: lastUpdated of what it writes."""
        if self._moment is None:
            self._moment = self.store.clock.take()
        return self._moment

    @property
    def writes(self) -> bool:
        """Whether anything is planned and not sent yet."""
        return bool(self._planned or self._inserts or self._kept)

    def flush(self) -> None:
        """Send what is planned: reads and searches of this transaction see it from here on.

        Raises:
            Overtaken: another commit came first.
        """
        if self._locks and self.writes:
            touched = {"$set": {"touched": datetime.now(UTC)}}
            self._bulk("locks", [UpdateOne({"_id": name}, touched, upsert=True) for name in sorted(self._locks)])
            self._locks.clear()
        self.selected.clear()
        planned = list(self._planned.values())
        self._planned.clear()
        writes = [item.document for item in planned]  # large bodies are kept as files
        for name, documents_of_it in self._inserts.items():
            self._insert(name, documents_of_it)
        self._inserts.clear()
        if self._kept:
            self._bulk("files", self._kept)
            self._kept.clear()
        self._supersede([item for item in planned if item.superseded is not None])
        new = [item.document for item in planned if item.superseded is None]
        if new:
            self._insert("resources", new)
        self._seen.update((document["_id"], document) for document in writes)

    def finish(self) -> None:
        """Let the horizon pass the moment of this commit, once it is visible or will never be."""
        if self._moment is not None:
            self.store.clock.give_back(self._moment)
            self._moment = None

    def _supersede(self, planned: Sequence[Planned]) -> None:
        if not planned:
            return
        replacements = [
            ReplaceOne({"_id": item.document["_id"], "v": item.version - 1}, item.document) for item in planned
        ]
        replaced = self.store.resources.bulk_write(replacements, ordered=False, session=self.session)
        if replaced.matched_count != len(planned):
            raise Overtaken
        before = [documents.superseded(item.superseded, item.document["u"]) for item in planned if item.superseded]
        self._insert("history", before)

    def _insert(self, name: str, new: Sequence[dict[str, Any]]) -> None:
        collection = self.store.collection(name)
        if len(new) == 1:  # the driver does one with half the work
            collection.insert_one(new[0], session=self.session)
        else:
            collection.insert_many(new, ordered=False, session=self.session)

    def _bulk(self, collection: str, operations: Sequence[Any]) -> None:
        self.store.collection(collection).bulk_write(operations, ordered=False, session=self.session)

    def _plan(self, resource_type: str, identity: str, draft: Draft | None, origin: Mapping[str, Any]) -> Planned:
        name = key(resource_type, identity)
        planned = self._planned.get(name)
        if planned is None:
            planned = Planned(self, (resource_type, identity), self._current(resource_type, identity))
            self._claim(name)
            self._planned[name] = planned
        planned.hold(draft, origin)
        return planned

    def _claim(self, name: str) -> None:
        """Note what will be written; give way at once if others of this process take turns at it, and we have none."""
        self.keys.add(name)
        if name not in self._turns and self.store.turns.contended(name):
            raise Overtaken

    def _current(self, resource_type: str, identity: str) -> dict[str, Any] | None:
        name = key(resource_type, identity)
        if name not in self._seen:
            self._seen[name] = self.store.resources.find_one(
                {"_id": name}, documents.WITHOUT_INDEX, session=self.session
            )
        return self._seen[name]


def id_taken(resource_type: str, identity: str) -> Conflict:
    """The id of a resource to be created is in use."""
    return Conflict(
        Text(
            f"{resource_type}/{identity} existe déjà ; utilisez PUT pour le mettre à jour.",
            f"{resource_type}/{identity} exists already; use PUT to update it.",
        ),
        code="duplicate",
    )
