"""The manifest as a value: checked, complete, with everything it refers to resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from curation.credentials import as_written
from curation.manifests.entries import FiltersShape, SourcesShape
from curation.manifests.places import ProfileShape, TokenizerShape
from curation.manifests.scalars import IntegerShape, TextShape, VersionShape, WordShape
from curation.manifests.settings import (
    FilterSettings,
    GuardSettings,
    MixtureSettings,
    OutputSettings,
    PackingSettings,
    PromptSettings,
    SourceSettings,
    VideoSettings,
)
from curation.manifests.shapes import RecordShape, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A whole manifest, checked, with `extends`, the environment, relative paths and overrides resolved."""

    version: int = field(metadata=setting(VersionShape(), "The version of this notation: 1."))
    name: str = field(
        default="", metadata=setting(TextShape(), "The name of the mixture; by default the manifest's file name.")
    )
    seed: int = field(default=0, metadata=setting(IntegerShape(), "Decides all that is random."))
    profile: str | Mapping[str, Any] = field(
        metadata=setting(
            ProfileShape(), "Tokenizer, image geometry, context and chat template: a name, or a mapping with `base:`."
        )
    )
    tokenizer: str | None = field(
        default=None,
        metadata=setting(
            TokenizerShape(), "A folder, a tokenizer.json, a hub id or `bytes`; by default the profile's."
        ),
    )
    sources: Mapping[str, SourceSettings] = field(
        metadata=setting(
            SourcesShape(
                RecordShape(
                    SourceSettings,
                    hints={
                        "adapter": "add what reads it ('curation sources' lists them)",
                        "uri": "add where its files are, such as 'uri: data/train.jsonl'",
                    },
                )
            ),
            "What the mixture is made of.",
        )
    )
    filters: tuple[FilterSettings, ...] = field(
        default=(),
        metadata=setting(
            FiltersShape(lambda name, options: FilterSettings(name=name, options=options)),
            "What is left out, applied in this order.",
        ),
    )
    guard: GuardSettings = field(
        default_factory=GuardSettings, metadata=setting(RecordShape(GuardSettings), "When a build stops.")
    )
    mixture: MixtureSettings = field(
        default_factory=MixtureSettings, metadata=setting(RecordShape(MixtureSettings), "How much of what.")
    )
    video: VideoSettings = field(
        default_factory=VideoSettings,
        metadata=setting(
            RecordShape(VideoSettings, check=lambda own: None if own.min_frames <= own.max_frames else _frames(own)),
            "Which frames of videos are used.",
        ),
    )
    prompts: PromptSettings = field(
        default_factory=PromptSettings, metadata=setting(RecordShape(PromptSettings), "How samples are written.")
    )
    packing: PackingSettings = field(
        default_factory=PackingSettings, metadata=setting(RecordShape(PackingSettings), "How samples are packed.")
    )
    control_text: Literal["plain", "reference"] = field(
        default="plain",
        metadata=setting(WordShape(("plain", "reference")), "What control tokens in a dataset's own text become."),
    )
    over_length: Literal["drop", "trim_turns"] = field(
        default="drop",
        metadata=setting(
            WordShape(("drop", "trim_turns")), "What becomes of samples that are longer than the context."
        ),
    )
    output: OutputSettings = field(
        default_factory=OutputSettings, metadata=setting(RecordShape(OutputSettings), "What is written, and where.")
    )
    path: Path = Path()

    def resolved(self) -> dict[str, Any]:
        """Return the manifest as plain JSON-able data with every default filled, without `output.path`.

        Loading its `dump` gives the same settings again. Text keeps the `${VAR}` it was written with: this is what
        builds and logs hold. What work depends on is `values`.
        """
        plain: dict[str, Any] = as_written(self.values())
        return plain

    def values(self) -> dict[str, Any]:
        """Return the same with what `${VAR}` stands for, but in URLs; to be hashed, never to be written."""
        plain: dict[str, Any] = _plain(self)
        del plain["output"]["path"]
        return plain


MANIFEST = RecordShape(
    Manifest,
    hints={
        "version": "add 'version: 1'",
        "profile": "add one, such as 'profile: smolvlm2-256m'",
        "sources": "add at least one source with an adapter and a uri",
    },
)


def _frames(video: VideoSettings) -> str:
    return f"min_frames is {video.min_frames}, above max_frames {video.max_frames}; lower it or raise max_frames"


def _plain(value: Any) -> Any:
    if isinstance(value, FilterSettings):
        return {value.name: _plain(value.options)}
    if is_dataclass(value):
        declared = [f for f in fields(value) if "shape" in f.metadata]
        return {f.metadata["key"] or f.name: _plain(getattr(value, f.name)) for f in declared}
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    return [_plain(child) for child in value] if isinstance(value, list | tuple) else value
