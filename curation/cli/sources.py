"""`curation sources`: which datasets can be read."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from curation.records import Card


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the dataset adapters, or show one.

    One adapter is shown with its licence, the layout and fields it reads, its options and what is odd about it.

    \b
    Examples:
      curation sources
      curation sources docmatix
      curation sources my_package.my_module:my_adapter
    """
    from curation.cli.printing import print_json, print_table
    from curation.sources import ADAPTERS, load_adapter

    if name is not None:
        card = load_adapter(name).CARD
        print_json(asdict(card)) if as_json else print_card(card)
        return
    cards = {adapter: load_adapter(adapter).CARD for adapter in sorted(ADAPTERS)}
    if as_json:
        print_json({adapter: asdict(card) for adapter, card in cards.items()})
        return
    rows = [[adapter, card.title, ", ".join(card.kinds), card.license] for adapter, card in cards.items()]
    print_table(["adapter", "dataset", "kinds", "license"], rows)


def print_card(card: Card) -> None:
    """Print all that a card tells, a paragraph per point."""
    click.secho(f"{card.name}: {card.title}", bold=True)
    facts = {
        "hub": card.hub_id,
        "configs": ", ".join(card.configs),
        "kinds": ", ".join(card.kinds),
        "license": card.license,
        "layout": card.layout,
        "citation": card.citation,
    }
    for label, fact in facts.items():
        if fact:
            _print_fact(label, fact)
    for label, entries in (("reads", card.columns), ("options", card.options)):
        for at, (field, meaning) in enumerate(entries.items()):
            _print_fact(label if at == 0 else "", f"{field}: {meaning}")
    for at, quirk in enumerate(card.quirks):
        _print_fact("quirks" if at == 0 else "", quirk)


def _print_fact(label: str, fact: str) -> None:
    if "\n" in fact:
        lines = fact.strip("\n").splitlines()
        click.echo(f"{label:<10}{lines[0]}" + "".join(f"\n{'':<10}{line}" for line in lines[1:]))
    else:
        click.echo(fill(fact, width=110, initial_indent=f"{label:<10}", subsequent_indent=" " * 10))
