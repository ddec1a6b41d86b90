"""Interpreters and content between real daemons, without an IPFS daemon and with one."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from console_child import PATIENCE, Child, console, left_behind, make_store, run
from kubo_daemon import KuboDaemon, running_kubo

from mpi_actors.content import access
from mpi_actors.errors import BackendUnavailable

pytestmark = pytest.mark.e2e

EMBEDDED = ("-ipfs-api", "embedded")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what was started, the last first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """An IPFS daemon on loopback."""
    with running_kubo(tmp_path_factory.mktemp("kubo") / "node") as daemon:
        yield daemon


def command(name: str, path: Path, *args: str | Path) -> str:
    """Run a one-shot command of our own; returns what it prints."""
    line = [sys.executable, "-m", "mpi_actors", name, "-path", path, *EMBEDDED, *args]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


def published(path: Path, directory: Path) -> str:
    """Publish a directory with a one-shot command; returns its root."""
    return command("publish", path, "-q", directory).strip()


def address_of(child: Child) -> str:
    """What a daemon says others have to name."""
    return child.until(r"-peer (/ip4/\S+)")[1]


def install(child: Child, *names: str) -> None:
    """Wait until a daemon has installed these interpreters."""
    for name in names:
        for _ in range(6000):
            child.send("list\n")
            shown = child.until(rf"(?m)^({name} +|no interpreters).*\n")[0]
            if re.search(r"\binstalled\b", shown):
                break
            time.sleep(0.1)  # it is asked, since nothing tells it
        else:
            raise AssertionError(f"{name} was not installed: {shown}")


def random_tree(place: Path, size: int) -> Path:
    """One large file and a few small ones."""
    (place / "deep" / "er").mkdir(parents=True)
    (place / "empty").touch()
    (place / "large").write_bytes(random.Random(size).randbytes(size))
    for number in range(5):
        (place / "deep" / "er" / f"é{number}").write_text(f"{number}\n" * number)
    return place


def files(root: Path) -> dict[str, bytes]:
    """All files of a tree."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# --- peers only -------------------------------------------------------------------------------------------


def test_an_interpreter_outlives_its_publisher(tmp_path: Path, stack: ExitStack) -> None:
    """One publishes, two install by the identifier alone, the publisher is killed, a fourth installs."""
    store = make_store(tmp_path / "store", "echo", "round_echo")
    first = stack.enter_context(console(tmp_path / "1", "-ipfs-store", str(store), *EMBEDDED))
    root = first.until(r"pool (Qm\w{44}),")[1]
    address = address_of(first)
    others = []
    for number in (2, 3):
        running = console(tmp_path / str(number), "-ipfs-store", root, *EMBEDDED, "-peer", address)
        others.append(stack.enter_context(running))
    second, third = (address_of(other) for other in others)
    for other in others:
        install(other, "echo", "round_echo")
    first.signal(signal.SIGKILL)
    first.end()
    flags = ("-ipfs-store", f"/ipfs/{root}/", *EMBEDDED, "-peer", second, "-peer", third)
    fourth = stack.enter_context(console(tmp_path / "4", *flags))
    install(fourth, "echo", "round_echo")
    for interpreter in ("echo", "round_echo"):
        installed = tmp_path / "4" / "interpreters" / interpreter
        assert files(installed) == files(store / interpreter)
    fourth.send("start echo 3 still here\n")
    fourth.until(r"(?m)^still here$")
    fourth.until(r"finished after")
    fourth.send("exit\n")
    assert fourth.end() == 0
    assert left_behind(fourth.process.pid, tmp_path / "4") == []


def test_a_provider_dies_in_the_middle(tmp_path: Path) -> None:
    """32 MiB from the first of two providers, which is killed meanwhile; the bytes are right."""
    tree = random_tree(tmp_path / "tree", 32 << 20)
    root = published(tmp_path / "1", tree)
    shutil.copytree(tmp_path / "1" / "blocks", tmp_path / "2" / "blocks")
    total = _blocks(tmp_path / "1")
    for attempt in range(10):
        have = _fetch_while_one_dies(tmp_path, root, tmp_path / f"copy{attempt}")
        assert files(tmp_path / f"copy{attempt}") == files(tree)
        if have < total:
            return  # else it was killed too late: this process had to wait for its turn
    raise AssertionError("it was never in the middle")


