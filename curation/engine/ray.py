"""Ranks as jobs of a Ray cluster, started by datatrove's RayPipelineExecutor."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engine.choice import EngineSettings
from curation.errors import BuildError

_RANK_BYTES = 300_000_000  # what the process that watches a worker takes itself


@dataclass(slots=True)
class RayLauncher:
    """Runs ranks as Ray actors of one CPU each; connects to the cluster at the first run.

    No time limit is passed on: datatrove's crashes the driver. A rank whose process is lost takes its actor along, so
    that Ray notices and datatrove starts the rank again.
    """

    settings: EngineSettings
    _ray: Any = None
    _is_ours: bool = False
    _parallel: int = 0

    @property
    def parallel(self) -> int:
        """The CPUs of the cluster, or fewer workers."""
        self._connect()
        return self._parallel

    def launch(self, folder: Path, num_ranks: int, *, name: str) -> None:
        """Run the ranks; see `Launcher`."""
        self._connect()
        from datatrove.executor.ray import RayPipelineExecutor

        from curation.engine.transport import RunJobs, quiet_datatrove

        with quiet_datatrove():
            RayPipelineExecutor(
                pipeline=[RunJobs(str(folder), takes_parent=True)],
                tasks=num_ranks,
                workers=min(self._parallel, num_ranks),
                logging_dir=str(folder),
                mem_per_cpu_gb=self._rank_bytes / (1 << 30),
            ).run()

    def cancel(self) -> None:
        """Do nothing: what still runs ends with the connection."""

    def close(self) -> None:
        """Leave the cluster; a local one that was started for this run ends."""
        if self._ray is not None and self._is_ours:
            self._ray.shutdown()
        self._ray = None

    @property
    def _rank_bytes(self) -> int:
        return (self.settings.memory_bytes or 0) + _RANK_BYTES

    def _connect(self) -> None:
        if self._ray is not None:
            return
        try:
            import ray
        except ImportError as err:
            raise BuildError("engine ray: Ray is not installed; pip install 'curation[ray]'") from err
        if not ray.is_initialized():
            _join(ray, self.settings.options.get("address") or os.environ.get("RAY_ADDRESS"))
            self._is_ours = True
        self._ray = ray
        resources = ray.cluster_resources()
        cpus, memory = int(resources.get("CPU", 0)), max((_node_memory(node) for node in ray.nodes()), default=0)
        if cpus < 1 or memory < self._rank_bytes:
            raise BuildError(
                f"engine ray: the cluster has {cpus} CPUs and at most {memory >> 20} MiB on a node, a worker needs 1 "
                f"and {self._rank_bytes >> 20} MiB; add nodes or lower --memory"
            )
        self._parallel = min(self.settings.workers or cpus, cpus)


def _join(ray: Any, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as err:
        raise BuildError(
            f"engine ray: no cluster at {address or 'the default address'}: {err}; start one with `ray start` "
            "or name its head with --engine-option address=HOST:PORT"
        ) from err


def _knock(address: str | None) -> None:
    """Raise OSError where nobody listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _node_memory(node: dict[str, Any]) -> int:
    return int(node["Resources"].get("memory", 0)) if node.get("Alive") else 0
