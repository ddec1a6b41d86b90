"""Errors come out of nurseries as they are."""

from __future__ import annotations

import pytest
import trio

from mpi_actors.errors import DialFailed, MpiActorsError, Ungrouped, leaf, leaves


def test_a_leaf_is_the_first_error_of_nested_groups() -> None:
    first, second = ValueError(), KeyError()
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [first]), second])
    assert leaf(group) is first
    assert list(leaves(group)) == [first, second]


def test_an_error_in_no_group_is_its_own_leaf() -> None:
    error = KeyboardInterrupt()
    assert leaf(error) is error
    assert list(leaves(error)) == [error]


async def test_the_error_of_a_body_comes_out_as_it_is() -> None:
    error, body = DialFailed("nobody there"), Ungrouped()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        with body:
            raise error
        nursery.cancel_scope.cancel()
    with pytest.raises(MpiActorsError) as caught:
        body.reraise()
    assert caught.value is error


async def test_the_errors_of_other_tasks_come_out_in_a_group() -> None:
    body = Ungrouped()

    async def fail() -> None:
        raise ValueError

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            with body:
                await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert list(map(type, leaves(caught.value))) == [ValueError]
    assert body.error is None


def test_a_body_that_ends_well_raises_nothing() -> None:
    body = Ungrouped()
    with body:
        pass
    body.reraise()
    assert body.error is None


def test_what_ends_the_program_is_not_kept() -> None:
    body = Ungrouped()
    with pytest.raises(KeyboardInterrupt), body:
        raise KeyboardInterrupt
    assert body.error is None
