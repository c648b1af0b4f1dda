"""Small datasets in the published layouts of the named sets of images, documents, text and chains of thought."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.records import Location
from tests.sources.layouts import image_bytes, location, talk, video_bytes, write, write_lines, write_list, write_tar

ROWS = 24
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TURNS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
MESSAGES = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
STRINGS = pa.list_(pa.string())


def image_cell(color: str = "red") -> dict[str, Any]:
    """Return an image as a Parquet cell holds it."""
    return {"bytes": image_bytes(color), "path": f"{color}.png"}


def write_parquet(path: Path, *, types: dict[str, Any] | None = None, **columns: list[Any]) -> Path:
    """Write columns to a Parquet file of row groups of eight rows; types that can't be inferred are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: pa.array(values, (types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path, row_group_size=8)
    return path


def _numbered(text: str) -> list[str]:
    return [f"{text} {number}" for number in range(ROWS)]


def _talks(answer: str, question: str = "<image>\nWhat is it?") -> list[Any]:
    return [talk(question, f"{answer} {number}") for number in range(ROWS)]


def _llava_onevision(folder: Path) -> Location:
    write_parquet(
        folder / "ai2d(cauldron,llava_format)" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "conversations": TURNS},
        id=_numbered("ai2d"),
        image=[image_cell()] * ROWS,
        conversations=_talks("Red."),
        data_source=["ai2d(cauldron,llava_format)"] * ROWS,
    )
    write_parquet(
        folder / "magpie_pro(l3_80b_mt)" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "conversations": TURNS},
        id=_numbered("magpie"),
        image=[None] * ROWS,
        conversations=_talks("Words.", "What is a word?"),
        data_source=["magpie_pro(l3_80b_mt)"] * ROWS,
    )
    return location(folder)


def _llava_cot(folder: Path) -> Location:
    answer = "<SUMMARY> s </SUMMARY>\n\n<CAPTION> c </CAPTION>\n\n<REASONING> r </REASONING>\n\n"
    write(folder / "media" / "coco" / "red.png", image_bytes())
    rows = [
        {
            "id": str(n),
            "image": "coco/red.png",
            "conversations": talk("What?", f"{answer}<CONCLUSION> {n} </CONCLUSION>"),
        }
        for n in range(ROWS)
    ]
    return location(write_lines(folder / "train.jsonl", rows), media=folder / "media")


def _r1_onevision(folder: Path) -> Location:
    write_parquet(
        folder / "vsr(cauldron,llava_format)" / "train-00000.parquet",
        types={"conversations": TURNS},
        id=_numbered("vsr"),
        image=[base64.b64encode(image_bytes()).decode()] * ROWS,
        conversations=_talks("<think>It is red.</think>\n\nRed."),
    )
    return location(folder)


def _mulberry(folder: Path) -> Location:
    write(folder / "media" / "geo" / "red.png", image_bytes())
    answer = "### Rationales:\nLook.\n\n### Let's think step by step.\n\n### Step 1:\nRed.\n\n### The final answer is: "
    messages = [{"role": "user", "content": "<image>What?"}, {"role": "assistant", "content": f"{answer}red"}]
    write_list(folder / "mulberry_sft.json", [{"messages": messages, "images": ["geo/red.png"]}] * ROWS)
    write_list(folder / "mulberry_sft_more.json", [{"messages": messages, "images": ["geo/red.png"]}] * ROWS)
    return location(folder, media=folder / "media")


def _mammoth_vl(folder: Path) -> Location:
    write_tar(folder / "single_image_data" / "shard_1.tar", {"Cambrian-10M/red.png": image_bytes()})
    write_tar(folder / "video_data" / "shard_1.tar", {"LLaVA-Video-178K/a.mp4": video_bytes()})
    one = {"image": "Cambrian-10M/red.png", "conversations": talk("<image>\nWhat?", "Red, for it is."), "source": "c"}
    film = {"video": "LLaVA-Video-178K/a.mp4", "conversations": talk("<image>\nWhat?", "Red."), "source": "l"}
    two = {"image": ["Cambrian-10M/red.png"] * 2, "conversations": talk("<image>\n<image>\nSame?", "Yes.")}
    write_list(folder / "mammoth_si_10M.json", [{"id": str(n), **one} for n in range(ROWS)], indent=True)
    write_list(folder / "mammoth_ov_2M.json", [film, two, {"image": None, "conversations": talk("2+2?", "4.")}])
    return location(folder)


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
        problem=_numbered("q"),
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
    write_parquet(folder / "train-00000.parquet", instruction=_numbered("q"), response=_numbered("a"))
    return location(folder)


def _fineweb_edu(folder: Path) -> Location:
    write_parquet(
        folder / "sample" / "10BT" / "000_00000.parquet",
        text=_numbered("Plants grow."),
        id=_numbered("<urn:uuid>"),
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
        text=_numbered("1 + 1 = 2."),
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
        hexsha=_numbered("0a"),
        size=[9] * ROWS,
        ext=["py"] * ROWS,
        lang=["Python"] * ROWS,
        max_stars_repo_licenses=[["MIT", "Apache-2.0"]] * ROWS,
        content=_numbered("x = "),
        alphanum_fraction=[0.5] * ROWS,
    )
    return location(folder, min_chars=3)


