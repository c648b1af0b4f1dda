"""What a manifest's words become for each stage."""

from __future__ import annotations

from curation.frames import FrameSettings
from curation.manifests import Manifest
from curation.mixtures.dialect import load_dialect
from curation.mixtures.encode import EncodeSettings
from curation.mixtures.profile import Profile
from curation.records import Location
from curation.sources.stage import Source


def source_of(manifest: Manifest, name: str) -> Source:
    """Return one source of a manifest, resolved."""
    said = manifest.sources[name]
    return Source(
        name=name,
        adapter=said.adapter,
        location=Location(uri=said.uri, media=said.media, options=dict(said.options)),
        kind=said.kind,
        license=said.license,
        take=said.take,
        seed=manifest.seed,
    )


def frame_settings(manifest: Manifest) -> FrameSettings:
    """Return which frames of videos are wanted."""
    video = manifest.video
    return FrameSettings(
        fps=video.fps,
        max_frames=video.max_frames,
        min_frames=video.min_frames,
        sampling=video.sampling,
        skip_seconds=video.skip_seconds,
        clip_seconds=video.clip.seconds if video.clip else None,
        clip_from=video.clip.from_ if video.clip else "start",
        average=video.average,
        frames_per_clip=video.frames_per_clip,
    )


def encode_settings(manifest: Manifest, profile: Profile) -> EncodeSettings:
    """Return how conversations become tokens."""
    prompts = manifest.prompts
    return EncodeSettings(
        profile=profile,
        dialect=load_dialect(prompts.media),
        system=dict(prompts.system),
        tiles=prompts.tiles,
        split_images=prompts.split_images,
        loss=prompts.loss,
        control_text=manifest.control_text,
        over_length=manifest.over_length,
        context=manifest.packing.context or profile.context,
        video=frame_settings(manifest),
        jpeg_quality=manifest.video.jpeg_quality,
        backend=manifest.video.backend,
        seed=manifest.seed,
    )
