"""Fault plans: which processes and peers are lost, stopped or cut off, and when.

A plan is a value: print it and paste it back, or store it as JSON. `FaultRunner` decides what is due and
knows no clock; `FaultDriver` carries that out on a `FaultTarget`, which may be an in-memory network or real
daemons and processes. Nothing is patched.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from random import Random
from typing import Any, Protocol, assert_never

import attrs
import trio

from ..errors import BadFaultPlan
from ..ids import Rank

_MOST = 10**9


def _number(text: str, value: object, *, whole: bool, least: float) -> None:
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= _MOST:
        kind = "a whole number" if whole else "a number"
        raise BadFaultPlan(f"{text} must be {kind} from {least} to {_MOST}, not {value!r}")


def _count(least: int) -> Any:
    return lambda _owner, field, value: _number(field.name, value, whole=True, least=least)


def _seconds(_owner: object, field: attrs.Attribute[float], value: object) -> None:
    _number(field.name, value, whole=False, least=0.0)


def _name(_owner: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise BadFaultPlan(f"{field.name} must be a name, not {value!r}")


@attrs.frozen
class After:
    """So many seconds after the plan began."""

    seconds: float = attrs.field(validator=_seconds)


@attrs.frozen
class AtEvent:
    """When the `k`-th event of a kind happens, counted from 1 by whoever drives the plan."""

    kind: str = attrs.field(validator=_name)
    k: int = attrs.field(validator=_count(1))


Trigger = After | AtEvent


@attrs.frozen
class KillProcess:
    """Kill the process of a rank, wherever it runs then."""

    rank: Rank = attrs.field(validator=_count(0))
    when: Trigger


@attrs.frozen
class KillPeer:
    """Kill a whole peer; peers are numbered from 0."""

    peer: int = attrs.field(validator=_count(0))
    when: Trigger


@attrs.frozen
class FreezePeer:
    """Stop a peer, as SIGSTOP does, for some seconds."""

    peer: int = attrs.field(validator=_count(0))
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger


@attrs.frozen
class CutOff:
    """Let nothing pass between two peers for some seconds."""

    a: int = attrs.field(validator=_count(0))
    b: int = attrs.field(validator=_count(0))
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger

    def __attrs_post_init__(self) -> None:
        if self.a == self.b:
            raise BadFaultPlan(f"peer {self.a} cannot be cut off from itself")


@attrs.frozen
class Partition:
    """Let nothing pass between groups of peers for some seconds; who is in no group keeps all links."""

    groups: tuple[tuple[int, ...], ...]
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger

    def __attrs_post_init__(self) -> None:
        members = [peer for group in self.groups for peer in group]
        for peer in members:
            _number("a group's peer", peer, whole=True, least=0)
        if len(self.groups) < 2 or not all(self.groups) or len(set(members)) < len(members):
            raise BadFaultPlan(f"{self.groups!r} are not two or more groups of different peers")

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of peers that it cuts off from each other, smaller number first."""
        placed = [(peer, place) for place, group in enumerate(self.groups) for peer in group]
        return tuple(sorted((a, b) for a, one in placed for b, other in placed if a < b and one != other))


Fault = KillProcess | KillPeer | FreezePeer | CutOff | Partition

_FAULTS: dict[str, type[Fault]] = {
    "kill_process": KillProcess,
    "kill_peer": KillPeer,
    "freeze_peer": FreezePeer,
    "cut_off": CutOff,
    "partition": Partition,
}
_NAMES = {fault: name for name, fault in _FAULTS.items()}


