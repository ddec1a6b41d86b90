"""An HTTP server on loopback that answers like an IPFS daemon, or as badly as a test wants."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import trio

PEER = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"


@attrs.frozen
class Request:
    """One call that a client has made."""

    path: str
    options: Mapping[str, list[str]]
    body: bytes

    @property
    def args(self) -> list[str]:
        """The command's arguments."""
        return self.options.get("arg", [])


Answer = Callable[[Request, trio.SocketStream], Awaitable[None]]


def raw(data: bytes) -> Answer:
    """Answer with these bytes as they are, and end the connection."""

    async def answer(_: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(data)
        await stream.aclose()

    return answer


def content(data: bytes, status: str = "200 OK") -> Answer:
    """Answer completely, with these bytes."""

    async def answer(_: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(head(status) + chunk(data) + chunk(b""))

    return answer


def items(*objects: Any) -> Answer:
    """Answer with JSON objects."""
    return content(b"".join(json.dumps(each).encode() + b"\n" for each in objects))


def refusal(text: str) -> Answer:
    """Answer with an error, as the IPFS daemon does."""
    error = {"Message": text, "Code": 0, "Type": "error"}
    return content(json.dumps(error).encode() + b"\n", "500 Internal Server Error")


async def never(_: Request, __: trio.SocketStream) -> None:
    """Never answer."""
    await trio.sleep_forever()


def drip(data: bytes, begin: bytes = b"", pause: float = 0.02) -> Answer:
    """Answer with the same bytes again and again, for ever."""

    async def answer(_: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(begin)
        while True:
            await stream.send_all(data)
            await trio.sleep(pause)

    return answer


def identity(agent: object = "kubo/0.39.0/") -> Answer:
    """Answer `/id` like an IPFS daemon."""
    addresses = [f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}"]
    return items({"ID": PEER, "AgentVersion": agent, "Addresses": addresses})


def head(status: str = "200 OK") -> bytes:
    """Return the head of an answer in chunks."""
    return f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    """Return one chunk of an answer; the empty chunk ends the answer."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class StandIn:
    """A server that runs while `run` runs. It answers calls that have no answer of their own with a 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"/id": identity()}
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0

    @property
    def address(self) -> str:
        """The server's multiaddr."""
        return f"/ip4/127.0.0.1/tcp/{self.port}"

    def asked(self, path: str) -> list[Request]:
        """Return the calls of one command."""
        return [request for request in self.requests if request.path == path]

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        (listener,) = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        try:
            async with stream:
                reader = _Reader(stream)
                while (request := await reader.request()) is not None:
                    self.requests.append(request)
                    await self.answers.get(request.path, content(b"404 page not found", "404 Not Found"))(
                        request, stream
                    )
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has heard enough, or the answer has ended the connection


class _Reader:
    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._held = b""

    async def request(self) -> Request | None:
        """Return the next request; None when the client has ended."""
        lines = []
        while line := await self._until(b"\r\n"):
            lines.append(line.decode())
        if not lines:
            return None
        target = urlsplit(lines[0].split()[1])
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await self._until(b"\r\n")) or b"0", 16):
                body += await self._exactly(size)
                await self._exactly(2)
            await self._exactly(2)
        return Request(target.path.removeprefix("/api/v0"), parse_qs(target.query), body)

    async def _until(self, end: bytes) -> bytes:
        while end not in self._held:
            if not await self._more():
                return b""
        line, _, self._held = self._held.partition(end)
        return line

    async def _exactly(self, size: int) -> bytes:
        while len(self._held) < size and await self._more():
            pass
        data, self._held = self._held[:size], self._held[size:]
        return data

    async def _more(self) -> bool:
        data = await self._stream.receive_some()
        self._held += data
        return bool(data)
