"""Each example gives its answer, and the same answer when a rank is killed on the way."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from driver import run_example, run_init

from mpi_actors.programs.manifest import protocol_of

EXAMPLE = Path(__file__).resolve().parents[2] / "example"
PYTHON = Path(sys.executable).resolve()
NAMES = sorted(path.name for path in EXAMPLE.iterdir() if path.is_dir())
SPEAK_MPI = {name for name in NAMES if protocol_of(EXAMPLE / name) == "mpi"}

RUNNABLE = {
    "dummy": (3, ()),
    "echo": (2, ("hello",)),
    "multi_echo": (3, ("2",)),
    "pi": (3, ("1000",)),
    "random_reset": (2, ()),
    "reset_echo": (2, ()),
    "round_echo": (3, ("2",)),
    "words": (3, ("the cat", "The dog", "a cat, the", "10 9 10")),
}
"""For each example that can run: ranks and arguments."""

MANY = 100
"""Failures allowed where an example fails at random: past this once in 2**100 runs."""


def ring(n: int, rounds: int) -> str:
    """The answer of round_echo, worked out without it."""
    token = "start"
    for _ in range(rounds):
        for rank in [*range(1, n), 0]:
            token = hashlib.sha256(f"{rank} {token}".encode()).hexdigest()
    return token


def test_every_example_is_covered() -> None:
    """Every directory is run by these tests, except the one that refuses; or by those of mpi4py."""
    assert sorted([*RUNNABLE, "failing", *SPEAK_MPI]) == NAMES


@pytest.mark.parametrize("name", RUNNABLE)
async def test_init_accepts_this_peer(name: str) -> None:
    """init.py of every example that can run accepts a peer that has what it needs, and is silent."""
    assert await run_init(EXAMPLE / name) == (0, "")


async def test_failing_refuses() -> None:
    """init.py of failing ends with exit code 1 and says why on standard error."""
    code, said = await run_init(EXAMPLE / "failing")
    assert code == 1
    assert "refuses" in said


async def test_words_refuses_a_peer_without_awk(tmp_path: Path) -> None:
    """init.py of words refuses where no awk is on the PATH, and names what is missing."""
    (tmp_path / "python3").symlink_to(PYTHON)
    code, said = await run_init(EXAMPLE / "words", env={"PATH": str(tmp_path)})
    assert code == 1
    assert "awk" in said


async def test_dummy_logs_on_every_rank() -> None:
    """Each rank logs its own line."""
    outcome = await run_example(EXAMPLE / "dummy", 3)
    assert outcome.logs == tuple((f"rank {rank} of 3 was here",) for rank in range(3))


@pytest.mark.parametrize("n", [1, 2, 3])
async def test_echo_gives_back_its_arguments(n: int) -> None:
    """The echo is the arguments joined with spaces, whatever they hold, for any number of ranks."""
    outcome = await run_example(EXAMPLE / "echo", n, "hello,", "wörld", "a,b", "c\rd", "")
    assert outcome.output == ("hello, wörld a,b c\rd ",)
    assert outcome.stderr == ("",) * n


async def test_multi_echo_logs_every_echo() -> None:
    """Every other rank's echoes come back, in order."""
    outcome = await run_example(EXAMPLE / "multi_echo", 3, "2")
    assert outcome.output == (
        "message 1 to rank 1",
        "message 1 to rank 2",
        "message 2 to rank 1",
        "message 2 to rank 2",
        "4 echoes came back",
    )


async def test_multi_echo_counts_to_three_by_default() -> None:
    """Without an argument each other rank is sent three messages."""
    outcome = await run_example(EXAMPLE / "multi_echo", 2)
    assert outcome.output[-1] == "3 echoes came back"


@pytest.mark.parametrize(("n", "args", "rounds"), [(1, ("2",), 2), (3, (), 1), (3, ("2", "0.01"), 2)])
async def test_round_echo_depends_on_every_hop(n: int, args: tuple[str, ...], rounds: int) -> None:
    """Each round is logged, and the answer is the hash over every hop; the delay does not change it."""
    outcome = await run_example(EXAMPLE / "round_echo", n, *args)
    progress = tuple(f"round {number} of {rounds}: {ring(n, number)[:16]}" for number in range(1, rounds + 1))
    assert outcome.output == (*progress, f"answer: {ring(n, rounds)}")


