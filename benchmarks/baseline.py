"""What a team would write otherwise: `datasets`, transformers' SmolVLM processor and a greedy packer, in one script.

    python benchmarks/baseline.py ROWS.jsonl IMAGES TOKENIZER OUT [--workers 2]

Rows are chats with an image and one answer. Each becomes input_ids and labels (loss on the answer and the token that
closes it) in OUT/samples.parquet, with the image's bytes; OUT/packs.parquet says which samples stand together, in
shuffled order, at most 8,192 tokens. It measures nothing, filters nothing and starts from the beginning each time.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

CONTEXT = 8192
END = "<end_of_utterance>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("tokenizer")
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    import datasets

    datasets.disable_progress_bars()
    options.output.mkdir(parents=True, exist_ok=True)
    cache = str(options.output / "cache")
    rows = datasets.load_dataset("json", data_files=str(options.rows), split="train", cache_dir=cache)
    encoder = Encoder(options.tokenizer, options.images)
    encoded = rows.map(encoder, remove_columns=rows.column_names, num_proc=options.workers)
    encoded.to_parquet(str(options.output / "samples.parquet"))
    packs = greedy([len(ids) for ids in encoded["input_ids"]], seed=17)
    datasets.Dataset.from_dict({"samples": packs}).to_parquet(str(options.output / "packs.parquet"))
    print(f"{len(encoded)} samples in {len(packs)} packs")


class Encoder:
    """Makes input_ids and labels of a row; the processor is loaded once in each process."""

    def __init__(self, tokenizer: str, images: Path) -> None:
        self.tokenizer, self.images = tokenizer, images
        self._processor: Any = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        from PIL import Image

        if self._processor is None:
            self._processor = load_processor(self.tokenizer)
        text, name = prompt(row["messages"])
        path = self.images / name
        with Image.open(path) as image:
            ids = self._processor(text=text, images=[image.convert("RGB")])["input_ids"][0]
        return {"input_ids": ids, "labels": self._labels(ids), "image": path.read_bytes()}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_processor": None}

    def _labels(self, ids: list[int]) -> list[int]:
        """Leave the loss on what follows the last `Assistant:`, without the line's end."""
        opening = self._processor.tokenizer("Assistant:", add_special_tokens=False)["input_ids"]
        place = next(at for at in range(len(ids), 0, -1) if list(ids[at - len(opening) : at]) == opening)
        return [-100] * place + list(ids[place:-1]) + [-100]


def prompt(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the text as the model's chat template writes it, and the image's name."""
    (image, question), (answer,) = (message["content"] for message in messages)
    text = f"<|im_start|>User:<image>{question['text']}{END}Assistant: {answer['text']}{END}"
    return text, image["image"]


def load_processor(spec: str) -> Any:
    """Return transformers' SmolVLM processor for a tokenizer's folder.

    Its video part, which needs torchvision, is replaced by the two numbers that the prompt is made of; images and text
    run the library's own code with the PIL back end.
    """
    from types import SimpleNamespace

    from transformers import PreTrainedTokenizerFast, SmolVLMProcessor
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    class Processor(SmolVLMProcessor):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return type(argument)

    folder = Path(spec).parent if Path(spec).is_file() else Path(spec)
    return Processor(
        image_processor=SmolVLMImageProcessorPil.from_pretrained(str(folder)),
        tokenizer=PreTrainedTokenizerFast.from_pretrained(str(folder)),
        video_processor=SimpleNamespace(num_frames=64, fps=1),
        image_seq_len=64,
    )


def greedy(lengths: list[int], *, seed: int) -> list[list[int]]:
    """Fill packs one after another in shuffled order."""
    order = list(range(len(lengths)))
    random.Random(seed).shuffle(order)
    packs: list[list[int]] = []
    room = 0
    for number in order:
        if lengths[number] > room:
            packs.append([])
            room = CONTEXT
        packs[-1].append(number)
        room -= lengths[number]
    return packs


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
