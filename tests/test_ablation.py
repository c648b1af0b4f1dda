"""Variants share all work that does not differ, and one table compares them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.ablation import Outcome, ablate
from curation.ablation_plan import Ablations, Variant, grid, load_variants, read_ablations
from curation.builds import open_build
from curation.cli.main import main
from curation.errors import ManifestError, MixtureError
from curation.verify import verify
from tests.corpora import write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the corpus, and plan and build it once, so that the workspace holds the base's work."""
    manifest = write_corpus(tmp_path_factory.mktemp("corpus"))
    ablate(variants(manifest, {"base": {}}), manifest.parent / "warm", workers=1)
    return manifest


def variants(manifest: Path, settings: dict[str, dict[str, object]], match: str | None = None) -> Ablations:
    named = tuple(Variant(name=name, settings=values) for name, values in settings.items())
    return Ablations(base=manifest, variants=named, match=match)


def stamps(manifest: Path, *rooms: str) -> dict[Path, int]:
    """Return when each file of some rooms of the workspace was written; markers are written again."""
    found = [path for room in rooms for path in (manifest.parent / ".curation" / room).rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in found if path.name != "_done.json"}


def reused(outcome: Outcome) -> dict[str, tuple[int, int]]:
    return {each.stage: (each.reused, each.used) for each in outcome.reuse}


def test_a_weight_pulls_encodes_and_decodes_nothing(corpus: Path, tmp_path: Path) -> None:
    before = stamps(corpus, "pull", "encode", "filter", "cache")
    weights = {"pictures": 1, "pages": 1, "problems": 1, "clips": 0}
    (outcome,) = ablate(variants(corpus, {"even": {"mixture.weights": weights}}), tmp_path, workers=1)
    assert stamps(corpus, "pull", "encode", "filter", "cache") == before
    assert reused(outcome) == {"pull": (4, 4), "encode": (4, 4), "filter": (1, 1), "videos": (0, 0)}
    assert outcome.video_seconds is None and outcome.samples == 72


def test_a_prompt_decodes_and_pulls_nothing(corpus: Path, tmp_path: Path) -> None:
    before = stamps(corpus, "pull", "cache")
    settings: dict[str, dict[str, object]] = {"prompt": {"prompts.system": {"default": "Look."}}}
    (outcome,) = ablate(variants(corpus, settings), tmp_path, workers=1)
    assert stamps(corpus, "pull", "cache") == before
    assert reused(outcome) == {"pull": (4, 4), "encode": (0, 4), "filter": (0, 1), "videos": (4, 4)}


def test_a_video_setting_touches_only_videos(corpus: Path, tmp_path: Path) -> None:
    before = stamps(corpus, "pull", "encode", "cache")
    (outcome,) = ablate(variants(corpus, {"short": {"video.clip": {"seconds": 0.5}}}), tmp_path, workers=1)
    after = stamps(corpus, "pull", "encode", "cache")
    assert {path: after[path] for path in before} == before
    assert len(list((corpus.parent / ".curation" / "encode").iterdir())) >= 5
    assert reused(outcome) == {"pull": (4, 4), "encode": (3, 4), "filter": (0, 1), "videos": (0, 4)}
    assert outcome.video_seconds == pytest.approx(0.5)


def test_every_variant_is_a_lawful_build_and_the_table_says_what_is_in_it(corpus: Path, tmp_path: Path) -> None:
    weights = {"pictures": 1, "pages": 1, "problems": 0, "clips": 0}
    settings: dict[str, dict[str, object]] = {"all": {}, "no clips": {"mixture.weights": weights}}
    outcomes = ablate(variants(corpus, settings), tmp_path / "out", workers=1)
    for outcome in outcomes:
        made = open_build(outcome.folder)
        assert all(check.is_passed for check in verify(made))
        tokens = made.sql("select sum(length), count(distinct pack) from packs").row(0)
        assert (outcome.tokens, outcome.packs) == tokens
        assert sum(outcome.tokens_by_kind.values()) == outcome.tokens
        assert outcome.fill == pytest.approx(tokens[0] / tokens[1] / 8192)
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [(row["variant"], row["tokens"]) for row in told["variants"]] == [(o.variant, o.tokens) for o in outcomes]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"all", "no_clips", "comparison.json"}


@pytest.mark.parametrize("unit", ["tokens", "samples"])
def test_matched_variants_have_the_size_of_the_smallest(corpus: Path, tmp_path: Path, unit: str) -> None:
    settings: dict[str, dict[str, object]] = {
        name: {"mixture": {"unit": unit, "weights": {"pictures": pictures, "problems": 1, "pages": 0, "clips": 0}}}
        for name, pictures in (("one", 1), ("two", 5), ("three", 0))
    }
    free = ablate(variants(corpus, settings), tmp_path / "free", is_planned=True, workers=1)
    matched = ablate(variants(corpus, settings, "tokens"), tmp_path / "out", is_planned=True, workers=1)
    smallest = min(outcome.tokens for outcome in free)
    longest = 600
    assert max(outcome.tokens for outcome in free) > 1.5 * smallest
    assert all(abs(outcome.tokens - smallest) <= longest for outcome in matched)
    assert not (tmp_path / "out" / "one").exists()


