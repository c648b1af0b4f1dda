"""Small datasets in the published layouts of the named sets of images and scanned pages."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.records import Location
from tests.sources.layouts import image_bytes, location, talk, video_bytes, write, write_lines, write_list, write_tar
from tests.sources.parquet_columns import IMAGE, ROWS, STRINGS, TURNS, image_cell, numbered, write_parquet


def _talks(answer: str, question: str = "<image>\nWhat is it?") -> list[Any]:
    return [talk(question, f"{answer} {number}") for number in range(ROWS)]


def _llava_onevision(folder: Path) -> Location:
    write_parquet(
        folder / "ai2d(cauldron,llava_format)" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "conversations": TURNS},
        id=numbered("ai2d"),
        image=[image_cell()] * ROWS,
        conversations=_talks("Red."),
        data_source=["ai2d(cauldron,llava_format)"] * ROWS,
    )
    write_parquet(
        folder / "magpie_pro(l3_80b_mt)" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "conversations": TURNS},
        id=numbered("magpie"),
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
        id=numbered("vsr"),
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


def _docvqa(folder: Path) -> Location:
    write_parquet(
        folder / "DocVQA" / "train-00000-of-00001.parquet",
        types={"image": IMAGE, "answers": STRINGS},
        questionId=numbered("q"),
        question=numbered("Which date?"),
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
        query=numbered("How many bars?"),
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
        question=numbered("Which brand?"),
        image=[image_cell()] * ROWS,
        answers=[["nokia"] * 9 + ["nokia 3310"]] * ROWS,
    )
    return location(folder)


def _pixmo_cap(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00003.parquet",
        types={"transcripts": STRINGS},
        image_url=["https://example.org/red.png"] * ROWS,
        caption=numbered("A red picture."),
        transcripts=[["So this is red."]] * ROWS,
    )
    return location(folder)


def _websight(folder: Path) -> Location:
    write_parquet(
        folder / "data" / "train-00000-of-00071.parquet",
        types={"image": IMAGE},
        image=[image_cell("white")] * ROWS,
        text=numbered("<html>"),
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
        label=numbered("x^"),
        normalized_label=[None, ""] * (ROWS // 2),
        source=["train"] * ROWS,
        sample_id=numbered("0a"),
    )
    return location(folder)


IMAGE_FIXTURES: dict[str, Callable[[Path], Location]] = {
    "chartqa": _chartqa,
    "docvqa": _docvqa,
    "im2latex": _im2latex,
    "llava_cot": _llava_cot,
    "llava_onevision": _llava_onevision,
    "lnqa": _lnqa,
    "mammoth_vl": _mammoth_vl,
    "mathwriting": _mathwriting,
    "mulberry": _mulberry,
    "pixmo_cap": _pixmo_cap,
    "r1_onevision": _r1_onevision,
    "textvqa": _textvqa,
    "websight": _websight,
}
