#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: with_torch.sh PROGRAM ARGS…   runs a program that calls Python scripts in need of Debian's
# python3-torch. Exits with 77 (skipped), and says why, when it is not to be had.
set -uo pipefail
/usr/bin/python3 -c 'import torch' 2>/dev/null || {
  echo "SKIPPED: python3-torch is not installed (.ci/install test)"
  exit 77
}
exec "$@"
