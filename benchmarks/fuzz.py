"""Damage manifests, datasets of every adapter, handwriting and video times at random, and count how each run ends.

    python benchmarks/fuzz.py [--seconds 60] [--seed 0] [TARGET …]

Targets: manifest, plans (of frames), ink, and the name of an adapter (default: all, in turn). Datasets are the contract
test's fixtures, damaged in their bytes, values, names and archives (tests/fuzzing); each is looked at as `peek` does,
pulled, measured and encoded. A run fails when it raises what is no CurationError, when counts do not add up, when a
control character reaches the terminal, when a plan breaks a law, when it takes more than a minute or more than 10 GB of
addresses, or ends the process. A failure is printed with its target and seed: `fuzz.py TARGET --seed N --seconds 1`
runs it again. Exits with 1 when there was any.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what damages is the tests' own
from curation.child import Child, ChildDiedError, ChildTimeoutError
from tests.sources.test_contract import FIXTURES

PURE = ("manifest", "plans", "ink")
LIMIT_SECONDS, LIMIT_BYTES = 60.0, 10 << 30


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz manifests, adapters, ink and frame plans.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=[*PURE, *FIXTURES])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if unknown := set(asked.targets) - {*PURE, *FIXTURES}:
        parser.error(f"no target named {', '.join(sorted(unknown))}; there are {', '.join((*PURE, *FIXTURES))}")
    outcomes: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    slowest = (0.0, "")
    with tempfile.TemporaryDirectory(prefix="curation-fuzz-") as folder:
        os.environ["CURATION_PATIENCE"] = "0.1"  # damage may name addresses where nobody answers
        child = Child(quiet=True, memory_bytes=LIMIT_BYTES)
        began = time.monotonic()
        for number in count():
            if time.monotonic() - began >= asked.seconds:
                break
            target, seed = asked.targets[number % len(asked.targets)], asked.seed + number // len(asked.targets)
            started = time.monotonic()
            try:
                outcome = child.call("tests.fuzzing.targets:run", target, seed, folder, timeout=LIMIT_SECONDS)
            except (ChildTimeoutError, ChildDiedError) as err:
                outcome = f"FAILED {type(err).__name__}: {err}"
            except Exception as err:
                outcome = f"FAILED {type(err).__name__}: {str(err)[:160]!r}"
            slowest = max(slowest, (time.monotonic() - started, f"{target} --seed {seed}"))
            outcomes[target, outcome] += 1
            if outcome.startswith("FAILED"):
                failures.append(f"{target} --seed {seed}: {outcome}")
                print(failures[-1], flush=True)
        child.close()
    groups = {name: [key for key in outcomes if key[0] == name] for name in dict.fromkeys(asked.targets)}
    for name, keys in groups.items():
        runs = sum(outcomes[key] for key in keys)
        failed = sum(outcomes[key] for key in keys if key[1].startswith("FAILED"))
        print(f"{name:<18} {runs:>7} runs {len(keys):>5} outcomes {failed:>4} failures")
    print(
        f"{'all':<18} {outcomes.total():>7} runs {len(outcomes):>5} outcomes {len(failures):>4} failures, "
        f"the slowest {slowest[0]:.1f} s ({slowest[1]})"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
