"""The warden process: a small parent of a daemon's programs, so that none of them outlives the daemon.

The daemon runs this file (`python -I -S warden_main.py FD DAEMON_PID TOKEN`). The process imports little and
nothing of this package, and has one thread: forking it is safe and cheap. It obeys requests from a stream
socket. When the socket ends, or the daemon dies, it kills all programs and ends.

A frame on the socket is a 4-byte length and a marshalled tuple (both ends run the same version of Python):

    -> ("spawn", id, n, executable, argv, env, cwd, umask, limits)    with descriptors 0 … n-1 by SCM_RIGHTS
    -> ("signal", id, number)                                      to the whole process group
    <- ("started", id, pid)  or  ("failed", id, reason)
    <- ("ended", id, wait status, user seconds, system seconds, max rss in bytes)

A ward is one program. Its end is reported once nothing of it runs any more. When its leader (its first
process) dies, its process group is killed; a descendant that left the group with `setsid` becomes a child of
this process, a subreaper, and is killed then.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import marshal
import os
import resource
import select
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False  # type checkers know the name; importing typing for it would cost milliseconds
if TYPE_CHECKING:
    from typing import Any, NoReturn

HEADER = struct.Struct("!I")
MARKER = "MPI_ACTORS_WARD"
"""The environment variable that tells whose descendant a process is: `<token>.<id of the ward>`."""
GRACE = 2.0
"""Seconds that the report of an end waits for killed descendants: some hang in the kernel for longer."""

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36  # prctl(2)
_PF_KTHREAD = 0x00200000  # a kernel thread, in the flags of proc(5)
_OOM_STEP = 300  # permille of memory that the kernel counts on top when it chooses what to kill
_MOST_DESCRIPTORS = 16  # descriptors that one program can get: it uses five
_RECEIVE_BYTES = 1 << 18  # bytes that one call receives: most requests fit
_REASON_BYTES = 4000  # bytes of the reason why a program could not start; a pipe takes 4096 at once
_LOOK_AGAIN = 0.01  # seconds until we look again at a child whose owner we could not tell
_libc = ctypes.CDLL(None, use_errno=True)


def pack(message: tuple[Any, ...]) -> bytes:
    """Return a message as a frame."""
    body = marshal.dumps(message)
    return HEADER.pack(len(body)) + body


def take_frames(buffer: bytearray) -> list[tuple[Any, ...]]:
    """Take all complete messages off the front of `buffer`, and return them."""
    messages: list[tuple[Any, ...]] = []
    start = 0
    while len(buffer) - start >= HEADER.size:
        body = start + HEADER.size
        end = body + HEADER.unpack_from(buffer, start)[0]
        if len(buffer) < end:
            break
        messages.append(marshal.loads(buffer[body:end]))
        start = end
    del buffer[:start]
    return messages


def children() -> list[int]:
    """Return the pids of this process's children, zombies included."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return children_by_scan()


def children_by_scan() -> list[int]:
    """Do the same as `children` on every kernel: slower, from the stat file of every process."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(_stat(pid)[1]) == os.getpid():
                found.append(pid)
    return found


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the third on: field (n) of proc(5) has the index n - 3."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def marker_of(pid: int) -> bytes | None:
    """Return the value of MARKER in a process's environment; empty if it is not there or cannot be read.

    None if we cannot tell now: in the middle of exec (and of exit) an environment looks empty.
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read()
        if not environ:
            fields = _stat(pid)
            # (50) env_start and (51) env_end: both 0 until exec has set them up, equal if it is empty
            empty = fields[47] == fields[48] != b"0"
            return b"" if empty or fields[0] in b"ZX" or int(fields[6]) & _PF_KTHREAD else None
    except OSError:
        return b""
    prefix = MARKER.encode() + b"="
    return next((entry[len(prefix) :] for entry in environ.split(b"\0") if entry.startswith(prefix)), b"")


def _prctl(option: int, value: Any) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, value, zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, or is a set-uid program
        os.kill(pid, number)


def _kill_group(leader: int, number: int) -> None:
    # Call this only before the leader is reaped: until then no other process can have its pid.
    try:
        os.killpg(leader, number)
    except ProcessLookupError:  # the fork has not called setsid yet
        _kill(leader, number)
    except PermissionError:
        pass


