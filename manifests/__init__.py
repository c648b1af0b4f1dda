"""The manifest: one YAML file that says everything about a mixture."""

from curation.manifests.checks import KnownNames
from curation.manifests.loading import load_manifest
from curation.manifests.models import Manifest
from curation.manifests.schema import dump, json_schema
from curation.manifests.settings import (
    ClipSettings,
    FilterSettings,
    GuardSettings,
    MixtureSettings,
    OutputSettings,
    PackingSettings,
    PromptSettings,
    SourceSettings,
    VideoSeconds,
    VideoSettings,
)

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
