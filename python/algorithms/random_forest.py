"""Random forests (Breiman 2001), judged by what each tree did not see (out of bag)."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pipeline_algorithms import Cost, Input, InvalidInput, InvalidParameters, Parameters, Result, algorithm


@algorithm(
    version="1.0",
    parameters={
        "target": {"type": "string", "description": "the column to predict; default y, else the last"},
        "task": {"type": "string", "enum": ["regression", "classification"], "default": "regression"},
        "n_trees": {"type": "integer", "minimum": 10, "maximum": 2000, "default": 100},
        "max_depth": {"type": ["integer", "null"], "minimum": 1, "default": None},
        "min_leaf": {"type": "integer", "minimum": 1, "default": 1, "description": "points that a leaf holds at least"},
        "predictions": {"type": "boolean", "default": False, "description": "also return the out-of-bag prediction of each point"},
        "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "default": 0},
    },
    reads=("columns",),
    cost=Cost(fixed_ms=150, per_value_us=200),
    source="Breiman 2001 (scikit-learn)",
    complexity="O(t · c · n log n) for t balanced trees, c columns; at most O(t · c · n² log n)",
)
def random_forest(given: Input, params: Parameters) -> Result:
    """A forest's out-of-bag score (R² or share of right classes) and how much each column matters (impurity)."""
    names, points = given.matrix(least=10)
    target = params.get("target", "y" if "y" in names else names[-1])
    if target not in names:
        raise InvalidParameters("/target", f"there is no column {target}; there are {', '.join(names)}")
    if len(names) < 2:
        raise InvalidInput("at least one column besides the target is needed")
    at = names.index(target)
    x, y = np.delete(points, at, axis=1), points[:, at]
    settings = {
        "n_estimators": params["n_trees"], "max_depth": params["max_depth"], "min_samples_leaf": params["min_leaf"],
        "random_state": params["seed"], "oob_score": True, "n_jobs": 1,
    }  # fmt: skip
    result: Result = {"columns": names[:at] + names[at + 1 :], "target": target, "n": len(y)}
    if params["task"] == "classification":
        forest = RandomForestClassifier(**settings).fit(x, y)
        predicted = forest.classes_[np.argmax(forest.oob_decision_function_, axis=1)]
        result["classes"] = forest.classes_
    else:
        forest = RandomForestRegressor(**settings).fit(x, y)
        predicted = forest.oob_prediction_
    result.update(oob_score=forest.oob_score_, importances=forest.feature_importances_)
    if params["predictions"]:
        result["predictions"] = predicted
    return result
