"""Bytes that come over a socket from another process, which draws them at random."""

import socket
import subprocess
import sys

from losses_play import play

SERVER = """if True:
    import os, sys
    while sys.stdin.readline():
        print(os.getrandom(4).hex(), flush=True)
"""
mine, other = socket.socketpair()
server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=other.fileno(), stdout=other.fileno())
other.close()


def draw(_: int) -> str:
    """Ask for some."""
    mine.sendall(b"\n")
    return mine.recv(100).decode().strip()


try:
    play(draw)
finally:
    mine.close()
    server.kill()
    server.wait()
