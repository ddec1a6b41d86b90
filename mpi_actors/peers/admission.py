"""Letting links in: a session for each, supervised, and no more than the settings allow."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial

import trio

from ..actors import ChildSpec, Mailbox, Restart, Supervisor
from ..config import Settings
from ..errors import ConnectionLost, MpiActorsError
from ..net.pairing import Pairing, StreamPair
from ..net.transport import ByteStream, Transport
from .roster import Roster
from .session import GOODBYE_TIME, PeerSession, SessionOwner

logger = logging.getLogger(__name__)


class Admission:
    """Starts a session for each link that others open to this peer, or that the dialer opened.

    Args:
        transport: the network that the links belong to.
        supervisor: the parent of the sessions.
        roster: the peers that are present, of which `settings.peer` limits the number.
        owner: what sessions ask and tell.
        settings: of this peer.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        supervisor: Supervisor,
        roster: Roster,
        owner: SessionOwner,
        settings: Settings,
    ) -> None:
        self._transport = transport
        self._supervisor = supervisor
        self._roster = roster
        self._owner = owner
        self._settings = settings
        self._pairing = Pairing(settings.timing, settings.peer)
        self._sessions = 0

    @property
    def errors(self) -> Counter[str]:
        """How often streams were refused before they were a link, by the errors' names."""
        return self._pairing.errors

    async def accept(self, stream: ByteStream) -> None:
        """Take a stream that another peer opened, and stay until the session that it belongs to has ended."""
        pair = await self._pairing.accept(stream)
        if pair is None:
            return
        try:
            with self._pairing.greeting(pair.remote):
                session = await self.begin(pair)
                await session.settled.wait()
                if not session.was_up:
                    await session.ended.wait()
        except MpiActorsError as error:
            logger.info("a link of %s was not taken: %s", pair.remote, error)
            await pair.aclose()
        else:
            await session.ended.wait()

    async def begin(self, pair: StreamPair) -> PeerSession:
        """Start a session on a pair of streams, which it closes at its end.

        Raises:
            ConnectionLost: this peer has as many links as it may have.
            MpiActorsError: the daemon stops, and starts no session any more.
        """
        session = PeerSession(pair, self._owner, self._settings.timing)
        self._sessions += 1
        try:
            if len(self._roster) >= self._settings.peer.max_links:
                raise ConnectionLost(f"this peer is connected to {len(self._roster)} others already")
            await self._supervisor.start_child(
                ChildSpec(
                    id=f"{pair.remote}#{self._sessions}",
                    run=partial(self._hold, session),
                    restart=Restart.TEMPORARY,
                    shutdown=GOODBYE_TIME,
                )
            )
        except BaseException:
            with trio.CancelScope(shield=True):
                await pair.aclose()
            raise
        return session

    async def _hold(self, session: PeerSession, mailbox: Mailbox[object]) -> None:
        try:
            await session.run(mailbox)
        finally:
            if session.was_up and self._roster.get(session.remote) is None:
                # what is left of the connection may be stuck, and the next dial must not use it
                with trio.CancelScope(shield=True):
                    await self._transport.disconnect(session.remote)
            session.ended.set()
