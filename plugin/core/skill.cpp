// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/skill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/text/document.hpp"

namespace foreline::core {

using namespace line;

namespace {

// Page's two-sided cumulative sum of standardised errors: slack and bound as usual for a shift by
// one deviation (Montgomery, Introduction to Statistical Quality Control: k = 0.5, h = 5).
constexpr double slack = 0.5;
constexpr double bound = 5;
constexpr std::size_t stops_kept = 2000;

}  // namespace

double any_fault_within(const Forecast& forecast, const Line& line, double horizon_s) {
  double none = 1;
  const auto& machine = line.at(forecast.machine);
  for (const auto& kind : forecast.kinds)
    if (machine.can_have(kind.kind)) none *= 1 - kind.probability_within(horizon_s);
  return 1 - none;
}

void Scores::add(double probability, bool failed) {
  const double came = failed ? 1 : 0;
  squares += (probability - came) * (probability - came);
  const auto last = static_cast<double>(bins.size() - 1);
  auto& bin = bins.at(static_cast<std::size_t>(std::clamp(10 * probability, 0.0, last)));
  bin.forecasts += 1;
  bin.probability += probability;
  bin.failed += came;
}

void Scores::add(const Scores& other) {
  squares += other.squares;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].forecasts += other.bins[i].forecasts;
    bins[i].probability += other.bins[i].probability;
    bins[i].failed += other.bins[i].failed;
  }
}

double Scores::forecasts() const {
  double sum = 0;
  for (const auto& bin : bins) sum += bin.forecasts;
  return sum;
}

double Scores::failures() const {
  double sum = 0;
  for (const auto& bin : bins) sum += bin.failed;
  return sum;
}

std::optional<ForecastRecord> Scores::record(std::size_t least_forecasts,
                                             std::size_t least_failures) const {
  const double n = forecasts();
  const double k = failures();
  if (n < static_cast<double>(std::max<std::size_t>(1, least_forecasts)) ||
      k < static_cast<double>(least_failures))
    return std::nullopt;
  const double share = k / n;
  const double reference = share * (1 - share);
  ForecastRecord record;
  record.skill = reference > 0 ? 1 - squares / n / reference : 0;
  for (const auto& bin : bins)
    record.calibration_error += std::abs(bin.probability - bin.failed) / n;
  return record;
}

Result<std::optional<ForecastRecord>> evaluation_of(const std::filesystem::path& model) {
  const auto file = model / "evaluation.json";
  if (!std::filesystem::exists(file)) return std::optional<ForecastRecord>();
  auto text = text::read_text_file(file);
  if (!text) return text.error();
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  try {
    ForecastRecord record;
    const double reference = json.at("brier_of_base_rates").get<double>();
    record.skill = reference > 0 ? 1 - json.at("brier").get<double>() / reference : 0;
    record.calibration_error = json.at("calibration_error").get<double>();
    record.on = fmt::format("{} simulated days", json.at("days").get<std::uint64_t>());
    return std::optional(record);
  } catch (const nlohmann::json::exception&) {
    return Error(fmt::format("{} is no evaluation of a model: it needs brier, "
                             "brier_of_base_rates, calibration_error and days",
                             file.string()),
                 "foreline train writes it; without the file, plans use base rates");
  }
}

ForecastWatch::ForecastWatch(std::size_t machines, double horizon_s, double every_s)
    : machines_(machines), horizon_s_(horizon_s), every_s_(every_s) {}

void ForecastWatch::take(const std::vector<Forecast>& forecasts, const Line& line) {
  for (const auto& forecast : forecasts) {
    auto& machine = machines_.at(forecast.machine.index);
    if (!forecast.available || machine.held || forecast.at_s < machine.kept_s + every_s_) continue;
    machine.kept_s = forecast.at_s;
    machine.waiting.push_back({forecast.at_s, any_fault_within(forecast, line, horizon_s_)});
  }
}

