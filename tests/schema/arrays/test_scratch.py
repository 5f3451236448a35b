import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from schema.arrays.scratch import Scratch
from schema.arrays.store import ArrayStore

PRELUDE = """
import os, sys, time
import numpy as np
from schema.arrays.store import ArrayStore

store = ArrayStore(sys.argv[1])
volume = np.arange(70 * 65 * 130).reshape(70, 65, 130).astype(np.int16)
"""

STUCK = """
def stuck(*arguments):
    print("ready", flush=True)
    time.sleep(60)

setattr(os, sys.argv[2], stuck)
store.write_volume(volume)
"""

TOGETHER = """
print("ready", flush=True)
sys.stdin.readline()
print(store.write_volume(volume).digest, flush=True)
"""


def start_writer(script, *arguments):
    command = [sys.executable, "-c", PRELUDE + script, *map(str, arguments)]
    root = Path(sys.modules[ArrayStore.__module__].__file__).parents[2]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)}
    )


def finish(writer):
    writer.stdin.close()
    writer.stdout.close()
    return writer.wait(timeout=30)


@pytest.mark.parametrize("at", ["fsync", "rename"])
def test_a_killed_writer_leaves_only_what_is_swept(tmp_path, at):
    writer = start_writer(STUCK, tmp_path, at)
    assert writer.stdout.readline() == "ready\n"
    store = ArrayStore(str(tmp_path))
    assert store.sweep_scratch() == 0
    (left,) = (tmp_path / "scratch").iterdir()
    assert any(left.glob("*/c/0/0/0"))

    writer.send_signal(signal.SIGKILL)
    finish(writer)
    assert list(store.iter_arrays()) == []
    assert store.sweep_scratch() == 1
    assert list((tmp_path / "scratch").iterdir()) == []


def test_writers_of_one_array_at_once_agree(url, tmp_path):
    writers = [start_writer(TOGETHER, url) for _ in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    digests = {writer.stdout.readline().strip() for writer in writers}
    assert [finish(writer) for writer in writers] == [0, 0]

    (entry,) = ArrayStore(url).iter_arrays()
    assert digests == {entry.digest}
    ArrayStore(url).verify_volume(entry.digest)
    assert list(tmp_path.glob("arrays/scratch/*")) == []


def test_the_later_of_two_drops_its_own(tmp_path, monkeypatch):
    volume = np.ones((2, 2, 2), np.int16)
    first, second = ArrayStore(str(tmp_path)), ArrayStore(str(tmp_path))
    rename = os.rename

    def overtaken(source, target):
        monkeypatch.setattr(os, "rename", rename)
        first.write_volume(volume)
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    stored = second.write_volume(volume)
    first.verify_volume(stored.digest)
    assert [file.name for file in (tmp_path / "scratch").glob("*/*")] == ["lock", "lock"]
    first.close()
    second.close()


def test_a_living_writer_is_never_swept(tmp_path):
    scratch = Scratch(tmp_path)
    with scratch.new_path() as path:
        path.mkdir()
        assert Scratch(tmp_path).sweep() == 0
        assert path.is_dir()
    assert not path.exists()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_takes_a_folder_of_its_own(tmp_path):
    scratch = Scratch(tmp_path)
    with scratch.new_path() as path:
        child = os.fork()
        if child == 0:
            with scratch.new_path() as other:
                os._exit(int(other.parent == path.parent))
        assert os.waitpid(child, 0)[1] == 0
        assert path.parent.is_dir()
    assert scratch.sweep() == 1
    scratch.close()


def test_folders_without_a_lock_are_swept(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "file").write_text("left by a sweeper that was killed")
    (tmp_path / "stray file").write_text("not a folder")
    assert Scratch(tmp_path).sweep() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["stray file"]
