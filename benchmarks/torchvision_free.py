"""Let mosaicml-streaming be imported beside a torch for CPU, for which its torchvision lacks two operators."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def prepare() -> Any:
    """Declare the operators; keep what is returned (the cache does) as long as they are needed."""
    from torch import library

    operators = library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return operators