def _fetch_while_one_dies(place: Path, root: str, to: Path) -> int:
    """How many blocks had come when the first provider was killed."""
    path = place / f"fetching {to.name}"
    with ExitStack() as stack:
        providers = [stack.enter_context(console(place / name, *EMBEDDED)) for name in ("1", "2")]
        asked = [part for provider in providers for part in ("-peer", address_of(provider))]
        flags = ["-path", str(path), *EMBEDDED, *asked]
        line = [sys.executable, "-m", "mpi_actors", "get", *flags, root, str(to)]
        with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as fetch:
            while (have := _blocks(path)) < 8 and fetch.poll() is None:
                pass
            providers[0].signal(signal.SIGKILL)
            _, error = fetch.communicate(timeout=PATIENCE)
            assert fetch.returncode == 0, error
    return have


def _blocks(path: Path) -> int:
    return sum(len(names) for place, _, names in os.walk(path / "blocks") if Path(place).name != "incoming")


# --- with an IPFS daemon ----------------------------------------------------------------------------------


def test_an_ipfs_daemon_fetches_from_us(tmp_path: Path, stack: ExitStack, kubo: KuboDaemon) -> None:
    """`ipfs swarm connect`, `ipfs ping`, `ipfs id` and `ipfs get` work with our peer."""
    tree = random_tree(tmp_path / "tree", 5 << 20)
    root = published(tmp_path / "1", tree)
    address = address_of(stack.enter_context(console(tmp_path / "1", *EMBEDDED)))
    peer = address.rpartition("/")[2]
    assert "success" in kubo.ipfs("swarm", "connect", address)
    assert "time=" in kubo.ipfs("ping", "-n", "2", f"/p2p/{peer}")
    assert "/ipfs/bitswap/1.2.0" in kubo.ipfs("id", peer)
    kubo.ipfs("get", "-o", tmp_path / "copy", root)
    assert files(tmp_path / "copy") == files(tree)


def test_we_fetch_from_an_ipfs_daemon(tmp_path: Path, kubo: KuboDaemon) -> None:
    """What it has added can be had over bitswap, both versions of identifiers, and paths into it."""
    tree = random_tree(tmp_path / "tree", 3 << 20)
    address = next(each for each in kubo.addresses() if "/tcp/" in each and "/ws" not in each)
    for version in ("0", "1"):
        root = kubo.ipfs("add", "-r", "-Q", "--cid-version", version, tree).strip()
        to = tmp_path / f"copy{version}"
        command("get", tmp_path / version, "-peer", address, root, to)
        assert files(to) == files(tree)
        part = tmp_path / f"part{version}"
        command("get", tmp_path / f"{version}b", "-peer", address, f"{root}/deep/er", part)
        assert files(part) == files(tree / "deep" / "er")


def test_a_pool_with_an_ipfs_daemon_and_without(tmp_path: Path, stack: ExitStack, kubo: KuboDaemon) -> None:
    """One peer keeps its content in an IPFS daemon, another one has none: both install the same."""
    store = make_store(tmp_path / "store", "echo")
    with_daemon = ("-ipfs-api", kubo.api)
    first = stack.enter_context(console(tmp_path / "1", "-ipfs-store", str(store), *with_daemon))
    root = first.until(r"pool (Qm\w{44}),")[1]
    first.until(r"kept by the IPFS daemon at .*, as -ipfs-api says")
    address = address_of(first)
    second = stack.enter_context(console(tmp_path / "2", "-ipfs-store", root, *EMBEDDED, "-peer", address))
    install(second, "echo")
    install(first, "echo")
    second.send("start echo 2 both\n")
    second.until(r"(?m)^both$")
    assert root in kubo.ipfs("pin", "ls", "--type=recursive", "-q")


# --- what cannot be ---------------------------------------------------------------------------------------


