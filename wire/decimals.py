"""Doubles as the whole numbers that instruments meant: decimals, singles, or bits where they are neither; exact both ways."""

import numpy as np
from numpy.typing import NDArray

EXACT_MAX = 2**53
"""Beyond it a double is no exact whole number."""
FORMS = 17
"""0: the bits of the double; 1–8: a whole number / 10^(form − 1); 9–15: a whole number × 10^−(form − 8); 16: the bits of
the single that it was."""
_SINGLE = 16
_TRIED = (1, 9, 2, 10, 3, 11, 4, 12, 5, 13, _SINGLE)
"""The forms that are tried, in this order."""


def whole_numbers(
    values: NDArray[np.uint64], stems: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the whole numbers that stand for doubles, given as bits, and the form of each of `count` stems.

    `stems` ascend: all values of one have the same form, which gives every one of them back bit for bit.
    """
    whole = values.view(np.int64).copy()
    forms = np.zeros(count, dtype=np.uint8)
    for form in _TRIED:
        _try(form, values, stems, whole, forms)
    return whole, forms


def doubles_of(whole: NDArray[np.int64], forms: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the doubles that whole numbers of these forms stand for."""
    values = whole.view(np.float64).copy()
    for form in np.unique(forms[forms > 0]).tolist():
        values[forms == form] = _valued(form, whole[forms == form])
    return values


def _try(
    form: int,
    values: NDArray[np.uint64],
    stems: NDArray[np.int64],
    whole: NDArray[np.int64],
    forms: NDArray[np.uint8],
) -> None:
    """Take the values of a stem as whole numbers where `form` gives every one of them back bit for bit."""
    left = np.flatnonzero(forms[stems] == 0)
    if not len(left):
        return
    # The first of each stem first: most forms fail at once.
    firsts = left[np.diff(stems[left], prepend=-1) != 0]
    fits, _ = _fitting(form, values[firsts])
    may = np.zeros(len(forms), dtype=np.bool_)
    may[stems[firsts]] = fits
    left = left[may[stems[left]]]
    fits, counted = _fitting(form, values[left])
    may[stems[left][~fits]] = False
    taken = may[stems[left]]
    whole[left[taken]] = counted[taken]
    forms[may] = form


def _fitting(form: int, values: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which values `form` gives back, and their whole numbers."""
    with np.errstate(all="ignore"):
        counted = _counted(form, values.view(np.float64))
        return _valued(form, counted).view(np.uint64) == values, counted


def _counted(form: int, floats: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the whole number that is nearest to each value; 0 where there is none."""
    if form == _SINGLE:
        return floats.astype(np.float32).view(np.int32).astype(np.int64)
    counted = np.rint(floats * float(10 ** _decimals(form)))
    return np.where(np.abs(counted) < EXACT_MAX, counted, 0.0).astype(np.int64)


def _valued(form: int, counted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the doubles that the whole numbers stand for."""
    if form == _SINGLE:
        return counted.astype(np.int32).view(np.float32).astype(np.float64)
    if form <= 8:
        return counted.astype(np.float64) / float(10 ** _decimals(form))
    return counted.astype(np.float64) * float(f"1e-{_decimals(form)}")


def _decimals(form: int) -> int:
    return form - 1 if form <= 8 else form - 8
