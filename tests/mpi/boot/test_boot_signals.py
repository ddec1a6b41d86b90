"""The program's signal handlers, which wait while the main thread is in the middle of a call."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from mpi_actors.mpi.boot.signals import DeferredSignals
from mpi_actors.mpi.engine.engine import Engine


@pytest.fixture
def endpoint() -> Iterator[Engine]:
    """An engine whose process defers signals."""
    made = Engine()
    signals = DeferredSignals(made)
    before = signal.getsignal(signal.SIGUSR1)
    signals.install()
    yield made
    signal.signal(signal.SIGUSR1, before)
    signals.uninstall()
    made.close()


def test_programs_see_their_own_handlers(endpoint: Engine) -> None:
    """`signal.signal` and `signal.getsignal` return what the program has set, as without us."""
    rung: list[int] = []

    def first(signum: int, frame: object) -> None:
        rung.append(signum)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGUSR1, first)
    assert signal.getsignal(signal.SIGUSR1) is first
    assert signal.signal(signal.SIGUSR1, signal.SIG_IGN) is first
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    signal.raise_signal(signal.SIGUSR1)
    assert signal.signal(signal.SIGUSR1, first) is signal.SIG_IGN
    signal.raise_signal(signal.SIGUSR1)
    assert rung == [signal.SIGUSR1]
    with pytest.raises(OSError, match="Invalid argument"):
        signal.signal(signal.SIGKILL, first)
    assert signal.getsignal(signal.SIGKILL) == signal.SIG_DFL


def test_a_handler_waits_until_the_call_is_over(endpoint: Engine) -> None:
    """A signal in the middle of a call is handled afterwards, and what the handler raises comes out."""

    def stop(signum: int, frame: object) -> None:
        assert not endpoint.hot
        raise InterruptedError

    signal.signal(signal.SIGUSR1, stop)
    done = []

    def call() -> None:
        signal.raise_signal(signal.SIGUSR1)
        done.append(True)

    with pytest.raises(InterruptedError):
        endpoint.inside(call)
    assert done == [True]
    with pytest.raises(InterruptedError):
        signal.raise_signal(signal.SIGUSR1)


def test_ctrl_c_ends_a_wait(endpoint: Engine) -> None:
    """SIGINT raises KeyboardInterrupt out of a receive, although the program has set no handler."""

    def done() -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    with pytest.raises(KeyboardInterrupt):
        endpoint.inside(lambda: endpoint.wait_for(done, lambda: "ctrl-C"))
    assert not endpoint.waiting
