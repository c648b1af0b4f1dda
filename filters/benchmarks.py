"""The usual benchmarks by name: where each is read from on the Hugging Face hub, and the fields of its rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Files of test items. `places` are files, folders, globs or URLs; field names as the rows have them.

    Fields that are None are looked for under the usual names.
    """

    name: str
    places: tuple[str, ...]
    field: str | None = None
    answer_field: str | None = None
    image_field: str | None = None


def _hub(name: str, repository: str, *globs: str, field: str | None = None) -> Benchmark:
    return Benchmark(name=name, places=tuple(f"hf://datasets/{repository}/{glob}" for glob in globs), field=field)


# Videos are not compared with a benchmark's; of the video benchmarks the questions and answers are.
BENCHMARKS: dict[str, Benchmark] = {
    "ai2d": _hub("ai2d", "lmms-lab/ai2d", "**/test-*.parquet"),
    "chartqa": _hub("chartqa", "lmms-lab/ChartQA", "**/test-*.parquet"),
    "docvqa": _hub("docvqa", "lmms-lab/DocVQA", "DocVQA/validation-*.parquet", "DocVQA/test-*.parquet"),
    "egoschema": _hub("egoschema", "lmms-lab/egoschema", "MC/test-*.parquet"),
    "gqa": _hub("gqa", "lmms-lab/GQA", "testdev_balanced_*/testdev-*.parquet"),
    "gsm8k": _hub("gsm8k", "openai/gsm8k", "main/test-*.parquet"),
    "infovqa": _hub(
        "infovqa", "lmms-lab/DocVQA", "InfographicVQA/validation-*.parquet", "InfographicVQA/test-*.parquet"
    ),
    "math500": _hub("math500", "HuggingFaceH4/MATH-500", "test.jsonl", field="problem"),
    "mathverse": _hub("mathverse", "AI4Math/MathVerse", "testmini*.parquet"),
    "mathvista": _hub("mathvista", "AI4Math/MathVista", "data/test*.parquet"),
    "mlvu": _hub("mlvu", "sy1998/MLVU_dev", "**/test-*.parquet"),
    "mmbench": _hub("mmbench", "lmms-lab/MMBench", "en/dev-*.parquet", "en/test-*.parquet"),
    "mme": _hub("mme", "lmms-lab/MME", "**/test-*.parquet"),
    "mmlu": _hub("mmlu", "cais/mmlu", "all/test-*.parquet"),
    "mmmu": _hub("mmmu", "MMMU/MMMU", "*/dev-*.parquet", "*/validation-*.parquet", "*/test-*.parquet"),
    "mmmu-pro": _hub("mmmu-pro", "MMMU/MMMU_Pro", "standard (10 options)/test-*.parquet"),
    "mmstar": _hub("mmstar", "Lin-Chen/MMStar", "*.parquet"),
    "mmvet": _hub("mmvet", "lmms-lab/MMVet", "**/test-*.parquet"),
    "mvbench": _hub("mvbench", "OpenGVLab/MVBench", "json/*.json"),
    "ocrbench": _hub("ocrbench", "echo840/OCRBench", "data/test-*.parquet"),
    "pope": _hub("pope", "lmms-lab/POPE", "**/test-*.parquet"),
    "realworldqa": _hub("realworldqa", "xai-org/RealworldQA", "data/test-*.parquet"),
    "scienceqa": _hub("scienceqa", "derek-thomas/ScienceQA", "data/test-*.parquet"),
    "seedbench": _hub("seedbench", "lmms-lab/SEED-Bench", "data/test-*.parquet"),
    "tempcompass": _hub("tempcompass", "lmms-lab/TempCompass", "*/test-*.parquet"),
    "textvqa": _hub("textvqa", "lmms-lab/textvqa", "data/validation-*.parquet", "data/test-*.parquet"),
    "video-mme": _hub("video-mme", "lmms-lab/Video-MME", "videomme/test-*.parquet"),
    "vqav2": _hub("vqav2", "lmms-lab/VQAv2", "data/validation-*.parquet"),
    "worldsense": _hub("worldsense", "lmms-lab/WorldSense", "**/test-*.parquet"),
}
