// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/alarm_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "sim/text/document.hpp"

namespace foreline::plant {

using line::Diagnostic;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t codes_max = 20'000;
constexpr std::size_t complaints_max = 20;
const double keep = std::pow(0.5, 1.0 / 60);  ///< Of a rate, from window to window.
constexpr std::array<float, AlarmWords::rate_bands - 1> rate_edges = {
    0.01F, 0.03F, 0.06F, 0.1F, 0.16F, 0.25F, 0.4F, 0.55F, 0.7F, 0.82F, 0.93F};
constexpr std::array<const char*, AlarmWords::rate_bands> rate_names = {
    "0%", "1%", "3%", "6%", "10%", "16%", "25%", "40%", "55%", "70%", "82%", "93%"};
constexpr std::array<const char*, AlarmWords::count_bands> count_names = {"x1", "x2", "x3",
                                                                          "x4", "x6", "x10"};

std::size_t count_band(std::size_t count) {
  return count >= 10 ? 5 : count >= 6 ? 4 : count >= 4 ? 3 : std::max<std::size_t>(count, 1) - 1;
}

std::size_t rate_band(float rate) {
  return static_cast<std::size_t>(std::upper_bound(rate_edges.begin(), rate_edges.end(), rate) -
                                  rate_edges.begin());
}

}  // namespace

Result<AlarmLog> read_alarm_log(const Description& d) {
  auto csv = Csv::read(d.beside(d.file), d.csv);
  if (!csv) return csv.error();
  std::vector<Diagnostic> wrong;
  const auto column = [&](const std::string& name) -> std::size_t {
    if (const auto found = csv->column(name)) return *found;
    const auto meant = text::nearest(name, csv->names());
    wrong.push_back({csv->file(), 0, 0, fmt::format("has no column \"{}\"", name),
                     meant ? fmt::format("did you mean \"{}\"?", *meant)
                           : "name the columns in the description"});
    return 0;
  };
  const auto before = column(d.windows->before);
  const bool outcomes = !d.windows->after.empty();
  const auto after = outcomes ? column(d.windows->after) : std::size_t{0};
  const auto machine = d.machine.empty() ? std::size_t{0} : column(d.machine);
  if (!wrong.empty()) return Error(std::move(wrong));
  AlarmLog log;
  log.name = d.name;
  log.lag = d.windows->lag;
  std::map<std::string, std::uint32_t, std::less<>> machines;
  std::map<std::string, std::uint32_t, std::less<>> codes;
  const auto number_of = [](auto& known, std::vector<std::string>& names, std::string_view name) {
    const auto found = known.find(name);
    if (found != known.end()) return found->second;
    known.emplace(std::string(name), static_cast<std::uint32_t>(names.size()));
    names.emplace_back(name);
    return static_cast<std::uint32_t>(names.size() - 1);
  };
  const auto codes_of = [&](std::string_view cell) {
    std::vector<std::uint32_t> out;
    while (!cell.empty()) {
      const auto blank = cell.find(' ');
      if (const auto word = cell.substr(0, blank); !word.empty())
        out.push_back(number_of(codes, log.codes, word));
      if (blank == std::string_view::npos) break;
      cell.remove_prefix(blank + 1);
    }
    return out;
  };
  for (std::size_t r = 0; r < csv->rows(); ++r) {
    AlarmWindow window;
    const auto name = d.machine.empty() ? std::string_view("machine") : csv->cell(r, machine);
    if (name.empty() && wrong.size() < complaints_max)
      wrong.push_back(
          csv->complaint(r, machine, "the machine is missing", "name it, or remove the row"));
    window.machine = number_of(machines, log.machines, name);
    window.before = codes_of(csv->cell(r, before));
    if (outcomes)
      window.after = codes_of(csv->cell(r, after));
    else
      window.known = false;
    log.windows.push_back(std::move(window));
    if (log.codes.size() > codes_max)
      return Error({csv->complaint(
          r, before, fmt::format("holds more than {} different codes", codes_max),
          "codes are names of alarms, parted by blanks: check the column and the separator")});
  }
  if (log.codes.empty())
    wrong.push_back({csv->file(), 0, 0, fmt::format("\"{}\" holds no codes", d.windows->before),
                     "check the column"});
  if (!wrong.empty()) return Error(std::move(wrong));
  return log;
}

AlarmWords::AlarmWords(std::size_t machines, std::size_t codes, std::vector<std::uint32_t> asked)
    : machines_(machines), codes_(codes), asked_(std::move(asked)), place_(codes, asked_.size()) {
  for (std::size_t a = 0; a < asked_.size(); ++a) place_[asked_[a]] = a;
}

// Words: codes | counts (code x band) | rates (asked x band) | machines | stranger | ask | answers.
std::uint32_t AlarmWords::machine_word(std::uint32_t machine) const {
  return static_cast<std::uint32_t>(codes_ * (1 + count_bands) + asked_.size() * rate_bands +
                                    machine);
}
std::uint32_t AlarmWords::stranger() const {
  return machine_word(static_cast<std::uint32_t>(machines_));
}
std::uint32_t AlarmWords::answer_word(std::size_t asked) const {
  return stranger() + 2 + static_cast<std::uint32_t>(asked);
}
std::size_t AlarmWords::vocabulary() const {
  return (answer_word(asked_.size()) + 15) / 16 * 16;
}

