"""Vript: every scene of 12 thousand videos described like a film script: shot, camera movement, content, voice-over.

`vript_captions/vript_{long,short}_videos_captions.zip` with `<id>_caption.json` ({meta, data: {clip_id: {caption,
voiceover}}}), or flat as `….jsonl` (a row for each clip: meta, clip_id, caption, voiceover); where both are there the
zip is read. Videos: `vript_long_videos/video_<n>_of_1095.zip` with `<id>.mp4`; their scenes cut out:
`vript_long_videos_clips/clips_<n>_of_1095.zip` with `<id>/<id>-Scene-001.mp4` and `<id>/<id>_cut_meta.json` (times of
the scenes); the short ones alike. Zips may be empty or lack scenes: ledger rows.

Option `unit`: `clips` takes each scene's own file, `scenes` each scene as a part of the whole video by the times of
cut_meta, `videos` the whole video with the script of all its scenes.

Licence: academic use only, no redistribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.errors import ManifestError, MediaError
from curation.records import Card, Drop, Location, Sample, Task, Video
from curation.sources.clips import CLIP_OPTIONS, check_clip_options, choices_option, clip_sample, question_for, text_of
from curation.sources.defects import RowDefect, drop_of
from curation.sources.options import flag_option
from curation.sources.places import reader_above
from curation.sources.vript_files import CAPTION_FOLDER, Scene, Script, VriptMedia, script_tasks, scripts

UNITS = ("clips", "scenes", "videos")
LABELS = {
    "scene_title": "Scene",
    "shot_type": "Shot type",
    "camera_movement": "Camera movement",
    "content": "Content",
}
CARD = Card(
    name="vript",
    title="Vript",
    kinds=("video",),
    license="academic use only, no redistribution",
    hub_id="Mutonix/Vript",
    configs=("long", "short"),
    layout="vript_captions/*_captions.zip or .jsonl; vript_*_videos_clips/*.zip; vript_*_videos/*.zip",
    columns={
        "caption": "struct<shot_type, camera_movement, content, scene_title: string>; all kept as columns",
        "voiceover": "list<string>: what is said in the scene",
        "meta": "struct<video_id, video_title: string, num_clips: int, integrity: bool>",
        "clip_id": "string: kept as row_id",
    },
    options={
        "caption": f"what the answer holds: {', '.join(LABELS)}; several are labelled lines; default content",
        "unit": "clips, scenes or videos; default clips",
        "voice": "true: the voice-over stands before the question; default false",
        **CLIP_OPTIONS,
    },
    quirks=(
        "clip_id ends in .mp4 in cut_meta and not elsewhere",
        "voice-over is a list of one string, often blank, in the video's language",
        "scenes may be missing (integrity false); archives 1001 to 1024 of the clips were published empty",
        "the keys of the times in cut_meta are uncertain: start, end and their like are tried",
        "whether the jsonl is published or made by users is uncertain",
        "times of the single words (asr.jsonl) pass the scene's end and are not used",
    ),
    citation="Yang et al., Vript: A Video Is Worth Thousands of Words, 2024",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """The options: which unit, what of a caption, whether with the voice-over."""

    location: Location
    unit: str
    caption: tuple[str, ...]
    has_voice: bool

    def pair(self, key: str, scenes: tuple[Scene, ...]) -> tuple[str, str]:
        """Return the question and the answer about some scenes. Raises RowDefect."""
        voices = [scene.voice for scene in scenes if scene.voice]
        voice = [f"Voice-over: {' '.join(voices)}"] if self.has_voice and voices else []
        question = "\n".join((*voice, *filter(None, [question_for(self.location, key)])))
        return question, "\n\n".join(self._answer(scene) for scene in scenes)

    def _answer(self, scene: Scene) -> str:
        texts = {name: text_of(scene.caption.get(name), name).strip() for name in self.caption}
        if len(texts) == 1:
            return next(iter(texts.values()))
        return "\n".join(f"{LABELS[name]}: {text}" for name, text in texts.items())


def _telling(location: Location) -> _Telling:
    units = choices_option(location, "unit", UNITS, ("clips",))
    if len(units) != 1:
        raise ManifestError(f"source options: 'unit' is {list(units)}; give one of {', '.join(UNITS)}")
    return _Telling(
        location=location,
        unit=units[0],
        caption=choices_option(location, "caption", tuple(LABELS), ("content",)),
        has_voice=flag_option(location, "voice"),
    )


def tasks(location: Location) -> list[Task]:
    """List runs of members of the zips and byte ranges of JSON lines. Raises ManifestError and SourceError."""
    check_clip_options(CARD, location, UNITS, name="unit")
    return script_tasks(location, is_whole=_telling(location).unit == "videos")


def samples(task: Task) -> Iterator[Sample | Drop]:
    """Yield the samples of a task: by video in the order of its file, by scene in the order of its captions."""
    telling = _telling(task.location)
    media = VriptMedia(reader=reader_above(task, (CAPTION_FOLDER,)))
    for script in scripts(task, is_whole=telling.unit == "videos"):
        if isinstance(script, Drop):
            yield script
        elif telling.unit == "videos":
            yield _made(script.key, script.scenes, script, telling=telling, media=media)
        else:
            for scene in script.scenes:
                yield _made(scene.key, (scene,), script, telling=telling, media=media)


def _made(
    key: str, scenes: tuple[Scene, ...], script: Script, *, telling: _Telling, media: VriptMedia
) -> Sample | Drop:
    try:
        if telling.unit == "videos":
            script.check_whole()
        video = _video(scenes[0], script, unit=telling.unit, media=media)
        return clip_sample(
            key,
            video,
            [telling.pair(key, scenes)],
            row_id=script.video_id if telling.unit == "videos" else scenes[0].clip_id,
            columns=_columns(scenes, script.meta),
        )
    except (RowDefect, MediaError) as err:
        return drop_of(key, err)


def _video(scene: Scene, script: Script, *, unit: str, media: VriptMedia) -> Video:
    if unit == "clips":
        return media.clip(script.video_id, scene.clip_id)
    if unit == "scenes":
        return media.scene(script.video_id, scene.clip_id)
    return media.video(script.video_id)


def _columns(scenes: tuple[Scene, ...], meta: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: meta.get(name) for name in ("video_id", "video_title", "num_clips", "integrity")}
    if len(scenes) > 1:
        return {**about, "scenes": len(scenes)}
    said = {name: scenes[0].caption.get(name) for name in ("shot_type", "camera_movement", "scene_title")}
    return {name: value for name, value in (about | said).items() if isinstance(value, str | int | float | bool)}
