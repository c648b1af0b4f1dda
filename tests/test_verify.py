"""Verify finds every way in which a build can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.builds import open_build
from curation.invariants import INVARIANTS
from curation.shard_checks import SPANS, assistant_mask, decode_error, make_rules
from curation.verify import compare_files, verify
from tests.cli.tiny_build import (
    PROFILE,
    SETTINGS,
    TOKENIZER,
    describe,
    picture,
    shard_rows,
    tables,
    tokens_of,
    write_build,
)

Rows = dict[str, list[dict[str, Any]]]


def failed(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the offenders of the checks that fail."""
    return {check.name: check.offenders for check in verify(open_build(folder)) if check.status == "failed"}


def test_a_lawful_build_passes_every_check(tmp_path: Path) -> None:
    checks = verify(open_build(write_build(tmp_path / "build")))
    assert {check.status for check in checks} == {"ok"}
    assert {law.name for law in INVARIANTS} | {SPANS, "images decode"} <= {check.name for check in checks}
    assert all(check.num_checked for check in checks)


def change(table: str, row: int, **values: Any) -> Callable[[Rows], None]:
    def apply(rows: Rows) -> None:
        rows[table][row].update(values)

    return apply


def remove(table: str, row: int) -> Callable[[Rows], None]:
    def apply(rows: Rows) -> None:
        del rows[table][row]

    return apply


def borrow_too_few(rows: Rows) -> None:
    """Say that the samples stand in a borrowed shard of two rows."""
    shard = {"shard": 0, "path": "../other/shards/shard-00000.parquet", "rows": 2, "tokens": 10_000}
    rows["shards"] = [shard | {"bytes": 1, "sha256": "0" * 64}]


BREAKS: dict[str, Callable[[Rows], None]] = {
    "rows read = samples + rows unreadable, per source": change("sources", 1, rows_read=5),
    "every unreadable row is a ledger row of stage pull": remove("ledger", 0),
    "every sample is selected, dropped or not needed": change("samples", 4, drop_reason=None),
    "every drop is a ledger row with its reason": remove("ledger", 1),
    "nothing that the ledger drops is selected": change("ledger", 1, sample_id="docs/a.parquet:0"),
    "sample_id is <source>/<row_key> and unique": change("samples", 0, row_key="b.parquet:0"),
    "rank lies in [0, 1)": change("samples", 0, rank=1.0),
    "tokens = text tokens + image tokens, and no more loss tokens than text tokens": change(
        "samples", 0, text_tokens=1
    ),
    "selected samples of a source are counted": change("sources", 0, selected=2),
    "media stand at positions 0, 1, … of a sample that exists": change("media", 0, position=1),
    "media say of their samples what the samples say": change("media", 0, is_first_use=False),
    "images and videos of a sample are its media": remove("media", 1),
    "no pack is longer than the context": change("packs", 3, length=600),
    "offsets and positions of a pack run on without a gap": change("packs", 1, offset=105),
    "packs are numbered 0, 1, …": change("packs", 0, pack=7),
    "a sample's places in packs agree with its row": change("packs", 3, shard_row=0),
    "every selected sample is in exactly `repeats` packs": change("samples", 1, repeats=3),
    "repeats of a source's samples are its epochs, rounded up or down": change("samples", 1, source="docs", repeats=4),
    "realised shares of the sources sum to 1": change("mixture", 0, realised_share=0.5),
    "the mixture's tokens are those of its packs, per source": change("mixture", 2, tokens=1),
    "shard rows 0, 1, … are one selected sample each": change("samples", 2, shard_row=5),
    "rows of borrowed shards are one selected sample each, or none": borrow_too_few,
    "the shards' tokens are those of their samples": change("samples", 0, tokens=103),
}


def test_every_invariant_has_a_build_that_breaks_it() -> None:
    assert BREAKS.keys() == {law.name for law in INVARIANTS}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_invariant_is_found_and_its_offender_named(tmp_path: Path, name: str) -> None:
    rows = tables(shard_rows())
    BREAKS[name](rows)
    offenders = failed(write_build(tmp_path / "build", rows=rows))[name]
    assert offenders
    assert all(text and text != "(null)" for text in offenders)


