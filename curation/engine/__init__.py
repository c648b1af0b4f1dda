"""Map a function over the tasks of a stage: on this machine, on Ray or on Slurm.

A task writes its outputs itself and returns a small summary; the engine writes the task's marker last. A task whose
marker is there is not run again. A worker that dies takes only its task with it: the task is tried again elsewhere,
and after `MAX_ATTEMPTS` the stage fails and names it.
"""

from curation.engine.choice import MEMORY_BYTES, OPTIONS, EngineSettings, open_engine
from curation.engine.events import Recorder, TaskEvent
from curation.engine.jobs import MAX_ATTEMPTS, Engine, Job, Progress
from curation.engine.local import LocalEngine
from curation.engine.times import StageTime, stage_table

__all__ = [
    "MAX_ATTEMPTS",
    "MEMORY_BYTES",
    "OPTIONS",
    "Engine",
    "EngineSettings",
    "Job",
    "LocalEngine",
    "Progress",
    "Recorder",
    "StageTime",
    "TaskEvent",
    "open_engine",
    "stage_table",
]
