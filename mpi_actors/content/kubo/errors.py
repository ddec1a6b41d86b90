"""What goes wrong between us and an IPFS daemon, by our names."""

from __future__ import annotations

from ...errors import BackendUnavailable, BadAddress, ContentError, ContentMissing, DiskFull, MpiActorsError

_NO_ROOM = ("no space left on device", "disk quota exceeded", "not enough space")
_NOT_HERE = ("not found", "could not find", "context deadline exceeded")
_MAX_SHOWN = 300


class DaemonRefused(ContentError):
    """The daemon understood, and says why it does not do it."""


class Stalled(BackendUnavailable):
    """The daemon did not go on with a call."""


def failures() -> tuple[type[Exception], ...]:
    """What the client library, and all below it, may raise during a call."""
    import http.client

    import requests
    import urllib3
    from ipfshttpclient import exceptions

    return (
        exceptions.Error,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
        RecursionError,
    )


def translate(error: Exception, address: str, path: str) -> MpiActorsError:
    """The named error for what the client library, or anything below it, raised during a call.

    Args:
        error: what was raised.
        address: the daemon's.
        path: of the command.
    """
    from ipfshttpclient import exceptions  # loaded by now: it raised that

    if isinstance(error, exceptions.AddressError):
        return BadAddress(f"{address!r} is no address of an IPFS daemon, such as /ip4/127.0.0.1/tcp/5001")
    if isinstance(error, exceptions.ErrorResponse):
        return refusal(str(error), address)
    if isinstance(error, exceptions.StatusError):
        status = getattr(getattr(error.original, "response", None), "status_code", "error")
        return BackendUnavailable(
            f"what answers at {address} is no IPFS daemon, or does not let us in (HTTP status {status} for "
            f"{path}). Name the address of the daemon's RPC API, by default /ip4/127.0.0.1/tcp/5001."
        )
    if isinstance(error, exceptions.TimeoutError) or "timed out" in str(error):
        return BackendUnavailable(
            f"the IPFS daemon at {address} does not answer {path} in time. Is it overloaded? "
            "Look at it, or start it again."
        )
    if isinstance(error, (ValueError, RecursionError)) and not isinstance(error, OSError):  # as some are
        return BackendUnavailable(f"what answers at {address} is no IPFS daemon: {_short(str(error))}")
    if _refused_to_connect(error):
        return BackendUnavailable(
            f"no IPFS daemon answers at {address}. Start it with `ipfs daemon`, or name another address."
        )
    return BackendUnavailable(
        f"the connection to the IPFS daemon at {address} broke during {path}: {_short(str(error))}. "
        "Has it ended, or is its disk full? Look at it, or start it again."
    )


def refusal(text: str, address: str) -> ContentError:
    """The named error for an error message of the daemon."""
    if any(sign in text.lower() for sign in _NO_ROOM):
        return DiskFull(f"the disk of the IPFS daemon at {address} is full: {_short(text)}. Make room there.")
    return DaemonRefused(_short(text))


def is_not_here(error: DaemonRefused) -> bool:
    """Whether it says that something was searched for, and not found."""
    return any(sign in str(error) for sign in _NOT_HERE)


def missing(what: object, stall: float) -> ContentMissing:
    """The error for content that the daemon cannot get."""
    return ContentMissing(
        f"the IPFS daemon does not have {what}, and got nothing of it from others for {stall:g} s. "
        "Is a node that has it running, and connected?"
    )


def _refused_to_connect(error: Exception) -> bool:
    text = str(error)
    return "Failed to establish a new connection" in text or "NameResolutionError" in text


def _short(text: str) -> str:
    line = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in line)
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"
