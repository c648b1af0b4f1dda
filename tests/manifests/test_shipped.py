"""The shipped manifests: each passes `check --offline`, and its shares are those that were published."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from curation.checks import check
from curation.manifest_names import load_manifest
from curation.mixtures.weights import resolve_weights

SHIPPED = (
    "smolvlm/context-extension",
    "smolvlm/vision-2.2b",
    "smolvlm/vision-256m",
    "smolvlm2/video-2.2b",
    "smolvlm2/video-256m",
)


def path_of(name: str) -> Path:
    """Return the file of a shipped manifest, as an installation has it."""
    return Path(str(files("curation.manifests"))) / f"{name}.yaml"


def shares(name: str) -> dict[str, float]:
    """Return the groups' shares in percent, all sources of one size."""
    manifest = load_manifest(path_of(name))
    nodes = resolve_weights(manifest.mixture.weights, dict.fromkeys(manifest.sources, 1))
    return {node.path: round(float(node.share) * 100, 2) for node in nodes if "/" not in node.path}


def test_every_shipped_manifest_is_listed_here() -> None:
    folder = Path(str(files("curation.manifests")))
    shipped = [path for path in folder.glob("*/*.yaml") if path.parent.name != "ablations"]
    found = {str(path.relative_to(folder).with_suffix("")) for path in shipped}
    assert found == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_manifest_passes_check_offline(name: str) -> None:
    assert check(path_of(name), is_offline=True) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_manifest_says_what_is_known_and_what_is_inferred(name: str) -> None:
    text = path_of(name).read_text()
    assert "# Known" in text and "# Inferred" in text
    for source in load_manifest(path_of(name)).sources.values():
        assert all(uri.startswith(("hf://datasets/", "https://")) for uri in source.uri)


def test_the_context_is_extended_with_five_equal_parts() -> None:
    assert shares("smolvlm/context-extension") == dict.fromkeys(("books", "code", "web", "dclm", "math"), 20.0)


def test_the_vision_stages_have_the_published_shares() -> None:
    small, large = shares("smolvlm/vision-256m"), shares("smolvlm/vision-2.2b")
    assert (small["documents"], small["captions"], small["pairs_of_images"]) == (41, 14, 2)
    assert (large["documents"], large["captions"], large["pairs_of_images"]) == (25, 18, 2)
    assert "mathwriting" not in load_manifest(path_of("smolvlm/vision-2.2b")).sources


def test_the_video_stages_have_the_shares_of_the_released_mixtures() -> None:
    assert shares("smolvlm2/video-2.2b") == {"text": 20.26, "multi_image": 12.35, "image": 34.31, "video": 33.08}
    assert shares("smolvlm2/video-256m") == {"text": 21.49, "multi_image": 11.56, "image": 33.83, "video": 33.12}
    small = load_manifest(path_of("smolvlm2/video-256m"))
    assert not any(name.startswith("mammoth") for name in small.sources)


def test_sets_with_a_published_share_have_it() -> None:
    manifest = load_manifest(path_of("smolvlm2/video-2.2b"))
    nodes = resolve_weights(manifest.mixture.weights, dict.fromkeys(manifest.sources, 1))
    found = {node.path: float(node.share) * 100 for node in nodes}
    published = {
        "text/magpie_l3_80b_mt": 6.8,
        "multi_image/m4_instruct": 10.4,
        "multi_image/mammoth_multi_image": 1.9,
        "image/vision_flan": 3.9,
        "image/mavis_math_metagen": 2.6,
        "image/other": 17.4,
        "video/llava_video_1_2_m": 7.3,
        "video/llava_video_2_3_m": 7.0,
        "video/llava_video_hound": 4.4,
        "video/llava_video_0_30_s": 2.4,
        "video/video_star_starb": 2.2,
        "video/vript_long": 1.0,
        "video/sharegpt4video": 0.8,
    }
    assert {path: found[path] for path in published} == pytest.approx(published, abs=0.11)
