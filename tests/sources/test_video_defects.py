"""Sets of videos: what planted, random and real defects become."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.records import Drop, Location, Sample
from tests.sources.layouts import (
    image_bytes,
    location,
    read_all,
    reasons,
    shape,
    talk,
    write,
)
from tests.sources.video_layouts import (
    all_samples,
    fine_row,
    movie,
    shared_row,
    star_row,
    video_of,
    vript_script,
)


def _drops(adapter: str, where: Location) -> dict[str, str]:
    return {row.row_key.rpartition("/")[2]: row.reason for row in read_all(adapter, where) if isinstance(row, Drop)}


_PLAIN: dict[str, Any] = {
    "llava_video": {"data_source": "x", "video": "a.mp4", "conversations": talk("<image>\nWhat?"), "id": "1"},
    "moviechat": movie("a.mp4", [1]),
    "sharegpt4video": shared_row("a", video_path="a.mp4"),
    "video_star": star_row(0, "a.mp4"),
    "vript": {"meta": vript_script("vid1", 1)["meta"], **vript_script("vid1", 1)["data"]["vid1-Scene-001"]},
    "vista": {"id": "1", "image": "a.mp4", "conversations": talk("What?")},
}


_OPTIONS: dict[str, dict[str, Any]] = {
    "moviechat": {"units": ["caption", "global"]},  # breakpoints and key frames start a decoder: too slow here
    "vript": {"voice": True},
}


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4) | st.floats(allow_nan=False, width=16),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from _places(part, (*path, name))


def _with(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    value = copy.deepcopy(value)
    place = value
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = junk
    return value


@pytest.mark.parametrize("adapter", _PLAIN)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_value_of_a_row_ends_the_reading(adapter: str, tmp_path: Path, data: st.DataObject) -> None:
    write(tmp_path / "a.mp4", b"never opened")
    write(tmp_path / "vid1" / "vid1-Scene-001.mp4", b"never opened")
    row = _PLAIN[adapter]
    places = list(_places(row))
    rows = [_with(row, data.draw(st.sampled_from(places)), data.draw(_JUNK)) for _ in range(20)]
    name = "x_captions.jsonl" if adapter == "vript" else "x.jsonl"
    path = write(tmp_path / name, b"".join(orjson.dumps(one) + b"\n" for one in [*rows, row]))
    found = read_all(adapter, location(path, **_OPTIONS.get(adapter, {})))
    assert len(found) >= len(rows) + 1 and isinstance(found[-1], Sample)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_value_of_finevideos_json_ends_the_reading(tmp_path: Path, data: st.DataObject) -> None:
    from curation.sources.defects import Row
    from curation.sources.finevideo import UNITS, _row_samples

    places = list(_places(fine_row()))
    for number in range(20):
        about = _with(fine_row(), data.draw(st.sampled_from(places)), data.draw(_JUNK))
        found = list(_row_samples(Row(f"x:{number}", {"mp4": b"x", "json": about}), UNITS, location=location("x")))
        assert found


def test_the_mini_sets_come_out_as_their_readmes_say(real_data: Path, tmp_path: Path) -> None:
    real = real_data / "real"
    video = replace(location(real / "mini-llava-video-178k"), cache=str(tmp_path))
    assert _drops("llava_video", video) == {
        "0_30_s_academic_mc_v0_1_qa_processed.json:2": "no_answer",
        "0_30_s_academic_v0_1_cap_processed.json:3": "missing_media",
        "sharegptvideo_qa_255k_processed.json:2": "missing_media",
    }
    assert _drops("vista", location(real / "mini-vista-400k")) == {"temporal_niah_qa.json:1": "missing_media"}
    assert _drops("video_star", location(real / "mini-video-star")) == {
        "finediving_train.json:0": "missing_media",
        "starb_train.json:2": "answer_mismatch",
    }
    assert _drops("vript", location(real / "mini-vript")) == {
        "TOSmini0001_caption.json:3": "missing_media",
        "LOSTvid0002_caption.json:0": "missing_media",
        "LOSTvid0002_caption.json:1": "missing_media",
    }
    assert _drops("m4_instruct", location(real / "mini-m4-instruct")) == {
        "m4_instruct_annotations.json:3": "placeholder_mismatch",
        "m4_instruct_annotations.json:5": "wrong_role_order",
        "m4_instruct_annotations.json:6": "missing_media",
    }
    assert _drops("moviechat", location(real / "mini-moviechat-1k")) == {
        "300.json:0": "missing_media",
        "301.json:0": "invalid_json",
        "breakpoint-1": "time_past_end",
    }
    assert _drops("finevideo", location(real / "mini-finevideo")) == {"train-00000-of-01357.parquet:1": "no_annotation"}
    shared = location(real / "mini-sharegpt4video")
    assert _drops("sharegpt4video", shared) == {
        "sharegpt4video_40k.jsonl:3": "missing_media",
        "sharegpt4video_40k.jsonl:4": "no_whole_caption",
        "sharegpt4video_40k.jsonl:5": "missing_media",
    }


def test_the_drift_of_the_published_timestamps_is_measured(real_data: Path) -> None:
    path = real_data / "real" / "mini-sharegpt4video" / "sharegpt4video_40k.jsonl"
    rows = read_all("sharegpt4video", location(path, units=["keyframes"]))
    second = rows[1]
    assert isinstance(second, Sample) and second.row_key.endswith(":0/keyframe-1")
    assert video_of(second).start_seconds == pytest.approx(3.871, abs=0.001)  # named 00:00:04.000
    assert rows[7].row_key.endswith(":2/keyframes") and reasons([rows[7]]) == ["unreadable_video"]  # cut in its zip


def test_real_rows_of_mantis_name_images_that_are_not_here(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "real" / "video-annotations-real" / "mantis" / "training_example.json"
    assert reasons(read_all("mantis", location(path))) == ["missing_media"] * 2
    write(tmp_path / "coco/train2017/000000033471.jpg", image_bytes(form="JPEG"))
    both = all_samples("mantis", location(path, media=tmp_path)).values()
    assert [shape(sample)[0] for sample in both] == [["[image]", "What are the colors of the bus in the image?"]] * 2
