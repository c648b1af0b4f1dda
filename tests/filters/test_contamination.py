"""`contamination`: benchmark items are found by words, by pictures, by both; what only resembles them stays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import FilterError, ManifestError
from curation.filters import filter_inputs, load_filter
from curation.filters.benchmark_files import named
from curation.filters.contamination import Contamination
from tests.filters.pictures import encoded, page, sample, scene
from tests.filters.rows import Row, dropped, run

LONG = (
    "A train leaves the station at 9:40 and travels 128 kilometres at a steady speed of 64 kilometres per hour; "
    "at what time does it arrive at the next town?"
)


def bench(tmp_path: Path, rows: Sequence[Mapping[str, object]], name: str = "bench.jsonl") -> str:
    """Write a benchmark's rows."""
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def text(sample_id: str, question: str, answer: str = "So.") -> Row:
    return Row(sample_id=sample_id, question=question, answer=answer, kind="text")


def test_a_long_question_is_found_inside_other_words_with_its_evidence(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"id": "q7", "question": LONG, "answer": "11:40"}])
    rows = [text("a/f:0", f"Solve this. {LONG.upper()} Think first.", "It arrives at 11:40."), text("a/f:1", "Why?")]
    (row,) = run(tmp_path, rows, Contamination(against=(against,))).to_pylist()
    assert (row["sample_id"], row["action"], row["reason"]) == ("a/f:0", "drop", "text_only")
    assert row["measured"] > 0.9 > row["threshold"] == 0.5
    detail = json.loads(row["detail"])
    assert (detail["benchmark"], detail["file"], detail["item"]) == ("bench", against, "q7")
    assert detail["question"] == LONG


def test_the_same_problem_with_other_numbers_is_another_problem(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"question": LONG, "answer": "11:40"}])
    rows = [text("a/f:0", LONG.replace("128", "192"), "12:40"), text("a/f:1", LONG.replace("9:40", "8:40"))]
    assert len(run(tmp_path, rows, Contamination(against=(against,)))) == 0


def test_ten_thousand_numeric_questions_that_differ_in_numbers_stay(tmp_path: Path) -> None:
    against = bench(
        tmp_path, [{"question": f"What is {n} + {n + 7} - 12?", "answer": str(2 * n - 5)} for n in range(9)]
    )
    rows = [text(f"a/f:{n}", f"What is {n} + {n + 7} - 12?", str(2 * n - 5)) for n in range(2000)]
    assert dropped(run(tmp_path, rows, Contamination(against=(against,)))) == [f"a/f:{n}" for n in range(9)]


def test_an_operator_makes_a_short_question_another(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"question": "What is 8 * 4?", "answer": "32"}])
    rows = [text("a/f:0", "What is 8 - 4?", "32"), text("a/f:1", "what is 8 * 4", "32"), text("a/f:2", "8 * 4", "32")]
    assert dropped(run(tmp_path, rows, Contamination(against=(against,)))) == ["a/f:1"]


def test_a_short_question_is_found_in_a_later_turn(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"question": "Name the capital of Peru.", "answer": "Lima"}])
    rows = [Row(sample_id="a/f:0", kind="text"), Row(sample_id="a/f:1", kind="text")]
    turns = [
        ["user", ["Hi."]],
        ["assistant", ["Hello."]],
        ["user", ["Name the capital of Peru"]],
        ["assistant", ["Lima."]],
    ]

    class Talk(Row):
        def pulled(self, seed: int) -> dict[str, object]:
            return super().pulled(seed) | {"conversation": json.dumps(turns)}

    assert dropped(run(tmp_path, [rows[0], Talk(sample_id="a/f:1")], Contamination(against=(against,)))) == ["a/f:1"]


def test_an_option_s_letter_stands_for_its_words(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"question": "Which one barks?", "answer": "B", "options": "['a cat', 'a dog']"}])
    rows = [text(f"a/f:{n}", "Which one barks?", answer) for n, answer in enumerate(["A dog", "B", "A cat"])]
    assert dropped(run(tmp_path, rows, Contamination(against=(against,)))) == ["a/f:0", "a/f:1"]


def test_what_many_items_say_alike_is_no_sign_of_one(tmp_path: Path) -> None:
    rule = "Please answer the question directly and provide the letter of the correct option such as A B C or D"
    against = bench(tmp_path, [{"question": f"{rule} : is {n} even", "answer": "A"} for n in range(40)])
    assert len(run(tmp_path, [text("a/f:0", f"{rule} : what colour is it")], Contamination(against=(against,)))) == 0


