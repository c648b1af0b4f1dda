"""What to change when a budget can't be met: edits of the manifest that were tried out before they are offered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from curation.mixtures.weights import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A budget in `unit`, the sources' shares of it, and what each source has."""

    shares: Mapping[str, Fraction]
    totals: Mapping[str, int]
    budget: int
    max_repeats: Fraction
    unit: str

    def is_met(self, shares: Mapping[str, Fraction]) -> bool:
        """Say whether every source can give these shares of the budget within max_repeats."""
        return all(share * self.budget <= self.max_repeats * self.totals[source] for source, share in shares.items())


def refusal(demand: Demand, nodes: Sequence[Node] = ()) -> str:
    """Say which source falls short most, by how much, and the edits that would make the demand possible.

    Each edit alone suffices, for all sources. Numbers are rounded to the safe side.
    """
    needed = {source: share * demand.budget for source, share in demand.shares.items() if share}
    short = sorted(
        (source for source in needed if needed[source] > demand.max_repeats * demand.totals[source]),
        key=lambda source: (-needed[source] / demand.totals[source], source),
    )
    worst = short[0]
    edits = [f"raise max_repeats to {_rounded_up(needed[worst] / demand.totals[worst])}"]
    edit = weight_edit(demand, worst, nodes or _flat(demand.shares))
    if edit:
        node, weight = edit
        whose = "its weight" if node.source == worst else f"the weight of {node.path!r}"
        edits.append(f"lower {whose} to {_plain(weight)}")
    largest = min(demand.max_repeats * demand.totals[source] / demand.shares[source] for source in needed)
    if largest >= 1:
        edits.append(f"lower the budget to {_rounded_size(math.floor(largest))}")
    others = f" (also short: {', '.join(map(repr, short[1:]))})" if short[1:] else ""
    times = "" if demand.max_repeats == 1 else f", {_plain(demand.max_repeats)} times over"
    need, has = _amounts(math.ceil(needed[worst]), demand.totals[worst])
    said = edits[0] if len(edits) == 1 else f"{', '.join(edits[:-1])}, or {edits[-1]}"
    return f"mixture: {worst!r} needs {need} {demand.unit} but has {has}{times}{others}; {said}"


def weight_edit(demand: Demand, source: str, nodes: Sequence[Node]) -> tuple[Node, Fraction] | None:
    """Find the node at or above a source whose lower weight alone meets the demand, and that weight; or None.

    Lowering a weight raises the siblings' shares, so the edited tree is weighed again before it is offered.
    """
    leaf = next(node for node in nodes if node.source == source)
    limit = demand.max_repeats * demand.totals[source] / demand.budget
    for node in [leaf, *(node for node in reversed(nodes) if leaf.path.startswith(f"{node.path}/"))]:
        siblings = [sibling for sibling in nodes if sibling.parent == node.parent]
        if node.weight is None or not node.share or len(siblings) == 1:
            continue
        whole = sum((sibling.share for sibling in siblings), Fraction(0))
        beside = sum((sibling.weight or Fraction(0) for sibling in siblings if sibling is not node), Fraction(0))
        part = node.share / whole * limit / leaf.share
        weight = _significant(beside * part / (1 - part)) if beside and part < 1 else Fraction(0)
        if weight and demand.is_met(_edited(nodes, node, weight)):
            return node, weight
    return None


def _edited(nodes: Sequence[Node], edited: Node, weight: Fraction) -> dict[str, Fraction]:
    """Return the sources' shares when one node has another weight."""
    siblings = [node for node in nodes if node.parent == edited.parent]
    whole = sum((node.share for node in siblings), Fraction(0))
    weights = {node.path: weight if node is edited else node.weight or Fraction(0) for node in siblings}
    total = sum(weights.values(), Fraction(0))
    factor = {node.path: whole * weights[node.path] / total / node.share for node in siblings if node.share}
    shares = {}
    for node in nodes:
        if node.source is not None:
            head = next((path for path in factor if node.path == path or node.path.startswith(f"{path}/")), None)
            shares[node.source] = node.share * (factor[head] if head else 1)
    return shares


def _flat(shares: Mapping[str, Fraction]) -> list[Node]:
    return [Node(path=source, source=source, share=share, weight=share) for source, share in shares.items()]


def _significant(value: Fraction, *, digits: int = 3) -> Fraction:
    """Round down to some significant digits, exactly."""
    if value <= 0:
        return Fraction(0)
    step = Fraction(10) ** (math.floor(math.log10(value)) + 1 - digits)
    return math.floor(value / step) * step


def _rounded_up(value: Fraction) -> str:
    return f"{math.ceil(value * 100) / 100}"


def _plain(value: Fraction) -> str:
    return f"{float(value):.12f}".rstrip("0").rstrip(".")  # YAML reads 1e-05 as a word


def _rounded_size(size: int) -> str:
    """Write a size as the manifest reads it, rounded down to three digits."""
    rounded = int(_significant(Fraction(size)))
    for factor, letter in ((10**9, "B"), (10**6, "M")):
        if rounded >= factor:
            return f"{_plain(Fraction(rounded, factor))}{letter}"
    return str(rounded)


def _amounts(need: int, has: int) -> tuple[str, str]:
    """Write two amounts alike, in full where rounding would make them look the same."""
    for factor, letter in ((10**9, "B"), (10**6, "M")):
        if need >= factor:
            short = f"{need / factor:.2f}{letter}", f"{has / factor:.2f}{letter}"
            return short if short[0] != short[1] and float(short[1][:-1]) else (str(need), str(has))
    return str(need), str(has)
