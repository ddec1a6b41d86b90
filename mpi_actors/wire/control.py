"""What a launcher and a daemon process that it started say to each other, as JSON lines. Sans-I/O.

There are two sockets, so that an answer never waits behind many events:

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
from ..config import ReplayOptions, RestartPolicy, Settings
from ..errors import BadMessage, MpiActorsError
from ..events import Event, event_classes
from ..ids import JobId, PeerId, Rank
from .script import ScriptProgram

T = TypeVar("T")

MAX_LINE = 448 * 1024 * 1024
"""Bytes of the longest line: room for a log line of 64 MiB whose every byte becomes an escape of six
characters."""

MAX_LOGS = 32 * 1024 * 1024
"""Characters of text in one answer to `Logs`: they fit into one line, however they are encoded. The daemon
leaves out older lines that do not fit, and counts them."""


# --- answers ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Opened:
    """The answer to `Open`: the daemon listens."""

    peer: PeerId
    addresses: tuple[str, ...]
    pid: int


@attrs.frozen(kw_only=True)
class Prepared:
    """The answer to `WaitPrepared`: the daemon has installed the interpreters that it can."""

    interpreters: tuple[str, ...]
    failed: dict[str, str]
    """Why the others could not be installed, by name."""


@attrs.frozen(kw_only=True)
class LogEntry:
    """A line of a job's log."""

    rank: Rank
    text: str
    stream: str
    ended: bool = True
    """Whether the rank wrote the line's end."""


@attrs.frozen(kw_only=True)
class LogTail:
    """The end of a job's log."""

    lines: tuple[LogEntry, ...]
    dropped: int
    """How many older lines are not in it."""


@attrs.frozen(kw_only=True)
class PeerStatus:
    """A peer that the daemon is connected to."""

    peer: PeerId
    addresses: tuple[str, ...]
    interpreters: tuple[str, ...]
    slots: int
    running: int
    latency: float
    """Seconds for a heartbeat and its answer; 0 until measured."""


@attrs.frozen(kw_only=True)
class DaemonStatus:
    """A daemon at one moment."""

    peer: PeerId
    addresses: tuple[str, ...]
    pid: int
    peers: tuple[PeerStatus, ...]
    interpreters: tuple[str, ...]
    running: int
    """How many ranks the daemon hosts now."""
    tasks: int
    """How many trio tasks its process has."""
    dead_letters: int
    dropped_frames: dict[str, int]
    """How many data frames the daemon did not deliver, by reason."""
    protocol_errors: dict[str, int]
    """How often other peers broke the protocol, by the errors' names."""


# --- requests ---------------------------------------------------------------------------------------------


@attrs.frozen
class ControlRequest(Generic[T]):
    """What a launcher wants; `T` is the type of the answer."""

    name: ClassVar[str]
    answer: ClassVar[Any] = None


@attrs.frozen(kw_only=True)
class Open(ControlRequest[Opened]):
    """The first request: open the daemon. The answer comes when it listens."""

    name = "open"
    answer = Opened
    path: str
    store: str | None = None
    """A directory of interpreters, or the directory of one interpreter."""
    listen: tuple[str, ...]
    peers: tuple[str, ...] = ()
    max_size: int
    mdns: bool = True
    settings: Settings = attrs.field(factory=Settings)
    temporary: bool = False
    """Remove `path` at the end, and its parent directory if that is empty then."""


@attrs.frozen(kw_only=True)
class Start(ControlRequest[JobId]):
    """Start a job. The answer is its id."""

    name = "start"
    answer = JobId
    program: str
    size: int
    args: tuple[str, ...] = ()
    restart: RestartPolicy | None = None
    """None: `lost` if the program uses MPI, else `failed`."""
    replay: ReplayOptions = attrs.field(factory=ReplayOptions)


@attrs.frozen(kw_only=True)
class Offer(ControlRequest[tuple[str, ...]]):
    """Offer a script besides the interpreters of the store. The answer names all programs on offer."""

    name = "offer"
    answer = tuple[str, ...]
    script: ScriptProgram


@attrs.frozen(kw_only=True)
class Feed(ControlRequest[None]):
    """The launcher has written more to a file that rank 0 of an MPI program reads as its standard input.

    Each incarnation of rank 0 reads the file from its beginning. The answer comes when the program wants more
    or the next `Feed` has come; if the program does not read its input, that may be never.
    """

    name = "feed"
    program: str
    path: str
    size: int
    """Bytes in the file now."""
    ended: bool = False
    """Whether the file is complete."""


@attrs.frozen(kw_only=True)
class Why(ControlRequest[tuple[str, ...]]):
    """Ask what each rank of a job does or waits for. The answer has a line for each."""

    name = "why"
    answer = tuple[str, ...]
    job: str
    patience: float = 1.0
    """Seconds that hosts have to answer: enough for a busy one, and short for a person who waits."""


@attrs.frozen(kw_only=True)
class Logs(ControlRequest[LogTail]):
    """Ask for the end of a job's log."""

    name = "logs"
    answer = LogTail
    job: str


