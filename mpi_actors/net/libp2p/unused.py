"""Imports libp2p without the parts that nobody here uses. Import this module before anything of libp2p.

`import libp2p` (0.8.1) loads QUIC, ACME, DNS and metrics with all that they need: a third of its 1.7 s of
processor time, and 14 MB. While this module imports libp2p, empty stand-ins take the place of those packages.
They are removed afterwards: a later import of such a package loads the real one. In this process libp2p's
QUIC, AutoTLS, dnsaddr resolution and Prometheus metrics do not work. If libp2p cannot be imported in this
way, it is imported without stand-ins.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

UNUSED = ("aioquic", "dns", "httpx", "prometheus_client", "requests")
"""Packages that get a stand-in, unless they are loaded already."""


class _NothingType(type):
    """Classes that have every attribute, and can be subclassed, called and used in annotations."""

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __or__(cls, other: object) -> Any:
        return cls

    def __ror__(cls, other: object) -> Any:
        return cls


class _Nothing(metaclass=_NothingType):
    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __class_getitem__(cls, item: object) -> object:
        return cls

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing

    def __call__(self, *args: object, **kwargs: object) -> object:
        return _Nothing


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Nothing,), {})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the unused packages and all their modules, and gives each an empty stand-in."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in UNUSED:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def _stand_ins() -> Iterator[None]:
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
            del sys.modules[name]


def _import() -> None:
    if "libp2p" in sys.modules:
        return
    before = set(sys.modules)
    try:
        with _stand_ins():
            import libp2p
            import libp2p.host.basic_host
            import libp2p.stream_muxer.yamux.yamux  # noqa: F401
    except (ImportError, AttributeError, TypeError):
        # perhaps another release: begin again, without stand-ins
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("libp2p", "multiaddr"):
                del sys.modules[name]


_import()
