"""Fault plans: which processes and peers are lost, stopped or cut off, and when.

A plan is a value: print it and paste it back, or store it as JSON.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import attrs

from ..errors import BadFaultPlan
from ..ids import Rank

_LARGEST_NUMBER = 10**9
"""The largest number in a plan, of seconds or of anything counted: finite, and exact in any JSON reader."""
_MOST_DELAY = 0.5
"""Seconds by which a plan made at random slows a link at most: a bad link, but not one that is dead."""


def _number(text: str, value: object, *, whole: bool, least: float) -> None:
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= _LARGEST_NUMBER:
        kind = "a whole number" if whole else "a number"
        raise BadFaultPlan(f"{text} must be {kind} from {least} to {_LARGEST_NUMBER}, not {value!r}")


def nearest(word: object, names: Iterable[str]) -> str:
    """Return "; did you mean …?" with the name that is most like a word; "" if none is."""
    close = difflib.get_close_matches(str(word), list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _count(least: int) -> Any:
    return lambda _owner, field, value: _number(field.name, value, whole=True, least=least)


def _seconds(_owner: object, field: attrs.Attribute[float], value: object) -> None:
    _number(field.name, value, whole=False, least=0.0)


def _name(_owner: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise BadFaultPlan(f"{field.name} must be a name, not {value!r}")


@attrs.frozen
class After:
    """The fault happens `seconds` seconds after the plan began."""

    seconds: float = attrs.field(validator=_seconds)


@attrs.frozen
class AtEvent:
    """The fault happens at the `k`-th event of a kind, from 1. The plan's user reports the events."""

    kind: str = attrs.field(validator=_name)
    k: int = attrs.field(validator=_count(1))


@attrs.frozen
class AtRandom:
    """The fault happens at a moment that `FaultPlan.settled` draws."""


Trigger = After | AtEvent | AtRandom


def line(rank: Rank | None = None) -> str:
    """Return the kind of event that is a new line of output: of any rank, or of one."""
    return "line" if rank is None else f"line of rank {rank}"


def message(rank: Rank) -> str:
    """Return the kind of event that is a message which a rank sends."""
    return f"message of rank {rank}"


@attrs.frozen
class KillProcess:
    """Kill the process of a rank, on whichever peer it then runs."""

    rank: Rank = attrs.field(validator=_count(0))
    when: Trigger


@attrs.frozen
class KillPeer:
    """Kill a whole peer; peers are numbered from 0."""

    peer: int = attrs.field(validator=_count(0))
    when: Trigger


@attrs.frozen
class FreezePeer:
    """Stop a peer for some seconds, as SIGSTOP and SIGCONT do."""

    peer: int = attrs.field(validator=_count(0))
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger


@attrs.frozen
class CutOff:
    """Let no bytes pass between two peers for some seconds."""

    a: int = attrs.field(validator=_count(0))
    b: int = attrs.field(validator=_count(0))
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger

    def __attrs_post_init__(self) -> None:
        if self.a == self.b:
            raise BadFaultPlan(f"peer {self.a} cannot be cut off from itself")


@attrs.frozen
class SlowLink:
    """Let what two peers send each other take `delay` seconds longer, for some seconds."""

    a: int = attrs.field(validator=_count(0))
    b: int = attrs.field(validator=_count(0))
    delay: float = attrs.field(validator=_seconds)
    seconds: float = attrs.field(validator=_seconds)
    when: Trigger

    def __attrs_post_init__(self) -> None:
        if self.a == self.b:
            raise BadFaultPlan(f"peer {self.a} has no link to itself")


@attrs.frozen
class DropLane:
    """End the connection between the processes of two ranks; they get another one."""

    rank: Rank = attrs.field(validator=_count(0))
    other: Rank = attrs.field(validator=_count(0))
    when: Trigger

    def __attrs_post_init__(self) -> None:
        if self.rank == self.other:
            raise BadFaultPlan(f"rank {self.rank} has no lane to itself")


