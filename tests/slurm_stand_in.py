"""A scheduler small enough for a test: sbatch, squeue, scontrol, scancel and srun that really run array jobs.

Each is this file under another name. What is known of a job is in files beside it: `<id>.elements` says how many
elements have not ended, `<id>.pid` is the process group that runs them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROGRAMS = ("sbatch", "squeue", "scontrol", "scancel", "srun")
HERE = Path(__file__).parent


def install(folder: Path) -> None:
    """Write the programs into a folder, to be put on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).read_text()
    for program in PROGRAMS:
        (folder / program).write_text(f"#!{sys.executable}\n{source}")
        (folder / program).chmod(0o755)


def sbatch(arguments: list[str]) -> int:
    """Start a job's elements in the background and tell its id."""
    script = Path(arguments[-1]).read_text()
    directives = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script, re.MULTILINE))
    if directives["partition"] == "closed":
        sys.stderr.write("sbatch: error: invalid partition specified: closed\n")
        return 1
    number = 1 + len(list(HERE.glob("*.sh")))
    (HERE / f"{number}.sh").write_text(script)
    runner = subprocess.Popen(
        [sys.executable, str(HERE / "sbatch"), "--run", str(number), directives["array"], directives["output"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (HERE / f"{number}.pid").write_text(str(runner.pid))
    sys.stdout.write(f"Submitted batch job {number}\n")
    return 0


def run(number: str, array: str, output: str) -> int:
    """Run the elements of a job, as many at once as it allows."""
    last, _, limit = array.removeprefix("0-").partition("%")

    def element(index: int) -> None:
        place = Path(output.replace("%A", number).replace("%a", str(index)))
        environment = dict(os.environ, SLURM_ARRAY_TASK_ID=str(index), SLURM_JOB_ID=number, SLURM_NODELIST="node-0")
        with place.open("wb") as log:
            subprocess.run(["bash", str(HERE / f"{number}.sh")], env=environment, stdout=log, stderr=log, check=False)

    with ThreadPoolExecutor(int(limit or 4)) as threads:
        list(threads.map(element, range(int(last) + 1)))
    (HERE / f"{number}.pid").unlink()
    return 0


def squeue(arguments: list[str]) -> int:
    """Tell that a job runs; a job that has ended is not known any more."""
    number = arguments[-1]
    if not (HERE / f"{number}.pid").exists():
        sys.stderr.write("slurm_load_jobs error: Invalid job id specified\n")
        return 1
    sys.stdout.write("RUNNING\n")
    return 0


def scancel(arguments: list[str]) -> int:
    """End a job and all it runs."""
    for number in arguments:
        if (HERE / f"{number}.pid").exists():
            os.killpg(int((HERE / f"{number}.pid").read_text()), signal.SIGKILL)
            (HERE / f"{number}.pid").unlink()
    return 0


def main(program: str, arguments: list[str]) -> int:
    """Be one of the programs."""
    if program == "sbatch":
        return run(*arguments[1:]) if arguments[0] == "--run" else sbatch(arguments)
    if program == "squeue":
        return squeue(arguments)
    if program == "scancel":
        return scancel(arguments)
    if program == "scontrol":
        sys.stdout.write(f"{arguments[-1]}\n")
        return 0
    command = arguments[arguments.index("-n") + 2 :]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[0]).name, sys.argv[1:]))
