"""What datatrove carries: the step that runs a rank, and its Slurm executor. Imported on clusters only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.executor.slurm import SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from curation.engine.rank import run_rank, taking_parent_along


class RunJobs(PipelineStep):  # type: ignore[misc]
    """Run the jobs of a rank; no document goes through. With `takes_parent`, see `taking_parent_along`."""

    name = "Run jobs"
    type = "curation"

    def __init__(self, folder: str, *, takes_parent: bool = False) -> None:
        super().__init__()
        self.folder = folder
        self.takes_parent = takes_parent

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Run the rank."""
        with taking_parent_along() if self.takes_parent else contextlib.nullcontext():
            run_rank(Path(self.folder), rank)
        return iter(())


class ArrayExecutor(SlurmPipelineExecutor):  # type: ignore[misc]
    """The array job alone: datatrove's job that merges statistics dangles for ever when an element fails."""

    def launch_merge_stats(self) -> None:
        """Submit nothing."""


@contextlib.contextmanager
def quiet_datatrove() -> Iterator[None]:
    """Keep datatrove's own log off the driver's stderr while the block runs."""
    from datatrove.utils.logging import logger

    logger.disable("datatrove")
    try:
        yield
    finally:
        logger.enable("datatrove")
