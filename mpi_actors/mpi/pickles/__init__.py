"""Python objects as messages: pickled, with large buffers beside the pickle.

This package knows no communicator. From the bottom up:

- `outofband`: a pickle and the buffers that it leaves out, as one message;
- `pickle`: `MPI.Pickle` and `MPI.pickle`, which a program may change;
- `messages`: objects as messages, in the way that `MPI.pickle` says.
"""
