"""The backend for an IPFS daemon, against servers that misbehave: each call ends, and its error says why."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from kubo_standin import (
    PEER,
    Answer,
    Request,
    StandIn,
    chunk,
    content,
    drip,
    head,
    identity,
    items,
    never,
    raw,
    refusal,
)

from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.limits import MAX_BLOCK, TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.kubo.backend import KuboBackend, probe
from mpi_actors.content.kubo.identity import check_agent
from mpi_actors.content.store.backend import TransferProgress
from mpi_actors.content.store.publish import publish
from mpi_actors.errors import (
    BackendUnavailable,
    BadAddress,
    ContentError,
    ContentMissing,
    ContentRefused,
    DialFailed,
    DiskFull,
)

DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""
PATIENT = DEADLINE / 2
"""Seconds that calls wait for a daemon that does answer, sooner or later."""
SHORT = 0.3
"""Seconds that calls wait here for a daemon that does not answer."""
HANGING = [never, drip(chunk(b"x"), head())]
"""Answers to `/block/get` and `/dag/import` that have no end."""
BLOCK = b"some bytes"
CID = Cid.of(BLOCK, Codec.RAW, 1)


class MemoryPins:
    """Owners of pins, in memory."""

    def __init__(self) -> None:
        self.rows: set[tuple[str, str]] = set()

    def add_pin(self, cid: str, owner: str) -> None:
        self.rows.add((cid, owner))

    def remove_pin(self, cid: str, owner: str) -> bool:
        there = (cid, owner) in self.rows
        self.rows.discard((cid, owner))
        return there

    def pins(self) -> dict[str, frozenset[str]]:
        return {cid: frozenset(owner for each, owner in self.rows if each == cid) for cid, _ in self.rows}


@pytest.fixture
async def server(nursery: trio.Nursery) -> StandIn:
    """A server that runs during the test."""
    server = StandIn()
    await nursery.start(server.run)
    return server


@pytest.fixture
def table() -> MemoryPins:
    """An empty table."""
    return MemoryPins()


@pytest.fixture
async def backend(server: StandIn, table: MemoryPins) -> AsyncIterator[KuboBackend]:
    """A backend of that server; the test has a deadline."""
    backend = KuboBackend(server.address, table, timeout=PATIENT, stall=PATIENT)
    with trio.fail_after(DEADLINE):
        yield backend
    backend.close()


async def hurry(backend: KuboBackend) -> None:
    """Take away the backend's patience, but only after it has learnt which IPFS daemon answers."""
    await backend.daemon()
    backend._rpc.timeout = backend._rpc.stall = SHORT


def tree_of(place: Path) -> Path:
    """A directory with a few files."""
    (place / "sub").mkdir(parents=True)
    (place / "a").write_bytes(b"a" * 300_000)
    (place / "b").write_bytes(os.urandom(600_000))
    (place / "sub" / "c").write_text("c")
    (place / "sub" / "link").symlink_to("c")
    return place


def serve_blocks(server: StandIn, directory: Path, *, without: int | None = None) -> Cid:
    """Let the server have all blocks of a directory but one; return the root."""
    blocks: dict[str, bytes] = {}
    root = publish(directory, lambda cid, block: blocks.update({str(cid): block})).cid
    if without is not None:
        del blocks[list(blocks)[without]]

    async def answer(request: Request, stream: trio.SocketStream) -> None:
        block = blocks.get(request.args[0])
        await (refusal("context deadline exceeded") if block is None else content(block))(request, stream)

    server.answers["/block/get"] = answer
    return root


# --- who answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("kubo/0.39.0/", "0.39.0"),
        ("kubo/0.40.0-dev/1234abc/desktop", "0.40.0-dev"),
        ("go-ipfs/0.12.0/", "0.12.0"),
        ("kubo/1.0.0", "1.0.0"),
    ],
)
def test_versions_that_can_be_used(agent: str, version: str) -> None:
    """Every newer version of Kubo can be used, under its old name, too."""
    assert check_agent(agent, "there") == version


