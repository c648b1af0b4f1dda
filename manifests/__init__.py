"""The manifest: one YAML file that says everything about a mixture."""

from curation.manifests.checks import KnownNames
from curation.manifests.loading import load_manifest
from curation.manifests.models import (
    ClipSettings,
    FilterSettings,
    GuardSettings,
    Manifest,
    MixtureSettings,
    OutputSettings,
    PackingSettings,
    PromptSettings,
    SourceSettings,
    VideoSeconds,
    VideoSettings,
)
from curation.manifests.schema import dump, json_schema

__all__ = [
    "ClipSettings",
    "FilterSettings",
    "GuardSettings",
    "KnownNames",
    "Manifest",
    "MixtureSettings",
    "OutputSettings",
    "PackingSettings",
    "PromptSettings",
    "SourceSettings",
    "VideoSeconds",
    "VideoSettings",
    "dump",
    "json_schema",
    "load_manifest",
]
