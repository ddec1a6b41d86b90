"""Has NumPy compute the same on each host of a job: without the code for processors that only some have."""

from __future__ import annotations

import os
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .imports import AfterImport

_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""Where NumPy reads what it must do without, while its compiled part is loaded."""
_FEATURES = (
    "AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4"
)
"""AVX-512 by all names that versions of NumPy have for it. Processors of home computers seldom have it."""
_COMPILED = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
"""The compiled part, in NumPy 2 and before."""


def pin_numpy(imports: AfterImport) -> None:
    """Have NumPy do without AVX-512, unless the user has said what it must do without."""
    if _VARIABLE not in os.environ and os.uname().machine == "x86_64":
        for name in _COMPILED:
            imports.around(name, _Without)


class _Without:
    """Loads NumPy's compiled part, in place of the loader that Python found."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        module: ModuleType | None = self._loaded(self._loader.create_module, spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        self._loaded(self._loader.exec_module, module)
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader

    def _loaded(self, load: Any, about: object) -> Any:
        import warnings

        os.environ[_VARIABLE] = _FEATURES
        try:
            with warnings.catch_warnings():
                # names of other versions are nothing to worry about
                warnings.simplefilter("ignore", ImportWarning)
                return load(about)
        except RuntimeError:
            # this NumPy was built for processors that have it, and for no others
            del os.environ[_VARIABLE]
            return load(about)
        finally:
            os.environ.pop(_VARIABLE, None)
