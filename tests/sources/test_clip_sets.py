"""Sets of captions and questions about videos and their parts: what each row becomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from curation.errors import ManifestError
from curation.records import Drop, Sample, Video
from curation.sources.clips import frame_seconds
from tests.sources.layouts import (
    flags,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    video_bytes,
    write,
    write_list,
    write_zip,
)
from tests.sources.video_layouts import (
    all_samples,
    fine_row,
    movie,
    shared_row,
    span_of,
    video_of,
    vript_script,
    write_finevideo,
    write_moviechat,
    write_sharegpt4video,
    write_vript,
)


def test_vript_takes_scenes_from_their_files_or_from_the_whole_video(tmp_path: Path) -> None:
    where = write_vript(tmp_path)
    clips = all_samples("vript", where)
    assert len(clips) == 6
    first = clips["vript_captions/vript_long_videos_captions.zip/vid1_caption.json:0"]
    assert shape(first) == [["[video]"], ["Scene 1 of vid1."]] and first.row_id == "vid1-Scene-001"
    assert video_of(first).name == "vid1/vid1-Scene-001.mp4" and span_of(first) == (None, None)
    assert first.columns["shot_type"] == "Wide shot" and first.columns["integrity"] is True
    rows = read_all("vript", replace(where, options={"unit": "scenes"}))
    assert reasons(rows) == ["ok"] * 4 + ["missing_media"] * 2  # the short video has no times and no whole file here
    second = rows[1]
    assert isinstance(second, Sample) and video_of(second).name == "vid1.mp4" and span_of(second) == (1.0, 2.0)


def test_vript_writes_the_voice_and_the_parts_of_a_caption_that_are_asked_for(tmp_path: Path) -> None:
    options = {"voice": True, "caption": ["content", "shot_type"], "question": "What is shown?"}
    where = replace(write_vript(tmp_path), options=options)
    first, *_, last = all_samples("vript", where).values()
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
    whole = all_samples("vript", where)
    copy_folder = tmp_path / "vript_captions" / "vript_long_videos_captions"
    for name in ("vid1", "vid2"):
        write(copy_folder / f"{name}_caption.json", orjson.dumps(vript_script(name, 2, voice=" Hello. ")))
    assert all_samples("vript", where) == whole
    (tmp_path / "vript_captions" / "vript_long_videos_captions.zip").unlink()
    unpacked = all_samples("vript", where)
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
    alone = all_samples("sharegpt4video", where)
    asked = all_samples("sharegpt4video", replace(where, options={"question": questions}))
    assert [shape(sample) for sample in alone.values()] == [[["[video]"], ["It brightens."]]] * 3
    assert {shape(sample)[0][1] for sample in asked.values()} <= set(questions)
    again = all_samples("sharegpt4video", replace(where, options={"question": questions}, task_bytes=1))
    assert again == asked  # chosen by the row alone


def test_sharegpt4video_keyframes_are_parts_by_the_frames_own_times(tmp_path: Path) -> None:
    where = replace(write_sharegpt4video(tmp_path), options={"units": ["keyframes"]})
    first, second = list(all_samples("sharegpt4video", where).values())[:2]
    assert (span_of(first), span_of(second)) == ((0.0, 1.0), (1.0, 2.0))  # frame 4 of 8 at 4 frames a second
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


def test_sharegpt4video_compares_each_timestamp_with_its_own_key_frame(tmp_path: Path) -> None:
    where = replace(write_sharegpt4video(tmp_path), options={"units": ["keyframes"]})
    row = shared_row("a", keyframe=[99, 4], timestamp=["00:00:24.750", "00:00:01.000"])  # the video has no frame 99
    past, light = read_all("sharegpt4video", replace(where, uri=(str(write_list(tmp_path / "more.json", [row])),)))
    assert reasons([past]) == ["time_past_end"]
    assert isinstance(light, Sample) and flags(light) == []


def test_moviechat_breakpoints_clip_the_video_at_their_frame(tmp_path: Path) -> None:
    write(tmp_path / "raw_videos" / "1.mp4", video_bytes(8))  # 8 frames at 4 a second
    film = movie("1.mp4", [0, 3, 8, 9, -1], fps=5)
    write(tmp_path / "jsons" / "1.json", orjson.dumps(film))
    rows = read_all("moviechat", location(tmp_path))
    assert reasons(rows) == ["ok", "ok", "ok", "ok", "time_past_end", "invalid_time"]
    asked, *points = [row for row in rows if isinstance(row, Sample)]
    assert shape(asked) == [["[video]", "Who?"], ["Nobody."], ["Where?"], ["Here."]] and span_of(asked) == (None, None)
    assert [span_of(point) for point in points] == [(0.0, 0.25), (0.0, 1.0), (0.0, 2.0)]
    past = rows[4]
    assert isinstance(past, Drop) and (past.measured, past.threshold) == (9, 8)
    late = location(tmp_path, seconds=0.5, units=["breakpoint"])
    assert [span_of(row) for row in read_all("moviechat", late)[:3] if isinstance(row, Sample)] == [
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
    assert video_of(below).content == video_of(sample).content


def test_finevideo_reads_every_unit_with_its_times(tmp_path: Path) -> None:
    where = replace(write_finevideo(tmp_path), options={"units": ["qa", "description", "scenes", "activities"]})
    found = {key.rpartition("/")[2]: sample for key, sample in all_samples("finevideo", where).items() if ":0/" in key}
    assert {name: (shape(sample), span_of(sample)) for name, sample in found.items()} == {
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


def test_moviechat_fixture_probes_each_video_once(tmp_path: Path) -> None:
    from curation.sources import clips

    before = clips._probed.cache_info().misses
    read_all("moviechat", write_moviechat(tmp_path))
    assert clips._probed.cache_info().misses == before + 2