def shift_label(row: dict[str, Any]) -> None:
    """Train on one token less in front and one more behind, so that counts stay right."""
    labels, ids = row["labels"], row["input_ids"]
    places = [at for at, label in enumerate(labels) if label != -100]
    labels[places[0]] = -100
    labels[places[-1] + 1] = ids[places[-1] + 1]


def test_labels_one_token_off_are_found_though_their_count_is_right(tmp_path: Path) -> None:
    shard = shard_rows()
    shift_label(shard[0])
    assert failed(write_build(tmp_path / "build", shard=shard, rows=tables(shard))) == {
        SPANS: ("docs/a.parquet:0: 2, expected 0",)
    }


def test_a_label_that_is_another_token_is_found(tmp_path: Path) -> None:
    shard = shard_rows()
    at = next(at for at, label in enumerate(shard[1]["labels"]) if label != -100)
    shard[1]["labels"][at] = 7
    name = "a label is -100 or its own token, and never an image's"
    assert failed(write_build(tmp_path / "build", shard=shard)) == {name: ("text/t.jsonl:0: 1, expected 0",)}


def test_an_image_that_is_not_the_datasets_is_found(tmp_path: Path) -> None:
    shard = shard_rows()
    shard[0]["images"][0]["bytes"] = picture("yellow")
    found = failed(write_build(tmp_path / "build", shard=shard))
    assert found.keys() == {"images are the dataset's own bytes"}
    assert found["images are the dataset's own bytes"][0].startswith("docs/a.parquet:0 image 0: ")


def test_a_truncated_image_is_found(tmp_path: Path) -> None:
    shard = shard_rows()
    image = shard[2]["images"][1]
    image["bytes"] = image["bytes"][:60]
    found = failed(write_build(tmp_path / "build", shard=shard))
    assert found.keys() == {"images decode"}
    assert found["images decode"][0].startswith("video/v.json:0 image 1: ")


def test_a_tile_grid_that_does_not_fit_the_image_tokens_is_found(tmp_path: Path) -> None:
    shard = shard_rows()
    shard[0]["tiles"][0].update(rows=1, cols=2)
    name = "image tokens are those of the tile grids and of the index"
    assert failed(write_build(tmp_path / "build", shard=shard)) == {
        name: ("docs/a.parquet:0: (64, 64), expected (192, 64)",)
    }


def test_swapped_rows_of_a_shard_are_found(tmp_path: Path) -> None:
    shard = shard_rows()
    found = failed(write_build(tmp_path / "build", shard=[shard[1], shard[0], shard[2]]))
    assert "shard rows are the samples of the index, with their tokens" in found


def test_a_lost_row_of_a_shard_is_found(tmp_path: Path) -> None:
    found = failed(write_build(tmp_path / "build", shard=shard_rows()[:2]))
    assert found["shards can be read to their last row"] == ("shard-00000.parquet: 2 rows, the index has 3",)


