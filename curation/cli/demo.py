"""`curation demo`: a corpus, a build and its statistics, offline."""

from __future__ import annotations

from pathlib import Path

import click

from curation.cli.paths import LocalPath
from curation.errors import CurationError

TABLES = ("mixture", "kinds", "sources", "drops", "packs")


@click.command()
@click.argument("folder", type=LocalPath(), default="demo")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; default: one per core.")
@click.option("--json", "as_json", is_flag=True, help="Print the statistics as one JSON object.")
def command(folder: str, workers: int | None, as_json: bool) -> None:
    """Write a small corpus, build it offline and show what came out.

    The corpus stands in FOLDER (default: demo) in the layouts that datasets are published in, with a manifest over it.
    Called again, it keeps the corpus and resumes the build.

    \b
    Example:
      curation demo && curation show demo/builds/demo 0
    """
    from curation.build import build
    from curation.cli.progress import progress_display
    from curation.cli.stats import print_answers
    from curation.stats import answer

    manifest = prepare(Path(folder))
    with progress_display() as display:
        made = build(manifest, workers=workers, progress=display.update)
    print_answers(answer(made, TABLES), as_json=as_json)
    if not as_json:
        click.echo(next_commands(manifest, made.folder))


def prepare(folder: Path) -> Path:
    """Write the corpus and its manifest unless they stand; return the manifest's path.

    The manifest is written last, so its presence means that the corpus is whole.
    """
    from curation.demo.corpus import write_corpus, write_manifest

    manifest = folder / "manifest.yaml"
    if manifest.exists():
        return manifest
    if folder.exists() and not folder.is_dir():
        raise CurationError(f"demo: {folder} is a file; name a folder")
    click.echo(f"drawing the corpus in {folder}", err=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_corpus(folder)
    return write_manifest(folder)


def next_commands(manifest: Path, build: Path) -> str:
    """Say what to type next."""
    query = "select source, count(*), sum(tokens) from samples where selected group by source order by 3 desc"
    return f"""
next:
  curation show {build} 0                    # a pack as the model sees it
  curation sql {build} "{query}"
  curation sql {build} "select filter, reason, count(*) from ledger group by all"
  curation verify {build}
  curation peek {manifest} docs
  curation build {manifest} -o {build}-short --set mixture.budget=200000   # another mixture: nothing is read again"""
