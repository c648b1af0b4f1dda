"""Remember which files changed after they were measured, so that the next run measures them anew.

A local file that changes has another time, which names another stage. Below a remote media root nothing is
listed, since that costs more than it tells: there a change is found when the file is read again, and noted in the
workspace.
"""

from __future__ import annotations

import json
from typing import Any

from curation.errors import ChangedError
from curation.fingerprint import canonical, fingerprint
from curation.records import Location
from curation.sources.files import source_root
from curation.workspace import Workspace, write_bytes

FOLDER = "changed"


def note_change(workspace: Workspace, err: ChangedError) -> None:
    """Write down that a file is no longer what was measured."""
    path = workspace.root / FOLDER / f"{fingerprint(err.path)[:32]}.json"
    write_bytes(path, canonical({"path": err.path, "now": err.now}))


def noted_changes(workspace: Workspace, location: Location) -> dict[str, Any]:
    """Return the notes about files of a source, as a part of its stage's identity; nothing when there are none."""
    roots = [location.media or source_root(location.uri), *location.uri]
    notes = [json.loads(path.read_bytes()) for path in sorted((workspace.root / FOLDER).glob("*.json"))]
    own = [[note["path"], note["now"]] for note in notes if note["path"].startswith(tuple(roots))]
    return {"changed": own} if own else {}
