"""The JSON Schema is checked with an independent validator; `dump` is checked by reading it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.manifests import dump, json_schema, load_manifest
from tests.manifests.writing import KNOWN, SMALLEST

WHOLE = (Path(__file__).parent / "whole.yaml").read_text("utf-8")


def problems(manifest: Any) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema(KNOWN)
    jsonschema.Draft202012Validator.check_schema(schema)
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)]


def test_a_manifest_with_every_key_loads_and_fits_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(WHOLE)
    manifest = load_manifest(path)
    assert manifest.mixture.weights == {
        "text": {"weight": 14, "of": {"smoltalk": "natural", "finemath": "natural"}},
        "video": {"weight": 33, "of": {"llava_video": 3, "vript": 1}},
        "docs": 41,
    }
    assert problems(yaml.safe_load(WHOLE)) == []


def test_every_key_of_the_schema_is_in_the_whole_manifest_and_is_described() -> None:
    written = yaml.safe_load(WHOLE)
    schema = json_schema()
    assert set(schema["properties"]) - set(written) == {"extends"}
    for key, described in schema["properties"].items():
        assert described["description"]
        for inner, inner_described in described.get("properties", {}).items():
            assert inner_described["description"]
            assert inner in written[key] or (key, inner) == ("video", "frames_per_clip")
    assert set(schema["$defs"]["source"]["properties"]) == set(written["sources"]["docs"])


@pytest.mark.parametrize(
    ("added", "place"),
    [
        ({"vidio": {}}, "$"),
        ({"video": {"fps": 0}}, "$.video.fps"),
        ({"video": {"sampling": "unifrom"}}, "$.video.sampling"),
        ({"mixture": {"budget": "50MB"}}, "$.mixture.budget"),
        ({"mixture": {"weights": {"docs": -1}}}, "$.mixture.weights.docs"),
        ({"filters": ["durtion"]}, "$.filters[0]"),
        ({"sources": {"docs": {"adapter": "llava"}}}, "$.sources.docs"),
        ({"profile": "smolvlm"}, "$.profile"),
        ({"version": 2}, "$.version"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(added: dict[str, Any], place: str) -> None:
    assert place in problems(yaml.safe_load(SMALLEST) | added)


def test_a_manifest_that_extends_may_leave_keys_out() -> None:
    assert problems({"extends": "base.yaml", "sources": {"docs": {"take": 5}}, "seed": None}) == []
    assert problems({"sources": {"docs": {"take": 5}}}) != []


def test_the_resolved_manifest_is_json_and_leaves_out_where_it_is_built(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(WHOLE)
    resolved = load_manifest(path).resolved()
    assert json.loads(json.dumps(resolved, allow_nan=False)) == resolved
    assert "path" not in resolved["output"]
    assert "path" not in resolved


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30)
numbers = st.integers(-(2**63), 2**63 - 1)
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
odd = texts | st.sampled_from(
    [
        "1e6",
        "no",
        "~",
        "${HOME}",
        "$${x}",
        "2024-01-01",
        "0o7",
        "1:30",
        "<<",
        "=",
        " a",
        "a: b",
        "é\n",
        "a\x85b",
        "\r\n",
        "\ufeff",
    ]
)


@settings(max_examples=60, deadline=None)
@given(name=odd, prompt=odd, options=st.dictionaries(odd, plain | odd, max_size=4), seed=numbers)
def test_a_dumped_manifest_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, prompt: str, options: dict[str, Any], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("dump")
    (folder / "small.yaml").write_text(SMALLEST)
    resolved = load_manifest(folder / "small.yaml").resolved()
    resolved |= {"name": name, "seed": seed, "prompts": {"system": {"default": prompt, "text": False}}}
    resolved["sources"]["docs"]["options"] = options
    resolved["filters"] = [{"where": {"sql": prompt}}, {"datatrove": options}]
    (folder / "first.yaml").write_text(dump(resolved), "utf-8", newline="\n")
    first = load_manifest(folder / "first.yaml").resolved()
    assert first["sources"]["docs"]["options"] == options
    assert (first["name"], first["seed"], first["prompts"]["system"]["default"]) == (name, seed, prompt)
    (folder / "second.yaml").write_text(dump(first), "utf-8", newline="\n")
    assert load_manifest(folder / "second.yaml").resolved() == first
    assert dump(first) == (folder / "second.yaml").read_text("utf-8")
