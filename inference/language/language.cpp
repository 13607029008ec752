// SPDX-License-Identifier: Apache-2.0
#include "inference/language/language.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace foreline::inference {

using namespace line;

namespace {

constexpr std::array<std::string_view, signal_kind_count> channel_words = {
    "vibration", "temperature", "current", "torque", "pressure", "cycle"};
constexpr std::array<std::string_view, statistic_count> statistic_words = {
    "Last", "Short", "Long", "Slope", "Trend", "Flutter", "Ripple", "Spread"};
constexpr std::array<std::string_view, statistic_count> statistic_meanings = {
    "newest minute",      "5 min",           "30 min",          "slope over 30 min",
    "30 min against 4 h", "spread of 2 min", "spread of 5 min", "spread of 30 min"};
constexpr std::array<std::string_view, fault_kind_count> question_words = {
    "askBearing", "askTool",      "askJam",        "askTrip",   "askAir",         "askHeat",
    "askBelt",    "askAlignment", "askBalance",    "askFilter", "askLubrication", "askWinding",
    "askGear",    "askValve",     "askController", "askDip"};
constexpr std::size_t levels_and_unknown = level_count + 1;
constexpr std::size_t age_base = signal_kind_count * statistic_count * levels_and_unknown;
constexpr std::size_t run_base = age_base + level_count;
constexpr std::size_t run_count = std::tuple_size_v<decltype(LevelEdges::run)> + 1;
constexpr std::size_t missing_base = run_base + run_count;
constexpr std::size_t missing_count = std::tuple_size_v<decltype(LevelEdges::missing)> + 1;
constexpr std::size_t baseline_base = missing_base + missing_count;
constexpr std::size_t question_base = baseline_base + 2;
constexpr std::size_t answer_base = question_base + fault_kind_count;

/// Number of edges at or below `value`; one past the last level when the value is not known.
std::size_t level_of(float value, std::span<const float> edges) {
  if (std::isnan(value)) return edges.size() + 1;
  return static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) -
                                  edges.begin());
}

char letter(std::size_t level) {
  return level >= level_count ? 'Z' : static_cast<char>('A' + level);
}

std::span<const float> edges_of(const LevelEdges& edges, Statistic statistic) {
  switch (statistic) {
    case Statistic::slope:
      return edges.slope;
    case Statistic::last_spread:
    case Statistic::short_spread:
    case Statistic::long_spread:
      return edges.spread;
    default:
      return edges.deviation;
  }
}

float value_of(const SignalStatistics& signal, Statistic statistic) {
  if (!signal.known) return std::numeric_limits<float>::quiet_NaN();
  switch (statistic) {
    case Statistic::last:
      return signal.last;
    case Statistic::short_mean:
      return signal.mean_short;
    case Statistic::long_mean:
      return signal.mean_long;
    case Statistic::slope:
      return signal.slope_long;
    case Statistic::trend:
      return signal.trend;
    case Statistic::last_spread:
      return signal.spread_last;
    case Statistic::short_spread:
      return signal.spread_short;
    case Statistic::long_spread:
      return signal.spread_ratio;
  }
  return std::numeric_limits<float>::quiet_NaN();
}

std::string between(std::size_t level, std::span<const float> edges, std::string_view unit) {
  if (level > edges.size()) return "not known";
  if (level == 0) return fmt::format("below {:g}{}", edges.front(), unit);
  if (level == edges.size()) return fmt::format("{:g}{} or more", edges.back(), unit);
  return fmt::format("{:g} to {:g}{}", edges[level - 1], edges[level], unit);
}

