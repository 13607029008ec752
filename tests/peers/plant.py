# SPDX-License-Identifier: Apache-2.0
"""The soft PLC of this build, and what the peers' tests share."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

SKIP = 77


def skip(reason):
    print("SKIPPED:", reason)
    sys.exit(SKIP)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fresh(folder):
    path = pathlib.Path(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def installed_by_npm(cache, name, packages, patience=1500):
    """Packages too large for every run: installed once into `cache`, when FORELINE_SLOW_PEERS asks for it."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    complete = cache / "complete"
    if complete.exists() and complete.read_text() == " ".join(packages):
        return
    if not os.environ.get("FORELINE_SLOW_PEERS"):
        skip(f"{name} is not in the cache (set FORELINE_SLOW_PEERS=1 to install it)")
    fresh(cache)
    (cache / "package.json").write_text('{"private": true}')
    # In a group of its own: npm's children, compilers among them, end with it.
    npm = subprocess.Popen(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=cache,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           start_new_session=True)
    try:
        complaint = npm.communicate(timeout=patience)[1]
    except subprocess.TimeoutExpired:
        os.killpg(npm.pid, signal.SIGKILL)
        npm.wait()
        skip(f"{name} could not be installed within {patience / 60:.0f} min")
    if npm.returncode != 0:
        skip(f"npm cannot install {name}: " + complaint[-300:])
    complete.write_text(" ".join(packages))


def until(holds, what, patience=30):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        got = holds()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError("never happened: " + what)


class Program:
    """A child that ends with this one."""

    def __init__(self, arguments, log, **more):
        self.log = pathlib.Path(log)
        self.process = subprocess.Popen([str(a) for a in arguments], stdout=open(log, "w"),
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)

    def text(self):
        return self.log.read_text(errors="replace")

    def line(self, pattern, patience=30):
        def found():
            match = re.search(pattern, self.text())
            if not match and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.text()[-2000:]}")
            return match
        return until(found, f"{pattern} in {self.log}", patience)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def soft_plc(foreline, folder, source, speed=100):
    """A running soft PLC of the demo, and `folder`/plugin.toml that fits it."""
    port = free_port()
    plc = Program([foreline, "serve", pathlib.Path(source) / "scenarios/demo.toml", "--port", port,
                   "--speed", speed, "--for", "120 s", "--write-config", folder],
                  folder / "plc.log")
    plc.port = port
    until(lambda: connects(port), "the soft PLC listens")
    return plc


def connects(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0
