"""Near-duplicate images, from files to decisions: found, lost, and how fast, beside imagededup and imagehash.

    python benchmarks/image_dedup.py [--pictures 25] [--rounds 5]

Per class of drawings.py so many distinct pictures (invoices, receipts, charts … from one template each), and edited
copies of the photos and the pages: JPEG 75, WebP 50, half size. A picture is lost when neither it nor a copy is kept.
Every candidate is a program of its own, imports included. Ours is a whole `plan`: pull, measure, the filter
`near_duplicate_images`, tokens and packs. Rivals use their 64-bit hash within 10 bits, imagededup's default.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from drawings import CLASSES, EDITS, png
from reporting import Report, arguments
from rounds import Run, interleave_runs, run_command

FIRST = 400_000  # seeds not used for tuning
COPIED = ("photo", "text_page")
EDITED = {"jpeg75": ".jpg", "webp50": ".webp", "half": ".png"}
BITS = 10
MANIFEST = """
version: 1
name: pictures
profile: smolvlm2-256m
tokenizer: bytes
sources: {pictures: {adapter: chat, uri: rows.jsonl, media: images}}
filters: [near_duplicate_images]
guard: {max_dropped_fraction: 1.0}
mixture: {unit: samples, weights: {pictures: natural}}
"""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pictures", type=int, default=25)
    parser.add_argument("--only", choices=RULES, help="run one rule over FOLDER and print the names it drops")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(sorted(RULES[options.only](options.folder))))
        return
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = draw(folder, options.pictures)
        candidates: dict[str, Callable[[], Run]] = {}
        quality = []
        for rule in RULES:
            if rule in NEEDS and not find_spec(NEEDS[rule]):
                report.missing(rule, "not installed in this environment")
                continue
            command = [sys.executable, "-W", "ignore", __file__, "--only", rule, "--folder", folder]
            candidates[rule] = lambda command=command: run_command(command, folder=folder, items=len(names))
            quality.append([rule, *judge(names, RULES[rule](folder))])
        header = ["", "copies found", *(f"{kind} lost" for kind in CLASSES)]
        report.table(f"near-duplicate images: what is dropped of {len(names):,}", header, quality)
        timings = interleave_runs(candidates, rounds=options.rounds)
        report.rates(
            "near-duplicate images, files to decisions",
            timings,
            ours="ours",
            unit="images",
            why="opens each file once and answers by 64 bits, which loses what the table says; ours also opens what it "
            "compares, and tokenizes and packs",
        )


def draw(folder: Path, size: int) -> list[str]:
    """Write pictures, copies, rows and a manifest; return the files' names."""
    (folder / "images").mkdir()
    for kind, picture in CLASSES.items():
        for number in range(size):
            image = picture(FIRST + number)
            (folder / "images" / f"{kind}-{number}.png").write_bytes(png(image))
            for edit, suffix in EDITED.items() if kind in COPIED else ():
                (folder / "images" / f"{kind}-{number}~{edit}{suffix}").write_bytes(EDITS[edit](image))
    names = sorted(path.name for path in (folder / "images").iterdir())
    (folder / "rows.jsonl").write_text("".join(json.dumps(_row(name)) + "\n" for name in names))
    (folder / "manifest.yaml").write_text(MANIFEST)
    return names


def _row(name: str) -> dict[str, object]:
    user = {"role": "user", "content": [{"type": "image", "image": name}, {"type": "text", "text": "What is it?"}]}
    return {"messages": [user, {"role": "assistant", "content": [{"type": "text", "text": "A picture."}]}]}


def judge(names: list[str], gone: set[str]) -> list[str]:
    """Return the share of copies found, and of each class the share of pictures of which nothing is kept."""
    kept = {_picture(name) for name in names if name not in gone}
    pictures = {_picture(name) for name in names}
    lost = Counter(picture.partition("-")[0] for picture in pictures - kept)
    num_copies = len(names) - len(pictures)
    found = len(gone) - lost.total()
    size = len(pictures) // len(CLASSES)
    return [f"{found / num_copies:.1%}", *(f"{lost[kind] / size:.1%}" for kind in CLASSES)]


def _picture(name: str) -> str:
    return name.partition("~")[0].removesuffix(".png")


def ours(folder: Path) -> set[str]:
    import curation

    with tempfile.TemporaryDirectory() as workspace:
        made = curation.plan(folder / "manifest.yaml", workspace=workspace, workers=2)
        rows = made.sql(
            "select uri from ledger join media using (sample_id) "
            "where filter = 'near_duplicate_images' and action = 'drop'"
        )
        return {Path(uri).name for (uri,) in rows.iter_rows()}


def with_imagededup(folder: Path) -> set[str]:
    import logging

    import torchvision_free

    torchvision_free.prepare()
    from imagededup.methods import PHash

    logging.disable(logging.WARNING)
    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(image_dir=str(folder / "images"))
    return set(hasher.find_duplicates_to_remove(encoding_map=encodings, max_distance_threshold=BITS))


def with_imagehash(folder: Path) -> set[str]:
    import imagehash
    import numpy as np
    from PIL import Image

    kept: list[np.ndarray] = []
    gone = set()
    for path in sorted((folder / "images").iterdir()):
        with Image.open(path) as image:
            bits = imagehash.phash(image).hash.ravel()
        if kept and (np.stack(kept) != bits).sum(axis=1).min() <= BITS:
            gone.add(path.name)
        else:
            kept.append(bits)
    return gone


RULES: dict[str, Callable[[Path], set[str]]] = {
    "ours": ours,
    "imagededup PHash": with_imagededup,
    "imagehash phash": with_imagehash,
}
NEEDS = {"imagededup PHash": "imagededup", "imagehash phash": "imagehash"}

if __name__ == "__main__":
    main()
