"""The warden starts, signals and reaps real programs, and connects their streams."""

from __future__ import annotations

import ast
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from process_harness import DEADLINE, children_of, ended, python, read_all, read_lines, run, spec, until

from mpi_actors.errors import CannotSpawn
from mpi_actors.process import Exit, ProcessSpec, Warden
from mpi_actors.process.warden_main import children_by_scan
from mpi_actors.process.warden_process import WardenProcess


@pytest.mark.parametrize("code", [0, 1, 3, 255])
async def test_exit_codes(warden: Warden, code: int) -> None:
    """The exit code is that of the program."""
    result, _, _ = await run(warden, spec("sh", "-c", f"exit {code}"))
    assert (result.code, result.signal, result.ok, result.killed) == (code, None, code == 0, False)


@pytest.mark.parametrize(
    ("name", "killed"), [("KILL", True), ("TERM", True), ("SEGV", False), ("ABRT", False)]
)
async def test_deadly_signals(warden: Warden, name: str, killed: bool) -> None:
    """The exit has the signal that ended the program, and whether it came from outside."""
    result, _, _ = await run(warden, spec("sh", "-c", f"kill -{name} $$"))
    assert (result.code, result.signal, result.killed) == (None, signal.Signals[f"SIG{name}"], killed)


async def test_usage(warden: Warden) -> None:
    """A program that fills 40 MB is reported to have used them."""
    result, _, _ = await run(warden, python("b = bytearray(40_000_000); b[::4096] = b'x' * len(b[::4096])"))
    assert result.usage is not None
    assert result.usage.max_rss >= 40_000_000
    assert result.usage.user_seconds + result.usage.system_seconds > 0


async def test_the_three_streams(warden: Warden) -> None:
    """Input, output and error output are separate, and the program sees the end of its input."""
    process = await warden.spawn(spec("sh", "-c", "cat; echo bad >&2"))
    await process.stdin.send_all(b"hello")
    await process.stdin.aclose()
    assert (await read_all(process.stdout), await read_all(process.stderr)) == (b"hello", b"bad\n")
    assert (await ended(process)).ok
    process.close()


async def test_ten_megabytes_both_ways(warden: Warden) -> None:
    """Far more than a pipe holds goes in and out at the same time."""
    data = os.urandom(1 << 16) * 160
    process = await warden.spawn(spec("cat"))

    async def write() -> None:
        await process.stdin.send_all(data)
        await process.stdin.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        assert await read_all(process.stdout) == data
    assert (await ended(process)).ok
    process.close()


async def test_many_waiters(warden: Warden, nursery: trio.Nursery) -> None:
    """Every task in `wait` gets the same exit, early or late."""
    process = await warden.spawn(spec("cat"))
    results: list[Exit] = []

    async def wait() -> None:
        results.append(await process.wait())

    async with trio.open_nursery() as waiters:
        for _ in range(3):
            waiters.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        process.kill()
    await wait()
    assert results == [results[0]] * 4
    assert results[0].describe() == "killed by SIGKILL"
    process.close()


async def test_signals_reach_the_whole_group(warden: Warden) -> None:
    """A signal reaches the leader and its children."""
    code = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: child or os._exit(5))
