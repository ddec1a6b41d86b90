"""The two queues of a context, against a model that follows the words of the standard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi.engine.matching import Arrival, Matching
from mpi_actors.mpi.engine.transfer import Receive

ANY = -1
CONTEXTS = st.sampled_from([0, 1, 4])


def fits(receive: Receive, arrival: Arrival) -> bool:
    """Return whether a receive takes a message."""
    return (
        receive.context == arrival.context
        and receive.want_source in (ANY, arrival.source)
        and receive.want_tag in (ANY, arrival.tag)
    )


arrivals = st.builds(
    lambda source, context, tag: Arrival(source, context, tag, 0, 0, 0),
    st.integers(0, 2), CONTEXTS, st.integers(0, 2),
)  # fmt: skip
receives = st.builds(
    lambda source, context, tag: Receive(source, context, tag, None),
    st.integers(-1, 2), CONTEXTS, st.integers(-1, 2),
)  # fmt: skip


@given(st.lists(st.one_of(arrivals, receives), max_size=40))
def test_each_takes_the_first_that_fits(events: list[Arrival | Receive]) -> None:
    """A message goes to the first posted receive that fits, a receive takes the first message that fits."""
    matching = Matching()
    posted: list[Receive] = []
    unexpected: list[Arrival] = []
    for event in events:
        if isinstance(event, Receive):
            first = next((arrival for arrival in unexpected if fits(event, arrival)), None)
            source, context, tag = event.want_source, event.context, event.want_tag
            assert matching.find(source, context, tag) is first
            assert matching.post(event) is first
            if first is None:
                posted.append(event)
            else:
                unexpected.remove(first)
        else:
            taker = next((receive for receive in posted if fits(receive, event)), None)
            assert matching.arrive(event.source, event.context, event.tag) is taker
            if taker is None:
                matching.keep(event)
                unexpected.append(event)
            else:
                posted.remove(taker)
    assert matching.left() == len(posted) + len(unexpected)
    for receive in posted:
        assert matching.withdraw(receive)
        assert not matching.withdraw(receive)
    assert matching.left() == len(unexpected)
