"""The demo corpus: published layouts, named defects, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import av
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.demo import clips, documents, videos
from curation.demo.corpus import write_corpus, write_manifest
from curation.demo.writing import dice
from curation.manifest_names import load_manifest
from curation.records import Address, Drop, Location, Sample, Text
from curation.records import Image as ImagePart
from curation.sources import load_adapter

Rows = dict[str, list[Sample | Drop]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_corpus(folder)
    write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def rows(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Read every source of the manifest through its adapter."""
    cache, found = tmp_path_factory.mktemp("cache"), {}
    for name, source in load_manifest(corpus / "manifest.yaml").sources.items():
        adapter = load_adapter(source.adapter)
        location = Location(uri=source.uri, media=source.media, options=source.options, cache=str(cache))
        found[name] = [row for task in adapter.tasks(location) for row in adapter.samples(task)]
    return found


def content(medium: object) -> bytes:
    place = getattr(medium, "content", b"")
    if isinstance(place, bytes):
        return place
    assert isinstance(place, Address)
    with Path(place.path).open("rb") as file:
        file.seek(place.offset or 0)
        return file.read(place.length if place.length is not None else -1)


def identity(sample: Sample) -> str:
    """Return a digest of all that a sample says and shows."""
    digest = hashlib.sha256()
    for turn in sample.turns:
        digest.update(turn.role.encode())
        for part in turn.parts:
            digest.update(part.text.encode() if isinstance(part, Text) else content(part))
    return digest.hexdigest()


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_adapter_reads_the_corpus_and_drops_only_what_the_readme_names(rows: Rows) -> None:
    drops = {(name, row.row_key, row.reason) for name, found in rows.items() for row in found if isinstance(row, Drop)}
    assert drops == {
        ("scenes", "llava_scenes.json:57", "missing_media"),
        ("problems", "train.jsonl:88", "no_answer"),
    }
    assert 1000 <= sum(len(found) for found in rows.values()) <= 1500
    assert not [flag for found in rows.values() for row in found if isinstance(row, Sample) for flag in row.flags]


def test_there_are_two_exact_duplicates_and_they_are_the_named_ones(rows: Rows) -> None:
    places: dict[str, list[tuple[str, str | None]]] = {}
    for name, found in rows.items():
        for row in found:
            if isinstance(row, Sample):
                places.setdefault(identity(row), []).append((name, row.row_id))
    repeated = [same for same in places.values() if len(same) > 1]
    assert len(repeated) == 2
    assert [("scenes", "scene-0012"), ("scenes", "scene-0012-again")] in repeated
    assert [source for same in repeated for source, _ in same if ("diaries", "diary-0040") in same] == [
        "lessons",
        "diaries",
    ]


def test_one_image_is_truncated_and_all_others_decode(rows: Rows) -> None:
    broken = []
    images = [
        part
        for found in rows.values()
        for row in found
        if isinstance(row, Sample)
        for turn in row.turns
        for part in turn.parts
        if isinstance(part, ImagePart)
    ]
    for image in images:
        try:
            Image.open(io.BytesIO(content(image))).load()
        except OSError:
            broken.append(image.name)
    assert broken == ["scene_0101.jpg"]
    assert len(images) > 800


def test_one_video_is_cut_short_and_all_others_are_whole_h264_of_6_to_25_seconds(corpus: Path, rows: Rows) -> None:
    captions = json.loads((corpus / "video" / videos.CONFIG / f"{videos.CONFIG}_cap_processed.json").read_text())
    by_name = {}
    for row in rows["videos"]:
        assert isinstance(row, Sample)
        video = row.turns[0].parts[0]
        by_name[getattr(video, "name", "")] = content(video)
    broken = []
    for number, caption in enumerate(captions):
        clip = clips.chosen_clip(number, after_name := dice(17, "videos", number))
        assert caption["video"].endswith(f"{after_name.getrandbits(32):08x}.mp4")
        try:
            with av.open(io.BytesIO(by_name[caption["video"]]), "r") as container:
                stream = container.streams.video[0]
                assert stream.codec_context.name == "h264"
                assert sum(packet.size > 0 for packet in container.demux(stream)) == clip.seconds * clip.rate
                assert 6 <= clip.seconds <= 25
        except av.InvalidDataError:
            broken.append(number)
    assert broken == [videos.CUT_SHORT]


def test_the_parquet_files_carry_the_features_that_the_hub_shows(corpus: Path) -> None:
    from datasets import Features
    from datasets import Image as ImageFeature

    files = sorted((corpus / "docs" / "data").glob("train-0000?-of-00002.parquet"))
    assert len(files) == 2
    for path in [*files, *(corpus / "cauldron").glob("*/train-*.parquet")]:
        features = Features.from_arrow_schema(pq.read_schema(path))
        assert isinstance(features["images"].feature, ImageFeature)
        assert pq.read_schema(path).field("texts").type.value_type.names == ["user", "assistant", "source"]


def test_the_manifest_is_valid_and_its_guard_holds_for_the_planted_defects(corpus: Path, rows: Rows) -> None:
    manifest = load_manifest(corpus / "manifest.yaml")
    unreadable = Counter({name: sum(isinstance(row, Drop) for row in found) for name, found in rows.items()})
    unreadable["scenes"] += 1  # the truncated image
    unreadable["videos"] += 2  # the two rows of the video that is cut short
    for name, found in rows.items():
        assert unreadable[name] / len(found) < manifest.guard.max_unreadable_fraction
    assert max(len(found) for found in rows.values()) > 230  # so that `cap` has something to do


def test_another_seed_draws_another_corpus_and_the_same_seed_the_same_rows() -> None:
    assert documents.document(dice(1, "docs", 3)) == documents.document(dice(1, "docs", 3))
    assert documents.document(dice(1, "docs", 3)) != documents.document(dice(2, "docs", 3))
    clip = clips.chosen_clip(2, dice(5, "videos", 2))
    assert videos.encoded(clip) == videos.encoded(clips.chosen_clip(2, dice(5, "videos", 2)))


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from curation.demo.corpus import write_corpus, write_manifest;"
        "folder = pathlib.Path(sys.argv[1]); write_corpus(folder); write_manifest(folder)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONHASHSEED": "99"}, check=True)
    assert tree(tmp_path) == tree(corpus)


def test_inks_are_inkml_with_a_label_and_times_that_rise(corpus: Path) -> None:
    files = sorted((corpus / "mathwriting" / "train").glob("*.inkml"))
    assert len(files) == 60
    space = {"ink": "http://www.w3.org/2003/InkML"}
    for path in files:
        root = ElementTree.parse(path).getroot()
        notes = {note.get("type"): note.text for note in root.findall("ink:annotation", space)}
        assert notes["normalizedLabel"]
        assert notes["sampleId"] == path.stem
        assert re.fullmatch("[0-9a-f]{16}", path.stem)
        points = [
            point.split(" ") for trace in root.findall("ink:trace", space) for point in (trace.text or "").split(",")
        ]
        times = [float(time) for _, _, time in points]
        assert times == sorted(set(times))


def test_texts_are_short_enough_for_a_byte_tokenizer(rows: Rows) -> None:
    for found in rows.values():
        for row in found:
            if isinstance(row, Sample):
                parts = [part.text for turn in row.turns for part in turn.parts if isinstance(part, Text)]
                assert 0 < len("".join(parts)) < 6000