/// Positions of the signals that are told, by kind, then as the line file has them.
std::vector<std::size_t> told(const std::vector<SignalStatistics>& signals) {
  std::vector<std::size_t> order(signals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() > sentence_signals_max) {
    auto weight = [&](std::size_t i) {
      return signals[i].known && std::isfinite(signals[i].mean_short)
                 ? std::abs(signals[i].mean_short)
                 : 0.0F;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
    order.resize(sentence_signals_max);
    std::sort(order.begin(), order.end());
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return signals[a].kind < signals[b].kind; });
  return order;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

const LevelEdges& standard_edges() {
  static const LevelEdges edges = {
      {-10,  -6,   -4, -2.7F, -1.8F, -1.1F, -0.5F, 0,  0.5F, 1.1F, 1.8F, 2.6F,
       3.5F, 4.6F, 6,  7.7F,  10,    13,    17,    23, 32,   45,   64},
      {-16,  -9,   -5.5F, -3.5F, -2.2F, -1.4F, -0.8F, -0.4F, -0.15F, 0.15F, 0.4F, 0.8F,
       1.3F, 1.9F, 2.7F,  3.8F,  5.2F,  7,     9.5F,  13,    18,     26,    40},
      {-1.5F, -0.9F, -0.6F, -0.4F, -0.25F, -0.12F, 0,    0.12F, 0.25F, 0.38F, 0.52F, 0.68F,
       0.85F, 1.05F, 1.25F, 1.5F,  1.75F,  2,      2.3F, 2.6F,  3,     3.5F,  4.2F},
      {0.15F, 0.3F, 0.5F, 0.8F, 1.2F, 1.8F, 2.5F, 3.5F, 5,   7,   10, 14,
       20,    28,   40,   55,   75,   100,  130,  170,  220, 300, 450},
      {0.05F, 0.2F, 0.4F, 0.6F, 0.75F, 0.88F, 0.97F},
      {0.02F, 0.1F, 0.25F, 0.4F, 0.6F}};
  return edges;
}

Language::Language(const LevelEdges& edges) : edges_(edges) {
  for (const auto channel : channel_words)
    for (const auto statistic : statistic_words)
      for (std::size_t level = 0; level < levels_and_unknown; ++level)
        words_.push_back(fmt::format("{}{}{}", channel, statistic, letter(level)));
  for (std::size_t level = 0; level < level_count; ++level)
    words_.push_back(fmt::format("age{}", letter(level)));
  for (std::size_t level = 0; level < run_count; ++level)
    words_.push_back(fmt::format("run{}", letter(level)));
  for (std::size_t level = 0; level < missing_count; ++level)
    words_.push_back(fmt::format("missing{}", letter(level)));
  words_.insert(words_.end(), {"baselineFile", "baselineOwn"});
  words_.insert(words_.end(), question_words.begin(), question_words.end());
  for (std::size_t bin = 0; bin + 1 < answer_count; ++bin)
    words_.push_back(fmt::format("within{}", letter(bin)));
  words_.push_back("later");
}

std::uint16_t Language::word(SignalKind kind, Statistic statistic, std::size_t level) const {
  return static_cast<std::uint16_t>(
      (static_cast<std::size_t>(kind) * statistic_count + static_cast<std::size_t>(statistic)) *
          levels_and_unknown +
      std::min(level, level_count));
}

std::uint16_t Language::question(FaultKind kind) const {
  return static_cast<std::uint16_t>(question_base + static_cast<std::size_t>(kind));
}

std::uint16_t Language::answer(std::size_t bin) const {
  return static_cast<std::uint16_t>(answer_base + bin);
}

Sentence Language::say(const Window& window) const {
  Sentence sentence;
  auto add = [&](std::size_t word, std::ptrdiff_t signal) {
    sentence.words.push_back(static_cast<std::uint16_t>(word));
    sentence.signal.push_back(static_cast<std::int16_t>(signal));
  };
  add(age_base + level_of(std::max(window.operating_h, 0.0F), edges_.age), -1);
  add(run_base + level_of(window.execute_share, edges_.run), -1);
  add(missing_base + level_of(window.missing_share, edges_.missing), -1);
  add(baseline_base + (window.own_baseline ? 1 : 0), -1);
  for (const auto i : told(window.signals)) {
    const auto& signal = window.signals[i];
    for (std::size_t s = 0; s < statistic_count; ++s) {
      const auto statistic = static_cast<Statistic>(s);
      const auto level = level_of(value_of(signal, statistic), edges_of(edges_, statistic));
      add(word(signal.kind, statistic, level), static_cast<std::ptrdiff_t>(i));
    }
  }
  for (const auto kind : all_fault_kinds) add(question(kind), -1);
  return sentence;
}

Sentence Language::hide(const Sentence& sentence, std::size_t signal) const {
  Sentence hidden = sentence;
  for (std::size_t i = 0; i < hidden.words.size(); ++i) {
    if (hidden.signal[i] != static_cast<std::int16_t>(signal)) continue;
    auto& word = hidden.words[i];
    word = static_cast<std::uint16_t>(word / levels_and_unknown * levels_and_unknown + level_count);
  }
  return hidden;
}

std::string Language::text(const Sentence& sentence) const {
  std::string text;
  for (const auto word : sentence.words) {
    if (!text.empty()) text += ' ';
    text += words_[word];
  }
  return text;
}

Result<std::vector<std::uint16_t>> Language::read(std::string_view text) const {
  std::vector<std::uint16_t> read;
  std::vector<Diagnostic> wrong;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r\n", at)) != std::string_view::npos) {
    const auto end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    const auto token = text.substr(at, end - at);
    const auto found = std::find(words_.begin(), words_.end(), token);
    if (found != words_.end()) {
      read.push_back(static_cast<std::uint16_t>(found - words_.begin()));
    } else {
      const auto near = std::min_element(words_.begin(), words_.end(),
                                         [&](const std::string& a, const std::string& b) {
                                           return distance(token, a) < distance(token, b);
                                         });
      wrong.push_back({"", 1, static_cast<int>(at) + 1,
                       fmt::format("'{}' is not a word of the telemetry language", token),
                       fmt::format("did you mean '{}'?", *near)});
    }
    at = end;
  }
  if (!wrong.empty()) return Error(std::move(wrong));
  return read;
}

