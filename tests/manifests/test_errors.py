"""Every kind of mistake, with the exact words it is met with."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import ManifestError
from curation.manifests import load_manifest
from tests.manifests.writing import KNOWN, SMALLEST


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(text: str, *overrides: str) -> str:
    """Load a text as small.yaml and return the message it is refused with."""
    Path("small.yaml").write_text(text)
    with pytest.raises(ManifestError) as caught:
        load_manifest("small.yaml", overrides=overrides, known=KNOWN)
    return str(caught.value)


# What is added to the smallest manifest (its first added line is line 5), and the message after `manifest small.yaml:`.
MISTAKES = {
    "unknown_key": ("vidio: {}", "5: the manifest has no key 'vidio'; did you mean 'video'?"),
    "unknown_key_inside": ("video:\n  fsp: 2", "6: video has no key 'fsp'; did you mean 'fps'?"),
    "unknown_key_like_none": (
        "guard: {qqq: 1}",
        "5: guard has no key 'qqq'; it knows max_dropped_fraction, max_unreadable_fraction",
    ),
    "not_a_mapping": ("packing: best", "5: packing is 'best'; it must be a mapping with context, strategy, max_tiles"),
    "zero_rate": ("video:\n  fps: 0", "6: video.fps is 0; it must be above 0"),
    "not_a_number": ("video: {fps: fast}", "5: video.fps is 'fast'; it must be a number above 0"),
    "true_is_no_number": ("video: {fps: yes}", "5: video.fps is true; it must be a number above 0"),
    "not_whole": ("video: {max_frames: 1.5}", "5: video.max_frames is 1.5; it must be a whole number 1 or more"),
    "beyond_bounds": ("video: {jpeg_quality: 101}", "5: video.jpeg_quality is 101; it must be between 1 and 100"),
    "not_finite": ("video: {fps: .inf}", "5: '.inf' is no finite number; leave it out for the default"),
    "crossed_bounds": (
        "video: {min_frames: 9, max_frames: 8}",
        "5: video: min_frames is 9, above max_frames 8; lower it or raise max_frames",
    ),
    "wrong_word": (
        "mixture: {unit: token}",
        "5: mixture.unit is 'token'; it must be one of samples, tokens, image_tokens, loss_tokens; "
        "did you mean 'tokens'?",
    ),
    "wrong_format": ("output: {format: csv}", "5: output.format is 'csv'; it must be one of parquet, arrow"),
    "number_for_text": ("name: 2024", "5: name is 2024; it must be text; put it in quotes"),
    "text_for_flag": ("prompts: {split_images: 'on'}", "5: prompts.split_images is 'on'; it must be true or false"),
    "bad_count": (
        "mixture: {budget: 50MB}",
        "5: mixture.budget is '50MB'; it must be a count such as 50000 or 50M, above 0",
    ),
    "zero_count": ("mixture: {budget: 0}", "5: mixture.budget is 0; it must be above 0"),
    "bad_bytes": (
        "output: {shard_size: 256M}",
        "5: output.shard_size is '256M'; it must be a size such as 256MB or 2GiB, above 0",
    ),
    "context_of_none": ("packing: {context: 0}", "5: packing.context is 0; it must be above 0"),
    "bad_fraction": (
        "guard: {max_dropped_fraction: 30}",
        "5: guard.max_dropped_fraction is 30; it must be between 0 and 1",
    ),
    "clip_without_length": (
        "video: {clip: {from: start}}",
        "5: video.clip has no 'seconds'; add how long it may be, such as 'seconds: 210'",
    ),
    "clip_from_nowhere": (
        "video: {clip: {seconds: 3, from: midle}}",
        "5: video.clip.from is 'midle'; it must be start, middle, seeded, tiles or a second from 0; did you mean "
        "'middle'?",
    ),
    "unknown_kind": (
        "prompts:\n  system:\n    vidoe: hello",
        "7: prompts.system has no kind 'vidoe'; did you mean 'video'?",
    ),
    "system_as_text": (
        "prompts: {system: hello}",
        "5: prompts.system is 'hello'; it must be false, or a mapping of kinds to text: {default: \"…\", video: false}",
    ),
    "wrong_dialect": (
        "prompts: {media: papr}",
        "5: prompts.media is 'papr'; it must be one of transformers, smolvlm2-train-small, smolvlm2-train-2.2b, "
        "paper, none; did you mean 'paper'?",
    ),
    "filters_as_mapping": (
        "filters: {cap: {max: 3}}",
        "5: filters is a mapping; it must be a list; begin each filter with '- '",
    ),
    "unknown_filter": (
        "filters:\n- where: turns < 9\n- durtion",
        "7: no filter named 'durtion'; did you mean 'duration'?",
    ),
    "unknown_filter_like_none": (
        "filters: [zzz]",
        "5: no filter named 'zzz'; there are cap, duration, exact_duplicates, where",
    ),
    "unknown_filter_option": (
        "filters:\n- cap: {by: [source], mx: 3}",
        "6: filter 'cap' has no option 'mx'; did you mean 'max'?",
    ),
    "filter_option_of_wrong_type": (
        "filters:\n- exact_duplicates\n- cap: {max: many}",
        "7: filters.cap.max is 'many'; write a whole number",
    ),
    "filter_with_two_names": (
        "filters:\n- {cap: {}, where: x}",
        "6: filters[0] is a mapping; it must be the name of a filter, or a mapping of one name to its options",
    ),
    "where_without_sql": ("filters: [where]", "5: filters[0]: 'where' has no SQL; write where: \"text_chars > 0\""),
    "options_as_number": ("filters: [{cap: 3}]", "5: filters[0].cap is 3; it must be a mapping of options"),
    "weight_below_zero": (
        "mixture: {weights: {docs: -1}}",
        "5: mixture.weights.docs is -1; it must be 0 or more, 'natural', or a group {weight: 2, of: {…}}",
    ),
    "weight_misspelt": (
        "mixture: {weights: {docs: natrual}}",
        "5: mixture.weights.docs is 'natrual'; it must be 0 or more, 'natural', or a group {weight: 2, of: {…}}; "
        "did you mean 'natural'?",
    ),
    "weights_of_nothing": (
        "mixture: {weights: {docs: 0}}",
        "5: mixture.weights has no weight above 0; raise one of docs",
    ),
    "weight_of_no_source": (
        "mixture:\n  weights:\n    docs: 1\n    dosc: 2",
        "8: mixture.weights.dosc names no source; did you mean 'docs'?",
    ),
    "weight_twice": (
        "mixture:\n  weights:\n    docs: 1\n    more:\n      weight: 2\n      of: {docs: 1}",
        "10: mixture.weights.more.of.docs weighs 'docs' a second time, first on manifest small.yaml:7; keep one",
    ),
    "group_without_weight": (
        "mixture: {weights: {all: {of: {docs: 1}}}}",
        "5: mixture.weights.all has no 'weight'; a group is written {weight: 2, of: {…}}",
    ),
    "group_with_other_key": (
        "mixture: {weights: {all: {weigth: 1, of: {docs: 1}}}}",
        "5: mixture.weights.all has no key 'weigth'; did you mean 'weight'?",
    ),
    "mean_and_buckets": (
        "mixture: {video_seconds: {mean: 9, buckets: {0-30: 1}}}",
        "5: mixture.video_seconds: give either 'mean' or 'buckets'",
    ),
    "bucket_backwards": (
        "mixture: {video_seconds: {buckets: {30-10: 1}}}",
        "5: mixture.video_seconds.buckets has the range '30-10'; write from-to in seconds, such as '30-60' or '60-'",
    ),
    "buckets_overlap": (
        "mixture: {video_seconds: {buckets: {0-30: 1, 20-: 1}}}",
        "5: mixture.video_seconds.buckets has the range '20-', which overlaps the one before; begin it at 30",
    ),
    "same_key_twice": ("seed: 1\nseed: 2", "6: 'seed' stands twice, first on line 5; keep one"),
    "tag": (
        "name: !!python/name:os.system x",
        "5: the tag 'tag:yaml.org,2002:python/name:os.system' isn't read; remove it",
    ),
    "undefined_alias": ("name: *there", "5: no anchor '&there' stands before '*there'"),
    "recursive_alias": ("guard: &own [*own]", "5: no anchor '&own' stands before '*own'"),
    "second_document": ("---\nname: x", "6: a second document begins; a manifest is one document"),
    "variable_not_set": (
        "name: ${CURATION_NO_SUCH}",
        "5: the environment has no variable 'CURATION_NO_SUCH'; set it, or write $${ for the text",
    ),
    "variable_without_name": ("name: '${a b}'", "5: '${a b}' names no variable; write ${NAME}, or $${ for the text"),
    "number_too_large": ("seed: 99999999999999999999", "5: a number beyond 64 bits; write a smaller one"),
    "key_that_is_a_list": ("[a]: 1", "5: a key is no plain text; quote it"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_its_fix(mistake: str) -> None:
    added, message = MISTAKES[mistake]
    assert said(SMALLEST + added + "\n") == f"manifest small.yaml:{message}"


SOURCES = {
    "unknown_adapter": ("adapter: lava\n    uri: x", "5: no adapter named 'lava'; did you mean 'llava'?"),
    "unknown_adapter_option": (
        "adapter: llava\n    uri: x\n    options:\n      colums: {}",
        "8: sources.docs has no option 'colums'; did you mean 'columns'?",
    ),
    "no_uri": (
        "adapter: llava",
        "4: sources.docs has no 'uri'; add where its files are, such as 'uri: data/train.jsonl'",
    ),
    "no_adapter": ("uri: x", "4: sources.docs has no 'adapter'; add what reads it ('curation sources' lists them)"),
    "empty_uri_list": (
        "adapter: llava\n    uri: []",
        "6: sources.docs.uri is an empty list; it must be a list of 1 or more",
    ),
    "uri_of_number": ("adapter: llava\n    uri: [a, 3]", "6: sources.docs.uri[1] is 3; it must be a path or a URL"),
    "take_nothing": (
        "adapter: llava\n    uri: x\n    take: 0",
        "7: sources.docs.take is 0; it must be a number of rows above 0, or a fraction 0 < f < 1",
    ),
    "take_of_one_point_five": (
        "adapter: llava\n    uri: x\n    take: 1.5",
        "7: sources.docs.take is 1.5; it must be a number of rows above 0, or a fraction 0 < f < 1",
    ),
    "wrong_kind": (
        "adapter: llava\n    uri: x\n    kind: documents",
        "7: sources.docs.kind is 'documents'; it must be one of text, document, image, multi_image, math, cot, video; "
        "did you mean 'document'?",
    ),
}


@pytest.mark.parametrize("mistake", SOURCES)
def test_a_mistake_in_a_source_is_told_with_its_line_and_its_fix(mistake: str) -> None:
    written, message = SOURCES[mistake]
    text = f"version: 1\nprofile: smolvlm2-256m\nsources:\n  docs:\n    {written}\n"
    assert said(text) == f"manifest small.yaml:{message}"


def test_a_source_without_a_body_is_not_left_out_in_silence() -> None:
    text = "version: 1\nprofile: smolvlm2-256m\nsources:\n  docs:\n"
    assert said(text).startswith("manifest small.yaml:4: sources.docs is empty; it must be a mapping with adapter, uri")


def test_a_source_name_with_a_slash_is_refused() -> None:
    text = "version: 1\nprofile: smolvlm2-256m\nsources:\n  a/b: {adapter: llava, uri: x}\n"
    assert said(text) == "manifest small.yaml:4: 'a/b' can't name a source; use letters, digits, '_', '-' and '.'"


def test_a_source_left_out_of_the_weights_is_named() -> None:
    text = SMALLEST + "  more: {adapter: llava, uri: x}\nmixture:\n  weights: {docs: 1}\n"
    expected = "manifest small.yaml:7: mixture.weights leaves out 'more'; give it a weight (0 uses none of it)"
    assert said(text) == expected


def test_numbers_and_natural_among_siblings_are_refused() -> None:
    text = SMALLEST + "  more: {adapter: llava, uri: x}\nmixture:\n  weights: {docs: 1, more: natural}\n"
    expected = "7: mixture.weights mixes numbers and 'natural'; give all of docs, more the same kind of weight"
    assert said(text) == f"manifest small.yaml:{expected}"


def test_zero_beside_natural_leaves_a_source_out() -> None:
    text = SMALLEST + "  more: {adapter: llava, uri: x}\nmixture:\n  weights: {docs: 0, more: natural}\n"
    Path("small.yaml").write_text(text)
    assert load_manifest("small.yaml", known=KNOWN).mixture.weights == {"docs": 0, "more": "natural"}


def test_a_manifest_without_version_profile_and_sources_is_told_all_three() -> None:
    assert said("name: x\n").splitlines() == [
        "manifest small.yaml:1: the manifest has no 'version'; add 'version: 1'",
        "manifest small.yaml:1: the manifest has no 'profile'; add one, such as 'profile: smolvlm2-256m'",
        "manifest small.yaml:1: the manifest has no 'sources'; add at least one source with an adapter and a uri",
    ]


def test_a_newer_version_says_that_a_newer_curation_may_read_it() -> None:
    expected = "version is 2; it must be 1, the version that this curation reads; a newer curation may read it"
    assert said(SMALLEST.replace("version: 1", "version: 2")) == f"manifest small.yaml:1: {expected}"


@pytest.mark.parametrize("profile", ["smolvlm2-256", "{base: smolvlm2-256}"])
def test_an_unknown_profile_is_answered_with_the_nearest(profile: str) -> None:
    text = SMALLEST.replace("profile: smolvlm2-256m", f"profile: {profile}")
    assert said(text) == "manifest small.yaml:2: no profile named 'smolvlm2-256'; did you mean 'smolvlm2-256m'?"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "version: 1\nprofile: smolvlm\nvideo: {fps: 0}\nsources:\n  docs: {adapter: lava, uri: 3}\nfilters: [capp]\n"
    assert [line.split(":")[1] for line in said(text, "seed=x").splitlines()] == [
        "2",
        "3",
        "5",
        "5",
        "6",
        " seed is 'x'; it must be a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: {b\n", 2), ("version: 1\n\tx: 2\n", 2), ("a: 1\n b: 2\n", 2), ("a: 1\nb: \x07\n", 2), ("@", 1)],
)
def test_what_is_no_yaml_is_refused_with_the_line(text: str, line: int) -> None:
    assert said(text).startswith(f"manifest small.yaml:{line}: this isn't YAML: ")


def test_a_variable_without_quotes_in_braces_is_told_from_other_bad_yaml() -> None:
    text = "version: 1\nsources:\n  docs: {adapter: text, uri: ${DATA}/docs.jsonl}\n"
    assert said(text).endswith('; inside {…} and […] write "${NAME}" in quotes')
    assert "NAME" not in said("a: {b\n")


def test_a_list_and_an_empty_file_are_no_manifest() -> None:
    assert said("- a\n") == "manifest small.yaml:1: it is a list; a manifest is a mapping that begins with 'version: 1'"
    assert said("# nothing\n") == "manifest small.yaml:1: the file is empty; begin with 'version: 1'"


def test_nesting_without_end_is_refused() -> None:
    assert said("a: " + "[" * 100_000) == "manifest small.yaml:1: more than 40 levels deep; write it flatter"


def test_aliases_that_multiply_are_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert "aliases expand to more than 10000 values" in said(bomb)


def test_a_file_that_can_not_be_read_says_why() -> None:
    Path("folder.yaml").mkdir()
    Path("latin.yaml").write_bytes(b"name: caf\xe9\n")
    for name, reason in {
        "none.yaml": "there is no such file; correct the path",
        "folder.yaml": "it is a folder; name the file in it",
        "latin.yaml": "byte 9 isn't UTF-8; save the file as UTF-8",
    }.items():
        with pytest.raises(ManifestError) as caught:
            load_manifest(name)
        assert str(caught.value) == f"manifest {name}: {reason}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("video.fps=0", "--set video.fps: video.fps is 0; it must be above 0"),
        ("video.fsp=2", "--set video.fsp: video has no key 'fsp'; did you mean 'fps'?"),
        ("video.fps", "--set video.fps: it must be written key.path=value, e.g. --set video.fps=2"),
        ("seed.a=2", "--set seed.a: seed is a mapping; it must be a whole number"),
        (
            "name=${CURATION_NO_SUCH}",
            "--set name: the environment has no variable 'CURATION_NO_SUCH'; set it, or write $${ for the text",
        ),
        ("extends=x", "--set extends: 'extends' can't be set here; write it in the manifest"),
        ("filters.where=x", "--set filters.where: 'where' is not in the list, which has 0 (cap)"),
        ("filters.cap.max=x", "--set filters.cap.max: filters.cap.max is 'x'; write a whole number"),
    ],
)
def test_a_wrong_override_names_its_key(override: str, message: str) -> None:
    assert said(SMALLEST + "filters: [cap: {max: 1}]\n", override) == message
