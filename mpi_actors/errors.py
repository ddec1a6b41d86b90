"""Every error that mpi_actors raises on purpose.

All derive from `MpiActorsError`, are named after what happened, and carry a text that says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload


class MpiActorsError(Exception):
    """The root: catch this to catch whatever mpi_actors raises on purpose."""


class UsageError(MpiActorsError):
    """What a person typed, or a program passed, cannot be used. Commands end with exit code 2."""


# --- the wire ---------------------------------------------------------------------------------------------


class ProtocolError(MpiActorsError):
    """The other side broke the protocol. Its connection is closed; nobody else notices."""


class BadPreamble(ProtocolError):
    """A stream did not begin with the bytes that open one of ours."""


class VersionMismatch(ProtocolError):
    """The other side speaks another protocol version. Install the same release on both."""


class FrameTooLarge(ProtocolError):
    """A length field exceeds its limit; nothing was allocated for it."""


class BadFrame(ProtocolError):
    """A frame's header makes no sense."""


class BadMessage(ProtocolError):
    """A control message is of no known type, or a field is missing, of the wrong type or too large."""


class OutOfTurn(ProtocolError):
    """A control message that is good in itself, but not at this point of the conversation."""


class TooManyStreams(ProtocolError):
    """More streams than allowed that have not become a link yet, of one peer or of all."""


class HelloTimeout(ProtocolError):
    """A connected peer did not say hello in time."""


class DifferentPool(ProtocolError):
    """The other peer serves another interpreter store, so it is of another pool."""


class TooMuchRelayed(ProtocolError):
    """A host sends more by way of the coordinator than credit allows. Its link is closed, and begins anew."""


class Impostor(ProtocolError):
    """A peer sent something in the name of a rank or job that is not its own."""


# --- connections ------------------------------------------------------------------------------------------


class ConnectionLost(MpiActorsError):
    """A stream ended, was reset, or could not be written."""


class DialFailed(MpiActorsError):
    """No connection to that address. Check that the peer runs there and the address is the one it printed."""


class BadAddress(UsageError):
    """That text is no usable address."""


class CannotListen(UsageError):
    """The listening address cannot be used: taken by another program, or not of this machine."""


# --- identity and directories -----------------------------------------------------------------------------


class BadIdentity(UsageError):
    """The identity file is corrupt, or readable by others."""


class PathInUse(UsageError):
    """Another daemon works in that directory."""


class BadStore(UsageError):
    """The interpreter store does not exist, cannot be read, or holds something that is refused."""


class DepotUnusable(UsageError):
    """The directory of installed interpreters cannot be read or written. Free some space there."""


# --- content ----------------------------------------------------------------------------------------------


class BadCid(UsageError):
    """That text or those bytes are no content identifier that can be used here (CIDv0 or v1, SHA-256)."""


class BadBlock(MpiActorsError):
    """A block is not what its identifier says, or makes no sense as a piece of a file or directory."""


class ContentError(MpiActorsError):
    """Something in IPFS cannot be had; the subclasses say why."""


class ContentMissing(ContentError):
    """Nobody who was asked has it, or there is no such path in it."""


class ContentRefused(ContentError):
    """It can be had, but goes over a limit, or has a name or a link that would leave its directory."""


class NotADirectory(ContentError):
    """A directory is needed, and that content is a file, or a file and it is a directory."""


class NoProvider(ContentMissing):
    """There is nobody to ask: no connected peer is known to have it."""


class ProviderFailed(ContentError):
    """One provider lied, stalled, sent what nobody asked for or hung up. Another is tried."""


class BackendUnavailable(ContentError):
    """The IPFS daemon is absent, too slow, of a wrong version, or ended in the middle of a call."""


class DiskFull(ContentError):
    """The disk that holds this peer's directory is full, or its quota is."""


class StoreBusy(ContentError):
    """Somebody else adds to this peer's blocks, or removes some, and did not end in time. Try again later."""


class StoreDamaged(UsageError):
    """The database of this peer's store, or its blocks, cannot be read or written."""


# --- actors -----------------------------------------------------------------------------------------------


