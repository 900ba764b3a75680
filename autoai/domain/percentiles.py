"""Percentiles of many measurements from a few counts.

Milliseconds are counted in buckets: each is one value up to 32, and 4 % wide above. What is read
back is therefore at most 2 % off, whatever the number of measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log

_EXACT = 32
_STEP = log(1.04)


def bucket_of(milliseconds: int) -> int:
    """The number of the bucket that a measurement is counted in; what is negative counts as 0."""
    if milliseconds <= _EXACT:
        return max(0, milliseconds)
    return _EXACT + ceil(log(milliseconds / _EXACT) / _STEP)


def middle_of(bucket: int) -> int:
    """What stands for the measurements of a bucket, in milliseconds."""
    if bucket <= _EXACT:
        return bucket
    return round(_EXACT * 1.04 ** (bucket - _EXACT - 0.5))


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """The smallest measurement that `share` (0 to 1) of all are not above, by the nearest rank.

    `counts`: how many there are in each bucket. None where there are none.
    """
    wanted = share * sum(counts.values())
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if counts[bucket] and seen >= wanted:
            return middle_of(bucket)
    return None
