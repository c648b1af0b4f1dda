"""Real files with exact truth: frame times measured by ffprobe, numbers painted into the pictures, known damage."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curation.errors import MediaError
from curation.frames import FrameSettings, plan_frames
from curation.records import Address
from curation.video import Backend, FrameRequest, VideoProbe, decode, probe
from curation.video.picture import Orientation, jpeg, pixels_of
from tests.video.painted import number_in, request_of

NOT_MEDIA = {".json", ".md", ".txt"}


def videos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix not in NOT_MEDIA)


def spread(found: VideoProbe, count: int, *, size: int = 512, backend: Backend = "auto") -> FrameRequest:
    positions = sorted({round(part) for part in np.linspace(0, len(found.pts) - 1, count)})
    return replace(request_of(found, *positions, size=size), backend=backend)


def test_frame_times_and_the_frames_chosen_each_second_are_those_of_ffprobe(real_data: Path) -> None:
    for path in sorted((real_data / "real/video-pts").glob("*.json")):
        truth = json.loads(path.read_text())
        found = probe(Address(path=str(real_data / "real" / truth["file"])))
        seconds = np.array(truth["pts_time_s"]) - truth["pts_time_s"][0]
        np.testing.assert_allclose(found.seconds, seconds, atol=1e-3, err_msg=path.name)
        assert found.pts.tolist() == truth["pts"], path.name
        assert found.time_base == truth["time_base"], path.name
        assert found.keyframes.tolist() == truth["keyframe_positions"], path.name
        plan = plan_frames(found.seconds, FrameSettings(max_frames=10_000), duration=truth["span_s"])
        assert list(plan.indices) == sorted(set(truth["on_screen_position_each_second"])), path.name


@pytest.mark.parametrize("backend", ["auto", "pyav", "decord"])
def test_numbered_files_give_the_frames_asked_for(real_data: Path, backend: Backend) -> None:
    folder = real_data / "real/videos-derived-indexed"
    truth = {
        data["file"].split("/")[-1]: data["picture_index"]
        for data in map(json.loads, (path.read_text() for path in (real_data / "real/video-pts").glob("*.json")))
        if data.get("picture_index")
    }
    seen = 0
    for path in videos(folder):
        content = Address(path=str(path))
        if path.stem.startswith("audio_"):
            with pytest.raises(MediaError, match="no_video_stream"):
                probe(content)
            continue
        found = probe(content)
        request = spread(found, 9, backend=backend)
        decoded = decode(content, request)
        numbers = truth.get(path.name) or range(len(found.pts))
        assert [number_in(each) for each in decoded.jpegs] == [numbers[at] for at in request.indices], path.name
        assert decoded.seconds == pytest.approx(found.seconds[list(request.indices)].tolist(), abs=1e-6), path.name
        seen += 1
    assert seen == 34


def test_damaged_files_give_right_frames_or_a_reason_in_time(real_data: Path) -> None:
    folder = real_data / "real/videos-derived-corrupt"
    reasons: dict[str, str] = {}
    for path in videos(folder):
        begin = time.monotonic()
        try:
            found = probe(Address(path=str(path)))
            request = spread(found, 9)
            decode(Address(path=str(path)), request)
            reasons[path.name] = ",".join(found.flags)
        except MediaError as err:
            reasons[path.name] = err.reason
        assert time.monotonic() - begin < 20, path.name
    assert reasons == {
        "all_zeros_4k.mp4": "unreadable_video",
        "bitflips_mdat_40.mp4": "undecodable_frame",
        "first_keyframe_zeroed.mp4": "zero_frames",
        "ftyp_only.mp4": "unreadable_video",
        "git_lfs_pointer.mp4": "unreadable_video",
        "hole_45_70pct.mp4": "undecodable_frame",
        "html_error_page.mp4": "unreadable_video",
        "trunc_faststart_60pct.mp4": "truncated",
        "trunc_faststart_8pct.mp4": "zero_frames",
        "trunc_half.gif": "",
        "trunc_half.mkv": "truncated",
        "trunc_half.webm": "truncated",
        "trunc_mid_packet.ts": "",
        "trunc_moov_missing.mp4": "unreadable_video",
        "trunc_no_index.avi": "truncated",
        "zero_bytes.mp4": "unreadable_video",
    }


@pytest.mark.parametrize(
    "name",
    [
        "androidx-media/iibbibb_editlist_videoonly.mp4",
        "androidx-media/bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4",
        "androidx-media/h265_bframes.mp4",
        "androidx-media/sample_sef_super_slow_motion.mp4",
        "androidx-media/sample_vvc.mp4",
        "moviepy/big_buck_bunny_432_433.webm",
        "moviepy/smpte-2997.mp4",
        "torchcodec/av1_video.mkv",
        "torchcodec/discard_first_keyframe.mp4",
        "torchcodec/nasa_13013.mp4",
        "torchcodec/sine_stereo_mp2.mpg",
    ],
)
def test_jumps_give_the_very_pixels_of_a_decode_from_the_start(real_data: Path, name: str) -> None:
    path = real_data / f"real/videos-{name}"
    found = probe(Address(path=str(path)))
    request = spread(found, 7, size=96)
    decoded = decode(Address(path=str(path)), request)
    size = (decoded.width, decoded.height)
    with av.open(str(path)) as container:
        decoding: Iterator[Any] = iter(container.decode(container.streams.best("video")))
        frames = {at: frame for at, frame in enumerate(decoding) if at in request.indices}
        straight = [
            jpeg([pixels_of(frames[at], size=size, orientation=Orientation())], quality=92) for at in request.indices
        ]
    assert list(decoded.jpegs) == straight
