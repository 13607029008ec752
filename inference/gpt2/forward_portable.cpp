// SPDX-License-Identifier: Apache-2.0
#define FORELINE_WIDTH 4
#define FORELINE_NAME "portable"
#define FORELINE_TABLE kernels_portable
#include "inference/gpt2/forward_kernels.inc"
