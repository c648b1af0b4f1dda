"""Encoding speed, one thread: text to ids, and whole 640x480 image samples to ids and lengths.

    python benchmarks/encode.py [TOKENIZER] [--rounds 7]

TOKENIZER is a tokenizer.json, a folder with one, or a hub id; its ids must suit the profile smolvlm2-500m (default:
the one under CURATION_REAL_DATA). Rivals run in turn with ours in each round; medians are over the rounds. The second
rival needs transformers and torch.
"""

from __future__ import annotations

import os

os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import json
import random
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from baseline import load_processor
from reporting import Report, arguments
from rounds import interleave

from curation.mixtures.encode import Encoder, EncodeSettings, expand
from curation.mixtures.profile import load_profile
from curation.mixtures.tokenizer import Tokenizer, load_tokenizer

NUM_TEXTS = 1500
NUM_SAMPLES = 1000
NUM_PROCESSED = 10


def main() -> None:
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("tokenizer", nargs="?", default=default_tokenizer())
    options = parser.parse_args()
    if options.tokenizer is None:
        parser.error("name a tokenizer: a tokenizer.json, a folder with one, or a hub id that suits smolvlm2-500m")
    report = Report(path=options.json)
    profile = load_profile("smolvlm2-500m")
    tokenizer = load_tokenizer(options.tokenizer, profile)
    compare_text(tokenizer, options.tokenizer, report, rounds=options.rounds)
    encoder = Encoder(EncodeSettings(profile=profile), tokenizer)
    compare_samples(encoder, options.tokenizer, report, rounds=options.rounds)


def default_tokenizer() -> str | None:
    """Return the model's own tokenizer when it is among the real files, or None."""
    folder = Path(os.environ.get("CURATION_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared")
    path = folder / "tokenizers" / "smolvlm2-256m-500m-video"
    return str(path) if path.exists() else None


def parse_with_tokenizer(parser: ArgumentParser) -> Namespace:
    """Parse the command line with the option --tokenizer, without which a benchmark of the model's inputs ends."""
    parser.add_argument("--tokenizer", default=default_tokenizer())
    options = parser.parse_args()
    if options.tokenizer is None:
        parser.error("--tokenizer: a folder with the model's tokenizer.json and preprocessor_config.json")
    return options


def compare_text(tokenizer: Tokenizer, spec: str, report: Report, *, rounds: int) -> None:
    """Report tokens a second of ours and of bare `tokenizers.encode_batch` on the same strings."""
    from tokenizers import Tokenizer as Reference

    path = Path(spec)
    bare = Reference.from_file(str(path / "tokenizer.json" if path.is_dir() else path)) if path.exists() else None
    if bare is None:
        bare = Reference.from_pretrained(spec)
    texts = sentences(NUM_TEXTS)
    expected = [encoding.ids for encoding in bare.encode_batch(texts, add_special_tokens=False)]
    assert tokenizer.encode_ordinary_batch(texts) == expected, "ids differ"

    def theirs() -> int:
        return sum(len(encoding.ids) for encoding in bare.encode_batch(texts, add_special_tokens=False))

    candidates = {
        "ours": lambda: sum(map(len, tokenizer.encode_ordinary_batch(texts))),
        "tokenizers.encode_batch": theirs,
    }
    title = f"text to ids, {len(texts)} texts, ids equal, one thread"
    report.rates(title, interleave(candidates, rounds=rounds), ours="ours", unit="tokens")


def compare_samples(encoder: Encoder, spec: str, report: Report, *, rounds: int) -> None:
    """Report samples a second of ours and, where it is installed, of transformers' SmolVLM processor."""
    rows = [sample(i) for i in range(NUM_SAMPLES)]
    encoded, _ = encoder.encode(rows)
    candidates = {"ours": lambda: len(encoder.encode(rows)[0])}
    if find_spec("transformers") is None:
        report.missing("transformers' processor", "not installed in this environment")
    else:
        processor = load_processor(spec)
        inputs = [processed_inputs(row) for row in rows[:NUM_PROCESSED]]
        layout = [(encoded[0]["media"][0]["rows"], encoded[0]["media"][0]["cols"])]
        ids, _ = expand(encoded[0]["ids"], encoded[0]["loss"], layout, encoder.layout)
        assert list(ids) == list(processor(**inputs[0])["input_ids"][0]), "ids differ"
        candidates["transformers' processor"] = lambda: len([processor(**one) for one in inputs])
    title = f"640x480 image samples of {encoded[0]['tokens']} ids to ids and lengths, ids equal"
    report.rates(title, interleave(candidates, rounds=rounds), ours="ours", unit="samples")


def sentences(count: int) -> list[str]:
    """Return texts of 20 to 400 words with figures, punctuation and lists."""
    rng = random.Random(5)
    return [words(rng, rng.randint(20, 400)) for _ in range(count)]


_VOCABULARY = (
    "the a of in and to image picture shows table chart value year increase revenue people street building under over "
    "between left right red blue green small large number total compare describe question answer because therefore "
    "municipal photosynthesis equation derivative 12 3.5 2021 1,250 48% x=7 (see figure) first second third, however; "
    "is are was were has have it they which that with without near left-hand top bottom corner vehicle bicycle window"
)


def words(rng: random.Random, count: int) -> str:
    chosen = rng.choices(_VOCABULARY.split(), k=count)
    return "".join(word + ("\n\n" if rng.random() < 0.02 else ". " if rng.random() < 0.1 else " ") for word in chosen)


def sample(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    turns = [["user", [0, words(rng, 20)]], ["assistant", [words(rng, 40)]]]
    medium = {
        "type": "image",
        "name": f"{number}.jpg",
        "address": json.dumps({"path": f"/data/{number}.jpg"}),
        "media_id": "0" * 64,
        "mime": "image/jpeg",
        "bytes": 60_000,
        "width": 640,
        "height": 480,
    }
    return {
        "sample_id": f"bench/{number}",
        "source": "bench",
        "kind": "image",
        "rank": 0.5,
        "conversation": json.dumps(turns),
        "media": [medium],
    }


def processed_inputs(row: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image

    (_, (_, question)), (_, (answer,)) = json.loads(row["conversation"])
    end = "<end_of_utterance>\n"
    text = f"<|im_start|>User:<image>{question}{end}Assistant: {answer}{end}"
    return {"text": text, "images": [Image.new("RGB", (640, 480), (90, 120, 60))]}


if __name__ == "__main__":
    main()