std::vector<float> AlarmWords::rates(const AlarmLog& log) const {
  const auto n = asked_.size();
  std::vector<float> out(log.windows.size() * n, -1.0F);
  struct Past {
    std::vector<std::size_t> windows;
    std::vector<double> sums;
    double weight = 0;
  };
  std::map<std::uint32_t, Past> pasts;
  for (std::size_t w = 0; w < log.windows.size(); ++w) {
    auto& past = pasts[log.windows[w].machine];
    past.sums.resize(n);
    if (past.windows.size() >= log.lag) {
      const auto& told = log.windows[past.windows[past.windows.size() - log.lag]];
      if (told.known) {
        for (auto& sum : past.sums) sum *= keep;
        past.weight = past.weight * keep + 1;
        std::vector<std::uint32_t> codes = told.after;
        std::sort(codes.begin(), codes.end());
        codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
        for (const auto code : codes)
          if (code < codes_ && place_[code] < n) past.sums[place_[code]] += 1;
      }
    }
    past.windows.push_back(w);
    if (past.weight > 0)
      for (std::size_t a = 0; a < n; ++a)
        out[w * n + a] = static_cast<float>(past.sums[a] / past.weight);
  }
  return out;
}

gpt2::Sequence AlarmWords::sequence(const AlarmWindow& window, std::span<const float> rates) const {
  gpt2::Sequence sequence;
  sequence.tokens.push_back(window.machine < machines_ ? machine_word(window.machine) : stranger());
  std::map<std::uint32_t, std::size_t> counts;
  for (const auto code : window.before)
    if (code < codes_) ++counts[code];
  for (const auto& [code, count] : counts)
    sequence.tokens.push_back(
        static_cast<std::uint32_t>(codes_ + code * count_bands + count_band(count)));
  for (std::size_t a = 0; a < asked_.size(); ++a)
    if (rates[a] >= 0)
      sequence.tokens.push_back(static_cast<std::uint32_t>(codes_ * (1 + count_bands) +
                                                           a * rate_bands + rate_band(rates[a])));
  sequence.summed.push_back(static_cast<std::uint32_t>(sequence.tokens.size()));
  const auto from = window.before.size() > recent ? window.before.size() - recent : std::size_t{0};
  for (auto i = from; i < window.before.size(); ++i) {
    if (window.before[i] >= codes_) continue;
    sequence.tokens.push_back(code_word(window.before[i]));
    sequence.summed.push_back(1);
  }
  sequence.asked = {static_cast<std::uint32_t>(sequence.summed.size() - 1),
                    static_cast<std::uint32_t>(sequence.summed.size())};
  sequence.tokens.push_back(stranger() + 1);
  sequence.summed.push_back(1);
  return sequence;
}

std::vector<float> AlarmWords::numbers(const AlarmWindow& window,
                                       std::span<const float> rates) const {
  const auto n = asked_.size();
  std::vector<float> row(3 * n + 1 + machines_);
  for (std::size_t a = 0; a < n; ++a) row[n + a] = 12;  // log2 of "long ago"
  for (std::size_t i = 0; i < window.before.size(); ++i) {
    const auto code = window.before[i];
    if (code >= codes_ || place_[code] >= n) continue;
    row[place_[code]] += 1;
    row[n + place_[code]] = std::log2(static_cast<float>(window.before.size() - i));
  }
  std::copy(rates.begin(), rates.end(), row.begin() + static_cast<std::ptrdiff_t>(2 * n));
  row[3 * n] = static_cast<float>(window.before.size());
  if (window.machine < machines_) row[3 * n + 1 + window.machine] = 1;
  return row;
}

std::string AlarmWords::text(const AlarmLog& log, const AlarmWindow& window,
                             std::span<const float> rates) const {
  std::string out = "machine " + log.machines[window.machine] + " |";
  std::map<std::uint32_t, std::size_t> counts;
  for (const auto code : window.before)
    if (code < codes_) ++counts[code];
  for (const auto& [code, count] : counts)
    out += fmt::format(" {} {}", log.codes[code], count_names[count_band(count)]);
  out += " |";
  for (std::size_t a = 0; a < asked_.size(); ++a)
    if (rates[a] >= 0)
      out += fmt::format(" {} {}", log.codes[asked_[a]], rate_names[rate_band(rates[a])]);
  out += " |";
  const auto from = window.before.size() > recent ? window.before.size() - recent : std::size_t{0};
  for (auto i = from; i < window.before.size(); ++i)
    if (window.before[i] < codes_) out += " " + log.codes[window.before[i]];
  return out + " | next?";
}

std::vector<std::string> AlarmWords::vocabulary_words(const AlarmLog& names) const {
  std::vector<std::string> words;
  for (std::size_t c = 0; c < codes_; ++c) words.push_back(names.codes[c]);
  for (std::size_t c = 0; c < codes_; ++c)
    for (const auto* band : count_names) words.push_back(names.codes[c] + " " + band);
  for (const auto code : asked_)
    for (const auto* band : rate_names) words.push_back(names.codes[code] + " " + band);
  for (std::size_t m = 0; m < machines_; ++m) words.push_back("machine " + names.machines[m]);
  words.emplace_back("another machine");
  words.emplace_back("next?");
  for (const auto code : asked_) words.push_back(names.codes[code] + " comes");
  while (words.size() < vocabulary()) words.push_back(fmt::format("unused {}", words.size()));
  return words;
}

}  // namespace foreline::plant
