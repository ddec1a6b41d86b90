"""Every error that mpi_actors raises on purpose.

Each error derives from `MpiActorsError` and is named after what happened. Its text says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload


class MpiActorsError(Exception):
    """The root of all: catch this to catch whatever mpi_actors raises on purpose."""


class UsageError(MpiActorsError):
    """A person typed, or a program passed, something that cannot be used. Commands end with exit code 2."""


# --- the wire ---------------------------------------------------------------------------------------------


class ProtocolError(MpiActorsError):
    """The other side broke the protocol. Its connection is closed; other connections do not suffer."""


class BadPreamble(ProtocolError):
    """A stream does not begin with the bytes of this protocol. Another program connected; ignore it."""


class VersionMismatch(ProtocolError):
    """The other side speaks another version of the protocol. Install the same release on both sides."""


class FrameTooLarge(ProtocolError):
    """A length on the wire exceeds its limit. No memory was allocated for it."""


class BadFrame(ProtocolError):
    """The header of a frame, or a report, has values that cannot be."""


class BadMessage(ProtocolError):
    """A message has an unknown type, or a field is missing, of the wrong type or too large."""


class OutOfTurn(ProtocolError):
    """A peer sent a valid message at a point of the conversation where it is not allowed."""


class TooManyStreams(ProtocolError):
    """Too many streams, of one peer or of all, wait to become links. The newest is refused; dial again."""


class HelloTimeout(ProtocolError):
    """A connected peer did not say hello, or complete its streams, in time. It may dial again."""


class DifferentPool(ProtocolError):
    """The other peer serves another interpreter store, so it belongs to another pool. Give both one store."""


class TooMuchRelayed(ProtocolError):
    """A host sent more through this peer than credit allows. Its link is closed; the host connects again."""


class Impostor(ProtocolError):
    """A peer sent something in the name of a rank or job that is not its own. Its link is closed."""


# --- connections ------------------------------------------------------------------------------------------


class ConnectionLost(MpiActorsError):
    """A stream ended, was reset or cannot be written. Open another, if the peer still lives."""


class DialFailed(MpiActorsError):
    """No connection to that address. Check that the peer runs, and that it printed this address."""


class BadAddress(UsageError):
    """A text is not an address that can be used. The error shows an example of a good one."""


class CannotListen(UsageError):
    """This machine cannot listen on an address. Choose another port, or an address of this machine."""


# --- identity and directories -----------------------------------------------------------------------------


class BadIdentity(UsageError):
    """The identity file is corrupt, or others can read it. The error says how to mend it."""


class PathInUse(UsageError):
    """Another daemon works in that directory. Stop it, or choose another directory."""


class BadStore(UsageError):
    """The interpreter store does not exist, cannot be read, or holds something that is refused."""


class DepotUnusable(UsageError):
    """The directory of installed interpreters cannot be read or written. Free some space there."""


# --- content ----------------------------------------------------------------------------------------------


class BadCid(UsageError):
    """A text, or bytes, are not a content identifier that can be used here (CIDv0 or v1, SHA-256)."""


class BadBlock(MpiActorsError):
    """A block does not match its identifier, or is not a valid piece of a file or directory."""


class ContentError(MpiActorsError):
    """Content of IPFS cannot be had. Each subclass is a reason."""


class ContentMissing(ContentError):
    """No provider that was asked has the content, or the content has no such path."""


class ContentRefused(ContentError):
    """Content exceeds a limit, or has a name or a link that would leave its directory."""


class NotADirectory(ContentError):
    """Content is a file where a directory is needed, or the other way round."""


class NoProvider(ContentMissing):
    """No connected peer is known to have the content. Connect to one that has it."""


class ProviderFailed(ContentError):
    """A provider lied, stalled, sent what nobody asked for or hung up. The fetcher tries another."""


class BackendUnavailable(ContentError):
    """The IPFS daemon is absent, too slow, of a wrong version, or ended during a call. Start it again."""


class DiskFull(ContentError):
    """The disk that holds this peer's directory is full, or its quota is. Free some space."""


class StoreBusy(ContentError):
    """Another task or process changes this peer's blocks, and did not finish in time. Try again later."""


class StoreDamaged(UsageError):
    """The database of this peer's store, or one of its blocks, cannot be read or written."""


# --- actors -----------------------------------------------------------------------------------------------


class MailboxClosed(MpiActorsError):
    """The actor behind a mailbox has gone for good. The message was counted as a dead letter."""


class NoReply(MpiActorsError):
    """An actor did not answer a question in time, or dropped it. The text says which; ask again."""


class RestartIntensityExceeded(MpiActorsError):
    """A supervisor's children failed more often than its intensity allows, so the supervisor fails, too."""


class UnknownChild(MpiActorsError):
    """A supervisor has no child of that id, or no longer."""


class DuplicateChild(MpiActorsError):
    """A supervisor already has a child of that id, or with that mailbox. Stop that child first."""


class SupervisorStopped(MpiActorsError):
    """A supervisor that does not run, or is about to end, was asked to start a child."""


# --- replay -----------------------------------------------------------------------------------------------


class ReplayDivergence(MpiActorsError):
    """A restarted rank sent or wrote something else than its last incarnation.

    So the program is not deterministic between its receives: it uses process ids, the order of a set of
    objects, a race of threads, or what others have changed meanwhile. Correct that, or run the job without
    replay.
    """


