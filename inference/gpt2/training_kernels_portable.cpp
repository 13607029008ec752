// SPDX-License-Identifier: Apache-2.0
#define FORELINE_ISA isa_portable
#define FORELINE_ISA_NAME "portable"
#include "inference/gpt2/training_kernels.inl"
