"""k-means: Lloyd's algorithm from k-means++ starts (Arthur and Vassilvitskii 2007), the best of ``n_init`` by inertia."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from pipeline_algorithms import MISSING, Array, Cost, Input, InvalidInput, InvalidParameters, Parameters, Result, algorithm, in_place

_COUNT = {"type": "integer", "minimum": 1, "maximum": 1000, "description": "number of clusters"}


@algorithm(
    version="1.1",
    parameters={
        "k": _COUNT,
        "n_clusters": {**_COUNT, "description": "the same as k"},
        "n_init": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "starts, of which the best counts"},
        "max_iter": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 300},
        "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "default": 0},
        "standardize": {
            "type": "boolean", "default": False,
            "description": "measure distances in standard deviations of each column; centers come back on the scale of the values, the inertia does not",
        },
        "missing": MISSING,
    },
    cost=Cost(fixed_ms=20, per_value_us=5),
    source="Lloyd 1982; starts: Arthur and Vassilvitskii 2007 (scikit-learn)",
    complexity="O(n · k · c · i) for each start, c columns, i iterations",
)  # fmt: skip
def kmeans(given: Input, params: Parameters) -> Result:
    """Clusters of points by k-means: each point's label, the centers, and the inertia (sum of squared distances to the own center)."""
    k = params.get("k", params.get("n_clusters"))
    if k is None:
        raise InvalidParameters("/k", "k (or n_clusters) is required")
    if params.get("n_clusters", k) != k:
        raise InvalidParameters("/n_clusters", f"k is {k} and n_clusters is {params['n_clusters']}; one of them is enough")
    names, points, kept = given.known(params["missing"])
    if len(points) < k:
        raise InvalidInput(f"{k} clusters need at least {k} points; there are {len(points)}")
    scale = _spread(points) if params["standardize"] else np.ones(points.shape[1])
    fitted = KMeans(n_clusters=k, n_init=params["n_init"], max_iter=params["max_iter"], random_state=params["seed"]).fit(points / scale)
    return {
        "labels": in_place(fitted.labels_, kept),
        "centers": fitted.cluster_centers_ * scale,
        "columns": names,
        "sizes": [int((fitted.labels_ == i).sum()) for i in range(k)],
        "inertia": fitted.inertia_,
        "iterations": fitted.n_iter_,
        "n": len(points),
    }


def _spread(points: Array) -> Array:
    """Standard deviations of the columns; one that does not vary stays as it is."""
    deviations = points.std(axis=0)
    return np.where(deviations > 0, deviations, 1.0)
