"""How likely a customer buys nothing in a window ahead: what a model of repeat buying says of leaving."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cam.measures.value import cells
from cam.measures.value.bg_nbd import BgNbdFit
from cam.measures.value.cells import Floats


def silence_probability(fit: BgNbdFit, table: pd.DataFrame, *, horizon: float, gap: float = 0.0) -> Floats:
    """Return the probability that a customer buys nothing in a window after T.

    Parameters
    ----------
    fit : BgNbdFit
        BG/NBD or MBG/NBD, without covariates.
    table : DataFrame
        Customers or cells: ``frequency``, ``recency``, ``T`` (weeks).
    horizon : float
        Length of the window, weeks.
    gap : float
        Weeks from T to the window; what is bought in them does not count.

    Returns
    -------
    array, n
        0 to 1.

    Notes
    -----
    Given that a customer is alive at T, lambda is gamma(s, alpha') and p is beta. Who stays active for the gap g
    survives by exp(-lambda p g), and is then silent for h by exp(-lambda h). The mean over lambda of the product is
    (alpha' / (alpha' + h + p g))^s: that of survival over g, with h added to the rate, times (alpha' / (alpha' + h))^s.
    So P(silent) = 1 - P(alive) + P(alive) [1 - S(g; alpha') + (alpha' / (alpha' + h))^s S(g; alpha' + h)]. Without a
    gap S is 1, and what is left is P(X(h) = 0).

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model. Marketing Science 24, 275-284. (Equations 3 and 4: the process of one customer.)

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [2, 2], "recency": [30.43, 10.0], "T": [38.86, 38.86]})
    >>> silence_probability(BgNbdFit(0.243, 4.414, 0.793, 2.426), table, horizon=13).round(3).tolist()
    [0.677, 0.88]
    """
    x, t, T, _ = cells.history(table)
    alive, ahead = fit.p_alive(x, t, T), fit.ahead(x, T)
    still: Floats = np.exp(-ahead.shape * np.log1p(horizon / ahead.rate))
    if gap > 0:
        gone = 1 - ahead.survival(gap)
        still = gone + still * replace(ahead, rate=ahead.rate + horizon).survival(gap)
    return 1 - alive + alive * still
