"""Small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Digits(NamedTuple):
    """`images` (N, 8, 8) of bytes from 0 (paper) to 16 (ink), and `labels` (N,) from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


def digits() -> Digits:
    """1,797 handwritten digits of 43 people, 8 x 8 pixels each.

    What: the test part of NIST's Optical Recognition of Handwritten Digits, where each pixel counts the ink in a
    4 x 4 block of a 32 x 32 black-and-white picture.
    Size: 115 kB.
    Licence: CC BY 4.0, by E. Alpaydin and C. Kaynak (UCI repository, 1998); scikit-learn's wheel carries it.
    Source: `sklearn.datasets.load_digits`. Fresh arrays each time: change them as you like.

    >>> digits().images.shape, int(digits().labels[0])
    ((1797, 8, 8), 0)
    """
    import numpy as np
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Digits(bunch.images.astype(np.uint8), bunch.target.copy())
