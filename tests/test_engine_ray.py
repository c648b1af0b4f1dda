"""Ray: a real cluster of a head and two nodes on this machine, its processes killed in the middle of the work."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.build import build
from curation.engine import Engine, EngineSettings, Recorder, open_engine
from curation.errors import BuildError, SourceError
from tests.corpora import digests, write_corpus
from tests.engine_work import WORK, jobs_of, tries

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a cluster whose head takes no work; skip where Ray is not installed unless CURATION_REQUIRE_RAY is set."""
    if not os.environ.get("CURATION_REQUIRE_RAY"):
        pytest.importorskip("ray", reason="Ray is not installed; CURATION_REQUIRE_RAY=1 makes this an error")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **memory)
    yield cluster
    cluster.shutdown()


def _settings(cluster: Any, **more: Any) -> EngineSettings:
    return EngineSettings(name="ray", options={"address": cluster.address, "rank_seconds": "0.1"}, **more)


@pytest.fixture
def engine(cluster: Any) -> Iterator[Engine]:
    """Give an engine on the cluster."""
    engine = open_engine(_settings(cluster), Recorder())
    yield engine
    engine.close()


def test_a_build_on_ray_has_the_bytes_of_a_local_one(tmp_path: Path, cluster: Any) -> None:
    (tmp_path / "corpus").mkdir()
    manifest = write_corpus(tmp_path / "corpus")
    local = build(manifest, output=tmp_path / "local", workspace=tmp_path / "ws-local")
    recorder = Recorder()
    made = build(
        manifest, output=tmp_path / "ray", workspace=tmp_path / "ws", engine=_settings(cluster), recorder=recorder
    )
    assert digests(made.folder) == digests(local.folder)
    assert [recorder.stages[name].tasks for name in ("pull", "encode", "decode")] == [4, 4, 1]


def test_a_rank_whose_process_is_killed_takes_its_actor_along_and_is_started_again(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    summaries = engine.map("pull docs", WORK, jobs_of(tmp_path, 3, fails="rank_dies"), tmp_path)
    assert [summary["name"] for summary in summaries] == ["000", "001", "002", "bad"]
    assert sorted(tries(tmp_path / "diary")) == ["000", "001", "002", "bad", "bad"]
    assert "running them again" not in caplog.text  # Ray noticed by itself


def test_a_job_that_kills_its_worker_is_tried_again_in_its_rank(tmp_path: Path, engine: Engine) -> None:
    summaries = engine.map("pull docs", WORK, jobs_of(tmp_path, 1, fails="dies"), tmp_path)
    assert [summary["name"] for summary in summaries] == ["000", "bad"]
    assert engine.recorder.stages["pull"].retried == 1


def test_what_a_job_raises_comes_through_although_ray_ends_well(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(SourceError, match="'a' is cut; fetch it again"):
        engine.map("pull docs", WORK, jobs_of(tmp_path, 1, fails="raises"), tmp_path)
    assert tries(tmp_path / "diary").count("bad") == 1


def test_workers_that_fit_no_node_are_refused_instead_of_waited_for(tmp_path: Path, cluster: Any) -> None:
    engine = open_engine(_settings(cluster, memory_bytes=1 << 50), Recorder())
    with pytest.raises(BuildError, match=r"engine ray: the cluster has 2 CPUs and at most \d+ MiB on a node"):
        engine.map("pull docs", WORK, jobs_of(tmp_path, 1), tmp_path)
    engine.close()


def test_an_address_where_nobody_listens_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        engine = open_engine(EngineSettings(name="ray", options={"address": address}), Recorder())
        with pytest.raises(BuildError, match=f"engine ray: no cluster at {address}: .*; start one with `ray start`"):
            engine.map("pull docs", WORK, jobs_of(tmp_path, 1), tmp_path)
    engine.close()


def test_a_node_that_is_lost_costs_nothing_but_time(tmp_path: Path, engine: Engine) -> None:
    """Runs last: the cluster has one node less from here."""
    import ray

    summaries = engine.map("pull docs", WORK, jobs_of(tmp_path, 3, fails="node_dies"), tmp_path)
    assert [summary["name"] for summary in summaries] == ["000", "001", "002", "bad"]
    assert tries(tmp_path / "diary").count("bad") == 2
    assert sum(node["Alive"] for node in ray.nodes()) == 2
