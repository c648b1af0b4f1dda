"""Writers of small video and multi-image datasets in their published layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.records import Drop, Location, Sample, Video
from tests.sources.layouts import (
    image_bytes,
    location,
    read_all,
    talk,
    video_bytes,
    write,
    write_lines,
    write_list,
    write_tar,
    write_zip,
)


def write_llava_video(folder: Path) -> Location:
    """Write two configs of LLaVA-Video-178K, one with a tar.gz and one with folders of frames."""
    config = folder / "set" / "0_30_s_academic_v0_1"
    name = "academic_source/Charades/A1.mp4"
    row = {"id": "A1", "data_source": config.name, "video": name, "conversations": talk("<image>\nWhat happens?")}
    write_tar(config / f"{config.name}_videos_1.tar.gz", {name: video_bytes()}, mode="w:gz")
    write_list(config / f"{config.name}_cap_processed.json", [row])
    write_list(config / "0_30_s_academic_oe_v0_1_qa_processed.json", [row, {**row, "id": "A2"}])
    write_list(config / "0_30_s_academic_mc_v0_1_qa_processed.json", [row])
    for number in (1, 2, 10):
        write(folder / f"set/llava_hound/shareVideoGPTV/v_1/c01_{number}.jpeg", image_bytes(form="JPEG"))
    hound = {**row, "data_source": "llava_hound", "video": "shareVideoGPTV/v_1"}
    write_list(folder / "set" / "llava_hound" / "sharegptvideo_qa_255k_processed.json", [hound])
    return replace(location(folder / "set"), cache=str(folder / "cache"))


def write_vista(folder: Path) -> Location:
    """Write two subsets of VISTA-400K, which name their videos under different keys."""
    for subset, key in (("temporal_niah_qa", "image"), ("hr_video_grid_mcq", "video")):
        write_tar(folder / subset / f"{subset}-00000.tar", {"same.mp4": video_bytes(3 if key == "image" else 5)})
        write_list(folder / f"{subset}.json", [{"id": subset, key: "same.mp4", "conversations": talk("What?")}])
    return location(folder)


def star_row(number: int, video: str, **more: Any) -> dict[str, Any]:
    """Return a row of Video-STaR."""
    about = {"label": {"action": "x"}, "duration": 0.75, "rationale": False, "cls_correct": True, "qa_type": "qa"}
    words = {"question": "What?", "output": "Red.", "conversations": talk("<video>\nWhat?")}
    return {"id": number, "question_id": f"v_{number}", "video_path": video, **about, **words, **more}


def write_video_star(folder: Path) -> Location:
    """Write two origins of Video-STaR."""
    for origin in ("kinetics700", "starb"):
        write(folder / origin / "videos" / "a.mp4", video_bytes())
        write_list(folder / f"{origin}_train.json", [star_row(n, f"{origin}/videos/a.mp4") for n in range(2)])
    return location(folder)


def scene(number: int, *, video: str = "vid1", voice: str = "") -> tuple[str, dict[str, Any]]:
    """Return a scene of a Vript caption file: its clip id and its caption."""
    clip = f"{video}-Scene-{number:03d}"
    caption = {
        "shot_type": "Wide shot",
        "camera_movement": "Static",
        "content": f"Scene {number} of {video}.",
        "scene_title": f"Title {number}",
    }
    about = {"video_id": video, "clip_id": clip, "video_title": video}
    return clip, {**about, "caption": caption, "voiceover": [voice]}


def vript_script(video: str, scenes: int, *, voice: str = "", integrity: bool = True) -> dict[str, Any]:
    """Return a Vript caption file."""
    meta = {"video_id": video, "video_title": video, "num_clips": scenes, "integrity": integrity}
    return {"meta": meta, "data": dict(scene(number + 1, video=video, voice=voice) for number in range(scenes))}


def write_vript(folder: Path) -> Location:
    """Write two long videos and a short one of Vript, whole and cut into scenes."""
    videos = {"vid1": video_bytes(12), "vid2": video_bytes(12)}
    captions = {f"{name}_caption.json": orjson.dumps(vript_script(name, 2, voice=" Hello. ")) for name in videos}
    write_zip(folder / "vript_captions/vript_long_videos_captions.zip", captions, deflated=True)
    for number, (name, data) in enumerate(videos.items(), 1):
        write_zip(folder / f"vript_long_videos/video_{number}_of_1095.zip", {f"{name}.mp4": data})
        cuts = [
            {"clip_id": f"{name}-Scene-{n:03d}.mp4", "start": n - 1.0, "end": float(n), "duration": 1.0} for n in (1, 2)
        ]
        clips = {f"{name}/{name}-Scene-{n:03d}.mp4": video_bytes(4) for n in (1, 2)}
        meta = {f"{name}/{name}_cut_meta.json": orjson.dumps({"video_id": name, "clips": cuts})}
        write_zip(folder / f"vript_long_videos_clips/clips_{number}_of_1095.zip", {**clips, **meta})
    write_zip(folder / "vript_long_videos_clips/clips_1001_of_1095.zip", {})
    flat = [
        {"meta": vript_script("short1", 2)["meta"], **dict([scene(n, video="short1")])[f"short1-Scene-{n:03d}"]}
        for n in (1, 2)
    ]
    write_lines(folder / "vript_captions/vript_short_videos_captions.jsonl", flat)
    clips = {f"short1/short1-Scene-{n:03d}.mp4": video_bytes(4) for n in (1, 2)}
    write_zip(folder / "vript_short_videos_clips/shorts_clips_1_of_42.zip", clips)
    return location(folder)


def shared_row(name: str, **more: Any) -> dict[str, Any]:
    """Return a row of ShareGPT4Video."""
    captions = [{"idx": "-1", "content": "It brightens."}, {"idx": "0", "content": "Dark."}]
    frames = {"keyframe": [0, 4], "timestamp": ["00:00:00.000", "00:00:01.000"]}
    captions.append({"idx": "1", "content": "Light."})
    about = {"video_id": name, "video_path": f"panda/{name}.mp4", "zip_folder": "panda_videos_1.zip"}
    return {**about, **frames, "captions": captions, **more}


def write_sharegpt4video(folder: Path) -> Location:
    """Write rows of ShareGPT4Video and their zip."""
    names = ["a", "b", "c"]
    write_zip(folder / "zip_folder/panda/panda_videos_1.zip", {f"panda/{name}.mp4": video_bytes(8) for name in names})
    write_lines(folder / "sharegpt4video_40k.jsonl", [shared_row(name) for name in names])
    write_list(folder / "sharegpt4video_28k.json", [{"id": "a", "video": "gone.mp4", "conversations": talk("What?")}])
    return location(folder)


def movie(name: str, times: list[int], *, fps: float = 4) -> dict[str, Any]:
    """Return a JSON file of MovieChat-1K."""
    asked = {"question": "Who?", "answer": "Nobody."}
    return {
        "info": {"video_path": name, "fps": fps, "num_frame": 8},
        "caption": "It brightens.",
        "global": [asked, {"question": "Where?", "answer": "Here."}],
        "breakpoint": [{"time": time, **asked} for time in times],
    }


def write_moviechat(folder: Path) -> Location:
    """Write two films of MovieChat-1K."""
    for name in ("1", "AWA-1"):
        write(folder / "raw_videos" / f"{name}.mp4", video_bytes(8))
        write(folder / "jsons" / f"{name}.json", orjson.dumps(movie(f"{name}.mp4", [0, 3]), option=orjson.OPT_INDENT_2))
    return location(folder)


def fine_row(**more: Any) -> dict[str, Any]:
    """Return the JSON of a row of FineVideo; `more` goes into content_metadata."""
    times = {"start_timestamp": "00:00:00.500", "end_timestamp": "00:00:01.500"}
    activity = {"description": "It brightens.", "timestamp": {"start_timestamp": "00:00", "end_timestamp": "00:01"}}
    content = {
        "description": "A picture brightens.",
        "qAndA": [{"question": "What brightens?", "answer": "A picture."}],
        "scenes": [{"sceneId": 1, "title": "Dawn", "timestamps": times, "activities": [activity]}],
    }
    about = {"duration_seconds": 2, "original_video_filename": "a.mp4", "youtube_title": "Dawn", "youtube_channel": "C"}
    return {**about, "content_metadata": {**content, **more}}


def write_finevideo(folder: Path, rows: list[dict[str, Any]] | None = None) -> Location:
    """Write a shard of FineVideo, a row group for each video."""
    about = rows or [fine_row(), fine_row()]
    table = pa.table({"mp4": [video_bytes(8)] * len(about), "json": about})
    path = write(folder / "data" / "train-00000-of-01357.parquet", b"")
    pq.write_table(table, path, row_group_size=1)
    return location(folder)


def write_m4(folder: Path) -> Location:
    """Write rows of M4-Instruct over a zip."""
    write_zip(folder / "nextqa.zip", {f"nextqa/{n}.png": image_bytes() for n in range(3)})
    row = {
        "sample_id": 0,
        "image": ["nextqa/0.png", "nextqa/1.png"],
        "conversations": talk("<image><image>\nSame?"),
        "choice_list": None,
        "metadata": {"dataset": "nextqa", "question_type": "open-ended", "num_sample": 2},
    }
    write_list(folder / "m4_instruct_annotations.json", [row, row], indent=True)
    write_list(folder / "m4_instruct_more.json", [row])
    return location(folder)


def write_mantis(folder: Path) -> Location:
    """Write a subset of Mantis-Instruct as Parquet with its images in a zip, and one as JSON."""
    messages = [{"role": "user", "content": "<image> and <image>: same?"}, {"role": "assistant", "content": "Yes."}]
    rows = {
        "id": ["a", "b"],
        "images": [[{"bytes": None, "path": "1.png"}, {"bytes": image_bytes(), "path": "2.png"}]] * 2,
        "conversation": [messages] * 2,
        "source": ["drawn"] * 2,
    }
    image = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    path = write(folder / "nlvr2" / "train-00000-of-00001.parquet", b"")
    pq.write_table(pa.table({**rows, "images": pa.array(rows["images"], image)}), path, row_group_size=1)
    write_zip(folder / "nlvr2" / "train_images.zip", {"1.png": image_bytes()})
    write(folder / "iconqa" / "3.png", image_bytes())
    write_list(
        folder / "iconqa" / "train.json", [{"id": "c", "image": "3.png", "conversations": talk("<image>\nWhat?")}]
    )
    return location(folder)


def all_samples(adapter: str, where: Location) -> dict[str, Sample]:
    """Return the samples of a source without drops by their keys."""
    rows = read_all(adapter, where)
    assert not [row for row in rows if isinstance(row, Drop)]
    return {row.row_key: row for row in rows if isinstance(row, Sample)}


def video_of(sample: Sample) -> Video:
    """Return the one video of a sample."""
    (video,) = (part for turn in sample.turns for part in turn.parts if isinstance(part, Video))
    return video


def span_of(sample: Sample) -> tuple[float | None, float | None]:
    """Return the part of its video that a sample shows."""
    return video_of(sample).start_seconds, video_of(sample).end_seconds


VIDEO_FIXTURES: dict[str, Callable[[Path], Location]] = {
    "finevideo": write_finevideo,
    "llava_video": write_llava_video,
    "m4_instruct": write_m4,
    "mantis": write_mantis,
    "moviechat": write_moviechat,
    "sharegpt4video": write_sharegpt4video,
    "video_star": write_video_star,
    "vista": write_vista,
    "vript": write_vript,
}