@pytest.mark.parametrize("agent", ["go-ipfs/0.11.9/", "kubo/0.1.0/", "js-ipfs/0.66.1", "kubo/x", "", None, 7])
def test_versions_that_cannot_be_used(agent: object) -> None:
    """Older versions and other programs are refused, and the text says what is needed."""
    with pytest.raises(BackendUnavailable, match=r"Kubo 0\.12 or newer is needed"):
        check_agent(agent, "there")


async def test_probe_tells_who_answers(server: StandIn) -> None:
    """A probe returns the IPFS daemon's version, identity and addresses."""
    found = await probe(server.address)
    assert (found.peer, found.version) == (PEER, "0.39.0")
    assert found.addresses == (f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}",)


async def test_nobody_there() -> None:
    """If no IPFS daemon answers, the text says how to start one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(BackendUnavailable, match="Start it with `ipfs daemon`"):
        await probe(f"/ip4/127.0.0.1/tcp/{port}")


@pytest.mark.parametrize(
    "address", ["nonsense", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/5001", "/ip4/x/tcp/1", ""]
)
async def test_no_address(address: str) -> None:
    """A text that is not an address is refused without waiting, as an error of the person who typed it."""
    with pytest.raises(BadAddress, match="not an address of an IPFS daemon"):
        await probe(address)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.2\r\n"), id="another protocol"),
        pytest.param(raw(b""), id="hangs up"),
        pytest.param(raw(head() + b"5\r\nhel"), id="dies in a chunk"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), id="dies in the middle"),
        pytest.param(content(b"<html>Welcome!</html>\n"), id="a web page"),
        pytest.param(content(b"404 page not found\n", "404 Not Found"), id="not found"),
        pytest.param(content(b"403 - Forbidden", "403 Forbidden"), id="forbidden"),
        pytest.param(refusal("ipfs method not allowed"), id="refuses"),
        pytest.param(items([1, 2]), id="a list"),
        pytest.param(items({}), id="nothing in it"),
        pytest.param(items({"AgentVersion": "kubo/0.39.0/", "ID": 5}), id="no identity"),
        pytest.param(content(b"[" * 50_000 + b"\n"), id="too deep"),
        pytest.param(content(b"\xff\xfe\n"), id="no text"),
        pytest.param(content(b" " * 3_000_000), id="a line without end"),
        pytest.param(identity("go-ipfs/0.4.23/"), id="too old"),
        pytest.param(never, id="never"),
        pytest.param(drip(b"x"), id="a head without end"),
        pytest.param(drip(chunk(b'{"ID": "'), head()), id="a body without end"),
        pytest.param(drip(chunk(b"\n"), head()), id="empty lines without end"),
    ],
)
async def test_whatever_answers_it_ends(server: StandIn, backend: KuboBackend, answer: Answer) -> None:
    """Whatever a server answers, the call ends, always with the same kind of error."""
    server.answers["/id"] = answer
    backend._rpc.timeout = SHORT
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1"):
        await backend.pins()


async def test_the_version_is_checked_again(server: StandIn, backend: KuboBackend) -> None:
    """After the IPFS daemon was away, another one may have come in its place."""
    server.answers["/block/get"] = content(BLOCK)
    assert await backend.block(CID) == BLOCK
    assert "(kubo 0.39.0)" in backend.description
    server.answers["/block/get"] = raw(b"")
    server.answers["/id"] = identity("go-ipfs/0.4.23/")
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await backend.block(CID)
    with pytest.raises(BackendUnavailable, match=r"has version 0\.4\.23"):
        await backend.block(CID)
    assert "kubo 0" not in backend.description


# --- connections ------------------------------------------------------------------------------------------


async def test_connections_are_used_again(server: StandIn, backend: KuboBackend) -> None:
    """Calls one after the other need only one connection."""
    server.answers["/block/get"] = content(BLOCK)
    for _ in range(5):
        await backend.block(CID)
    assert server.connections == 1
    assert len(server.asked("/id")) == 1


async def test_a_dead_connection_is_replaced(server: StandIn, backend: KuboBackend) -> None:
    """A caller does not notice that the server hung up between two calls, or at the second call."""

    async def last(request: Request, stream: trio.SocketStream) -> None:
        await content(BLOCK)(request, stream)
        server.answers["/block/get"] = fail_once
        await trio.lowlevel.checkpoint()

    async def fail_once(request: Request, stream: trio.SocketStream) -> None:
        server.answers["/block/get"] = last
        await stream.aclose()

    server.answers["/block/get"] = last
    for _ in range(4):
        assert await backend.block(CID) == BLOCK
    assert server.connections > 1


async def test_a_restarted_server_is_found(table: MemoryPins) -> None:
    """A former connection does not disturb calls to a server that was restarted."""
    server = StandIn()
    server.answers["/block/get"] = content(BLOCK)
    backend: KuboBackend | None = None
    with trio.fail_after(DEADLINE):
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run)
                backend = backend or KuboBackend(server.address, table, timeout=PATIENT, stall=PATIENT)
                assert await backend.block(CID) == BLOCK
                nursery.cancel_scope.cancel()
            with pytest.raises(BackendUnavailable):
                await backend.block(CID)


async def test_a_proxy_of_the_environment_is_not_asked(
    server: StandIn, backend: KuboBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is for the web, not for an IPFS daemon on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["/block/get"] = content(BLOCK)
    assert await backend.block(CID) == BLOCK


# --- blocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (refusal("block was not found locally (offline): ipld"), ContentMissing, "does not have"),
        (refusal("context deadline exceeded"), ContentMissing, "Is an IPFS daemon that has it running"),
        (refusal("write /x: no space left on device"), DiskFull, "disk of the IPFS daemon"),
        (refusal("a strange\nreason \x1b[31m"), ContentError, "a strange reason"),
        (content(b"other bytes"), ContentMissing, "ipfs repo verify"),
        (content(b"x" * (MAX_BLOCK + 1)), ContentRefused, "more than 2097152 bytes"),
        (raw(head() + chunk(BLOCK)), BackendUnavailable, "broke during /block/get"),
        (
            HANGING[0],
            BackendUnavailable,
            "made no progress in .* of /block/get|does not answer /block/get in time",
        ),
        (HANGING[1], BackendUnavailable, "made no progress in .* of /block/get"),
    ],
)
async def test_blocks_that_cannot_be_had(
    server: StandIn, backend: KuboBackend, answer: Answer, error: type[ContentError], text: str
) -> None:
    """Each failure has its error, and the text says what to do."""
    server.answers["/block/get"] = answer
    if answer in HANGING:
        await hurry(backend)
    with pytest.raises(error, match=text) as caught:
        await backend.block(CID)
    assert "\x1b" not in str(caught.value)


async def test_the_empty_block_is_known(server: StandIn, backend: KuboBackend) -> None:
    """The IPFS daemon would search for the empty block in vain, so it is not asked."""
    assert await backend.block(Cid.of(b"", Codec.RAW, 1)) == b""
    assert server.requests == []


async def test_the_daemon_is_told_how_long_to_search(server: StandIn, backend: KuboBackend) -> None:
    """The IPFS daemon gets a limit for its search, so one that does not answer must hang."""
    server.answers["/block/get"] = content(BLOCK)
    await backend.block(CID)
    assert server.asked("/block/get")[0].options["timeout"] == [f"{PATIENT}s"]


async def test_a_call_can_be_cancelled(server: StandIn, table: MemoryPins) -> None:
    """A cancelled call ends at once, however patient the backend is."""
    server.answers["/block/get"] = never
    backend = KuboBackend(server.address, table, timeout=PATIENT, stall=PATIENT)
    with trio.fail_after(DEADLINE):
        await backend.daemon()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.block, CID)
            while not server.asked("/block/get"):  # noqa: ASYNC110 - the server tells nobody
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert await backend.daemon()
    backend.close()


# --- trees ------------------------------------------------------------------------------------------------


async def test_fetch(server: StandIn, backend: KuboBackend, tmp_path: Path) -> None:
    """The files are those that were published, and progress has been reported up to the end."""
    source = tree_of(tmp_path / "source")
    root = serve_blocks(server, source)
    told: list[TransferProgress] = []
    await backend.fetch(root, tmp_path / "copy", on_progress=told.append)
    assert contents(tmp_path / "copy") == contents(source)
    assert told[-1].done == told[-1].total
    assert [each.done for each in told] == sorted(each.done for each in told)


async def test_list_and_resolve(server: StandIn, backend: KuboBackend, tmp_path: Path) -> None:
    """The sizes in a list are those of the files, and paths lead to the entries."""
    root = serve_blocks(server, tree_of(tmp_path / "source"))
    entries = await backend.list(root)
    assert [(e.name, e.kind, e.size) for e in entries] == [
        ("a", "file", 300_000),
        ("b", "file", 600_000),
        ("sub", "directory", 1),
    ]
    assert await backend.resolve(ContentPath(root, ("sub",))) == entries[2].cid
    with pytest.raises(ContentMissing):
        await backend.resolve(ContentPath(root, ("sub", "d")))


@pytest.mark.parametrize("without", [0, 3, -1])
async def test_fetch_of_an_incomplete_tree(
    server: StandIn, backend: KuboBackend, tmp_path: Path, without: int
) -> None:
    """A tree with a missing block leaves nothing on the disk."""
    root = serve_blocks(server, tree_of(tmp_path / "source"), without=without)
    (tmp_path / "out").mkdir()
    with pytest.raises(ContentMissing):
        await backend.fetch(root, tmp_path / "out" / "copy")
    assert list((tmp_path / "out").iterdir()) == []


async def test_fetch_over_a_limit(server: StandIn, backend: KuboBackend, tmp_path: Path) -> None:
    """A tree over a limit is refused before all of it has come."""
    root = serve_blocks(server, tree_of(tmp_path / "source"))
    (tmp_path / "out").mkdir()
    with pytest.raises(ContentRefused):
        await backend.fetch(root, tmp_path / "out" / "copy", limits=TreeLimits(size=1000))
    assert list((tmp_path / "out").iterdir()) == []


async def test_fetch_to_where_something_is(server: StandIn, backend: KuboBackend, tmp_path: Path) -> None:
    """If the destination exists, no block is asked for, and nothing changes."""
    (tmp_path / "copy").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        await backend.fetch(CID, tmp_path / "copy")
    assert server.requests == []


async def test_a_cancelled_fetch_leaves_nothing(server: StandIn, table: MemoryPins, tmp_path: Path) -> None:
    """A cancelled fetch leaves nothing, nor does one whose IPFS daemon hangs in the middle."""
    root = serve_blocks(server, tree_of(tmp_path / "source"))
    good, seen = server.answers["/block/get"], trio.Event()

    async def then_hang(request: Request, stream: trio.SocketStream) -> None:
        if len(server.asked("/block/get")) > 2:
            seen.set()
            await trio.sleep_forever()
        await good(request, stream)

    server.answers["/block/get"] = then_hang
    (tmp_path / "out").mkdir()
    backend = KuboBackend(server.address, table, timeout=PATIENT, stall=PATIENT)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.fetch, root, tmp_path / "out" / "copy")
            await seen.wait()
            nursery.cancel_scope.cancel()
        assert list((tmp_path / "out").iterdir()) == []
        await hurry(backend)
        with pytest.raises(BackendUnavailable):
            await backend.fetch(root, tmp_path / "out" / "copy")
    assert list((tmp_path / "out").iterdir()) == []
    backend.close()


# --- publishing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (items({"Stats": {"BlockCount": 1}}), BackendUnavailable),
        (items(), BackendUnavailable),
        (raw(b""), BackendUnavailable),
        (never, BackendUnavailable),
        (refusal("import failed: no space left on device"), DiskFull),
        (refusal("import failed: disk quota exceeded"), DiskFull),
    ],
)
async def test_publishing_that_fails(
    server: StandIn,
    backend: KuboBackend,
    table: MemoryPins,
    tmp_path: Path,
    answer: Answer,
    error: type[ContentError],
) -> None:
    """If the IPFS daemon did not store all blocks, publishing fails."""
    server.answers["/dag/import"] = answer
    if answer in HANGING:
        await hurry(backend)
    with pytest.raises(error):
        await backend.publish(tree_of(tmp_path / "source"))
    assert table.rows == set()


async def test_publishing_ends_when_cancelled(server: StandIn, table: MemoryPins, tmp_path: Path) -> None:
    """Even if the IPFS daemon takes nothing more, nothing is pinned, and the connection ends."""
    hung_up = trio.Event()

    async def wait_for_hang_up(_: Request, stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass
        hung_up.set()

    server.answers["/dag/import"] = wait_for_hang_up
    backend = KuboBackend(server.address, table, timeout=PATIENT, stall=PATIENT)
    with trio.fail_after(DEADLINE):
        await hurry(
            backend
        )  # a call that nobody waits for any more ends when the daemon is silent for so long
        async with trio.open_nursery() as nursery:
            nursery.start_soon(backend.publish, tree_of(tmp_path / "source"))
            while not server.asked("/dag/import"):  # noqa: ASYNC110 - the server tells nobody
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        await hung_up.wait()
        assert [request.path for request in server.requests] == ["/id", "/dag/import"]
        assert table.rows == set()
        backend._rpc.timeout = backend._rpc.stall = PATIENT
        assert await backend.daemon()
    backend.close()


# --- pins -------------------------------------------------------------------------------------------------


async def test_a_pin_without_progress_is_missing_content(
    server: StandIn, backend: KuboBackend, table: MemoryPins
) -> None:
    """An IPFS daemon that keeps saying that it has nothing new makes no progress."""
    server.answers["/pin/ls"] = refusal("path 'x' is not pinned")
    server.answers["/dag/import"] = items({"Stats": {"BlockCount": 1}})
    server.answers["/pin/add"] = drip(chunk(b'{"Progress": 3}\n'), head(), pause=0.01)
    server.answers["/pin/rm"] = refusal("not pinned or pinned indirectly")
    backend._rpc.stall = SHORT
    with pytest.raises(ContentMissing, match="all of"):
        await backend.pin(CID, "me")
    assert table.rows == set()
    assert await backend.pins() == {}


async def test_a_pin_whose_error_is_hidden(server: StandIn, backend: KuboBackend, table: MemoryPins) -> None:
    """The IPFS daemon hides errors behind an answer that has begun: we ask again for the reason."""

    async def answer(request: Request, stream: trio.SocketStream) -> None:
        hides = "progress" in request.options
        await (items({}, {"Progress": 3}) if hides else refusal("no space left on device"))(request, stream)

    server.answers["/pin/ls"] = refusal("path 'x' is not pinned")
    server.answers["/dag/import"] = items({"Stats": {"BlockCount": 1}})
    server.answers["/pin/add"] = answer
    server.answers["/dag/import"] = items({"Stats": {"BlockCount": 1}})
    server.answers["/pin/rm"] = refusal("not pinned or pinned indirectly")
    with pytest.raises(DiskFull):
        await backend.pin(CID, "me")
    assert table.rows == set()


async def test_the_table_knows_first_and_forgets_last(
    server: StandIn, backend: KuboBackend, table: MemoryPins
) -> None:
    """The table has a pin before the IPFS daemon has it, and after: a crash leaves no pin behind."""
    known: dict[str, int] = {}

    async def answer(request: Request, stream: trio.SocketStream) -> None:
        known[request.path] = len(table.rows)
        await items({"Pins": request.args})(request, stream)

    server.answers.update({"/pin/add": answer, "/pin/rm": answer})
    server.answers["/dag/import"] = items({"Stats": {"BlockCount": 1}})
    server.answers["/pin/ls"] = refusal("path 'x' is not pinned")
    await backend.pin(CID, "me")
    assert await backend.pins() == {CID: frozenset({"me"})}
    assert await backend.unpin(CID, "me")
    assert known == {"/pin/add": 1, "/pin/rm": 1}
    assert table.rows == set()


async def test_an_unpin_that_fails_can_be_repeated(
    server: StandIn, backend: KuboBackend, table: MemoryPins
) -> None:
    """After an unpin that failed, the pin is still listed."""
    server.answers["/pin/ls"] = refusal("path 'x' is not pinned")
    server.answers["/dag/import"] = items({"Stats": {"BlockCount": 1}})
    server.answers["/pin/add"] = items({"Pins": [str(CID)]})
    await backend.pin(CID, "me")
    server.answers["/pin/rm"] = raw(b"")
    with pytest.raises(BackendUnavailable):
        await backend.unpin(CID, "me")
    assert await backend.pins() == {CID: frozenset({"me"})}
    server.answers["/pin/rm"] = items({"Pins": [str(CID)]})
    assert await backend.unpin(CID, "me")
    assert not await backend.unpin(CID, "me")


async def test_pins_of_another_daemon_are_not_ours(
    server: StandIn, backend: KuboBackend, table: MemoryPins
) -> None:
    """The table may have pins of another IPFS daemon, and of another backend."""
    table.add_pin(str(CID), "installed")
    table.add_pin(str(CID), "kubo:12D3KooWother:tree:installed")
    assert await backend.pins() == {}
    assert not await backend.unpin(CID, "installed")
    assert len(table.rows) == 2


# --- the rest ---------------------------------------------------------------------------------------------


async def test_dialling_that_fails(server: StandIn, backend: KuboBackend) -> None:
    """The text of the error has the IPFS daemon's own words."""
    server.answers["/swarm/connect"] = refusal("failure: failed to dial")
    with pytest.raises(DialFailed, match="failed to dial"):
        await backend.dial("/ip4/127.0.0.1/tcp/1/p2p/" + PEER)


