#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: in_venv.sh VENV 'PACKAGE==VERSION …' SCRIPT ARGS…   runs a Python script that needs packages
# from PyPI, which are installed into VENV once. Exits with 77 (skipped), and says why, when they are
# not to be had.
set -uo pipefail
venv=$1
read -ra packages <<<"$2"
shift 2
skip() { echo "SKIPPED: $*"; exit 77; }
[ -x /usr/bin/python3 ] || skip "there is no /usr/bin/python3"
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9
if [ ! -f "$venv/complete" ]; then
  rm -rf "$venv"
  /usr/bin/python3 -m venv --system-site-packages "$venv" >/dev/null 2>&1 || skip "python3-venv is not installed"
  timeout 300 "$venv/bin/pip" install -q "${packages[@]}" >"$venv.log" 2>&1 ||
    skip "${packages[0]} cannot be installed from PyPI: $(tail -n 1 "$venv.log")"
  touch "$venv/complete"
fi
flock -u 9
exec "$venv/bin/python" "$@"
