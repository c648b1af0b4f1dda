"""Make the environments of rivals and oracles under .bench: python benchmarks/environments.py [NAME …]

`transformers` has torch and this package. The others borrow its packages and take their own without dependencies: these
pin numpy and transformers below what is used here, or bring 6 GB that reading a file does not need. `streaming` has the
readers of shards and what else needs torchvision, `energon` is apart because of what it brings, `rivals` has the rest.
The tests read exports back in the first two. A package that does not install is named and left out; the rows of the
results that miss it say so.
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
    "rivals": (
        "trl==1.16.0 accelerate psutil binpacking imagehash==4.3.2 PyWavelets scipy datasketch==2.0.0 rensa==0.5.0 "
        "torchcodec==0.13.0 py-data-juicer==1.6.1 jsonargparse typeshed_client docstring-parser loguru wcmatch tomli "
        "uv gitpython gitdb smmap httpx httpcore wget emoji beautifulsoup4 soupsieve tabulate aiohttp multidict attrs "
        "yarl propcache aiosignal frozenlist aiohappyeyeballs"
    ),
    "streaming": (
        "mosaicml-streaming==0.13.0 webdataset==1.0.2 braceexpand brotli python-snappy cramjam zstd catalogue "
        "torchvision litdata==0.2.76 lightning-utilities boto3 botocore s3transfer jmespath imagehash==4.3.2 "
        "PyWavelets scipy imagededup==0.3.3.post2 scikit-learn threadpoolctl joblib narwhals cloudpickle matplotlib "
        "contourpy cycler fonttools kiwisolver pyparsing"
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
    install_each(name, *BORROWING[name].split())


def install(name: str, *packages: str) -> None:
    subprocess.run(command(name, *packages), cwd=ROOT, check=True)


def install_each(name: str, *packages: str) -> None:
    """Install packages at once; if that fails, one by one, naming those that don't."""
    if subprocess.run(command(name, "--no-deps", *packages), cwd=ROOT).returncode == 0:
        return
    for package in packages:
        if subprocess.run(command(name, "--no-deps", package), cwd=ROOT).returncode:
            print(f"{name}: {package} does not install here", file=sys.stderr)


def command(name: str, *packages: str) -> list[str | Path]:
    return [python_of(name), "-m", "pip", "install", "--quiet", *packages]


if __name__ == "__main__":
    main()
