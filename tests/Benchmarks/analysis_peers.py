"""Times numpy and scipy on the float64 values of a file: a line a figure, its name and the tenth of the rounds that is fastest in seconds.

usage: analysis_peers.py FILE ROUNDS
"""
import sys
import time

import numpy as np
import scipy.stats

LAGS = 40
x = np.fromfile(sys.argv[1], dtype="<f8")
rounds = int(sys.argv[2])


def by_dot():
    d = x - x.mean()
    return [np.dot(d[: len(d) - k], d[k:]) for k in range(1, LAGS + 1)]


def by_fourier():
    d = x - x.mean()
    size = 1 << (2 * len(d) - 1).bit_length()
    f = np.fft.rfft(d, size)
    return np.fft.irfft(f * np.conj(f), size)[: LAGS + 1]


FIGURES = {
    "sum": lambda: np.sum(x),
    "mean": lambda: np.mean(x),
    "std": lambda: np.std(x, ddof=1),
    "min": lambda: np.min(x),
    "summary": lambda: scipy.stats.describe(x),
    "median": lambda: np.median(x),
    "percentiles": lambda: np.percentile(x, [5, 25, 50, 75, 95]),
    "lags by dot": by_dot,
    "lags by fourier": by_fourier,
}
for name, figure in FIGURES.items():
    figure()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        figure()
        seconds.append(time.perf_counter() - start)
    print(f"{name}\t{sorted(seconds)[rounds // 10]:.9f}", flush=True)
