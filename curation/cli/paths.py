"""Paths on the command line."""

from __future__ import annotations

from typing import Any

import click


class LocalPath(click.Path):
    """A path of this machine: a URL is refused, for it would become a folder named `s3:` here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from curation.credentials import hidden
        from curation.storage import is_url

        if isinstance(value, str) and is_url(value):
            self.fail(
                f"{hidden(value)} is a URL; give a path of this machine and copy what is written there", param, ctx
            )
        return super().convert(value, param, ctx)
