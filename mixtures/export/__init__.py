"""Write a build's packs in the formats of other loaders; the same build always gives the same bytes.

A sample is written once for each place it has in a pack, so that the mixture's repeats are kept, in pack order.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from curation.errors import BuildError, nearest

if TYPE_CHECKING:
    from curation.reading import Packs

Writer = Callable[["Packs", Path, int], int]
DESCRIPTION = "export.json"
FORMATS = ("energon", "mds", "packed", "webdataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: `samples` counts places in packs, `files` and `bytes` all that is in the folder."""

    build: str
    to: str
    packs: int
    samples: int
    files: int
    bytes: int


def _writer(to: str) -> Writer:
    if to not in FORMATS:
        hint = nearest(to, FORMATS) or f"; use {', '.join(FORMATS)}"
        raise BuildError(f"export: no format named '{to}'{hint}")
    write: Writer = import_module(f"curation.mixtures.export.{to}").write
    return write


def export(packs: Packs, to: str, output: Path, *, shard_bytes: int = 256_000_000) -> Exported:
    """Write all packs into a new folder, in files of about `shard_bytes`; the folder appears when it is whole.

    Raises BuildError for an unknown format, an output folder that holds anything, and a build that can't be read.
    """
    write = _writer(to)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BuildError(f"export: {output} is not an empty folder; choose another one with -o DIR")
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        samples = write(packs, folder, shard_bytes)
        about = {"build": packs.build.fingerprint, "to": to, "packs": len(packs), "samples": samples}
        (folder / DESCRIPTION).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", "utf-8")
        folder.chmod(0o755)
        folder.replace(output)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _exported(output)


def _exported(folder: Path) -> Exported:
    about = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Exported(**about, files=len(sizes), bytes=sum(sizes))
