"""What is wrong with HTTP itself: lengths, chunks, headers, connections; and bodies that nobody reads."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator

import pytest
import requests

from fhirserver.store.local import LocalMongod
from tests.http.conftest import FHIR, Client, Server, issue, start, stop
from tests.http.sockets import JSON, PATIENT, chunked, connect, exchange, request, sized, statuses

LARGE = b" " * 5_000_000


def total(client: Client, kind: str) -> int:
    number: int = client.get(f"{kind}/_history?_count=0").json()["total"]
    return number


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("DELETE", 204)])
def test_a_body_on_a_method_without_one_is_received_and_the_connection_goes_on(
    server: Server, method: str, status: int
) -> None:
    one = request(server, method, "/fhir/Basic/nobody", JSON, sized(PATIENT), body=PATIENT)
    assert statuses(exchange(server, one * 3, answers=3)) == [status] * 3


REFUSED = {
    "on a GET": ("GET", "/fhir/Basic/nobody", True, 404),
    "without a token": ("POST", "/fhir/Basic", False, 401),
    "where there is nothing": ("POST", "/nowhere", True, 404),
    "where the method is not offered": ("POST", "/fhir/Basic/1", True, 405),
    "where no format is accepted": ("POST", "/fhir/Basic?_format=pdf", True, 406),
}


@pytest.mark.parametrize(("method", "path", "token", "status"), REFUSED.values(), ids=REFUSED)
def test_a_client_that_is_still_sending_can_read_why_it_is_refused(
    server: Server, method: str, path: str, *, token: bool, status: int
) -> None:
    sent = request(server, method, path, JSON, sized(LARGE), body=LARGE, token=token)
    assert statuses(exchange(server, sent)) == [status]


@pytest.mark.parametrize("way", ["sized", "chunked"])
def test_a_client_that_sends_too_much_can_read_the_413(server: Server, way: str) -> None:
    piece = b" " * (1 << 20)
    if way == "sized":
        sent = request(server, "POST", "/fhir/Basic", JSON, f"Content-Length: {60 << 20}", body=piece * 60)
    else:
        sent = request(server, "POST", "/fhir/Basic", JSON, "Transfer-Encoding: chunked", body=chunked(*[piece] * 60))
    assert statuses(exchange(server, sent)) == [413]


@pytest.fixture(scope="module")
def hasty(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience, for clients that send and for clients that ask often."""
    folder = tmp_path_factory.mktemp("hasty")
    running, process = start(
        folder, mongod.uri, database="hasty-tests", workers="1", body_seconds="1", rate_limit="1", threads="2"
    )
    yield running
    stop(process)


def test_a_client_that_is_still_sending_can_read_the_429(hasty: Server) -> None:
    sent = request(hasty, "POST", "/fhir/Basic", JSON, sized(LARGE), body=LARGE)
    answers = [statuses(exchange(hasty, sent))[0] for _ in range(4)]
    assert 429 in answers
    assert set(answers) <= {400, 429}


@pytest.mark.parametrize("announced", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_clients_that_stop_sending_hold_nobody_up_and_are_cut_off(hasty: Server, announced: str) -> None:
    stalled = [connect(hasty) for _ in range(12)]
    for at, connection in enumerate(stalled):
        claims = hasty.token("operator", client_id=f"stalled-{announced[0]}{at}").encode()
        connection.sendall(
            f"POST /fhir/Basic HTTP/1.1\r\nHost: x\r\n{JSON}\r\n{announced}\r\n".encode()
            + b"Authorization: Bearer " + claims + b"\r\n\r\n" + b"5\r\n{"
        )  # fmt: skip
    other = Client(hasty, hasty.token("operator", client_id=f"other-{announced[0]}"))
    assert other.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}}).status_code == 201
    for connection in stalled:
        assert b"201" not in connection.recv(4096)
        connection.close()


