"""Published results, reproduced."""

from __future__ import annotations

import numpy as np
import pytest
from inputs import Run, columns, values
from sklearn import datasets

from pipeline_algorithms import Input

AIR_PASSENGERS = """
112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140 145 150 178 163 172 178 199 199 184 162 146 166
171 180 193 181 183 218 230 242 209 191 172 194 196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229
242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306 315 301 356 348 355 422 465 467 404 347 305 336
340 318 362 348 363 435 491 505 404 359 310 337 360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432
"""


def iris() -> Input:
    return columns(datasets.load_iris().data)


@pytest.mark.parametrize("name", ["k", "n_clusters"])
def test_kmeans_finds_the_clusters_of_iris(run: Run, name: str) -> None:
    result = run("kmeans", iris(), **{name: 3})
    assert result["inertia"] == pytest.approx(78.851441, abs=1e-6)
    assert sorted(result["sizes"]) == [38, 50, 62]


def test_kmeans_is_the_same_with_the_same_seed(run: Run) -> None:
    first, second = (run("kmeans", iris(), k=3, n_init=1, seed=7) for _ in range(2))
    assert np.array_equal(first["labels"], second["labels"]) and first["inertia"] == second["inertia"]


def test_kmeans_takes_plain_values(run: Run) -> None:
    result = run("kmeans", values(1, 2, 3, 4, 5), k=2)
    assert sorted(result["sizes"]) == [2, 3] and result["inertia"] == pytest.approx(2.5)


def test_dbscan_of_iris(run: Run) -> None:
    result = run("dbscan", iris(), eps=0.5, min_samples=5)
    assert (result["clusters"], result["noise"]) == (2, 17)


def test_pca_of_iris(run: Run) -> None:
    result = run("pca", iris(), scores=True)
    assert result["explained_variance_ratio"] == pytest.approx([0.9246187, 0.0530665, 0.0171026, 0.0052122], abs=5e-8)
    centered = datasets.load_iris().data - result["mean"]
    assert np.allclose(centered @ result["components"].T, result["scores"])


def test_linear_regression_of_diabetes(run: Run) -> None:
    data = datasets.load_diabetes()
    result = run("linear_regression", columns(np.column_stack([data.data, data.target]), [*data.feature_names, "y"]))
    assert result["r_squared"] == pytest.approx(0.5177484222, abs=1e-10)
    assert result["coefficients"][0]["estimate"] == pytest.approx(152.1334842)


def test_linear_regression_of_longley(run: Run) -> None:
    """NIST StRD Longley: certified values."""
    rows = """60323 83.0 234289 2356 1590 107608 1947 61122 88.5 259426 2325 1456 108632 1948 60171 88.2 258054 3682 1616 109773 1949
    61187 89.5 284599 3351 1650 110929 1950 63221 96.2 328975 2099 3099 112075 1951 63639 98.1 346999 1932 3594 113270 1952
    64989 99.0 365385 1870 3547 115094 1953 63761 100.0 363112 3578 3350 116219 1954 66019 101.2 397469 2904 3048 117388 1955
    67857 104.6 419180 2822 2857 118734 1956 68169 108.4 442769 2936 2798 120445 1957 66513 110.8 444546 4681 2637 121950 1958
    68655 112.6 482704 3813 2552 123366 1959 69564 114.2 502601 3931 2514 125368 1960 69331 115.7 518173 4806 2572 127852 1961
    70551 116.9 554894 4007 2827 130081 1962"""
    data = np.array(rows.split(), dtype=np.float64).reshape(16, 7)
    result = run("linear_regression", columns(data, ["y", "x1", "x2", "x3", "x4", "x5", "x6"]))
    certified = [-3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359, -0.511041056535807e-01, 1829.15146461355]
    assert [c["estimate"] for c in result["coefficients"]] == pytest.approx(certified, rel=1e-10)
    assert result["coefficients"][0]["standard_error"] == pytest.approx(890420.383607373, rel=1e-9)
    assert result["r_squared"] == pytest.approx(0.995479004577296, rel=1e-12)


def test_the_airline_model(run: Run) -> None:
    series = values(*map(float, AIR_PASSENGERS.split()))
    result = run("arima", series, order=[0, 1, 1], seasonal_order=[0, 1, 1, 12], log=True, steps=12)
    assert result["coefficients"]["ma.L1"] == pytest.approx(-0.4018, abs=1e-3)
    assert result["coefficients"]["ma.S.L12"] == pytest.approx(-0.5569, abs=1e-3)
    # Box and Jenkins' forecast of 1961 lies between these.
    assert len(result["forecast"]) == 12 and 440 < result["forecast"][0] < 460
    assert (result["low"] < result["forecast"]).all() and (result["forecast"] < result["high"]).all()


@pytest.mark.parametrize(
    ("text", "neg", "neu", "pos", "compound"),
    [
        ("VADER is smart, handsome, and funny.", 0.0, 0.254, 0.746, 0.8316),
        ("VADER is smart, handsome, and funny!", 0.0, 0.248, 0.752, 0.8439),
        ("VADER is very smart, handsome, and funny.", 0.0, 0.299, 0.701, 0.8545),
        ("VADER is VERY SMART, handsome, and FUNNY.", 0.0, 0.246, 0.754, 0.9227),
        ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.0, 0.233, 0.767, 0.9342),
        ("VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!", 0.0, 0.294, 0.706, 0.9469),
        ("VADER is not smart, handsome, nor funny.", 0.646, 0.354, 0.0, -0.7424),
        ("The book was good.", 0.0, 0.508, 0.492, 0.4404),
        ("At least it isn't a horrible book.", 0.0, 0.678, 0.322, 0.431),
        ("The book was only kind of good.", 0.0, 0.697, 0.303, 0.3832),
        ("The plot was good, but the characters are uncompelling and the dialog is not great.", 0.327, 0.579, 0.094, -0.7042),
        ("Today SUX!", 0.779, 0.221, 0.0, -0.5461),
        ("Today only kinda sux! But I'll get by, lol", 0.127, 0.556, 0.317, 0.5249),
        ("Make sure you :) or :D today!", 0.0, 0.294, 0.706, 0.8633),
        ("Not bad at all", 0.0, 0.513, 0.487, 0.431),
    ],
)
def test_sentences_that_vader_published(run: Run, text: str, neg: float, neu: float, pos: float, compound: float) -> None:
    result = run("sentiment_analysis", Input(texts=[text]))
    assert result["scores"] == [{"neg": neg, "neu": neu, "pos": pos, "compound": compound}]
    assert result["language"] == "en"
