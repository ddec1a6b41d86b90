"""Error handlers."""

from __future__ import annotations

import pytest

from mpi_actors.mpi import constants, errhandler
from mpi_actors.mpi.errhandler import ERRHANDLER_NULL, ERRORS_RETURN
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.rc import rc


def test_a_program_can_have_a_limited_number_of_error_handlers() -> None:
    """Those that it frees make room, even while objects use them."""
    made = [errhandler.create("Kind", print) for _ in range(errhandler.MAX_FUNCTIONS)]
    with pytest.raises(RuntimeError, match="32"):
        errhandler.create("Kind", print)
    errhandler.create("Other", print).Free()
    for one in made:
        one.Free()
        assert one == ERRHANDLER_NULL
    errhandler.create("Kind", print).Free()


def test_handles_from_get_errhandler_are_freed_without_freeing_what_they_point_to() -> None:
    """Only the handle that Create returned counts."""
    made = errhandler.create("Kind", print)
    state = errhandler.state_for(made, "Kind")
    errhandler.Errhandler._to(state).Free()
    assert made
    made.Free()
    ERRORS_RETURN.Free()
    assert ERRORS_RETURN


def test_an_error_handler_is_for_one_kind_of_object() -> None:
    """Another kind gives ERR_ARG, a null handle ERR_ERRHANDLER, and what is not callable a TypeError."""
    made = errhandler.create("Session", print)
    with pytest.raises(MPIException) as caught:
        errhandler.state_for(made, "Comm")
    assert caught.value.error_class == constants.ERR_ARG
    with pytest.raises(MPIException) as caught:
        errhandler.state_for(ERRHANDLER_NULL, "Comm")
    assert caught.value.error_class == constants.ERR_ERRHANDLER
    with pytest.raises(TypeError):
        errhandler.create("Comm", 3)  # type: ignore[arg-type]
    made.Free()


def test_a_function_is_called_with_object_and_code_then_the_error_is_raised() -> None:
    """The failed call raises, as it does without an error handler."""
    called = []
    made = errhandler.create("Kind", lambda target, code: called.append((target, code)))
    state = errhandler.state_for(made, "Kind")
    with pytest.raises(MPIException) as caught:
        errhandler.report_and_raise(state, "target", MPIException(constants.ERR_TAG, "9"))
    assert caught.value == constants.ERR_TAG
    assert called == [("target", constants.ERR_TAG)]
    errhandler.call(errhandler.state_for(ERRORS_RETURN, "Kind"), "target", constants.ERR_TAG)
    made.Free()


@pytest.mark.parametrize(
    ("option", "expected"),
    [("exception", "return"), ("default", "fatal"), ("abort", "abort"), ("fatal", "fatal")],
)
def test_rc_says_what_objects_begin_with(option: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option is `mpi4py.rc.errors`."""
    monkeypatch.setitem(rc.__dict__, "errors", option)
    assert errhandler.initial_state().kind == expected
