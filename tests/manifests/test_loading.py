"""What a manifest becomes: defaults, `extends`, relative paths, the environment, overrides."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.manifest_names import load_manifest as load_known
from curation.manifests import Manifest, load_manifest
from tests.manifests.writing import KNOWN, SMALLEST


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(tmp_path: Path, text: str, *overrides: str) -> Manifest:
    return load_manifest(write(tmp_path / "small.yaml", text), overrides=overrides)


def test_the_smallest_manifest_has_every_default(tmp_path: Path) -> None:
    manifest = load(tmp_path, SMALLEST)
    assert (manifest.name, manifest.seed, manifest.tokenizer) == ("small", 0, None)
    assert manifest.sources["docs"].uri == (str(tmp_path / "docs.jsonl"),)
    assert (manifest.mixture.unit, manifest.mixture.budget, manifest.mixture.max_repeats) == ("tokens", None, 1.0)
    assert (manifest.video.fps, manifest.video.max_frames, manifest.video.clip) == (1.0, 64, None)
    assert (manifest.packing.context, manifest.packing.strategy) == (None, "best")
    assert (manifest.output.shard_size, manifest.output.path) == (256_000_000, None)
    assert (manifest.guard.max_dropped_fraction, manifest.guard.max_unreadable_fraction) == (1.0, 1.0)
    assert manifest.path == tmp_path / "small.yaml"


def test_a_manifest_travels_to_a_worker(tmp_path: Path) -> None:
    manifest = load(tmp_path, SMALLEST + "filters: [where: turns < 9]\nvideo: {clip: {seconds: 3}}\n")
    assert pickle.loads(pickle.dumps(manifest)) == manifest


def test_values_are_read_with_their_types(tmp_path: Path) -> None:
    added = (
        "mixture: {budget: 1.5B, video_seconds: {buckets: {0-30: 1, 30-: 2.5}}}\n"
        "video: {fps: 1e-1, clip: {seconds: 210, from: 12}}\n"
        "prompts: {system: {default: Hello, text: false}, media: {intro: ''}}\n"
        "output: {shard_size: 2MiB}\nfilters:\n- where: turns < 9\n- exact_duplicates\n- cap: {max: 3}\n"
    )
    manifest = load(tmp_path, SMALLEST.replace("docs.jsonl}", "docs.jsonl, take: 200K}") + added)
    assert manifest.sources["docs"].take == 200_000
    assert manifest.mixture.budget == 1_500_000_000
    assert manifest.mixture.video_seconds is not None
    assert manifest.mixture.video_seconds.buckets == {"0-30": 1.0, "30-": 2.5}
    assert manifest.video.fps == 0.1
    assert manifest.video.clip is not None
    assert (manifest.video.clip.seconds, manifest.video.clip.from_) == (210.0, 12.0)
    assert manifest.prompts.system == {"default": "Hello", "text": False}
    assert manifest.prompts.media == {"intro": ""}
    assert manifest.output.shard_size == 2 << 20
    assert [(one.name, one.options) for one in manifest.filters] == [
        ("where", {"sql": "turns < 9"}),
        ("exact_duplicates", {}),
        ("cap", {"max": 3}),
    ]


@pytest.mark.parametrize(("written", "take"), [("0.25", 0.25), ("3", 3), ("1e3", 1000)])
def test_take_is_a_number_of_rows_or_a_fraction(tmp_path: Path, written: str, take: float) -> None:
    taken = load(tmp_path, SMALLEST, f"sources.docs.take={written}").sources["docs"].take
    assert taken == take
    assert type(taken) is type(take)


def test_dates_and_keys_that_look_like_other_things_stay_text(tmp_path: Path) -> None:
    text = "version: 1\nname: 2024-01-01\nprofile: p\nsources:\n"
    text += "  no: {adapter: a, uri: x}\n  17: {adapter: a, uri: x}\n"
    manifest = load(tmp_path, text)
    assert manifest.name == "2024-01-01"
    assert list(manifest.sources) == ["no", "17"]


def test_anchors_and_merge_keys_are_read(tmp_path: Path) -> None:
    text = (
        "version: 1\nprofile: p\nsources:\n"
        "  a: &one {adapter: llava, uri: x, priority: 3}\n  b: {<<: *one, priority: 4}\n"
    )
    sources = load(tmp_path, text).sources
    assert (sources["b"].adapter, sources["a"].priority, sources["b"].priority) == ("llava", 3, 4)


def test_extends_merges_mappings_and_replaces_lists(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", SMALLEST + "seed: 3\nfilters: [exact_duplicates]\nvideo: {fps: 2, max_frames: 8}\n")
    manifest = load(tmp_path, "extends: base.yaml\nvideo: {fps: 0.5}\nfilters: [where: turns < 9]\n")
    assert (manifest.seed, manifest.video.fps, manifest.video.max_frames) == (3, 0.5, 8)
    assert [one.name for one in manifest.filters] == ["where"]
    assert manifest.name == "small"


def test_an_empty_value_removes_what_the_base_says(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", SMALLEST + "  more: {adapter: llava, uri: y, take: 5}\nvideo: {fps: 2}\n")
    manifest = load(tmp_path, "extends: base.yaml\nsources: {docs: null, more: {take: null}}\nvideo: ~\n")
    assert list(manifest.sources) == ["more"]
    assert manifest.sources["more"].take is None
    assert manifest.video.fps == 1.0


def test_of_several_bases_the_later_lies_over_the_earlier(tmp_path: Path) -> None:
    write(tmp_path / "one.yaml", SMALLEST + "seed: 1\nname: one\n")
    write(tmp_path / "two.yaml", "seed: 2\n")
    manifest = load(tmp_path, "extends: [one.yaml, two.yaml]\n")
    assert (manifest.seed, manifest.name) == (2, "one")


def test_relative_paths_are_relative_to_the_manifest_that_writes_them(tmp_path: Path) -> None:
    write(
        tmp_path / "shared" / "base.yaml",
        "version: 1\nprofile: {from: ../models/own}\ntokenizer: tok/tokenizer.json\n"
        "sources:\n  docs: {adapter: llava, uri: [data/*.jsonl, 's3://bucket/x'], media: ./images/}\n"
        "filters:\n- contamination: {against: [bench/a.jsonl, 'hf://datasets/b'], images: bench}\n"
        "output: {path: builds/small}\n",
    )
    (tmp_path / "models" / "own").mkdir(parents=True)
    manifest = load(tmp_path, "extends: shared/base.yaml\nsources: {own: {adapter: llava, uri: ../here.jsonl}}\n")
    shared = tmp_path / "shared"
    assert manifest.profile == {"from": str(tmp_path / "models" / "own")}
    assert manifest.tokenizer == str(shared / "tok" / "tokenizer.json")
    assert manifest.sources["docs"].uri == (str(shared / "data" / "*.jsonl"), "s3://bucket/x")
    assert manifest.sources["docs"].media == str(shared / "images")
    assert manifest.sources["own"].uri == (str(tmp_path.parent / "here.jsonl"),)
    assert manifest.filters[0].options == {
        "against": [str(shared / "bench" / "a.jsonl"), "hf://datasets/b"],
        "images": str(shared / "bench"),
    }
    assert manifest.output.path == str(shared / "builds" / "small")


@pytest.mark.parametrize("name", ["bytes", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct"])
def test_names_of_tokenizers_are_kept(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, SMALLEST + f"tokenizer: {name}\n").tokenizer == name


def test_a_folder_that_looks_like_a_hub_id_is_a_folder_where_it_exists(tmp_path: Path) -> None:
    (tmp_path / "models" / "own").mkdir(parents=True)
    assert load(tmp_path, SMALLEST + "tokenizer: models/own\n").tokenizer == str(tmp_path / "models" / "own")


def test_variables_are_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/mnt/data")
    monkeypatch.setenv("SEED", "17")
    text = SMALLEST.replace("docs.jsonl", '"${DATA}/docs.jsonl"') + 'seed: ${SEED}\nname: "$${SEED} costs $5"\n'
    manifest = load(tmp_path, text)
    assert manifest.sources["docs"].uri == ("/mnt/data/docs.jsonl",)
    assert (manifest.seed, manifest.name) == (17, "${SEED} costs $5")


def test_a_variable_can_not_bring_yaml_into_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "{a: 1}\nseed: 9")
    manifest = load(tmp_path, SMALLEST + "name: ${NAME}\n")
    assert (manifest.name, manifest.seed) == ("{a: 1}\nseed: 9", 0)


def test_a_mistake_in_a_base_names_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("shared/base.yaml"), SMALLEST + "video:\n  fps: 0\n")
    write(Path("runs/small.yaml"), "extends: ../shared/base.yaml\npacking:\n  context: -1\n")
    with pytest.raises(ManifestError) as caught:
        load_manifest("runs/small.yaml")
    assert sorted(str(caught.value).splitlines()) == [
        "manifest runs/small.yaml:3: packing.context is -1; it must be above 0",
        "manifest shared/base.yaml:6: video.fps is 0; it must be above 0",
    ]


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ("other.yaml", "extends goes in a circle: small.yaml -> other.yaml -> small.yaml; take one of them out"),
        ("none.yaml", "extends names 'none.yaml', but there is no file none.yaml; correct the path"),
        ("3", "extends is 3; it must be the path of a manifest, or a list of them"),
        ("'https://x/y.yaml'", "extends is 'https://x/y.yaml'; it must be the path of a manifest, or a list of them"),
    ],
)
def test_extends_that_leads_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extends: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("other.yaml"), "\nextends: small.yaml\n")
    write(Path("small.yaml"), f"extends: {extends}\n")
    with pytest.raises(ManifestError) as caught:
        load_manifest("small.yaml")
    where = "other.yaml:2" if "circle" in message else "small.yaml:1"
    assert str(caught.value) == f"manifest {where}: {message}"


def test_overrides_lie_over_everything(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", SMALLEST + "seed: 1\nmixture: {budget: 5M}\n")
    manifest = load(
        tmp_path, "extends: base.yaml\nvideo: {fps: 2}\n", "video.fps=4", "mixture.budget=null", "prompts.media=none"
    )
    assert (manifest.video.fps, manifest.mixture.budget, manifest.prompts.media) == (4.0, None, "none")


def test_an_override_replaces_a_mapping_whole(tmp_path: Path) -> None:
    text = SMALLEST + "  more: {adapter: llava, uri: y}\nmixture: {weights: {docs: 1, more: 2}}\n"
    manifest = load(tmp_path, text, "mixture.weights={docs: 5, more: 1}", "sources.docs.options={a: 1}")
    assert manifest.mixture.weights == {"docs": 5, "more": 1}
    assert manifest.sources["docs"].options == {"a": 1}


def test_a_number_laid_over_a_group_of_weights_is_its_weight(tmp_path: Path) -> None:
    text = SMALLEST + "mixture: {weights: {pages: {weight: 1, of: {docs: 3}}}}\n"
    assert load(tmp_path, text, "mixture.weights.pages=2").mixture.weights == {
        "pages": {"weight": 2, "of": {"docs": 3}}
    }
    (tmp_path / "base.yaml").write_text(text)
    over = "version: 1\nextends: base.yaml\nmixture: {weights: {pages: natural}}\n"
    assert load(tmp_path, over).mixture.weights == {"pages": {"weight": "natural", "of": {"docs": 3}}}


@pytest.mark.parametrize(
    ("override", "filters"),
    [
        ("filters.cap.max=9", [("cap", {"max": 9}), ("exact_duplicates", {})]),
        ("filters.0.cap.max=9", [("cap", {"max": 9}), ("exact_duplicates", {})]),
        ("filters.exact_duplicates.scope=media", [("cap", {"max": 3}), ("exact_duplicates", {"scope": "media"})]),
        ("filters.1.scope=media", [("cap", {"max": 3}), ("exact_duplicates", {"scope": "media"})]),
        ("filters.cap=null", [("exact_duplicates", {})]),
        ("filters.1=null", [("cap", {"max": 3})]),
        ("filters.exact_duplicates=null", [("cap", {"max": 3})]),
        ("filters=[where: a]", [("where", {"sql": "a"})]),
    ],
)
def test_overrides_reach_into_the_filters(tmp_path: Path, override: str, filters: list[object]) -> None:
    manifest = load(tmp_path, SMALLEST + "filters:\n- cap: {max: 3}\n- exact_duplicates\n", override)
    assert [(one.name, one.options) for one in manifest.filters] == filters


def test_an_override_finds_keys_with_dots(tmp_path: Path) -> None:
    text = SMALLEST + "  llava-1.5: {adapter: llava, uri: y}\n"
    assert load(tmp_path, text, "sources.llava-1.5.take=7").sources["llava-1.5"].take == 7


def test_paths_of_an_override_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    manifest = load(tmp_path, SMALLEST, "output.path=out", "sources.docs.uri=x.jsonl")
    assert manifest.output.path == str(tmp_path / "elsewhere" / "out")
    assert manifest.sources["docs"].uri == (str(tmp_path / "elsewhere" / "x.jsonl"),)


def test_third_party_names_pass(tmp_path: Path) -> None:
    text = (
        SMALLEST.replace("adapter: llava", "adapter: 'own.package:adapter'")
        + "filters: [{'own.package:Filter': {a: 1}}]\n"
    )
    manifest = load_manifest(write(tmp_path / "small.yaml", text), known=KNOWN)
    assert manifest.sources["docs"].adapter == "own.package:adapter"
    assert manifest.filters[0].name == "own.package:Filter"


def test_the_public_loader_knows_the_names_that_are_installed(tmp_path: Path) -> None:
    path = write(tmp_path / "small.yaml", SMALLEST.replace("llava", "llavva") + "filters: [exact_duplicate]\n")
    with pytest.raises(ManifestError) as caught:
        load_known(path)
    assert str(caught.value).splitlines() == [
        f"manifest {path}:4: no adapter named 'llavva'; did you mean 'llava'?",
        f"manifest {path}:5: no filter named 'exact_duplicate'; did you mean 'exact_duplicates'?",
    ]
