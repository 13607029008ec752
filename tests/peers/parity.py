# SPDX-License-Identifier: Apache-2.0
"""What the tests of our models in transformers share. Their arguments begin with FORELINE FOLDER; the folder is empty."""
import shutil
import subprocess
import sys

import torch
import transformers

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
foreline, folder = sys.argv[1:3]
shutil.rmtree(folder, ignore_errors=True)


def run(*args):
    done = subprocess.run([foreline, *args], capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"foreline {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout
