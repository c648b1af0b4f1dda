"""Pull one task: sample rows, a ledger of what could not be read, the bytes that stand in rows once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.hashing import phash256
from curation.images import probe_image
from curation.media import content_from_json, read, sha256
from curation.records import Address, Drop, Flag, FrameFolder, Image, Location, Sample, Task, Text, Turn, Video
from curation.sources.pull import PullTask, count_taken, is_taken, pull
from curation.sources.unicode import with_whole_texts
from curation.tables import LEDGER, PULLED
from tests.corpora import png, write_video
from tests.sources.written import NAME, sample, write_rows


def _task(folder: Path, rows: Sequence[Sample | Drop], **about: Any) -> PullTask:
    path = write_rows(folder / "data" / "a.rows", rows)
    location = Location(uri=(str(path.parent),), cache=str(folder / "ws" / "cache" / "archives"))
    (folder / "ws").mkdir(exist_ok=True)
    task = Task(path=str(path), key="a.rows", num_bytes=1, location=location)
    return PullTask(task=task, adapter=NAME, source="s", seed=7, output=folder / "ws" / "000000", **about)


def _pulled(folder: Path, rows: Sequence[Sample | Drop], **about: Any) -> tuple[dict[str, Any], list[Any], list[Any]]:
    work = _task(folder, rows, **about)
    counts = pull(work)
    table = pq.read_table(work.output.with_suffix(".parquet"))
    ledger = pq.read_table(work.output.with_suffix(".ledger.parquet"))
    assert table.schema.equals(PULLED) and ledger.schema.equals(LEDGER)
    return counts, table.to_pylist(), ledger.to_pylist()


def _why(ledger: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, float | None]]:
    return [(row["sample_id"], row["action"], row["reason"], row["measured"]) for row in ledger]


def test_every_row_is_a_sample_or_a_line_of_the_ledger(tmp_path: Path) -> None:
    rows: list[Sample | Drop] = [
        sample("a:0"),
        Drop(row_key="a:1", reason="no_answer"),
        sample("a:2", Image(content=b"")),
        sample("a:3", Image(content=Address(path=str(tmp_path / "gone.png")), name="gone.png")),
        sample("a:4", Image(content=b"text", name="x.jpg")),
        sample("a:5", Image(content=png(1)), Image(content=png(2)[:-40])),
        sample("a:6", answer=" \n"),
        Drop(row_key="a:7", reason="placeholder_mismatch", measured=2, threshold=1, detail={"images": 1}),
    ]
    counts, samples, ledger = _pulled(tmp_path, rows)
    assert [row["sample_id"] for row in samples] == ["s/a:0"]
    assert _why(ledger) == [
        ("s/a:1", "drop", "no_answer", None),
        ("s/a:2", "drop", "empty_media", 0),
        ("s/a:3", "drop", "missing_media", None),
        ("s/a:4", "drop", "not_an_image", 4),
        ("s/a:5", "drop", "truncated_image", len(png(2)) - 40),
        ("s/a:6", "drop", "no_answer", None),
        ("s/a:7", "drop", "placeholder_mismatch", 2),
    ]
    assert ledger[-1]["threshold"] == 1 and json.loads(ledger[-1]["detail"]) == {"images": 1}
    assert "gone.png" in ledger[2]["detail"] and {row["stage"] for row in ledger} == {"pull"}
    assert counts["rows_read"] == 8 == counts["samples"] + counts["rows_unreadable"]
    assert counts["drops"]["no_answer"] == 2


def test_a_medium_that_fails_fails_every_row_that_names_it(tmp_path: Path) -> None:
    broken = Image(content=b"text")
    counts, _, ledger = _pulled(tmp_path, [sample(f"a:{n}", broken) for n in range(3)])
    assert counts["drops"] == {"not_an_image": 3}
    assert [row["sample_id"] for row in ledger] == ["s/a:0", "s/a:1", "s/a:2"]


def test_a_repeated_row_key_keeps_the_first_row_and_drops_the_others(tmp_path: Path) -> None:
    rows: list[Sample | Drop] = [
        sample("a", question="first"),
        sample("b"),
        sample("a", question="second"),
        Drop(row_key="b", reason="x"),
    ]
    counts, samples, ledger = _pulled(tmp_path, rows)
    assert [row["sample_id"] for row in samples] == ["s/a", "s/b"] and "first" in samples[0]["conversation"]
    told = [(row["sample_id"], row["reason"], row["evidence_sample_id"], row["evidence_source"]) for row in ledger]
    assert told == [(None, "duplicate_row_key", "s/a", "s"), (None, "duplicate_row_key", "s/b", "s")]
    assert counts["rows_read"] == 4


def test_flags_of_a_row_are_kept_beside_it(tmp_path: Path) -> None:
    flagged = Sample(row_key="a", turns=sample("a").turns, flags=(Flag(reason="odd", measured=3, detail={"b": 1}),))
    counts, samples, ledger = _pulled(tmp_path, [flagged])
    assert len(samples) == 1 and _why(ledger) == [("s/a", "flag", "odd", 3)] and counts["rows_unreadable"] == 0


def test_lone_surrogates_in_texts_become_replacement_characters_and_a_flag(tmp_path: Path) -> None:
    _, samples, ledger = _pulled(tmp_path, [sample("a", question="\ud83d\ude00 \ud83d", answer="\udc00!")])
    assert json.loads(samples[0]["conversation"]) == [["user", ["😀 �"]], ["assistant", ["�!"]]]
    assert _why(ledger) == [("s/a", "flag", "invalid_unicode", 2)]


@given(st.text(st.characters(codec=None, categories=None), max_size=20))
def test_mending_touches_nothing_but_lone_surrogates(text: str) -> None:
    turns = (Turn(role="user", parts=(Text(text=text),)),)
    mended, count = with_whole_texts(Sample(row_key="a", turns=turns))
    (part,) = mended.turns[0].parts
    joined = re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: _joined(pair[0]), text)
    assert isinstance(part, Text) and part.text == re.sub("[\ud800-\udfff]", "�", joined)
    assert count == bool(re.search("[\ud800-\udfff]", text))


def _joined(pair: str) -> str:
    return chr(0x10000 + ((ord(pair[0]) - 0xD800) << 10) + ord(pair[1]) - 0xDC00)


def test_names_that_are_no_utf_8_are_written_as_escapes(tmp_path: Path) -> None:
    """Bytes of a file's name reach Python as lone surrogates; the file itself is still found."""
    odd = os.fsdecode(b"caf\xe9.png")
    (tmp_path / odd).write_bytes(png(1))
    named = Image(content=Address(path=str(tmp_path / odd)), name=odd)
    lost = Image(content=Address(path=str(tmp_path / ("no" + odd))), name="no" + odd)
    _, samples, ledger = _pulled(tmp_path, [sample(f"{odd}:0", named, row_id=odd), sample(f"no{odd}:0", lost)])
    assert samples[0]["sample_id"] == "s/caf\\udce9.png:0" and samples[0]["row_id"] == "caf\\udce9.png"
    assert samples[0]["media"][0]["name"] == "caf\\udce9.png" and samples[0]["media"][0]["uri"].endswith(
        "caf\\udce9.png"
    )
    assert read(_content(samples[0]["media"][0])) == png(1)
    assert _why(ledger) == [("s/nocaf\\udce9.png:0", "drop", "missing_media", None)]