CUT = {
    "JSON by its length": (JSON, sized(PATIENT * 2), PATIENT, 400),
    "JSON in chunks": (JSON, "Transfer-Encoding: chunked", chunked(PATIENT[:9], whole=False), 400),
    "a chunk without a size": (JSON, "Transfer-Encoding: chunked", b"zz\r\n" + PATIENT, 400),
    "content by its length": ("Content-Type: application/pdf", "Content-Length: 2000", b"x" * 1000, 400),
    "content in chunks": (
        "Content-Type: application/pdf", "Transfer-Encoding: chunked", chunked(b"x" * 1000, whole=False), 411,
    ),
}  # fmt: skip


@pytest.mark.parametrize("sent", CUT.values(), ids=CUT)
def test_a_body_that_is_cut_is_not_stored(server: Server, operator: Client, sent: tuple[str, str, bytes, int]) -> None:
    media, announced, body, status = sent
    kind = "Patient" if media == JSON else "Binary"
    before = total(operator, kind)
    received = exchange(server, request(server, "POST", f"/fhir/{kind}", media, announced, body=body), ends=True)
    assert statuses(received) == [status]
    assert total(operator, kind) == before


def test_content_in_chunks_needs_a_length_since_nothing_would_tell_its_end(operator: Client) -> None:
    answer = operator._session.post(
        f"{operator.base}/Binary", data=iter([b"one", b"two"]), headers={"Content-Type": "text/plain"}, timeout=60
    )
    assert answer.status_code == 411
    assert "Content-Length" in issue(answer)["details"]["text"]


LENGTHS = {
    "negative": ("Content-Length: -1",),
    "no number": ("Content-Length: many",),
    "two that differ": ("Content-Length: 26", "Content-Length: 10"),
}


