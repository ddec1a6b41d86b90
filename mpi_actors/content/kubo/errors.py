"""Names for what goes wrong between us and an IPFS daemon."""

from __future__ import annotations

from ...errors import BackendUnavailable, BadAddress, ContentError, ContentMissing, DiskFull, MpiActorsError

_NO_ROOM = ("no space left on device", "disk quota exceeded", "not enough space")
_NOT_HERE = ("not found", "could not find", "context deadline exceeded")
_MAX_SHOWN = 300
"""Characters of a foreign error text that are shown: about three lines on a terminal."""


class DaemonRefused(ContentError):
    """The IPFS daemon understood a call, and refused it; the text says why."""


class Stalled(BackendUnavailable):
    """The IPFS daemon made no progress with a call."""


def failures() -> tuple[type[Exception], ...]:
    """Return the errors that the client library, and the libraries below it, may raise during a call."""
    # these take a while to load, and few runs need them
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
    """Return our error for one that the client library, or a library below it, raised during a call.

    Args:
        error: the error that was raised.
        address: of the IPFS daemon's RPC API.
        path: of the command, such as `/pin/ls`.
    """
    from ipfshttpclient import exceptions  # slow to import, but loaded by now: it raised the error

    if isinstance(error, exceptions.AddressError):
        return BadAddress(f"{address!r} is not an address of an IPFS daemon, such as /ip4/127.0.0.1/tcp/5001")
    if isinstance(error, exceptions.ErrorResponse):
        return refusal(str(error), address)
    if isinstance(error, exceptions.StatusError):
        status = getattr(getattr(error.original, "response", None), "status_code", "error")
        return BackendUnavailable(
            f"what answers at {address} is no IPFS daemon, or refuses us (HTTP status {status} for "
            f"{path}). Name the address of the daemon's RPC API, by default /ip4/127.0.0.1/tcp/5001."
        )
    if isinstance(error, exceptions.TimeoutError) or "timed out" in str(error):
        return BackendUnavailable(
            f"the IPFS daemon at {address} does not answer {path} in time. Is it overloaded? "
            "Look at it, or start it again."
        )
    # some errors of the libraries are both ValueError and OSError
    if isinstance(error, (ValueError, RecursionError)) and not isinstance(error, OSError):
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
    """Return our error for an error message of the IPFS daemon."""
    if any(sign in text.lower() for sign in _NO_ROOM):
        return DiskFull(f"the disk of the IPFS daemon at {address} is full: {_short(text)}. Make room there.")
    return DaemonRefused(_short(text))


def is_not_here(error: DaemonRefused) -> bool:
    """Whether the error says that the IPFS daemon searched for content and did not find it."""
    return any(sign in str(error) for sign in _NOT_HERE)


def missing(what: object, stall: float) -> ContentMissing:
    """Return the error for content that the IPFS daemon cannot get within `stall` seconds."""
    return ContentMissing(
        f"the IPFS daemon does not have {what}, and got nothing of it from others for {stall:g} s. "
        "Is an IPFS daemon that has it running, and connected?"
    )


def _refused_to_connect(error: Exception) -> bool:
    text = str(error)
    return "Failed to establish a new connection" in text or "NameResolutionError" in text


def _short(text: str) -> str:
    line = " ".join(text.split())
    shown = "".join(char if char.isprintable() else "\ufffd" for char in line)
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"
