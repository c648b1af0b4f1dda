"""Videos that are not nice, written here: right frames at true times, or a reason."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.errors import MediaError
from curation.frames import FrameSettings, plan_frames
from curation.records import Address, FrameFolder
from curation.video import Backend, FrameRequest, decode, probe
from tests.video.painted import HEIGHT, WIDTH, number_in, picture, request_of, write_sound, write_video

STEADY = [40 * number for number in range(60)]
BACKENDS: tuple[Backend, ...] = ("auto", "pyav", "decord")
UNSTEADY = [0, 40, 80, 1500, 1533, 1566, 1600, 4000, 4040, 4100, 4110, 4400, 4440, 4480, 6000]


def numbers(content: bytes | Address | FrameFolder, request: FrameRequest) -> list[int]:
    return [number_in(jpeg) for jpeg in decode(content, request).jpegs]


def red_corner(jpeg: bytes) -> str:
    """Say in which corner the red patch is."""
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=int)
    height, width, _ = pixels.shape
    rows, columns = np.nonzero((pixels[:, :, 0] > 150) & (pixels[:, :, 1:].sum(axis=2) < 150))
    return f"{'low' if rows.mean() > height / 2 else 'high'} {'right' if columns.mean() > width / 2 else 'left'}"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov", "a.avi"])
def test_every_frame_of_a_video_with_b_frames_is_the_one_asked_for(tmp_path: Path, name: str, backend: Backend) -> None:
    content = Address(path=str(write_video(tmp_path / name, STEADY)))
    found = probe(content)
    assert len(found.pts) == 60
    assert found.duration_seconds == pytest.approx(2.4, abs=0.05)
    wanted = (0, 11, 12, 13, 30, 59)
    request = replace(request_of(found, *wanted), backend=backend)
    assert tuple(numbers(content, request)) == wanted
    assert tuple(numbers(content, replace(request_of(found, 47), backend=backend))) == (47,)


def test_frames_of_an_unsteady_video_are_chosen_by_when_they_are_shown(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mkv", UNSTEADY)))
    found = probe(content)
    np.testing.assert_allclose(found.seconds, np.array(UNSTEADY) / 1000, atol=1e-9)
    plan = plan_frames(found.seconds, FrameSettings(), duration=found.duration_seconds)
    assert plan.indices == (0, 2, 6, 7, 13, 14)  # on screen at 0, 1, 2 and 3, 4, 5, 6 seconds
    decoded = decode(content, request_of(found, *plan.indices))
    assert [number_in(jpeg) for jpeg in decoded.jpegs] == list(plan.indices)
    assert decoded.seconds == pytest.approx(plan.seconds, abs=1e-9)


def test_animated_gif_keeps_its_delays(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.gif", [0, 100, 600, 650, 2000], codec="gif")))
    found = probe(content)
    assert found.mime == "image/gif"
    np.testing.assert_allclose(found.seconds, [0, 0.1, 0.6, 0.65, 2.0], atol=1e-9)
    assert numbers(content, request_of(found, 1, 3, 4)) == [1, 3, 4]


def test_animated_webp_keeps_its_delays_and_a_still_one_is_no_video(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture(number)) for number in range(4)]
    path, still = tmp_path / "a.webp", tmp_path / "b.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 900, 50, 200], lossless=True)
    frames[0].save(still)
    found = probe(Address(path=str(path)))
    assert found.seconds.tolist() == [0, 0.1, 1.0, 1.05]
    assert found.duration_seconds == 1.25
    assert numbers(Address(path=str(path)), request_of(found, 0, 2, 3)) == [0, 2, 3]
    with pytest.raises(MediaError, match="no_video_stream"):
        probe(still.read_bytes())


@pytest.mark.parametrize(("rotation", "red"), [(90, "low left"), (-90, "high right"), (180, "low right")])
@pytest.mark.parametrize("backend", BACKENDS)
def test_rotation_metadata_is_applied(tmp_path: Path, rotation: int, red: str, backend: Backend) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", STEADY[:6], rotation=rotation)))
    found = probe(content)
    assert (found.width, found.height) == ((HEIGHT, WIDTH) if rotation != 180 else (WIDTH, HEIGHT))
    assert found.rotation == -rotation % 360  # the writer's angle is counter-clockwise, the probe's clockwise
    decoded = decode(content, replace(request_of(found, 2), backend=backend))
    assert (decoded.width, decoded.height) == (found.width, found.height)
    assert red_corner(decoded.jpegs[0]) == red


@pytest.mark.parametrize(("rotation", "red"), [(0, "high right"), (90, "low right")])
def test_mirrored_picture_is_shown_mirrored_whatever_the_backend(tmp_path: Path, rotation: int, red: str) -> None:
    path = write_video(tmp_path / "a.mp4", STEADY[:6], rotation=rotation, is_mirrored=True)
    found = probe(Address(path=str(path)))
    assert found.flags == ("mirrored",)
    for backend in BACKENDS:
        decoded = decode(Address(path=str(path)), replace(request_of(found, 2), backend=backend))
        assert red_corner(decoded.jpegs[0]) == red


def test_wide_pixels_make_a_wider_picture(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", STEADY[:4], aspect=Fraction(4, 3))))
    found = probe(content)
    assert (found.width, found.height) == (213, 96)
    for backend in BACKENDS:
        decoded = decode(content, replace(request_of(found, 1), backend=backend))
        assert Image.open(io.BytesIO(decoded.jpegs[0])).size == (213, 96)


def test_frames_are_made_smaller_and_never_larger(tmp_path: Path) -> None:
    content = Address(path=str(write_video(tmp_path / "a.mp4", STEADY[:4])))
    found = probe(content)
    small, large = decode(content, request_of(found, 1, size=80)), decode(content, request_of(found, 1, size=4000))
    assert (small.width, small.height) == (80, 48)
    assert (large.width, large.height) == (WIDTH, HEIGHT)


def test_averaging_stores_the_mean_of_each_group(tmp_path: Path) -> None:
    folder = FrameFolder(frames=tuple(grey(tmp_path, level) for level in (10, 30, 100, 102, 200)), fps=2)
    decoded = decode(folder, FrameRequest(pts=(0, 1, 2, 3, 4), indices=(0, 1, 2, 3, 4), size=64, average=2))
    means = [np.asarray(Image.open(io.BytesIO(jpeg))).mean() for jpeg in decoded.jpegs]
    assert means == pytest.approx([20, 101, 200], abs=1)
    assert decoded.seconds == (0.0, 1.0, 2.0)


def grey(folder: Path, level: int) -> Address:
    path = folder / f"{level:04}.png"
    Image.new("RGB", (32, 16), (level, level, level)).save(path)
    return Address(path=str(path))


def test_folder_of_frames_has_its_rate_and_reports_a_missing_frame(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.jpg", quality=95)
    frames = tuple(Address(path=str(tmp_path / f"{number}.jpg")) for number in range(6))
    folder = FrameFolder(frames=frames, fps=2.5)
    found = probe(folder)
    assert (found.width, found.height, found.fps, found.duration_seconds) == (WIDTH, HEIGHT, 2.5, 2.4)
    np.testing.assert_allclose(found.seconds, np.arange(6) / 2.5)
    assert numbers(folder, request_of(found, 0, 4, 5)) == [0, 4, 5]
    missing = replace(folder, frames=(*frames[:3], Address(path=str(tmp_path / "none.jpg"))))
    with pytest.raises(MediaError, match="missing_media"):
        probe(missing)


def test_bytes_ranges_of_archives_and_urls_give_the_same_jpegs_as_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", STEADY)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(path, "x/first.mp4")
        archive.add(path, "x/second.mp4")
    with tarfile.open(tmp_path / "a.tar") as archive:
        member = archive.getmember("x/second.mp4")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.write(path, "a.mp4")
    contents: list[bytes | Address] = [
        path.read_bytes(),
        Address(path=str(tmp_path / "a.tar"), offset=member.offset_data, length=member.size),
        Address(path=f"file://{tmp_path / 'a.tar'}", offset=member.offset_data, length=member.size),
        Address(path=f"zip://a.mp4::{tmp_path / 'a.zip'}"),
    ]
    whole = probe(Address(path=str(path)))
    request = request_of(whole, 3, 29, 58)
    expected = decode(Address(path=str(path)), request)
    for content in contents:
        found = probe(content)
        assert (found.pts.tolist(), found.num_bytes) == (whole.pts.tolist(), path.stat().st_size)
        assert decode(content, request) == expected
        assert numbers(content, replace(request, backend="decord")) == [3, 29, 58]


def test_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", STEADY[:5]).rename(tmp_path / "a.mp4")
    assert probe(Address(path=str(path))).mime == "video/x-matroska"


def test_download_cut_short_is_flagged_with_both_ends_and_gives_what_is_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", STEADY, options={"movflags": "faststart"})
    content = path.read_bytes()[: path.stat().st_size * 7 // 10]
    found = probe(content)
    assert "truncated" in found.flags
    assert found.detail["measured_seconds"] < 2.0 < found.detail["declared_seconds"]
    last = len(found.pts) - 1
    assert 10 < last < 55
    assert numbers(content, request_of(found, 0, last // 2)) == [0, last // 2]


def test_damage_in_one_group_of_pictures_spares_frames_of_others(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", STEADY, keep_every=20)
    found = probe(Address(path=str(path)))
    assert found.keyframes.tolist() == [0, 20, 40]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle - 40 : middle + 40] = bytes(80)
    damaged = bytes(data)
    assert numbers(damaged, request_of(found, 5)) == [5]
    with pytest.raises(MediaError) as failure:
        decode(damaged, request_of(found, *range(20, 40)))
    assert failure.value.reason in ("undecodable_frame", "truncated_video")


def test_what_is_no_video_is_refused_with_its_reason(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", STEADY[:20], options={"movflags": "faststart"}).read_bytes()
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path / 'a.mp4'}\n#EXT-X-ENDLIST\n".encode()
    cases: list[tuple[bytes | Address | FrameFolder, str]] = [
        (b"", "unreadable_video"),
        (b"<html>not found</html>" * 50, "unreadable_video"),
        (playlist, "unreadable_video"),
        (write_sound(tmp_path / "a.wav").read_bytes(), "no_video_stream"),
        (whole[: whole.index(b"mdat") + 40], "zero_frames"),
        (Address(path=str(tmp_path / "none.mp4")), "missing_media"),
        (FrameFolder(frames=(), fps=1.0), "zero_frames"),
    ]
    for content, reason in cases:
        with pytest.raises(MediaError) as failure:
            probe(content)
        assert failure.value.reason == reason, content


def test_request_survives_json_and_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    content = write_video(tmp_path / "a.mp4", STEADY).read_bytes()
    request = replace(request_of(probe(content), 3, 7), average=2, backend="pyav")
    again = FrameRequest.from_json(request.to_json())
    assert again == request
    assert decode(content, again) == decode(content, request)


def test_file_that_changed_since_it_was_probed_is_not_decoded_silently(tmp_path: Path) -> None:
    steady, other = (write_video(tmp_path / name, times) for name, times in (("a.mkv", STEADY), ("b.mkv", UNSTEADY)))
    request = request_of(probe(Address(path=str(other))), 5)
    with pytest.raises(MediaError, match="probe it again"):
        decode(Address(path=str(steady)), request)
