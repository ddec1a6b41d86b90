"""What the warden must know to start a program."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from .limits import ResourceLimits


def _frozen_copy(env: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(env))


@attrs.frozen(hash=False)
class ProcessSpec:
    """A program to run."""

    argv: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    """The command and its arguments. A command without a slash is looked up on the PATH in `env`."""
    cwd: str
    """The working directory of the program."""
    env: Mapping[str, str] = attrs.field(converter=_frozen_copy)
    """The whole environment of the program: it inherits none. See `limits.clean_environment`."""
    limits: ResourceLimits = attrs.field(factory=ResourceLimits)
    umask: int = 0o077
    """The permission bits that files made by the program do not get."""

    def executable(self) -> str | None:
        """Return the path of the command; None if it is not on the PATH in `env`."""
        command = self.argv[0]
        if os.sep in command:
            return command
        return shutil.which(command, path=self.env.get("PATH", os.defpath))
