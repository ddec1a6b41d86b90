"""What a launcher and a daemon process that it started say to each other, as JSON lines. Sans-I/O.

There are two sockets, so that an answer never waits behind bulk:

- *control*: the launcher writes requests, `{"id": 7, "ask": "why", "job": "…"}`; the daemon answers each,
  in any order, with `{"reply": 7, "value": …}` or `{"reply": 7, "error": "UnknownJob", "text": "…"}`.
- *events*: the daemon writes each event of its bus, in the form of `events.to_json`.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Generic, TypeVar, cast

import attrs
import msgspec

from .. import errors
from ..config import RestartPolicy, Settings
from ..errors import BadMessage, MpiActorsError
from ..events import Event, event_classes
from ..ids import JobId, PeerId, Rank
from .script import ScriptProgram

T = TypeVar("T")

MAX_LINE = 448 * 1024 * 1024
"""Bytes of the longest line: a log line of 64 MiB whose every byte needs an escape of six characters."""

MAX_LOGS = 32 * 1024 * 1024
"""Characters of text in one answer to `Logs`; older lines that do not fit are left out and counted."""


# --- answers ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Opened:
    """The daemon listens."""

    peer: PeerId
    addresses: tuple[str, ...]
    pid: int


@attrs.frozen(kw_only=True)
class Prepared:
    """The daemon has installed what it can."""

    interpreters: tuple[str, ...]
    failed: dict[str, str]
    """Why others could not be installed, by name."""


@attrs.frozen(kw_only=True)
class LogEntry:
    """A line of a job's log."""

    rank: Rank
    text: str
    stream: str


@attrs.frozen(kw_only=True)
class LogTail:
    """The end of a job's log."""

    lines: tuple[LogEntry, ...]
    dropped: int
    """Older lines that are not in it."""


@attrs.frozen(kw_only=True)
class PeerStatus:
    """A peer that the daemon is connected with."""

    peer: PeerId
    addresses: tuple[str, ...]
    interpreters: tuple[str, ...]
    slots: int
    running: int
    latency: float
    """Seconds there and back; 0 until measured."""


@attrs.frozen(kw_only=True)
class DaemonStatus:
    """A daemon at one moment."""

    peer: PeerId
    addresses: tuple[str, ...]
    pid: int
    peers: tuple[PeerStatus, ...]
    interpreters: tuple[str, ...]
    running: int
    """Ranks that it hosts now."""
    tasks: int
    """Trio tasks in its process."""
    dead_letters: int
    dropped_frames: dict[str, int]
    """Data frames that were not delivered, by reason."""
    protocol_errors: dict[str, int]
    """How often others broke the protocol, by the errors' names."""


# --- requests ---------------------------------------------------------------------------------------------


@attrs.frozen
class ControlRequest(Generic[T]):
    """What a launcher wants; `T` is the type of the answer."""

    name: ClassVar[str]
    answer: ClassVar[Any] = None


@attrs.frozen(kw_only=True)
class Open(ControlRequest[Opened]):
    """The first request: open the daemon. Answered when it listens."""

    name = "open"
    answer = Opened
    path: str
    store: str | None = None
    """A directory of interpreters, or one interpreter's directory."""
    listen: tuple[str, ...]
    peers: tuple[str, ...] = ()
    max_size: int
    mdns: bool = True
    settings: Settings = attrs.field(factory=Settings)
    temporary: bool = False
    """Remove `path` at the end, and its parent if that is empty then."""


@attrs.frozen(kw_only=True)
class Start(ControlRequest[JobId]):
    """Start a job. Answered with its id."""

    name = "start"
    answer = JobId
    program: str
    size: int
    args: tuple[str, ...] = ()
    restart: RestartPolicy | None = None
    """None: as the sort of program has it."""


@attrs.frozen(kw_only=True)
class Offer(ControlRequest[tuple[str, ...]]):
    """Offer a script besides the interpreters of the store. Answered with all that is offered now."""

    name = "offer"
    answer = tuple[str, ...]
    script: ScriptProgram


@attrs.frozen(kw_only=True)
class Feed(ControlRequest[None]):
    """Rank 0 of an MPI program reads this file, which grows, as its standard input, from its beginning for
    each incarnation. Answered when more of it is wanted, or the next `Feed` has come.

    That may be never, where nobody reads it.
    """

    name = "feed"
    program: str
    path: str
    size: int
    """Bytes in the file."""
    ended: bool = False
    """It gets no more."""


@attrs.frozen(kw_only=True)
class Why(ControlRequest[tuple[str, ...]]):
    """What does each rank of a job do or wait for?"""

    name = "why"
    answer = tuple[str, ...]
    job: str
    patience: float = 1.0
    """Seconds that hosts have to answer."""


