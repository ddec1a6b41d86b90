"""Calls to an IPFS daemon's RPC API, each in a worker thread, with an end to every wait.

The client library speaks HTTP. This module adds what the library lacks: deadlines that count progress, our
own errors, bounds on the size of answers, and connections that survive a restart of the IPFS daemon.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs
import trio

from ...errors import BackendUnavailable, BadAddress, ContentError, ContentRefused
from .errors import DaemonRefused, Stalled, failures, refusal, translate
from .identity import KuboIdentity, read_identity

Item = dict[str, Any]
"""One JSON object of an answer. It comes from outside: check each field."""

MAX_CALLS = 24
"""Calls at a time; others wait. Each call takes a worker thread and a connection."""

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

_MAX_LINE = 1 << 20
"""Bytes of one JSON object at most: an IPFS daemon sends far less, and no server may fill our memory."""
_MAX_IDLE = 4
"""Connections that are kept open between calls: enough for a few calls side by side."""

_Client = Any  # the library has no types


@attrs.define(eq=False)
class _Call:
    """One call, which its worker thread and its task share."""

    path: str
    args: tuple[str, ...]
    options: Mapping[str, str]
    take: Callable[[bytes], bool]
    """Takes each piece of the answer, in the thread; returns whether the piece is progress."""
    body: Sequence[bytes] | None = None
    """A file to send, in pieces."""
    silence: float = 0.0
    """Seconds without progress after which the call is given up."""
    whole: bool = False
    """Whether the call is given up after that time even if there is progress."""
    progress: int = 0
    """How often there was progress."""
    received: bool = False
    """Whether the answer has begun."""
    stalled: bool = False
    """Whether the call was given up."""
    abandoned: bool = False
    """Whether the task does not wait any more."""


class Rpc:
    """The RPC API at a multiaddr such as `/ip4/127.0.0.1/tcp/5001`.

    The IPFS daemon's version is checked before the first call, and again after it has been away.

    Args:
        address: the multiaddr; may end in `/http` or `/https`.
        timeout: seconds without progress after which the IPFS daemon counts as unavailable.
        stall: seconds for which the IPFS daemon may search for a block.
    """

    def __init__(self, address: str, *, timeout: float, stall: float) -> None:
        self.address = address
        self.timeout = timeout
        self.stall = stall
        self._limiter = trio.CapacityLimiter(MAX_CALLS)
        self._idle: list[_Client] = []
        self._daemon: KuboIdentity | None = None
        self._library: Any = None

    @property
    def known(self) -> KuboIdentity | None:
        """What the IPFS daemon said of itself at the last check; None before that, and while it is away."""
        return self._daemon

    async def daemon(self) -> KuboIdentity:
        """Return what the IPFS daemon says of itself. Ask only if it is not known, or has been away.

        Raises:
            BackendUnavailable: no IPFS daemon answers, or one that is not Kubo, or is too old.
            BadAddress: `address` is not an address of an RPC API.
        """
        return self._daemon or await self.identify()

    async def identify(self) -> KuboIdentity:
        """Ask the IPFS daemon what it is, even if that is known.

        Raises:
            BackendUnavailable: no IPFS daemon answers, or one that is not Kubo, or is too old.
            BadAddress: `address` is not an address of an RPC API.
        """
        items: list[Item] = []
        try:
            take = _Lines(_always(items.append), self.address)
            await self._perform(_Call("/id", (), {}, take, silence=self.timeout, whole=True))
        except DaemonRefused as error:
            raise BackendUnavailable(f"the IPFS daemon at {self.address} cannot be used: {error}") from error
        self._daemon = read_identity(items[0] if items else {}, self.address)
        return self._daemon

    async def ask(
        self, path: str, *args: str, options: Mapping[str, str] = NO_OPTIONS, within: float | None = None
    ) -> Item:
        """Make a call, and return the last object of the answer; `{}` if there is none.

        Args:
            path: of the command, such as `/pin/ls`.
            args: its arguments.
            options: its options, by their long names.
            within: seconds after which the call is given up; by default `timeout`.

        Raises:
            DaemonRefused: the IPFS daemon refused the call; the text says why.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        await self.daemon()
        items: list[Item] = []
        take = _Lines(_always(items.append), self.address)
        given = self.timeout if within is None else within
        await self._perform(_Call(path, args, options, take, None, given, whole=True))
        return items[-1] if items else {}

    async def stream(
        self,
        path: str,
        *args: str,
        on_item: Callable[[Item], bool],
        options: Mapping[str, str] = NO_OPTIONS,
        body: Sequence[bytes] | None = None,
        silence: float | None = None,
    ) -> None:
        """Make a call that is answered with many objects.

        An answer that has begun may end early without an error, since the IPFS daemon puts the error where
        the client library does not look: the caller has to know which object comes last.

        Args:
            path: of the command, such as `/pin/add`.
            args: its arguments.
            on_item: is called with each object, in the worker thread; returns whether it is progress.
            options: its options, by their long names.
            body: a file to send, in pieces.
            silence: seconds without progress after which the call is given up; by default `timeout`.

        Raises:
            DaemonRefused: the IPFS daemon refused the call; the text says why.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        await self.daemon()
        given = self.timeout if silence is None else silence
        await self._perform(_Call(path, args, options, _Lines(on_item, self.address), body, given))

    async def read(
        self,
        path: str,
        *args: str,
        limit: int,
        options: Mapping[str, str] = NO_OPTIONS,
        within: float | None = None,
    ) -> bytes:
        """Make a call that is answered with bytes, and return them.

        Args:
            path: of the command, such as `/block/get`.
            args: its arguments.
            limit: bytes of the answer at most.
            options: its options, by their long names.
            within: seconds after which the call is given up; by default `timeout`.

        Raises:
            ContentRefused: the answer has more bytes than `limit`.
            DaemonRefused: the IPFS daemon refused the call; the text says why.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        await self.daemon()
        data = bytearray()

        def take(piece: bytes) -> bool:
            if len(data) + len(piece) > limit:
                raise ContentRefused(f"{' '.join([path, *args])} has more than {limit} bytes")
            data.extend(piece)
            return True

        given = self.timeout if within is None else within
        await self._perform(_Call(path, args, options, take, None, given, whole=True))
        return bytes(data)

    def close(self) -> None:
        """Close the connections that no call uses. The API can still be used."""
        while self._idle:
            self._idle.pop().close()

    # --- one call -----------------------------------------------------------------------------------------

    async def _perform(self, call: _Call) -> None:
        if self._library is None:
            # not in a call's own thread: that may be abandoned while it imports, and its time is counted
            self._library = await trio.to_thread.run_sync(_load)
        failure: ContentError | BadAddress | None = None
        done = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, call, nursery.cancel_scope)
            try:
                await self._try_twice(call)
                done = True
            except (ContentError, BadAddress) as error:
                failure = error
            finally:
                call.abandoned = True
            nursery.cancel_scope.cancel()
        if call.stalled and not done and failure is None:
            failure = Stalled(
                f"the IPFS daemon at {self.address} made no progress in {call.silence:g} s of {call.path}. "
                "Is it overloaded? Look at it, or start it again."
            )
        if isinstance(failure, BackendUnavailable):
            self._daemon = None  # another IPFS daemon may answer next time
            self.close()
        if failure is not None:
            raise failure

    async def _watch(self, call: _Call, scope: trio.CancelScope) -> None:
        seen = -1
        while seen != call.progress:
            seen = call.progress
            await trio.sleep(call.silence)
            if call.whole:
                break
        call.stalled = True
        scope.cancel()

    async def _try_twice(self, call: _Call) -> None:
        """Make the call on an idle connection; if that turns out to be dead, make it on a new one."""
        if self._idle:
            try:
                return await self._try(call, self._idle.pop())
            except BackendUnavailable:
                if call.received:
                    raise
        return await self._try(call, None)

    async def _try(self, call: _Call, client: _Client | None) -> None:
        used = await trio.to_thread.run_sync(
            self._work, call, client, abandon_on_cancel=True, limiter=self._limiter
        )
        if len(self._idle) < _MAX_IDLE:
            self._idle.append(used)
        else:
            used.close()

    # --- in the thread ------------------------------------------------------------------------------------

    def _work(self, call: _Call, client: _Client | None) -> _Client:
        done = False
        try:
            if client is None:
                client = _connect(self._library, self.address)
            self._exchange(call, client)
            done = True
            return client
        except failures() as error:
            raise translate(error, self.address, call.path) from error
        finally:
            if client is not None and not done:
                client.close()

    def _exchange(self, call: _Call, client: _Client) -> None:
        headers, body = {}, None
        if call.body is not None:
            boundary = secrets.token_hex(16)
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            body = _multipart(call, call.body, boundary)
        # these end a thread for which nobody waits any more: while it connects, and between two bytes
        timeout = (self.timeout, max(self.timeout, call.silence))
        answer = client._client.request(
            call.path, call.args, opts=call.options, stream=True, data=body, headers=headers, timeout=timeout
        )
        with answer as pieces:
            for piece in pieces:
                call.received = True
                if call.abandoned:
                    raise BackendUnavailable("nobody waits for the answer any more")
                if call.take(piece):
                    call.progress += 1