def _infimm_webmath(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "part_0.parquet",
        types={"text_list": STRINGS, "image_list": STRINGS},
        URL=_numbered("https://example.org/"),
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


def _docvqa(folder: Path) -> Location:
    write_parquet(
        folder / "DocVQA" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "answers": STRINGS},
        questionId=_numbered("q"),
        question=_numbered("Which date?"),
        image=[image_cell("white")] * ROWS,
        docId=list(range(ROWS)),
        ucsf_document_id=["a"] * ROWS,
        ucsf_document_page_no=["1"] * ROWS,
        answers=[["1965"]] * ROWS,
        data_split=["train"] * ROWS,
    )
    return location(folder)


def _chartqa(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00003.parquet",
        types={"image": IMAGE, "label": STRINGS},
        image=[image_cell("white")] * ROWS,
        query=_numbered("How many bars?"),
        label=[["14"]] * ROWS,
        human_or_machine=[0, 1] * (ROWS // 2),
    )
    return location(folder)


def _textvqa(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00020.parquet",
        types={"image": IMAGE, "answers": STRINGS},
        image_id=["0a"] * ROWS,
        question_id=list(range(ROWS)),
        question=_numbered("Which brand?"),
        image=[image_cell()] * ROWS,
        answers=[["nokia"] * 9 + ["nokia 3310"]] * ROWS,
    )
    return location(folder)


def _pixmo_cap(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00003.parquet",
        types={"transcripts": STRINGS},
        image_url=["https://example.org/red.png"] * ROWS,
        caption=_numbered("A red picture."),
        transcripts=[["So this is red."]] * ROWS,
    )
    return location(folder)


def _websight(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00071.parquet",
        types={"image": IMAGE},
        image=[image_cell("white")] * ROWS,
        text=_numbered("<html>"),
    )
    return location(folder)


def _im2latex(folder: Path) -> Location:
    write(folder / "media" / "images" / "a.png", image_bytes("white"))
    rows = [{"image": "images/a.png", "label": f"x ^ {n}"} for n in range(ROWS)]
    return location(write_lines(folder / "pairs.jsonl", rows), media=folder / "media")


def _lnqa(folder: Path) -> Location:
    pairs = pa.list_(pa.struct([("answer", pa.string()), ("question", pa.string())]))
    write_parquet(
        folder / "data" / "train-00000-of-00188.parquet",
        types={"image": IMAGE, "qa": pairs},
        image=[image_cell()] * ROWS,
        qa=[[{"answer": "Red.", "question": "Which colour?"}, {"answer": "No.", "question": "Blue?"}]] * ROWS,
    )
    return location(folder)


INKML = """<ink xmlns="http://www.w3.org/2003/InkML">
<annotation type="label">{label}</annotation>
<annotation type="normalizedLabel">{label}</annotation>
<annotation type="sampleId">{id}</annotation>
<annotation type="inkCreationMethod">human</annotation>
<traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/><channel name="T"/></traceFormat>
<trace id="0">901.72 479.26 0.0,900.52 482.87 12.0,930.1 520 30.0</trace>
<trace id="1">950 479.26 80.0</trace>
</ink>
"""


def _mathwriting(folder: Path) -> Location:
    for number in range(6):
        name = f"{number:016x}"
        ink = INKML.format(label=f"x^{number}", id=name).encode()
        write(folder / "mathwriting-2024" / "train" / f"{name}.inkml", ink)
        write_tar(folder / f"{number}.tgz", {f"mathwriting-2024/symbols/{name}.inkml": ink}, mode="w:gz")
    write_parquet(
        folder / "data" / "train-00000-of-00052.parquet",
        types={"image": IMAGE},
        image=[image_cell("white")] * ROWS,
        label=_numbered("x^"),
        normalized_label=[None, ""] * (ROWS // 2),
        source=["train"] * ROWS,
        sample_id=_numbered("0a"),
    )
    return location(folder)


NAMED_FIXTURES: dict[str, Callable[[Path], Location]] = {
    "aqua": _aqua,
    "chartqa": _chartqa,
    "cot": _cot,
    "dclm": _dclm,
    "docvqa": _docvqa,
    "dolma": _dolma,
    "finemath": _finemath,
    "fineweb_edu": _fineweb_edu,
    "gsm8k": _gsm8k,
    "im2latex": _im2latex,
    "infimm_webmath": _infimm_webmath,
    "llava_cot": _llava_cot,
    "llava_onevision": _llava_onevision,
    "lnqa": _lnqa,
    "magpie": _magpie,
    "mammoth_vl": _mammoth_vl,
    "math": _math,
    "mathwriting": _mathwriting,
    "mulberry": _mulberry,
    "openthoughts": _openthoughts,
    "pixmo_cap": _pixmo_cap,
    "r1_onevision": _r1_onevision,
    "smoltalk": _smoltalk,
    "textvqa": _textvqa,
    "the_stack": _the_stack,
    "websight": _websight,
}
