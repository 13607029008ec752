#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: with_transformers.sh VENV SCRIPT ARGS…   runs a Python script that needs torch and
# transformers. torch is Debian's python3-torch; transformers comes from PyPI into VENV, once.
# Exits with 77 (skipped), and says why, when one of them is not to be had.
set -uo pipefail
/usr/bin/python3 -c 'import torch' 2>/dev/null || {
  echo "SKIPPED: python3-torch is not installed (.ci/install test)"
  exit 77
}
export TRANSFORMERS_OFFLINE=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec "$(dirname "$0")/in_venv.sh" "$1" 'transformers==4.44.2 numpy<2' "${@:2}"
