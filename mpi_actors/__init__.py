"""Message-passing programs on pools of peers that come and go."""

from __future__ import annotations

from ._version import __version__ as __version__
