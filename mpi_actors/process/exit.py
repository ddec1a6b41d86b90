"""How a program ended."""

from __future__ import annotations

import signal

import attrs

# signals that a program brings upon itself: it would probably do so again
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
    """What a program used, without the descendants for which it did not wait."""

    user_seconds: float
    """Processor time in user mode."""
    system_seconds: float
    """Processor time in the kernel."""
    max_rss: int
    """The largest resident size, in bytes. It is at least about 10 MB: the warden's, from which the program
    was forked."""


@attrs.frozen
class Exit:
    """How a program ended. Exactly one of `code`, `signal` and `lost` is set."""

    code: int | None = None
    """The exit code, 0 … 255."""
    signal: int | None = None
    """The number of the signal that ended the program."""
    usage: ResourceUsage | None = None
    """What the program used; None if it was lost."""
    lost: bool = False
    """The warden process died, so the program was killed, and nobody knows what it had done."""

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit code 0."""
        return self.code == 0

    @property
    def killed(self) -> bool:
        """Whether the program was ended from outside, which says nothing against it.

        That is so after the loss of its warden, or a signal such as KILL, TERM, INT, HUP or QUIT. Signals
        that a program brings upon itself, such as SEGV, do not count.
        """
        return self.lost or (self.signal is not None and self.signal not in _CRASHES)

    def describe(self) -> str:
        """Return a few words for people: "exit code 3", "killed by SIGKILL", "crashed with SIGSEGV"."""
        if self.lost:
            return "lost with its warden"
        if self.signal is None:
            return f"exit code {self.code}"
        try:
            name = signal.Signals(self.signal).name
        except ValueError:  # real-time signals have no names of their own
            name = f"signal {self.signal}"
        return f"killed by {name}" if self.killed else f"crashed with {name}"
