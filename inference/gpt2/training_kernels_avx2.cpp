// SPDX-License-Identifier: Apache-2.0
#define FORELINE_ISA isa_avx2
#define FORELINE_ISA_NAME "avx2"
#include "inference/gpt2/training_kernels.inl"
