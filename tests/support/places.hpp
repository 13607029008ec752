// SPDX-License-Identifier: Apache-2.0
// Where the source tree and its build are. Every test sees this without asking (see
// CMakeLists.txt).
#pragma once

namespace foreline::places {
extern const char* const source;
extern const char* const build;
}  // namespace foreline::places

#define FORELINE_SOURCE_DIR ::foreline::places::source
#define FORELINE_BINARY_DIR ::foreline::places::build
