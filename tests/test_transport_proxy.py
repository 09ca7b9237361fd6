"""Proxies that the environment names."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import memgpt
import pytest
import trustme
from memgpt import _core
from memgpt.testing import FakeOpenAI

from tests.answers import says
from tests.proxy_server import Proxy
from tests.wire_server import Wire, WireServer, answer, probe, serving

SECRET = "pass-w0rd"
NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*NAMES, *map(str.upper, NAMES), "REQUEST_METHOD"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[trustme.CA]:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    yield authority


def context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_an_http_target_is_asked_for_by_the_proxy(monkeypatch, variable: str) -> None:
    with (
        serving(lambda request: answer(b"ok")) as server,
        Proxy({"model.test": server.port}) as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url)
        client = probe("http://model.test:8000/v1")
        status, _, _, body = client.post("/chat", "hello", [("Authorization", "Bearer key")])
        assert (status, body) == (200, b"ok")
        seen = proxy.requests[0]
        assert seen.line == "POST http://model.test:8000/v1/chat HTTP/1.1"
        assert seen.headers["host"] == "model.test:8000"
        assert "proxy-authorization" not in seen.headers
        assert server.requests[0].line == "POST /v1/chat HTTP/1.1"
        assert server.requests[0].headers["authorization"] == "Bearer key"


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_an_https_target_is_reached_through_a_tunnel(monkeypatch, authority, variable: str) -> None:
    """The proxy learns the name and no more; the certificate is checked by the target's name."""
    tls = context(authority, "model.test")
    with (
        serving(lambda request: answer(b"ok"), tls) as server,
        Proxy({"model.test": server.port}, f"user:{SECRET}") as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url.replace("//", f"//user:{SECRET}@"))
        client = probe("https://model.test/v1")
        for _ in range(3):
            assert client.post("/x", "hello", [("Authorization", "Bearer key-1")])[3] == b"ok"
        pieces: list[bytes] = []
        client.stream("/x", "hello", lambda piece: pieces.append(piece) or True)
        assert pieces == [b"ok"]
        assert [each.line for each in proxy.requests] == ["CONNECT model.test:443 HTTP/1.1"]
        assert "authorization" not in proxy.requests[0].headers
        assert server.connections == 1 and len(server.requests) == 4
        assert server.requests[0].headers["host"] == "model.test"
        assert "proxy-authorization" not in server.requests[0].headers
        assert b"key-1" not in proxy.tunnelled and b"hello" not in proxy.tunnelled


