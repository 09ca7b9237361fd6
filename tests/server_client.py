"""A plain client of the server, for tests that look at the wire itself."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Answered", "Client"]


@dataclass(frozen=True)
class Answered:
    """A response: its status, headers (names in small letters) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        return str(self.json["detail"])

    def events(self) -> Iterator[Any]:
        """The frames of a stream: each its JSON, the last one "[DONE]"."""
        for frame in self.body.decode().split("\n\n"):
            data = [line for line in frame.splitlines() if line.startswith("data: ")]
            if data:
                text = data[0].removeprefix("data: ")
                yield text if text == "[DONE]" else json.loads(text)


class Client:
    """Sends one request a connection."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.address = urlsplit(url).netloc
        self.headers = dict(headers or {})

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """``body`` goes as JSON, ``raw`` as it is."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        sent = {**self.headers, **(headers or {})}
        payload = raw
        if body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, payload, sent)
            response = connection.getresponse()
            read = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, names, read)
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Answered:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answered:
        return self.ask("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Answered:
        return self.ask("PUT", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Answered:
        return self.ask("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Answered:
        return self.ask("DELETE", path, **more)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answered = self.ask(method, path, body, **more)
        assert 200 <= answered.status < 300, (answered.status, answered.body)
        return json.loads(answered.body) if answered.body else None

    def agent(self, **given: Any) -> Any:
        """A new agent; the model is ``offline`` unless another one is given."""
        return self.ok("POST", "/v1/agents/", {"model": "offline", **given})

    def say(self, agent_id: str, text: str, **more: Any) -> Any:
        return self.ok("POST", f"/v1/agents/{agent_id}/messages", {"input": text, **more})