child = os.fork()
print("ready")
if child: sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) + 1)
signal.pause()
"""
    process = await warden.spawn(python(code))
    await read_lines(process.stdout, 2)
    process.signal(signal.SIGUSR1)
    assert (await ended(process)).code == 6
    process.close()


async def test_kill_after_the_end_is_harmless(warden: Warden) -> None:
    """A signal to a program that has ended does nothing."""
    process = await warden.spawn(spec("true"))
    await ended(process)
    process.kill()
    process.signal(signal.SIGTERM)
    process.close()
    process.close()
    assert (await run(warden, spec("true")))[0].ok


async def test_kill_races_with_the_end(warden: Warden) -> None:
    """A kill at about the time of the end gives one of the two exits, and hits no later program."""
    for _ in range(20):
        process = await warden.spawn(spec("true"))
        process.kill()
        later = await warden.spawn(spec("true"))
        assert (await ended(process)).describe() in ("exit code 0", "killed by SIGKILL")
        assert (await ended(later)).ok
        process.close()
        later.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"argv": ("no-such-program",)}, "'no-such-program' is not on the program's PATH"),
        ({"argv": ("/no/such/program",)}, "cannot run '/no/such/program': No such file or directory"),
        ({"argv": ("/dev/null",)}, "cannot run '/dev/null': Permission denied"),
        ({"cwd": "/no/such/directory"}, "cannot enter the directory '/no/such/directory': No such file"),
        ({"argv": ("true", "a\0b")}, "embedded null byte"),
        ({"argv": ("true", "x" * 3_000_000)}, "cannot run '/.*/true': Argument list too long"),
        ({"argv": ("true", "x" * 70_000_000)}, "arguments and environment are too large"),
    ],
    ids=["not found", "no file", "no program", "no directory", "null", "too long", "far too long"],
)
async def test_what_cannot_be_spawned(warden: Warden, change: dict[str, Any], reason: str) -> None:
    """A program that cannot start raises CannotSpawn with the reason; the next spawn works."""
    with pytest.raises(CannotSpawn, match=reason):
        await warden.spawn(attrs.evolve(spec("true"), **change))
    assert (await run(warden, spec("true")))[0].ok


async def test_large_requests(warden: Warden) -> None:
    """Arguments and environment far larger than a socket's buffer arrive whole and in order."""
    args = [str(i) * 20_000 for i in range(5)]
    extra = {f"BIG{i}": chr(65 + i) * 100_000 for i in range(12)}
    code = "import os, sys; print([sys.argv[1:], {k: v for k, v in os.environ.items() if 'BIG' in k}])"
    _, output, errors = await run(warden, spec(sys.executable, "-c", code, *args, env=extra))
    assert errors == b""
    assert ast.literal_eval(output.decode()) == [args, extra]


async def test_arguments_that_are_not_ascii(warden: Warden) -> None:
    """Arguments are passed byte by byte, whatever the encoding."""
    _, output, _ = await run(warden, spec("printf", "%s", "Zürich\udcff"))
    assert output == "Zürich".encode() + b"\xff"


async def test_what_a_program_finds(warden: Warden, tmp_path: Path) -> None:
    """A program has a session, directory and umask of its own, three descriptors and default signals."""
    code = """
import os
print(os.getpid() == os.getsid(0) == os.getpgid(0), os.getcwd(), oct(os.umask(0)))
print(sorted(os.listdir("/proc/self/fd")))  # 3 is for this list
"""
    program = ProcessSpec((sys.executable, "-c", code), str(tmp_path), spec("x").env, umask=0o027)
    _, output, _ = await run(warden, program)
    assert output.decode().rstrip() == f"True {tmp_path} 0o27\n['0', '1', '2', '3']"
    _, output, _ = await run(warden, spec("cat", "/proc/self/status", "/proc/self/oom_score_adj"))
    status = dict(line.split(":\t", 1) for line in output.decode().splitlines() if ":\t" in line)
    ordinary = (1 << 31) - 1  # number 32, the next, is glibc's own: no program can ask for it
    assert {int(status[name], 16) & ordinary for name in ("SigBlk", "SigIgn", "SigCgt")} == {0}
    assert int(output.split()[-1]) > int(_read("/proc/self/oom_score_adj"))


