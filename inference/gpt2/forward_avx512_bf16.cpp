// SPDX-License-Identifier: Apache-2.0
#define FORELINE_WIDTH 16
#define FORELINE_NAME "avx512_bf16"
#define FORELINE_TABLE kernels_avx512_bf16
#include "inference/gpt2/forward_kernels.inc"
