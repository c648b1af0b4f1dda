"""A tiny build whose dataset wrote HTML, scripts and control characters wherever it could."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.tiny_build import WHOLE, shard_rows, tables, tokens_of, write_build

SCRIPT = "<script>document.title='taken';new Image().src='{url}'</script>"
PICTURE = '<img src="{url}" onerror="document.title=\'taken\'">'


def write_hostile_build(folder: Path, *, url: str = "http://127.0.0.1:9/x") -> Path:
    """Write the tiny build with hostile text, picture names, reasons and ids; one picture is no image."""
    script, picture = SCRIPT.format(url=url), PICTURE.format(url=url)
    shard = shard_rows()
    question = tokens_of(("User", WHOLE, f"{script}\x00\u202e?"), ("Assistant", "", f"</p>{picture}"))
    shard[0] |= {"input_ids": question[0], "labels": question[1]}
    shard[2]["images"][0] = {"bytes": b"no image", "path": f"{picture}#t=0.000"}
    rows: dict[str, list[dict[str, Any]]] = tables(shard)
    for row in rows["sources"]:
        row["license"] = script
    for row in rows["ledger"]:
        row["reason"] = picture
    for row in rows["samples"]:
        row["answer_sha256"] = "a" * 64
    return write_build(folder, shard=shard, rows=rows)