def test_a_changed_a_missing_and_a_foreign_file_are_found(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    sources = folder / "index" / "sources.parquet"
    sources.write_bytes(sources.read_bytes()[:-4] + b"    ")
    (folder / "index" / "samples" / "more.parquet").write_bytes(b"")
    (folder / "shards" / "shard-00000.parquet").unlink()
    found = failed(folder)
    changed, missing = found["every file has the sha256 of build.json"]
    assert changed.startswith("index/sources.parquet: sha256 ")
    assert missing == "shards/shard-00000.parquet: missing"
    assert found["no other file stands in index/ and shards/"] == ("index/samples/more.parquet",)
    assert found["the tables can be read"][0].startswith("table sources can't be read")


def test_a_missing_shard_is_found_where_the_tables_are_whole(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    (folder / "shards" / "shard-00000.parquet").unlink()
    assert failed(folder) == {
        "every file has the sha256 of build.json": ("shards/shard-00000.parquet: missing",),
        "shards have the path, size and sha256 of the index": ("shards/shard-00000.parquet: missing",),
    }


def test_a_shard_that_is_no_parquet_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    folder = write_build(tmp_path / "build")
    shard = folder / "shards" / "shard-00000.parquet"
    shard.write_bytes(b"PAR1" + b"\0" * (shard.stat().st_size - 8) + b"PAR1")
    describe(folder)
    assert failed(folder)["shards can be read to their last row"][0].startswith("shard-00000.parquet: ")


def test_builds_are_compared_file_by_file(tmp_path: Path) -> None:
    one, two = (open_build(write_build(tmp_path / name)) for name in ("one", "two"))
    assert compare_files(one, two).status == "ok"
    shard = shard_rows()
    shift_label(shard[1])
    other = open_build(write_build(tmp_path / "three", shard=shard))
    assert compare_files(one, other).offenders == ("index/shards.parquet", "shards/shard-00000.parquet")


RULES = make_rules(SETTINGS, PROFILE, TOKENIZER)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["\nAssistant: x", "Assistant:", ":", "\n"]
)
TURNS = st.lists(
    st.tuples(st.sampled_from(["System", "User", "Assistant"]), st.just(""), TEXTS), min_size=1, max_size=5
)


@given(st.lists(TURNS, min_size=1, max_size=4))
def test_assistant_words_are_found_again_whatever_the_text_says(
    conversations: list[list[tuple[str, str, str]]],
) -> None:
    rows = [tokens_of(*((role, control, f" {text}") for role, control, text in turns)) for turns in conversations]
    ids = np.array([token for row in rows for token in row[0]], np.int32)
    labels = np.array([label for row in rows for label in row[1]], np.int32)
    starts = np.cumsum([0, *(len(row[0]) for row in rows[:-1])])
    assert np.array_equal(assistant_mask(ids, starts, RULES), labels != -100)


def test_the_golden_conversations_have_the_spans_that_their_makers_found(real_data: Path) -> None:
    import json

    from curation.mixtures.profile import load_profile
    from curation.mixtures.tokenizer import load_tokenizer

    names = {"smolvlm2-500m": "smolvlm2-500m", "smolvlm2-256m": "smolvlm2-256m", "smolvlm2-2.2b": "smolvlm2-2.2b"}
    rules: dict[str, Any] = {}
    checked = 0
    for line in (real_data / "golden" / "smolvlm_tokens.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        if case["variant"] not in names or "text_control_literals" in case["case_id"]:
            continue
        if case["variant"] not in rules:
            profile = load_profile(names[case["variant"]])
            tokenizer = load_tokenizer(str(real_data / "tokenizers" / case["tokenizer_dir"]), profile)
            rules[case["variant"]] = make_rules(SETTINGS, profile, tokenizer)
        ids = np.array(case["input_ids"], np.int32)
        expected = np.zeros(len(ids), bool)
        for start, end in case["assistant_spans"]:
            expected[start:end] = True
        assert np.array_equal(assistant_mask(ids, np.array([0]), rules[case["variant"]]), expected), case["case_id"]
        checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("content", "error"), [(None, "no bytes"), (b"", "no bytes"), (b"text", "UnidentifiedImageError")]
)
def test_what_is_no_image_is_said(content: bytes | None, error: str) -> None:
    assert decode_error(content).startswith(error)
    assert decode_error(picture("red")) == ""


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"prompts": {"loss": "all"}}, "prompts.loss is not completions"),
        ({"control_text": "reference"}, "control_text lets datasets write control tokens"),
    ],
)
def test_spans_are_passed_over_with_the_reason(tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    import json

    folder = write_build(tmp_path / "build")
    described = json.loads((folder / "build.json").read_text())
    described["settings"] = {**deepcopy(SETTINGS), **settings}
    (folder / "build.json").write_text(json.dumps(described))
    checks = {check.name: check for check in verify(open_build(folder))}
    assert (checks[SPANS].status, checks[SPANS].skipped) == ("skipped", why)
