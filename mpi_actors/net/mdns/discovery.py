"""Finding peers on the LAN by multicast DNS: the actor that announces this peer and listens for others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Any

import trio
from zeroconf import Error as ZeroconfError
from zeroconf import ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from ...actors import Mailbox
from ...ids import PeerId
from .interfaces import confine, multicast_interfaces
from .record import own_addresses, read_record, worth_announcing, write_record
from .sightings import Sightings

logger = logging.getLogger(__name__)

SERVICE = "_p2p._udp.local."
"""The DNS-SD service of all libp2p peers."""

REPORT_AGAIN = 60.0
"""Seconds after which the peers that are still announced are reported again."""

BATCH = 32
"""The most peers that are reported in one second."""

THREAD_NAME = "mpi-actors mdns"

_TTL = 120
_START_DEADLINE = 5.0


class MdnsDiscovery:
    """Announces this peer on the LAN, and reports those of the same pool that it hears of.

    Only interfaces with an address that this peer listens on are used: who listens on loopback alone is
    neither seen nor heard outside this machine. What is reported was said by strangers: dial and greet a
    peer before believing in it. A peer is reported again every `REPORT_AGAIN` seconds while it is announced.

    `zeroconf` needs asyncio, which gets a thread of its own that lives no longer than `run`.

    Args:
        local: our own identity.
        addresses: where others can reach us, as multiaddrs that end in `/p2p/<local>`.
        pool: the pool's name; peers of others are ignored.
        on_found: called in trio's thread with the addresses of one peer, each ending in the same `/p2p/<id>`.
    """

    def __init__(
        self,
        local: PeerId,
        addresses: tuple[str, ...],
        pool: str,
        on_found: Callable[[tuple[str, ...]], object],
    ) -> None:
        self._local = local
        self._addresses = own_addresses(local, addresses)
        self._near = all(address.is_loopback for address in self._addresses)
        self._pool = pool
        self._on_found = on_found
        self._sightings = Sightings()
        self._news = trio.Event()

    async def run(self, _: Mailbox[object]) -> None:
        """The actor; it takes no messages. When cancelled it says goodbye first, in about 0.3 seconds.

        Where multicast is impossible it logs one warning and returns. So a supervisor should start it again
        only when it fails (`Restart.TRANSIENT`), and after a pause.
        """
        self._sightings = Sightings()
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._own_thread, loop, stop, nursery.cancel_scope)
                try:
                    await self._report()
                finally:
                    # RuntimeError: the thread has ended by itself and closed the loop
                    with contextlib.suppress(RuntimeError):
                        loop.call_soon_threadsafe(stop.set)
        finally:
            loop.close()

    async def _report(self) -> None:
        again = trio.current_time() + REPORT_AGAIN
        while True:
            with trio.move_on_at(again):
                await self._news.wait()
            self._news = trio.Event()
            if trio.current_time() >= again:
                again = trio.current_time() + REPORT_AGAIN
                self._sightings.renew()
            while batch := self._sightings.take(BATCH):
                for addresses in batch:
                    self._on_found(addresses)
                await trio.sleep(1)

    def _wake(self) -> None:
        self._news.set()

    # --- in the thread ------------------------------------------------------------------------------------

    async def _own_thread(
        self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, scope: trio.CancelScope
    ) -> None:
        token = trio.lowlevel.current_trio_token()

        def work() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._session(stop, token))

        try:
            # a thread that lives as long as the daemon must not take one of those that all share; it is
            # not abandoned when cancelled, but ends because `stop` is set
            limiter = trio.CapacityLimiter(1)
            await trio.to_thread.run_sync(work, thread_name=THREAD_NAME, limiter=limiter)
        except (OSError, RuntimeError, ZeroconfError) as error:
            why = str(error) or type(error).__name__
            logger.warning("peers on the LAN are not found by mDNS (%s); --no-mdns silences this", why)
        scope.cancel()

    async def _session(self, stop: asyncio.Event, token: trio.lowlevel.TrioToken) -> None:
        _be_quiet(asyncio.get_running_loop())
        responder = AsyncZeroconf(interfaces=multicast_interfaces(self._addresses))
        core = responder.zeroconf
        try:
            await core.async_wait_for_start(_START_DEADLINE)
            confine(core, near=self._near)

            def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: object) -> None:
                if state_change is ServiceStateChange.Removed:
                    self._sightings.gone(name)
                elif self._sighted(zeroconf, name):
                    token.run_sync_soon(self._wake, idempotent=True)

            browser = AsyncServiceBrowser(core, SERVICE, handlers=[changed])
            # the name is random, so nobody needs to be asked whether it is taken, and nobody can say so
            announcing = asyncio.ensure_future(
                await responder.async_register_service(self._service(), cooperating_responders=True)
            )
            await stop.wait()
            announcing.cancel()
            await browser.async_cancel()
        finally:
            # says goodbye; all that it waits for is asyncio's clock
            await responder.async_close()

    def _service(self) -> ServiceInfo:
        addresses = worth_announcing(self._addresses)
        name = secrets.token_hex(16)
        return ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=addresses[0].port,
            properties=write_record(addresses, self._pool),
            server=f"{name}.p2p.local.",
            parsed_addresses=[address.host for address in addresses],
            host_ttl=_TTL,
            other_ttl=_TTL,
        )

    def _sighted(self, core: Zeroconf, name: str) -> bool:
        """Whether what is known of that service now is to be reported."""
        try:
            info = ServiceInfo(SERVICE, name)
        except (ZeroconfError, ValueError):
            return False
        # peers of ours send the TXT record along with the name; if it comes later, there is another call
        info.load_from_cache(core)
        found = read_record(info.text, local=self._local, pool=self._pool, near=self._near)
        if not found:
            self._sightings.gone(name)
            return False
        return self._sightings.seen(name, found)


def _be_quiet(loop: asyncio.AbstractEventLoop) -> None:
    """Nobody on the LAN may fill our log: zeroconf warns of each sort of bad packet."""
    log = logging.getLogger("zeroconf")
    if log.level == logging.WARNING:  # as it sets itself; another level is what a person asked for
        log.setLevel(logging.CRITICAL)

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        logger.debug("mDNS: %s", context.get("message"), exc_info=context.get("exception"))

    loop.set_exception_handler(failed)