def _content(medium: dict[str, Any]) -> Address:
    content = content_from_json(medium["address"])
    assert isinstance(content, Address)
    return content


def test_an_image_is_measured_as_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(png(3, (40, 30)))
    _, samples, _ = _pulled(tmp_path, [sample("a", Image(content=Address(path=str(path)), name="x.jpg"))])
    (medium,) = samples[0]["media"]
    assert (medium["mime"], medium["width"], medium["height"], medium["bytes"]) == (
        "image/png",
        40,
        30,
        len(png(3, (40, 30))),
    )
    assert medium["media_id"] == sha256(path.read_bytes())
    assert medium["phash"] == bytes(phash256(probe_image(path.read_bytes()).grey)).hex()
    assert samples[0]["media_sha256"] == sha256(medium["media_id"].encode())
    assert (samples[0]["kind"], samples[0]["images"], samples[0]["videos"]) == ("image", 1, 0)


def test_bytes_of_rows_are_kept_once_per_content_and_files_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(9))
    images = [Image(content=png(number % 2)) for number in range(6)]
    rows = [
        *(sample(f"a:{n}", image) for n, image in enumerate(images)),
        sample("b", Image(content=Address(path=str(path)))),
    ]
    _, samples, _ = _pulled(tmp_path, rows)
    blob = tmp_path / "ws" / "000000.blob"
    assert blob.stat().st_size == len(png(0)) + len(png(1))
    assert [read(_content(row["media"][0])) for row in samples] == [*(image.content for image in images), png(9)]
    assert json.loads(samples[-1]["media"][0]["address"]) == {"path": str(path)}


