"""Acts on modules of others once they are loaded, and does not load them itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Action = Callable[[ModuleType], None]
"""What is done to a module."""


class AfterImport:
    """Finds the modules that others find, too, and acts on some of them as soon as they are loaded."""

    def __init__(self) -> None:
        self._actions: dict[str, list[Action]] = {}
        self._loaders: dict[str, Callable[[Any], Any]] = {}

    def add(self, name: str, action: Action) -> None:
        """Do this to the module of that name: at once if it is loaded, else when it is."""
        module = sys.modules.get(name)
        if module is not None:
            action(module)
            return
        self._actions.setdefault(name, []).append(action)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def around(self, name: str, loader: Callable[[Any], Any]) -> None:
        """Load the module of that name with another loader, which is made of the one that Python finds.

        This does nothing to a module that is loaded already.
        """
        self._loaders[name] = loader
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        actions, around = self._actions.get(name), self._loaders.get(name)
        if actions is None and around is None:
            return None
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if actions is not None:
                        self._act_after(spec, actions)
                    if around is not None and spec.loader is not None:
                        spec.loader = around(spec.loader)
                    return spec
        return None

    def _act_after(self, spec: ModuleSpec, actions: list[Action]) -> None:
        loader = spec.loader
        if loader is None or isinstance(loader, type):
            return  # the loader of modules that are part of the interpreter: none of them needs this
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            # the loader of a zip file serves other modules, too
            if module.__spec__ is spec:
                loader.exec_module = load  # type: ignore[method-assign]
                self._actions.pop(spec.name, None)
                for action in actions:
                    action(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
