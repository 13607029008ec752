// SPDX-License-Identifier: Apache-2.0
// Every register of a configuration read once, and what it says: the first thing an integrator
// does.
#pragma once

#include <string>

namespace foreline::host {

/// Prints each value with its unit, quality and place, then what each device did. Exit status:
/// pass when every value is Good, expectation_failed when some are not, environment when no device
/// answers, bad_input for a bad file.
[[nodiscard]] int dry_run(const std::string& configuration, bool json);

}  // namespace foreline::host
