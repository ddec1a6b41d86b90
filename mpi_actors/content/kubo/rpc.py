"""Calls to an IPFS daemon's RPC API, each in a worker thread, with an end to every wait.

The client library speaks HTTP. What it lacks is here: deadlines that count progress, errors by our names,
bounds on what an answer may hold, and connections that survive the daemon's restart.
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
"""One JSON object of an answer, from outside: nothing in it is certain."""

MAX_CALLS = 24
"""Calls at one time; others wait."""

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

_MAX_LINE = 1 << 20
_MAX_IDLE = 4

_Client = Any  # the library has no types


@attrs.define(eq=False)
class _Call:
    """One call, as its thread and its task share it."""

    path: str
    args: tuple[str, ...]
    options: Mapping[str, str]
    take: Callable[[bytes], bool]
    """Given each piece of the answer, in the thread; says whether it is progress."""
    body: Sequence[bytes] | None = None
    silence: float = 0.0
    """Seconds without progress after which it is given up."""
    whole: bool = False
    """Give it up after that time even if there is progress."""
    progress: int = 0
    received: bool = False
    stalled: bool = False
    abandoned: bool = False


class Rpc:
    """The RPC API at a multiaddr such as `/ip4/127.0.0.1/tcp/5001`.

    The daemon's version is checked before the first call, and again after it has been away.

    Args:
        address: the multiaddr; may end in `/http` or `/https`.
        timeout: seconds without any progress after which the daemon counts as unavailable.
        stall: seconds for which the daemon may search for a block.
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
        """The daemon as it was when it was last checked; None before that, and while it is away."""
        return self._daemon

    async def daemon(self) -> KuboIdentity:
        """Who answers, asked once until it has been away.

        Raises:
            BackendUnavailable: nobody, or no Kubo, or one that is too old.
            BadAddress: the address is none.
        """
        return self._daemon or await self.identify()

    async def identify(self) -> KuboIdentity:
        """Ask who answers, whatever is known.

        Raises:
            BackendUnavailable: nobody, or no Kubo, or one that is too old.
            BadAddress: the address is none.
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
        """A call that is answered with one object; `{}` if there is none.

        Args:
            path: of the command, such as `/pin/ls`.
            args: its arguments.
            options: of the command, by their long names.
            within: seconds after which it is given up; by default `timeout`.

        Raises:
            DaemonRefused: the daemon says why it does not do that.
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
        """A call that is answered with many objects.

        An answer that has begun may end early without an error, since the daemon puts the error where the
        client library does not look: the caller has to know what comes last.

        Args:
            path: of the command, such as `/pin/add`.
            args: its arguments.
            on_item: called with each object in the worker thread; says whether it is progress.
            options: of the command, by their long names.
            body: a file to send.
            silence: seconds without progress after which it is given up; by default `timeout`.

        Raises:
            DaemonRefused: the daemon says why it does not do that.
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
        """A call that is answered with bytes.

        Args:
            path: of the command, such as `/block/get`.
            args: its arguments.
            limit: the most bytes that are taken.
            options: of the command, by their long names.
            within: seconds after which it is given up; by default `timeout`.

        Raises:
            ContentRefused: there are more than `limit`.
            DaemonRefused: the daemon says why it does not do that.
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
        """Close the connections that no call uses. It can be used on."""
        while self._idle:
            self._idle.pop().close()

    # --- one call -----------------------------------------------------------------------------------------

    async def _perform(self, call: _Call) -> None:
        if self._library is None:
            # not in a call's own thread: that may be left alone while it imports, and its time is counted
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
                f"the IPFS daemon at {self.address} did not go on with {call.path} for {call.silence:g} s. "
                "Is it overloaded? Look at it, or start it again."
            )
        if isinstance(failure, BackendUnavailable):
            self._daemon = None  # another one may answer next time
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
        """A connection that had been idle may be a dead one: then a new one is tried, unless it had begun."""
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
            body = _multipart(call, boundary)
        # a thread that nobody waits for any more ends by these: until the first byte, and between two
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
    """Cuts an answer into its JSON objects, one on each line."""

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
            raise ValueError("something in the answer is no object")
        if item.get("Type") == "error":
            raise refusal(str(item.get("Message")), self._address)
        return self._on_item(item)


def _load() -> Any:
    import ipfshttpclient  # takes a while, and few need it

    return ipfshttpclient


def _connect(library: Any, address: str) -> _Client:
    client = library.Client(address, timeout=None)
    client._client.open_session()
    session = client._client._session
    for adapter in session.adapters.values():
        adapter.poolmanager.connection_pool_kw.pop("strict", None)  # which it sets, and urllib3 warns of
    # proxies are for the web; with TLS, though, the environment may name the authorities to trust
    session.trust_env = address.rstrip("/").endswith("/https")
    return client


def _multipart(call: _Call, boundary: str) -> Iterator[bytes]:
    assert call.body is not None
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    for piece in call.body:
        if call.abandoned:
            raise BackendUnavailable("nobody waits for the call any more")
        yield piece
        call.progress += 1
    yield f"\r\n--{boundary}--\r\n".encode()
