"""The pages: figures, plots and exhibits put into a template that escapes whatever a dataset wrote."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from curation.evidence import read_images
from curation.report.gallery import MAX_PICTURES, cut, exhibit, exhibits, medium_pictures, thumbnail
from curation.report.matrix import duplicate_matrix
from curation.report.plots import WIDTH, columns, horizontal_bars, percent
from curation.report.questions import ask_all, choose_samples
from curation.report.writing import cell
from curation.show import ShownPack
from curation.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars
    from jinja2 import Environment

    from curation.builds import Build
    from curation.report.gallery import Exhibit, Picture
    from curation.show import ShownSample, Span
    from curation.stats import Answer

GALLERY_SIDE = 128
SHOWN_SIDE = 384
MAX_SHOWN_CHARS = 200_000
MAX_ANSWER_CHARS = 300
HALF_WIDTH = 480


def report_page(build: Build, *, per_source: int = 4) -> str:
    """Return the report of a build as one HTML document that needs nothing else and runs no script.

    Figures are aggregated in SQL over the index; of the shards only the gallery's rows are read: `per_source` samples
    of lowest rank of each source (0: none), and one sample for each of the most repeated media and answers. The same
    build gives the same page. Raises `BuildError` when a shard is missing.
    """
    with build.connect() as connection:
        answers = ask_all(connection)
        chosen = choose_samples(connection, per_source)
    repeated = [
        str(name) for key in ("repeated_media", "repeated_answers") for name in answers[key].frame.get_column("example")
    ]
    wanted = sorted({*chosen, *repeated} if per_source else set())
    shown = {each.shown.sample["sample_id"]: each for each in exhibits(build, wanted, side=GALLERY_SIDE)}
    gallery: dict[str, list[Any]] = {}
    for sample_id in chosen:
        gallery.setdefault(shown[sample_id].shown.sample["source"], []).append(shown[sample_id])
    media = answers["repeated_media"].frame
    pairs = zip(media["media_id"], media["example"], strict=True)
    return _render(
        "report.html.j2",
        build=build,
        answers=answers,
        plots=_plots(build, answers),
        matrix=duplicate_matrix(answers["duplicates"].frame),
        pictures={media_id: _pictures_of(build, shown.get(example), media_id) for media_id, example in pairs},
        trained={sample_id: cut(_trained(each), MAX_ANSWER_CHARS) for sample_id, each in shown.items()},
        gallery=gallery,
    )


def shown_page(build: Build, shown: ShownPack | ShownSample) -> str:
    """Return one pack or sample as an HTML document with its pictures, at most 12 of each sample."""
    pack = shown if isinstance(shown, ShownPack) else None
    samples = shown.samples if isinstance(shown, ShownPack) else (shown,)
    each = [
        exhibit(
            sample,
            build.read_row(sample.sample["shard"], sample.sample["shard_row"]) if sample.spans else {},
            side=SHOWN_SIDE,
            max_chars=MAX_SHOWN_CHARS,
        )
        for sample in samples
    ]
    return _render("shown.html.j2", build=build, pack=pack, exhibits=each, thumbnails=_thumbnails(build, samples))


def _thumbnails(build: Build, samples: Sequence[ShownSample]) -> dict[str, list[str]]:
    """Make thumbnails of what matches put side by side, by sample_id, as data URIs."""
    sides = {side.name for shown in samples for match in shown.matches for side in (match.sample, match.evidence)}
    found = read_images(build, sorted(sides)) if sides else {}
    return {
        name: [thumbnail(data, side=SHOWN_SIDE) for data in images[:MAX_PICTURES]] for name, images in found.items()
    }


def _pictures_of(build: Build, example: Exhibit | None, media_id: str) -> tuple[Picture, ...]:
    if example is None or not example.shown.spans:
        return ()
    row = build.read_row(example.shown.sample["shard"], example.shown.sample["shard_row"])
    return medium_pictures(example.shown, row, media_id, side=GALLERY_SIDE)


def _trained(each: Exhibit) -> list[Span]:
    return [span for span in each.shown.spans if span.is_trained]


def _plots(build: Build, answers: dict[str, Answer]) -> dict[str, str]:
    """Draw every plot of the report, by name; one without figures is empty."""
    frames = {name: answer.frame for name, answer in answers.items()}
    leaves = frames["shares"].filter("is_source")
    sources, kinds = (
        frames["tokens"].drop(other).group_by(by).sum().sort("tokens", by, descending=[True, False])
        for by, other in (("source", "kind"), ("kind", "source"))
    )
    drops = _drops(frames["drops"])
    tiles = _tiles(build, frames["sizes"])
    return {
        "shares": horizontal_bars(
            leaves["path"].to_list(),
            {"asked": leaves["asked_share"].to_list(), "realised": leaves["realised_share"].to_list()},
            name="shares",
            write=percent,
        ),
        "sources": _tokens(sources, "source"),
        "kinds": _tokens(kinds, "kind"),
        "lengths": _columns(frames["lengths"], "lengths", width=HALF_WIDTH),
        "answers": _columns(frames["answers"], "answers", width=HALF_WIDTH),
        "turns": _columns(frames["turns"], "turns", width=HALF_WIDTH),
        "fill": _columns(frames["fill"], "fill"),
        "durations": _columns(frames["durations"].select("seconds", "videos"), "durations"),
        "tiles": columns([str(count) for count in tiles], list(tiles.values()), name="tiles", width=HALF_WIDTH),
        "drops": horizontal_bars(list(drops), {"rows": list(drops.values())}, name="drops"),
    }


def _tokens(frame: polars.DataFrame, by: str) -> str:
    parts = {"trained text": "trained_tokens", "other text": "prompt_tokens", "images and frames": "image_tokens"}
    series = {title: frame[column].to_list() for title, column in parts.items()}
    return horizontal_bars(frame[by].to_list(), series, name=f"tokens-by-{by}", is_stacked=True)


def _columns(frame: polars.DataFrame, name: str, *, width: int = WIDTH) -> str:
    labels, values = frame.get_columns()[:2]
    return columns([str(label) for label in labels], values.to_list(), name=name, width=width)


def _drops(frame: polars.DataFrame) -> dict[str, float]:
    """Count dropped rows by filter (or stage) and reason, most first."""
    counts: dict[str, float] = {}
    for row in frame.iter_rows(named=True):
        if row["action"] == "drop":
            label = f"{row['filter'] or row['stage']}: {row['reason']}"
            counts[label] = counts.get(label, 0) + row["num_rows"]
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tiles(build: Build, sizes: polars.DataFrame) -> dict[int, float]:
    """Count images by the tiles they are cut into, the one that shows the whole included."""
    from curation.mixtures.geometry import tile_grids

    if sizes.is_empty():
        return {}
    profile = build.profile()
    is_split = (build.settings.get("prompts") or {}).get("split_images", True)
    counts = sizes["images"].to_list()
    if not is_split:
        return {1: sum(counts)}
    widths, heights = (sizes[name].to_numpy().astype("int64") for name in ("width", "height"))
    rows, cols = tile_grids(widths, heights, longest_edge=profile.longest_edge, tile=profile.tile)
    tiles: dict[int, float] = {}
    for number, count in sorted(zip((rows * cols + 1).tolist(), counts, strict=True)):
        tiles[number] = tiles.get(number, 0) + count
    return tiles


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def _environment() -> Environment:
    """Make the template environment: everything is escaped, an unknown name is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: (files("curation.report") / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": lambda value: visible(str(value)), "cell": cell}
    return environment
