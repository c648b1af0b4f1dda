"""A subset of a build is a build: lawful, nested, and its shards are the base's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from curation.build import build, plan
from curation.builds import Build, open_build
from curation.cli.main import main
from curation.difference import diff
from curation.errors import BuildError
from curation.invariants import INVARIANTS
from curation.queries import QueryError
from curation.rebuild import rebuild
from curation.subset import rebase, subset
from curation.verify import Check, verify
from tests.corpora import digests, write_corpus


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a corpus in which the problems are used two and a half times; shards hold a few packs."""
    manifest = write_corpus(tmp_path_factory.mktemp("corpus"))
    overrides = [
        "mixture.weights={pictures: 30, pages: 24, problems: 500, clips: 4}",
        "mixture.max_repeats=2.5",
        "mixture.budget=558",
        "packing.context=2048",
        "output.shard_size=30kB",
    ]
    return build(manifest, workers=1, overrides=overrides)


def failures(made: Build) -> list[Check]:
    return [check for check in verify(made) if not check.is_passed]


def occurrences(made: Build) -> dict[str, int]:
    return dict(made.sql("select sample_id, repeats from samples where selected").rows())


def test_a_subset_passes_verification_and_holds_an_index_only(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", fraction="1/3")
    assert not failures(made)
    assert not list(made.folder.glob("shards*")) and made.base
    borrowed = next(check for check in verify(made) if check.name.startswith("rows of borrowed"))
    assert borrowed.num_checked == len(made.sql("from shards"))
    assert {path.name for path in made.folder.iterdir()} == {"build.json", "manifest.yaml", "index"}


def test_a_file_is_no_place_for_a_subset(base: Build, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "part"):
        with pytest.raises(BuildError, match="choose a folder that can be made with -o DIR"):
            subset(base, folder, fraction="1/3")


def test_every_source_keeps_its_share(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", fraction="1/3")
    query = "select source, samples from mixture where source is not null order by source"
    before, after = dict(base.sql(query).rows()), dict(made.sql(query).rows())
    assert after == {source: round(count / 3) for source, count in before.items()}
    assert sum(occurrences(made).values()) == sum(after.values())
    kinds = made.sql("select sum(realised_share) from mixture where source is not null").item()
    assert kinds == pytest.approx(1)


def test_the_subset_of_a_subset_is_the_subset(base: Build, tmp_path: Path) -> None:
    half = subset(base, tmp_path / "half", fraction="1/2")
    quarter = subset(half, tmp_path / "quarter", fraction="1/2")
    direct = subset(base, tmp_path / "direct", fraction="1/4")
    assert digests(quarter.folder) == digests(direct.folder)
    assert quarter.fingerprint != half.fingerprint
    assert all(count <= occurrences(half)[name] for name, count in occurrences(quarter).items())


def test_a_subset_of_a_standalone_subset_borrows_from_it(base: Build, tmp_path: Path) -> None:
    half = subset(base, tmp_path / "half", fraction="1/2", standalone=True)
    assert not half.base and not failures(half)
    quarter = subset(half, tmp_path / "quarter", fraction="1/2")
    assert quarter.base == ("../half",) and not failures(quarter)
    assert occurrences(quarter) == occurrences(subset(base, tmp_path / "direct", fraction="1/4"))


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_standalone_rows_are_the_borrowed_ones(base: Build, tmp_path: Path, form: str) -> None:
    whole = base
    if form == "arrow":
        manifest = base.folder.parent / "manifest.yaml"
        whole = build(
            manifest,
            output=tmp_path / "arrow",
            workers=1,
            overrides=["output={format: arrow, shard_size: 30kB}", "packing.context=4096"],
        )
    borrowed = subset(whole, tmp_path / "borrowed", fraction="0.4")
    copied = subset(whole, tmp_path / "copied", fraction="0.4", standalone=True)
    assert not failures(copied) and not failures(borrowed)
    assert not diff(borrowed.folder, copied.folder).places
    for one, two in zip(borrowed.packs(), copied.packs(), strict=True):
        assert one["sample_ids"] == two["sample_ids"]
        assert np.array_equal(one["input_ids"], two["input_ids"]) and np.array_equal(one["labels"], two["labels"])
        assert [image.tobytes() for image in one["images"]] == [image.tobytes() for image in two["images"]]
    assert len(list((copied.folder / "shards").iterdir())) > 1


def test_packs_of_a_subset_hold_the_rows_of_the_base(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", fraction="1/5")
    rows = {row["sample_id"]: row for row in base.sql("from samples").iter_rows(named=True)}
    packs = made.packs()
    assert len(packs) == made.sql("select max(pack) + 1 from packs").item()
    for pack in packs:
        assert len(pack["input_ids"]) == sum(rows[name]["tokens"] for name in pack["sample_ids"]) <= 2048


def test_tokens_are_the_most_that_fit(base: Build, tmp_path: Path) -> None:
    total = base.sql("select sum(length) from packs").item()
    made = subset(base, tmp_path / "part", tokens=total // 3)
    tokens = made.sql("select sum(length) from packs").item()
    assert 0.95 * total / 3 < tokens <= total // 3
    assert subset(base, tmp_path / "all", tokens=10 * total).sql("select sum(length) from packs").item() == total


def test_a_predicate_keeps_what_it_is_true_for_and_a_share_of_it_can_be_cut(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", where="kind in ('image', 'video') and tokens > 0")
    assert not failures(made)
    wanted = base.sql("select sample_id from samples where selected and kind in ('image', 'video')")
    assert occurrences(made).keys() == set(wanted["sample_id"])
    both = subset(base, tmp_path / "both", where="kind in ('image', 'video') and tokens > 0", fraction="1/2")
    assert digests(both.folder) == digests(subset(made, tmp_path / "again", fraction="1/2").folder)


def test_writing_again_changes_nothing_and_another_subset_is_refused(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", fraction="1/2")
    before = digests(made.folder)
    assert digests(subset(base, tmp_path / "part", fraction="1/2").folder) == before
    with pytest.raises(BuildError, match=r"holds another build .* --replace"):
        subset(base, tmp_path / "part", fraction="1/4")
    subset(base, tmp_path / "part", fraction="1/4", replace=True)
    with pytest.raises(BuildError, match="is the build itself"):
        subset(base, base.folder, fraction="1/4", replace=True)


def test_a_base_that_has_moved_is_named_with_the_command_that_repairs(base: Build, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(base.folder, home)
    made = subset(home, tmp_path / "parts" / "part", fraction="1/2")
    home.rename(tmp_path / "moved")
    repair = rf"borrowed from \.\./\.\./home; .*: curation subset {made.folder} --base "
    sample_id = next(iter(occurrences(made)))
    with pytest.raises(BuildError, match=repair):
        made.packs()[0]
    with pytest.raises(BuildError, match=repair):
        made.shard_path(0)
    assert main(["show", str(made.folder), sample_id]) == 1
    assert any(
        repair_text in offender
        for check in failures(made)
        for offender in check.offenders
        for repair_text in [f"curation subset {made.folder} --base"]
    )
    with pytest.raises(BuildError, match=repair):
        subset(made, tmp_path / "again", fraction="1/2")
    with pytest.raises(BuildError, match=r"holds no shard with the sha256"):
        rebase(made, subset(tmp_path / "moved", tmp_path / "other", fraction="0.1", standalone=True).folder)
    assert main(["subset", str(made.folder), "--base", str(tmp_path / "moved")]) == 0
    repaired = open_build(made.folder)
    assert repaired.base == ("../../moved",) and not failures(repaired)
    assert len(repaired.packs()[0]["input_ids"])


def test_a_damaged_borrowed_row_is_found(base: Build, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(base.folder, home)
    made = subset(home, tmp_path / "part", fraction="1/2")
    shard = made.shard_path(0)
    shard.write_bytes(shard.read_bytes()[:-1] + b"X")
    assert any("borrowed, and not the bytes" in text for check in failures(made) for text in check.offenders)


def test_subsets_through_links_find_their_shards(base: Build, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    made = subset(base, tmp_path / "link" / "part", fraction="1/2")
    assert not failures(made)


def test_what_makes_no_subset_is_refused_with_the_fix(base: Build, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="say how much with --fraction, --tokens or --where"):
        subset(base, tmp_path / "x")
    with pytest.raises(BuildError, match="is not above 0 and at most 1"):
        subset(base, tmp_path / "x", fraction="9/8")
    with pytest.raises(BuildError, match="give one of them"):
        subset(base, tmp_path / "x", fraction="1/8", tokens=10)
    with pytest.raises(BuildError, match=r"nothing is left of \d+ samples; ask for a larger part"):
        subset(base, tmp_path / "x", tokens=1)
    with pytest.raises(BuildError, match="no selected sample fits --where"):
        subset(base, tmp_path / "x", where="tokens < 0")
    with pytest.raises(
        QueryError, match=r"^subset: --where \"knd = 'cot'\": no column named 'knd'; did you mean 'kind'\?"
    ):
        subset(base, tmp_path / "x", where="knd = 'cot'")
    with pytest.raises(BuildError, match="is a subset, which no manifest makes"):
        rebuild(subset(base, tmp_path / "part", fraction="1/2"))
    with pytest.raises(BuildError, match="borrows no shards"):
        rebase(base, base.folder)
    assert not (tmp_path / "x").exists()


def test_a_plan_has_no_shards_to_share(tmp_path: Path) -> None:
    planned = plan(write_corpus(tmp_path), workers=1)
    with pytest.raises(BuildError, match="a plan has no shards"):
        subset(planned.folder, tmp_path / "x", fraction="1/2")


def test_the_command_prints_the_mixture_and_refuses_what_is_no_share(
    base: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(base.folder)
    assert main(["subset", folder, "--fraction", "1/4", "-o", str(tmp_path / "part"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["subset"]["share"] == "1/4" and told["mixture"] and told["base"]
    for wrong in (["--fraction", "an eighth", "-o", "x"], ["--tokens", "ten", "-o", "x"], ["--fraction", "1/2"]):
        assert main(["subset", folder, *wrong]) == 2
    assert main(["stats", str(tmp_path / "part")]) == 0


def test_every_law_between_tables_is_asked_of_subsets_too(base: Build, tmp_path: Path) -> None:
    made = subset(base, tmp_path / "part", fraction="1/2")
    assert {law.name for law in INVARIANTS} <= {check.name for check in verify(made)}
