"""`publish`, `get`, `list`, `pin`, `unpin` and `gc`, in this process, on content in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console_content import ECHO, ROOT, RUN, USED, FakeContent

from mpi_actors.cli.content import command
from mpi_actors.cli.main import main
from mpi_actors.content.formats.cid import Cid
from mpi_actors.depot.sources.ipfs import INSTALLED
from mpi_actors.errors import BackendUnavailable, MpiActorsError, StoreDamaged


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> FakeContent:
    """Put fake content in the place of the peer's, and return it."""
    made = FakeContent()
    monkeypatch.setattr(command, "real_content", lambda _: made.open)
    return made


class Done:
    """A command that was run to its end."""

    def __init__(self, argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
        self.code = main(argv)
        self.out, self.err = capfd.readouterr()

    @property
    def json(self) -> list[dict[str, object]]:
        """The objects that the command printed, one a line; it succeeded and wrote nothing else."""
        assert (self.code, self.err) == (0, "")
        return [json.loads(line) for line in self.out.splitlines()]


# --- publish ----------------------------------------------------------------------------------------------


def test_publish_prints_each_entry_and_the_root_last(
    content: FakeContent, capfd: pytest.CaptureFixture[str]
) -> None:
    """The lines are those of `ipfs add -r`; standard error, which is not a terminal, stays empty."""
    done = Done(["publish", "store"], capfd)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"added {RUN} store/echo/run.py\nadded {ECHO} store/echo\nadded {ROOT} store\n"
    assert content.backend.versions == [0]
    assert not content.opened


def test_publish_as_json_and_quietly(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """The root is the last line, and with `-q` the only one."""
    assert Done(["publish", "--json", "store"], capfd).json == [
        {"cid": str(RUN), "path": "store/echo/run.py", "size": 1234},
        {"cid": str(ECHO), "path": "store/echo", "size": 1234},
        {"cid": str(ROOT), "path": "store", "size": 1234},
    ]
    assert Done(["publish", "-q", "--cid-version", "1", "store"], capfd).out == f"{ROOT}\n"
    assert Done(["publish", "-q", "--json", "store"], capfd).json == [{"cid": str(ROOT)}]
    assert content.backend.versions == [0, 1, 0]


# --- get --------------------------------------------------------------------------------------------------


def test_get_makes_what_is_not_there(
    content: FakeContent, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The content appears at exactly the place that the person named."""
    done = Done(["get", f"{ROOT}/echo", str(tmp_path / "new")], capfd)
    assert (done.code, done.out, done.err) == (0, f"fetched /ipfs/{ROOT}/echo to {tmp_path}/new\n", "")
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize(("path", "name"), [(f"{ROOT}", f"{ROOT}"), (f"/ipfs/{ROOT}/echo/run.py", "run.py")])
def test_get_puts_into_a_directory_that_is_there(
    content: FakeContent, path: str, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The content gets the last name of its path, or else its CID."""
    [told] = Done(["get", "--json", path, str(tmp_path)], capfd).json
    assert told == {"cid": str(ROOT if name == str(ROOT) else RUN), "path": str(tmp_path / name)}
    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("to", "part"),
    [
        ("file", "exists already"), ("full", "exists already"), ("no/where", "make it first"),
        ("file/x", "make it first"), ("dangling", "exists already"), ("x" * 300, "File name too long"),
    ],
)  # fmt: skip
def test_get_does_not_touch_what_is_there(
    content: FakeContent, to: str, part: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A taken or missing place is a usage error, before the command fetches anything."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full" / "echo").mkdir(parents=True)
    (tmp_path / "dangling").symlink_to("nowhere")
    done = Done(["get", f"{ROOT}/echo", str(tmp_path / to)], capfd)
    assert (done.code, done.out) == (2, "")
    assert part in done.err
    assert done.err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_get_of_what_nobody_has_fails(
    content: FakeContent, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, and no file is left."""
    for path in (f"{ROOT}/nothing", str(Cid.of(b"unknown"))):
        done = Done(["get", path, str(tmp_path / "x")], capfd)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("mpi-actors: ")
        assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# --- list -------------------------------------------------------------------------------------------------


def test_list_shows_the_interpreters(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """The table is the one of the console."""
    done = Done(["list"], capfd)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "name   size    state      last use    pinned  in use",
        "echo   1.2 kB  installed  3 days ago  yes     1",
        "words  10 B    failed",
        "    init.py ended with exit code 1:",
        "    no words",
    ]


def test_list_of_interpreters_as_json(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """Each line of JSON has all fields, unrounded."""
    echo, words = Done(["list", "--json"], capfd).json
    assert echo == {
        "name": "echo", "size": 1234, "state": "installed", "last_use": USED, "pinned": True,
        "in_use": 1, "detail": "",
    }  # fmt: skip
    assert list(words) == list(echo)
    assert (words["last_use"], words["detail"]) == (None, "init.py ended with exit code 1:\nno words\n")


def test_list_without_interpreters(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A person reads what to do; a program reads no lines."""
    monkeypatch.setattr(command, "real_content", lambda _: FakeContent([]).open)
    assert "-ipfs-store" in Done(["list"], capfd).out
    assert Done(["list", "--json"], capfd).json == []


def test_list_shows_a_directory(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """The directory is named by its CID, by a path, or as the store."""
    link = Cid.of(b"link")
    assert Done(["list", str(ROOT)], capfd).out.splitlines() == [
        f"{'cid':46}  size    name",
        f"{ECHO}  1.2 kB  echo/",
        f"{link}  4 B     link@",
    ]
    assert Done(["list", "-ipfs-store", str(ROOT), "--json"], capfd).json == [
        {"name": "echo", "cid": str(ECHO), "kind": "directory", "size": 1234},
        {"name": "link", "cid": str(link), "kind": "link", "size": 4},
    ]
    assert f"{RUN}  1.2 kB  run.py" in Done(["list", f"{ROOT}/echo"], capfd).out
    assert Done(["list", str(Cid.of(b"empty"))], capfd).out == "the directory is empty\n"


def test_list_of_a_file_fails(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """A file has no entries: the exit code is 1."""
    done = Done(["list", str(RUN)], capfd)
    assert (done.code, done.out, done.err) == (1, "", f"mpi-actors: {RUN} is a file\n")


# --- pin, unpin, gc ---------------------------------------------------------------------------------------


def test_interpreters_and_content_are_pinned_and_unpinned(
    content: FakeContent, capfd: pytest.CaptureFixture[str]
) -> None:
    """One command takes names of interpreters and CIDs."""
    done = Done(["pin", "echo", f"{ROOT}/echo"], capfd)
    assert (done.code, done.out) == (0, f"pinned echo\npinned /ipfs/{ROOT}/echo\n")
    assert content.pinned == ["echo"]
    assert set(content.backend.owners) == {ECHO}
    assert Done(["unpin", "--json", "echo", str(ECHO)], capfd).json == [
        {"name": "echo"},
        {"cid": str(ECHO), "path": f"/ipfs/{ECHO}"},
    ]
    assert content.pinned == []
    assert content.backend.owners == {ECHO: set()}


def test_unpin_ends_what_publish_began_but_not_what_is_installed(
    content: FakeContent, capfd: pytest.CaptureFixture[str]
) -> None:
    """An installed interpreter stays: other peers fetch it from this one."""
    Done(["publish", "store"], capfd)
    content.backend.owners[ROOT].add(INSTALLED)
    assert Done(["unpin", str(ROOT)], capfd).code == 0
    assert content.backend.owners == {ROOT: {INSTALLED}}
    again = Done(["unpin", str(ROOT)], capfd)
    assert again.code == 2
    assert "installed interpreter" in again.err


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["pin", "nothing"], 2), (["pin", str(Cid.of(b"unknown"))], 1), (["unpin", "echo"], 2),
        (["unpin", str(ROOT)], 2), (["unpin", f"{ROOT}/nothing"], 1), (["publish", "missing"], 2),
    ],
)  # fmt: skip
def test_what_does_not_work_is_one_line(
    content: FakeContent, argv: list[str], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each error is one line on standard error, with its exit code."""
    done = Done(argv, capfd)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("mpi-actors: ")
    assert done.err.count("\n") == 1


def test_what_was_done_before_a_failure_is_told(
    content: FakeContent, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command reports the targets before the error, and does not try those after it."""
    done = Done(["pin", "echo", "nothing", str(ROOT)], capfd)
    assert (done.code, done.out) == (2, "pinned echo\n")
    assert content.backend.owners == {}


def test_gc_tells_what_it_removed(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """It names interpreters, counts blocks, or says that there was nothing to remove."""
    done = Done(["gc"], capfd)
    assert (done.code, done.err) == (0, "")
    assert done.out == "removed the interpreter old\nremoved 3 blocks, 786.4 kB\n"
    assert Done(["gc"], capfd).out == "there was nothing to remove\n"
    assert Done(["gc", "--json"], capfd).json == [{"interpreters": [], "blocks": 0, "size": 0}]


# --- all of them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv", [["publish", "x"], ["get", str(ROOT), "x"], ["list"], ["pin", "echo"], ["unpin", "echo"], ["gc"]]
)
@pytest.mark.parametrize(
    ("failure", "code"),
    [(BackendUnavailable("no daemon answers at …. Start it."), 1), (StoreDamaged("move it away"), 2)],
)
def test_content_that_cannot_be_opened_is_one_line(
    content: FakeContent,
    argv: list[str],
    failure: MpiActorsError,
    code: int,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command reports the error in one line."""
    monkeypatch.chdir(tmp_path)
    content.failure = failure
    done = Done(argv, capfd)
    assert (done.code, done.out, done.err) == (code, "", f"mpi-actors: {failure}\n")


def test_debug_tells_which_backend_it_is(content: FakeContent, capfd: pytest.CaptureFixture[str]) -> None:
    """With `-debug`, standard error says which backend it is, and why."""
    assert "because of the tests" in Done(["gc", "-debug"], capfd).err
