"""Plots as inline SVG: pygal draws, colours are the page's CSS variables, so dark, light and print need no redraw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

COLOURS = tuple(f"var(--plot-{number})" for number in (1, 2, 3, 4))
MAX_BARS = 60
WIDTH = 860
_BAR_HEIGHT = 22
_MARGINS = 90
Values = Sequence[float | None]


def short_number(value: float | None) -> str:
    """Write a number in at most five characters.

    >>> short_number(1234567), short_number(950), short_number(0.25), short_number(None)
    ('1.2M', '950', '0.25', '')
    """
    if value is None:
        return ""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def percent(value: float | None) -> str:
    """Write a share: 0.1234 is `12.3 %`."""
    return "" if value is None else f"{100 * value:.3g} %"


def horizontal_bars(
    labels: Sequence[str],
    series: Mapping[str, Values],
    *,
    name: str,
    is_stacked: bool = False,
    write: Callable[[float | None], str] = short_number,
) -> str:
    """Draw a row of bars for each label, the first label on top, as an `<svg>` without script; "" without labels.

    Only the first 60 labels are drawn. `name` makes the ids of the SVG, so that the same figures give the same text.
    """
    import pygal

    shown = list(labels)[:MAX_BARS]
    if not shown:
        return ""
    num_bars = len(shown) * (1 if is_stacked else len(series))
    height = _MARGINS + _BAR_HEIGHT * num_bars + 8 * len(shown)
    kind = pygal.HorizontalStackedBar if is_stacked else pygal.HorizontalBar
    chart = kind(
        **_settings((WIDTH, height), COLOURS[: len(series)], write),
        show_legend=len(series) > 1,
        print_values=not is_stacked,
        print_values_position="top",
        margin_right=40,
    )
    chart.x_labels = [_shorten(label) for label in reversed(shown)]
    for title, values in series.items():
        chart.add(title, list(reversed(list(values)[:MAX_BARS])))
    return _render(chart, name)


def columns(labels: Sequence[str], values: Values, *, name: str, width: int = WIDTH) -> str:
    """Draw one column for each label as an `<svg>` of `width` pixels without script; "" without labels."""
    import pygal

    if not labels:
        return ""
    chart = pygal.Bar(
        **_settings((width, 250), COLOURS[:1], short_number),
        show_legend=False,
        print_values=len(labels) * 40 <= width,
        print_values_position="top",
        x_label_rotation=40 if sum(len(label) + 2 for label in labels) * 7 > width - 60 else 0,
        truncate_label=-1,
        margin_right=30,
    )
    chart.x_labels = list(labels)
    chart.add("", list(values))
    return _render(chart, name)


def _settings(size: tuple[int, int], colours: tuple[str, ...], write: Callable[[float | None], str]) -> dict[str, Any]:
    from pygal.style import Style

    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--ink)",
        foreground_strong="var(--ink)",
        foreground_subtle="var(--faint)",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
        opacity="1",
        opacity_hover="1",
        colors=colours,
        value_colors=("var(--ink)",) * len(colours),
        font_family="inherit",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=12,
        value_font_size=11,
    )
    return {
        "style": style,
        "width": size[0],
        "height": size[1],
        "js": [],
        "disable_xml_declaration": True,
        "value_formatter": write,
        "legend_at_bottom": True,
        "margin_top": 8,
        "margin_bottom": 8,
        "margin_left": 8,
        "spacing": 6,
        "max_scale": 8,
        "truncate_legend": -1,
        "include_x_axis": True,
    }


def _render(chart: Any, name: str) -> str:
    chart.uuid = name
    chart.add_xml_filter(_without_script)
    svg: str = chart.render(is_unicode=True)
    return svg


def _without_script(root: Any) -> Any:
    """Take out pygal's script and its comments, one of which is today's date."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":
                parent.remove(child)
    root.set("role", "img")
    return root


def _shorten(label: str, length: int = 32) -> str:
    return label if len(label) <= length else label[: length - 1] + "…"