std::string Language::meaning(std::uint16_t word) const {
  if (word < age_base) {
    const auto statistic = word / levels_and_unknown % statistic_count;
    const auto edges = edges_of(edges_, static_cast<Statistic>(statistic));
    return fmt::format(
        "{}, {}: {}", name_of(static_cast<SignalKind>(word / levels_and_unknown / statistic_count)),
        statistic_meanings[statistic],
        between(word % levels_and_unknown, edges,
                edges.data() == edges_.spread.data() ? " octaves" : " units"));
  }
  if (word < run_base) return "age: " + between(word - age_base, edges_.age, " h");
  if (word < missing_base)
    return "share of time running: " + between(word - run_base, edges_.run, "");
  if (word < baseline_base)
    return "share of input missing: " + between(word - missing_base, edges_.missing, "");
  if (word < question_base)
    return word == baseline_base ? "baseline: from the line file" : "baseline: learned";
  if (word < answer_base)
    return fmt::format("when does it fail of {}?",
                       name_of(all_fault_kinds[static_cast<std::size_t>(word) - question_base]));
  return fmt::format("fault {}", between(
                                     word - answer_base,
                                     [] {
                                       static const auto edges = [] {
                                         std::array<float, forecast_horizons_s.size()> e{};
                                         std::copy(forecast_horizons_s.begin(),
                                                   forecast_horizons_s.end(), e.begin());
                                         return e;
                                       }();
                                       return std::span<const float>(edges);
                                     }(),
                                     " s"));
}

std::size_t answer_of(double after_s) {
  return static_cast<std::size_t>(
      std::lower_bound(forecast_horizons_s.begin(), forecast_horizons_s.end(), after_s) -
      forecast_horizons_s.begin());
}

}  // namespace foreline::inference
