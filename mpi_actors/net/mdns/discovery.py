"""The actor that announces this peer on the local network, and listens for others."""

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

from ...actors import Bell, Mailbox
from ...ids import PeerId
from .interfaces import confine, multicast_interfaces
from .record import own_addresses, read_record, worth_announcing, write_record
from .sightings import Sightings

logger = logging.getLogger(__name__)

SERVICE = "_p2p._udp.local."
"""The DNS-SD service of all libp2p peers."""

REPORT_AGAIN = 60.0
"""Seconds after which peers that are still announced are reported again: a dial may have failed before."""

BATCH = 32
"""Peers reported per second at most: a stranger who announces many must not cause a storm of dials."""

THREAD_NAME = "mpi-actors mdns"

_TTL = 120
"""Seconds that others remember a record: what RFC 6762, section 10, gives for names of hosts."""
_START_DEADLINE = 5.0
"""Seconds for zeroconf to open its sockets; it takes milliseconds where multicast works."""


class MdnsDiscovery:
    """Announces this peer on the local network, and reports peers of the same pool that it hears.

    It uses only interfaces on which this peer listens: a peer that listens on loopback alone is not seen
    outside this machine. Strangers may announce anything: dial and greet a peer before you believe in it.

    The library `zeroconf` needs asyncio, which runs in a thread of its own as long as `run` does.

    Args:
        local: this peer's own identity.
        addresses: where others can reach this peer: multiaddrs that end in `/p2p/<local>`.
        pool: the pool's name; peers of other pools are ignored.
        on_found: called in trio's thread with the addresses of one peer, each ending in the same `/p2p/<id>`;
            again every `REPORT_AGAIN` seconds while the peer is announced.
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
        self._bell = Bell()

    async def run(self, _: Mailbox[object]) -> None:
        """Run the actor, which takes no messages. When cancelled, it withdraws its record in about 0.3 s.

        Where multicast is impossible, it logs one warning and returns. So a supervisor should restart it only
        when it fails (`Restart.TRANSIENT`), and after a pause.
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
                    # RuntimeError: the thread has ended and closed the loop
                    with contextlib.suppress(RuntimeError):
                        loop.call_soon_threadsafe(stop.set)
        finally:
            loop.close()

    async def _report(self) -> None:
        again = trio.current_time() + REPORT_AGAIN
        while True:
            with trio.move_on_at(again):
                await self._bell.wait()
            if trio.current_time() >= again:
                again = trio.current_time() + REPORT_AGAIN
                self._sightings.renew()
            while batch := self._sightings.take(BATCH):
                for addresses in batch:
                    self._on_found(addresses)
                await trio.sleep(1)

    # --- in the thread ------------------------------------------------------------------------------------

    async def _own_thread(
        self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, scope: trio.CancelScope
    ) -> None:
        token = trio.lowlevel.current_trio_token()

        def work() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._session(stop, token))

        try:
            # a thread that lives as long as the daemon must not be one of the few that all tasks share; when
            # this is cancelled, the thread ends because `stop` is set
            limiter = trio.CapacityLimiter(1)
            await trio.to_thread.run_sync(work, thread_name=THREAD_NAME, limiter=limiter)
        except (OSError, RuntimeError, ZeroconfError) as error:
            why = str(error) or type(error).__name__
            logger.warning("cannot find peers on this network by mDNS (%s); --no-mdns silences this", why)
        scope.cancel()

    async def _session(self, stop: asyncio.Event, token: trio.lowlevel.TrioToken) -> None:
        _be_quiet(asyncio.get_running_loop())
        responder = AsyncZeroconf(interfaces=multicast_interfaces(self._addresses))
        core = responder.zeroconf
        try:
            await core.async_wait_for_start(_START_DEADLINE)
            confine(core, near=self._near)

            def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: object) -> None:
                if state_change is ServiceStateChange.Removed:
                    self._sightings.on_withdrawn(name)
                elif self._on_announced(zeroconf, name):
                    token.run_sync_soon(self._bell.ring, idempotent=True)

            browser = AsyncServiceBrowser(core, SERVICE, handlers=[on_change])
            # the name is random: do not ask whether it is taken, so that no stranger can claim it
            announcing = asyncio.ensure_future(
                await responder.async_register_service(self._service(), cooperating_responders=True)
            )
            await stop.wait()
            announcing.cancel()
            await browser.async_cancel()
        finally:
            # withdraws the record; it waits only for asyncio's clock
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

    def _on_announced(self, core: Zeroconf, name: str) -> bool:
        """Note what a service announces now; return whether to report that."""
        try:
            info = ServiceInfo(SERVICE, name)
        except (ZeroconfError, ValueError):
            return False
        # our peers send the TXT record along with the name; if it comes later, zeroconf calls again
        info.load_from_cache(core)
        found = read_record(info.text, local=self._local, pool=self._pool, near=self._near)
        if not found:
            self._sightings.on_withdrawn(name)
            return False
        return self._sightings.on_announced(name, found)


def _be_quiet(loop: asyncio.AbstractEventLoop) -> None:
    """Keep zeroconf out of our log: it warns of bad packets, which any stranger can send."""
    log = logging.getLogger("zeroconf")
    if log.level == logging.WARNING:  # the level that it sets itself; another level was set by a person
        log.setLevel(logging.CRITICAL)

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        logger.debug("mDNS: %s", context.get("message"), exc_info=context.get("exception"))

    loop.set_exception_handler(failed)