def test_a_grid_has_every_combination_and_values_are_yaml(corpus: Path) -> None:
    made = grid(corpus, ["video.fps=1,2", 'prompts.system=false,{default: "Hi, you"}'])
    assert [variant.settings for variant in made.variants] == [
        {"video.fps": fps, "prompts.system": system} for fps in (1, 2) for system in (False, {"default": "Hi, you"})
    ]
    assert made.variants[0].name == "video.fps=1, prompts.system=false"
    assert made.variants[3].folder == "video.fps=2_prompts.system=_default_Hi_you"
    assert [manifest.video.fps for manifest in load_variants(made)] == [1, 1, 2, 2]
    assert load_variants(made)[3].prompts.system == {"default": "Hi, you"}


def test_a_file_of_ablations_names_its_base_beside_itself(corpus: Path, tmp_path: Path) -> None:
    path = corpus.parent / "ablations.yaml"
    path.write_text(
        """
base: manifest.yaml
match: tokens
variants:
  whole: {}
  plain: {filters: null, video.fps: 2}
vary: {seed: [1, 2]}
"""
    )
    read = read_ablations(path)
    assert read.base == corpus and read.match == "tokens"
    assert [variant.name for variant in read.variants] == ["whole", "plain", "seed=1", "seed=2"]
    loaded = load_variants(read)
    assert not loaded[1].filters and loaded[1].video.fps == 2 and loaded[3].seed == 2
    assert read_ablations(path, base=tmp_path / "other.yaml").base == tmp_path / "other.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: m.yaml\nvariants: {a: {video.fsp: 2}}", r"^variant 'a': video.*no key 'fsp'; did you mean 'fps'\?"),
        (
            "base: m.yaml\nvarients: {a: {}}",
            r"ablations .*a\.yaml:2: no key named 'varients'; did you mean 'variants'\?",
        ),
        ("base: m.yaml\nvariants: {a: 3}", r"a\.yaml:2: variants\.a is 3; it must be a mapping"),
        ("base: m.yaml\nvariants: {}", r"a\.yaml:1: no variants; write variants"),
        ("base: m.yaml\nvary: {seed: 3}", r"a\.yaml:2: vary\.seed is 3; it must be a list"),
        ("base: m.yaml\nvariants: {a: {}}\nmatch: bytes", r"a\.yaml:3: match is 'bytes'; it must be one of tokens"),
        ("variants: {a: {}}", r"a\.yaml:1: base is not given"),
        ("base: gone.yaml\nvariants: {a: {}}", r"variant 'a': manifest .*gone\.yaml: there is no such file"),
        ("base: m.yaml\nvariants: {a b: {}, 'a/b': {}}", r"variants 'a b' and 'a/b' would share a folder"),
        ("[1, 2]", r"it is a list; ablations are a mapping"),
    ],
)
def test_a_mistake_in_a_file_is_named_before_any_work(tmp_path: Path, text: str, message: str) -> None:
    manifest = write_corpus(tmp_path)
    manifest.rename(tmp_path / "m.yaml")
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message):
        ablate(read_ablations(path), tmp_path / "out")
    assert not (tmp_path / ".curation").exists() and not (tmp_path / "out").exists()


def test_an_error_while_building_names_its_variant(corpus: Path, tmp_path: Path) -> None:
    settings: dict[str, dict[str, object]] = {"fits": {}, "greedy": {"mixture.budget": 10_000}}
    with pytest.raises(MixtureError) as caught:
        ablate(variants(corpus, settings), tmp_path, is_planned=True, workers=1)
    assert caught.value.__notes__ == ["variant 'greedy'"]


def test_the_command_prints_a_line_per_variant(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ablate", str(corpus), "--vary", "mixture.budget=40,80", "--plan", "-o", str(tmp_path / "o")]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["variant", "samples", "tokens"] and "cot" in lines[0]
    assert [line.split()[:2] for line in lines[1:3]] == [["mixture.budget=40", "40"], ["mixture.budget=80", "80"]]
    assert main([*arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["variants"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [[], ["--vary", "seed=1", "--base", "other.yaml"]],
)
def test_a_manifest_without_anything_to_vary_is_wrong_usage(corpus: Path, arguments: list[str]) -> None:
    assert main(["ablate", str(corpus), *arguments]) == 2


@pytest.mark.parametrize("text", ["seed", "=3", "seed="])
def test_what_varies_is_a_key_and_values(corpus: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"write it key=v1,v2"):
        grid(corpus, [text])
