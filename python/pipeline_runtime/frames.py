"""Frames as both sides write them: 16 bytes, a JSON header, a raw payload. docs/decisions/0008-python-workers.md describes them.

``magic (4) version (u16) type (u16) header length (u32) payload length (u32)``, all little-endian.
"""

from __future__ import annotations

import array
import json
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

VERSION = 1
MAGIC = b"PLPY"
HEAD = struct.Struct("<4sHHII")
HEADER_BYTES_MAX = 16 * 1024 * 1024
PAYLOAD_BYTES_MAX = 64 * 1024

Header = dict[str, Any]


class Type(IntEnum):
    HELLO = 1
    REFUSED = 2
    FORK = 3
    FORKED = 4
    EXITED = 5
    CALL = 6
    RESULT = 7
    FAILURE = 8
    DISCOVER = 9


class ProtocolError(Exception):
    """What came is no frame of ours."""


@dataclass(frozen=True)
class Frame:
    type: Type
    header: Header
    payload: memoryview


def encode(kind: Type, header: Header, payload: bytes | memoryview = b"") -> bytes:
    """One frame. NaN and infinity are refused: they are no JSON."""
    text = json.dumps(header, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    if len(text) > HEADER_BYTES_MAX or len(payload) > PAYLOAD_BYTES_MAX:
        raise ProtocolError(f"a frame of {len(text)} + {len(payload)} bytes is too large")
    return b"".join((HEAD.pack(MAGIC, VERSION, kind, len(text), len(payload)), text, payload))


class Connection:
    """One end of a socket that carries frames. Reads block until a whole frame is there."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray(128 * 1024)
        self._held = 0

    @property
    def holds_more(self) -> bool:
        """Whether the beginning of a further frame was read already: no poll will tell of it."""
        return self._held > 0

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, frame: bytes, descriptors: list[int] | None = None) -> None:
        """Descriptors travel with the first byte."""
        if not descriptors:
            self.sock.sendall(frame)
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        sent = self.sock.sendmsg([frame], rights)
        self.sock.sendall(memoryview(frame)[sent:])

    def read(self) -> Frame | None:
        """The next frame, or None at the end of the stream. Lengths are checked before anything is made room for."""
        if not self._fill(HEAD.size):
            return None
        magic, version, kind, header_bytes, payload_bytes = HEAD.unpack_from(self._buffer)
        if magic != MAGIC:
            raise ProtocolError(f"a frame begins with {magic!r}")
        if version != VERSION:
            raise ProtocolError(f"protocol version {version}; this side speaks {VERSION}")
        if header_bytes > HEADER_BYTES_MAX or payload_bytes > PAYLOAD_BYTES_MAX:
            raise ProtocolError(f"a frame announces {header_bytes} + {payload_bytes} bytes")
        end = HEAD.size + header_bytes
        if not self._fill(end + payload_bytes):
            return None
        try:
            header = json.loads(self._buffer[HEAD.size : end])
            frame = Frame(Type(kind), header, memoryview(bytes(self._buffer[end : end + payload_bytes])))
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"an unreadable frame: {error}") from None
        if not isinstance(header, dict):
            raise ProtocolError("a frame's header is no object")
        self._drop(end + payload_bytes)
        return frame

    def _fill(self, wanted: int) -> bool:
        if len(self._buffer) < wanted:
            self._buffer.extend(bytes(wanted - len(self._buffer)))
        while self._held < wanted:
            try:
                with memoryview(self._buffer) as view:
                    got = self.sock.recv_into(view[self._held :])
            except ConnectionResetError:
                # The other side ended with something of ours unread.
                return False
            if got == 0:
                return False
            self._held += got
        return True

    def _drop(self, count: int) -> None:
        self._held -= count
        if self._held:
            self._buffer[: self._held] = self._buffer[count : count + self._held]
        elif len(self._buffer) > 1024 * 1024:
            self._buffer = bytearray(128 * 1024)
