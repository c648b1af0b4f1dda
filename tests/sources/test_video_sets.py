"""Sets of conversations about videos and several images: what each row becomes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from curation.errors import ManifestError, SourceError
from curation.records import Drop, FrameFolder, Sample
from curation.sources.video_star import repeated_sentence
from tests.sources.layouts import (
    flags,
    location,
    only_drop,
    only_sample,
    read_all,
    shape,
    talk,
    video_bytes,
    write,
    write_list,
    write_tar,
)
from tests.sources.video_layouts import (
    VIDEO_FIXTURES,
    all_samples,
    movie,
    star_row,
    video_of,
    write_llava_video,
)


def test_llava_video_finds_configs_and_annotations_by_name(tmp_path: Path) -> None:
    where = write_llava_video(tmp_path)
    kinds = Counter(sample.columns["annotation"] for sample in all_samples("llava_video", where).values())
    assert kinds == {"caption": 1, "open_ended": 3, "multi_choice": 1}
    some = replace(where, options={"annotations": "caption"})
    assert [sample.row_id for sample in all_samples("llava_video", some).values()] == ["A1"]
    hound = replace(where, options={"configs": ["llava_hound"]})
    (sample,) = all_samples("llava_video", hound).values()
    content = video_of(sample).content
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
    one, other = all_samples("vista", VIDEO_FIXTURES["vista"](tmp_path)).values()
    assert shape(one)[0] == ["[video]", "What?"] and flags(one) == flags(other) == []
    assert (one.columns["subset"], other.columns["subset"]) == ("hr_video_grid_mcq", "temporal_niah_qa")
    assert video_of(one).content != video_of(other).content
    assert "temporal_niah_qa" in str(video_of(other).content)


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


def test_m4_keeps_what_its_metadata_say_and_mantis_reads_both_forms(tmp_path: Path) -> None:
    first, *_ = all_samples("m4_instruct", VIDEO_FIXTURES["m4_instruct"](tmp_path / "m4")).values()
    assert first.columns == {"dataset": "nextqa", "question_type": "open-ended"} and first.row_id == "0"
    json_row, parquet_row, _ = all_samples("mantis", VIDEO_FIXTURES["mantis"](tmp_path / "mantis")).values()
    assert shape(json_row) == [["[image]", "What?"], ["Red."]]
    assert shape(parquet_row) == [["[image]", " and ", "[image]", ": same?"], ["Yes."]]


def test_below_a_url_a_video_has_the_name_that_its_row_gives(tmp_path: Path) -> None:
    path = write_list(tmp_path / "temporal_niah_qa.json", [{"image": "a/b.mp4", "conversations": talk("What?")}])
    sample = only_sample("vista", location(path, media="https://example.org/vista"))
    assert str(video_of(sample).content) == "https://example.org/vista/a/b.mp4"
    write(tmp_path / "jsons" / "1.json", orjson.dumps(movie("1.mp4", [])))
    sample = only_sample("moviechat", location(tmp_path / "jsons", media="https://example.org/m"))
    assert str(video_of(sample).content) == "https://example.org/m/raw_videos/1.mp4"
