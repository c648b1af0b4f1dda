"""The settings of encode, resolved from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from curation.frames import FrameSettings
from curation.mixtures.dialect import DIALECTS, Dialect
from curation.mixtures.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeSettings:
    """How samples become tokens: the manifest's profile, prompts, video and text settings, resolved.

    `system` maps kinds (and `default`) to system prompts, for samples without a system turn of their own; False: none.
    `context` None: the profile's. `jpeg_quality` and `backend` are passed on in the frame plans. `seed` places seeded
    clips.
    """

    profile: Profile
    dialect: Dialect = DIALECTS["transformers"]
    system: Mapping[str, str | Literal[False] | None] | Literal[False] = False
    tiles: Literal["learned", "string"] = "learned"
    split_images: bool = True
    loss: Literal["completions", "all"] = "completions"
    control_text: Literal["plain", "reference"] = "plain"
    over_length: Literal["drop", "trim_turns"] = "drop"
    context: int | None = None
    video: FrameSettings = field(default_factory=FrameSettings)
    jpeg_quality: int = 92
    backend: Literal["auto", "pyav", "decord"] = "auto"
    seed: int = 0

    @property
    def max_tokens(self) -> int:
        """The longest sample that is kept, in tokens."""
        return self.profile.context if self.context is None else self.context

    def system_prompt(self, kind: str) -> str | None:
        """Return the system prompt of a kind, or None."""
        if not self.system:
            return None
        return (self.system[kind] if kind in self.system else self.system.get("default")) or None

    def identity(self, *, with_video: bool) -> dict[str, Any]:
        """Return, as plain data, what decides about the outcome; without videos, no video setting does."""
        of_videos = ("video", "jpeg_quality", "backend", "seed")
        kept = {key: value for key, value in asdict(self).items() if with_video or key not in of_videos}
        system = {key: value or None for key, value in dict(self.system or {}).items()}
        return {**kept, "profile": self.profile.digest, "context": self.max_tokens, "system": system}
