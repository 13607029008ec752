#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh BUILD TARGET SECONDS   builds the fuzz targets with clang in BUILD and runs one of them
# from its kept corpus; what it finds is left in BUILD/found. New inputs stay in BUILD/corpus, the kept
# corpus is not changed. Exits with 77 (skipped), and says why, where there is no clang with libFuzzer.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 target=$2 seconds=$3
clang=$(command -v clang++-14 || command -v clang++) || { echo "SKIPPED: clang-14 is not installed (.ci/install test)"; exit 77; }
mkdir -p "$build/found" "$build/corpus/$target"
exec 9>"$build/lock"
flock 9
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  "$clang" -fsanitize=fuzzer,address -x c++ - -o "$build/probe" 2>/dev/null ||
  { echo "SKIPPED: this clang has no libFuzzer (libclang-rt-14-dev)"; exit 77; }
launcher=(); command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S "$here" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$clang" "${launcher[@]}" >"$build/log" 2>&1 &&
  cmake --build "$build" -j2 >>"$build/log" 2>&1 || { tail -n 40 "$build/log"; exit 1; }
flock -u 9
export UBSAN_OPTIONS=print_stacktrace=1
"$build/fuzz_$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=512 \
  -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/found/$target-" "$build/corpus/$target" "$here/corpus/$target" || {
  # libFuzzer ends with 77 on a crash, which must not look like "skipped".
  echo "FAILED: the input is in $build/found"
  exit 1
}
