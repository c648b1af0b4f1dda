"""The demo corpus: published layouts, true answers, named defects, the same bytes every time."""

from __future__ import annotations

import doctest
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType
from xml.etree import ElementTree

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.demo import arithmetic, charts, clips, documents, formulas, lessons, scenes, videos, vocabulary
from curation.demo.corpus import write_corpus, write_manifest
from curation.demo.writing import dice
from curation.manifest_names import load_manifest
from curation.records import Address, Drop, Location, Sample, Text
from curation.records import Image as ImagePart
from curation.sources import load_adapter

seeds = st.integers(min_value=0, max_value=10**6)
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


@given(seeds)
def test_every_step_of_a_word_problem_is_right_and_leads_to_the_result(seed: int) -> None:
    _, answer = arithmetic.problem(Random(seed))
    steps = re.findall(r"(\S+) = <<([^=]+)=(\d+)>>(\d+)", answer)
    assert steps
    for shown, expression, result, repeated in steps:
        assert shown == expression
        assert eval(expression, {"__builtins__": {}}) == int(result) == int(repeated)
    assert answer.endswith(f"#### {steps[-1][2]}")


@given(seeds)
def test_the_prime_factors_multiply_to_the_number(seed: int) -> None:
    number, *found = map(int, re.findall(r"\d+", lessons.factors(Random(seed)).partition(". No")[0]))
    product = 1
    for factor in found:
        product *= factor
        assert all(factor % smaller for smaller in range(2, factor))
    assert product == number or found == [1]


@given(seeds)
def test_the_powers_of_two_add_up_and_the_binary_number_is_right(seed: int) -> None:
    text = lessons.binary(Random(seed))
    number = int(text.split()[2])
    written = re.search(r"written ([01]+)", text)
    assert written and int(written[1], 2) == number
    if "sum of" in text:
        assert sum(map(int, re.findall(r"\d+", text.partition("so that")[0])[1:])) == number


@given(seeds)
def test_a_formula_lies_in_its_box_and_its_braces_close(seed: int) -> None:
    ink = formulas.formula(Random(seed))
    left, top, right, bottom = formulas.bounds(ink.strokes)
    assert left >= -1
    assert right <= ink.width + 1
    assert ink.top - 1e-6 <= top
    assert bottom <= ink.bottom + 1e-6
    depth = 0
    for character in ink.latex:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


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


def test_the_number_of_shapes_told_is_the_number_drawn() -> None:
    for number in range(12):
        roll = dice(17, "scenes", number)
        things, ground = scenes.chosen_things(roll), roll.choice(list(scenes.GROUNDS))
        told = dict(scenes.questions(things, ground=ground, dice=roll))["How many shapes are there in the picture?"]
        islands = count_islands(scenes.drawn(things, ground=scenes.GROUNDS[ground]))
        assert told == f"There are {vocabulary.NUMBER_WORDS[islands]} shapes."


def count_islands(image: Image.Image) -> int:
    """Count the connected regions that differ from the colour of the corner."""
    pixels = np.asarray(image)
    left = {(int(x), int(y)) for y, x in np.argwhere((pixels != pixels[0, 0]).any(axis=2))}
    islands = 0
    while left:
        islands += 1
        edge = [left.pop()]
        while edge:
            x, y = edge.pop()
            near = {(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & left
            left -= near
            edge += near
    return islands


def test_the_bars_of_a_chart_are_as_high_as_their_values() -> None:
    colour = (10, 200, 30)
    checked = 0
    for number in range(12):
        chart = charts.chosen_chart(dice(17, "charts", number))
        if chart.is_line:
            continue
        image = charts.drawn(chart, colour=colour)
        slot = (charts.RIGHT - charts.LEFT) / len(chart.labels)
        heights = []
        for place in range(len(chart.labels)):
            x = round(charts.LEFT + slot * (place + 0.5))
            heights.append(sum(image.getpixel((x, y)) == colour for y in range(charts.HEIGHT)))
        units = [height / value for height, value in zip(heights, chart.values, strict=True)]
        largest = units[chart.values.index(max(chart.values))]
        assert all(abs(unit - largest) * value <= 2 for unit, value in zip(units, chart.values, strict=True))
        checked += 1
    assert checked > 3


def test_a_caption_names_the_second_at_which_the_colour_changes() -> None:
    for seed in range(6):
        clip = clips.changing(Random(seed))
        told = re.search(r"It is (\w+) at first; after (\d+) seconds it turns (\w+)", clip.caption)
        assert told
        before, moment, after = told[1], int(told[2]), told[3]
        middle = (clips.WIDTH // 2, clips.HEIGHT // 2)
        assert clip.draw(moment - 0.1).getpixel(middle) == vocabulary.COLOURS[before]
        assert clip.draw(moment).getpixel(middle) == vocabulary.COLOURS[after]


def test_texts_are_short_enough_for_a_byte_tokenizer(rows: Rows) -> None:
    for found in rows.values():
        for row in found:
            if isinstance(row, Sample):
                parts = [part.text for turn in row.turns for part in turn.parts if isinstance(part, Text)]
                assert 0 < len("".join(parts)) < 6000


@pytest.mark.parametrize("module", [vocabulary, scenes, clips, arithmetic])
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