class Ward:
    """One program that this process guards."""

    def __init__(self, ident: int, pid: int, errors: int) -> None:
        self.id = ident
        self.pid = pid
        self.errors = errors  # read end of the pipe that tells why exec failed; -1 after we have read it
        self.reason: str | None = None
        self.result: tuple[Any, ...] = ()  # set when the leader was reaped
        self.deadline: float | None = None  # the latest time to report the end; None while the leader lives


class Guard:
    """The loop of the warden process, and its wards."""

    def __init__(self, control: socket.socket, daemon: int, token: str) -> None:
        self._control = control
        self._token = token
        self._live: dict[int, Ward] = {}  # by the pid of the leader
        self._ending: list[Ward] = []
        self._undecided = False  # whether there is a child whose owner we cannot tell yet
        self._by_errors: dict[int, Ward] = {}
        self._buffer = bytearray()
        self._received: list[list[int]] = []  # descriptors, a list for each request that comes with some
        self._serving = True
        self._wakeup, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        self._daemon = -1
        with contextlib.suppress(OSError):  # if we cannot watch the daemon, its socket still ends
            self._daemon = os.pidfd_open(daemon)
            self._poll.register(self._daemon, select.POLLIN)
        unset = (signal.SIG_DFL, None)
        self._resets: list[int] = [n for n in signal.valid_signals() if signal.getsignal(n) not in unset]

    def run(self) -> None:
        """Serve until the daemon has ended. After that no ward runs any more."""
        try:
            while self._serving:
                self._turn()
        finally:
            self._end_everything()

    def _turn(self) -> None:
        for fd, _ in self._poll.poll(self._timeout()):
            if fd == self._control.fileno():
                self._receive()
            elif fd == self._wakeup:
                os.read(self._wakeup, 4096)
            elif fd == self._daemon:
                self._serving = False
            elif fd in self._by_errors:
                self._read_exec_result(self._by_errors[fd])
        if self._reap() or self._ending or self._undecided:
            self._sweep()

    def _timeout(self) -> float | None:
        """Return how long to wait for events, in milliseconds; None for ever."""
        if self._undecided:
            return _LOOK_AGAIN * 1000
        deadlines = [ward.deadline for ward in self._ending if ward.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None

    # --- requests

    def _receive(self) -> None:
        room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * struct.calcsize("i"))
        try:
            data, ancillary, cut, _ = self._control.recvmsg(_RECEIVE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data = b""
        if not data:
            self._serving = False
            return
        # The kernel never returns the descriptors of two requests from one call.
        if ancillary or cut & socket.MSG_CTRUNC:
            self._received.append([fd for _, _, raw in ancillary for (fd,) in struct.iter_unpack("i", raw)])
        self._buffer += data
        for message in take_frames(self._buffer):
            if message[0] == "spawn":
                self._spawn(*message[1:])
            elif message[0] == "signal":
                self._signal(*message[1:])

    def _spawn(self, ident: int, count: int, *program: Any) -> None:
        descriptors = self._received.pop(0)
        errors = writing = -1
        try:
            if len(descriptors) != count:
                raise OSError(f"too many open files, {len(descriptors)} of {count} descriptors received")
            errors, writing = os.pipe()
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                _become(parent, f"{self._token}.{ident}", self._resets, descriptors, writing, program)
        except OSError as error:
            if errors >= 0:
                os.close(errors)
            self._send(("failed", ident, f"the warden cannot fork: {error.strerror or error}"))
            return
        finally:
            for fd in descriptors if writing < 0 else [*descriptors, writing]:
                os.close(fd)
        self._live[pid] = self._by_errors[errors] = Ward(ident, pid, errors)
        self._poll.register(errors, select.POLLIN)

    def _signal(self, ident: int, number: int) -> None:
        for ward in self._live.values():
            if ward.id == ident:
                _kill_group(ward.pid, number)

    # --- what happens to wards

    def _read_exec_result(self, ward: Ward) -> None:
        reason = os.read(ward.errors, _REASON_BYTES)
        self._poll.unregister(ward.errors)
        del self._by_errors[ward.errors]
        os.close(ward.errors)
        ward.errors = -1
        if reason:
            ward.reason = reason.decode(errors="replace")
        else:  # closed by a successful exec
            self._send(("started", ward.id, ward.pid))

    def _reap(self) -> bool:
        """Reap all children that have died; return whether one had."""
        reaped = False
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return reaped
            if dead is None:
                return reaped
            reaped = True
            ward = self._live.pop(dead.si_pid, None)
            if ward is not None:
                _kill_group(ward.pid, signal.SIGKILL)
                if ward.errors >= 0:
                    self._read_exec_result(ward)
            _, status, usage = os.wait4(dead.si_pid, 0)
            if ward is not None:
                ward.result = (status, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024)
                ward.deadline = time.monotonic() + GRACE
                self._ending.append(ward)

    def _sweep(self) -> None:
        """Kill orphans that belong to no live ward, and report the wards of which no process is left.

        When a killed orphan dies, its children become ours; reaping it brings us here again.
        """
        owners: set[Ward | None] = set()
        self._undecided = False
        for pid in children():
            if pid in self._live:
                continue
            decided, owner = self._owner(pid)
            if not decided:
                self._undecided = True
                owners.add(None)
            elif owner is None or owner.deadline is not None:
                _kill(pid, signal.SIGKILL)
                owners.add(owner)
        now = time.monotonic()
        waiting = []
        for ward in self._ending:
            if owners.isdisjoint((ward, None)) or (ward.deadline or 0) <= now:
                ended = ("ended", ward.id, *ward.result)
                self._send(ended if ward.reason is None else ("failed", ward.id, ward.reason))
            else:
                waiting.append(ward)
        self._ending = waiting

    def _owner(self, pid: int) -> tuple[bool, Ward | None]:
        """Return whether we can tell whose descendant an orphan is, and the ward (None: of no ward)."""
        wards = [*self._live.values(), *self._ending]
        try:
            session = os.getsid(pid)
        except OSError:
            session = 0
        for ward in wards:
            if ward.pid == session:
                return True, ward
        marker = marker_of(pid)
        owner = next((ward for ward in wards if marker == f"{self._token}.{ward.id}".encode()), None)
        return marker is not None, owner

    def _send(self, message: tuple[Any, ...]) -> None:
        try:
            self._control.sendall(pack(message))
        except OSError:
            self._serving = False

    def _end_everything(self) -> None:
        for pid in self._live:
            _kill_group(pid, signal.SIGKILL)
        while True:
            for pid in children():
                _kill(pid, signal.SIGKILL)
            try:
                dead, _ = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            self._live.pop(dead, None)


def _become(
    parent: int, marker: str, resets: list[int], descriptors: list[int], errors: int, program: tuple[Any, ...]
) -> NoReturn:
    """In the fork: become the program, or report why that is not possible."""
    executable, argv, env, cwd, umask, limits = program
    step = "cannot prepare the process"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent:  # the warden process died before the line above
            os._exit(127)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            # when memory runs out, the kernel should kill programs before daemons
            file.write(b"%d" % min(1000, int(file.read()) + _OOM_STEP))
        for number in resets:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # first move all of them up: the number that one should get may be in use by another
        high = fcntl.F_DUPFD_CLOEXEC, _MOST_DESCRIPTORS
        errors, *sources = (fcntl.fcntl(fd, *high) for fd in (errors, *descriptors))
        for target, fd in enumerate(sources):
            os.dup2(fd, target)
        os.closerange(len(sources), errors)
        os.closerange(errors + 1, os.sysconf("SC_OPEN_MAX"))
        os.umask(umask)
        step = f"cannot enter the directory {os.fsdecode(cwd)!r}"
        os.chdir(cwd)
        step = "cannot set resource limits"
        for which, soft, hard in limits:
            resource.setrlimit(which, (soft, hard))
        step = f"cannot run {os.fsdecode(executable)!r}"
        os.execve(executable, argv, {**env, MARKER.encode(): marker.encode()})
    except Exception as error:  # noqa: BLE001 - the daemon must hear of every error
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        os.write(errors, f"{step}: {cause}".encode(errors="replace")[:_REASON_BYTES])
    finally:
        os._exit(127)


def main() -> None:
    """Serve the daemon on the socket whose number is the first argument."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the default action gives no wakeup
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    _prctl(_PR_SET_NAME, ctypes.c_char_p(b"mpi-warden"))
    Guard(control, int(sys.argv[2]), sys.argv[3]).run()


if __name__ == "__main__":
    main()
