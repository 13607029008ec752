// SPDX-License-Identifier: Apache-2.0
// What the registers of an unknown device probably are, and whether a register map fits a device.
// Guesses, for people to look at: nothing here ever decides what is written. Pure.
#pragma once

#include <string>
#include <vector>

#include "plugin/core/register.hpp"
#include "plugin/core/tags.hpp"

namespace foreline::core {

/// A value that seems to be there.
struct Guess {
  Register at;
  double value = 0;
  bool moved = false;  ///< Differs between the two readings.
  std::string why;
};

/// What two readings of the same ranges look like. Words that are zero in both are left out. The
/// order of bytes is that in which most pairs of registers are plausible as 32-bit floats
/// (|x| of 1e-3 to 1e7), and it is taken for the whole device, as devices have one.
[[nodiscard]] std::vector<Guess> guess(const std::vector<Range>& ranges, const Image& first,
                                       const Image& second);
/// "ABCD", "CDAB", "BADC" or "DCBA"; empty when nothing looks like a float.
[[nodiscard]] std::string likely_order(const std::vector<Range>& ranges, const Image& image);
/// Guesses as tags named after their places.
[[nodiscard]] std::vector<Tag> tags_of(const std::vector<Guess>& guesses);

/// How well tags fit what was read when all their addresses are shifted and their 32 and 64-bit
/// values read in another order.
struct Fit {
  int shift = 0;
  std::string order;     ///< "as written", or the order of 32 and 64-bit values.
  std::size_t good = 0;  ///< Tags with a value in their range.
  std::size_t all = 0;   ///< Tags that say anything: those with a range, and known signatures.
};
/// All fits for shifts -1, 0 and 1, best first; as written comes before others that are as good.
[[nodiscard]] std::vector<Fit> fits(const std::vector<Tag>& tags, const Image& image);

}  // namespace foreline::core
