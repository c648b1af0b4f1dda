"""Compile public datasets into reproducible, queryable training mixtures for small vision-language models."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from curation.version import __version__

if TYPE_CHECKING:
    from curation.build import build, plan
    from curation.builds import open_build
    from curation.manifest_names import load_manifest

__all__ = ["__version__", "build", "load_manifest", "open_build", "plan"]

# sources/, filters/, mixtures/ and manifests/ stand beside this folder in a checkout and import as curation.*
# through links; a checkout without links (some file systems have none) finds them here.
_here = Path(__file__).resolve().parent
if not (_here / "sources").is_dir() and (_here.parent / "sources" / "__init__.py").is_file():
    __path__.append(str(_here.parent))

_LAZY = {
    "build": "curation.build",
    "plan": "curation.build",
    "open_build": "curation.builds",
    "load_manifest": "curation.manifest_names",
}


class _Package(ModuleType):
    """The package, in which the module `build` does not hide the function of that name once it is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _LAZY and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import the public functions when they are first used, so that `import curation` stays cheap."""
    if name not in _LAZY:
        raise AttributeError(f"module 'curation' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
