"""Whatever stands in a file, loading gives a manifest or a ManifestError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curation.errors import ManifestError
from curation.manifests import Manifest, dump, json_schema, load_manifest
from tests.manifests.writing import KNOWN, SMALLEST

SCHEMA = json_schema()
OWN = ["of", "where", "cap", "llava", "docs", "0-30", "natural", *SCHEMA["$defs"]["source"]["properties"]]
INNER = [key for part in SCHEMA["properties"].values() for key in part.get("properties", {})]
WORDS = [*OWN, *SCHEMA["properties"], *INNER]

words = st.sampled_from(WORDS) | st.text(max_size=5)
texts = words | st.sampled_from(["50M", "2GiB", "${HOME}", "${", "start", "uniform", "none"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)
keyed = st.dictionaries(st.sampled_from([*SCHEMA["properties"]]), values, max_size=4)
fuzzing = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ends_well(folder: Path, text: str | bytes, *overrides: str) -> Manifest | None:
    """Load a text; anything but a manifest or a ManifestError with where and what is a failure of the test."""
    path = folder / "fuzz.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        manifest = load_manifest(path, overrides=overrides, known=KNOWN)
    except ManifestError as err:
        assert all(line.startswith(("manifest ", "--set ")) for line in str(err).splitlines()), str(err)
        return None
    dump(manifest.resolved())
    return manifest


@fuzzing
@given(st.binary(max_size=60) | st.text(max_size=60))
@example("? [a]\n: 1")
@example("!!map {a: 1}\n...\n%YAML 1.1")
@example("a: !!int x\nb: !!float '1:1:1'\nc: !!bool x")
@example("a: 0x\nb: 1:99999999999999999999.5\nc: -_")
def test_any_bytes_end_well(tmp_path: Path, text: str | bytes) -> None:
    ends_well(tmp_path, text)


@fuzzing
@given(keyed)
def test_any_values_under_known_keys_end_well(tmp_path: Path, added: dict[str, Any]) -> None:
    whole = yaml.safe_load(SMALLEST) | added
    ends_well(tmp_path, yaml.safe_dump(whole, allow_unicode=True))


@fuzzing
@given(st.lists(words, min_size=1, max_size=4), values)
def test_any_override_ends_well(tmp_path: Path, parts: list[str], value: Any) -> None:
    text = yaml.safe_dump(value, default_flow_style=True)
    ends_well(tmp_path, SMALLEST + "filters: [exact_duplicates]\n", f"{'.'.join(parts)}={text}")


@fuzzing
@given(keyed, keyed)
def test_any_manifest_over_any_base_ends_well(tmp_path: Path, base: dict[str, Any], over: dict[str, Any]) -> None:
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(yaml.safe_load(SMALLEST) | base, allow_unicode=True), "utf-8")
    ends_well(tmp_path, yaml.safe_dump(over | {"extends": "base.yaml"}, allow_unicode=True))


@fuzzing
@given(keyed)
def test_what_loads_fits_the_schema(tmp_path: Path, added: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    whole = yaml.safe_load(SMALLEST) | added
    manifest = ends_well(tmp_path, yaml.safe_dump(whole, allow_unicode=True))
    if manifest is not None:
        assert jsonschema.Draft202012Validator(SCHEMA).is_valid(manifest.resolved())
