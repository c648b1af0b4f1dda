"""Small datasets in the published layouts of the named sets of documents, conversations and worked problems."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa

from curation.records import Location
from tests.sources.layouts import location, talk, write, write_lines, write_list
from tests.sources.parquet_columns import MESSAGES, ROWS, STRINGS, TURNS, numbered, write_parquet


def _openthoughts(folder: Path) -> Location:
    thought = "<|begin_of_thought|>\n\nt\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\ns\n\n<|end_of_solution|>"
    talks = [[{"from": "user", "value": f"q {n}"}, {"from": "assistant", "value": thought}] for n in range(ROWS)]
    write_parquet(
        folder / "data" / "train-00000-of-00001.parquet",
        types={"conversations": TURNS},
        system=["Think."] * ROWS,
        conversations=talks,
    )
    write_parquet(
        folder / "metadata" / "train-00000-of-00001.parquet",
        problem=numbered("q"),
        deepseek_reasoning=["t"] * ROWS,
        deepseek_solution=["s"] * ROWS,
        domain=["math"] * ROWS,
    )
    return location(folder)


def _gsm8k(folder: Path) -> Location:
    rows = [{"question": f"{n} and 1?", "answer": f"{n}+1=<<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"} for n in range(ROWS)]
    return location(write_lines(folder / "train.jsonl", rows))


def _aqua(folder: Path) -> Location:
    row = {"options": ["A)1", "B)2"], "rationale": "1+1 = 2\nAnswer: B", "correct": "B"}
    return location(write_lines(folder / "train.json", [{"question": f"{n}?", **row} for n in range(ROWS)]))


def _math(folder: Path) -> Location:
    for number in range(4):
        row = {"problem": "1+1?", "solution": "It is $\\boxed{2}$.", "level": "Level 1", "type": "Algebra"}
        write(folder / "train" / "algebra" / f"{number}.json", orjson.dumps(row))
    return location(folder)


def _cot(folder: Path) -> Location:
    parts = [{"type": "reasoning", "value": "r"}, {"type": "text", "value": "a"}]
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": parts}]}
    return location(write_lines(folder / "a.jsonl", [row] * ROWS))


def _smoltalk(folder: Path) -> Location:
    messages = [[{"content": f"q {n}", "role": "user"}, {"content": "a", "role": "assistant"}] for n in range(ROWS)]
    write_parquet(
        folder / "data" / "all" / "train-00000-of-00009.parquet",
        types={"messages": MESSAGES},
        messages=messages,
        source=["smol-magpie-ultra"] * ROWS,
    )
    return location(folder)


def _magpie(folder: Path) -> Location:
    write_list(folder / "text__magpie_pro.json", [{"conversations": talk("q", "a"), "image": None}] * ROWS)
    write_parquet(folder / "train-00000.parquet", instruction=numbered("q"), response=numbered("a"))
    return location(folder)


def _fineweb_edu(folder: Path) -> Location:
    write_parquet(
        folder / "sample" / "10BT" / "000_00000.parquet",
        text=numbered("Plants grow."),
        id=numbered("<urn:uuid>"),
        dump=["CC-MAIN-2024-10"] * ROWS,
        url=["https://example.org"] * ROWS,
        language=["en"] * ROWS,
        language_score=[0.9] * ROWS,
        token_count=[3] * ROWS,
        score=[3.2] * ROWS,
        int_score=[3] * ROWS,
    )
    return location(folder)


def _dclm(folder: Path) -> Location:
    import zstandard

    row = {
        "url": "https://example.org",
        "metadata": {"WARC-Date": "2013-05-18T08:11:02Z"},
        "language_id_whole_page_fasttext": {"en": 0.9},
        "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": 0.2,
    }
    lines = b"".join(orjson.dumps({"text": f"Words {n}.", **row}) + b"\n" for n in range(ROWS))
    for shard in range(2):
        name = f"global-shard_01_of_10/local-shard_{shard}_of_10/shard_00000000_processed.jsonl.zst"
        write(folder / name, zstandard.compress(lines))
    return location(folder)


def _finemath(folder: Path) -> Location:
    write_parquet(
        folder / "finemath-4plus" / "train-00000-of-00064.parquet",
        types={"token_count": pa.int32(), "char_count": pa.int32()},
        url=["https://example.org"] * ROWS,
        text=numbered("1 + 1 = 2."),
        token_count=[5] * ROWS,
        char_count=[12] * ROWS,
        metadata=["{}"] * ROWS,
        score=[4.1] * ROWS,
        int_score=[4] * ROWS,
        language=["en"] * ROWS,
        language_score=[0.9] * ROWS,
    )
    return location(folder)


def _the_stack(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "python" / "train-00000-of-00206.parquet",
        types={"max_stars_repo_licenses": STRINGS},
        hexsha=numbered("0a"),
        size=[9] * ROWS,
        ext=["py"] * ROWS,
        lang=["Python"] * ROWS,
        max_stars_repo_licenses=[["MIT", "Apache-2.0"]] * ROWS,
        content=numbered("x = "),
        alphanum_fraction=[0.5] * ROWS,
    )
    return location(folder, min_chars=3)


def _infimm_webmath(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "part_0.parquet",
        types={"text_list": STRINGS, "image_list": STRINGS},
        URL=numbered("https://example.org/"),
        text_list=[["A square.", None, "It has 4 sides."]] * ROWS,
        image_list=[[None, "https://example.org/square.png", None]] * ROWS,
        metadata=["{}"] * ROWS,
    )
    return location(folder)


def _dolma(folder: Path) -> Location:
    ids = range(ROWS)
    documents = b"".join(orjson.dumps({"id": str(n), "text": f"Book {n}.", "source": "books"}) + b"\n" for n in ids)
    spans = b"".join(orjson.dumps({"id": str(n), "attributes": {"toxic": [[0, 4, 0.5]]}}) + b"\n" for n in ids)
    for name in ("000.json.gz", "001.json.gz"):
        write(folder / "documents" / name, gzip.compress(documents))
        write(folder / "attributes" / "toxicity" / name, gzip.compress(spans))
    return location(folder / "documents", attributes=["toxicity"])


TEXT_FIXTURES: dict[str, Callable[[Path], Location]] = {
    "aqua": _aqua,
    "cot": _cot,
    "dclm": _dclm,
    "dolma": _dolma,
    "finemath": _finemath,
    "fineweb_edu": _fineweb_edu,
    "gsm8k": _gsm8k,
    "infimm_webmath": _infimm_webmath,
    "magpie": _magpie,
    "math": _math,
    "openthoughts": _openthoughts,
    "smoltalk": _smoltalk,
    "the_stack": _the_stack,
}
