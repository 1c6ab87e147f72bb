"""The part of JSON Schema that parameters use: type, enum, bounds, lengths, items, properties, required, default."""

from __future__ import annotations

from typing import Any

from pipeline_algorithms import InvalidParameters, Parameters, Schema

_NUMBERS = (("minimum", "at least", lambda v, b: v >= b), ("maximum", "at most", lambda v, b: v <= b),
            ("exclusiveMinimum", "more than", lambda v, b: v > b), ("exclusiveMaximum", "less than", lambda v, b: v < b))
_LENGTHS = (("minItems", "at least", lambda n, b: n >= b), ("maxItems", "at most", lambda n, b: n <= b))


def checked(schema: Schema, given: Parameters) -> Parameters:
    """The parameters with their defaults; raises at the first that the schema refuses."""
    result = _check(schema, given, "")
    assert isinstance(result, dict)
    return result


def _check(schema: Schema, value: Any, path: str) -> Any:
    types = schema.get("type")
    allowed = [types] if isinstance(types, str) else list(types or [])
    if allowed and not any(_is(name, value) for name in allowed):
        raise InvalidParameters(path, f"{_name(path)} must be {' or '.join(allowed)}, not {_shown(value)}")
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidParameters(path, f"{_name(path)} must be one of {', '.join(map(str, schema['enum']))}, not {_shown(value)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _bounds(schema, value, path, _NUMBERS, "")
        # "2.0" is an integer for JSON Schema; for a library it is not.
        return int(value) if "integer" in allowed and "number" not in allowed else value
    if isinstance(value, list):
        _bounds(schema, len(value), path, _LENGTHS, " items")
        return [_check(schema.get("items", {}), item, f"{path}/{i}") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return _object(schema, value, path)
    return value


def _object(schema: Schema, value: dict[str, Any], path: str) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    result = {name: part["default"] for name, part in properties.items() if "default" in part}
    for name, item in value.items():
        if name not in properties and schema.get("additionalProperties") is False:
            raise InvalidParameters(f"{path}/{name}", f"{name} is not known; known are {', '.join(properties) or 'none'}")
        result[name] = _check(properties.get(name, {}), item, f"{path}/{name}")
    for name in schema.get("required", []):
        if name not in result:
            raise InvalidParameters(f"{path}/{name}", f"{name} is required")
    return result


def _bounds(schema: Schema, value: float, path: str, bounds: tuple[Any, ...], unit: str) -> None:
    for key, words, holds in bounds:
        if key in schema and not holds(value, schema[key]):
            raise InvalidParameters(path, f"{_name(path)} must be {words} {schema[key]}{unit}, not {_shown(value)}")


def _is(name: str, value: Any) -> bool:
    if name == "integer":
        return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    kinds: dict[str, type | tuple[type, ...]] = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}
    return isinstance(value, kinds[name])


def _name(path: str) -> str:
    return path[1:] or "parameters"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
