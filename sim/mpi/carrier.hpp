// SPDX-License-Identifier: Apache-2.0
// What the MPI module offers: one carrier a process.
#pragma once

#include "sim/worker/ranks.hpp"

extern "C" {
/// Joins the MPI job that this process was started in; the caller owns the carrier, and leaves the
/// job with it.
__attribute__((visibility("default"))) foreline::worker::Carrier* foreline_mpi_carrier();
}
