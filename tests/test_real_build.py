"""A build over real files with the published tokenizer: each file is a sample or explained in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.build import build
from curation.builds import Build
from curation.media_root import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from curation.verify import verify

pytestmark = pytest.mark.slow

# A question and an answer stand in where a folder of files has none: here files are at stake, not words.
PAGE = '{question: "What is this?", answer: "A page."}'
PICTURE = '{question: "What is this?", answer: "A picture."}'
SCENE = '{question: "What happens?", answer: "Things."}'
IMAGE_FOLDERS = {
    "sroie": ("docs-sroie", '{sidecars: key, answer_field: total, question: "What is the total?"}'),
    "tesseract": ("docs-tesseract", PAGE),
    "leptonica": ("docs-leptonica", PAGE),
    "easyocr": ("docs-easyocr", PAGE),
    "mmocr": ("docs-mmocr", PAGE),
    "pillow": ("images-pillow", PICTURE),
    "jpegs": ("images-jpeg-decoder", PICTURE),
    "exif": ("images-exif-orientation", PICTURE),
}
VIDEO_FOLDERS = {
    "indexed": "videos-derived-indexed",
    "corrupt": "videos-derived-corrupt",
    "torchcodec": "videos-torchcodec",
    "decord": "videos-decord",
    "mdn": "videos-mdn-cc0",
    "blender": "videos-blender-open-movies",
    "media3": "videos-androidx-media",
    "energon": "videos-energon",
}
CONVERSATIONS = """
  gsm8k:
    {adapter: text, uri: ROOT/text-gsm8k/*.jsonl, kind: cot, options: {prompt_field: question, answer_field: answer}}
  qwen: {adapter: llava, uri: ROOT/llava-qwen-demo/single_images.json}
  llamafactory: {adapter: llava, uri: ROOT/llava-llamafactory-mllm/mllm_demo.json}
  llamafactory_v1:
    {adapter: chat, uri: ROOT/llava-llamafactory-mllm/v1_multimodal_demo.jsonl, options: {strip_prefix: data/}}
  coco: {adapter: llava, uri: ROOT/llava-coco30/coco2014_val_gpt4_qa_30x3.jsonl}
  xtuner: {adapter: chat, uri: ROOT/llava-xtuner-openai/mllm_sft_*_new.jsonl}
  xtuner_old:
    adapter: chat
    uri: ROOT/llava-xtuner-openai/mllm_sft_single_image_example_data.jsonl
    options: {placeholder: <IMG_CONTEXT>}
  docowl: {adapter: images, uri: ROOT/docs-docowl-llmdoc, kind: document, options: {annotations: export_docowl.jsonl}}
  dolma: {adapter: text, uri: ROOT/text-dolma/documents}
"""


def _manifest(folder: Path, real_data: Path) -> Path:
    root = real_data / "real"
    tokenizer = real_data / "tokenizers" / "smolvlm2-256m-500m-video" / "tokenizer.json"
    lines = [
        f"  {name}: {{adapter: images, uri: {root / place}, kind: image, options: {options}}}\n"
        for name, (place, options) in IMAGE_FOLDERS.items()
    ]
    lines += [
        f"  {name}: {{adapter: videos, uri: {root / place}, options: {SCENE}}}\n"
        for name, place in VIDEO_FOLDERS.items()
    ]
    path = folder / "manifest.yaml"
    path.write_text(
        f"version: 1\nname: real\nseed: 3\nprofile: smolvlm2-256m\ntokenizer: {tokenizer}\nsources:"
        + CONVERSATIONS.replace("ROOT", str(root))
        + "".join(lines)
        + "filters: [exact_duplicates]\nmixture: {unit: samples}\nover_length: trim_turns\n"
        + "output: {path: out, shard_size: 8MB}\n"
    )
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Iterator[Build]:
    """Build once, with two workers."""
    folder = tmp_path_factory.mktemp("real")
    yield build(_manifest(folder, real_data), workspace=folder / "ws", workers=2)


def test_the_build_passes_its_own_verification(made: Build) -> None:
    assert [check for check in verify(made) if not check.is_passed] == []


def test_every_source_is_in_the_mixture_or_says_why_not(made: Build) -> None:
    counts = {
        name: (samples, selected)
        for name, samples, selected in made.sql("select source, samples, selected from sources").rows()
    }
    assert len(counts) == 9 + len(IMAGE_FOLDERS) + len(VIDEO_FOLDERS)
    silent = {name for name, (samples, _) in counts.items() if not samples}
    assert silent == {"coco"}  # questions in columns of their own, about images that are not there
    reasons = made.sql("select distinct reason from ledger where source = 'coco'")["reason"].to_list()
    assert reasons == ["invalid_row"]
    unused = {name for name, (samples, selected) in counts.items() if samples and not selected}
    assert unused == {"llamafactory_v1", "xtuner_old"}  # the conversations of llamafactory and xtuner in another form
    reasons = made.sql("select distinct drop_reason from samples where source in ('llamafactory_v1', 'xtuner_old')")[
        "drop_reason"
    ].to_list()
    assert reasons == ["duplicate"]


def _files(folder: Path, suffixes: tuple[str, ...]) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name.lower().endswith(suffixes) and not path.name.startswith(".")
    }


def _explained(made: Build, source: str) -> tuple[set[str], set[str]]:
    """Return the files that are samples of a source, and those that its ledger drops."""
    prefix = len(source) + 2
    file = f"regexp_replace(substr(sample_id, {prefix}), ':[0-9]+$', '') as file"
    kept = made.sql(f"select distinct {file} from samples where source = '{source}'")["file"]
    gone = made.sql(f"select distinct {file} from ledger where source = '{source}' and action = 'drop'")["file"]
    return set(kept), set(gone)


@pytest.mark.parametrize("source", [*IMAGE_FOLDERS, *VIDEO_FOLDERS])
def test_every_file_of_a_folder_is_a_sample_or_explained(made: Build, real_data: Path, source: str) -> None:
    is_video = source in VIDEO_FOLDERS
    place = VIDEO_FOLDERS[source] if is_video else IMAGE_FOLDERS[source][0]
    files = _files(real_data / "real" / place, VIDEO_SUFFIXES if is_video else IMAGE_SUFFIXES)
    samples, dropped = _explained(made, source)
    assert files, f"{place} has no such file"
    assert files - samples - dropped == set()
    assert samples - files == set()


def test_every_row_that_is_not_in_the_mixture_says_why(made: Build) -> None:
    silent = made.sql(
        """
        select sample_id from samples where not selected and (drop_reason is null or (drop_reason <> 'not_needed'
            and sample_id not in (select sample_id from ledger where action = 'drop' and sample_id is not null)))
        """
    )
    assert silent["sample_id"].to_list() == []
    unexplained = made.sql("select sample_id from ledger where reason is null or stage is null or source is null")
    assert len(unexplained) == 0


def test_no_corrupt_video_is_trained_on_unnoticed(made: Build) -> None:
    """What is broken is dropped or, where its leading part plays, flagged with what was lost."""
    noticed = set(made.sql("select sample_id from ledger where source = 'corrupt'")["sample_id"])
    selected = set(made.sql("select sample_id from samples where source = 'corrupt' and selected")["sample_id"])
    unnoticed = {"corrupt/trunc_half.gif:0", "corrupt/trunc_mid_packet.ts:0"}  # neither form says how long it is
    assert noticed and selected - noticed <= unnoticed
