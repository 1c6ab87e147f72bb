"""Starts the zygote: ``python3 worker.py --socket NAME --algorithms FOLDER``. The host does; docs/decisions/0008-python-workers.md says how they talk.

``--check`` imports the libraries and says which one is missing, for the host's search of an interpreter.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

# Before numpy is imported: a worker has one core, and a process that forks must have one thread.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
sys.dont_write_bytecode = True

from pipeline_runtime.frames import Connection  # noqa: E402
from pipeline_runtime.zygote import LIBRARIES, Limits, Zygote  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="say which packages are missing, and end")
    parser.add_argument("--socket", help="name of the host's abstract socket, without its leading zero")
    parser.add_argument("--algorithms", help="folder of the algorithms' files")
    parser.add_argument("--array-bytes", type=int, default=64 * 1024 * 1024, help="room for a call's arrays, and the same again for its result's")
    parser.add_argument("--memory-bytes", type=int, default=1024 * 1024 * 1024, help="what a worker may have on top of what the zygote has")
    given = parser.parse_args()
    if given.check:
        check()
    elif not given.socket or not given.algorithms:
        parser.error("--socket and --algorithms are needed")
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(b"\0" + given.socket.encode())
        folder = os.path.abspath(given.algorithms)
        # Files of algorithms may share modules that stand beside them.
        sys.path.append(folder)
        Zygote(Connection(sock), folder, Limits(given.array_bytes, given.memory_bytes)).run()


def check() -> None:
    from importlib.util import find_spec

    missing = [name for name in LIBRARIES if find_spec(name) is None]
    print("missing: " + " ".join(missing) if missing else "ok " + sys.version.split()[0])


if __name__ == "__main__":
    main()
