"""The signals that end a command in order."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

import trio

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a request to end, and the loss of the terminal."""


def receive_ending() -> AbstractContextManager[AsyncIterator[int]]:
    """Inside, yield the numbers of ending signals as they come, in place of their usual effect.

    A signal that is ignored from the start (nohup, background jobs of scripts) stays ignored.
    """
    return trio.open_signal_receiver(
        *(each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN)
    )
