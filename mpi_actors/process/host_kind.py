"""What the last bits of a program's results depend on, on this host: processor, Python and NumPy."""

from __future__ import annotations

import functools
import platform
import re
from importlib.metadata import PackageNotFoundError, version

from ..wire.fields import MAX_LINE, MAX_NAME, HostKind

_FEATURES = re.compile(
    r"avx\w*|amx\w*|fma4?|f16c|ssse3|sse4\w*|bmi[12]|asimd\w*|sve\w*|sme(?!p$)\w*|fphp|fcma|bf16|i8mm"
)
"""Features by which numerical libraries choose their code, on x86 and on ARM."""
_LISTS = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
"""Where Linux says which features a processor has."""
AVX2 = "avx2"
"""The feature that the pinned code of `programs.arithmetic` needs on x86."""


@functools.cache
def host_kind() -> HostKind:
    """Return the kind of this host."""
    try:
        with open("/proc/cpuinfo") as file:
            text = file.read()
    except OSError:
        text = ""
    try:
        numpy = version("numpy")
    except PackageNotFoundError:
        numpy = ""
    return HostKind(
        processor_class(platform.machine(), text)[:MAX_LINE],
        platform.python_version()[:MAX_NAME],
        numpy[:MAX_NAME],
    )


def processor_class(machine: str, cpuinfo: str) -> str:
    """Return the architecture and the features that all of a machine's processors have.

    Args:
        machine: the architecture's name.
        cpuinfo: the text of `/proc/cpuinfo`.
    """
    lists = [set(found.split()) for found in _LISTS.findall(cpuinfo)]
    common = set.intersection(*lists) if lists else set()
    return " ".join([machine, *sorted(filter(_FEATURES.fullmatch, common))])
