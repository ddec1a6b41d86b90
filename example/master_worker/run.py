"""A master deals tasks to whoever is free; while nobody has an answer for it, it does a task itself.

A task is a range of numbers; its answer is the longest Collatz sequence that begins in it. Which rank does
which task is not decided by the program: the master asks with Iprobe whether an answer has come, and takes it
from ANY_SOURCE. The lines do not depend on that, nor on the number of ranks.
Arguments: [tasks] [numbers], default 200 tasks of 100 numbers each.
"""

import sys

from mpi4py import MPI

TASK, ANSWER, STOP = 1, 2, 3
REPORT = 20

comm = MPI.COMM_WORLD
tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 200
numbers = int(sys.argv[2]) if len(sys.argv) > 2 else 100


def longest(task: int) -> tuple[int, int]:
    """The longest sequence that begins in the task's range, and where it begins (the smallest if several)."""
    best = (0, 0)
    for start in range(1 + task * numbers, 1 + (task + 1) * numbers):
        length, value = 1, start
        while value != 1:
            value = 3 * value + 1 if value % 2 else value // 2
            length += 1
        best = max(best, (length, -start))
    return best[0], -best[1]


def work() -> None:
    """Do tasks until there are no more."""
    status = MPI.Status()
    while True:
        task = comm.recv(source=0, tag=MPI.ANY_TAG, status=status)
        if status.Get_tag() == STOP:
            return
        comm.send((task, longest(task)), 0, tag=ANSWER)


def deal() -> None:
    """Deal all tasks, and collect the answers."""
    waiting = list(range(tasks))[::-1]
    answers: dict[int, tuple[int, int]] = {}
    status = MPI.Status()

    def keep(task: int, answer: tuple[int, int]) -> None:
        answers[task] = answer
        if len(answers) % REPORT == 0:
            print(f"{len(answers)} of {tasks}", flush=True)

    idle = list(range(1, comm.size))
    while len(answers) < tasks:
        while idle and waiting:
            comm.send(waiting.pop(), idle.pop(0), tag=TASK)
        if waiting and not comm.Iprobe(source=MPI.ANY_SOURCE, tag=ANSWER):
            task = waiting.pop()
            keep(task, longest(task))
        elif len(answers) < tasks:
            task, answer = comm.recv(source=MPI.ANY_SOURCE, tag=ANSWER, status=status)
            keep(task, answer)
            idle.append(status.Get_source())
    for worker in range(1, comm.size):
        comm.send(None, worker, tag=STOP)
    length, start = max(answers.values(), key=lambda each: (each[0], -each[1]), default=(0, 0))
    print(f"the longest sequence begins with {start} and has {length} numbers")


if comm.rank == 0:
    deal()
else:
    work()
