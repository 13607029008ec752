// SPDX-License-Identifier: Apache-2.0
#define FORELINE_WIDTH 8
#define FORELINE_NAME "avx2"
#define FORELINE_TABLE kernels_avx2
#include "inference/gpt2/forward_kernels.inc"
