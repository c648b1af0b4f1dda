"""Videos through whole builds: the frames that the manifest asks for are in the shards, with their true times."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.builds import open_build
from curation.errors import MixtureError
from curation.stats import answer
from curation.verify import verify
from tests.sources.video_layouts import write_moviechat
from tests.video.clips import MANIFEST, built, row, rows_of, steady, times_of, write_rows
from tests.video.painted import number_in, picture, write_sound, write_video

LENGTH = 9.94  # the last of a hundred frames is written with 40 ms


@pytest.fixture
def ten_seconds(tmp_path: Path) -> Path:
    """Write one video of ten seconds, ten frames a second, and a manifest over it."""
    (tmp_path / "media").mkdir()
    write_video(tmp_path / "media" / "a.mp4", steady(10))
    return write_rows(tmp_path, [row("a.mp4")])


def test_every_way_to_keep_a_video_gives_its_frames_at_their_times(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    names = ["file.mp4", "file.mkv", "file.ts", "file.avi", "named.mp4", "uneven.gif"]
    for name in names[:4]:
        write_video(media / name, steady(3))
    write_video(media / "webm.mkv", steady(3)).rename(media / "named.mp4")
    write_video(media / "uneven.gif", [0, 100, 1600, 1700, 2900], codec="gif")
    frames = [Image.fromarray(picture(number)) for number in range(4)]
    frames[0].save(media / "moving.webp", save_all=True, append_images=frames[1:], duration=[500, 600, 800, 900])
    for number in range(12):
        path = media / "frames" / f"frame{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(number)).save(path, quality=95)
    write_sound(media / "sound.wav").rename(media / "sound.mp4")
    rows = [row(name) for name in (*names, "moving.webp", "sound.mp4", "none.mp4")] + [row("frames", fps=4)]
    made = built(write_rows(tmp_path, rows))
    shown = {
        key: ([number_in(image["bytes"]) for image in found["images"]], times_of(found))
        for key, found in rows_of(made).items()
    }
    for place in range(5):
        assert shown[f"rows.jsonl:{place}"] == ([0, 10, 20], [0.0, 1.0, 2.0]), names[place]
    assert shown["rows.jsonl:5"] == ([0, 1, 3], [0.0, 0.1, 1.7])  # on screen at 0, 1 and 2 s
    assert shown["rows.jsonl:6"] == ([0, 1, 3], [0.0, 0.5, 1.9])
    assert shown["rows.jsonl:9"] == ([0, 4, 8], [0.0, 1.0, 2.0])
    assert made.sql("select sample_id, reason from ledger where action = 'drop' order by sample_id").rows() == [
        ("clips/rows.jsonl:7", "no_video_stream"),
        ("clips/rows.jsonl:8", "missing_media"),
    ]
    assert all(check.is_passed for check in verify(made))


def test_members_of_tars_cells_of_parquet_and_urls_give_the_same_frames(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", steady(3))
    note = tmp_path / "a.txt"
    note.write_text("It counts.")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "0.tar", "w") as archive:
        for name in ("x.mp4", "x.txt", "y.mp4", "y.txt"):
            archive.add(video if name.endswith("mp4") else note, name)
    (tmp_path / "media").mkdir()
    video.rename(tmp_path / "media" / "a.mp4")
    cells = [{**row(None), "video": {"bytes": (tmp_path / "media" / "a.mp4").read_bytes(), "path": "in.mp4"}}]
    pq.write_table(pa.Table.from_pylist(cells), tmp_path / "cells.parquet")
    manifest = write_rows(
        tmp_path,
        [row("a.mp4")],
        manifest=f"""
