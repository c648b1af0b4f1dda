"""The demo corpus: every kind of training data, small, drawn here, in the layouts in which such sets are published."""

from __future__ import annotations

from pathlib import Path

README = """\
The demo corpus of curation
===========================

Everything here was drawn by `curation demo`; nothing was downloaded. The same seed gives the same bytes as long as
Pillow, PyAV and pyarrow stay the same. All text, names and numbers are invented, all answers are true of what is shown.

docs/        document pages and questions        layout of HuggingFaceM4/Docmatix (Parquet)
cauldron/    charts and formulas                 layout of HuggingFaceM4/the_cauldron (Parquet, a folder per config)
mathwriting/ pen strokes of other formulas       layout of MathWriting (InkML); not used by the manifest
scenes/      coloured shapes and conversations   layout of LLaVA (JSON list, folder of JPEG files)
m4/          stories of several pictures         layout of M4-Instruct (JSON list, a zip per task)
video/       short H.264 videos                  layout of LLaVA-Video-178K (JSON lists, tar.gz archives)
cot/         word problems with steps            layout of GSM8K (JSON lines)
text/web     short lessons                       layout of FineWeb-Edu (Parquet)
text/diaries longer texts                        layout of Dolma (JSON lines, gzip)
chat/        instructions                        OpenAI messages (JSON lines)

Defects, planted so that the ledger of a build has something to show:

- scenes/llava_scenes.json: the last row repeats the row `scene-0012` (an exact duplicate)
- text/diaries: row `diary-0040` is a passage of text/web, word for word (an exact duplicate across sources)
- scenes/images/scene_0101.jpg ends after two fifths of its bytes (a truncated JPEG)
- scenes/images/scene_0057.jpg is missing
- cot/train.jsonl, line 89: the answer is empty
- video: the video of the 18th row of the captions is cut short, so that the index at its end is lost; a caption row
  and a row of open-ended questions name it
"""


def write_corpus(folder: Path, *, seed: int = 17) -> None:
    """Draw the corpus into a folder: about 1,400 samples, 10 MB.

    Files of an earlier run with the same names are replaced. Other files are left alone.
    """
    from curation.demo.arithmetic import write_problems
    from curation.demo.charts import write_charts
    from curation.demo.chats import write_chats
    from curation.demo.documents import write_documents
    from curation.demo.handwriting import write_formulas, write_inks
    from curation.demo.passages import write_texts
    from curation.demo.scenes import write_scenes
    from curation.demo.stories import write_stories
    from curation.demo.videos import write_videos

    write_documents(folder / "docs", seed=seed)
    write_charts(folder / "cauldron" / "chartqa", seed=seed)
    write_formulas(folder / "cauldron" / "mathwriting", seed=seed)
    write_inks(folder / "mathwriting", seed=seed)
    write_scenes(folder / "scenes", seed=seed)
    write_stories(folder / "m4", seed=seed)
    write_videos(folder / "video", seed=seed)
    write_problems(folder / "cot", seed=seed)
    write_texts(folder / "text", seed=seed)
    write_chats(folder / "chat", seed=seed)
    (folder / "README.txt").write_text(README, encoding="utf-8")


def write_manifest(folder: Path) -> Path:
    """Write `manifest.yaml` over the corpus into its folder, whole at once, and return its path."""
    from curation.demo.manifest import MANIFEST

    path = folder / "manifest.yaml"
    partial = folder / ".manifest.yaml.partial"
    partial.write_text(MANIFEST, encoding="utf-8")
    return partial.replace(path)