@attrs.frozen(kw_only=True)
class Logs(ControlRequest[LogTail]):
    """A job's log."""

    name = "logs"
    answer = LogTail
    job: str


@attrs.frozen(kw_only=True)
class Kill(ControlRequest[None]):
    """Ask that a job end. Answered at once."""

    name = "kill"
    job: str
    reason: str = "killed by request"


@attrs.frozen(kw_only=True)
class Connect(ControlRequest[PeerId]):
    """Connect to a peer. Answered with who it is."""

    name = "connect"
    answer = PeerId
    address: str


@attrs.frozen
class GetStatus(ControlRequest[DaemonStatus]):
    """How is the daemon?"""

    name = "status"
    answer = DaemonStatus


@attrs.frozen
class WaitPrepared(ControlRequest[Prepared]):
    """Answered when all that fits of the store is installed, or has failed to be."""

    name = "wait-prepared"
    answer = Prepared


@attrs.frozen
class Stop(ControlRequest[None]):
    """End in an orderly way. Answered at once."""

    name = "stop"


_REQUESTS: dict[str, type[ControlRequest[Any]]] = {
    request.name: request
    for request in (Open, Start, Offer, Feed, Why, Logs, Kill, Connect, GetStatus, WaitPrepared, Stop)
}


@attrs.frozen
class Answer:
    """What came back for one request: a value that is still JSON, or an error."""

    id: int
    value: object = None
    error: MpiActorsError | None = None


# --- lines ------------------------------------------------------------------------------------------------


def encode_request(id: int, request: ControlRequest[Any]) -> bytes:
    """A request as a line, with its end."""
    return _line({"id": id, "ask": request.name, **attrs.asdict(request)})


def decode_request(line: bytes) -> tuple[int, ControlRequest[Any]]:
    """The reverse of `encode_request`.

    Raises:
        BadMessage: it is no request.
    """
    fields = _fields(line)
    id, name = fields.pop("id", None), fields.pop("ask", None)
    cls = _REQUESTS.get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(id, int):
        raise BadMessage(f"a request that asks for {name!r}, with the id {id!r}")
    return id, cast(ControlRequest[Any], _convert(fields, cls))


def encode_answer(id: int, value: object) -> bytes:
    """An answer as a line, with its end."""
    return _line({"reply": id, "value": value})


def encode_error(id: int, error: Exception) -> bytes:
    """An error in place of an answer as a line, with its end."""
    return _line({"reply": id, "error": type(error).__name__, "text": str(error)})


def decode_answer(line: bytes) -> Answer:
    """The reverse of `encode_answer` and `encode_error`; `take_value` makes the value of it.

    Raises:
        BadMessage: it is no answer.
    """
    match _fields(line):
        case {"reply": int(id), "error": str(name), "text": str(text)}:
            return Answer(id, error=_revive(name, text))
        case {"reply": int(id), "value": value}:
            return Answer(id, value)
    raise BadMessage(f"an answer that begins with {line[:60]!r}")


def take_value(answer: Answer, request: ControlRequest[T]) -> T:
    """The answer to that request.

    Raises:
        MpiActorsError: what the daemon raised, as the same class.
        BadMessage: the value is of another type.
    """
    if answer.error is not None:
        raise answer.error
    return cast(T, _convert(answer.value, request.answer))


def decode_event(line: bytes) -> tuple[float, Event]:
    """The reverse of `events.to_json`: the time, in seconds since 1970, and the event.

    Raises:
        BadMessage: it is no event.
    """
    fields = _fields(line)
    time, name = fields.pop("time", None), fields.pop("event", None)
    cls = event_classes().get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(time, int | float):
        raise BadMessage(f"an event called {name!r} at {time!r}")
    return time, cast(Event, _convert(fields, cls))


def _line(fields: dict[str, object]) -> bytes:
    # surrogates: arguments and paths that are no UTF-8 come back as the same bytes
    text = json.dumps(fields, ensure_ascii=False, default=attrs.asdict)
    return text.encode(errors="surrogatepass") + b"\n"


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode(errors="surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"a line that is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise BadMessage(f"a line that begins with {line[:60]!r}")
    return fields


def _convert(value: object, to: Any) -> object:
    if attrs.has(to) and isinstance(value, dict):
        known = {field.name for field in attrs.fields(to)}
        if unknown := set(value) - known:
            raise BadMessage(f"{to.__name__} has no {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as error:
        raise BadMessage(f"a bad {getattr(to, '__name__', to)}: {error}") from None


def _revive(name: str, text: str) -> MpiActorsError:
    cls = getattr(errors, name, None)
    if isinstance(cls, type) and issubclass(cls, MpiActorsError):
        return cls(text)
    return MpiActorsError(f"{name}: {text}")
