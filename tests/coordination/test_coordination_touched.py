"""Which files are named because two incarnations of a rank appended to them."""

from __future__ import annotations

from mpi_actors.coordination.touched import TouchedFiles


def test_a_file_that_a_successor_opens_again_is_named_once() -> None:
    """In one notice for each rank, whatever order the news came in."""
    files = TouchedFiles()
    for rank, incarnation, path in (
        (2, 0, "/a"), (1, 0, "/b"), (1, 0, "/c"), (1, 0, "/b"), (0, 0, "/a"),
        (1, 1, "/b"), (1, 2, "/b"), (1, 1, "/new"), (3, 1, "/late"), (3, 0, "/late"),
    ):  # fmt: skip
        files.note(rank, incarnation, path)
    first, second = files.notices()
    assert first.startswith("rank 1 was started again and opened /b again to append")
    assert second.startswith("rank 3 was started again and opened /late again to append")


def test_nothing_is_said_without_a_loss() -> None:
    """A rank may open a file as often as it likes, and two ranks the same one."""
    files = TouchedFiles()
    for rank in range(3):
        for _ in range(2):
            files.note(rank, 0, "/same")
    assert files.notices() == []


def test_many_files_are_cut_short() -> None:
    """In the notice, and in memory."""
    files = TouchedFiles()
    for incarnation in range(2):
        for number in range(1100):
            files.note(0, incarnation, f"/{number}")
    [text] = files.notices()
    assert "/9 and 990 more again" in text
    assert "/10" not in text
