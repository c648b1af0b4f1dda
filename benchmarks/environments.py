"""Make the environments of rivals and oracles under .bench: python benchmarks/environments.py [NAME …]

`transformers` has torch and this package. `streaming` (mosaicml-streaming, webdataset) and `energon` (megatron-energon,
webdataset) borrow its packages and take their own without dependencies: these pin numpy and transformers below what
is used here, or bring 6 GB that reading a file does not need.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = "transformers"
BORROWING = {
    "energon": (
        "megatron-energon==7.4.1 webdataset==1.0.2 braceexpand rapidyaml s3fs multi-storage-client xattr cffi "
        "pycparser lark wcmatch bracex opentelemetry-api opentelemetry-sdk opentelemetry-semantic-conventions "
        "opentelemetry-proto opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http "
        "jsonschema jsonschema-specifications referencing rpds-py protobuf googleapis-common-protos psutil pyvers "
        "attrs deprecation filetype"
    ),
    "streaming": (
        "mosaicml-streaming==0.13.0 webdataset==1.0.2 braceexpand brotli python-snappy cramjam zstd catalogue "
        "torchvision"
    ),
}


def main() -> None:
    for name in sys.argv[1:] or [SHARED, *BORROWING]:
        if name not in (SHARED, *BORROWING):
            sys.exit(f"no environment named '{name}'; there are {', '.join((SHARED, *BORROWING))}")
        if name != SHARED and not python_of(SHARED).exists():
            make_shared()
        make_borrowing(name) if name in BORROWING else make_shared()
        print(python_of(name))


def python_of(name: str) -> Path:
    return ROOT / ".bench" / name / "bin" / "python"


def make_shared() -> None:
    if not python_of(SHARED).exists():
        venv.create(ROOT / ".bench" / SHARED, with_pip=True)
    install(
        SHARED, "torch==2.13.0", "transformers>=5.20,<6", "pytest", "hypothesis", "-c", "constraints.txt", "-e", "."
    )


def make_borrowing(name: str) -> None:
    if not python_of(name).exists():
        venv.create(ROOT / ".bench" / name, with_pip=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path("lib") / version / "site-packages"
    borrowed = [ROOT / ".bench" / SHARED / packages, ROOT]
    (ROOT / ".bench" / name / packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))
    install(name, "--no-deps", *BORROWING[name].split())


def install(name: str, *packages: str) -> None:
    subprocess.run([python_of(name), "-m", "pip", "install", "--quiet", *packages], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
