// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace foreline::plant {

using line::Error;
using line::Result;

namespace {

constexpr std::size_t banded_levels = 16;  ///< Fewer need no bands.

/// Share of the rows below edge i of n: half evenly spread, half as a normal law has it within 2.9
/// deviations, so that the rare ends, where failures are, get fine levels too.
double share_below(std::size_t i, std::size_t n) {
  const double u = static_cast<double>(i + 1) / static_cast<double>(n + 1);
  const double z = -2.9 + 5.8 * u;
  return 0.5 * u + 0.5 * 0.5 * std::erfc(-z / std::sqrt(2.0));
}

}  // namespace

Words::Words(std::vector<Feature> features, std::span<const float> rows, std::size_t levels,
             std::vector<std::string> kinds, std::size_t answers, Packing packing)
    : features_(std::move(features)),
      kinds_(std::move(kinds)),
      answers_(answers),
      packing_(packing) {
  const std::size_t width = features_.size();
  const std::size_t count = width == 0 ? 0 : rows.size() / width;
  for (std::size_t f = 0; f < width; ++f) {
    std::vector<float> sorted;
    for (std::size_t r = 0; r < count; ++r)
      if (!std::isnan(rows[r * width + f])) sorted.push_back(rows[r * width + f]);
    std::sort(sorted.begin(), sorted.end());
    std::vector<float> edges;
    std::vector<float> distinct;
    std::unique_copy(sorted.begin(), sorted.end(), std::back_inserter(distinct));
    if (distinct.size() > 1 && distinct.size() <= levels) {
      for (std::size_t i = 1; i < distinct.size(); ++i)
        edges.push_back((distinct[i - 1] + distinct[i]) / 2);
    } else if (distinct.size() > 1) {
      for (std::size_t i = 0; i + 1 < levels; ++i) {
        const auto at = static_cast<std::size_t>(share_below(i, levels - 1) *
                                                 static_cast<double>(sorted.size()));
        const float edge = sorted[std::min(at, sorted.size() - 1)];
        if (edge > sorted.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
      }
    }
    continuous_.push_back(distinct.size() > levels);
    edges_.push_back(std::move(edges));
  }
  arrange();
}

Words Words::restored(std::vector<Feature> features, std::vector<std::vector<float>> edges,
                      std::vector<std::string> kinds, std::size_t answers, Packing packing) {
  Words words;
  words.features_ = std::move(features);
  words.edges_ = std::move(edges);
  words.kinds_ = std::move(kinds);
  words.answers_ = answers;
  words.packing_ = packing;
  words.arrange();
  return words;
}

void Words::arrange() {
  std::map<std::string, std::size_t> group_of;
  std::uint32_t next = 0;
  for (std::size_t f = 0; f < features_.size(); ++f) {
    first_.push_back(next);
    bands_.push_back(next);
    if (edges_[f].empty()) continue;
    next += static_cast<std::uint32_t>(edges_[f].size() + 2);  // levels and "?"
    bands_.back() = next;
    next += static_cast<std::uint32_t>(band_count(f));
    const auto [found, fresh] = group_of.try_emplace(features_[f].group, groups_.size());
    if (fresh) groups_.emplace_back();
    groups_[found->second].push_back(f);
  }
  question_from_ = next;
  answer_from_ = question_from_ + kinds_.size();
  vocabulary_ = (answer_from_ + answers_ + 15) / 16 * 16;
}

std::size_t Words::positions() const {
  std::size_t words = 0;
  for (const auto& group : groups_) words += packing_ == Packing::group ? 1 : group.size();
  return words + kinds_.size();
}

std::vector<std::uint16_t> Words::levels(std::span<const float> row) const {
  std::vector<std::uint16_t> out(features_.size());
  for (std::size_t f = 0; f < features_.size(); ++f) {
    const auto& edges = edges_[f];
    if (edges.empty()) continue;
    if (std::isnan(row[f]))
      out[f] = static_cast<std::uint16_t>(edges.size() + 1);
    else
      out[f] = static_cast<std::uint16_t>(std::upper_bound(edges.begin(), edges.end(), row[f]) -
                                          edges.begin());
  }
  return out;
}

std::size_t Words::band_count(std::size_t feature) const {
  const auto levels = level_count(feature);
  return levels < banded_levels ? 0 : (levels + band - 1) / band;
}

void Words::put(gpt2::Sequence& sequence, std::size_t feature, std::uint16_t level) const {
  sequence.tokens.push_back(first_[feature] + level);
  ++sequence.summed.back();
  if (band_count(feature) == 0 || level >= level_count(feature)) return;
  sequence.tokens.push_back(bands_[feature] + level / static_cast<std::uint32_t>(band));
  ++sequence.summed.back();
}

gpt2::Sequence Words::sequence(std::span<const std::uint16_t> levels) const {
  gpt2::Sequence sequence;
  for (const auto& group : groups_) {
    if (packing_ == Packing::group) sequence.summed.push_back(0);
    for (const auto f : group) {
      if (packing_ == Packing::word) sequence.summed.push_back(0);
      put(sequence, f, levels[f]);
    }
  }
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    sequence.asked.push_back(static_cast<std::uint32_t>(sequence.summed.size()));
    sequence.tokens.push_back(static_cast<std::uint32_t>(question_from_ + k));
    sequence.summed.push_back(1);
  }
  return sequence;
}

