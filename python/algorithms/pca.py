"""Principal components by the singular value decomposition of the centered columns."""

from __future__ import annotations

import numpy as np

from pipeline_algorithms import Cost, Input, InvalidInput, InvalidParameters, Parameters, Result, algorithm


@algorithm(
    version="1.0",
    parameters={
        "n_components": {"type": "integer", "minimum": 1, "description": "default: as many as there are columns, at most n"},
        "standardize": {"type": "boolean", "default": False, "description": "divide each column by its standard deviation (ddof 1)"},
        "scores": {"type": "boolean", "default": False, "description": "also return each point's coordinates"},
    },
    reads=("columns",),
    cost=Cost(fixed_ms=2, per_value_us=0.5),
    source="Pearson 1901; Hotelling 1933; by LAPACK's singular value decomposition",
    complexity="O(n · c · min(n, c)), c columns",
)
def pca(given: Input, params: Parameters) -> Result:
    """Principal components of columns: loadings, explained variance (ddof 1) and its share. A component's largest loading is positive."""
    names, points = given.matrix(least=2)
    most = min(points.shape)
    count = params.get("n_components", most)
    if count > most:
        raise InvalidParameters("/n_components", f"{points.shape[0]} points of {points.shape[1]} columns have at most {most} components")
    mean = points.mean(axis=0)
    centered = points - mean
    if params["standardize"]:
        deviation = centered.std(axis=0, ddof=1)
        if not deviation.all():
            raise InvalidInput(f"column {names[int(np.argmin(deviation))]} is constant and cannot be standardized")
        centered = centered / deviation
    left, singular, loadings = np.linalg.svd(centered, full_matrices=False)
    total = float((singular**2).sum())
    if not np.isfinite(total) or total == 0:
        raise InvalidInput("all points are the same" if total == 0 else "the columns' squares are beyond what a double holds")
    signs = np.sign(loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)])
    result: Result = {
        "components": (loadings * signs[:, None])[:count],
        "columns": names,
        "explained_variance": (singular**2 / (len(points) - 1))[:count],
        "explained_variance_ratio": (singular**2 / total)[:count],
        "singular_values": singular[:count],
        "mean": mean,
        "n": len(points),
    }
    if params["scores"]:
        result["scores"] = (left * singular * signs)[:, :count]
    return result
