"""`near_duplicate_videos`: the same video encoded anew is found, other videos and other questions stay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from curation.errors import ManifestError
from curation.filters.near_duplicate_videos import NearDuplicateVideos
from tests.filters.pictures import scene
from tests.filters.rows import Row, dropped, run


class Clip(Row):
    """A sample about video files."""

    def pulled(self, seed: int) -> dict[str, object]:
        made: dict[str, Any] = super().pulled(seed)
        videos = [medium | {"type": "video"} for medium in made["media"]]
        return made | {"images": 0, "videos": len(videos), "media": videos}


def film(path: Path, seeds: Sequence[int], *, fps: int = 10, size: tuple[int, int] = (320, 240), crf: int = 23) -> Path:
    """Encode one second of each scene, each with something that moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for seed in seeds:
            still = np.zeros((300, 400, 3), np.uint8) if seed < 0 else np.asarray(scene(seed))
            for number in range(fps):
                image = Image.fromarray(np.roll(still, 40 * number // fps, axis=1)).resize(size)
                for packet in stream.encode(av.VideoFrame.from_image(image)):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def clip(sample_id: str, path: Path, question: str = "What happens?", answer: str = "Much.") -> Clip:
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    address = json.dumps({"path": str(path)})
    return Clip(
        sample_id=sample_id, question=question, answer=answer, media=[content], kind="video", addresses=[address]
    )


def test_the_same_video_encoded_anew_is_dropped_with_its_share(tmp_path: Path) -> None:
    first = film(tmp_path / "one.mp4", range(6))
    again = film(tmp_path / "two.mp4", range(6), fps=25, size=(160, 120), crf=32)
    other = film(tmp_path / "three.mp4", range(10, 16))
    rows = [clip("a/f:0", first), clip("a/f:1", again), clip("a/f:2", other), clip("a/f:3", again, "Where is it?")]
    ledger = run(tmp_path, rows, NearDuplicateVideos()).to_pylist()
    assert [(row["sample_id"], row["reason"], row["evidence_sample_id"]) for row in ledger] == [
        ("a/f:1", "near_duplicate", "a/f:0")
    ]
    assert ledger[0]["measured"] >= ledger[0]["threshold"] == 0.75


def test_half_of_the_scenes_in_common_is_not_enough(tmp_path: Path) -> None:
    one = film(tmp_path / "one.mp4", [0, 1, 2, 3, 4, 5])
    other = film(tmp_path / "two.mp4", [0, 1, 2, 13, 14, 15])
    rows = [clip("a/f:0", one), clip("a/f:1", other)]
    assert dropped(run(tmp_path, rows, NearDuplicateVideos())) == []
    assert dropped(run(tmp_path, rows, NearDuplicateVideos(share=0.4))) == ["a/f:1"]


def test_another_answer_is_flagged_and_priority_says_who_stays(tmp_path: Path) -> None:
    one = film(tmp_path / "one.mp4", range(5))
    again = film(tmp_path / "two.mp4", range(5), crf=30)
    rows = [clip("a/f:0", one), clip("b/f:0", again), clip("b/f:1", again, answer="Nothing.")]
    ledger = run(tmp_path, rows, NearDuplicateVideos(), priorities={"a": 0, "b": 1}).to_pylist()
    assert [(row["sample_id"], row["action"], row["reason"]) for row in ledger] == [
        ("a/f:0", "drop", "near_duplicate"),
        ("b/f:1", "flag", "conflicting_answer"),
    ]


def test_black_videos_and_broken_files_are_not_judged(tmp_path: Path) -> None:
    black = [film(tmp_path / f"{n}.mp4", [-1] * 4, crf=20 + n) for n in range(2)]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    rows = [clip(f"a/f:{n}", path) for n, path in enumerate([*black, broken])]
    assert len(run(tmp_path, rows, NearDuplicateVideos())) == 0


def test_settings_out_of_reach_are_refused() -> None:
    with pytest.raises(ManifestError, match="frames is 2"):
        NearDuplicateVideos(frames=2)
    with pytest.raises(ManifestError, match="share is 0"):
        NearDuplicateVideos(share=0)


def test_real_videos_in_two_codecs_are_one_and_others_stay(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "real" / "videos-androidx-media"
    copies = ["bbb_800x640_768kbps_30fps_avc_pyramid_3b", "bbb_800x640_768kbps_30fps_vp9"]
    repaired = ["sample_fragmented", "sample_mdat_too_long"]  # the same film in a sound and in a damaged container
    others = ["h265_bframes", "iibbibb_editlist_videoonly", "sample_android_slow_motion", "silent-black-10s"]
    names = [*copies, *repaired, *others]
    rows = [clip(f"a/f:{number}", folder / f"{name}.mp4") for number, name in enumerate(names)]
    ledger = run(tmp_path, rows, NearDuplicateVideos()).to_pylist()
    assert {row["sample_id"]: row["evidence_sample_id"] for row in ledger} == {"a/f:1": "a/f:0", "a/f:3": "a/f:2"}