std::string Words::text(std::span<const std::uint16_t> levels) const {
  std::string out;
  for (const auto& group : groups_) {
    out += (out.empty() ? "" : " | ") + features_[group.front()].group + ":";
    for (const auto f : group)
      out += levels[f] > edges_[f].size()
                 ? fmt::format(" {}=?", features_[f].statistic)
                 : fmt::format(" {}={}", features_[f].statistic, levels[f]);
  }
  return out;
}

Result<std::vector<std::uint16_t>> Words::parse(std::string_view text) const {
  std::vector<std::uint16_t> levels(features_.size());
  std::vector<bool> said(features_.size());
  std::vector<line::Diagnostic> wrong;
  const auto complain = [&](std::size_t at, std::string what) {
    wrong.push_back({{},
                     1,
                     static_cast<int>(at + 1),
                     std::move(what),
                     "`foreline explain` prints such a sentence"});
  };
  std::size_t at = 0;
  while (at < text.size()) {
    auto end = text.find(" | ", at);
    if (end == std::string_view::npos) end = text.size();
    const auto part = text.substr(at, end - at);
    const auto colon = part.rfind(": ");
    if (colon == std::string_view::npos) {
      complain(at, "wanted \"group: statistic=level ...\"");
    } else {
      const auto group = part.substr(0, colon);
      std::size_t word = colon + 2;
      while (word < part.size()) {
        auto stop = part.find(' ', word);
        if (stop == std::string_view::npos) stop = part.size();
        const auto one = part.substr(word, stop - word);
        const auto equals = one.find('=');
        bool known = false;
        for (std::size_t f = 0; f < features_.size() && equals != std::string_view::npos; ++f) {
          if (edges_[f].empty() || features_[f].group != group ||
              features_[f].statistic != one.substr(0, equals))
            continue;
          known = true;
          const auto level = one.substr(equals + 1);
          const auto number = parse_number(level);
          if (level == "?")
            levels[f] = static_cast<std::uint16_t>(edges_[f].size() + 1);
          else if (number && *number >= 0 && *number <= static_cast<double>(edges_[f].size()))
            levels[f] = static_cast<std::uint16_t>(*number);
          else
            complain(at + word,
                     fmt::format("\"{}\" is no level from 0 to {}", level, edges_[f].size()));
          said[f] = true;
        }
        if (!known)
          complain(at + word, fmt::format("the word \"{}\" is not in this language", one));
        word = stop + 1;
      }
    }
    at = end + 3;
  }
  for (std::size_t f = 0; f < features_.size(); ++f)
    if (!edges_[f].empty() && !said[f])
      levels[f] = static_cast<std::uint16_t>(edges_[f].size() + 1);
  if (!wrong.empty()) return Error(std::move(wrong));
  return levels;
}

std::vector<std::string> Words::vocabulary_words() const {
  std::vector<std::string> words;
  for (std::size_t f = 0; f < features_.size(); ++f) {
    if (edges_[f].empty()) continue;
    for (std::size_t level = 0; level <= edges_[f].size(); ++level)
      words.push_back(fmt::format("{}.{}={}", features_[f].group, features_[f].statistic, level));
    words.push_back(fmt::format("{}.{}=?", features_[f].group, features_[f].statistic));
    for (std::size_t b = 0; b < band_count(f); ++b)
      words.push_back(fmt::format("{}.{}~{}", features_[f].group, features_[f].statistic, b));
  }
  for (const auto& kind : kinds_) words.push_back("when " + kind + "?");
  for (std::size_t a = 0; a < answers_; ++a)
    words.push_back(a + 1 == answers_ ? "none" : fmt::format("bin {}", a));
  while (words.size() < vocabulary_) words.push_back(fmt::format("unused {}", words.size()));
  return words;
}

}  // namespace foreline::plant
