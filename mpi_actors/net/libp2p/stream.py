"""A libp2p stream as a `ByteStream`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamEOF, StreamReset
from libp2p.stream_muxer.yamux.yamux import YamuxStream

from ...errors import ConnectionLost
from ...ids import PeerId
from .quirks import MAX_WRITE, reason, wait_closed, wait_readable, was_reset

logger = logging.getLogger(__name__)


class Libp2pStream:
    """One stream over a `SafeYamux` connection: a `net.transport.ByteStream`.

    It promises more than that: a cancelled `receive_some` loses no data; after a cancelled `send_all` this
    stream can send no more, but other streams are not affected.

    Args:
        net: the library's stream.
        remote: the authenticated identity of the other side.
        on_close: called once, when this side closes the stream; it must see that `finish` runs.
    """

    def __init__(self, net: INetStream, remote: PeerId, on_close: Callable[[Libp2pStream], None]) -> None:
        self._net = net
        self._muxed = cast(YamuxStream, net.muxed_stream)  # type: ignore[attr-defined]
        self._remote = remote
        self._on_close = on_close
        self._sending: trio.CancelScope | None = None
        self._receiving: trio.CancelScope | None = None
        self._ended = False  # the other side ended the stream
        self._closed = False  # this side closed the stream
        self._cut = False  # a message was sent only in part
        self.finished = trio.Event()
        """Set when `finish` has ended: the other side has read everything, or is gone."""

    @property
    def remote(self) -> PeerId:
        """The authenticated identity of the other side."""
        return self._remote

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`. Waits while the other side is slow.

        Raises:
            ConnectionLost: the stream or its connection is broken or closed, or an earlier call was cancelled
                in the middle.
            trio.BusyResourceError: another task sends on this stream.
        """
        if self._sending is not None:
            raise trio.BusyResourceError("another task is sending on this stream")
        view = memoryview(data).cast("B")
        done = False
        try:
            with trio.CancelScope() as self._sending:
                await trio.lowlevel.checkpoint_if_cancelled()
                for start in range(0, len(view), MAX_WRITE):
                    self._check_writable()
                    # the library slices the data and joins it to a header: a memoryview saves one copy
                    await self._net.write(cast(bytes, view[start : start + MAX_WRITE]))
                if not view:
                    self._check_writable()
                    await trio.lowlevel.checkpoint()
                done = True
        except ConnectionLost:
            raise
        except Exception as error:
            raise ConnectionLost(f"sending to {self._remote} failed: {reason(error)}") from error
        finally:
            self._sending = None
            self._cut = self._cut or not done
        if not done:
            raise self._closed_here()

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive 1 to `max_bytes` bytes; `b""` means that the other side ended the stream.

        Raises:
            ConnectionLost: the stream was reset, closed on this side, or its connection is broken.
            ValueError: `max_bytes` is less than 1.
            trio.BusyResourceError: another task receives on this stream.
        """
        if max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving is not None:
            raise trio.BusyResourceError("another task is receiving on this stream")
        data = None
        try:
            with trio.CancelScope() as self._receiving:
                await trio.lowlevel.checkpoint_if_cancelled()
                if self._ended:
                    await trio.lowlevel.checkpoint()
                    return b""
                if not self._closed:
                    await wait_readable(self._muxed)
                    with trio.CancelScope(shield=True):
                        data = await self._net.read(max_bytes)
        except (StreamEOF, StreamReset) as error:
            if was_reset(self._muxed):
                raise ConnectionLost(f"{self._remote} reset the stream") from error
        except Exception as error:
            raise ConnectionLost(f"receiving from {self._remote} failed: {reason(error)}") from error
        finally:
            self._receiving = None
        if data is not None:
            return data
        if self._closed:
            raise self._closed_here()
        # no stream stays half open: the other side is gone, so end this side's `send_all`, too
        self._ended = True
        self._close()
        return b""

    async def aclose(self) -> None:
        """Close both directions at once. What was sent before still arrives. Never raises. Idempotent."""
        self._close()
        with trio.CancelScope(shield=True):
            await trio.lowlevel.checkpoint()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for scope in (self._sending, self._receiving):
            if scope is not None:
                scope.cancel()
        self._on_close(self)

    async def finish(self) -> None:
        """Tell the other side that this side has closed, and wait until it closes, too, or is gone.

        A reset would be quicker, but would make the other side drop what it has not read yet.
        """
        try:
            await self._net.close()
            await wait_closed(self._muxed)
        except Exception as error:  # noqa: BLE001
            logger.debug("closing a stream to %s: %s", self._remote, reason(error))
        finally:
            self.finished.set()

    def _check_writable(self) -> None:
        if self._closed:
            raise self._closed_here()
        if self._cut:
            raise ConnectionLost(f"an earlier message to {self._remote} was cut short")
        if self._muxed.recv_closed or self._muxed.closed:  # the library would take the bytes and drop them
            raise ConnectionLost(f"{self._remote} has closed the stream")

    def _closed_here(self) -> ConnectionLost:
        why = f"{self._remote} has ended it" if self._ended else "closed on this side"
        return ConnectionLost(f"the stream is closed: {why}")