def test_no_uri_names_the_workspace(tmp_path: Path) -> None:
    cached = tmp_path / "ws" / "cache" / "archives" / "x.tar"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(png(1))
    plain = tmp_path / "x.png"
    plain.write_bytes(png(2))
    rows = [
        sample("data.parquet:3", Image(content=png(0))),
        sample("data.parquet:4", Image(content=png(0), name="im.png")),
        sample(
            "data.parquet:5", Image(content=Address(path=str(cached), offset=0, length=len(png(1))), name="in/x.png")
        ),
        sample("data.parquet:6", Image(content=Address(path=str(plain)), name="x.png")),
    ]
    _, samples, _ = _pulled(tmp_path, rows)
    uris = [row["media"][0]["uri"] for row in samples]
    data = tmp_path / "data" / "a.rows"
    assert uris == [f"{data}#3", f"{data}#4/im.png", f"{data}#in/x.png", str(plain)]
    assert not any(str(tmp_path / "ws") in uri for uri in uris)


def test_a_video_is_measured_with_the_times_of_its_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", seconds=2, fps=10)
    whole = Video(content=Address(path=str(path)), name="v.mp4")
    part = Video(content=Address(path=str(path)), name="v.mp4", start_seconds=0.5, end_seconds=9)
    counts, samples, ledger = _pulled(
        tmp_path, [sample("a", whole), sample("b", part), sample("c", Video(content=b"no"))]
    )
    (first,) = samples[0]["media"]
    assert len(first["pts"]) == 20 and first["keyframes"][0] == 0
    assert first["media_id"] == sha256(path.read_bytes()) and first["duration_seconds"] == pytest.approx(2.0)
    assert [row["video_seconds"] for row in samples] == [pytest.approx(2.0), pytest.approx(1.5)]
    assert samples[1]["media"][0]["start_seconds"] == 0.5 and samples[0]["media"][0]["start_seconds"] is None
    assert samples[0]["media"][0]["media_id"] == samples[1]["media"][0]["media_id"]
    assert samples[0]["media_sha256"] != samples[1]["media_sha256"], "a part of a video is another medium"
    assert counts["videos"] == 2 and [row["reason"] for row in ledger] == ["unreadable_video"]


def test_a_folder_of_frames_is_a_video_with_an_id_of_its_frames_and_its_rate(tmp_path: Path) -> None:
    frames = []
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        frames.append(Address(path=str(tmp_path / f"{number}.png")))
    shown = [
        FrameFolder(frames=tuple(frames), fps=2.0, path="f"),
        FrameFolder(frames=tuple(frames), fps=4.0, path="f"),
        FrameFolder(frames=tuple(frames[::-1]), fps=2.0, path="f"),
        FrameFolder(frames=(*frames, Address(path=str(tmp_path / "gone.png"))), fps=2.0, path="f"),
    ]
    _, samples, ledger = _pulled(tmp_path, [sample(str(n), Video(content=one)) for n, one in enumerate(shown)])
    media = [row["media"][0] for row in samples]
    assert [medium["duration_seconds"] for medium in media] == [2.0, 1.0, 2.0]
    assert len({medium["media_id"] for medium in media}) == 3
    assert [row["reason"] for row in ledger] == ["missing_media"]


