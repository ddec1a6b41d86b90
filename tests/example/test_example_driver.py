"""The reference driver keeps the protocol's promises and reports what breaks them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from driver import BadLine, DeadlineExpired, Diverged, TooManyFailures, run_example

HEAD = """
import os, sys, time
n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
def say(line):
    print(line, flush=True)
"""


def program(directory: Path, body: str) -> Path:
    """Write a run.py in which n, rank, args and say(line) are given; return its directory."""
    (directory / "run.py").write_text(HEAD + dedent(body))
    return directory


BAD_LINES = [
    "",
    "log,x",
    " Log,x",
    "Log",
    "Send,0",
    "Send,2,x",
    "Send,-1,x",
    "Req,",
    "Req,2",
    "Req,0,x",
    "Reset,2",
    "Reset,a",
]


@pytest.mark.parametrize("line", BAD_LINES)
async def test_a_line_of_no_kind_fails_the_run(tmp_path: Path, line: str) -> None:
    """What is none of the four, or names no rank of the job, is refused by name and quoted."""
    with pytest.raises(BadLine) as caught:
        await run_example(program(tmp_path, f"say({line!r})"), 2)
    assert repr(line) in str(caught.value)


async def test_a_line_without_an_end_fails_the_run(tmp_path: Path) -> None:
    """Text after the last newline of a program that ended well is not lost in silence."""
    with pytest.raises(BadLine, match="ended within a line"):
        await run_example(program(tmp_path, "print('Log,x', end='')"), 1)


async def test_messages_of_one_source_keep_their_order(tmp_path: Path) -> None:
    """Messages are matched by source, first in first out, in whatever order the sources are asked."""
    body = """
    if rank == 0:
        for source in (2, 1, 1, 2):
            say(f"Req,{source}")
            say("Log," + input())
    else:
        say(f"Send,0,{rank}a")
        say(f"Send,0,{rank}b")
    """
    assert (await run_example(program(tmp_path, body), 3)).output == ("2a", "1a", "1b", "2b")


async def test_a_waiting_request_does_not_hold_up_later_lines(tmp_path: Path) -> None:
    """Lines after a Req are carried out before it is answered, and answers come in the order of the Reqs."""
    body = """
    other = 1 - rank
    say(f"Req,{other}"); say(f"Req,{other}")
    say(f"Send,{other},one"); say(f"Send,{other},two")
    say("Log," + input() + " " + input())
    """
    assert (await run_example(program(tmp_path, body), 2)).logs == (("one two",), ("one two",))


async def test_standard_error_is_kept_and_is_no_failure(tmp_path: Path) -> None:
    """What a program writes to standard error is collected by rank."""
    outcome = await run_example(program(tmp_path, "sys.stderr.write(f'from {rank}')"), 2)
    assert outcome.stderr == ("from 0", "from 1")
    assert outcome.starts == (1, 1)


async def test_a_restarted_rank_sends_and_logs_nothing_twice(tmp_path: Path) -> None:
    """After a failure the same messages are received again; what was sent and logged counts once."""
    marker = tmp_path / "failed-once"
    body = f"""
    other = 1 - rank
    for number in range(4):
        say(f"Log,{{number}}")
        say(f"Send,{{other}},{{number}}")
        say(f"Req,{{other}}")
        assert input() == str(number)
        if rank == 1 and number == 2 and not os.path.exists({str(marker)!r}):
            open({str(marker)!r}, "w").close()
            sys.exit(3)
    """
    outcome = await run_example(program(tmp_path, body), 2)
    assert outcome.logs == (("0", "1", "2", "3"),) * 2
    assert outcome.starts == (1, 2)


async def test_a_repeated_reset_is_carried_out_once(tmp_path: Path) -> None:
    """A rank that is itself started again repeats its Reset, which causes no other; a second Reset does."""
    body = """
    if rank == 0:
        say("Reset,1")
        say("Req,1"); input()
        say("Reset,0")
        say("Req,1"); input()
        say("Reset,1")
    else:
        say("Send,0,a"); say("Send,0,b")
    """
    assert (await run_example(program(tmp_path, body), 2)).starts == (2, 3)


async def test_a_rank_that_sends_something_else_is_found_out(tmp_path: Path) -> None:
    """A message that differs after a restart fails the run and names sender, receiver and number."""
    body = """
    say(f"Send,0,same")
    say(f"Send,0,{os.getpid()}")
    sys.exit(1)
    """
    with pytest.raises(Diverged, match="message 1 from rank 0 to rank 0"):
        await run_example(program(tmp_path, body), 1)


async def test_a_rank_may_fail_ten_times(tmp_path: Path) -> None:
    """The eleventh failure within the window fails the run, with the exit code and what the program said."""
    with pytest.raises(TooManyFailures, match=r"rank 0 failed 11 times, last with exit code 7: no") as caught:
        await run_example(program(tmp_path, "sys.stderr.write('no\\n'); sys.exit(7)"), 1)
    assert str(caught.value).count("no\n") == 11


async def test_the_deadline_names_who_waits_for_whom(tmp_path: Path) -> None:
    """A run that cannot end is ended, and the error says what each rank was doing."""
    body = """
    if rank == 0:
        say("Req,1")
        input()
    """
    said = []
    for deadline in (1.0, 10.0, 60.0, 600.0):  # on a busy machine they may not yet have come that far
        with pytest.raises(DeadlineExpired) as caught:
            await run_example(program(tmp_path, body), 2, deadline=deadline)
        said.append(str(caught.value))
        if said[-1] == "rank 0 waits for message 0 from rank 1; rank 1 has ended":
            return
    pytest.fail(f"the deadline said {said}")
