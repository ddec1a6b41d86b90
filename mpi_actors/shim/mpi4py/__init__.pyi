from os import PathLike
from typing import Any

from mpi_actors import MPI as MPI
from mpi_actors.mpi.rc import Rc as Rc
from mpi_actors.mpi.rc import rc as rc

__version__: str
__all__: list[str]

def get_include() -> str: ...
def get_config() -> dict[str, str]: ...
def profile(name: str | bytes | PathLike[Any], *, path: Any = None) -> None: ...
