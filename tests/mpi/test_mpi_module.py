"""The module MPI and the package mpi4py that ranks find."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mpi_worlds import SHIM, run_world

NAMES = Path(__file__).with_name("interface_names.txt")
"""What mpi4py 4.1's MPI has: "class: names", continued on the lines that follow; first the module itself."""

CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _names() -> list[str]:
    names, owner = [], ""
    for word in NAMES.read_text().split():
        if word.endswith(":"):
            owner = "" if word == "MPI:" else word[:-1] + "."
        else:
            names.append(owner + word)
    return names


def _missing(names: list[str]) -> list[str]:
    from mpi_actors import MPI

    missing = []
    for name in names:
        owner, _, attribute = name.rpartition(".")
        if not hasattr(getattr(MPI, owner) if owner else MPI, attribute):
            missing.append(name)
    return missing


def test_every_name_of_the_interface_is_there() -> None:
    """The names of the module, and those of its classes."""
    names = _names()
    assert len(names) > 900
    assert run_world(1, _missing, names) == [[]]


def _declared() -> tuple[set[str], set[str]]:
    from mpi_actors import MPI

    return set(MPI.__annotations__), {
        name for name in MPI.__all__ if type(getattr(MPI, name)) is MPI.Datatype
    }


def test_type_checkers_know_every_datatype() -> None:
    """The module makes its datatypes' names from a table, and declares each of them."""
    ((declared, there),) = run_world(1, _declared)
    assert declared == there - {"DATATYPE_NULL"}