void ForecastWatch::take(const Frame& frame, double sample_period_s) {
  const bool gap =
      !frame.connected ||
      (seen_s_ >= 0 && (frame.at_s - seen_s_ > 6 * sample_period_s || frame.at_s < seen_s_));
  seen_s_ = frame.at_s;
  for (std::size_t m = 0; m < machines_.size() && m < frame.machines.size(); ++m) {
    auto& machine = machines_[m];
    const auto& seen = frame.machines[m];
    if (gap) {
      machine.waiting.clear();
      machine.kept_s = -1e18;
    }
    while (!machine.waiting.empty() && machine.waiting.front().at_s + horizon_s_ < frame.at_s) {
      scores_.add(machine.waiting.front().probability, false);
      machine.waiting.pop_front();
    }
    if (seen.state == PackmlState::undefined) continue;  // nobody sees it
    const bool held = seen.state == PackmlState::held;
    if (held && !machine.held) {
      for (const auto& waiting : machine.waiting) scores_.add(waiting.probability, true);
      machine.waiting.clear();
    } else if (!held && !machine.held && seen.renewals != machine.renewals) {
      // Serviced: what would have come is not known.
      machine.waiting.clear();
    }
    machine.held = held;
    machine.renewals = seen.renewals;
  }
}

void StopLog::take(const Frame& frame) {
  for (std::uint32_t m = 0; m < since_s_.size() && m < frame.machines.size(); ++m) {
    if (frame.machines[m].state == PackmlState::undefined) continue;  // nobody sees it
    const bool held = frame.machines[m].state == PackmlState::held;
    if (held && since_s_[m] < 0) since_s_[m] = frame.at_s;
    if (held || since_s_[m] < 0) continue;
    stops_.push_back({{m}, since_s_[m], frame.at_s});
    since_s_[m] = -1;
    if (stops_.size() > stops_kept) stops_.pop_front();
  }
}

std::vector<plan::Stop> StopLog::between(double from_s, double until_s) const {
  std::vector<plan::Stop> found;
  for (const auto& stop : stops_)
    if (stop.until_s > from_s && stop.from_s < until_s) found.push_back(stop);
  for (std::uint32_t m = 0; m < since_s_.size(); ++m)
    if (since_s_[m] >= 0 && since_s_[m] < until_s) found.push_back({{m}, since_s_[m], until_s});
  return found;
}

std::vector<plan::Stop> StopLog::open() const {
  std::vector<plan::Stop> found;
  for (std::uint32_t m = 0; m < since_s_.size(); ++m)
    if (since_s_[m] >= 0) found.push_back({{m}, since_s_[m], since_s_[m]});
  return found;
}

Stretch stretch_of(const plan::Request& request, const plan::Replayed& replayed, double came,
                   const std::vector<double>& finished_s) {
  Stretch stretch;
  stretch.from_s = request.now.at_s;
  stretch.until_s = request.now.at_s + request.horizon_s;
  stretch.came = came;
  stretch.replayed = replayed.parts;
  stretch.low = replayed.low;
  stretch.high = replayed.high;
  stretch.mean = replayed.mean;
  stretch.deviation = replayed.deviation;
  double sum_s = 0;
  for (std::size_t o = 0; o < finished_s.size() && o < replayed.finished_s.size(); ++o) {
    if (finished_s[o] <= stretch.from_s || replayed.finished_s[o] <= stretch.from_s) continue;
    sum_s += std::abs(finished_s[o] - replayed.finished_s[o]);
    stretch.events += 1;
  }
  if (stretch.events > 0) stretch.event_error_s = sum_s / stretch.events;
  return stretch;
}

std::optional<TwinRecord> twin_record_of(const std::vector<Stretch>& stretches, std::size_t least,
                                         double horizon_s) {
  if (stretches.empty() || stretches.size() < least) return std::nullopt;
  TwinRecord record;
  record.shifts = stretches.size();
  double came = 0;
  double replayed = 0;
  double events = 0;
  double error_s = 0;
  double above = 0;
  double below = 0;
  for (const auto& stretch : stretches) {
    came += stretch.came;
    replayed += stretch.replayed;
    events += stretch.events;
    error_s += stretch.events * stretch.event_error_s;
    record.covered += stretch.came >= stretch.low && stretch.came <= stretch.high ? 1 : 0;
    // One part more or less is when the count was read.
    const double z = (stretch.came - stretch.mean) / std::max(1.0, stretch.deviation);
    above = std::max(0.0, above + z - slack);
    below = std::max(0.0, below - z - slack);
    record.drifting = record.drifting || above > bound || below > bound;
  }
  record.throughput_error = replayed > 0 ? std::abs(came - replayed) / replayed : came > 0 ? 1 : 0;
  record.event_error = events > 0 && horizon_s > 0 ? error_s / events / horizon_s : 0;
  return record;
}

}  // namespace foreline::core
