# SPDX-License-Identifier: Apache-2.0
"""Node.js with koffi, modbus-serial and jsmodbus. ARGS: foreline libforeline.so source work cache"""
import pathlib
import shutil
import subprocess
import sys

from plant import fresh, skip, soft_plc

foreline, library, source, work, cache = sys.argv[1:6]
if not shutil.which("node") or not shutil.which("npm"):
    skip("node and npm are not installed")
here = pathlib.Path(__file__).parent / "node"
cache = pathlib.Path(cache)
wanted = (here / "package.json").read_text()
if not (cache / "complete").exists() or (cache / "complete").read_text() != wanted:
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    shutil.copy(here / "package.json", cache)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--omit=optional"],
                          cwd=cache, capture_output=True, text=True)
    if done.returncode != 0:
        skip("npm cannot install koffi, modbus-serial and jsmodbus: " + done.stderr[-300:])
    (cache / "complete").write_text(wanted)
shutil.copy(here / "peers.mjs", cache)
folder = fresh(work)
plc = soft_plc(foreline, folder, source)
done = subprocess.run(["node", "peers.mjs", library, folder / "plugin.toml"], cwd=cache,
                      timeout=120)
plc.end()
sys.exit(done.returncode)