def test_a_certificate_behind_a_proxy_must_be_the_targets(monkeypatch, authority) -> None:
    tls = context(authority, "other.test", "127.0.0.1")
    with (
        serving(lambda request: answer(b"ok"), tls) as server,
        Proxy({"model.test": server.port}) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(memgpt.ProviderUnreachable, match=r"trusted.*HTTPS_PROXY"):
            probe("https://model.test/v1").get("")
        assert not server.requests


def test_an_agent_behind_a_proxy(home, monkeypatch, authority) -> None:
    with (
        FakeOpenAI(lambda request: says("Hello"), context(authority, "model.test")) as server,
        Proxy({"model.test": server.port}) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("OPENAI_BASE_URL", "https://model.test/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        agent = home.create_agent("sam", model="openai/gpt-4.1")
        assert agent.send("Hello").text == "Hello"
        assert agent.send("Hello").text == "Hello"
        assert server.connections == proxy.connections == 1
        # Without the proxy the name is unknown: the kept connection is not used.
        monkeypatch.delenv("HTTPS_PROXY")
        with pytest.raises(memgpt.ProviderUnreachable, match=r"model\.test is unknown"):
            agent.send("Hello")


def test_a_password_in_the_address(monkeypatch) -> None:
    """Percent-encoded; sent with each request to an http target, and never shown."""
    with (
        serving(lambda request: answer(b"ok")) as server,
        Proxy({"model.test": server.port}, "us er:p@ss:w%rd") as proxy,
    ):
        given = proxy.url.replace("//", "//us%20er:p%40ss%3Aw%25rd@")
        monkeypatch.setenv("http_proxy", given)
        client = probe("http://model.test/v1")
        assert client.get("")[3] == client.get("")[3] == b"ok"
        assert all("proxy-authorization" not in each.headers for each in server.requests)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("given", ["", f"user:{SECRET}@"])
def test_a_proxy_that_refuses_the_password(monkeypatch, scheme: str, given: str) -> None:
    with Proxy({}, "someone:else") as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url.replace("//", "//" + given))
        with pytest.raises(memgpt.ProviderUnreachable, match=r"407.*user name") as raised:
            probe(f"{scheme}://model.test/v1", max_retries=2).get("")
        text = str(raised.value)
        assert proxy.url in text and f"{scheme}_proxy" in text
        assert SECRET not in text and "dXNlc" not in text
        assert ("refused" in text) == bool(given)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down(monkeypatch, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://user:{SECRET}@127.0.0.1:{port}")
    with pytest.raises(memgpt.ProviderUnreachable, match="cannot connect to the proxy") as raised:
        probe(f"{scheme}://model.test/v1").get("")
    assert f"http://127.0.0.1:{port} of {scheme.upper()}_PROXY" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_proxy_whose_name_is_unknown(monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:3128")
    with pytest.raises(memgpt.ProviderUnreachable, match=r"of HTTPS_PROXY: .*invalid is unknown"):
        probe("https://model.test/v1").get("")


@pytest.mark.parametrize(
    ("sent", "kind", "text"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", memgpt.ProviderError, "not answer as an HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\n\r\nEXTRA", memgpt.ProviderError, "not answer as an HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, memgpt.ProviderError, "not answer as"),
        (b"HTTP/1.1 403 No\r\n\r\n", memgpt.ProviderUnreachable, "403.*refuses.*NO_PROXY"),
        (b"HTTP/1.1 302 Go\r\nLocation: x\r\n\r\n", memgpt.ProviderUnreachable, "302.*refuses"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", memgpt.ProviderUnreachable, "502.*does not reach"),
        (b"HTTP/1.1 200", memgpt.ProviderUnreachable, "closed the connection"),
        (b"", memgpt.ProviderUnreachable, "closed the connection"),
    ],
)
def test_a_proxy_that_answers_badly(monkeypatch, sent: bytes, kind: type, text: str) -> None:
    def script(wire: Wire) -> None:
        wire.read()
        if sent:
            wire.send(sent)

    with WireServer(script) as proxy:
        url = f"http://user:{SECRET}@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(kind, match=text) as raised:
            probe("https://model.test/v1").get("")
        assert "HTTPS_PROXY" in str(raised.value) and SECRET not in str(raised.value)


def test_a_proxy_that_says_nothing(monkeypatch) -> None:
    with WireServer(lambda wire: proxy.ended.wait(10) and None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(memgpt.ProviderTimeout, match=r"proxy.*HTTPS_PROXY did not open"):
            probe("https://model.test/v1", connect_timeout_s=0.2).get("")


@pytest.mark.parametrize(
    "url",
    [
        f"socks5://user:{SECRET}@127.0.0.1:1080",
        f"socks5h://{SECRET}",
        f"https://user:{SECRET}@proxy.test",
        f"{SECRET}://x",
        f"http://user:{SECRET}@host:99999",
        f"http://user:{SECRET}@",
        f"http://{SECRET} x",
    ],
)
def test_proxies_that_cannot_work(monkeypatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(memgpt.ConfigError, match="HTTPS_PROXY") as raised:
        probe("https://model.test/v1").get("")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("url", ["127.0.0.1:{}", "HTTP://127.0.0.1:{}/", " http://127.0.0.1:{} "])
def test_forms_of_a_proxys_address(monkeypatch, url: str) -> None:
    with (
        serving(lambda request: answer(b"ok")) as server,
        Proxy({"model.test": server.port}) as proxy,
    ):
        monkeypatch.setenv("http_proxy", url.format(proxy.port))
        assert probe("http://model.test/v1").get("")[3] == b"ok"


def test_which_variable_counts(monkeypatch) -> None:
    with (
        serving(lambda request: answer(b"ok")) as server,
        Proxy({"model.test": server.port}) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        assert probe("http://model.test/v1").get("")[3] == b"ok"
        # A client of a CGI program could set it, by a header "Proxy".
        monkeypatch.delenv("http_proxy")
        monkeypatch.setenv("REQUEST_METHOD", "GET")
        with pytest.raises(memgpt.ConfigError, match="ALL_PROXY"):
            probe("http://model.test/v1").get("")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "x.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_this_machine_is_reached_straight(monkeypatch, host: str) -> None:
    """A local model's server: a proxy would look for it on its own machine."""
    for name in NAMES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for scheme in ("http", "https"):
        assert _core._proxy_for(f"{scheme}://{host}:8080/v1") is None
    for other in ("128.0.0.1", "1.127.0.1", "[::2]", "[fe80::1]", "localhost.test", "mylocalhost"):
        assert _core._proxy_for(f"http://{other}/v1")


def test_a_local_server_answers_beside_a_proxy(monkeypatch) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    with serving(lambda request: answer(b"ok")) as server:
        assert probe(server.url).get("")[3] == b"ok"
        assert server.requests[0].line == "GET /v1 HTTP/1.1"


STRAIGHT = [
    ("model.test", "*"),
    ("model.test", "model.test"),
    ("model.test", "MODEL.TEST"),
    ("MODEL.test", "other.test, model.test ,"),
    ("model.test", ".test"),
    ("model.test", "test"),
    ("a.b.model.test", ".model.test"),
    ("a.b.model.test", "*.model.test"),
    ("model.test", "other model.test"),
    ("model.test:1", "model.test:1"),
    ("10.255.255.1:1", "10.255.255.1"),
    ("10.255.255.1:1", "10.0.0.0/8"),
    ("10.255.255.1:1", "10.252.0.0/13,"),
    ("10.255.255.1:1", "0.0.0.0/0"),
    ("[fe80::1]:1", "fe80::1"),
    ("[fe80::1]:1", "[fe80::1]"),
    ("[fe80::1]:1", "[fe80::1]:1"),
    ("[fe80::1]:1", "fe80::/10"),
]
THROUGH = [
    ("model.test", ""),
    ("model.test", "odel.test"),
    ("model.test", "a.model.test"),
    ("model.test", "model.test:81"),
    ("model.test", "model.tes"),
    ("model.test", ",, . *."),
    ("model.test", "10.0.0.0/8"),
    ("10.255.255.1", "10.255.254.0/25,10.255.255.12"),
    ("10.255.255.129", "10.255.255.0/25"),
    ("10.255.255.1", "10.0.0.0/33 10.0.0.0/x 10.0.0.0/ /8"),
    ("10.255.255.1", "255.1"),
    ("[fe80::1]", "fe80::2 fe00::/10 10.0.0.0/0 [fe80::1]:81"),
]


@pytest.mark.parametrize(("host", "exceptions"), STRAIGHT + THROUGH)
def test_no_proxy(monkeypatch, host: str, exceptions: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{SECRET}@proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    through = (host, exceptions) in THROUGH
    wanted = "the proxy http://proxy.test:3128 of http_proxy" if through else None
    assert _core._proxy_for(f"http://{host}/v1") == wanted
    monkeypatch.setenv("no_proxy", "none.test")  # counts before NO_PROXY
    assert _core._proxy_for(f"http://{host}/v1") is not None


def test_no_proxy_is_obeyed(monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", ".invalid")
    with pytest.raises(memgpt.ProviderUnreachable, match=r"model\.invalid is unknown"):
        probe("http://model.invalid/v1").get("")


def test_ctrl_c_while_a_proxy_says_nothing(monkeypatch) -> None:
    import _thread

    def script(wire: Wire) -> None:
        wire.read()
        _thread.interrupt_main()
        proxy.ended.wait(10)

    with WireServer(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(KeyboardInterrupt):
            probe("https://model.test/v1", max_retries=2).get("")
