"""`curation schema`: the JSON Schema of manifests."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of manifests.

    Editors complete and check manifests with it, for example through a first line
    `# yaml-language-server: $schema=manifest.schema.json`.

    \b
    Example:
      curation schema > manifest.schema.json
    """
    from curation.cli.printing import print_json
    from curation.manifest_names import json_schema

    print_json(json_schema())