def refused(path: Path, *flags: str) -> tuple[int, str]:
    """The exit code of a console that cannot go on, and the one line of why."""
    done = run(path, *flags, lines=["list", "exit"])
    assert done.stderr.startswith("mpi-actors: ")
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def test_stores_that_are_none(tmp_path: Path) -> None:
    """Each is told by name, at once, and nothing is installed."""
    (tmp_path / "tree" / "echo").mkdir(parents=True)
    for name in ("init.py", "run.py"):
        (tmp_path / "tree" / "echo" / name).write_text("")
    path = tmp_path / "1"
    root = published(path, tmp_path / "tree")
    for store, code, text in (
        (root[:-1], 2, "content identifier"),
        (f"{root}/echo/run.py", 2, "is a file. Name the directory"),
        (f"{root}/echo", 2, "holds no interpreters"),
        (str(tmp_path / "tree" / "echo"), 2, "name the directory that holds it"),
        (str(tmp_path / "absent"), 2, "absent"),
    ):
        found, error = refused(path, "-ipfs-store", store, *EMBEDDED)
        assert (found, text in error) == (code, True), error
    code, text = refused(path, "-ipfs-store", root, "-ipfs-api", "/ip4/127.0.0.1/tcp/1")
    assert code == 1
    assert "/ip4/127.0.0.1/tcp/1" in text
    assert list((path / "interpreters").iterdir()) == []


def test_a_store_that_nobody_has(tmp_path: Path, stack: ExitStack) -> None:
    """The daemon says what is missing, waits for somebody who has it, and takes it then."""
    store = make_store(tmp_path / "store", "echo")
    root = published(tmp_path / "1", store)
    waiting = stack.enter_context(console(tmp_path / "2", "-ipfs-store", root, *EMBEDDED))
    address = address_of(waiting)
    waiting.send("list\n")
    waiting.until(r"no interpreters yet: .*no peer to ask")
    having = console(tmp_path / "1", "-ipfs-store", root, *EMBEDDED, "-peer", address)
    stack.enter_context(having)
    install(waiting, "echo")


def test_no_room(tmp_path: Path) -> None:
    """A quota too small for what is asked is said with both sizes."""
    store = make_store(tmp_path / "store", "echo")
    done = run(tmp_path / "1", "-ipfs-store", str(store), "-maxsize", "100B", lines=["add echo", "exit"])
    assert done.returncode == 2
    assert "needs 948 bytes, and 100 are allowed" in done.stderr
    assert list((tmp_path / "1" / "interpreters").iterdir()) == []


# --- which backend ----------------------------------------------------------------------------------------


async def opened(path: Path, api: str | None = None, *, local: bool = False) -> str:
    """Why a backend was chosen."""
    async with access.open_access(path, api, local=local) as found:
        assert (found.kubo is None) == (found.blocks is not None) == (found.embedded is not None)
        return found.why


async def test_a_daemon_at_the_usual_place_is_used(
    tmp_path: Path, kubo: KuboDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it answers, is one, and nothing else was said; else the embedded store, and why."""
    port = int(kubo.api.rpartition("/")[2])
    monkeypatch.setattr(access, "DEFAULT_API", kubo.api)
    monkeypatch.setattr(access, "DEFAULT_ENDPOINT", ("127.0.0.1", port))
    assert "which answers at the usual address" in await opened(tmp_path)
    assert "since the store is a directory" in await opened(tmp_path, local=True)
    assert "as -ipfs-api says" in await opened(tmp_path, "embedded")
    assert "as -ipfs-api says" in await opened(tmp_path, kubo.api, local=True)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, _talk_nonsense, [listener])
        port = listener.socket.getsockname()[1]
        monkeypatch.setattr(access, "DEFAULT_API", f"/ip4/127.0.0.1/tcp/{port}")
        monkeypatch.setattr(access, "DEFAULT_ENDPOINT", ("127.0.0.1", port))
        assert "cannot be used" in await opened(tmp_path)
        nursery.cancel_scope.cancel()
    assert "since no IPFS daemon answers" in await opened(tmp_path)
    with pytest.raises(BackendUnavailable):
        await opened(tmp_path, f"/ip4/127.0.0.1/tcp/{port}")


async def _talk_nonsense(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
