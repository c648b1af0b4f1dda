"""The shipped ablations: every variant is a manifest, and its setting does what its finding is about."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from curation.ablation import Outcome, ablate
from curation.ablation_plan import is_ablations_file, load_variants, read_ablations
from curation.mixtures.weights import resolve_weights
from tests.corpora import write_corpus

FOLDER = Path(str(files("curation.manifests"))) / "ablations"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FINDINGS = {
    "compression",
    "context",
    "cot-share",
    "frame-averaging",
    "loss-masking",
    "media-intro-outro",
    "system-prompts",
    "text-source",
    "tile-tokens",
    "video-duration",
}


def test_every_finding_of_the_paper_has_a_file() -> None:
    assert set(FILES) >= FINDINGS


@pytest.mark.parametrize("name", FILES)
def test_every_variant_of_a_shipped_file_is_a_manifest_unlike_the_others(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    assert is_ablations_file(path) and "the paper" in path.read_text().lower()
    manifests = load_variants(read_ablations(path))
    assert len({str(manifest.resolved()) for manifest in manifests}) == len(manifests) >= 2


def test_shares_of_thought_and_text_are_those_that_are_named() -> None:
    asked: dict[str, dict[str, float]] = {}
    for name, group in (("cot-share", "mammoth"), ("text-share", "text")):
        read = read_ablations(FOLDER / f"{name}.yaml")
        for variant, manifest in zip(read.variants, load_variants(read), strict=True):
            nodes = resolve_weights(manifest.mixture.weights, dict.fromkeys(manifest.sources, 1))
            shares = [
                float(node.share) * 100
                for node in nodes
                if node.path == group or (node.source or "").startswith(f"{group}_")
            ]
            asked.setdefault(name, {})[variant.name] = sum(shares)
    wanted = {"none": 0, "0.02-percent": 0.02, "0.05-percent": 0.05, "released-2.2-percent": 2.23, "5-percent": 5}
    assert asked["cot-share"] == {name: pytest.approx(share, rel=0.02) for name, share in wanted.items()}
    wanted = {"7-percent": 7, "14-percent": 14, "released-21-percent": 21.49, "25-percent": 25}
    assert asked["text-share"] == {name: pytest.approx(share, rel=0.001) for name, share in wanted.items()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def outcomes(corpus: Path, name: str) -> dict[str, Outcome]:
    """Plan a shipped file over the small corpus."""
    read = read_ablations(FOLDER / f"{name}.yaml", base=corpus)
    made = ablate(read, corpus.parent / "out" / name, is_planned=True, workers=1)
    return {outcome.variant: outcome for outcome in made}


def test_loss_masking_leaves_the_answers(corpus: Path) -> None:
    found = outcomes(corpus, "loss-masking")
    one, other = found["prompts.loss=completions"], found["prompts.loss=all"]
    assert one.tokens == other.tokens and one.loss_tokens < other.loss_tokens / 2


def test_a_smaller_pixel_shuffle_has_four_times_the_image_tokens(corpus: Path) -> None:
    found = outcomes(corpus, "compression")
    assert found["shuffle-2"].image_tokens == 4 * found["shuffle-4"].image_tokens


def test_averaged_frames_are_fewer_tokens(corpus: Path) -> None:
    found = [outcome.image_tokens for outcome in outcomes(corpus, "frame-averaging").values()]
    assert found == sorted(found, reverse=True) and found[0] > found[1] > found[2]


def test_the_ladder_of_prompts_adds_text_and_then_takes_loss_away(corpus: Path) -> None:
    steps = list(outcomes(corpus, "prompts-step-by-step").values())
    assert steps[1].tokens < steps[2].tokens == steps[3].tokens
    assert steps[3].loss_tokens < steps[2].loss_tokens