@attrs.frozen
class FaultPlan:
    """Some faults, and the seed that they, or the run that they belong to, were made from.

    Its `repr` is Python that makes it again, given the names of this module.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def to_json(self) -> str:
        """The plan as one line of JSON."""
        return json.dumps({"seed": self.seed, "faults": [_fault_to_dict(fault) for fault in self.faults]})

    @classmethod
    def from_json(cls, text: str | bytes) -> FaultPlan:
        """What `to_json` wrote, or a person.

        Raises:
            BadFaultPlan: the text is no JSON, or a name or value in it makes no sense.
        """
        try:
            plan = json.loads(text)
            if unknown := set(plan) - {"seed", "faults"}:
                raise BadFaultPlan(f"a plan has a seed and faults, but no {', '.join(sorted(unknown))}")
            seed = plan.get("seed", 0)
            if type(seed) is not int:
                raise BadFaultPlan(f"seed must be a whole number, not {seed!r}")
            return cls(tuple(_fault_from_dict(fault) for fault in plan["faults"]), seed)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadFaultPlan(f"this is no fault plan: {error!r}") from error

    @classmethod
    def random(
        cls,
        seed: int,
        *,
        peers: int,
        ranks: int,
        faults: int = 3,
        horizon: float = 5.0,
        events: Mapping[str, int] | None = None,
        spare: Sequence[int] = (0,),
    ) -> FaultPlan:
        """A plan made from `seed` alone.

        Args:
            seed: decides everything else.
            peers: how many peers there are, at least 1.
            ranks: how many ranks there are; with 0, no process is killed.
            faults: how many faults to make; fewer, if so many are not possible.
            horizon: seconds within which faults begin; stops and cuts last up to half as long.
            events: for each kind of event that may trigger faults, up to which one.
            spare: peers that are not killed, so that somebody is left; if none of them exists, one at random.
        """
        rng = Random(seed)
        spared = set(spare) & set(range(peers)) or {rng.randrange(peers)}
        mortal = [peer for peer in range(peers) if peer not in spared]
        made: list[Fault] = []
        for _ in range(faults):
            kinds = ["freeze_peer", *["kill_process"] * bool(ranks), *["kill_peer"] * bool(mortal)]
            kinds += ["cut_off", "partition"] if peers > 1 else []
            kind = rng.choice(kinds)
            when = _random_trigger(rng, horizon, events or {})
            seconds = round(rng.uniform(0.0, horizon / 2), 3)
            if kind == "kill_process":
                made.append(KillProcess(rng.randrange(ranks), when))
            elif kind == "kill_peer":
                made.append(KillPeer(mortal.pop(rng.randrange(len(mortal))), when))
            elif kind == "freeze_peer":
                made.append(FreezePeer(rng.randrange(peers), seconds, when))
            elif kind == "cut_off":
                a, b = rng.sample(range(peers), 2)
                made.append(CutOff(a, b, seconds, when))
            else:
                order = rng.sample(range(peers), peers)
                middle = rng.randint(1, peers - 1)
                groups = (tuple(sorted(order[:middle])), tuple(sorted(order[middle:])))
                made.append(Partition(groups, seconds, when))
        return cls(tuple(made), seed)


def _random_trigger(rng: Random, horizon: float, events: Mapping[str, int]) -> Trigger:
    if events and rng.random() < 0.5:
        kind = rng.choice(sorted(events))
        return AtEvent(kind, rng.randint(1, events[kind]))
    return After(round(rng.uniform(0.0, horizon), 3))


def _fault_to_dict(fault: Fault) -> dict[str, Any]:
    fields = attrs.asdict(fault, recurse=False)
    when = fields.pop("when")
    trigger = {"after": when.seconds} if isinstance(when, After) else {"event": when.kind, "k": when.k}
    return {"fault": _NAMES[type(fault)], **fields, **trigger}


def _fault_from_dict(given: dict[str, Any]) -> Fault:
    fields = dict(given)
    kind = _FAULTS[fields.pop("fault")]
    when = After(fields.pop("after")) if "after" in fields else AtEvent(fields.pop("event"), fields.pop("k"))
    if "groups" in fields:
        fields["groups"] = tuple(tuple(group) for group in fields["groups"])
    return kind(**fields, when=when)


# --- carrying it out --------------------------------------------------------------------------------------


@attrs.frozen
class Thaw:
    """Let a frozen peer go on."""

    peer: int


@attrs.frozen
class Heal:
    """Let bytes pass between two peers again."""

    a: int
    b: int


Relief = Thaw | Heal


class FaultTarget(Protocol):
    """What faults are done to. Each method is harmless when it has nothing (more) to do."""

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank."""

    async def kill_peer(self, i: int) -> None:
        """Kill the `i`-th peer."""

    async def freeze_peer(self, i: int) -> None:
        """Stop the `i`-th peer."""

    async def thaw_peer(self, i: int) -> None:
        """Let the `i`-th peer go on."""

    async def cut(self, i: int, j: int) -> None:
        """Let nothing pass between two peers."""

    async def heal(self, i: int, j: int) -> None:
        """Let bytes pass between two peers again."""


