"""Damage a manifest, as text and as values, and load it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from random import Random

import yaml

from curation.errors import ManifestError
from curation.manifests import dump, load_manifest
from tests.fuzzing.files import damaged_bytes
from tests.fuzzing.values import damaged
from tests.manifests.writing import KNOWN, SMALLEST

PIECES = (
    b"!!python/object/apply:os.system ['true']",
    b"&a [*a, *a]",
    b"<<: *a",
    b"${HOME}",
    b"${",
    b"extends: fuzzed.yaml\n",
    b"- ",
    b"? ",
    b"---\n",
    b"{" * 60,
    b": 1e999",
    b".inf",
    b"0x_",
    b"%YAML 9.9\n",
)


def shipped() -> list[str]:
    """Return the texts of the manifests that come with the toolkit."""
    folder = files("curation.manifests")
    return [SMALLEST, *(path.read_text("utf-8") for path in sorted(Path(str(folder)).rglob("*.yaml")))]


def any_manifest(random: Random, folder: Path) -> str:
    """Load a damaged manifest; return how it ended. Raises what is neither a manifest nor a ManifestError."""
    text = random.choice(shipped())
    way = random.randrange(3)
    if way == 0:
        data = damaged_bytes(text.encode(), random)
    elif way == 1:
        at = random.randrange(len(text) + 1)
        data = text[:at].encode() + random.choice(PIECES) + text[at:].encode()
    else:
        values = yaml.safe_load(text)
        for _ in range(random.choice((1, 1, 3))):
            values = damaged(values, random)
        try:
            data = yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")
        except (yaml.YAMLError, RecursionError):
            data = repr(values).encode("utf-8", "surrogatepass")
    path = folder / "fuzzed.yaml"
    path.write_bytes(data)
    try:
        dump(load_manifest(path, known=KNOWN).resolved())
    except ManifestError as err:
        said = str(err).splitlines()
        assert said and all(line.startswith("manifest ") and line.isprintable() for line in said), said
        return "refused: " + " ".join(said[0].rpartition(":")[2].split()[:4])
    return "loaded"