@attrs.frozen
class Partition:
    """Let no bytes pass between groups of peers for some seconds. A peer in no group keeps all its links."""

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
        """The pairs of peers that are cut off from each other, sorted, the smaller number first in each."""
        placed = [(peer, place) for place, group in enumerate(self.groups) for peer in group]
        return tuple(sorted((a, b) for a, one in placed for b, other in placed if a < b and one != other))


Fault = KillProcess | KillPeer | FreezePeer | CutOff | Partition | SlowLink | DropLane

_FAULTS: dict[str, type[Fault]] = {
    "kill_process": KillProcess,
    "kill_peer": KillPeer,
    "freeze_peer": FreezePeer,
    "cut_off": CutOff,
    "partition": Partition,
    "slow_link": SlowLink,
    "drop_lane": DropLane,
}
_NAMES = {fault: name for name, fault in _FAULTS.items()}
FAULT_NAMES = tuple(_FAULTS)
"""The names of all faults in JSON, and for `FaultPlan.random`."""


@attrs.frozen
class FaultPlan:
    """Faults, and the seed from which they, or the test run that they belong to, were made.

    The `repr` of a plan is a Python expression that makes an equal plan from the names of this module.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def to_json(self) -> str:
        """Return the plan as one line of JSON."""
        return json.dumps({"seed": self.seed, "faults": [_fault_to_dict(fault) for fault in self.faults]})

    @classmethod
    def from_json(cls, text: str | bytes) -> FaultPlan:
        """Read a plan that `to_json`, or a person, has written.

        Raises:
            BadFaultPlan: the text is not JSON, or a name or a value in it is not one of a plan.
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
            raise BadFaultPlan(f"this is not a fault plan: {error!r}") from error

    def settled(
        self, seed: int, *, horizon: float = 5.0, events: Mapping[str, int] | None = None
    ) -> FaultPlan:
        """Return the plan with a moment for each fault at random. See `random` for the arguments."""
        rng = Random(seed)
        settled = [
            attrs.evolve(fault, when=_random_trigger(rng, horizon, events or {}))
            if isinstance(fault.when, AtRandom)
            else fault
            for fault in self.faults
        ]
        return FaultPlan(tuple(settled), self.seed)

    def check(self, *, peers: int, ranks: int) -> None:
        """Refuse a plan that names a peer or a rank which is not there.

        Raises:
            BadFaultPlan: so it does; the text names the fault.
        """
        for fault in self.faults:
            of_ranks, of_peers = _named(fault)
            for number, count, what in (
                *((rank, ranks, "rank") for rank in (*of_ranks, *_counted(fault.when))),
                *((peer, peers, "peer") for peer in of_peers),
            ):
                if number >= count:
                    are = f"there {'are' if count > 1 else 'is'} {count}, numbered from 0"
                    raise BadFaultPlan(f"{_NAMES[type(fault)]}: there is no {what} {number}; {are}")

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
        kinds: Collection[str] = FAULT_NAMES,
        longest: float | None = None,
        brief: float | None = None,
    ) -> FaultPlan:
        """Make a plan at random. The same arguments always give the same plan.

        Args:
            seed: the seed of all random choices.
            peers: how many peers there are, at least 1.
            ranks: how many ranks there are; with 0, no fault kills a process.
            faults: how many faults to make.
            horizon: seconds within which all timed faults begin.
            events: the kinds of event that may trigger faults, each with the largest `k` to use.
            spare: peers that no fault kills, so that one is left. If none of them exists, a random one is
                spared.
            longest: seconds that stops, cuts and slow links last at most; None for half of `horizon`.
            kinds: which faults to use, by their names; of these, those that are possible.
            brief: the longest time in seconds for which a spared peer is stopped; None for no such limit.
        """
        rng = Random(seed)
        spared = set(spare) & set(range(peers)) or {rng.randrange(peers)}
        mortal = [peer for peer in range(peers) if peer not in spared]
        made: list[Fault] = []
        for _ in range(faults):
            possible = {
                "freeze_peer": True,
                "kill_process": ranks > 0,
                "kill_peer": bool(mortal),
                "cut_off": peers > 1,
                "partition": peers > 1,
                "slow_link": peers > 1,
                "drop_lane": ranks > 1,
            }
            usable = [kind for kind, can in possible.items() if can and kind in kinds]
            if not usable:
                break
            kind = rng.choice(usable)
            when = _random_trigger(rng, horizon, events or {})
            seconds = round(rng.uniform(0.0, horizon / 2 if longest is None else longest), 3)
            if kind == "kill_process":
                made.append(KillProcess(rng.randrange(ranks), when))
            elif kind == "kill_peer":
                made.append(KillPeer(mortal.pop(rng.randrange(len(mortal))), when))
            elif kind == "freeze_peer":
                peer = rng.randrange(peers)
                limit = seconds if brief is None or peer not in spared else min(seconds, brief)
                made.append(FreezePeer(peer, limit, when))
            elif kind == "cut_off":
                a, b = rng.sample(range(peers), 2)
                made.append(CutOff(a, b, seconds, when))
            elif kind == "slow_link":
                a, b = rng.sample(range(peers), 2)
                made.append(SlowLink(a, b, round(rng.uniform(0.0, _MOST_DELAY), 3), seconds, when))
            elif kind == "drop_lane":
                one, other = rng.sample(range(ranks), 2)
                made.append(DropLane(one, other, when))
            else:
                order = rng.sample(range(peers), peers)
                middle = rng.randint(1, peers - 1)
                groups = (tuple(sorted(order[:middle])), tuple(sorted(order[middle:])))
                made.append(Partition(groups, seconds, when))
        return cls(tuple(made), seed)


