"""Seasonal ARIMA by exact maximum likelihood through the Kalman filter (statsmodels; Box, Jenkins and Reinsel)."""

from __future__ import annotations

import warnings

import numpy as np
from statsmodels.tsa.arima.model import ARIMA

from pipeline_algorithms import Cost, Input, InvalidInput, InvalidParameters, Parameters, Result, algorithm

_ORDER = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 12}, "minItems": 3, "maxItems": 3}


@algorithm(
    version="1.0",
    parameters={
        "order": {**_ORDER, "default": [1, 1, 1], "description": "p, d, q"},
        "seasonal_order": {
            "type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 366}, "minItems": 4, "maxItems": 4,
            "default": [0, 0, 0, 0], "description": "P, D, Q and the length of a season",
        },
        "log": {"type": "boolean", "default": False, "description": "model the logarithms; forecasts come back on the scale of the values"},
        "steps": {"type": "integer", "minimum": 0, "maximum": 10000, "default": 12, "description": "values to forecast"},
        "confidence": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.95},
    },
    cost=Cost(fixed_ms=400, per_value_us=2000),
    source="Box and Jenkins 1970; exact likelihood by the Kalman filter: Durbin and Koopman 2012 (statsmodels)",
    complexity="O(e · n · k³), e evaluations of the likelihood, k = max(p + P·s, q + Q·s + 1) + d + D·s states",
)  # fmt: skip
def arima(given: Input, params: Parameters) -> Result:
    """A seasonal ARIMA model of a series: its coefficients, its fit, and a forecast with its interval."""
    order, season = tuple(params["order"]), tuple(params["seasonal_order"])
    if any(season[:3]) and season[3] < 2:
        raise InvalidParameters("/seasonal_order/3", "a season has at least 2 values")
    if season[3] and not any(season[:3]):
        season = (0, 0, 0, 0)
    count = order[0] + order[2] + season[0] + season[2] + 1
    least = order[1] + season[1] * season[3] + max(order[0] + season[0] * season[3], order[2] + season[2] * season[3]) + count + 1
    series = given.series(least)
    if params["log"]:
        if series.min() <= 0:
            raise InvalidInput("logarithms need positive values")
        series = np.log(series)
    if np.ptp(series) == 0:
        raise InvalidInput("all values are the same")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = ARIMA(series, order=order, seasonal_order=season).fit()
    result: Result = {
        "coefficients": dict(zip(fitted.param_names, fitted.params.tolist(), strict=True)),
        "standard_errors": dict(zip(fitted.param_names, fitted.bse.tolist(), strict=True)),
        "log_likelihood": fitted.llf,
        "aic": fitted.aic,
        "bic": fitted.bic,
        "converged": bool(fitted.mle_retvals["converged"]),
        "warnings": sorted({str(w.message) for w in caught}),
        "n": len(series),
    }
    if params["steps"]:
        forecast = fitted.get_forecast(params["steps"])
        interval = forecast.conf_int(alpha=1 - params["confidence"])
        scaled = [forecast.predicted_mean, interval[:, 0], interval[:, 1]]
        result.update(zip(("forecast", "low", "high"), [np.exp(part) for part in scaled] if params["log"] else scaled, strict=True))
    return result
