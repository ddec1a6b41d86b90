"""A script of mpi4py.futures: one master, whose other ranks are workers."""

import time
from typing import Any

from mpi4py import MPI
from mpi4py.futures import MPICommExecutor


def task(number: int) -> int:
    """Take a moment."""
    time.sleep(0.01)
    return number * number


if __name__ == "__main__":
    executor: Any
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
        if executor is not None:
            total = 0
            for number, value in enumerate(executor.map(task, range(300))):
                total += value
                if number % 50 == 49:
                    print(f"{number + 1} done: {total}", flush=True)
