"""Ordinary least squares by a pivoted QR decomposition of the scaled columns (Golub and Van Loan, Matrix Computations, 5.3)."""

from __future__ import annotations

import numpy as np
from scipy import linalg, stats

from pipeline_algorithms import Array, Cost, Input, InvalidInput, InvalidParameters, Parameters, Result, algorithm


@algorithm(
    version="1.0",
    parameters={
        "target": {"type": "string", "description": "the column to explain; default y, else the last"},
        "intercept": {"type": "boolean", "default": True},
        "confidence": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.95},
    },
    cost=Cost(fixed_ms=2, per_value_us=0.3),
    source="Golub and Van Loan, Matrix Computations, 5.3, by LAPACK's pivoted QR",
    complexity="O(n · c²), c columns",
)
def linear_regression(given: Input, params: Parameters) -> Result:
    """Least squares with standard errors, t, p, confidence intervals and R²; plain values are regressed on 0, 1, 2, …"""
    names, y, x = target_and_features(given, params.get("target"))
    intercept = bool(params["intercept"])
    design = np.column_stack([np.ones(len(y)), x]) if intercept else x
    n, p = design.shape
    if n <= p:
        raise InvalidInput(f"{p} coefficients need more than {p} points; there are {n}")
    beta, inverse = _solve(design, y, ["intercept", *names] if intercept else names)
    residuals = y - design @ beta
    freedom = n - p
    rss = float(residuals @ residuals)
    centered = y - y.mean() if intercept else y
    tss = float(centered @ centered)
    if not np.isfinite(rss) or not np.isfinite(tss):
        raise InvalidInput("the values' squares are beyond what a double holds")
    errors = np.sqrt(np.diag(inverse) * rss / freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = beta / errors
    reach = stats.t.ppf((1 + params["confidence"]) / 2, freedom) * errors
    r2 = 1 - rss / tss if tss > 0 else None
    coefficients = [
        {"name": name, "estimate": b, "standard_error": e, "t": t_value, "p": 2 * stats.t.sf(abs(t_value), freedom), "low": b - r, "high": b + r}
        for name, b, e, t_value, r in zip(["intercept", *names] if intercept else names, beta, errors, t, reach, strict=True)
    ]
    return {
        "coefficients": coefficients,
        "r_squared": r2,
        "adjusted_r_squared": None if r2 is None else 1 - (1 - r2) * (n - int(intercept)) / freedom,
        "residual_deviation": float(np.sqrt(rss / freedom)),
        "degrees_of_freedom": freedom,
        "n": n,
    }


def target_and_features(given: Input, target: str | None) -> tuple[list[str], Array, Array]:
    """Names of the explaining columns, the explained one, and the explaining ones as a matrix."""
    names, points = given.matrix()
    if len(names) == 1:
        return ["index"], points[:, 0], np.arange(len(points), dtype=np.float64)[:, None]
    target = target if target is not None else "y" if "y" in names else names[-1]
    if target not in names:
        raise InvalidParameters("/target", f"there is no column {target}; there are {', '.join(names)}")
    at = names.index(target)
    return names[:at] + names[at + 1 :], points[:, at], np.delete(points, at, axis=1)


def _solve(design: Array, y: Array, names: list[str]) -> tuple[Array, Array]:
    scale = np.linalg.norm(design, axis=0)
    if not scale.all() or not np.isfinite(scale).all():
        raise InvalidInput("a column is all zero, or its squares are beyond what a double holds")
    q, r, order = linalg.qr(design / scale, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(r))
    if diagonal[-1] <= np.finfo(float).eps * max(design.shape) * diagonal[0]:
        raise InvalidInput(f"column {names[order[-1]]} is a linear combination of the others")
    beta, root = np.empty(len(order)), linalg.solve_triangular(r, np.eye(len(order)))
    beta[order] = linalg.solve_triangular(r, q.T @ y)
    inverse = np.empty_like(root)
    inverse[np.ix_(order, order)] = root @ root.T
    return beta / scale, inverse / np.outer(scale, scale)
