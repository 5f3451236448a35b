"""A scan, or one of its findings, as a picture; what cannot be drawn is one line."""

from pathlib import Path

from PIL import Image

from ingest.phantoms import make_dataset
from tests.conftest import CommandLine


def test_a_scan_and_a_finding(command_line: CommandLine, tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", scans=2, seed=3, faults=False, second=False, shape=(60, 62, 64))
    dataset = tmp_path / "data" / "dataset.json"
    ingest = ("ingest", "rexgroundingct", dataset, "--round", "first", "--no-embed", "--workers", 1)
    assert command_line.run(*ingest).returncode == 0
    command_line.read("cohort", "create", "all")
    member = command_line.read("cohort", "show", "all")["members"][0]
    sizes = []
    for what in (member["scan"], member["finding"]):
        done = command_line.run("show", what, "--out", tmp_path / "slice.png")
        assert (done.returncode, done.stdout) == (0, f"written: {tmp_path / 'slice.png'}\n"), done.stderr
        with Image.open(tmp_path / "slice.png") as picture:
            sizes.append(picture.height)
    assert sizes[0] >= sizes[1] > 640  # a line below the slice for each finding, and one for the scan
    unknown = command_line.run("show", "train_9_z_9", "--out", tmp_path / "none.png")
    assert (unknown.returncode, unknown.stderr) == (1, "error: there is no scan 'train_9_z_9'\n")