def test_a_picture_with_its_question_is_confirmed_and_dropped(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").write_bytes(encoded(scene(1)))
    shown = {"image": "one.png", "question": "What is on the left?", "answer": "a tree"}
    against = bench(tmp_path, [{"question": "What is 3 + 4?", "answer": "7"}, shown])
    rows = [
        sample(tmp_path, "a/f:0", [encoded(scene(1), "JPEG", 60)], "What is on the left? Answer in a word.", "Trees"),
        sample(tmp_path, "a/f:1", [encoded(scene(1), "WEBP", 60)], "How many clouds are there?"),
        sample(tmp_path, "a/f:2", [encoded(scene(2))], "What is on the left?", "a tree"),
    ]
    asked = Contamination(against=(against,), images=(str(tmp_path / "pictures"),))
    ledger = run(tmp_path, rows, asked).to_pylist()
    assert [(row["sample_id"], row["action"], row["reason"]) for row in ledger] == [
        ("a/f:0", "drop", "confirmed"),
        ("a/f:1", "flag", "image_only"),
    ]
    assert ledger[1]["measured"] <= ledger[1]["threshold"] == 31
    assert json.loads(ledger[1]["detail"])["pixels"] == "same"


def test_pictures_in_cells_are_compared_and_policies_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "mini.parquet"
    cells = [{"question": "Which?", "answer": "1", "image": {"bytes": encoded(scene(n)), "path": None}} for n in (1, 2)]
    pq.write_table(pa.Table.from_pylist(cells), path)
    rows = [sample(tmp_path, "a/f:0", [encoded(scene(2), "JPEG")], "Another?")]
    assert dropped(run(tmp_path, rows, Contamination(against=(str(path),), image_only="drop"))) == ["a/f:0"]
    assert dropped(run(tmp_path, rows, Contamination(against=(str(path),), image_only="drop", action="flag"))) == []


def test_pages_of_one_layout_are_flagged_at_most(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "page.png").write_bytes(encoded(page(1000)))
    against = bench(tmp_path, [{"image": "page.png", "question": "What is the total?", "answer": "1000"}])
    rows = [sample(tmp_path, f"a/f:{n}", [encoded(page(n))], "What is the total?", str(n)) for n in (1000, 4321, 8765)]
    asked = Contamination(against=(against,), images=(str(tmp_path / "pictures"),), image_only="drop")
    ledger = run(tmp_path, rows, asked)
    assert dropped(ledger) == ["a/f:1000"]
    flags = [row for row in ledger.to_pylist() if row["action"] == "flag"]
    assert [(row["reason"], json.loads(row["detail"])["pixels"]) for row in flags] == [("image_only", "differ")] * 2


def test_a_file_without_the_field_is_refused_with_those_it_has(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"prompt_text": "Why?", "gold": "So."}])
    with pytest.raises(FilterError, match=r"no field named question.*it has prompt_text, gold"):
        run(tmp_path, [text("a/f:0", "Why?")], Contamination(against=(against,)))
    with pytest.raises(FilterError, match=r"no field 'prompt_txt'; did you mean 'prompt_text'\?"):
        run(tmp_path, [text("a/f:0", "Why?")], Contamination(against=(against,), field="prompt_txt"))
    assert len(run(tmp_path, [text("a/f:0", "Why?")], Contamination(against=(against,), field="prompt_text"))) == 1


def test_a_missing_or_broken_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FilterError, match=r"no file of rows or images matches .*/mmmmu'; did you mean 'mmmu'"):
        Contamination(against=(str(tmp_path / "mmmmu"),)).inputs()
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": \n')
    with pytest.raises(FilterError, match=r"can't read .*broken\.jsonl"):
        run(tmp_path, [text("a/f:0", "Why?")], Contamination(against=(str(broken),)))
    with pytest.raises(ManifestError, match="share is 30"):
        Contamination(against=("mmmu",), share=30)
    with pytest.raises(ManifestError, match="difference is -1; write 0 to 255"):
        Contamination(against=("mmmu",), difference=-1)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.parquet", b"no table"),
        ("a.jsonl.gz", b"no gzip"),
        ("a.jsonl.gz", gzip.compress(b'{"question": "Why?"}\n' * 99)[:30]),
        ("a.jsonl.zst", b"no zstandard"),
        ("a.json", b"[1]"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_by_name(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FilterError, match=rf"{name}.*mend the file or leave it out"):
        run(tmp_path, [text("a/f:0", "Why?")], Contamination(against=(str(tmp_path / name),)))


@pytest.mark.parametrize("name", ["items.json.parts/rows.jsonl", "ROWS.JSONL", "lines.jsonl.gz"])
def test_lines_of_json_are_told_by_the_ending_of_their_file(tmp_path: Path, name: str) -> None:
    rows = b'{"question": "Why?", "answer": "So."}\n{"question": "How?", "answer": "Thus."}\n'
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(gzip.compress(rows) if name.endswith(".gz") else rows)
    asked = Contamination(against=(str(tmp_path / name),))
    assert dropped(run(tmp_path, [text("a/f:0", "How?", "Thus.")], asked)) == ["a/f:0"]


def test_a_pattern_is_named_by_the_folder_it_looks_into() -> None:
    assert [named(place).name for place in ("bench/own-*.jsonl", "*.jsonl", "bench/own-.jsonl")] == [
        "bench",
        "*.jsonl",
        "own",
    ]


def test_a_changed_benchmark_changes_what_the_filter_reads(tmp_path: Path) -> None:
    against = bench(tmp_path, [{"question": "Why?"}])
    asked = load_filter("contamination", {"against": [against]})
    before = filter_inputs(asked)
    bench(tmp_path, [{"question": "Why not?"}])
    assert len(before) == 1
    assert filter_inputs(asked) != before
    assert filter_inputs(load_filter("exact_duplicates")) == ()


def test_real_benchmarks_are_read_and_found(tmp_path: Path, real_data: Path) -> None:
    verse = real_data / "real" / "bench-mathverse" / "testmini_text_only.json"
    vista = real_data / "real" / "bench-mathvista" / "testmini.json"
    items = json.loads(verse.read_text())[:5] + list(json.loads(vista.read_text()).values())[:5]
    rows = [text(f"a/f:{n}", f"Solve: {item['question']}", str(item["answer"])) for n, item in enumerate(items)]
    rows += [text(f"b/f:{n}", LONG.replace("128", str(n)), "12") for n in range(50)]
    ledger = run(tmp_path, rows, Contamination(against=(str(verse), str(vista)), ngram=8))
    found = {row["sample_id"] for row in ledger.to_pylist()}
    assert {f"a/f:{n}" for n in range(5)} <= found
    assert not any(sample_id.startswith("b") for sample_id in found)
