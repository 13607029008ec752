// SPDX-License-Identifier: Apache-2.0
// The plots on the page of fault models are what the simulator does now. FORELINE_ACCEPT=1 renews
// them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sim/drawing/course_drawing.hpp"
#include "sim/line/fault.hpp"
#include "tests/support/lines.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using line::FaultKind;
using line::SensorFaultKind;
using line::SignalKind;

namespace {

const fs::path page = fs::path(FORELINE_SOURCE_DIR) / "docs" / "planners";
constexpr double step_s = 60;
constexpr double onset_s = 3600;

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void check_or_accept(const std::string& name, const std::string& svg) {
  const auto path = page / "faults" / (name + ".svg");
  if (std::getenv("FORELINE_ACCEPT") != nullptr) {
    std::ofstream(path, std::ios::binary) << svg;
    return;
  }
  INFO(path << " is not what the simulator does; FORELINE_ACCEPT=1 renews it");
  CHECK(contents(path) == svg);
  CHECK(contents(page / "fault-models.md").find("](faults/" + name + ".svg)") != std::string::npos);
}

line::Signal signal(SignalKind kind, const std::string& unit, double normal, double idle) {
  line::Signal signal;
  signal.name = line::name_of(kind);
  signal.kind = kind;
  signal.unit = unit;
  signal.normal = normal;
  signal.idle = idle;
  signal.noise = 0.015 * normal;
  signal.resolution = 0.001 * normal;
  signal.high = 20 * normal;
  return signal;
}

/// One machine with a signal of every kind and this fault, an hour before its onset.
line::Trial day(FaultKind kind) {
  auto machine = tests::machine("machine", 10, 0);
  machine.signals = {signal(SignalKind::vibration, "mm/s", 2.4, 0.2),
                     signal(SignalKind::temperature, "degC", 48, 22),
                     signal(SignalKind::current, "A", 12, 2),
                     signal(SignalKind::torque, "N m", 30, 0),
                     signal(SignalKind::pressure, "bar", 6, 6),
                     signal(SignalKind::cycle_time, "s", 10, 0)};
  line::FaultMode mode;
  mode.kind = kind;
  mode.onset = line::Distribution::constant(1e9);
  mode.progress = line::Distribution::constant(1e9);
  mode.repair = line::Distribution::constant(1800);
  machine.faults = {mode};
  auto line = tests::line_of({machine});
  line.sample_period_s = step_s;
  auto trial = tests::trial_of(std::move(line), tests::one_order(60'000), 6 * 3600);
  trial.seed = 7;
  trial.want_trace = true;
  return trial;
}

std::vector<double> values(const line::Outcome& outcome, std::size_t signal) {
  std::vector<double> all;
  for (const auto& frame : outcome.trace.frames)
    all.push_back(static_cast<double>(frame.machines.front().signals.at(signal).value));
  return all;
}

}  // namespace

TEST_CASE("the page of fault models shows every kind as it is simulated") {
  std::vector<line::Trial> trials;
  for (const auto kind : line::all_fault_kinds) {
    trials.push_back(day(kind));
    const double lasts_s = line::gives_warning(kind) ? 3 * 3600 : 0;
    trials.back().faults = {{"fault", {0}, kind, onset_s, lasts_s, 0}};
  }
  const auto outcomes = tests::run(trials);
  for (std::size_t k = 0; k < trials.size(); ++k) {
    const std::string name(line::name_of(line::all_fault_kinds[k]));
    INFO(name);
    const auto& outcome = outcomes[k];
    REQUIRE(outcome.trace.frames.size() > 350);
    drawing::Course course{name, step_s, {}, {}};
    const auto& signals = trials[k].line->machines.front().signals;
    for (std::size_t s = 0; s < signals.size(); ++s)
      course.curves.push_back({signals[s].name, signals[s].unit, values(outcome, s)});
    for (const auto& truth : outcome.trace.truth)
      course.damage.push_back(static_cast<double>(truth.damage.at(0)));
    check_or_accept(name, drawing::as_svg(course));
  }
}

TEST_CASE("the page of fault models shows what broken sensors show") {
  const std::vector<std::pair<SensorFaultKind, double>> kinds = {
      {SensorFaultKind::stuck, 0},    {SensorFaultKind::drift, 0.8}, {SensorFaultKind::spike, 2},
      {SensorFaultKind::dropout, 0},  {SensorFaultKind::offset, 1},  {SensorFaultKind::noise, 0.8},
      {SensorFaultKind::lag, 1800.0}, {SensorFaultKind::gain, 1.6}};
  std::vector<line::Trial> trials;
  for (const auto& [kind, magnitude] : kinds) {
    // Behind each of them is a machine whose bearing wears, which vibration should show.
    trials.push_back(day(FaultKind::bearing_wear));
    trials.back().faults = {{"wear", {0}, FaultKind::bearing_wear, onset_s, 3 * 3600, 0}};
    trials.back().sensor_faults = {
        {"sensor", {0}, "vibration", kind, 1.5 * 3600, 5.5 * 3600, magnitude}};
  }
  const auto outcomes = tests::run(trials);
  drawing::Course course{"vibration of a worn bearing through a sensor that is …", step_s, {}, {}};
  for (std::size_t k = 0; k < kinds.size(); ++k)
    course.curves.push_back(
        {std::string(line::name_of(kinds[k].first)), "mm/s", values(outcomes[k], 0)});
  for (const auto& truth : outcomes.front().trace.truth)
    course.damage.push_back(static_cast<double>(truth.damage.at(0)));
  check_or_accept("sensors", drawing::as_svg(course));
}
