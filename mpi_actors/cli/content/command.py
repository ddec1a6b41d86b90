"""The life of a command on content: it opens the content, shows output, and ends by itself or by a signal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from ...errors import OutputLost, Ungrouped
from ...loading import loading
from .. import exit_codes
from ..arguments.content import ContentArguments, PublishArguments
from ..arguments.values import default_directory
from ..output import logs
from ..output.screen import Screen
from ..signals import receive_ending
from .actions import act

if TYPE_CHECKING:
    from .content import OpenContent


def run_content(arguments: ContentArguments, open_content: OpenContent | None = None) -> int:
    """Do what a command line asks for.

    Args:
        arguments: the command line.
        open_content: opens the peer's content; None for `real_content`.

    Returns:
        The exit code: see `exit_codes`.

    Raises:
        MpiActorsError: the command failed.
        BrokenPipeError: nobody reads the output any more.
        BaseExceptionGroup: a group of such errors.
    """
    with logs.installed(debug=arguments.debug) as handler:
        if open_content is None:
            with loading():
                open_content = real_content(arguments)
        return trio.run(_Life(arguments, open_content, handler).main)


def real_content(arguments: ContentArguments) -> OpenContent:
    """Return what opens the content of the peer's directory, with the backend that the command line names."""
    # imported here: the caller loads it quickly, and a test that brings its own content need not load it
    from .opened import ContentOptions, open_content

    options = ContentOptions(
        path=arguments.path or default_directory(), api=arguments.api, peers=arguments.peers
    )
    return lambda _: open_content(options)


class _Life:
    def __init__(
        self, arguments: ContentArguments, open_content: OpenContent, handler: logs.ConsoleHandler
    ) -> None:
        self._arguments = arguments
        self._open = open_content
        self._handler = handler
        quiet = isinstance(arguments, PublishArguments) and arguments.quiet
        self._screen = Screen(bar=not quiet)
        self._signal = 0

    async def main(self) -> int:
        body = Ungrouped()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._watch_signals, nursery.cancel_scope)
            with body:
                await self._run()
            nursery.cancel_scope.cancel()
        if self._signal:
            return exit_codes.after_signal(self._signal)
        body.reraise()
        return exit_codes.OK

    async def _run(self) -> None:
        soon = trio.lowlevel.current_trio_token().run_sync_soon
        with self._handler.diverted(self._screen.complain, soon):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._show)
                    async with self._open(self._arguments) as content:
                        if self._arguments.debug:
                            self._screen.complain(content.why)
                        await act(self._arguments, content, self._screen)
                    await self._screen.drained()
                    nursery.cancel_scope.cancel()
            finally:
                await self._screen.close()

    async def _show(self) -> None:
        try:
            await self._screen.pump()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(f"cannot write: {error.strerror}") from error

    async def _watch_signals(self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
        with receive_ending() as numbers:
            task_status.started()
            async for number in numbers:
                if self._signal:  # a second signal: do not wait for an orderly end
                    os._exit(exit_codes.after_signal(number))
                self._signal = number
                scope.cancel()