def python(code: str, *, path: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, with folders on PYTHONPATH."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**CLEAN, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shim_is_the_same_module_and_its_classes_say_so() -> None:
    """Whichever name a program imports first; pickles made under one name load under the other."""
    code = """
import pickle
from mpi_actors import MPI
before = pickle.dumps(MPI.INT)
import mpi4py, mpi4py.MPI, mpi4py.rc
assert mpi4py.MPI is MPI and MPI.Comm.__module__ == "mpi4py.MPI" == MPI.Wtime.__module__
assert MPI.Exception.__module__ == "mpi4py.MPI"
assert pickle.loads(before) is MPI.INT is pickle.loads(pickle.dumps(MPI.INT))
for name in ("COMM_WORLD", "SUM", "INFO_NULL", "GROUP_EMPTY", "IN_PLACE", "ERRORS_RETURN"):
    assert pickle.loads(pickle.dumps(getattr(MPI, name))) is getattr(MPI, name), name
assert MPI.get_vendor()[0] == "mpi_actors" and MPI.Get_version() == (4, 1)
assert mpi4py.rc is mpi4py.MPI._environment.rc
"""
    done = python(code, path=str(SHIM))
    assert done.stderr == ""
    assert done.returncode == 0


def test_without_the_shim_classes_are_ours() -> None:
    """`help` and tracebacks name the module that was imported."""
    code = "from mpi_actors import MPI; print(MPI.Comm.__module__); raise MPI.Exception(MPI.ERR_TAG)"
    done = python(code)
    assert done.stdout == "mpi_actors.MPI\n"
    assert done.stderr.endswith("mpi_actors.MPI.Exception: MPI_ERR_TAG: invalid tag\n")


def test_help_shows_the_classes_and_what_they_are_for() -> None:
    """In `help(mpi_actors.MPI)`."""
    code = "import mpi_actors.MPI as M, pydoc; print(pydoc.render_doc(M, renderer=pydoc.plaintext))"
    done = python(code)
    for text in ("MPI in pure Python", "class Comm(", "Get_rank", "class Request(", "COMM_WORLD"):
        assert text in done.stdout


def test_the_rest_of_an_installed_mpi4py_is_found_beside_the_shim(tmp_path: Path) -> None:
    """Modules come from its folder, while its `__init__` and its `MPI` do not run."""
    (tmp_path / "mpi4py" / "util").mkdir(parents=True)
    (tmp_path / "mpi4py" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "mpi4py" / "MPI.py").write_text("raise SystemExit('imported')")
    (tmp_path / "mpi4py" / "util" / "__init__.py").write_text("from .. import MPI\nfrom ..MPI import SUM")
    code = "import mpi4py.util, mpi4py; print(mpi4py.util.MPI is mpi4py.MPI, mpi4py.MPI.get_vendor()[0])"
    assert python(code, path=os.pathsep.join([str(SHIM), str(tmp_path)])).stdout == "True mpi_actors\n"


@pytest.mark.parametrize(
    ("options", "statement", "expected"),
    [
        ("initialize=False", "MPI.Is_initialized()", "False"),
        ("thread_level='single'", "MPI.Query_thread() == MPI.THREAD_SINGLE", "True"),
        ("threads=False", "MPI.Query_thread() == MPI.THREAD_SINGLE", "True"),
        ("errors='fatal'", "MPI.COMM_WORLD.Get_errhandler() == MPI.ERRORS_ARE_FATAL", "True"),
        ("", "MPI.Is_initialized(), MPI.Query_thread() == MPI.THREAD_MULTIPLE", "True True"),
    ],
)
def test_options_are_read_when_mpi_is_imported(options: str, statement: str, expected: str) -> None:
    """The options of `mpi4py.rc`."""
    code = f"import mpi4py; mpi4py.rc({options}); from mpi4py import MPI; print({statement})"
    assert python(code, path=str(SHIM)).stdout == f"{expected}\n"


def test_options_that_do_not_exist_are_refused() -> None:
    """Setting one is a TypeError, reading one an AttributeError."""
    from mpi_actors.mpi.rc import Rc

    rc = Rc(errors="fatal")
    assert rc.errors == "fatal"
    assert "errors='fatal'" in repr(rc)
    with pytest.raises(TypeError):
        rc.nonsense = 3
    with pytest.raises(TypeError):
        rc(nonsense=3)
    with pytest.raises(AttributeError):
        _ = rc.nonsense  # type: ignore[attr-defined]


def test_headers_say_that_there_is_no_interface_for_c() -> None:
    """A person who compiles against this mpi4py reads why it does not work."""
    done = python("import mpi4py; print(mpi4py.get_include(), mpi4py.get_config())", path=str(SHIM))
    folder, _, config = done.stdout.strip().rpartition(" ")
    assert config == "{}"
    assert "#error" in Path(folder, "mpi4py", "mpi4py.h").read_text()
    for file in (SHIM / "mpi4py").rglob("*.h"):
        assert "#error" in file.read_text()


def test_what_it_imports_is_light() -> None:
    """No event loop, no network library, no NumPy, and nothing that takes long to load."""
    code = """
import sys
import mpi_actors.MPI
heavy = {"trio", "libp2p", "attr", "attrs", "msgspec", "dataclasses", "inspect", "asyncio", "ctypes", "json",
         "logging", "numpy", "traceback", "subprocess", "tempfile", "random"}
print(sorted(heavy & set(sys.modules)))
"""
    assert python(code).stdout == "[]\n"


def test_functions_of_the_environment() -> None:
    """Clocks advance, names exist, and what is not implemented says so."""
    code = """
from mpi_actors import MPI
assert 0 <= MPI.Wtime() <= MPI.Wtime() and 0 < MPI.Wtick() < 1
assert MPI.Get_processor_name() and MPI.Is_thread_main() and MPI.Pcontrol(1) is None
assert MPI.get_vendor()[1] == tuple(map(int, MPI.Get_library_version().split(",")[0].split()[1].split(".")))
assert MPI.Get_abi_version() == (-1, -1) and len(MPI.Get_hw_resource_info()) == 0
for call in (MPI.Open_port, lambda: MPI.Lookup_name("name"), lambda: MPI.Win.Create(None),
             lambda: MPI.File.Open(MPI.COMM_SELF, "/dev/null"),
             lambda: MPI.Register_datarep("name", print, print, print)):
    try:
        call()
    except NotImplementedError as error:
        assert len(str(error)) > 20
    else:
        raise AssertionError(call)
for call, code in ((MPI.WIN_NULL.Free, MPI.ERR_WIN), (MPI.FILE_NULL.Close, MPI.ERR_FILE),
                   (lambda: MPI.WIN_NULL.Get_attr(MPI.WIN_BASE), MPI.ERR_WIN), (MPI.Init, MPI.ERR_OTHER)):
    try:
        call()
    except MPI.Exception as error:
        assert error.error_class == code
    else:
        raise AssertionError(call)
deleted = []
key = MPI.Comm.Create_keyval(None, lambda comm, key, value: deleted.append(value))
MPI.COMM_SELF.Set_attr(key, 1)
MPI.Finalize()
assert deleted == [1] and MPI.Is_finalized()
try:
    MPI.COMM_WORLD.Get_size()
except MPI.Exception as error:
    assert error.error_class == MPI.ERR_COMM
for call in (MPI.Finalize, MPI.Init):
    try:
        call()
    except MPI.Exception:
        continue
    raise AssertionError(call)
print("done")
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("done\n", "")


def _sessions() -> None:
    from mpi_actors import MPI

    session = MPI.Session.Init(MPI.Info.Create({"hint": "1"}))
    assert session.Get_info().items() == [("hint", "1")]
    names = [session.Get_nth_pset(n) for n in range(session.Get_num_psets())]
    assert names == ["mpi://WORLD", "mpi://SELF"]
    sizes = [session.Get_pset_info(name).Get("mpi_size") for name in names]
    assert sizes == [str(MPI.COMM_WORLD.size), "1"]
    world = session.Create_group("mpi://WORLD")
    assert world.rank == MPI.COMM_WORLD.rank
    comm = MPI.Intracomm.Create_from_group(world, "a test")
    assert comm.allgather(comm.rank) == list(range(MPI.COMM_WORLD.size))
    called = []
    session.Set_errhandler(MPI.Session.Create_errhandler(lambda s, code: called.append((s == session, code))))
    with pytest.raises(MPI.Exception) as caught:
        session.Create_group("nonsense")
    assert caught.value.error_class == MPI.ERR_ARG
    assert called == [(True, MPI.ERR_ARG)]
    memory = MPI.Alloc_mem(1000)
    session.Attach_buffer(memory)
    session.Iflush_buffer().Wait()
    assert session.Detach_buffer() is memory
    session.Finalize()
    assert session == MPI.SESSION_NULL
    with pytest.raises(MPI.Exception) as caught:
        session.Get_num_psets()
    assert caught.value.error_class == MPI.ERR_SESSION


def test_sessions_know_the_job_and_each_process_alone() -> None:
    """A program can make communicators from their groups."""
    run_world(2, _sessions)
