"""`curation version`: what is installed."""

from __future__ import annotations

import click

STANDS_ON = ("av", "datasets", "datatrove", "decord", "duckdb", "pillow", "polars", "pyarrow", "tiktoken", "tokenizers")
OPTIONAL = ("ray", "s3fs", "torch", "transformers")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Print the versions of the toolkit and what it stands on.

    \b
    Example:
      curation version --json
    """
    from curation.cli.printing import print_json, print_table

    versions = collect_versions()
    if as_json:
        print_json(versions)
    else:
        print_table(["part", "version"], [[name, version or "not installed"] for name, version in versions.items()])


def collect_versions() -> dict[str, str | None]:
    """Return the version of the toolkit, Python and each library; None for what is not installed."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from curation import __version__

    found: dict[str, str | None] = {"curation": __version__, "python": platform.python_version()}
    for name in (*STANDS_ON, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
