"""The command `curation`: a group whose verbs are imported when they are called."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from curation.credentials import redacted
from curation.errors import CurationError
from curation.visible import visible

# Verb: its module's last name and the line that `curation --help` shows; a verb's own help begins with the same line.
VERBS: dict[str, tuple[str, str]] = {
    "ablate": ("ablate", "Build variants of a manifest and compare them."),
    "build": ("build", "Compile a manifest into shards, tables and build.json."),
    "check": ("check", "Check a manifest, its paths, tokenizer and adapters."),
    "demo": ("demo", "Write a small corpus, build it offline and show what came out."),
    "diff": ("diff", "Say what changed between two builds or plans."),
    "export": ("export", "Write a build in the format of another loader."),
    "gc": ("gc", "Free the folders of a workspace that no build needs."),
    "peek": ("peek", "Show the first samples of a source as the toolkit sees them."),
    "plan": ("plan", "Show what a build would hold, without writing one."),
    "report": ("report", "Write one HTML page about a build: plots, tables, a gallery."),
    "schema": ("schema", "Print the JSON Schema of manifests."),
    "show": ("show", "Show one pack or sample: its text, its media, where it comes from."),
    "sources": ("sources", "List the dataset adapters, or show one."),
    "splice": ("splice", "Build a manifest without the samples that a training run has seen."),
    "sql": ("sql", "Ask a build in SQL."),
    "stats": ("stats", "Print the standard tables about a build."),
    "subset": ("subset", "Cut a nested, seeded part out of a build."),
    "trace": ("trace", "Say which samples a training step saw."),
    "verify": ("verify", "Check every file and every invariant of a build."),
    "version": ("version", "Print the versions of the toolkit and what it stands on."),
}
RESUMABLE = frozenset({"ablate", "build", "plan", "demo", "splice"})

# What the machine refuses, and what to do about it: no bugs of ours.
_OUTSIDE = {
    errno.EACCES: "give this user the right to it",
    errno.EPERM: "give this user the right to it",
    errno.EROFS: "choose a folder that can be written",
    errno.EEXIST: "a file stands where a folder is to be made; choose another place",
    errno.ENOTDIR: "a file stands where a folder is to be made; choose another place",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
}


class LazyGroup(click.Group):
    """A click group that knows its verbs by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb; None for an unknown one."""
        if cmd_name not in VERBS:
            return None
        command = import_module(f"curation.cli.{VERBS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb of a command line; an unknown one is refused with the nearest name."""
        from curation.errors import nearest

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"no verb named '{args[0]}'{nearest(args[0], VERBS) or '; curation --help lists them'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, VERBS[name][1]) for name in sorted(VERBS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option("-v", "--verbose", is_flag=True, help="Log what happens to stderr.")
def group(verbose: bool) -> None:
    """Compile public datasets into training mixtures for small vision-language models.

    \b
    Begin with:  curation demo
    Then:        curation build manifest.yaml
                 curation sql builds/small "select kind, sum(tokens) from samples where selected group by kind"
    """
    import logging

    class Printable(logging.Formatter):
        """Writes lines without secrets, since other libraries log URLs, and without what would steer a terminal."""

        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
            return visible(super().formatMessage(record))

        def format(self, record: logging.LogRecord) -> str:
            return redacted(super().format(record))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Printable("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0 done, 1 a known error, 2 usage, 3 a bug, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = group.main(args=given, prog_name="curation", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as err:
        return err.exit_code
    except click.ClickException as err:
        err.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        verb = next((word for word in given if word in VERBS), "")
        click.echo(
            "interrupted" + ("; the same command resumes where it stopped" if verb in RESUMABLE else ""), err=True
        )
        return 130
    except CurationError as err:
        notes = redacted("".join(f" ({note})" for note in getattr(err, "__notes__", ())))
        click.echo(visible(f"error: {err}{notes}"), err=True)
        return 1
    except BrokenPipeError:
        _close_stdout()
        return 0
    except Exception as err:
        if isinstance(err, OSError) and err.errno in _OUTSIDE:
            message = f"error: {err.filename or 'input or output'}: {err.strerror}; {_OUTSIDE[err.errno]}"
            click.echo(visible(message), err=True)
            return 1
        said = visible(redacted(f"{type(err).__name__}: {_first_line(err)}"))
        click.echo(f"bug: {said}; please report it with the log {_write_log(given)}", err=True)
        return 3
    return code if isinstance(code, int) else 0


def _first_line(err: Exception) -> str:
    return (str(err).splitlines() or ["no message"])[0]


def _write_log(arguments: Sequence[str]) -> str:
    """Write the traceback that is being handled to a file in the temp folder; return its path."""
    import platform
    import tempfile
    import traceback
    from shlex import join

    from curation import __version__

    with tempfile.NamedTemporaryFile("w", prefix="curation-bug-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write(f"curation {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        log.write(redacted(f"curation {join(arguments)}\n\n{traceback.format_exc()}"))
    return log.name


def _close_stdout() -> None:
    """Point stdout at nowhere, so that the interpreter does not complain about the closed pipe on its way out."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
