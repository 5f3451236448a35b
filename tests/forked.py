"""Commands as processes that are forked off one that has imported all commands: what takes most of a command's time.

Each command is a process of its own in a session of its own, with the environment, folder and output that it is given,
and ends as the interpreter ends. It differs from `python -m cli.main` in that modules are there already; tests of how
commands start, die or are killed run that instead (`CommandLine.start`).
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

TIMEOUT_S = 120
MOST_BYTES = 1 << 17
"""Of a command with its environment."""


class ForkedCommands:
    """The process that commands are forked off, and what it is told."""

    def __enter__(self) -> Self:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            line = [sys.executable, "-P", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(line, pass_fds=[theirs.fileno()], start_new_session=True)
        self._control.settimeout(TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait(TIMEOUT_S)

    def run(
        self, arguments: Sequence[object], *, cwd: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run `groundct` with these arguments to its end."""
        words = [str(each) for each in arguments]
        with TemporaryFile() as out, TemporaryFile() as err:
            asked = json.dumps([words, str(cwd), dict(environment)]).encode()
            socket.send_fds(self._control, [asked], [out.fileno(), err.fileno()])
            pid = int(self._control.recv(MOST_BYTES))
            try:
                code = int(self._control.recv(MOST_BYTES))
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                raise
            told = [_whole(file) for file in (out, err)]
        return subprocess.CompletedProcess(["groundct", *words], code, *told)


def _whole(file: "TemporaryFile[bytes]") -> str:  # type: ignore[valid-type]
    file.seek(0)  # type: ignore[attr-defined]
    return file.read().decode().replace("\r\n", "\n")  # type: ignore[attr-defined, no-any-return]


def serve(control: socket.socket) -> list[str] | None:
    """Fork a process for each command that is asked for, and tell how it ended.

    Gives a command's arguments in its own process, and None in this one when nobody asks any more.
    """
    while (asked := socket.recv_fds(control, MOST_BYTES, 2))[0]:
        content, files, _, _ = asked
        pid = os.fork()
        if pid == 0:
            control.close()
            return _become(content, files)
        for file in files:
            os.close(file)
        control.send(str(pid).encode())
        control.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    return None


def _become(content: bytes, files: Sequence[int]) -> list[str]:
    """Take a command's place: its session, folder, environment and files."""
    arguments, folder, environment = json.loads(content)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for there, here in enumerate((nothing, *files)):
        os.dup2(here, there)
        os.close(here)
    return list(arguments)


def _import_commands() -> None:
    """Import every command's module but the main one, which each process runs afresh.

    ONNX Runtime has a thread from its import on, which no fork survives: what needs it is imported up to there, and the
    rest by the commands themselves.
    """
    commands = importlib.import_module("cli")
    sys.modules["onnxruntime"] = None  # type: ignore[assignment] # makes its import an ImportError
    for module in pkgutil.iter_modules(commands.__path__):
        if module.name != "main":
            with suppress(ImportError):
                importlib.import_module(f"cli.{module.name}")
    del sys.modules["onnxruntime"]
    gc.freeze()


if __name__ == "__main__":
    _import_commands()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        command = serve(channel)
    if command is not None:
        sys.argv = ["groundct", *command]
        runpy.run_module("cli.main", run_name="__main__", alter_sys=True)
