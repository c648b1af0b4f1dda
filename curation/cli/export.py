"""`curation export`: the same data for other loaders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from curation.cli.paths import LocalPath


@click.command()
@click.argument("build", type=click.Path())
@click.option("--to", required=True, metavar="FORMAT", help="webdataset, mds, energon or packed.")
@click.option("-o", "--output", required=True, type=LocalPath(path_type=Path), help="A new or empty folder.")
@click.option("--shard-size", metavar="SIZE", help="Size of a file, such as 256MB; default: that of the build.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(build: str, to: str, output: Path, shard_size: str | None, as_json: bool) -> None:
    """Write a build in the format of another loader.

    \b
    webdataset  tars: a sample's JSON, tokens and labels (npy) and images
    energon     the same tars, prepared for Megatron Energon
    mds         shards of mosaicml-streaming
    packed      Parquet with a pack a row, for `datasets`

    A sample is written once for each place it has in a pack, in pack order. The same build gives the same bytes.

    \b
    Examples:
      curation export builds/small --to webdataset -o exports/small
      curation export builds/small --to mds -o exports/small-mds --shard-size 64MB
    """
    from curation.builds import open_build
    from curation.cli.printing import format_bytes, print_json
    from curation.mixtures.export import export

    opened = open_build(build)
    exported = export(opened.packs(), to, output, shard_bytes=_shard_bytes(opened.settings, shard_size))
    if as_json:
        print_json(asdict(exported))
        return
    click.echo(
        f"{output}: {exported.samples:,} samples in {exported.packs:,} packs as {to}, "
        f"{exported.files} files, {format_bytes(exported.bytes)}"
    )


def _shard_bytes(settings: object, shard_size: str | None) -> int:
    from curation.errors import BuildError
    from curation.manifests.sizes import parse_bytes

    if shard_size is None:
        assert isinstance(settings, dict)
        return int(settings["output"]["shard_size"])
    try:
        return max(parse_bytes(shard_size), 1)
    except ValueError as err:
        raise BuildError(f"export: --shard-size {shard_size}: {err}; give a size such as 256MB") from err
