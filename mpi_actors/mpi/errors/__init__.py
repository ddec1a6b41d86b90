"""Error classes and codes, and the exception that carries them (MPI 4.1, chapter 9).

This package knows no handle, no communicator and no engine. From the bottom up:

- `classes`: the error classes, as numbers;
- `added`: what codes mean, and the classes and codes that a program adds;
- `exception`: `MPI.Exception`, and the functions of error classes, codes and strings.
"""
