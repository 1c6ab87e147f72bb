"""What numpy and scipy make of the series in a file, for the tests of the kernels.

Reads raw float64: for each series its length, p of a quantile, a number of bins and a lag, then its values. Writes as many figures for each as FIGURES says.
Sums, moments and correlations are computed by numpy and scipy in 80 bits (numpy.longdouble), so that their own rounding is out of the way, and rounded once.
usage: kernels.py IN OUT
"""
import sys
import warnings

import numpy as np
import scipy.stats

METHODS = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
    "weibull", "linear", "median_unbiased", "normal_unbiased",
)
FIGURES = 32
NAN = float("nan")


def correlated(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def selected(f, x, wide):
    """In 64 bits, to the bit; in 80 where numpy overflows on the way to a number that a double can hold."""
    value = f(x)
    return value if np.isfinite(value) else f(wide)


def counted(x, bins):
    try:
        return np.histogram(x, bins=bins)[0]
    except (IndexError, ValueError):  # A range that is infinite, or so small that numpy's reciprocal of it is
        return np.full(bins, NAN)


def figures(x, p, bins, lag):
    wide = x.astype(np.longdouble)
    n = len(x)
    d = wide - wide.mean()
    squares = (d * d).sum()
    out = [
        wide.sum(), wide.mean(), np.abs(wide).sum(), np.sqrt((wide * wide).sum() / squares), NAN,
        wide.var(ddof=1) if n > 1 else NAN, wide.std(ddof=1) if n > 1 else NAN, wide.std(),
        x.min(), x.max(), selected(np.median, x, wide),
        selected(scipy.stats.median_abs_deviation, x, wide), selected(scipy.stats.iqr, x, wide),
        scipy.stats.skew(wide), scipy.stats.kurtosis(wide),
        scipy.stats.skew(wide, bias=False) if n > 2 else NAN, scipy.stats.kurtosis(wide, bias=False) if n > 3 else NAN,
        (np.abs(d) ** 3).sum() / n / (squares / n) ** np.longdouble(1.5),
        (d[: n - lag] * d[lag:]).sum() / squares,
        correlated(wide[: n // 2], wide[n // 2 : 2 * (n // 2)]),
    ]
    out += [selected(lambda v: np.quantile(v, p, method=m), x, wide) for m in METHODS]
    counts = counted(x, bins)
    # Two sums of counts tell every count: of themselves weighted, and of their squares.
    out += [float((counts * np.arange(1, bins + 1)).sum()), float((counts.astype(float) ** 2).sum())]
    out += [NAN] * (FIGURES - len(out))
    return out


def main():
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    raw = np.fromfile(sys.argv[1], dtype="<f8")
    at, rows = 0, []
    while at < len(raw):
        n, p, bins, lag = int(raw[at]), raw[at + 1], int(raw[at + 2]), int(raw[at + 3])
        rows.append([float(v) for v in figures(raw[at + 4 : at + 4 + n], p, bins, lag)])
        at += 4 + n
    np.array(rows, dtype="<f8").tofile(sys.argv[2])
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {len(rows)} series")


main()
