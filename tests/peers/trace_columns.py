# SPDX-License-Identifier: Apache-2.0
"""Traces of `foreline generate --traces` as NumPy reads them.

usage: trace_columns.py FORELINE FOLDER SCENARIO
"""
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import numpy
except ImportError:
    print("SKIPPED: python3-numpy is not installed (.ci/install test)")
    sys.exit(77)


def main():
    foreline, folder, scenario = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("once", "again"):
        subprocess.run([foreline, "generate", "--like", scenario, "--seed", "4", "--count", "3", "--traces", "--out", folder / name],
                       check=True, capture_output=True)
    paths = sorted((folder / "once").glob("*.npz"))
    assert len(paths) == 3, paths
    worn = 0
    for path in paths:
        assert path.read_bytes() == (folder / "again" / path.name).read_bytes(), f"{path}: other bytes the second time"
        trace = numpy.load(path)
        frames = len(trace["time_s"])
        assert frames > 100 and numpy.all(numpy.diff(trace["time_s"]) > 0)
        for name in trace.files:
            assert len(trace[name]) == frames, (path, name)
        assert trace["filler/vibration"].dtype == numpy.float32
        good = (trace["filler/vibration.quality"] == 0) & (trace["connected"] == 1)
        assert good.mean() > 0.5 and numpy.isfinite(trace["filler/vibration"][good]).all()
        for name in trace.files:
            if name.endswith(".damage"):
                assert 0 <= trace[name].min() and trace[name].max() <= 1, name
                worn += trace[name].max() > 0
            if name.endswith(".hazard_per_h"):
                assert trace[name].min() >= 0, name
        assert path.stat().st_size < sum(trace[name].nbytes for name in trace.files), "not compressed"
    assert worn > 0, "no day has a fault"
    print(f"{len(paths)} traces, {frames} frames, {len(trace.files)} columns")


if __name__ == "__main__":
    main()
