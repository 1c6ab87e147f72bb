"""Values that stand apart: by standard deviations, by the median absolute deviation (Iglewicz and Hoaglin 1993), by Tukey's fences, by isolation."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import IsolationForest

from pipeline_algorithms import MISSING, Array, Cost, Input, InvalidParameters, Parameters, Result, algorithm, in_place

_THRESHOLDS = {"zscore": 3.0, "mad": 3.5, "iqr": 1.5, "isolation_forest": 0.6}


@algorithm(
    version="1.1",
    parameters={
        "method": {"type": "string", "enum": list(_THRESHOLDS), "default": "mad"},
        "threshold": {
            "type": "number", "exclusiveMinimum": 0,
            "description": "default: zscore 3, mad 3.5, iqr 1.5 (times the range between the quartiles), isolation_forest 0.6 (score of 0 to 1)",
        },
        "missing": MISSING,
        "n_trees": {"type": "integer", "minimum": 10, "maximum": 1000, "default": 100, "description": "of the isolation forest"},
        "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "default": 0},
    },
    cost=Cost(fixed_ms=5, per_value_us=0.5),
    source="Iglewicz and Hoaglin 1993 (zscore, mad); Tukey 1977 (iqr); Liu, Ting and Zhou 2008 (isolation_forest, by scikit-learn)",
    complexity="O(n); isolation_forest O(n · t), t trees of at most 256 points",
)  # fmt: skip
def anomaly_detection(given: Input, params: Parameters) -> Result:
    """Each value's score and the places of those beyond the threshold; several columns together need the isolation forest."""
    method = params["method"]
    names, points, kept = given.known(params["missing"], least=3)
    if method != "isolation_forest" and len(names) > 1:
        raise InvalidParameters("/method", f"{method} takes one series; isolation_forest takes {len(names)} columns")
    threshold = params.get("threshold", _THRESHOLDS[method])
    scores = _isolation(points, params) if method == "isolation_forest" else _scores(method, points[:, 0])
    places = np.flatnonzero(kept)[scores > threshold]
    return {"anomalies": places, "count": len(places), "scores": in_place(scores, kept), "method": method, "threshold": threshold, "n": len(points)}


def _scores(method: str, values: Array) -> Array:
    if method == "zscore":
        return _over(np.abs(values - values.mean()), values.std(ddof=1))
    if method == "mad":
        distance = np.abs(values - np.median(values))
        middle = np.median(distance)
        # More than half of the values are the same: the mean distance takes the median's place (Iglewicz and Hoaglin).
        return 0.6745 * _over(distance, middle) if middle > 0 else _over(distance, 1.253314 * distance.mean())
    low, high = np.quantile(values, [0.25, 0.75])
    return _over(np.maximum(np.maximum(low - values, values - high), 0), high - low)


def _over(distance: Array, scale: float) -> Array:
    """Distances in units of the scale; where nothing is spread, whatever differs is infinitely far."""
    if scale > 0:
        return np.asarray(distance / scale)
    return np.where(distance > 0, np.inf, 0.0)


def _isolation(points: Array, params: Parameters) -> Array:
    forest = IsolationForest(n_estimators=params["n_trees"], random_state=params["seed"], n_jobs=1).fit(points)
    return np.asarray(-forest.score_samples(points))
