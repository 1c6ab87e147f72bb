"""Frames, schemas, results and the loading of files, each alone."""

from __future__ import annotations

import json
import pathlib
import socket
from typing import Any

import numpy as np
import pytest

from pipeline_algorithms import Input, InvalidParameters
from pipeline_runtime import results, schema
from pipeline_runtime.frames import HEAD, HEADER_BYTES_MAX, MAGIC, VERSION, Connection, ProtocolError, Type, encode
from pipeline_runtime.modules import Changed, Modules, fault


def sent(*pieces: bytes) -> Connection:
    ours, theirs = socket.socketpair()
    for piece in pieces:
        theirs.sendall(piece)
    theirs.close()
    ours.settimeout(5)
    return Connection(ours)


def test_frames_come_back_as_they_were() -> None:
    connection = sent(encode(Type.CALL, {"call": 1}, b"12345678") + encode(Type.FORK, {"worker": 2}))
    first, second = connection.read(), connection.read()
    assert first is not None and (first.type, first.header, bytes(first.payload)) == (Type.CALL, {"call": 1}, b"12345678")
    assert second is not None and (second.type, second.header) == (Type.FORK, {"worker": 2})
    assert connection.read() is None


@pytest.mark.parametrize(
    "piece",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD.pack(MAGIC, VERSION + 1, 6, 2, 0) + b"{}",
        HEAD.pack(MAGIC, VERSION, 6, HEADER_BYTES_MAX + 1, 0),
        HEAD.pack(MAGIC, VERSION, 6, 2, 1 << 31) + b"{}",
        HEAD.pack(MAGIC, VERSION, 99, 2, 0) + b"{}",
        HEAD.pack(MAGIC, VERSION, 6, 2, 0) + b"[]",
        HEAD.pack(MAGIC, VERSION, 6, 2, 0) + b"{{",
        HEAD.pack(MAGIC, VERSION, 6, 100_000, 0) + b"[" * 100_000,
    ],
)
def test_what_is_no_frame_is_refused(piece: bytes) -> None:
    with pytest.raises(ProtocolError):
        sent(piece).read()


def test_defaults_are_filled_in_and_whole_numbers_become_integers() -> None:
    described = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number", "default": 0.5}}}
    assert schema.checked(described, {"a": 2.0}) == {"a": 2, "b": 0.5}
    assert isinstance(schema.checked(described, {"a": 2.0})["a"], int)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"type": "integer"}, True), ({"type": "integer"}, 1.5), ({"type": "number"}, float("nan")), ({"type": "string"}, 1),
        ({"enum": ["a"]}, "b"), ({"type": "number", "maximum": 1}, 2), ({"type": "number", "exclusiveMaximum": 1}, 1),
        ({"type": "array", "minItems": 2}, [1]), ({"type": "array", "items": {"type": "string"}}, [1]), ({"type": ["integer", "null"]}, "x"),
    ],
)  # fmt: skip
def test_a_schema_refuses(part: dict[str, Any], value: Any) -> None:
    with pytest.raises(InvalidParameters) as raised:
        schema.checked({"type": "object", "properties": {"p": part}}, {"p": value})
    assert raised.value.path.startswith("/p")


def test_required_parameters_are_missed() -> None:
    with pytest.raises(InvalidParameters, match="required"):
        schema.checked({"type": "object", "properties": {}, "required": ["k"]}, {})


def test_long_arrays_travel_raw_and_nan_becomes_null() -> None:
    header, payload = results.packed({"a": np.arange(100.0), "b": np.float64("nan"), "c": np.array([1, 2]), "d": (np.int64(3),)}, memoryview(bytearray(1000)))
    assert header["result"] == {"a": {"$array": 0}, "b": None, "c": [1, 2], "d": [3]}
    assert header["arrays"] == [{"shape": [100], "at": 0}] and np.array_equal(np.frombuffer(payload), np.arange(100.0))
    json.dumps(header, allow_nan=False)


def test_large_arrays_go_to_memory_until_it_is_full() -> None:
    memory = bytearray(100_000 * 8)
    header, payload = results.packed({"a": np.ones((50_000, 2))}, memoryview(memory))
    assert header["shared"] and payload == b"" and np.frombuffer(memory).sum() == 100_000
    with pytest.raises(results.TooLarge):
        results.packed({"a": np.ones(100_001)}, memoryview(memory))


@pytest.mark.parametrize("value", [object(), {"a": {1, object()}}, b"bytes"])
def test_what_is_no_result_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        results.packed({"x": value}, memoryview(b""))


def test_a_file_of_two_arguments_is_an_algorithm(tmp_path: pathlib.Path) -> None:
    (tmp_path / "doubled.py").write_text("def doubled(data: list[float], params: dict) -> dict:\n    'Twice.'\n    return {'sum': 2 * sum(data)}\n\ndef helper(x): ...\n")
    loaded = Modules(str(tmp_path)).load("doubled.py")
    assert list(loaded.algorithms) == ["doubled"] and loaded.algorithms["doubled"].summary == "Twice."
    assert loaded.algorithms["doubled"].described()["source"] is None
    assert loaded.algorithms["doubled"].function(Input(values=np.array([1.0, 2.0])), {}) == {"sum": 6.0}


def test_a_changed_file_is_another_version(tmp_path: pathlib.Path) -> None:
    file, modules = tmp_path / "one.py", Modules(str(tmp_path))
    file.write_text("def one(data, params): return {'v': 1}\n")
    first = modules.load("one.py")
    file.write_text("def one(data, params): return {'v': 2}\n")
    assert modules.load("one.py", first.digest) is first
    second = modules.load("one.py")
    assert second.digest != first.digest and second.algorithms["one"].function(Input(values=np.zeros(1)), {}) == {"v": 2}
    with pytest.raises(Changed):
        modules.load("one.py", first.digest)


def test_a_syntax_error_names_file_and_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ndef broken(:\n")
    with pytest.raises(SyntaxError) as raised:
        Modules(str(tmp_path)).load("broken.py")
    assert "broken.py, line 2" in fault(raised.value)


@pytest.mark.parametrize("file", ["../worker.py", "/etc/passwd", "x.txt"])
def test_no_other_file_is_loaded(tmp_path: pathlib.Path, file: str) -> None:
    with pytest.raises(ValueError):
        Modules(str(tmp_path)).load(file)
