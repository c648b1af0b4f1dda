"""Keep what was found out about a file beside the archives of a workspace, until the file changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curation.fingerprint import fingerprint
from curation.storage import stamp
from curation.workspace import write_bytes


def remembered(question: Sequence[str | int], answer: Callable[[], list[Any]], *, path: str, cache: str) -> list[Any]:
    """Return an answer about the file at `path`: kept in the folder `cache`, else found and kept; "" keeps nothing."""
    version = stamp(path, is_fresh=False) if cache else ""
    if not version:
        return answer()
    kept = Path(cache) / f"{fingerprint(list(question), version)[:32]}.json"
    try:
        return list(json.loads(kept.read_bytes()))
    except (OSError, ValueError):
        found = answer()
    write_bytes(kept, json.dumps(found).encode())
    return found