@attrs.frozen(kw_only=True)
class Kill(ControlRequest[None]):
    """Ask that a job end. The answer comes at once."""

    name = "kill"
    job: str
    reason: str = "killed by request"


@attrs.frozen(kw_only=True)
class Connect(ControlRequest[PeerId]):
    """Connect to the peer at an address. The answer is its id."""

    name = "connect"
    answer = PeerId
    address: str


@attrs.frozen(kw_only=True)
class Obstruct(ControlRequest[None]):
    """Change, for a test, what this daemon's network does with the bytes to and from one peer."""

    name = "obstruct"
    peer: PeerId
    cut: bool = False
    """Let no bytes pass."""
    delay: float = 0.0
    """Seconds for which bytes to the peer wait before they leave."""


@attrs.frozen(kw_only=True)
class BreakLane(ControlRequest[bool]):
    """End the lane between two ranks, for a test. The answer says whether one of them is here."""

    name = "break-lane"
    answer = bool
    job: str
    rank: Rank
    other: Rank


@attrs.frozen
class GetStatus(ControlRequest[DaemonStatus]):
    """Ask for the daemon's state."""

    name = "status"
    answer = DaemonStatus


@attrs.frozen
class WaitPrepared(ControlRequest[Prepared]):
    """Wait until each interpreter of the store that fits on the disk is installed, or has failed to be."""

    name = "wait-prepared"
    answer = Prepared


@attrs.frozen
class Stop(ControlRequest[None]):
    """End in an orderly way. The answer comes at once."""

    name = "stop"


_KNOWN_REQUESTS: tuple[type[ControlRequest[Any]], ...] = (
    Open, Start, Offer, Feed, Why, Logs, Kill, Connect, Obstruct, BreakLane, GetStatus, WaitPrepared, Stop,
)  # fmt: skip
_REQUESTS = {request.name: request for request in _KNOWN_REQUESTS}


@attrs.frozen
class Answer:
    """The answer to one request: a value, decoded from JSON but not yet of its class, or an error."""

    id: int
    value: object = None
    error: MpiActorsError | None = None


# --- lines ------------------------------------------------------------------------------------------------


def encode_request(id: int, request: ControlRequest[Any]) -> bytes:
    """Return a request as a line, with its end."""
    return _line({"id": id, "ask": request.name, **attrs.asdict(request)})


def decode_request(line: bytes) -> tuple[int, ControlRequest[Any]]:
    """Return the id and the request that `encode_request` encoded.

    Raises:
        BadMessage: the line is not a request.
    """
    fields = _fields(line)
    id, name = fields.pop("id", None), fields.pop("ask", None)
    cls = _REQUESTS.get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(id, int):
        raise BadMessage(f"a request that asks for {name!r}, with the id {id!r}")
    return id, cast(ControlRequest[Any], _convert(fields, cls))


def encode_answer(id: int, value: object) -> bytes:
    """Return an answer as a line, with its end."""
    return _line({"reply": id, "value": value})


def encode_error(id: int, error: Exception) -> bytes:
    """Return an error, in place of an answer, as a line with its end."""
    return _line({"reply": id, "error": type(error).__name__, "text": str(error)})


def decode_answer(line: bytes) -> Answer:
    """Return what `encode_answer` or `encode_error` encoded. `take_value` takes the value out of it.

    Raises:
        BadMessage: the line is not an answer.
    """
    match _fields(line):
        case {"reply": int(id), "error": str(name), "text": str(text)}:
            return Answer(id, error=_revive(name, text))
        case {"reply": int(id), "value": value}:
            return Answer(id, value)
    raise BadMessage(f"an answer that begins with {line[:60]!r}")


def take_value(answer: Answer, request: ControlRequest[T]) -> T:
    """Return the value of an answer to this request.

    Raises:
        MpiActorsError: the daemon raised this error; it has the same class here.
        BadMessage: the value has the wrong type.
    """
    if answer.error is not None:
        raise answer.error
    return cast(T, _convert(answer.value, request.answer))


def decode_event(line: bytes) -> tuple[float, Event]:
    """Return the time, in seconds since 1970, and the event that `events.to_json` encoded.

    Raises:
        BadMessage: the line is not an event.
    """
    fields = _fields(line)
    time, name = fields.pop("time", None), fields.pop("event", None)
    cls = event_classes().get(name) if isinstance(name, str) else None
    if cls is None or not isinstance(time, int | float):
        raise BadMessage(f"an event called {name!r} at {time!r}")
    return time, cast(Event, _convert(fields, cls))


def _line(fields: dict[str, object]) -> bytes:
    # surrogates stand for arguments and paths that are not UTF-8, and come back as the same bytes
    text = json.dumps(fields, ensure_ascii=False, default=attrs.asdict)
    return text.encode(errors="surrogatepass") + b"\n"


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode(errors="surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"a line that is not JSON: {error}") from None
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
