"""Runs of equal keys, one after the other in an array: where each element stands within its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def counted(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 to count - 1 for each count, one after the other.

    >>> import numpy as np
    >>> counted(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    import numpy as np

    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def places_within(sorted_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place (from 0) of each key, none below 0, among those that are equal to it.

    >>> import numpy as np
    >>> places_within(np.array([4, 4, 7])).tolist()
    [0, 1, 0]
    """
    import numpy as np

    starts = np.flatnonzero(np.diff(sorted_keys, prepend=-1))
    return counted(np.diff(starts, append=len(sorted_keys)))
