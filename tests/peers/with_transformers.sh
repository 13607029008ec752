#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: with_transformers.sh VENV SCRIPT ARGS…   runs a Python script that needs torch and
# transformers. torch is Debian's python3-torch; transformers comes from PyPI into VENV, once.
# Exits with 77 (skipped), and says why, when one of them is not to be had.
set -uo pipefail
venv=$1
shift
skip() { echo "SKIPPED: $*"; exit 77; }
[ -x /usr/bin/python3 ] || skip "there is no /usr/bin/python3"
/usr/bin/python3 -c 'import torch' 2>/dev/null || skip "python3-torch is not installed (.ci/install test)"
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9
if [ ! -f "$venv/complete" ]; then
  rm -rf "$venv"
  /usr/bin/python3 -m venv --system-site-packages "$venv" >/dev/null 2>&1 || skip "python3-venv is not installed"
  timeout 300 "$venv/bin/pip" install -q 'transformers==4.44.2' 'numpy<2' >"$venv.log" 2>&1 ||
    skip "transformers cannot be installed from PyPI: $(tail -n 1 "$venv.log")"
  touch "$venv/complete"
fi
flock -u 9
export TRANSFORMERS_OFFLINE=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec "$venv/bin/python" "$@"
