"""Build a build's own manifest again and compare every byte."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from curation.build import build as build_again
from curation.builds import Build
from curation.errors import BuildError
from curation.verify import Check, compare_files

if TYPE_CHECKING:
    from curation.engine import Progress


def rebuild(build: Build, *, workers: int | None = None, progress: Progress | None = None) -> Check:
    """Build again in a temp folder with an empty workspace, and compare every file.

    Takes the time and the disk of a cold build. Raises what `curation.build` raises, e.g. when a source is gone.
    """
    if build.subset:
        raise BuildError(f"{build.place}: is a subset, which no manifest makes; verify the build it was cut from")
    if build.after:
        raise BuildError(
            f"{build.place}: goes on from build {build.after['build'][:12]}, which its manifest does not say; make it "
            "again with `curation splice` into another folder and compare the two with `curation diff`"
        )
    manifest = build.folder / "manifest.yaml"
    if not manifest.is_file():
        raise BuildError(f"{build.place}: manifest.yaml is missing, so it can't be built again")
    with tempfile.TemporaryDirectory(prefix="curation-rebuild-") as folder:
        again = build_again(
            manifest,
            output=Path(folder) / "build",
            workspace=Path(folder) / "workspace",
            workers=workers,
            progress=progress,
        )
        return compare_files(build, again)