version: 1
profile: smolvlm2-256m
tokenizer: bytes
sources:
  tars: {{adapter: webdataset, uri: tars/*.tar, kind: video, options: {{question: What happens?}}}}
  cells: {{adapter: llava, uri: cells.parquet, kind: video}}
  urls: {{adapter: llava, uri: "file://{tmp_path}/rows.jsonl", media: "file://{tmp_path}/media", kind: video}}
""",
    )
    made = built(manifest)
    rows = rows_of(made)
    assert len(rows) == 4, made.sql("select * from ledger").rows()
    for found in rows.values():
        assert [number_in(image["bytes"]) for image in found["images"]] == [0, 10, 20]
        assert times_of(found) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("clip", "times"),
    [
        ("{seconds: 3, from: start}", [0.0, 1.0, 2.0]),
        ("{seconds: 3, from: middle}", [3.4, 4.4, 5.4]),
        ("{seconds: 3, from: 6.2}", [6.2, 7.2, 8.2]),
        ("{seconds: 3, from: 8.5}", [8.5, 9.5]),
        ("{seconds: 60, from: middle}", [float(second) for second in range(10)]),
    ],
)
def test_a_clip_takes_its_window(ten_seconds: Path, clip: str, times: list[float]) -> None:
    made = built(ten_seconds, f"video.clip={clip}")
    assert times_of(rows_of(made)["rows.jsonl:0"]) == times
    asked = clip.split("from: ")[1].strip("}")
    used = min(LENGTH - (float(asked) if asked[0].isdigit() else 0), float(clip.split()[1].strip(",")))
    assert made.sql("select used_seconds, duration_seconds from media").rows() == [(pytest.approx(used), LENGTH)]


def test_a_clip_that_begins_after_the_end_is_a_ledger_row(ten_seconds: Path) -> None:
    write_video(ten_seconds.parent / "media" / "b.mp4", steady(30))
    write_rows(ten_seconds.parent, [row("a.mp4"), row("b.mp4")])
    made = built(ten_seconds, "video.clip={seconds: 3, from: 12}")
    assert made.sql("select sample_id, reason, measured from ledger where action = 'drop'").rows() == [
        ("clips/rows.jsonl:0", "window_past_end", LENGTH)
    ]
    assert times_of(rows_of(made)["rows.jsonl:1"]) == [12.0, 13.0, 14.0]


def test_seeded_clips_follow_the_seed_and_the_sample(ten_seconds: Path) -> None:
    write_rows(ten_seconds.parent, [row("a.mp4"), row("a.mp4", id="again")])
    clip = "video.clip={seconds: 2, from: seeded}"
    first, again, other = (
        {key: times_of(found) for key, found in rows_of(built(ten_seconds, clip, f"seed={seed}", name=name)).items()}
        for seed, name in ((1, "first"), (1, "again"), (2, "other"))
    )
    assert first == again != other
    assert first["rows.jsonl:0"] != first["rows.jsonl:1"]
    assert all(0 <= time < 10 for times in (*first.values(), *other.values()) for time in times)


def test_the_moment_that_a_dataset_names_ends_the_window(tmp_path: Path) -> None:
    write_moviechat(tmp_path)
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(MANIFEST.replace("llava, uri: rows.jsonl, media: media", f"moviechat, uri: {tmp_path}"))
    made = built(manifest, "video.fps=4")
    query = """
        select row_key, videos.used_seconds, frames from samples join media as videos using (sample_id)
        where row_key like '%/1.json%breakpoint%' order by row_key
    """
    rows = made.sql(query).rows()
    assert [(seconds, frames) for _, seconds, frames in rows] == [(0.25, 1), (1.0, 4)]  # up to frames 0 and 3 of 4 fps


def test_min_frames_are_there_when_the_video_has_them(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    write_video(tmp_path / "media" / "short.mp4", steady(0.8))
    write_video(tmp_path / "media" / "tiny.mp4", [0, 40])
    made = built(write_rows(tmp_path, [row("short.mp4"), row("tiny.mp4")]), "video.min_frames=4")
    assert {key: len(found["images"]) for key, found in rows_of(made).items()} == {
        "rows.jsonl:0": 4,
        "rows.jsonl:1": 2,
    }


def test_averaged_frames_are_stored_once_for_each_group_and_tokens_and_labels_agree(tmp_path: Path) -> None:
    """Ten greys a second apart: each stored frame is the mean of two, and takes the tokens of one."""
    folder = tmp_path / "media" / "grey"
    folder.mkdir(parents=True)
    levels = [10, 30, 60, 80, 110, 130, 160, 180, 210, 230]
    for number, level in enumerate(levels):
        Image.new("RGB", (64, 48), (level, level, level)).save(folder / f"{number}.png")
    manifest = write_rows(tmp_path, [row("grey", fps=1)])
    plain, averaged = (built(manifest, f"video.average={n}", name=f"average-{n}") for n in (1, 2))
    one, two = (rows_of(made)["rows.jsonl:0"] for made in (plain, averaged))
    assert times_of(two) == [0.0, 2.0, 4.0, 6.0, 8.0]
    means = [np.asarray(Image.open(io.BytesIO(image["bytes"]))).mean() for image in two["images"]]
    assert means == pytest.approx([20, 70, 120, 170, 220], abs=1)
    query = "select frames, image_tokens, loss_tokens, tokens from samples"
    (few,), (many,) = averaged.sql(query).rows(), plain.sql(query).rows()
    assert (few[0], many[0]) == (5, 10)
    assert few[1] * 2 == many[1] and few[2] == many[2]
    for found, counts in ((one, many), (two, few)):
        assert len(found["input_ids"]) == len(found["labels"]) == counts[3]
        assert sum(label != -100 for label in found["labels"]) == counts[2]
        assert len(found["tiles"]) == len(found["images"]) == counts[0]
    assert all(check.is_passed for check in verify(averaged))


def test_the_released_trainers_collapse_is_there_when_asked_for(tmp_path: Path) -> None:
    """Its sampler takes ten frames one after another around the middle of ten seconds: 4.8 to 5.2 s."""
    (tmp_path / "media").mkdir()
    write_video(tmp_path / "media" / "a.mp4", [round(number * 1000 / 30) for number in range(300)])
    manifest = write_rows(tmp_path, [row("a.mp4")])
    asked = ("video.skip_seconds=1", "prompts.media=smolvlm2-train-small")
    train = built(manifest, "video.sampling=smolvlm-train", *asked, name="train")
    found = rows_of(train)["rows.jsonl:0"]
    assert [number_in(image["bytes"]) for image in found["images"]] == [*range(145, 154), 155]
    assert (times_of(found)[0], times_of(found)[-1]) == pytest.approx((4.833, 5.167), abs=1e-3)
    published = rows_of(built(manifest, "video.sampling=smolvlm", *asked, name="published"))["rows.jsonl:0"]
    assert (times_of(published)[0], times_of(published)[-1]) == pytest.approx((0, 9.967), abs=1e-3)


def test_tiles_keep_the_parts_that_samples_name_and_cut_and_flag_them(tmp_path: Path) -> None:
    """Vript, FineVideo and the like name parts: a breakpoint stands for them here; a caption names none."""
    write_moviechat(tmp_path)
    manifest = tmp_path / "manifest.yaml"
    source = f"moviechat, options: {{units: [caption, breakpoint]}}, uri: {tmp_path}"
    manifest.write_text(MANIFEST.replace("llava, uri: rows.jsonl, media: media", source))
    made = built(manifest, "video.clip={seconds: 0.5, from: tiles}", "video.fps=4")
    query = """
        select row_key.split('/')[-1] as part, used_seconds, reason, measured
        from samples join media using (sample_id) left join ledger using (sample_id)
        where row_key like '%/1.json%' order by row_key
    """
    assert made.sql(query).rows() == [
        ("breakpoint-0", 0.25, None, None),
        ("breakpoint-1", 0.5, "part_cut", 1.0),
        ("caption", 2.0, "not_tiled", 2.0),
    ]


def test_a_build_with_the_same_plan_decodes_nothing(ten_seconds: Path) -> None:
    workspace = ten_seconds.parent / ".curation"

    def decoded() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (workspace / "cache" / "frames").rglob("*") if path.is_file()}

    def tasks() -> set[Path]:
        return set((workspace / "frames").rglob("*"))

    built(ten_seconds, name="first")
    files, runs = decoded(), tasks()
    assert len(files) == 1 and runs
    built(ten_seconds, "prompts.media=none", "prompts.loss=all", "packing.context=4096", name="other-words")
    assert (decoded(), tasks()) == (files, runs)
    built(ten_seconds, "video.fps=2", name="other-plan")
    assert len(decoded()) == 2 and files.items() < decoded().items()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 24 rows over 12 lengths from 1 to 12 s, and a manifest."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "media").mkdir()
    for seconds in range(1, 13):
        write_video(folder / "media" / f"{seconds}.mp4", steady(seconds, 5))
    return write_rows(folder, [row(f"{1 + number % 12}.mp4", id=number) for number in range(24)])


def test_a_mean_duration_is_realised_and_what_is_left_out_is_not_needed(many: Path) -> None:
    made = built(many, "mixture.video_seconds={mean: 4}", name="mean")
    assert all(check.is_passed for check in verify(made))
    tables = {each.query.name: each.frame.to_dicts() for each in answer(open_build(made.folder))}
    (videos,) = tables["videos"]
    assert (videos["mean"], videos["asked_mean"]) == (pytest.approx(4, abs=0.05), 4.0)
    assert videos["frames_per_second"] == pytest.approx(
        made.sql("select sum(frames * repeats) / sum(video_seconds * repeats) from samples").item(), abs=1e-3
    )
    assert sum(each["videos"] for each in tables["durations"]) == videos["videos"] < 24
    query = "select selected, dropped_by, drop_reason from samples group by all order by selected"
    assert made.sql(query).rows() == [(False, "mixture", "not_needed"), (True, None, None)]


def test_shares_of_ranges_are_realised_and_count_what_a_clip_leaves(many: Path) -> None:
    asked = "mixture.video_seconds={buckets: {0-4: 1, 4-8: 2}}"
    made = built(many, asked, "video.clip={seconds: 7, from: start}", name="ranges")
    frame = {each.query.name: each.frame for each in answer(open_build(made.folder))}["durations"]
    rows = {each["seconds"]: each for each in frame.to_dicts()}
    assert rows["4-8"]["videos"] == 2 * rows["0-4"]["videos"] > 0
    assert (rows["0-4"]["asked_share"], rows["0-4"]["share"]) == pytest.approx((1 / 3, 1 / 3))


def test_smaller_mixtures_of_a_duration_nest_in_larger_ones(many: Path) -> None:
    chosen = [
        set(rows_of(built(many, "mixture.video_seconds={mean: 6}", f"mixture.budget={size}", name=f"n{size}")))
        for size in (5, 10, 18)
    ]
    assert [len(each) for each in chosen] == [5, 10, 18]
    assert chosen[0] < chosen[1] < chosen[2]


def test_a_duration_that_leaves_too_little_names_what_it_leaves(many: Path) -> None:
    with pytest.raises(MixtureError, match=r"needs 24 samples but has \d+; .*video_seconds leaves \d+ of 24 samples"):
        built(many, "mixture.video_seconds={mean: 10}", "mixture.budget=24", name="refused")
