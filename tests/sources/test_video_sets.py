"""Sets of videos and of several images: what each row becomes, and what the planted defects become."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import ManifestError, SourceError
from curation.records import Drop, FrameFolder, Location, Sample, Video
from curation.sources.clips import frame_seconds
from curation.sources.video_star import repeated_sentence
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    talk,
    video_bytes,
    write,
    write_list,
    write_tar,
    write_zip,
)
from tests.sources.video_layouts import (
    VIDEO_FIXTURES,
    fine_row,
    movie,
    shared_row,
    star_row,
    vript_script,
    write_finevideo,
    write_llava_video,
    write_moviechat,
    write_sharegpt4video,
    write_vript,
)


def _samples(adapter: str, where: Location) -> dict[str, Sample]:
    rows = read_all(adapter, where)
    assert not [row for row in rows if isinstance(row, Drop)]
    return {row.row_key: row for row in rows if isinstance(row, Sample)}


def _drops(adapter: str, where: Location) -> dict[str, str]:
    return {row.row_key.rpartition("/")[2]: row.reason for row in read_all(adapter, where) if isinstance(row, Drop)}


def _video(sample: Sample) -> Video:
    (video,) = (part for turn in sample.turns for part in turn.parts if isinstance(part, Video))
    return video


def _span(sample: Sample) -> tuple[float | None, float | None]:
    return _video(sample).start_seconds, _video(sample).end_seconds


def test_llava_video_finds_configs_and_annotations_by_name(tmp_path: Path) -> None:
    where = write_llava_video(tmp_path)
    kinds = Counter(sample.columns["annotation"] for sample in _samples("llava_video", where).values())
    assert kinds == {"caption": 1, "open_ended": 3, "multi_choice": 1}
    some = replace(where, options={"annotations": "caption"})
    assert [sample.row_id for sample in _samples("llava_video", some).values()] == ["A1"]
    hound = replace(where, options={"configs": ["llava_hound"]})
    (sample,) = _samples("llava_video", hound).values()
    content = _video(sample).content
    assert isinstance(content, FrameFolder) and content.fps == 2.0 and len(content.frames) == 3
    assert flags(sample) == []
    with pytest.raises(SourceError, match=r"no config '0_30_s'.*there are: 0_30_s_academic_v0_1, llava_hound"):
        read_all("llava_video", replace(where, options={"configs": ["0_30_s"]}))
    with pytest.raises(ManifestError, match=r"'annotations' is 'captions'.*did you mean 'caption'"):
        read_all("llava_video", replace(where, options={"annotations": "captions"}))


def test_llava_video_reads_the_archives_of_a_config_that_stand_elsewhere(tmp_path: Path) -> None:
    rows = [{"data_source": "1_2_m_nextqa", "video": "NextQA/a.mp4", "conversations": talk("<image>\nWhat?")}]
    path = write_list(tmp_path / "rows" / "1_2_m_nextqa" / "a_oe_qa_processed.json", rows)
    for media in ("root/1_2_m_nextqa", "root"):
        write_tar(tmp_path / "root" / "1_2_m_nextqa" / "any.tar", {"NextQA/a.mp4": video_bytes()})
        assert only_sample("llava_video", location(path, media=tmp_path / media)).row_id is None


@pytest.mark.parametrize("video", [None, "", 3, ["a.jpg"]])
def test_a_row_of_a_video_set_without_a_video_is_no_sample(tmp_path: Path, video: Any) -> None:
    for adapter in ("llava_video", "vista", "video_star"):
        path = write_list(tmp_path / f"{adapter}.json", [{"video": video, "conversations": talk("What?")}])
        assert only_drop(adapter, location(path)).reason == "missing_media"


def test_vista_tells_videos_of_one_name_apart_by_subset_and_flags_no_missing_placeholder(tmp_path: Path) -> None:
    one, other = _samples("vista", VIDEO_FIXTURES["vista"](tmp_path)).values()
    assert shape(one)[0] == ["[video]", "What?"] and flags(one) == flags(other) == []
    assert (one.columns["subset"], other.columns["subset"]) == ("hr_video_grid_mcq", "temporal_niah_qa")
    assert _video(one).content != _video(other).content
    assert "temporal_niah_qa" in str(_video(other).content)


def test_video_star_drops_answers_of_other_rows_and_flags_grown_questions(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", video_bytes())
    grown = "<video>\nWhat? Choices are: red, blue. Choices are: red, blue."
    rows = [
        star_row(0, "a.mp4", cls_correct=False),
        star_row(1, "a.mp4", output="Blue."),
        star_row(2, "a.mp4", conversations=talk(grown)),
        {"id": 3, "video": "a.mp4", "conversations": talk("<video>\nWhat?")},
    ]
    first, second, third, plain = read_all("video_star", location(write_list(tmp_path / "starb.json", rows)))
    assert isinstance(first, Sample) and isinstance(third, Sample) and isinstance(plain, Sample)
    assert first.columns == {"qa_type": "qa", "rationale": False, "cls_correct": False, "duration": 0.75}
    assert first.row_id == "v_0" and plain.row_id == "3" and plain.columns == {}
    assert isinstance(second, Drop) and second.reason == "answer_mismatch"
    assert [(flag.reason, flag.measured) for flag in third.flags] == [("repeated_text", 2)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What is it? Explain the answer. Explain the answer.", ("Explain the answer.", 2)),
        ("Yes. Yes. Yes.", None),  # too short to be an instruction
        ("What is it? Explain the answer.", None),
        ("", None),
    ],
)
def test_a_repeated_sentence_is_found(text: str, found: tuple[str, int] | None) -> None:
    assert repeated_sentence(text) == found


def test_vript_takes_scenes_from_their_files_or_from_the_whole_video(tmp_path: Path) -> None:
    where = write_vript(tmp_path)
    clips = _samples("vript", where)
    assert len(clips) == 6
    first = clips["vript_captions/vript_long_videos_captions.zip/vid1_caption.json:0"]
    assert shape(first) == [["[video]"], ["Scene 1 of vid1."]] and first.row_id == "vid1-Scene-001"
    assert _video(first).name == "vid1/vid1-Scene-001.mp4" and _span(first) == (None, None)
    assert first.columns["shot_type"] == "Wide shot" and first.columns["integrity"] is True
    rows = read_all("vript", replace(where, options={"unit": "scenes"}))
    assert reasons(rows) == ["ok"] * 4 + ["missing_media"] * 2  # the short video has no times and no whole file here
    second = rows[1]
    assert isinstance(second, Sample) and _video(second).name == "vid1.mp4" and _span(second) == (1.0, 2.0)


def test_vript_writes_the_voice_and_the_parts_of_a_caption_that_are_asked_for(tmp_path: Path) -> None:
    options = {"voice": True, "caption": ["content", "shot_type"], "question": "What is shown?"}
    where = replace(write_vript(tmp_path), options=options)
    first, *_, last = _samples("vript", where).values()
    assert shape(first)[0] == ["[video]", "Voice-over: Hello.\nWhat is shown?"]
    assert shape(first)[1] == ["Shot type: Wide shot\nContent: Scene 1 of vid1."]
    assert shape(last)[0] == ["[video]", "What is shown?"]  # nothing is said


def test_vript_tells_whole_videos_only_when_no_scene_is_missing(tmp_path: Path) -> None:
    where = replace(write_vript(tmp_path), options={"unit": "videos"})
    first, _, short = read_all("vript", where)
    assert isinstance(first, Sample) and shape(first)[1] == ["Scene 1 of vid1.\n\nScene 2 of vid1."]
    assert isinstance(short, Drop) and short.reason == "missing_media"  # put together of two lines, its video not here
    for number, script in enumerate((vript_script("vid1", 1), vript_script("vid1", 2, integrity=False))):
        script["meta"]["num_clips"] = 2
        path = tmp_path / f"set{number}" / "vript_captions" / "x_captions.zip"
        write_zip(path, {"vid1_caption.json": orjson.dumps(script)})
        drop = only_drop("vript", location(path, unit="videos"))
        assert (drop.reason, drop.measured, drop.threshold) == ("incomplete_script", 1 + number, 2)


def test_vript_reads_unpacked_captions_and_the_zip_rather_than_its_copy(tmp_path: Path) -> None:
    where = write_vript(tmp_path)
    whole = _samples("vript", where)
    copy_folder = tmp_path / "vript_captions" / "vript_long_videos_captions"
    for name in ("vid1", "vid2"):
        write(copy_folder / f"{name}_caption.json", orjson.dumps(vript_script(name, 2, voice=" Hello. ")))
    assert _samples("vript", where) == whole
    (tmp_path / "vript_captions" / "vript_long_videos_captions.zip").unlink()
    unpacked = _samples("vript", where)
    assert [sample.turns for sample in unpacked.values()] == [sample.turns for sample in whole.values()]
    assert "vript_captions/vript_long_videos_captions/vid2_caption.json:1" in unpacked


def test_vript_options_are_checked(tmp_path: Path) -> None:
    where = write_vript(tmp_path)
    for options, message in (
        ({"unit": ["clips", "videos"]}, "give one of clips, scenes, videos"),
        ({"unit": "clip"}, "did you mean 'clips'"),
        ({"caption": ["contents"]}, "did you mean 'content'"),
    ):
        with pytest.raises(ManifestError, match=message):
            read_all("vript", replace(where, options=options))


def test_sharegpt4video_asks_nothing_that_the_user_did_not_write(tmp_path: Path) -> None:
    where = write_sharegpt4video(tmp_path)
    questions = ["Describe the video.", "What happens?"]
    alone = _samples("sharegpt4video", where)
    asked = _samples("sharegpt4video", replace(where, options={"question": questions}))
    assert [shape(sample) for sample in alone.values()] == [[["[video]"], ["It brightens."]]] * 3
    assert {shape(sample)[0][1] for sample in asked.values()} <= set(questions)
    again = _samples("sharegpt4video", replace(where, options={"question": questions}, task_bytes=1))
    assert again == asked  # chosen by the row alone


def test_sharegpt4video_keyframes_are_parts_by_the_frames_own_times(tmp_path: Path) -> None:
    where = replace(write_sharegpt4video(tmp_path), options={"units": ["keyframes"]})
    first, second = list(_samples("sharegpt4video", where).values())[:2]
    assert (_span(first), _span(second)) == ((0.0, 1.0), (1.0, 2.0))  # frame 4 of 8 at 4 frames a second
    assert [shape(sample)[1] for sample in (first, second)] == [["Dark."], ["Light."]]
    rows = [
        shared_row("a", timestamp=["00:00:00.000", "00:00:01.200"]),
        shared_row("a", keyframe=[0, 8]),
        shared_row("a", keyframe=[4, 4]),
        shared_row("a", keyframe="0"),
        shared_row("a", captions=[{"idx": "0", "content": "x"}]),
    ]
    found = read_all("sharegpt4video", replace(where, uri=(str(write_list(tmp_path / "more.json", rows)),)))
    assert reasons(found) == [
        *("ok", "ok"),
        *("ok", "time_past_end"),
        *("invalid_time", "ok"),
        *("invalid_row", "ok", "no_answer"),
    ]
    drifted = found[0]
    assert isinstance(drifted, Sample) and flags(drifted) == ["timestamp_drift"]
    assert drifted.flags[0].measured == pytest.approx(0.2)


def test_moviechat_breakpoints_clip_the_video_at_their_frame(tmp_path: Path) -> None:
    write(tmp_path / "raw_videos" / "1.mp4", video_bytes(8))  # 8 frames at 4 a second
    film = movie("1.mp4", [0, 3, 8, 9, -1], fps=5)
    write(tmp_path / "jsons" / "1.json", orjson.dumps(film))
    rows = read_all("moviechat", location(tmp_path))
    assert reasons(rows) == ["ok", "ok", "ok", "ok", "time_past_end", "invalid_time"]
    asked, *points = [row for row in rows if isinstance(row, Sample)]
    assert shape(asked) == [["[video]", "Who?"], ["Nobody."], ["Where?"], ["Here."]] and _span(asked) == (None, None)
    assert [_span(point) for point in points] == [(0.0, 0.25), (0.0, 1.0), (0.0, 2.0)]
    past = rows[4]
    assert isinstance(past, Drop) and (past.measured, past.threshold) == (9, 8)
    late = location(tmp_path, seconds=0.5, units=["breakpoint"])
    assert [_span(row) for row in read_all("moviechat", late)[:3] if isinstance(row, Sample)] == [
        (0.0, 0.25),
        (0.5, 1.0),
        (1.5, 2.0),
    ]


def test_moviechat_finds_a_video_under_another_ending_in_either_layout(tmp_path: Path) -> None:
    write(tmp_path / "videos" / "AWA-1.MP4", video_bytes(8))
    write(tmp_path / "annotations" / "AWA-1.json", orjson.dumps(movie("AWA-1.mkv", [1])))
    write(tmp_path / "gt" / "other.json", b"{}")
    sample = only_sample("moviechat", location(tmp_path, units="caption", question="What happens?"))
    assert shape(sample) == [["[video]", "What happens?"], ["It brightens."]]
    assert flags(sample) == ["media_under_other_name"] and sample.columns["fps"] == 4
    below = only_sample("moviechat", location(tmp_path / "annotations", units="caption"))
    assert _video(below).content == _video(sample).content


def test_finevideo_reads_every_unit_with_its_times(tmp_path: Path) -> None:
    where = replace(write_finevideo(tmp_path), options={"units": ["qa", "description", "scenes", "activities"]})
    found = {key.rpartition("/")[2]: sample for key, sample in _samples("finevideo", where).items() if ":0/" in key}
    assert {name: (shape(sample), _span(sample)) for name, sample in found.items()} == {
        "qa": ([["[video]", "What brightens?"], ["A picture."]], (None, None)),
        "description": ([["[video]"], ["A picture brightens."]], (None, None)),
        "scene-0": ([["[video]"], ["Dawn"]], (0.5, 1.5)),
        "scene-0-activity-0": ([["[video]"], ["It brightens."]], (0.0, 1.0)),
    }
    assert found["qa"].columns["youtube_channel"] == "C" and found["qa"].row_id == "a"


@pytest.mark.parametrize(
    ("start", "end", "outcome", "odd"),
    [
        ("00:00", "00:02", "ok", []),
        ("00:00", "00:00:02.900", "ok", []),  # the stated duration is cut to whole seconds
        ("00:01", "00:09", "ok", ["time_past_end"]),
        ("00:02", "00:09", "time_past_end", []),
        ("00:01", "00:01", "invalid_time", []),
        ("", "00:01", "invalid_time", []),
        (None, None, "invalid_time", []),
    ],
)
def test_finevideo_times_are_checked_against_the_stated_duration(
    tmp_path: Path, start: Any, end: Any, outcome: str, odd: list[str]
) -> None:
    times = {"start_timestamp": start, "end_timestamp": end}
    row = fine_row(scenes=[{"title": "Dawn", "timestamps": times}])
    (found,) = read_all("finevideo", replace(write_finevideo(tmp_path, [row]), options={"units": "scenes"}))
    assert reasons([found]) == [outcome]
    assert not isinstance(found, Sample) or flags(found) == odd


def test_finevideo_rows_without_the_units_are_said_to_have_none(tmp_path: Path) -> None:
    empty = fine_row(qAndA=[], scenes=[], description="")
    assert reasons(read_all("finevideo", write_finevideo(tmp_path, [empty]))) == ["no_annotation"]


def test_frame_times_end_with_the_videos_end(tmp_path: Path) -> None:
    video = Video(content=video_bytes(8))
    assert frame_seconds(video).tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]


def test_m4_keeps_what_its_metadata_say_and_mantis_reads_both_forms(tmp_path: Path) -> None:
    first, *_ = _samples("m4_instruct", VIDEO_FIXTURES["m4_instruct"](tmp_path / "m4")).values()
    assert first.columns == {"dataset": "nextqa", "question_type": "open-ended"} and first.row_id == "0"
    json_row, parquet_row, _ = _samples("mantis", VIDEO_FIXTURES["mantis"](tmp_path / "mantis")).values()
    assert shape(json_row) == [["[image]", "What?"], ["Red."]]
    assert shape(parquet_row) == [["[image]", " and ", "[image]", ": same?"], ["Yes."]]


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
    assert _video(second).start_seconds == pytest.approx(3.871, abs=0.001)  # named 00:00:04.000
    assert rows[7].row_key.endswith(":2/keyframes") and reasons([rows[7]]) == ["unreadable_video"]  # cut in its zip


def test_real_rows_of_mantis_name_images_that_are_not_here(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "real" / "video-annotations-real" / "mantis" / "training_example.json"
    assert reasons(read_all("mantis", location(path))) == ["missing_media"] * 2
    write(tmp_path / "coco/train2017/000000033471.jpg", image_bytes(form="JPEG"))
    both = _samples("mantis", location(path, media=tmp_path)).values()
    assert [shape(sample)[0] for sample in both] == [["[image]", "What are the colors of the bus in the image?"]] * 2


def test_moviechat_fixture_probes_each_video_once(tmp_path: Path) -> None:
    from curation.sources import clips

    before = clips._probed.cache_info().misses
    read_all("moviechat", write_moviechat(tmp_path))
    assert clips._probed.cache_info().misses == before + 2
