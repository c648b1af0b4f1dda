"""Named sets of questions on images and of conversations: what is particular to each."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.errors import SourceError
from curation.records import Address, Image, Sample, Video, kind_of
from curation.sources import load_adapter
from tests.sources.image_layouts import IMAGE_FIXTURES
from tests.sources.layouts import (
    flags,
    image_bytes,
    location,
    only_drop,
    only_sample,
    read_all,
    reasons,
    shape,
    talk,
    write,
    write_lines,
    write_list,
)
from tests.sources.parquet_columns import IMAGE, MESSAGES, STRINGS, TURNS, image_cell, write_parquet
from tests.sources.text_layouts import TEXT_FIXTURES


def _samples(rows: list[Any]) -> list[Sample]:
    assert all(isinstance(row, Sample) for row in rows), rows
    return rows


def test_docvqa_takes_the_first_answer_and_drops_the_test_split(tmp_path: Path) -> None:
    write_parquet(
        tmp_path / "a.parquet",
        types={"image": IMAGE, "answers": STRINGS},
        questionId=["1", "2", "3"],
        question=["Which date?"] * 3,
        image=[image_cell()] * 3,
        answers=[["1965", "the year 1965"], [], None],
    )
    rows = read_all("docvqa", location(tmp_path))
    assert reasons(rows) == ["ok", "no_answer", "no_answer"]
    first = _samples(rows[:1])[0]
    assert shape(first) == [["[image]", "Which date?"], ["1965"]]
    assert flags(first) == ["several_answers"] and first.row_id == "1"
    assert kind_of(first, load_adapter("docvqa").CARD) == "document"


def test_docvqa_in_the_form_of_pixparse_is_read_without_its_ocr(tmp_path: Path) -> None:
    ocr = [{"page": 1, "lines": [{"text": "a"}]}]
    columns: dict[str, Any] = {"question_id": [7], "question": ["Q?"], "answers": [["A"]], "ocr_results": ocr}
    write_parquet(tmp_path / "a.parquet", types={"image": IMAGE}, image=[image_cell()], **columns)
    assert only_sample("docvqa", location(tmp_path)).row_id == "7"


def test_chartqa_is_read_in_its_three_forms(tmp_path: Path) -> None:
    pictures: dict[str, Any] = {"types": {"image": IMAGE}, "image": [image_cell()]}
    write_parquet(tmp_path / "a" / "a.parquet", query=["Q?"], label=[["14"]], human_or_machine=[1], **pictures)
    write_parquet(tmp_path / "b" / "a.parquet", question=["Q?"], answer=["14"], type=["human_test"], **pictures)
    write_list(tmp_path / "c" / "train_human.json", [{"imgname": "1.png", "query": "Q?", "label": "14"}])
    write(tmp_path / "c" / "png" / "1.png", image_bytes())
    a, b = (only_sample("chartqa", location(tmp_path / name)) for name in "ab")
    c = only_sample("chartqa", location(tmp_path / "c", media=tmp_path / "c" / "png"))
    assert shape(a) == shape(b) == shape(c) == [["[image]", "Q?"], ["14"]]
    assert (a.columns["human_or_machine"], b.columns["type"]) == (1, "human_test")


def test_replacement_characters_of_chartqa_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "1.png", image_bytes())
    path = write_list(tmp_path / "a.json", [{"imgname": "1.png", "query": "In \ufffd or \ufffd?", "label": "14"}])
    assert [(f.reason, f.measured) for f in only_sample("chartqa", location(path)).flags] == [
        ("replacement_character", 2)
    ]


def test_textvqa_takes_what_most_people_said_and_how_many_did(tmp_path: Path) -> None:
    sample = _samples(read_all("textvqa", IMAGE_FIXTURES["textvqa"](tmp_path)))[0]
    assert shape(sample)[1] == ["nokia"] and sample.columns["answer_agreement"] == 0.9


def test_textvqa_without_answers_is_dropped_row_by_row(real_data: Path) -> None:
    path = real_data / "real" / "bench-textvqa" / "llava_textvqa_val_v051_ocr.jsonl"
    assert set(reasons(read_all("textvqa", location(path)))) == {"no_answer"}


def test_pixmo_images_are_addresses_and_mirrors_hold_them(tmp_path: Path) -> None:
    linked = _samples(read_all("pixmo_cap", IMAGE_FIXTURES["pixmo_cap"](tmp_path)))[0]
    part = linked.turns[0].parts[0]
    assert isinstance(part, Image) and part.content == Address(path="https://example.org/red.png")
    assert shape(linked) == [["[image]", "Describe this image in detail."], ["A red picture. 0"]]
    write_parquet(
        tmp_path / "mirror" / "a.parquet",
        types={"image": IMAGE, "transcripts": STRINGS},
        image=[image_cell()],
        image_url=["https://example.org/gone.png"],
        caption=["c"],
        transcripts=[["t", "u"]],
    )
    held = only_sample("pixmo_cap", location(tmp_path / "mirror", answer="transcript", question="Speak."))
    part = held.turns[0].parts[0]
    assert isinstance(part, Image) and part.content == image_bytes()
    assert shape(held) == [["[image]", "Speak."], ["t"]] and flags(held) == ["several_answers"]


def test_websight_and_formulas_are_asked_for_with_words_that_can_be_changed(tmp_path: Path) -> None:
    where = IMAGE_FIXTURES["websight"](tmp_path)
    assert shape(_samples(read_all("websight", where))[0])[0] == ["[image]", "Write the HTML code of this web page."]
    changed = replace(where, options={"question": "Code?"})
    assert shape(_samples(read_all("websight", changed))[0])[0] == ["[image]", "Code?"]


def test_real_formulas_are_read_and_those_without_image_dropped(real_data: Path) -> None:
    real = real_data / "real" / "math-im2latex"
    rows = read_all("im2latex", location(real / "pairs.jsonl"))
    assert set(reasons(rows)) == {"ok"} and len(rows) == 120
    assert kind_of(_samples(rows)[0], load_adapter("im2latex").CARD) == "math"


def test_pairs_of_lnqa_are_one_conversation_without_the_empty_and_repeated(tmp_path: Path) -> None:
    pairs = [{"answer": "1.", "question": "A?"}, {"answer": "", "question": "B?"}, {"answer": "1.", "question": "A?"}]
    write_parquet(tmp_path / "a.parquet", types={"image": IMAGE}, image=[image_cell()] * 3, qa=[pairs, [], None])
    rows = read_all("lnqa", location(tmp_path))
    assert reasons(rows) == ["ok", "no_answer", "invalid_row"]
    first = _samples(rows[:1])[0]
    assert shape(first) == [["[image]", "A?"], ["1."]]
    assert flags(first) == ["empty_pair_removed", "repeated_pair_removed"]


def test_rows_of_llava_onevision_with_two_forms_of_message_or_a_lost_image(tmp_path: Path) -> None:
    both = [
        {"from": None, "value": None, "role": "user", "content": "<image>\nQ?"},
        {"from": "gpt", "value": "A.", "role": None, "content": None},
    ]
    rows: list[dict[str, Any]] = [
        {"id": "1", "image": image_cell(), "conversations": both},
        {"id": "1", "image": None, "conversations": talk("<image>\nQ?")},
        {"id": "2", "image": None, "conversations": talk("Q?")},
    ]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("id", "image", "conversations")}
    write_parquet(tmp_path / "GeoQA+(MathV360K)" / "a.parquet", types={"image": IMAGE}, **columns)
    read = read_all("llava_onevision", location(tmp_path))
    assert reasons(read) == ["ok", "placeholder_mismatch", "ok"]
    assert read[0].row_key == "GeoQA+(MathV360K)/a.parquet:0"
    kinds = [kind_of(row, load_adapter("llava_onevision").CARD) for row in read if isinstance(row, Sample)]
    assert kinds == ["image", "text"]


def test_r1_onevision_holds_images_as_base64(tmp_path: Path) -> None:
    sample = _samples(read_all("r1_onevision", IMAGE_FIXTURES["r1_onevision"](tmp_path)))[0]
    part = sample.turns[0].parts[0]
    assert isinstance(part, Image) and part.content == image_bytes()
    assert sample.columns["trace"] == "think"


def test_r1_onevision_with_a_broken_image_is_a_drop(tmp_path: Path) -> None:
    cells = [base64.b64encode(image_bytes()).decode() + "!", None]
    talks = [talk("<image>\nQ?")] * 2
    write_parquet(tmp_path / "a.parquet", types={"conversations": TURNS}, image=cells, conversations=talks)
    assert reasons(read_all("r1_onevision", location(tmp_path))) == ["missing_media", "placeholder_mismatch"]


def test_both_configs_of_openthoughts_give_the_same_conversation(tmp_path: Path) -> None:
    rows = _samples(read_all("openthoughts", TEXT_FIXTURES["openthoughts"](tmp_path)))
    default, metadata = rows[0], rows[len(rows) // 2]
    assert shape(default)[1:] == [["q 0"], shape(metadata)[1]] and shape(default)[0] == ["Think."]
    assert {row.columns["trace"] for row in rows} == {"thought_tokens"}


def test_smoltalk_without_source_and_with_content_first_is_read(tmp_path: Path) -> None:
    talks = [[{"content": "q", "role": "user"}, {"content": "a", "role": "assistant"}]]
    write_parquet(tmp_path / "a.parquet", types={"messages": MESSAGES}, messages=talks, extra=[1])
    sample = only_sample("smoltalk", location(tmp_path))
    assert shape(sample) == [["q"], ["a"]] and sample.columns == {"source": None}


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"instruction": "i", "response": "r"}, [["i"], ["r"]]),
        ({"instruction": "i", "input": "n", "output": "o"}, [["i\nn"], ["o"]]),
        ({"instruction": "i", "input": "", "output": "o"}, [["i"], ["o"]]),
        ({"instruction": "x", "conversations": talk("q", "a")}, [["q"], ["a"]]),
        ({"instruction": "i", "output": "o", "system": "s"}, [["s"], ["i"], ["o"]]),
    ],
)
def test_instructions_are_read_in_their_usual_forms(tmp_path: Path, row: Any, turns: Any) -> None:
    assert shape(only_sample("magpie", location(write_lines(tmp_path / "a.jsonl", [row])))) == turns


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"instruction": "i", "output": ""}, "no_answer"),
        ({"instruction": "i"}, "no_answer"),
        ({"instruction": " ", "output": "o"}, "no_question"),
        ({"instruction": None, "output": "o"}, "invalid_row"),
        ({"instruction": "i", "input": 3, "output": "o"}, "invalid_row"),
    ],
)
def test_an_instruction_that_lacks_a_part_is_a_drop(tmp_path: Path, row: Any, reason: str) -> None:
    assert only_drop("magpie", location(write_lines(tmp_path / "a.jsonl", [row]))).reason == reason


def test_planted_rows_of_mammoth_vl_come_out_as_its_notes_say(real_data: Path, tmp_path: Path) -> None:
    where = replace(location(real_data / "real" / "mini-mammoth-vl"), cache=str(tmp_path))
    rows = {row.row_key: row for row in read_all("mammoth_vl", where)}
    found = {key: (shape(row)[0] if isinstance(row, Sample) else row.reason) for key, row in rows.items()}
    assert found == {
        "mammoth_ov_2M.json:0": ["[image]", "[image]", "How do the two pictures differ? Explain."],
        "mammoth_ov_2M.json:1": ["[video]", "What happens in the video? Reason step by step."],
        "mammoth_ov_2M.json:2": ["What is 12 times 12?"],
        "mammoth_ov_2M.json:3": "missing_media",
        "mammoth_ov_2M.json:4": ["[image]", "How many bottles?"],
        "mammoth_ov_2M.json:5": "no_answer",
        "mammoth_ov_2M.json:6": ["[image]"] * 7 + ["Are all seven the same?"],
        "mammoth_si_10M.json:0": ["[image]", "Describe the picture."],
        "mammoth_si_10M.json:1": ["[image]", "Describe the picture."],
        "mammoth_si_10M.json:2": "missing_media",
    }
    assert flags(_samples([rows["mammoth_si_10M.json:1"]])[0]) == ["placeholder_added"]
    card = load_adapter("mammoth_vl").CARD
    kinds = [kind_of(row, card) for row in rows.values() if isinstance(row, Sample)]
    assert kinds == ["multi_image", "video", "cot", "cot", "multi_image", "cot", "cot"]
    assert isinstance(_samples([rows["mammoth_ov_2M.json:1"]])[0].turns[0].parts[0], Video)


def _pdf_rows(folder: Path, pdfs: list[Any]) -> Path:
    texts = [[{"user": "Q?", "assistant": "A.", "source": "pdfa"}]] * len(pdfs)
    return write_parquet(folder / "pdf" / "train-00000.parquet", pdf=pdfs, texts=texts)


def _pdf(pages: int) -> bytes:
    import io

    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(144, 72)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_pages_of_a_pdf_are_drawn_at_the_dots_an_inch(tmp_path: Path) -> None:
    import io

    from PIL import Image as PillowImage

    path = _pdf_rows(tmp_path, [_pdf(6)])
    sample = only_sample("docmatix", location(path))
    assert shape(sample) == [["[image]"] * 4 + ["Q?"], ["A."]]
    sample = only_sample("docmatix", location(path, dpi=100, pages=2))
    assert shape(sample)[0] == ["[image]", "[image]", "Q?"]
    page = sample.turns[0].parts[0]
    assert isinstance(page, Image) and isinstance(page.content, bytes)
    assert PillowImage.open(io.BytesIO(page.content)).size == (200, 100)


def test_real_pdfs_are_drawn_and_those_that_can_not_be_are_drops(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "real" / "docs-pdf-pdfplumber"
    names = ["scotus-transcript-p1.pdf", "empty.pdf", "password-example.pdf", "malformed-from-issue-932.pdf"]
    pdfs: list[Any] = [(folder / name).read_bytes() for name in names]
    rows = read_all("docmatix", location(_pdf_rows(tmp_path, [*pdfs, None]), pages=1))
    assert reasons(rows) == ["ok", "unreadable_pdf", "unreadable_pdf", "ok", "missing_media"]


def test_a_set_with_required_columns_names_the_one_that_is_missing(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", image=[b""], pairs=["x"])
    with pytest.raises(SourceError, match="no column 'qa'"):
        load_adapter("lnqa").tasks(location(tmp_path))