async def test_no_secrets(warden: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a program nor the warden process inherits our environment."""
    monkeypatch.setenv("MY_SECRET", "hush")
    _, output, _ = await run(warden, spec("env"))
    assert b"hush" not in output
    assert b"hush" not in _read(f"/proc/{warden.pid}/environ")


async def test_no_descriptor_leaks(warden: Warden) -> None:
    """After 50 programs, some of which cannot be run, we and the warden process have no more descriptors."""

    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{warden.pid}/fd"))

    await run(warden, spec("true"))
    before = count()
    for i in range(50):
        if i % 10 == 0:
            with pytest.raises(CannotSpawn):
                await warden.spawn(spec("/no/such/program"))
        else:
            await run(warden, spec("true"))
    assert count() == before


async def test_a_warden_process_without_free_descriptors(warden: Warden) -> None:
    """When the warden process's table of open files is full, a spawn fails by name; later ones work."""
    await run(warden, spec("true"))
    warden_pid = warden.pid
    assert warden_pid is not None
    used = {int(fd) for fd in os.listdir(f"/proc/{warden_pid}/fd")}
    free = [fd for fd in range(1000) if fd not in used]
    soft, hard = resource.prlimit(warden_pid, resource.RLIMIT_NOFILE)
    resource.prlimit(warden_pid, resource.RLIMIT_NOFILE, (free[1], hard))
    with pytest.raises(CannotSpawn, match="1 of 3 descriptors received"):
        await warden.spawn(spec("true"))
    resource.prlimit(warden_pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert (await run(warden, spec("true")))[0].ok
    assert {int(fd) for fd in os.listdir(f"/proc/{warden_pid}/fd")} == used


async def test_concurrent_spawns_share_one_warden_process(warden: Warden) -> None:
    """Spawns that all come first start one warden process, and each gets its own program's output."""
    outputs = {}

    async def echo(word: str) -> None:
        outputs[word] = (await run(warden, spec("echo", word)))[1]

    async with trio.open_nursery() as nursery:
        for i in range(10):
            nursery.start_soon(echo, str(i))
    assert outputs == {str(i): f"{i}\n".encode() for i in range(10)}
    assert len([pid for pid in children_by_scan() if _is_warden_process(pid)]) == 1


def _is_warden_process(pid: int) -> bool:
    return b"warden_main.py" in _read(f"/proc/{pid}/cmdline")


def _read(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_spawn_cancelled_anywhere(warden: Warden) -> None:
    """Wherever a spawn is cancelled, no process and no descriptor is left of it."""
    await run(warden, spec("true"))
    warden_pid = warden.pid
    assert warden_pid is not None
    before = len(os.listdir("/proc/self/fd"))
    for steps in range(40):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_spawn_and_forget, warden)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    await run(warden, spec("true"))
    await until(lambda: children_of(warden_pid) == [])
    assert len(os.listdir("/proc/self/fd")) == before


async def _spawn_and_forget(warden: Warden) -> None:
    process = await warden.spawn(spec("sleep", "1000"))
    process.kill()
    process.close()


async def test_an_abandoned_request_is_not_sent(nursery: trio.Nursery, tmp_path: Path) -> None:
    """A program whose spawn is cancelled before the request is sent never starts."""
    process = await WardenProcess.start()
    nursery.start_soon(process.run)
    touch = spec("touch", str(tmp_path / "started"))
    ward = process.request_spawn(touch, "/usr/bin/touch", _nulls())
    ward.abandoned = True
    later = process.request_spawn(spec("true"), "/bin/true", _nulls())
    with trio.fail_after(DEADLINE):
        await later.ended.wait()
    await until(lambda: children_of(process.pid) == [])
    assert os.listdir(tmp_path) == []


def _nulls() -> list[int]:
    return [os.open(os.devnull, os.O_RDWR) for _ in range(3)]


async def test_requests_cancelled_half_sent_or_queued(warden: Warden, tmp_path: Path) -> None:
    """Cancelled requests that a slow warden process has not read in full leave nothing, and break nothing."""
    await run(warden, spec("true"))
    warden_pid = warden.pid
    assert warden_pid is not None
    before = len(os.listdir("/proc/self/fd"))
    os.kill(warden_pid, signal.SIGSTOP)
    try:
        async with trio.open_nursery() as nursery:
            big = spec("sleep", "1000", env={f"BIG{i}": "x" * 100_000 for i in range(12)})
            nursery.start_soon(warden.spawn, big)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.start_soon(warden.spawn, spec("touch", str(tmp_path / "started")))
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
    finally:
        os.kill(warden_pid, signal.SIGCONT)
    assert (await run(warden, spec("true")))[0].ok
    await until(lambda: children_of(warden_pid) == [])
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before
