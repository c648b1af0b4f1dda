"""The parts of a manifest as values: what each key means, what it may be, and its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.manifests.entries import (
    BucketsShape,
    ClipFromShape,
    SystemShape,
    TakeShape,
    WeightsShape,
    WordOrMappingShape,
)
from curation.manifests.places import PlaceShape
from curation.manifests.scalars import (
    FlagShape,
    IntegerShape,
    NumberShape,
    SizeShape,
    TextShape,
    WordShape,
)
from curation.manifests.shapes import FreeShape, ListShape, RecordShape, setting
from curation.records import KINDS, Kind

SAMPLINGS = ("fps", "uniform", "keyframes", "smolvlm", "smolvlm-train", "clips")
DIALECTS = ("transformers", "smolvlm2-train-small", "smolvlm2-train-2.2b", "paper", "none")
FRACTION = NumberShape(least=0, most=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source: what reads it and where it is. `uri` and `media` are absolute paths or URLs."""

    adapter: str = field(
        metadata=setting(TextShape(), "What reads it; `curation sources` lists them, or package.module:name.")
    )
    uri: tuple[str, ...] = field(
        metadata=setting(
            ListShape(PlaceShape(), least=1, can_be_single=True),
            "Where it is: any fsspec URL, folder, file or glob, or a list.",
        )
    )
    media: str | None = field(default=None, metadata=setting(PlaceShape(), "The root for media paths that rows name."))
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=setting(FreeShape(), "The adapter's own options.")
    )
    kind: Kind | None = field(default=None, metadata=setting(WordShape(KINDS), "Overrides the kind of its samples."))
    license: str | None = field(
        default=None, metadata=setting(TextShape(), "Overrides the licence on the adapter's card.")
    )
    take: int | float | None = field(
        default=None,
        metadata=setting(TakeShape(), "A seeded, nested sample of the rows: a number, or a fraction between 0 and 1."),
    )
    priority: int = field(default=0, metadata=setting(IntegerShape(), "Which side of a duplicate stays: the higher."))


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings:
    """One filter and its options. The SQL of `where` is the option `sql`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """When a build stops: more of a source dropped by one filter, or unreadable, than these fractions (1: never)."""

    max_dropped_fraction: float = field(
        default=1.0, metadata=setting(FRACTION, "Most of a source that one filter may drop.")
    )
    max_unreadable_fraction: float = field(
        default=1.0, metadata=setting(FRACTION, "Most of a source's rows that may be unreadable.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSeconds:
    """The durations to meet among the videos of the mixture: a mean in seconds, or weights of ranges."""

    mean: float | None = field(default=None, metadata=setting(NumberShape(above=0), "The mean duration in seconds."))
    buckets: Mapping[str, float] | None = field(
        default=None, metadata=setting(BucketsShape(), "Weights of ranges of seconds.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureSettings:
    """How much of what. `weights` is the tree as plain data, None for all sources in proportion to their size."""

    unit: Literal["samples", "tokens", "image_tokens", "loss_tokens"] = field(
        default="tokens",
        metadata=setting(
            WordShape(("samples", "tokens", "image_tokens", "loss_tokens")), "What weights and budget count."
        ),
    )
    budget: int | None = field(
        default=None,
        metadata=setting(
            SizeShape(), "The size of the mixture, such as 50M; by default the largest that meets the weights."
        ),
    )
    max_repeats: float = field(
        default=1.0, metadata=setting(NumberShape(above=0), "How many times a source may be used.")
    )
    weights: Mapping[str, Any] | None = field(default=None, metadata=setting(WeightsShape(), "The tree of weights."))
    video_seconds: VideoSeconds | None = field(
        default=None,
        metadata=setting(
            RecordShape(
                VideoSeconds, check=lambda own: None if (own.mean is None) != (own.buckets is None) else _ONE_OF
            ),
            "Choose among the videos so that their durations meet this.",
        ),
    )


_ONE_OF = "give either 'mean' or 'buckets'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings:
    """The window of a video that is used."""

    seconds: float = field(metadata=setting(NumberShape(above=0), "At most this long."))
    from_: Literal["start", "middle", "seeded", "tiles"] | float = field(
        default="start",
        metadata=setting(
            ClipFromShape(), "Where it begins: start, middle, seeded, a second; or tiles: the parts named.", key="from"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSettings:
    """Which frames of a video are used and how they are stored."""

    fps: float = field(default=1.0, metadata=setting(NumberShape(above=0), "Frames a second."))
    max_frames: int = field(default=64, metadata=setting(IntegerShape(least=1), "Most frames of a video."))
    min_frames: int = field(
        default=1, metadata=setting(IntegerShape(least=1), "Fewest frames of a video, if it has them.")
    )
    sampling: Literal["fps", "uniform", "keyframes", "smolvlm", "smolvlm-train", "clips"] = field(
        default="fps", metadata=setting(WordShape(SAMPLINGS), "How frames are chosen.")
    )
    frames_per_clip: int = field(
        default=2, metadata=setting(IntegerShape(least=1), "Frames of a clip, for sampling clips.")
    )
    skip_seconds: float = field(
        default=0.0,
        metadata=setting(NumberShape(least=0), "Left out at both ends when the video is longer than the frame budget."),
    )
    clip: ClipSettings | None = field(
        default=None,
        metadata=setting(
            RecordShape(ClipSettings, hints={"seconds": "add how long it may be, such as 'seconds: 210'"}),
            "Use at most a window of the video.",
        ),
    )
    average: int = field(default=1, metadata=setting(IntegerShape(least=1), "Frames averaged into one; 1 is off."))
    backend: Literal["auto", "pyav", "decord"] = field(
        default="auto", metadata=setting(WordShape(("auto", "pyav", "decord")), "What decodes videos.")
    )
    jpeg_quality: int = field(
        default=92, metadata=setting(IntegerShape(least=1, most=100), "Quality of the stored frames.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """How a conversation is written as text. `system` maps kinds (and `default`) to text, or to False for none."""

    system: Mapping[str, str | Literal[False]] = field(
        default_factory=dict,
        metadata=setting(SystemShape(), "System prompts by kind; false for none. A sample's own system turn wins."),
    )
    media: str | Mapping[str, str] = field(
        default="transformers",
        metadata=setting(
            WordOrMappingShape(WordShape(DIALECTS)),
            "The strings around media and frames: a dialect, or a mapping of the strings.",
        ),
    )
    tiles: Literal["learned", "string"] = field(
        default="learned",
        metadata=setting(WordShape(("learned", "string")), "Position tokens of sub-images, or their text."),
    )
    split_images: bool = field(default=True, metadata=setting(FlagShape(), "Split large images into tiles."))
    loss: Literal["completions", "all"] = field(
        default="completions", metadata=setting(WordShape(("completions", "all")), "Which tokens are trained on.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingSettings:
    """How samples become sequences. `context` None is the profile's."""

    context: int | None = field(
        default=None, metadata=setting(IntegerShape(above=0), "Tokens of a sequence; by default the profile's.")
    )
    strategy: Literal["best", "none"] = field(
        default="best",
        metadata=setting(WordShape(("best", "none")), "Pack as full as can be, or one sample a sequence."),
    )
    max_tiles: int | None = field(
        default=None, metadata=setting(IntegerShape(least=1), "Most image tiles of a sequence.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What is written, and where. `path` is absolute or a URL; `shard_size` is in bytes."""

    path: str | None = field(default=None, metadata=setting(PlaceShape(), "The folder of the build."))
    shard_size: int = field(
        default=256_000_000, metadata=setting(SizeShape(is_bytes=True), "Bytes of a shard, such as 256MB.")
    )
    format: Literal["parquet", "arrow"] = field(
        default="parquet", metadata=setting(WordShape(("parquet", "arrow")), "The format of the shards.")
    )
    images: Literal["original", "fit"] = field(
        default="original",
        metadata=setting(
            WordShape(("original", "fit")), "Store images as they are, or resized to what the profile can use."
        ),
    )
