"""DBSCAN (Ester, Kriegel, Sander and Xu 1996): clusters are where points are dense, the rest is noise."""

from __future__ import annotations

from sklearn.cluster import DBSCAN

from pipeline_algorithms import Cost, Input, Parameters, Result, algorithm


@algorithm(
    version="1.0",
    parameters={
        "eps": {"type": "number", "exclusiveMinimum": 0, "default": 0.5, "description": "how near neighbours are"},
        "min_samples": {"type": "integer", "minimum": 1, "default": 5, "description": "neighbours, itself included, that make a point a core point"},
        "metric": {"type": "string", "enum": ["euclidean", "manhattan", "chebyshev"], "default": "euclidean"},
    },
    cost=Cost(fixed_ms=5, per_value_us=10),
    source="Ester, Kriegel, Sander and Xu 1996 (scikit-learn)",
    complexity="O(n log n + n · d) by a tree of few columns, d neighbours on average; at most O(n²); memory O(n · d)",
)
def dbscan(given: Input, params: Parameters) -> Result:
    """Clusters of any shape by density; label -1 is noise."""
    names, points = given.matrix()
    fitted = DBSCAN(eps=params["eps"], min_samples=params["min_samples"], metric=params["metric"]).fit(points)
    labels = fitted.labels_
    clusters = int(labels.max(initial=-1)) + 1
    return {
        "labels": labels,
        "columns": names,
        "clusters": clusters,
        "sizes": [int((labels == i).sum()) for i in range(clusters)],
        "noise": int((labels == -1).sum()),
        "core_points": len(fitted.core_sample_indices_),
        "n": len(points),
    }
