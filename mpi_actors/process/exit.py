"""How a program ended."""

from __future__ import annotations

import signal

import attrs

_CRASHES = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGPIPE,
        signal.SIGALRM,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    }
)


@attrs.frozen
class ResourceUsage:
    """What a program used, without its descendants that it did not wait for."""

    user_seconds: float
    system_seconds: float
    max_rss: int
    """The largest resident size, in bytes. At least the warden's own (about 10 MB), from which it forked."""


@attrs.frozen
class Exit:
    """The end of a program: exactly one of `code`, `signal` and `lost` is given."""

    code: int | None = None
    """The exit code, 0 … 255."""
    signal: int | None = None
    """The number of the signal that ended it."""
    usage: ResourceUsage | None = None
    """None if lost."""
    lost: bool = False
    """Its warden died, so it was killed and nobody knows how far it had come."""

    @property
    def ok(self) -> bool:
        """It ended by itself with exit code 0."""
        return self.code == 0

    @property
    def killed(self) -> bool:
        """It was ended from outside, which says nothing against the program: a signal such as KILL, TERM,
        INT, HUP, QUIT, or the loss of its warden. Not so for signals that a program brings upon itself."""
        return self.lost or (self.signal is not None and self.signal not in _CRASHES)

    def describe(self) -> str:
        """A few words for people, such as "exit code 3", "killed by SIGKILL" or "crashed with SIGSEGV"."""
        if self.lost:
            return "lost with its warden"
        if self.signal is None:
            return f"exit code {self.code}"
        try:
            name = signal.Signals(self.signal).name
        except ValueError:  # real-time signals have no names of their own
            name = f"signal {self.signal}"
        return f"killed by {name}" if self.killed else f"crashed with {name}"