@pytest.mark.parametrize("headers", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_is_none_is_refused_and_the_connection_ended(
    server: Server, operator: Client, headers: tuple[str, ...]
) -> None:
    before = total(operator, "Patient")
    assert statuses(exchange(server, request(server, "POST", "/fhir/Patient", JSON, *headers, body=PATIENT))) == [400]
    assert total(operator, "Patient") == before


def test_a_length_shorter_than_the_body_takes_no_more_than_it_says(server: Server) -> None:
    received = exchange(
        server, request(server, "POST", "/fhir/Patient", JSON, "Content-Length: 10", body=PATIENT), ends=True, answers=2
    )
    assert statuses(received) == [400, 400]


def test_a_length_beside_chunks_smuggles_no_second_request(server: Server) -> None:
    inner = request(server, "GET", "/fhir/metadata", token=False)
    body = chunked(PATIENT) + inner
    sent = request(server, "POST", "/fhir/Patient", JSON, "Transfer-Encoding: chunked", "Content-Length: 5", body=body)
    assert statuses(exchange(server, sent, ends=True, answers=2)) in ([201], [400])


HEADERS = {
    "one of a megabyte": (("X-Large: " + "a" * 1_000_000,), 431),
    "five hundred": (tuple(f"X-{at}: a" for at in range(500)), 431),
    "a line that goes on": (("X-Folded: a\r\n b",), 400),
    "a null": (("Prefer: a\0b",), 400),
    "bytes that are no ASCII, in one that is ignored": ((b"Prefer: \xff\xfe",), 404),
    "bytes that are no ASCII, in a condition": ((b"If-None-Match: \xff\xfe",), 400),
    "three thousand media types": (("Accept: " + ",".join(["text/html;q=0.1"] * 3000) + ",*/*",), 404),
}


@pytest.mark.parametrize(("headers", "status"), HEADERS.values(), ids=HEADERS)
def test_headers_beyond_reason_are_refused_never_a_fault(
    server: Server, headers: tuple[str | bytes, ...], status: int
) -> None:
    assert statuses(exchange(server, request(server, "GET", "/fhir/Basic/nobody", *headers))) == [status]


def test_an_address_beyond_reason_is_refused(server: Server) -> None:
    assert statuses(exchange(server, request(server, "GET", f"/fhir/Basic?code={'a' * 100_000}"))) == [414]


@pytest.mark.parametrize("host", ["", 'Host: a"<b>', "Host: a/b", "Host: a b", "Host: [::1", "Host: x:99999999"])
def test_a_host_that_is_none_is_refused_since_links_would_carry_it(server: Server, host: str) -> None:
    sent = request(server, "GET", "/fhir/Basic/nobody").replace(b"Host: localhost", host.encode() or b"X-None: 1")
    assert statuses(exchange(server, sent)) == [400]


def test_header_injection_by_what_answers_repeat_is_impossible(server: Server) -> None:
    sent = request(server, "GET", "/fhir/Basic/nobody", b"X-Request-Id: a\rSet-Cookie: x=1")
    received = exchange(server, sent)
    assert b"set-cookie" not in received.lower()
    assert statuses(received) == [400]


def test_expect_100_continue_is_answered_before_the_body_comes(server: Server) -> None:
    head = request(server, "POST", "/fhir/Patient", JSON, sized(PATIENT), "Expect: 100-continue")
    assert statuses(exchange(server, [head, PATIENT])) == [100, 201]


@pytest.mark.parametrize(("token", "length", "status"), [(False, 26, 401), (True, 900_000_000, 413)])
def test_expect_100_continue_is_answered_by_the_refusal_where_the_body_is_not_wanted(
    server: Server, *, token: bool, length: int, status: int
) -> None:
    head = request(
        server, "POST", "/fhir/Patient", JSON, f"Content-Length: {length}", "Expect: 100-continue", token=token
    )
    assert statuses(exchange(server, head)) == [status]


def test_requests_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    post = request(server, "POST", "/fhir/Patient", JSON, sized(PATIENT), body=PATIENT)
    get = request(server, "GET", "/fhir/Basic/nobody")
    assert statuses(exchange(server, post + get + post + get, answers=4)) == [201, 404, 201, 404]


def test_http_1_0_without_a_host_is_answered(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /fhir/metadata HTTP/1.0\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.0 200"


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_1_ends_its_connection_alone(server: Server, sent: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert b" 200 " not in connection.recv(4096)
    assert requests.get(f"{server.root}/health", timeout=10).status_code == 200


def test_a_body_packed_by_gzip_is_unpacked(operator: Client) -> None:
    created = operator.post("Patient", gzip.compress(PATIENT), Content_Encoding="gzip")
    assert created.status_code == 201
    content = operator.post("Binary", gzip.compress(b"text"), Content_Encoding="gzip", Content_Type="text/plain")
    assert operator.get(f"Binary/{content.json()['id']}").content == b"text"


PACKED = {
    "another coding": ("br", b"x", 415),
    "two codings": ("gzip, gzip", gzip.compress(gzip.compress(PATIENT)), 415),
    "not gzip": ("gzip", PATIENT, 400),
    "cut": ("gzip", gzip.compress(PATIENT)[:-4], 400),
    "something after it": ("gzip", gzip.compress(PATIENT) + b"more", 400),
    "a bomb": ("gzip", gzip.compress(b" " * (60 << 20)), 413),
}


@pytest.mark.parametrize(("coding", "body", "status"), PACKED.values(), ids=PACKED)
def test_a_packed_body_that_cannot_be_unpacked_is_refused(
    operator: Client, coding: str, body: bytes, status: int
) -> None:
    answer = operator.post("Patient", body, Content_Encoding=coding)
    assert answer.status_code == status
    assert issue(answer)["details"]["text"]
    if status == 415:
        assert "gzip" in answer.headers["Accept-Encoding"]


def test_a_slash_too_many_is_another_address(operator: Client) -> None:
    answer = operator.get(f"{operator.base}//Patient")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith(FHIR)
