"""What a daemon reads of pages is what they all had at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mpi_actors.errors import MpiActorsError
from mpi_actors.ids import JobId, PeerId
from mpi_actors.lanes.choices import JobChoices
from mpi_actors.replay.page import Page
from mpi_actors.wire.choices import decode_pieces
from mpi_actors.wire.messages import ChoicesStable


class Keeper:
    """A keeper that does nothing."""

    def soon(self) -> None:
        """See `ChoiceReporter.soon`."""

    def report(self, choices: JobChoices) -> None:
        """See `ChoiceReporter.report`."""

    def tell(self, peer: PeerId, message: ChoicesStable) -> None:
        """See `ChoiceReporter.tell`."""


class Far:
    """A link to another peer."""

    remote = PeerId("far")


class Watched(Page):
    """A page whose reader is seen."""

    __slots__ = ("on_look",)
    on_look: Callable[[], None]

    @property
    def claims(self) -> int:
        """See `Page.claims`."""
        claims = super().claims
        self.on_look()
        return claims


@pytest.fixture
def pages() -> Iterator[list[Watched]]:
    """Two pages."""
    pages = []
    for _ in range(2):
        page = Watched.create()
        assert isinstance(page, Watched)
        pages.append(page)
    yield pages
    for page in pages:
        page.close()


@pytest.mark.parametrize("at", range(8))
def test_pages_are_read_as_they_were_at_one_moment(pages: list[Watched], at: int) -> None:
    """Rank 0 chooses and sends rank 1 a message, which rank 1 records, while the daemon looks: the record of
    rank 1 must not go anywhere without that of rank 0."""
    looks = 0

    def on_look() -> None:
        nonlocal looks
        looks += 1
        if looks == at:
            for page in pages:
                page.append(b"a choice")

    def fail(error: MpiActorsError) -> None:
        raise error

    choices = JobChoices(JobId("00c0ffee00c0ffee"), PeerId("home"), Keeper())
    for rank, page in enumerate(pages):
        page.on_look = lambda: None
        choices.attach(rank, 0, page, 0, fail)
    for page in pages:
        page.on_look = on_look
        page._map(page._memory())
    frame = choices.ahead(Far(), 1000)  # type: ignore[arg-type]
    ranks = {piece.rank for piece in decode_pieces(frame.payload)} if frame is not None else set()
    assert ranks in (set(), {0, 1})
