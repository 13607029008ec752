// SPDX-License-Identifier: Apache-2.0
#include "tests/support/places.hpp"

namespace foreline::places {
const char* const source = FORELINE_PLACE_SOURCE;
const char* const build = FORELINE_PLACE_BUILD;
}  // namespace foreline::places
