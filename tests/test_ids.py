"""The names of things, in short."""

from __future__ import annotations

from mpi_actors.ids import short_peer


def test_a_short_peer_is_the_end_of_its_id() -> None:
    assert short_peer("12D3KooWabcdefgh12345678") == "…12345678"
    assert short_peer(None) == "no peer"
