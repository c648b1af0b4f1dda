"""Every real video goes through one build: right frames at their true times, or a ledger row that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.builds import Build
from curation.verify import verify
from tests.video.clips import MANIFEST, built, row, rows_of, times_of, write_rows
from tests.video.painted import number_in

NOT_MEDIA = {".json", ".md", ".txt"}
UNUSABLE = {
    "videos-androidx-media/bbb_1ch_48kHz_q10_opus.webm": "no_video_stream",
    "videos-androidx-media/invalid-bitstream.webm": "zero_frames",
    "videos-androidx-media/sample_audio_only.mp4": "no_video_stream",
    "videos-androidx-media/sample_malformed_free_box.mp4": "unreadable_video",
    "videos-decord/corrupted.mp4": "undecodable_frame",
    "videos-derived-corrupt/all_zeros_4k.mp4": "unreadable_video",
    "videos-derived-corrupt/bitflips_mdat_40.mp4": "undecodable_frame",
    "videos-derived-corrupt/first_keyframe_zeroed.mp4": "zero_frames",
    "videos-derived-corrupt/ftyp_only.mp4": "unreadable_video",
    "videos-derived-corrupt/git_lfs_pointer.mp4": "unreadable_video",
    "videos-derived-corrupt/hole_45_70pct.mp4": "undecodable_frame",
    "videos-derived-corrupt/html_error_page.mp4": "unreadable_video",
    "videos-derived-corrupt/trunc_faststart_8pct.mp4": "zero_frames",
    "videos-derived-corrupt/trunc_moov_missing.mp4": "unreadable_video",
    "videos-derived-corrupt/zero_bytes.mp4": "unreadable_video",
    "videos-derived-indexed/audio_coverart.mp3": "no_video_stream",
    "videos-derived-indexed/audio_only.m4a": "no_video_stream",
}
TRUNCATED = {
    "videos-derived-corrupt/trunc_faststart_60pct.mp4",
    "videos-derived-corrupt/trunc_half.mkv",
    "videos-derived-corrupt/trunc_half.webm",
    "videos-derived-corrupt/trunc_no_index.avi",
}

pytestmark = pytest.mark.slow
Shown = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def made(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build all videos of the real data, a frame a second, 64 at most."""
    root = real_data / "real"
    files = sorted(path for path in root.glob("videos-*/*") if path.suffix not in NOT_MEDIA)
    rows = [row(str(path.relative_to(root)), id=str(path.relative_to(root))) for path in files]
    manifest = MANIFEST.replace("media: media", f"media: {root}")
    return built(write_rows(tmp_path_factory.mktemp("real"), rows, manifest=manifest))


@pytest.fixture(scope="module")
def shown(made: Build) -> Shown:
    """Return the shard rows by the file that they are about."""
    return {found["images"][0]["path"].rpartition("#t=")[0]: found for found in rows_of(made).values()}


def test_every_file_is_in_a_shard_or_in_the_ledger_with_its_reason(made: Build, shown: Shown) -> None:
    names = [json.loads(line)["id"] for line in (made.folder.parent / "rows.jsonl").read_text().splitlines()]
    query = "select sample_id, reason from ledger where action = 'drop'"
    dropped = {names[int(sample_id.rpartition(":")[2])]: reason for sample_id, reason in made.sql(query).rows()}
    assert dropped == UNUSABLE
    assert dropped.keys() | shown.keys() == set(names)
    assert not dropped.keys() & shown.keys()


def test_files_that_end_early_are_flagged_with_both_ends(made: Build) -> None:
    query = "select detail from ledger where reason = 'truncated'"
    details = [json.loads(detail) for (detail,) in made.sql(query).rows()]
    assert {detail["media"] for detail in details} == TRUNCATED
    assert all(detail["measured_seconds"] < detail["declared_seconds"] for detail in details)


def test_the_build_passes_its_own_verification_and_names_the_backends(made: Build) -> None:
    assert all(check.is_passed for check in verify(made))
    query = "select distinct backend from media join samples using (sample_id) where selected"
    assert made.sql(query).rows() == [("pyav",)]


def test_times_in_the_shards_are_those_of_ffprobe_to_the_millisecond(real_data: Path, shown: Shown) -> None:
    compared = 0
    for path in sorted((real_data / "real/video-pts").glob("*.json")):
        truth = json.loads(path.read_text())
        positions = sorted(set(truth["on_screen_position_each_second"]))
        times = [truth["pts_time_s"][position] - truth["pts_time_s"][0] for position in positions]
        found = shown[truth["file"]]
        assert times_of(found) == pytest.approx(times, abs=1.001e-3), path.name
        if truth.get("picture_index"):
            numbers = [number_in(image["bytes"]) for image in found["images"]]
            assert numbers == [truth["picture_index"][position] for position in positions], path.name
            compared += 1
    assert compared == 8


def test_numbered_pictures_in_the_shards_rise_with_their_times(shown: Shown) -> None:
    """Of the numbered files whose times are not listed, a picture's number and its time must tell the same rate."""
    numbered = {name: found for name, found in shown.items() if name.startswith("videos-derived-indexed/")}
    assert len(numbered) == 34
    for name, found in numbered.items():
        numbers = [number_in(image["bytes"]) for image in found["images"]]
        assert numbers == sorted(set(numbers)), name
        assert len(numbers) == len(times_of(found)), name
