"""All of the environment, the host, and the limits of the process."""

import hashlib
import os
import resource
import socket

from losses_play import play


def draw(_: int) -> str:
    """A digest."""
    text = repr(sorted(os.environ.items())) + socket.gethostname() + os.getcwd()
    return hashlib.sha256((text + repr(resource.getrlimit(resource.RLIMIT_NOFILE))).encode()).hexdigest()[:12]


play(draw)
