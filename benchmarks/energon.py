"""Read a build front to back beside megatron-energon, which reads the same samples from our export.

    .bench/energon/bin/python benchmarks/energon.py [--samples 2000] [--rounds 5]

Samples are 39 kB JPEGs with about 1,230 tokens. Ours gives tokens as arrays and images as bytes; energon's own default
decodes images, so its decoder is left out: both hand out what is stored. Both must give the same tokens before they
are timed. One process; rounds are interleaved.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drawn_build import write_builds
from readers import Part, Reader, counters, our_readers
from reporting import Report, arguments
from rounds import interleave

from curation.mixtures.export import export


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    options = parser.parse_args()
    report = Report(path=options.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builds = write_builds(folder, options.samples)
        export(builds["arrow"].packs(), "energon", folder / "export")
        readers = our_readers(builds) | {"megatron-energon": reader(folder / "export")}
        timings = interleave(counters(readers), rounds=options.rounds)
        report.rates(f"read {options.samples} samples, energon", timings, ours="ours, parquet", unit="samples")


def reader(folder: Path) -> Reader:
    """Return what reads an export with energon's loader."""
    from megatron import energon
    from megatron.energon.task_encoder.cooking import Cooker

    @energon.stateless
    def cook(sample: dict[str, Any]) -> dict[str, Any]:
        return sample

    class Encoder(energon.DefaultTaskEncoder):  # type: ignore[misc]
        decoder = None
        cookers = (Cooker(cook),)

        @energon.stateless
        def batch(self, samples: list[Any]) -> list[Any]:
            return samples

    def read() -> Iterator[Part]:
        dataset = energon.get_train_dataset(
            str(folder),
            batch_size=1,
            shuffle_buffer_size=None,
            max_samples_per_sequence=None,
            worker_config=energon.WorkerConfig(rank=0, world_size=1, num_workers=0),
            task_encoder=Encoder(),
            repeat=False,
        )
        for batch in energon.get_savable_loader(dataset):
            for sample in batch:
                assert next(sample[key] for key in sample if key[:3].isdigit())
                yield 1, array(sample["input_ids.npy"]), array(sample["labels.npy"])

    return read


def array(stored: Any) -> Any:
    """Return an array as it is, or out of the bytes of its file."""
    return np.load(io.BytesIO(stored)) if isinstance(stored, bytes) else stored


if __name__ == "__main__":
    main()