class FaultRunner:
    """Decides what of a plan is due; times are seconds since the plan began, and never go back.

    What `note_event` and `due` return has to be carried out, in that order, with `apply`. A peer that is
    stopped twice goes on when the longer of the two has passed; the same holds for cuts.
    """

    def __init__(self, plan: FaultPlan) -> None:
        timed = [(fault.when.seconds, fault) for fault in plan.faults if isinstance(fault.when, After)]
        self._timed = sorted(timed, key=lambda entry: entry[0])
        self._waiting = [fault for fault in plan.faults if isinstance(fault.when, AtEvent)]
        self._events: Counter[str] = Counter()
        self._until: dict[Relief, float] = {}

    @property
    def next_due(self) -> float:
        """When `due` will next have something to return, if no event comes before; infinity if never."""
        return min([self._timed[0][0] if self._timed else inf, *self._until.values()])

    @property
    def finished(self) -> bool:
        """Whether nothing will be due any more, whatever happens."""
        return not (self._timed or self._waiting or self._until)

    def note_event(self, kind: str, now: float) -> list[Fault]:
        """Count one event; returns the faults that it triggers."""
        self._events[kind] += 1
        hit = AtEvent(kind, self._events[kind])
        started = [fault for fault in self._waiting if fault.when == hit]
        for fault in started:
            self._waiting.remove(fault)
            self._start(fault, now)
        return started

    def due(self, now: float) -> list[Fault | Relief]:
        """What is due by `now` and was not returned before: ended stops and cuts first, then new faults."""
        over = sorted((end, str(relief), relief) for relief, end in self._until.items() if end <= now)
        found: list[Fault | Relief] = [relief for _, _, relief in over]
        self._until = {relief: end for relief, end in self._until.items() if end > now}
        while self._timed and self._timed[0][0] <= now:
            fault = self._timed.pop(0)[1]
            self._start(fault, now)
            found.append(fault)
        return found

    def _start(self, fault: Fault, now: float) -> None:
        match fault:
            case FreezePeer():
                self._extend(Thaw(fault.peer), now + fault.seconds)
            case CutOff():
                self._extend(Heal(min(fault.a, fault.b), max(fault.a, fault.b)), now + fault.seconds)
            case Partition():
                for pair in fault.pairs:
                    self._extend(Heal(*pair), now + fault.seconds)
            case KillPeer():
                self._until.pop(Thaw(fault.peer), None)

    def _extend(self, relief: Relief, until: float) -> None:
        self._until[relief] = max(until, self._until.get(relief, -inf))


async def apply(step: Fault | Relief, target: FaultTarget) -> None:
    """Carry out what a `FaultRunner` returned."""
    match step:
        case KillProcess():
            await target.kill_process(step.rank)
        case KillPeer():
            await target.kill_peer(step.peer)
        case FreezePeer():
            await target.freeze_peer(step.peer)
        case CutOff():
            await target.cut(step.a, step.b)
        case Partition():
            for a, b in step.pairs:
                await target.cut(a, b)
        case Thaw():
            await target.thaw_peer(step.peer)
        case Heal():
            await target.heal(step.a, step.b)
        case _:
            assert_never(step)


class FaultDriver:
    """Runs a plan against a target, by trio's clock."""

    def __init__(self, plan: FaultPlan, target: FaultTarget) -> None:
        self._runner = FaultRunner(plan)
        self._target = target
        self._began = trio.current_time()
        self._triggered: list[Fault] = []
        self._bell = trio.Event()

    def note_event(self, kind: str) -> None:
        """Count one event; what it triggers is done by `run` as soon as it gets its turn."""
        started = self._runner.note_event(kind, trio.current_time() - self._began)
        if started:
            self._triggered += started
            self._bell.set()

    async def run(self) -> None:
        """Do what is due when it is due; returns when the plan has nothing left, or is cancelled."""
        while self._triggered or not self._runner.finished:
            self._bell = trio.Event()
            steps = [*self._triggered, *self._runner.due(self._now())]
            self._triggered = []
            for step in steps:
                await apply(step, self._target)
            if not self._triggered and not steps:
                with trio.move_on_at(self._began + self._runner.next_due):
                    await self._bell.wait()

    def _now(self) -> float:
        # when the clock has reached the time that was slept for, rounding must not make it a moment earlier
        now, due = trio.current_time(), self._runner.next_due
        return due if self._began + due <= now else now - self._began