async def test_a_collection_that_fails(server: StandIn, backend: KuboBackend) -> None:
    """An error between the blocks that were removed is not overlooked."""
    server.answers["/repo/stat"] = items({"RepoSize": 1000})
    server.answers["/repo/gc"] = items({"Key": {"/": str(CID)}}, {"Error": "no space left on device"})
    with pytest.raises(DiskFull):
        await backend.collect()
    server.answers["/repo/gc"] = items({"Key": {"/": str(CID)}})
    assert (await backend.collect()).blocks == 1


@pytest.mark.parametrize(
    "path", ["/refs", "/pin/ls", "/files/stat"], ids=["the tree", "what is pinned", "the daemon's files"]
)
async def test_nothing_is_removed_in_doubt(server: StandIn, backend: KuboBackend, path: str) -> None:
    """Blocks are removed only if everything that must stay is known."""

    async def pin_ls(request: Request, stream: trio.SocketStream) -> None:
        await (refusal("path is not pinned") if request.args else items({}))(request, stream)

    server.answers["/refs"] = items({"Ref": str(CID)})
    server.answers["/pin/ls"] = pin_ls
    server.answers["/files/stat"] = items({"Hash": "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"})
    server.answers["/block/rm"] = items({})
    await backend.forget(CID)
    assert len(server.asked("/block/rm")) == 1
    if path == "/pin/ls":

        async def cannot_tell(request: Request, stream: trio.SocketStream) -> None:
            reason = "path is not pinned" if request.args else "could not find Qm"
            await refusal(reason)(request, stream)

        server.answers[path] = cannot_tell
        await backend.forget(CID)
    else:
        server.answers[path] = raw(head() + chunk(b'{"Ref": "'))
        with pytest.raises(BackendUnavailable):
            await backend.forget(CID)
    assert len(server.asked("/block/rm")) == 1


def contents(directory: Path) -> dict[str, bytes | str | None]:
    """Return all files of a directory."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        found[name] = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
    return found
