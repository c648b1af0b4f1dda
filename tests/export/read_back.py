"""Read an export with the library it is for, in that library's own environment, and tell what it holds.

    python read_back.py LIBRARY FOLDER

Prints a line of JSON for each sample: what it is, the sha256 of its ids and labels, the sizes of its images.
This file imports nothing of the toolkit.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def digest(values: Any) -> str:
    """Hash int32 values."""
    array = np.asarray(values)
    assert array.dtype == np.int32
    return hashlib.sha256(array.tobytes()).hexdigest()


def told(about: dict[str, Any], input_ids: Any, labels: Any, images: list[Any]) -> dict[str, Any]:
    """Return what is compared of a sample; `images` are PIL images."""
    return {
        "sample_id": about["sample_id"],
        "source": about["source"],
        "kind": about["kind"],
        "pack": about["pack"],
        "tiles": about["tiles"],
        "names": about["images"],
        "input_ids": digest(input_ids),
        "labels": digest(labels),
        "sizes": [list(image.size) for image in images],
    }


def from_webdataset(folder: str) -> Iterator[dict[str, Any]]:
    import webdataset  # type: ignore[import-not-found]

    urls = sorted(str(path) for path in Path(folder).glob("shard-*.tar"))
    for sample in webdataset.WebDataset(urls, shardshuffle=False).decode("pil"):
        images = [sample[key] for key in sorted(sample) if key[:3].isdigit()]
        yield told(sample["json"], sample["input_ids.npy"], sample["labels.npy"], images)


def from_streaming(folder: str) -> Iterator[dict[str, Any]]:
    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    import torchvision_free  # type: ignore[import-not-found]  # an environment of its own runs this file

    torchvision_free.prepare()
    from streaming import LocalDataset  # type: ignore[import-not-found]

    for sample in LocalDataset(folder):
        assert sample["sample_id"] == sample["about"]["sample_id"]
        assert (sample["source"], sample["kind"]) == (sample["about"]["source"], sample["about"]["kind"])
        yield told(sample["about"], sample["input_ids"], sample["labels"], sample["images"])


def from_energon(folder: str) -> Iterator[dict[str, Any]]:
    import megatron.energon as energon  # type: ignore[import-not-found]
    from megatron.energon.task_encoder.cooking import Cooker  # type: ignore[import-not-found]
    from PIL import Image

    @energon.stateless  # type: ignore[untyped-decorator]
    def cook(sample: dict[str, Any]) -> dict[str, Any]:
        return sample

    class Encoder(energon.DefaultTaskEncoder):  # type: ignore[misc]
        cookers = (Cooker(cook),)

        @energon.stateless  # type: ignore[untyped-decorator]
        def batch(self, samples: list[Any]) -> list[Any]:
            return samples

    dataset = energon.get_train_dataset(
        folder,
        batch_size=1,
        shuffle_buffer_size=None,
        max_samples_per_sequence=None,
        worker_config=energon.WorkerConfig(rank=0, world_size=1, num_workers=0),
        task_encoder=Encoder(),
        repeat=False,
    )
    for batch in energon.get_savable_loader(dataset):
        for sample in batch:
            # energon's default decodes to tensors [3, height, width]
            images = [
                Image.new("1", (sample[key].shape[2], sample[key].shape[1]))
                for key in sorted(sample)
                if key[:3].isdigit()
            ]
            yield told(sample["json"], sample["input_ids.npy"], sample["labels.npy"], images)


READERS: dict[str, Callable[[str], Iterator[dict[str, Any]]]] = {
    "energon": from_energon,
    "streaming": from_streaming,
    "webdataset": from_webdataset,
}

if __name__ == "__main__":
    for sample in READERS[sys.argv[1]](sys.argv[2]):
        sys.stdout.write(json.dumps(sample) + "\n")