def _always(take: Callable[[Item], None]) -> Callable[[Item], bool]:
    def taken(item: Item) -> bool:
        take(item)
        return True

    return taken


class _Lines:
    """Cuts an answer into its JSON objects: each line has one."""

    def __init__(self, on_item: Callable[[Item], bool], address: str) -> None:
        self._on_item = on_item
        self._address = address
        self._rest = b""

    def __call__(self, piece: bytes) -> bool:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _MAX_LINE:
            raise ValueError("a line of the answer is too long")
        progress = [self._take(line) for line in lines if line.strip()]
        return any(progress)

    def _take(self, line: bytes) -> bool:
        item = json.loads(line)
        if not isinstance(item, dict):
            raise ValueError("a part of the answer is no JSON object")
        if item.get("Type") == "error":
            raise refusal(str(item.get("Message")), self._address)
        return self._on_item(item)


def _load() -> Any:
    import ipfshttpclient  # takes a while to load, and few runs need it

    return ipfshttpclient


def _connect(library: Any, address: str) -> _Client:
    client = library.Client(address, timeout=None)
    client._client.open_session()
    session = client._client._session
    for adapter in session.adapters.values():
        adapter.poolmanager.connection_pool_kw.pop("strict", None)  # the library sets it, urllib3 warns of it
    # the environment's proxies are for the web; but with TLS, it may name the authorities to trust
    session.trust_env = address.rstrip("/").endswith("/https")
    return client


def _multipart(call: _Call, pieces: Sequence[bytes], boundary: str) -> Iterator[bytes]:
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    for piece in pieces:
        if call.abandoned:
            raise BackendUnavailable("nobody waits for the call any more")
        yield piece
        call.progress += 1
    yield f"\r\n--{boundary}--\r\n".encode()