class LogLost(MpiActorsError):
    """A rank left without a word, and its messages went with it; others still run, or need them again.

    Its process ended with exit code 0, but not through Python: by `_exit` or `exit` in C, or because another
    program took its place (exec). End programs by returning, by `sys.exit` or by `os._exit`.
    """


class NotReplayable(MpiActorsError):
    """A rank was lost that cannot be run again: what its program saw depends on what is not recorded.

    The text says what: calls from several threads, more choices or looks at the clock than are kept, or the
    flag --no-replay. Call MPI from one thread; look at the clock, and test, less often.
    """


class BadChoices(MpiActorsError):
    """The recorded choices of a rank cannot be read: they are cut short, or of another version."""


class BadPage(MpiActorsError):
    """The shared memory for a rank's choices is none, or was cut short."""


class PageFull(MpiActorsError):
    """The shared memory for a rank's choices has reached its limit, or the system has no more memory."""


class ConflictingChoices(MpiActorsError):
    """Two peers have different records of one rank's choices, so that nobody can say what it chose.

    The job fails. One of the peers has a fault in its memory, or runs another program under the same version.
    """


class ForkedProcess(MpiActorsError):
    """A process that a rank has forked called MPI. Only the rank itself can: let it call.

    The child has the rank's connections, and would speak on them in the rank's name.
    """


class ReentrantCall(MpiActorsError):
    """A finalizer made a call that waits, in the middle of another call. Send from it, or do not call there.

    Finalizers (`__del__`, callbacks of weak references) run wherever Python collects garbage. What they send,
    and what they begin without waiting for it, happens after the other call.
    """


class LaneBroken(MpiActorsError):
    """What one rank sends another contradicts itself, and a new connection does not help: the job fails.

    A message is lost, or the two ranks run different releases, or the connection broke in a job with
    --no-replay, which cannot send again what was under way. The text says who sent what to whom.
    """


class SendLogFull(MpiActorsError):
    """The log of a rank's sent messages reached its limit. Send less, or raise the limit (`LaneLimits`)."""


# --- programs and jobs ------------------------------------------------------------------------------------


class BadProgramLine(MpiActorsError):
    """A program wrote a line that is not a Log, Send, Req or Reset. Correct the program."""


class LineTooLong(BadProgramLine):
    """A program wrote a line longer than the limit. Split the message."""


class CannotSpawn(MpiActorsError):
    """The operating system refused to start a program. The text has its reason."""


class WardenLost(MpiActorsError):
    """The warden process, parent of all rank processes of a daemon, has ended, and its programs with it."""


class UnknownInterpreter(UsageError):
    """The peer has no interpreter of that name. The command `list` shows those that it has."""


class InstallFailed(MpiActorsError):
    """An interpreter could not be installed: not found, too large, or refused by its init.py."""


class InterpreterInUse(UsageError):
    """An interpreter cannot be deleted while a job uses it. Try again when the job has ended."""


class BadManifest(UsageError):
    """The file `mpi-actors.toml` of an interpreter has another line than `protocol`, the only one allowed."""


class UnknownJob(UsageError):
    """This peer knows no job of that name. The command `jobs` shows those that it knows."""


class UnknownPeer(UsageError):
    """No peer of that name is known. The command `peers` shows those that are."""


class JobFailed(MpiActorsError):
    """A job ended without an answer. The text says which rank failed, where and why."""


# --- pools on one machine ---------------------------------------------------------------------------------


class DaemonEnded(MpiActorsError):
    """A daemon of a local pool has ended or did not come up. The text has the end of its standard error."""


class PoolNotReady(MpiActorsError):
    """The daemons of a local pool did not find each other in time. Is the machine overloaded?"""


class UnsupportedFault(UsageError):
    """That daemon was not opened for tests, so nobody may disturb it. Use a pool of `open_pool`."""


# --- the console ------------------------------------------------------------------------------------------


class OutputLost(MpiActorsError):
    """Standard output or standard error can no longer be written, so the console has ended."""


# --- fault plans ------------------------------------------------------------------------------------------


class BadFaultPlan(UsageError):
    """The text of a fault plan, or a value in it, is not valid. The error names it."""


# --- errors in groups -------------------------------------------------------------------------------------


@overload
def leaf(error: Exception) -> Exception: ...
@overload
def leaf(error: BaseException) -> BaseException: ...
def leaf(error: BaseException) -> BaseException:
    """Return the first error in a group, also within groups in it; return any other error as it is.

    Nurseries wrap each error in an `ExceptionGroup`. Use this where only one error can be reported.
    """
    return next(leaves(error))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield all errors in a group, also within groups in it; of any other error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


class Ungrouped:
    """Carries an error out of a nursery as it is, not in a group.

    `with` keeps an `Exception` that its body raises; after the end of the nursery, `reraise` raises it again.
    An error of another task of the nursery still comes out in a group, and hides the kept one:

        body = Ungrouped()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other_task)
            with body:
                ...
            nursery.cancel_scope.cancel()
        body.reraise()
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        """What the body raised; None if nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False

    def reraise(self) -> None:
        """Raise the error that was kept, if there is one.

        Raises:
            Exception: what the body of `with` raised.
        """
        if self.error is not None:
            raise self.error
