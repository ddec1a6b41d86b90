"""The names of temporary files, which stay: a new incarnation finds those of the last."""

import tempfile

from losses_play import play


def draw(_: int) -> str:
    """A new one."""
    with tempfile.NamedTemporaryFile(prefix="losses-", delete=False) as file:
        return file.name


play(draw)
