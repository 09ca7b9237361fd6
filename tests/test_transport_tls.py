"""TLS against a real server, with a certificate authority of the test's own."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import memgpt
import pytest
import trustme

from tests.wire_server import CHUNKED, Wire, WireServer, answer, chunks, probe, serving


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[trustme.CA]:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    yield authority


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def refused(url: str, text: str = "") -> None:
    """Not tried again: what is wrong with a certificate does not pass."""
    with pytest.raises(memgpt.ProviderUnreachable, match=f"no trusted TLS.*{text}") as raised:
        probe(url, max_retries=2).post("", "secret", [("Authorization", "Bearer key")])
    assert "attempts" not in str(raised.value)


def test_connections_are_kept_and_shared(authority) -> None:
    with serving(lambda r: answer(r.body), context(authority.issue_cert("127.0.0.1"))) as server:
        clients = [probe(server.url) for _ in range(3)]
        for turn in range(6):
            body = b"%d" % turn * 100_000
            assert clients[turn % 3].post("", body)[3] == body
        pieces: list[bytes] = []
        clients[0].stream("", b"x" * 200_000, lambda piece: pieces.append(piece) or True)
        assert b"".join(pieces) == b"x" * 200_000
        assert server.connections == 1


def test_the_server_is_told_which_name_is_meant(authority) -> None:
    names: list[str | None] = []
    tls = context(authority.issue_cert("localhost", "127.0.0.1"))
    tls.sni_callback = lambda sock, name, context: names.append(name)
    with serving(lambda request: answer(b"ok"), tls) as server:
        assert probe(server.url.replace("127.0.0.1", "localhost")).get("")[0] == 200
        assert probe(server.url).get("")[0] == 200
    assert names == ["localhost", None]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_wrong_name(authority, host: str) -> None:
    other = "localhost" if host == "127.0.0.1" else "127.0.0.1"
    with serving(lambda r: answer(b"ok"), context(authority.issue_cert(other, "x.test"))) as server:
        refused(server.url.replace("127.0.0.1", host), "is for another name; check the address")
        assert not server.requests and server.connections == 1


def test_an_expired_certificate(authority) -> None:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    certificate = authority.issue_cert("127.0.0.1", not_after=yesterday)
    with serving(lambda request: answer(b"ok"), context(certificate)) as server:
        refused(server.url, "has expired.*its owner must renew it")
        assert not server.requests


def test_a_certificate_that_is_not_yet_valid(authority) -> None:
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    certificate = authority.issue_cert("127.0.0.1", not_before=tomorrow)
    with serving(lambda request: answer(b"ok"), context(certificate)) as server:
        refused(server.url, "not yet valid.*is this machine's clock right")


def test_an_unknown_authority(authority) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with serving(lambda request: answer(b"ok"), context(certificate)) as server:
        refused(server.url, "no authority that this machine knows.*SSL_CERT_FILE$")
        assert not server.requests


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_that_are_not_where_the_environment_says(
    authority, monkeypatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/nowhere/authority.pem")
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with serving(lambda request: answer(b"ok"), context(certificate)) as server:
        refused(server.url, f"{variable} names /nowhere/authority.pem, which is not there")


def test_what_was_trusted_once_is_not_trusted_without_its_authority(authority, monkeypatch) -> None:
    """A kept connection is as trusted as the authorities that the environment names now."""
    certificate = authority.issue_cert("127.0.0.1")
    with serving(lambda request: answer(b"ok"), context(certificate)) as server:
        client = probe(server.url)
        assert client.get("")[3] == b"ok"
        monkeypatch.delenv("SSL_CERT_FILE")
        refused(server.url)
        assert len(server.requests) == 1


def test_a_plain_server_at_a_tls_address() -> None:
    def script(wire: Wire) -> None:
        wire.sock.recv(1000)
        wire.send(answer(b"", "400 Bad Request"))

    with WireServer(script) as server:
        refused(server.url.replace("http:", "https:"), "whether the server speaks TLS")


def test_a_tls_server_at_a_plain_address(authority) -> None:
    tls = context(authority.issue_cert("127.0.0.1"))
    with (
        serving(lambda request: answer(b"ok"), tls) as server,
        pytest.raises(memgpt.ProviderError),
    ):
        probe(server.url.replace("https:", "http:"), timeout_s=5).get("")


def test_a_handshake_that_stalls() -> None:
    with WireServer(lambda wire: server.ended.wait(10) and None) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(memgpt.ProviderTimeout, match="finish the TLS handshake"):
            probe(url, connect_timeout_s=0.2).get("")


@pytest.mark.parametrize("stage", ["handshake", "request", "headers", "body"])
def test_a_connection_that_is_reset(authority, stage: str) -> None:
    received = threading.Event()

    def script(wire: Wire) -> None:
        if stage != "handshake":
            wire.read()
        if stage == "headers":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-")
        if stage == "body":
            wire.send(CHUNKED + chunks(b"half"))
            received.wait(5)
        wire.reset()

    def take(piece: bytes) -> bool:
        received.set()
        return True

    tls = None if stage == "handshake" else context(authority.issue_cert("127.0.0.1"))
    with WireServer(script, tls) as server:
        url = server.url if tls else server.url.replace("http:", "https:")
        with pytest.raises(memgpt.ProviderUnreachable):
            probe(url, timeout_s=5).stream("", "", take)
        assert received.is_set() == (stage == "body")


def test_ends_without_a_word(authority) -> None:
    """No TLS goodbye: an end where nothing else tells one, else a break."""
    tls = context(authority.issue_cert("127.0.0.1"))
    sent = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"]

    def script(wire: Wire) -> None:
        wire.read()
        wire.send(sent[-1])

    with WireServer(script, tls) as server:
        client = probe(server.url)
        assert client.get("")[3] == b"all of it"
        pieces: list[bytes] = []
        client.stream("", "", lambda piece: pieces.append(piece) or True)
        assert b"".join(pieces) == b"all of it"
        for half in (answer(b"half")[:-1], CHUNKED + chunks(b"half")):
            sent.append(half)
            with pytest.raises(memgpt.ProviderUnreachable, match="in the middle"):
                client.get("")
            with pytest.raises(memgpt.ProviderUnreachable, match="in the middle"):
                client.stream("", "", lambda piece: True)