def _counted(when: Trigger) -> tuple[Rank, ...]:
    """Return the rank whose lines or messages are counted until the moment of a fault, if there is one."""
    _, found, rank = when.kind.partition(" of rank ") if isinstance(when, AtEvent) else ("", "", "")
    return (int(rank),) if found and rank.isdigit() else ()


def _named(fault: Fault) -> tuple[tuple[Rank, ...], tuple[int, ...]]:
    """Return the ranks and the peers that a fault names."""
    match fault:
        case KillProcess(rank):
            return (rank,), ()
        case DropLane(rank, other):
            return (rank, other), ()
        case KillPeer(peer) | FreezePeer(peer):
            return (), (peer,)
        case CutOff(a, b) | SlowLink(a, b):
            return (), (a, b)
        case Partition(groups):
            return (), tuple(peer for group in groups for peer in group)


def _random_trigger(rng: Random, horizon: float, events: Mapping[str, int]) -> Trigger:
    if events and rng.random() < 0.5:
        kind = rng.choice(sorted(events))
        return AtEvent(kind, rng.randint(1, events[kind]))
    return After(round(rng.uniform(0.0, horizon), 3))


def _fault_to_dict(fault: Fault) -> dict[str, Any]:
    fields = attrs.asdict(fault, recurse=False)
    when = fields.pop("when")
    match when:
        case After(seconds):
            trigger: dict[str, Any] = {"after": seconds}
        case AtEvent(kind, k):
            trigger = {"event": kind, "k": k}
        case _:
            trigger = {"random": True}
    return {"fault": _NAMES[type(fault)], **fields, **trigger}


def _fault_from_dict(given: dict[str, Any]) -> Fault:
    fields = dict(given)
    name = fields.pop("fault")
    if name not in _FAULTS:
        raise BadFaultPlan(
            f"there is no fault {name!r}{nearest(name, _FAULTS)}; faults: {', '.join(_FAULTS)}"
        )
    kind = _FAULTS[name]
    if (
        unknown := set(fields)
        - {field.name for field in attrs.fields(kind)}
        - {"after", "event", "k", "random"}
    ):
        [wrong, *_] = sorted(unknown)
        names = [field.name for field in attrs.fields(kind) if field.name != "when"]
        names += ["after", "event", "k"]
        raise BadFaultPlan(f"{name} has no {wrong!r}{nearest(wrong, names)}; it has {', '.join(names)}")
    when: Trigger
    if fields.pop("random", False) is True:
        when = AtRandom()
    else:
        when = (
            After(fields.pop("after")) if "after" in fields else AtEvent(fields.pop("event"), fields.pop("k"))
        )
    if "groups" in fields:
        fields["groups"] = tuple(tuple(group) for group in fields["groups"])
    return kind(**fields, when=when)