def test_take_keeps_the_rows_with_the_smallest_hashes_and_counts_no_others(tmp_path: Path) -> None:
    rows: list[Sample | Drop] = [
        sample(f"a:{n}") if n % 5 else Drop(row_key=f"a:{n}", reason="no_answer") for n in range(50)
    ]
    hashes = count_taken(_task(tmp_path, rows))["hashes"]
    assert len(hashes) == 50
    kept: dict[int, set[str]] = {}
    for count in (5, 20):
        counts, samples, ledger = _pulled(tmp_path, rows, take_below=sorted(hashes)[count - 1])
        assert counts["rows_read"] == count == len(samples) + len(ledger)
        kept[count] = {row["sample_id"] for row in [*samples, *ledger]}
    assert kept[5] < kept[20]
    assert kept[20] == {f"s/a:{n}" for n in range(50) if is_taken(sorted(hashes)[19], 7, "s", f"a:{n}")}


def test_the_manifest_has_the_last_word_on_kind_and_licence(tmp_path: Path) -> None:
    _, samples, _ = _pulled(tmp_path, [sample("a", Image(content=png(1)))], kind="document", license="mit")
    assert (samples[0]["kind"], samples[0]["license"]) == ("document", "mit")


def test_a_rank_depends_on_the_seed_and_the_sample_alone(tmp_path: Path) -> None:
    rows = [sample(f"a:{n}") for n in range(3)]
    _, first, _ = _pulled(tmp_path, rows)
    _, second, _ = _pulled(tmp_path, [rows[2], sample("new"), rows[0]])
    ranks = {row["sample_id"]: row["rank"] for row in second}
    assert [ranks[f"s/a:{n}"] for n in (0, 2)] == [first[0]["rank"], first[2]["rank"]]
    assert all(0 <= row["rank"] < 1 for row in first)


def test_equal_words_have_equal_hashes_whatever_their_media(tmp_path: Path) -> None:
    rows = [
        sample("a", Image(content=png(1)), question="Q", answer="A"),
        sample("b", Image(content=png(2)), question="Q", answer="A"),
        sample("c", Image(content=png(1)), question="Q", answer="B"),
        sample("d", question="Q", answer="A"),
    ]
    _, samples, _ = _pulled(tmp_path, rows)
    questions, answers, media = ([row[f"{name}_sha256"] for row in samples] for name in ("question", "answer", "media"))
    assert questions[0] == questions[1] == questions[2] != questions[3]
    assert answers[0] == answers[1] == answers[3] != answers[2]
    assert media[0] == media[2] != media[1] and media[3] is None


def test_row_groups_depend_on_rows_alone_and_long_texts_end_them_early(tmp_path: Path) -> None:
    short = _task(tmp_path, [sample(f"a:{n}") for n in range(2500)])
    pull(short)
    file = pq.ParquetFile(short.output.with_suffix(".parquet"))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [1024, 1024, 452]
    long = _task(tmp_path / "long", [sample(f"a:{n}", question="x" * (6 << 20)) for n in range(7)])
    pull(long)
    file = pq.ParquetFile(long.output.with_suffix(".parquet"))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 1]


def test_the_same_task_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [sample(f"a:{n}", Image(content=png(n % 3))) for n in range(30)]
    names = ("000000.parquet", "000000.ledger.parquet", "000000.blob")
    pull(_task(tmp_path, rows))
    first = [(tmp_path / "ws" / name).read_bytes() for name in names]
    pull(_task(tmp_path, rows))
    assert [(tmp_path / "ws" / name).read_bytes() for name in names] == first
