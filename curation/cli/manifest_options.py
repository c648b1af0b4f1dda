"""The options that `build`, `plan`, `splice` and `ablate` share: where the work runs, and what is told about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from curation.builds import Build
    from curation.engine import EngineSettings, Recorder

Command = TypeVar("Command", bound=Callable[..., Any])
ENGINES = ("local", "ray", "slurm")

workspace_option = click.option(
    "--workspace",
    type=click.Path(),
    help="Folder for reusable work; default: CURATION_WORKSPACE, else .curation beside the manifest.",
)


def engine_options(command: Command) -> Command:
    """Add --workers, --engine, --engine-option and --memory; the command gets them as `engine`, an EngineSettings."""

    @wraps(command)
    def with_engine(*, engine: str, workers: int | None, engine_option: Sequence[str], memory: str, **rest: Any) -> Any:
        return command(engine=_settings(engine, workers, engine_option, memory=memory), **rest)

    wrapped: Any = with_engine
    for option in (
        click.option(
            "--memory",
            default="1GB",
            show_default=True,
            metavar="SIZE",
            help="What a worker may hold; one that holds more is killed and its task tried again. 0: no bound.",
        ),
        click.option(
            "--engine-option",
            multiple=True,
            metavar="NAME=VALUE",
            help="What ray or slurm need to know, e.g. partition=cpu; repeatable.",
        ),
        click.option(
            "--engine", metavar="|".join(ENGINES), default="local", show_default=True, help="Where tasks run."
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Processes at once; default: one per core, on ray one per CPU of the cluster, on slurm no limit.",
        ),
    ):
        wrapped = option(wrapped)
    return cast(Command, wrapped)


def work_options(command: Command) -> Command:
    """Add --workspace, --set, --events, --profile and the options of engines; the command gets a `recorder` too."""

    @wraps(command)
    def with_recorder(*, events: str | None, profile: bool, **rest: Any) -> Any:
        from pathlib import Path

        from curation.engine import Recorder

        return command(recorder=Recorder(events=Path(events) if events else None, is_profiled=profile), **rest)

    wrapped: Any = with_recorder
    for option in (
        click.option(
            "--profile", is_flag=True, help="Profile tasks and this process, and print where the profile is; slower."
        ),
        click.option(
            "--events", type=click.Path(dir_okay=False), help="File of events; default: events.jsonl in the workspace."
        ),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a manifest key; repeatable."
        ),
        workspace_option,
    ):
        wrapped = option(wrapped)
    return cast(Command, engine_options(wrapped))


def tell_times(recorder: Recorder) -> None:
    """Print where the time of a run went to stderr, and where its profile is."""
    from curation.engine import stage_table

    click.echo(f"\n{stage_table(recorder.stages.values(), seconds=recorder.seconds)}", err=True)
    if recorder.report is not None:
        click.echo(f"profile: {recorder.report}", err=True)


_LOST = """
select source, rows_read, string_agg(reason || ' ' || num_rows, ', ' order by num_rows desc, reason) as reasons
from (
    select source, rows_read, reason, count(*) as num_rows from sources join ledger using (source)
    where action = 'drop' group by all
)
where source not in (select source from samples where drop_reason is null or drop_reason = 'not_needed')
group by source, rows_read order by source
"""


def tell_lost(build: Build) -> None:
    """Warn on stderr of sources of which no sample is left: weighed `natural`, they are missing without an error."""
    from curation.visible import visible

    for source, rows_read, reasons in build.sql(_LOST).iter_rows():
        line = f"warning: sources.{source}: none of its {rows_read} rows is left: {reasons}"
        click.echo(visible(line), err=True)


def _settings(name: str, workers: int | None, options: Sequence[str], *, memory: str) -> EngineSettings:
    from curation.engine import EngineSettings
    from curation.errors import ManifestError
    from curation.manifests.sizes import parse_bytes

    try:
        memory_bytes = parse_bytes(memory)
    except ValueError as err:
        raise click.BadParameter(f"'{memory}' is no size; write 1GB or 1500MiB", param_hint="--memory") from err
    pairs = [option.partition("=") for option in options]
    for given, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"'{given}' has no value; write NAME=VALUE", param_hint="--engine-option")
    settings = EngineSettings(
        name=name,
        workers=workers,
        memory_bytes=memory_bytes or None,
        options={given: value for given, _, value in pairs},
    )
    try:
        settings.check()
    except ManifestError as err:
        raise click.UsageError(str(err)) from err
    return settings
