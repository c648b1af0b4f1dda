"""Adapters: one module for each form of dataset, all with the same three names."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from curation.errors import ManifestError, nearest
from curation.records import Card, Drop, Location, Sample, Task

ADAPTERS: dict[str, str] = {
    "aqua": "curation.sources.aqua",
    "captions": "curation.sources.captions",
    "cauldron": "curation.sources.cauldron",
    "chartqa": "curation.sources.chartqa",
    "chat": "curation.sources.chat",
    "cot": "curation.sources.cot",
    "dclm": "curation.sources.dclm",
    "docmatix": "curation.sources.docmatix",
    "docvqa": "curation.sources.docvqa",
    "dolma": "curation.sources.dolma",
    "finemath": "curation.sources.finemath",
    "finevideo": "curation.sources.finevideo",
    "finevision": "curation.sources.finevision",
    "fineweb_edu": "curation.sources.fineweb_edu",
    "frames": "curation.sources.frames",
    "gsm8k": "curation.sources.gsm8k",
    "hub": "curation.sources.hub",
    "im2latex": "curation.sources.im2latex",
    "images": "curation.sources.images",
    "infimm_webmath": "curation.sources.infimm_webmath",
    "llava": "curation.sources.llava",
    "llava_cot": "curation.sources.llava_cot",
    "llava_onevision": "curation.sources.llava_onevision",
    "llava_video": "curation.sources.llava_video",
    "lnqa": "curation.sources.lnqa",
    "m4_instruct": "curation.sources.m4_instruct",
    "magpie": "curation.sources.magpie",
    "mammoth_vl": "curation.sources.mammoth_vl",
    "mantis": "curation.sources.mantis",
    "math": "curation.sources.competition_math",
    "mathwriting": "curation.sources.mathwriting",
    "moviechat": "curation.sources.moviechat",
    "mulberry": "curation.sources.mulberry",
    "openthoughts": "curation.sources.openthoughts",
    "pixmo_cap": "curation.sources.pixmo_cap",
    "r1_onevision": "curation.sources.r1_onevision",
    "sharegpt4video": "curation.sources.sharegpt4video",
    "smoltalk": "curation.sources.smoltalk",
    "text": "curation.sources.text",
    "textvqa": "curation.sources.textvqa",
    "the_stack": "curation.sources.the_stack",
    "video_star": "curation.sources.video_star",
    "videos": "curation.sources.videos",
    "vista": "curation.sources.vista",
    "vript": "curation.sources.vript",
    "webdataset": "curation.sources.webdataset",
    "websight": "curation.sources.websight",
}
ENTRY_POINTS = "curation.sources"


class Adapter(Protocol):
    """What an adapter is: a module (or an object) with these names.

    Two more may be there: `VERSION`, a number to raise when the same files give other samples (default 1), and
    `further_files(location)`, the paths of files that are read besides those of the tasks.
    """

    CARD: Card

    def tasks(self, location: Location) -> list[Task]:
        """List what is to be read, in a stable order; raise ManifestError for options, SourceError for files."""
        ...

    def samples(self, task: Task) -> Iterator[Sample | Drop]:
        """Yield what a task holds: a Sample or a Drop for every row, in order."""
        ...


def load_adapter(name: str) -> Adapter:
    """Return an adapter: a built-in one, `package.module:name`, or one that an installed package registers.

    Raises:
        ManifestError: there is no such adapter, it can't be imported, or it lacks CARD, tasks or samples.

    """
    if name in ADAPTERS:
        return cast(Adapter, import_module(ADAPTERS[name]))
    if ":" in name:
        return _checked(name, _import(name))
    installed = installed_adapters()
    if name not in installed:
        known = [*ADAPTERS, *installed]
        raise ManifestError(f"sources: no adapter named '{name}'{nearest(name, known) or '; see `curation sources`'}")
    return _checked(name, _import(installed[name]))


def installed_adapters() -> dict[str, str]:
    """Return the adapters that installed packages register (entry-point group `curation.sources`): name to place."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)}


def _import(place: str) -> Any:
    module_name, _, attribute = place.partition(":")
    try:
        found: Any = import_module(module_name)
    except ImportError as err:
        raise ManifestError(f"sources: adapter '{place}': can't import {module_name}: {err}; is it installed?") from err
    for part in attribute.split(".") if attribute else ():
        if not hasattr(found, part):
            if hasattr(found, "__path__") and find_spec(f"{found.__name__}.{part}"):
                found = import_module(f"{found.__name__}.{part}")
                continue
            raise ManifestError(f"sources: adapter '{place}': {module_name} has no '{part}'{nearest(part, dir(found))}")
        found = getattr(found, part)
    return found


def _checked(name: str, found: Any) -> Adapter:
    missing = [part for part in ("CARD", "tasks", "samples") if not hasattr(found, part)]
    if missing:
        raise ManifestError(
            f"sources: adapter '{name}' lacks {', '.join(missing)}; an adapter has CARD, tasks and samples"
        )
    return cast(Adapter, found)
