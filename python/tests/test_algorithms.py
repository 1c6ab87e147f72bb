"""What each algorithm does with ordinary and with bad input."""

from __future__ import annotations

import numpy as np
import pytest
from inputs import Run, columns, values

from pipeline_algorithms import Input, InvalidInput, InvalidParameters

LINE = columns([[1.0, 3.0], [2.0, 5.0], [3.0, 7.0], [4.0, 9.0]], ["x", "y"])


def test_a_line_is_found(run: Run) -> None:
    result = run("linear_regression", LINE)
    assert [c["estimate"] for c in result["coefficients"]] == pytest.approx([1.0, 2.0])
    assert run("linear_regression", values(1, 3, 5, 7))["coefficients"][1]["name"] == "index"


def test_dependent_columns_are_named(run: Run) -> None:
    x = np.arange(10.0)
    with pytest.raises(InvalidInput, match="linear combination"):
        run("linear_regression", Input(columns={"a": x, "b": 2 * x, "y": x**2}))


def test_a_forest_ranks_the_column_that_matters_first(run: Run) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 3))
    given = columns(np.column_stack([x, 5 * x[:, 1] + 0.1 * random.normal(size=300)]), ["a", "b", "c", "y"])
    first, second = (run("random_forest", given, n_trees=30, predictions=True) for _ in range(2))
    assert first["columns"][int(np.argmax(first["importances"]))] == "b" and first["oob_score"] > 0.9
    assert np.array_equal(first["predictions"], second["predictions"])
    classes = run("random_forest", Input(columns={**{k: v for k, v in given.columns.items() if k != "y"}, "y": (x[:, 1] > 0) * 1.0}), task="classification", n_trees=30)
    assert classes["oob_score"] > 0.9 and classes["classes"].tolist() == [0, 1]


@pytest.mark.parametrize("method", ["zscore", "mad", "iqr", "isolation_forest"])
def test_the_value_apart_is_found(run: Run, method: str) -> None:
    series = values(*[10.0, 11, 9, 10, 12, 8, 10, 11, 9, 10] * 3, 100.0)
    assert 30 in run("anomaly_detection", series, method=method)["anomalies"].tolist()


def test_rows_without_a_number_can_be_left_out_and_stay_at_their_place(run: Run) -> None:
    nan = float("nan")
    found = run("anomaly_detection", values(10, nan, 11, 9, nan, 90, 10, 12), missing="skip")
    assert found["anomalies"].tolist() == [5] and found["n"] == 6
    assert [s is None for s in found["scores"]] == [False, True, False, False, True, False, False, False]
    points = columns([[0.0, 1.0], [nan, 1.0], [0.1, 1.1], [5.0, 9.0], [5.1, nan], [5.2, 9.1]], ["a", "b"])
    labels = run("kmeans", points, k=2, missing="skip")["labels"]
    assert labels[1] is None and labels[4] is None and labels[0] == labels[2] != labels[3] == labels[5]
    with pytest.raises(InvalidInput, match="NaN"):
        run("kmeans", points, k=2)
    with pytest.raises(InvalidInput, match="at least 3"):
        run("anomaly_detection", values(1, 2, nan), missing="skip")


def test_columns_count_alike_when_they_are_standardized(run: Run) -> None:
    # The large column is noise, the small one tells two groups apart; the constant one must not divide by zero.
    random = np.random.default_rng(3)
    points = np.column_stack([1e6 * random.normal(size=40), np.repeat([0.0, 1.0], 20), np.full(40, 7.0)])
    points[:, 0] -= points[:, 0].mean()
    together = run("kmeans", columns(points, ["noise", "group", "constant"]), k=2, standardize=True)
    assert together["centers"][:, 2] == pytest.approx([7.0, 7.0])
    few = run("kmeans", columns(points[:, 1:], ["group", "constant"]), k=2, standardize=True)
    assert sorted(few["centers"][:, 0].tolist()) == pytest.approx([0.0, 1.0])


def test_equal_values_have_no_anomaly(run: Run) -> None:
    for method in ("zscore", "mad", "iqr"):
        assert run("anomaly_detection", values(5, 5, 5, 5), method=method)["count"] == 0


def test_a_long_season_without_terms_is_no_season(run: Run) -> None:
    result = run("arima", values(*np.random.default_rng(2).normal(size=60)), order=[1, 0, 0], seasonal_order=[0, 0, 0, 12], steps=0)
    assert "ar.L1" in result["coefficients"] and "forecast" not in result


@pytest.mark.parametrize("name", ["kmeans", "dbscan", "pca", "linear_regression", "random_forest", "arima", "anomaly_detection"])
@pytest.mark.parametrize(
    "given",
    [
        Input(),
        values(),
        values(1.0),
        values(1, 2, float("nan"), 4, 5, 6, 7, 8, 9, 10, 11, 12),
        values(1, 2, float("inf"), 4, 5, 6, 7, 8, 9, 10, 11, 12),
        Input(columns={"a": np.arange(20.0), "b": np.arange(19.0)}),
        Input(columns={"a": np.full(20, np.nan), "b": np.arange(20.0)}),
        Input(columns={"a": np.full(20, 1e308) * np.sign(np.arange(20.0) - 10), "b": np.full(20, -1e308)}),
    ],
    ids=["nothing", "empty", "one", "nan", "infinite", "ragged", "nan column", "overflow"],
)
def test_bad_input_is_called_so(run: Run, name: str, given: Input) -> None:
    params = {"kmeans": {"k": 2}}.get(name, {})
    with np.errstate(all="ignore"):
        try:
            result = run(name, given, **params)
        except (InvalidInput, InvalidParameters, ValueError):
            return
    # What can be computed of one point or of huge numbers may be computed.
    assert result["n"] in (1, 20)


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("kmeans", {}, "/k"),
        ("kmeans", {"k": 0}, "/k"),
        ("kmeans", {"k": "two"}, "/k"),
        ("kmeans", {"k": 2, "n_clusters": 3}, "/n_clusters"),
        ("kmeans", {"k": 2, "colour": "red"}, "/colour"),
        ("dbscan", {"eps": 0}, "/eps"),
        ("dbscan", {"metric": "crow"}, "/metric"),
        ("pca", {"n_components": 9}, "/n_components"),
        ("linear_regression", {"target": "z"}, "/target"),
        ("random_forest", {"target": "z"}, "/target"),
        ("arima", {"order": [1, 2]}, "/order"),
        ("arima", {"order": [1, "d", 1]}, "/order/1"),
        ("arima", {"seasonal_order": [1, 0, 0, 1]}, "/seasonal_order/3"),
        ("anomaly_detection", {"method": "zscore"}, "/method"),
    ],
)
def test_a_wrong_parameter_is_named_by_its_path(run: Run, name: str, params: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidParameters) as raised:
        run(name, columns(np.arange(40.0).reshape(20, 2) ** 2), **params)
    assert raised.value.path == path


def test_sentiment_counts_and_refuses(run: Run) -> None:
    result = run("sentiment_analysis", Input(texts=["I love it", "I hate it", "It is a table", "", "你好"]))
    assert (result["positive"], result["negative"], result["neutral"]) == (1, 1, 3)
    with pytest.raises(InvalidInput):
        run("sentiment_analysis", Input(texts=[]))
    with pytest.raises(InvalidParameters):
        run("sentiment_analysis", Input(texts=["gut"]), language="de")
