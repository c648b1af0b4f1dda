"""Videos at URLs are read by ranges, and what a remote file system raises is a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile

from curation.errors import MediaError
from curation.frames import FrameSettings, plan_frames
from curation.records import Address
from curation.video import serving
from tests.video.clips import steady
from tests.video.painted import number_in, request_of, write_video

fetched: list[int] = []
BLOCK = 16_384


class RefusedError(Exception):
    """What a cloud's own client raises: no OSError."""


class RangedFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file of which ranges can be fetched, as of a bucket."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        if "refused" in self.path and start > 0:
            raise RefusedError("the token has expired")
        with Path(self.path).open("rb") as file:
            file.seek(start)
            data = file.read(end - start)
        fetched.append(len(data))
        return data


class RangedFileSystem(LocalFileSystem):  # type: ignore[misc]
    """Local files as if they were far away."""

    protocol = "ranged"

    def _open(self, path: str, mode: str = "rb", **_: Any) -> RangedFile:
        return RangedFile(self, path, mode=mode, block_size=BLOCK, size=Path(path).stat().st_size)


@pytest.fixture(autouse=True)
def ranged() -> None:
    fsspec.register_implementation("ranged", RangedFileSystem, clobber=True)
    fetched.clear()


def test_a_remote_video_gives_the_frames_of_the_local_one_from_small_ranges(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", steady(120), options={"movflags": "faststart"})
    size = path.stat().st_size
    local, remote = Address(path=str(path)), Address(path=f"ranged://{path}")
    found = serving.probe(remote)
    assert found.pts.tolist() == serving.probe(local).pts.tolist()
    plan = plan_frames(found.seconds, FrameSettings(max_frames=2), duration=found.duration_seconds)
    request = request_of(found, *plan.indices, size=160)
    frames = serving.decode(remote, request)
    assert frames == serving.decode(local, request)
    assert [number_in(jpeg) for jpeg in frames.jpegs] == list(plan.indices)
    assert max(fetched) <= 3 * BLOCK < size


def test_what_a_remote_file_system_raises_is_a_reason(tmp_path: Path) -> None:
    path = write_video(tmp_path / "refused.mp4", steady(60))
    with pytest.raises(MediaError, match=r"unreadable_media: .*RefusedError: the token has expired"):
        serving.probe(Address(path=f"ranged://{path}"))