class MailboxClosed(MpiActorsError):
    """The mailbox's owner has gone for good; the message was counted as a dead letter."""


class NoReply(MpiActorsError):
    """An asked actor did not answer in time, or dropped the question."""


class RestartIntensityExceeded(MpiActorsError):
    """A supervisor's children failed more often than its intensity allows; it fails upwards."""


class UnknownChild(MpiActorsError):
    """The supervisor has no child of that id, or has it no longer."""


class DuplicateChild(MpiActorsError):
    """The supervisor already has a child of that id, or one that owns that mailbox. Stop it first."""


class SupervisorStopped(MpiActorsError):
    """The supervisor does not run, or is about to end; it starts no more children."""


# --- replay -----------------------------------------------------------------------------------------------


class ReplayDivergence(MpiActorsError):
    """A restarted rank sent something else than it had sent before.

    The program is not deterministic between its receives: it uses the time, unseeded randomness, or the
    order of a set. Fix that, or run the job without replay.
    """


class NotReplayable(MpiActorsError):
    """A rank was lost after a choice that was not its own, such as which message matched ANY_SOURCE.

    Another incarnation could choose otherwise, and what the choice was is not recorded yet. Name the source
    and the tag of each message that is received, and do not probe or test.
    """


class SendLogFull(MpiActorsError):
    """A rank's sender log reached its limit. Send less, or raise the limit."""


# --- programs and jobs ------------------------------------------------------------------------------------


class BadProgramLine(MpiActorsError):
    """A program wrote a line that is none of Log, Send, Req and Reset."""


class LineTooLong(BadProgramLine):
    """A program wrote a line longer than the limit."""


class CannotSpawn(MpiActorsError):
    """The operating system refused to start a program."""


class WardenLost(MpiActorsError):
    """The helper process that owns the rank processes ended; the ranks that it held are lost."""


class UnknownInterpreter(UsageError):
    """No interpreter of that name is installed on this peer. `list` shows those that are."""


class InstallFailed(MpiActorsError):
    """An interpreter could not be installed: not found, too large, or its init.py refused."""


class InterpreterInUse(UsageError):
    """An interpreter cannot be deleted while a job uses it. Try again when the job has ended."""


class BadManifest(UsageError):
    """An interpreter's `mpi-actors.toml` cannot be used: the only line that it may have is `protocol`."""


class UnknownJob(UsageError):
    """No job of that name is known to this peer. `jobs` shows those that are."""


class UnknownPeer(UsageError):
    """No peer of that name is known. `peers` shows those that are."""


class JobFailed(MpiActorsError):
    """A job ended without an answer; the text says which rank, where and why."""


# --- pools on one machine ---------------------------------------------------------------------------------


class DaemonEnded(MpiActorsError):
    """A daemon of a local pool has ended, or did not come up; the text has the last of what it said."""


class PoolNotReady(MpiActorsError):
    """The daemons of a local pool did not find each other in time. Is the machine overloaded?"""


class UnsupportedFault(UsageError):
    """That cannot be done to daemons of this sort; use a pool in memory."""


# --- the console ------------------------------------------------------------------------------------------


class OutputLost(MpiActorsError):
    """Standard output or standard error cannot be written any more, so the console has ended."""


# --- fault plans ------------------------------------------------------------------------------------------


class BadFaultPlan(UsageError):
    """A fault plan's text, or a value in it, makes no sense."""


# --- errors in groups -------------------------------------------------------------------------------------


@overload
def leaf(error: Exception) -> Exception: ...
@overload
def leaf(error: BaseException) -> BaseException: ...
def leaf(error: BaseException) -> BaseException:
    """Return the first error that is in a group, in a group in it, and so on; an error in no group as it is.

    Nurseries wrap each error in an `ExceptionGroup`. Use this where only one error can be told to others.
    """
    return next(leaves(error))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield all errors that `leaf` chooses from: those in a group, in the groups in it, and so on."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


class Ungrouped:
    """Carries an error out of a nursery as it is, not in a group.

    `with` keeps an `Exception` that its body raises; after the end of the nursery, `reraise` raises it again.
    What other tasks of the nursery raise still comes out in a group, and takes precedence:

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