@pytest.mark.parametrize("n", [1, 2])
async def test_reset_echo_restarts_its_partner_once(n: int) -> None:
    """The Reset starts rank 1 (alone: rank 0) exactly once more, and both echoes are right."""
    outcome = await run_example(EXAMPLE / "reset_echo", n)
    assert outcome.output == ("before the reset", "after the reset")
    assert outcome.starts == ((2,) if n == 1 else (1, 2))


@pytest.mark.parametrize("n", [1, 2])
async def test_random_reset_is_right_whether_it_fails_or_not(n: int) -> None:
    """The answer is right in every run, among them one with a failure and one without."""
    failed = set()
    for _ in range(MANY):
        outcome = await run_example(EXAMPLE / "random_reset", n, max_failures=MANY)
        assert outcome.output == ("echo 1", "echo 2", "echo 3")
        failed.add(outcome.starts[-1] > 1)
        assert ("on purpose" in outcome.stderr[-1]) == (outcome.starts[-1] > 1)
        if len(failed) == 2:
            return
    pytest.fail("the rank always failed, or never did")


@pytest.mark.parametrize(("n", "args", "digits"), [(1, ("1000",), 6), (3, ("1000",), 6), (2, (), 12)])
async def test_pi_is_as_close_as_the_steps_allow(n: int, args: tuple[str, ...], digits: int) -> None:
    """As many digits are right as the midpoint rule gives with that many steps (error 1 / (12 steps²))."""
    (line,) = (await run_example(EXAMPLE / "pi", n, *args)).output
    assert line.startswith("pi is 3.141592653590"[: len("pi is 3.") + digits])
    assert len(line.split(",")[0]) == len("pi is 3.141592653590")


@pytest.mark.parametrize("n", [1, 2, 3, 6])
async def test_words_counts_over_all_ranks(n: int) -> None:
    """The count is the same for any number of ranks: most frequent first, then by letters, case ignored."""
    outcome = await run_example(EXAMPLE / "words", n, *RUNNABLE["words"][1])
    assert outcome.output == (
        "3 the",
        "2 10",
        "1 9",
        "1 a",
        "1 cat",
        "1 cat,",
        "1 dog",
        "10 words, 7 different",
    )


async def test_words_takes_any_argument_for_text(tmp_path: Path) -> None:
    """Arguments that awk would take for options, assignments or files are counted as words."""
    outcome = await run_example(EXAMPLE / "words", 2, "-v", "n=5", "count.awk", "ä\\n")
    assert outcome.output == ("1 -v", "1 count.awk", "1 n=5", "1 ä\\n", "4 words, 4 different")


@pytest.mark.parametrize("lines", [0, 1])
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", RUNNABLE)
async def test_a_killed_rank_does_not_change_the_answer(name: str, rank: int, lines: int) -> None:
    """A rank killed at its start or after its first line is started again, and every log is as without."""
    n, args = RUNNABLE[name]
    undisturbed = await run_example(EXAMPLE / name, n, *args, max_failures=MANY)
    killed = await run_example(EXAMPLE / name, n, *args, kill={rank: lines}, max_failures=MANY)
    assert killed.starts[rank] >= 2
    assert killed.logs == undisturbed.logs


async def test_round_echo_survives_the_loss_of_every_rank() -> None:
    """All ranks killed at different points of one run give the same answer."""
    outcome = await run_example(EXAMPLE / "round_echo", 3, "3", kill={0: 4, 1: 3, 2: 2})
    assert outcome.starts == (2, 2, 2)
    assert outcome.output[-1] == f"answer: {ring(3, 3)}"


async def test_examples_need_no_other_file(tmp_path: Path) -> None:
    """An example runs from a private copy of its directory alone."""
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLE / "words", copy)
    assert (await run_example(copy, 2, "one")).output[-1] == "1 words, 1 different"
