// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "sim/line/telemetry.hpp"

namespace foreline::core {

namespace {

constexpr std::array<const char*, 4> orders = {"ABCD", "CDAB", "BADC", "DCBA"};
constexpr double least = 1e-3;
constexpr double most = 1e7;

Register wide(const Range& range, int address, const char* order) {
  Register at;
  at.table = range.table;
  at.device = range.device;
  at.address = static_cast<std::uint16_t>(address);
  at.type = RegisterType::f32;
  (void)at.set_order(order);
  return at;
}

/// A float that means something: of a size that plants know, and no pair of small counters. The
/// two zero bits that such counters have at the top give values below `least`.
bool plausible(double value) {
  const double size = std::abs(value);
  return std::isfinite(value) && size >= least && size <= most;
}

/// How much a float in this order looks like a measured one: whole and half numbers have a mantissa
/// that ends in zeros, which the wrong order turns into noise.
double weight(double value) {
  if (!plausible(value)) return 0;
  const double rounded = std::round(value * 1000) / 1000;
  const double digits = std::abs(value - rounded) <= 1e-6 * std::abs(value) ? 2 : 1;
  return std::abs(value) >= 0.01 && std::abs(value) <= 1e5 ? digits + 1 : digits;
}

struct Alignment {
  std::string order;
  double score = 0;
};

/// The order and parity under which a range holds most floats.
Alignment best_of(const Range& range, const Image& image) {
  Alignment best;
  for (const auto* order : orders) {
    double score = 0;
    for (int at = range.address; at + 1 < range.address + range.count;) {
      const auto value = image.number(wide(range, at, order));
      const bool both =
          image.word(range.table, static_cast<std::uint16_t>(at), range.device) != 0 ||
          image.word(range.table, static_cast<std::uint16_t>(at + 1), range.device) != 0;
      if (both && plausible(value)) {
        score += weight(value);
        at += 2;
      } else {
        ++at;
      }
    }
    if (score > best.score) best = {order, score};
  }
  return best;
}

std::optional<Tag> shifted(Tag tag, int shift, const std::string& order) {
  const int address = tag.at.address + shift;
  if (address < 0 || address + tag.at.words() > 65'536) return std::nullopt;
  tag.at.address = static_cast<std::uint16_t>(address);
  if (!order.empty() && tag.at.words() == 2) (void)tag.at.set_order(order);
  if (!order.empty() && tag.at.words() == 4) {
    // The same places of bytes in a word and of words, for eight bytes.
    tag.at.low_word_first = order == "CDAB" || order == "DCBA";
    tag.at.bytes_swapped = order == "BADC" || order == "DCBA";
  }
  return tag;
}

}  // namespace

std::string likely_order(const std::vector<Range>& ranges, const Image& image) {
  std::array<double, orders.size()> scores{};
  for (const auto& range : ranges) {
    if (is_bits(range.table)) continue;
    const auto best = best_of(range, image);
    for (std::size_t i = 0; i < orders.size(); ++i)
      if (best.order == orders[i]) scores[i] += best.score;
  }
  const auto highest = std::max_element(scores.begin(), scores.end());
  return *highest > 0 ? orders[static_cast<std::size_t>(highest - scores.begin())] : "";
}

std::vector<Guess> guess(const std::vector<Range>& ranges, const Image& first,
                         const Image& second) {
  std::vector<Guess> guesses;
  const auto order = likely_order(ranges, second);
  for (const auto& range : ranges) {
    const auto word = [&](const Image& image, int at) {
      return image.word(range.table, static_cast<std::uint16_t>(at), range.device);
    };
    for (int at = range.address; at < range.address + range.count;) {
      const bool moved = word(first, at) != word(second, at);
      if (word(first, at) == 0 && word(second, at) == 0) {
        // Zero in both: nothing to be said, unless it is the first half of a value.
        const bool half = !is_bits(range.table) && at + 1 < range.address + range.count &&
                          word(second, at + 1) != 0 && !order.empty() &&
                          plausible(second.number(wide(range, at, order.c_str())));
        if (!half) {
          ++at;
          continue;
        }
      }
      Guess found;
      found.at.table = range.table;
      found.at.device = range.device;
      found.at.address = static_cast<std::uint16_t>(at);
      found.moved = moved;
      if (is_bits(range.table)) {
        found.at.type = RegisterType::boolean;
        found.why = "a bit";
      } else if (!order.empty() && at + 1 < range.address + range.count) {
        const auto candidate = wide(range, at, order.c_str());
        const auto value = second.number(candidate);
        const bool one_word = word(second, at) != 0 && word(second, at + 1) != 0 &&
                              word(second, at) < 1000 && word(second, at + 1) < 1000;
        if (plausible(value) && !one_word) {
          found.at = candidate;
          found.moved = moved || word(first, at + 1) != word(second, at + 1);
          found.why = "a plausible 32-bit float in " + order;
        }
      }
      if (found.at.type == RegisterType::u16) found.why = "a word";
      found.value = second.number(found.at);
      at += found.at.words();
      guesses.push_back(std::move(found));
    }
  }
  return guesses;
}

std::vector<Tag> tags_of(const std::vector<Guess>& guesses) {
  std::vector<Tag> tags;
  for (const auto& found : guesses) {
    Tag tag;
    tag.name = fmt::format("{}_{}", short_name(found.at.table), found.at.address);
    tag.at = found.at;
    tag.description = fmt::format("{}; {:.6g} when probed{}", found.why, found.value,
                                  found.moved ? ", moving" : "");
    tags.push_back(std::move(tag));
  }
  return tags;
}

std::vector<Fit> fits(const std::vector<Tag>& tags, const Image& image) {
  std::vector<Fit> all;
  for (const int shift : {0, -1, 1}) {
    for (std::size_t o = 0; o <= orders.size(); ++o) {
      const std::string order = o == 0 ? "" : orders[o - 1];
      Fit fit{shift, o == 0 ? "as written" : order, 0, 0};
      for (const auto& tag : tags) {
        if (!std::isfinite(tag.low) && !std::isfinite(tag.high)) continue;
        ++fit.all;
        const auto moved = shifted(tag, shift, order);
        if (moved && value_of(*moved, image).quality == line::Quality::good) ++fit.good;
      }
      all.push_back(std::move(fit));
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Fit& a, const Fit& b) { return a.good > b.good; });
  return all;
}

}  // namespace foreline::core
