// SPDX-License-Identifier: Apache-2.0
#include "sim/line/line.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace foreline::line {

namespace {

/// A sum of times may fall short of an edge by its rounding; it is meant to be at the edge.
constexpr double edge_s = 1e-6;

}  // namespace

bool Machine::can_have(FaultKind kind) const {
  return std::any_of(faults.begin(), faults.end(),
                     [kind](const FaultMode& mode) { return mode.kind == kind; });
}

std::optional<MachineId> Line::machine_named(std::string_view wanted) const {
  for (std::uint32_t i = 0; i < machines.size(); ++i)
    if (machines[i].name == wanted) return MachineId{i};
  return std::nullopt;
}

std::optional<ProductId> Line::product_named(std::string_view wanted) const {
  for (std::uint32_t i = 0; i < products.size(); ++i)
    if (products[i] == wanted) return ProductId{i};
  return std::nullopt;
}

const Calendar* Line::calendar_of(const Machine& machine) const {
  const auto followed = machine.calendar ? machine.calendar : calendar;
  return followed ? &calendars.at(*followed) : nullptr;
}

std::vector<std::uint32_t> Line::inputs_of(std::uint32_t m) const {
  const auto& machine = machines.at(m);
  if (machine.after) return *machine.after;
  if (m == 0) return {};
  return {buffer_of(m - 1)};
}

std::vector<std::uint32_t> Line::takers() const {
  std::vector<std::uint32_t> count(machines.size());
  for (std::uint32_t m = 0; m < machines.size(); ++m)
    for (const auto input : inputs_of(m)) ++count[input];
  return count;
}

bool Line::is_plain_series() const {
  return std::all_of(machines.begin(), machines.end(), [&](const Machine& machine) {
    const auto m = static_cast<std::uint32_t>(&machine - machines.data());
    const bool in_series =
        !machine.after || *machine.after == (m == 0 ? std::vector<std::uint32_t>{}
                                                    : std::vector<std::uint32_t>{m - 1});
    return in_series && machine.takes.empty() && machine.gives == 1 && !machine.unit_of &&
           machine.batch == 1 && !machine.transporter && machine.inspection.detects == 0 &&
           machine.inspection.false_alarms == 0;
  });
}

double Line::ambient_at(double at_s) const {
  return ambient_degc + ambient_swing_k * std::cos(2 * std::numbers::pi * (at_s / 86400 - 0.625));
}

bool Crew::can(std::string_view skill) const {
  return skill.empty() || skills.empty() ||
         std::find(skills.begin(), skills.end(), skill) != skills.end();
}

bool Calendar::is_open(double at_s) const {
  at_s += edge_s;
  for (const auto& span : closed)
    if (at_s >= span.from_s && at_s < span.until_s) return false;
  if (open.empty()) return false;
  const double at = std::fmod(at_s + start_s, period_s);
  return std::any_of(open.begin(), open.end(),
                     [&](const Span& span) { return at >= span.from_s && at < span.until_s; });
}

double Calendar::next_change(double at_s) const {
  const bool now = is_open(at_s);
  double from_s = at_s;
  // Spans may meet and exceptions may hide edges: walk the edges until the answer differs.
  const auto steps = (closed.size() + 1) * (2 * open.size() + 4);
  for (std::size_t step = 0; step < steps; ++step) {
    const double turn = std::floor((from_s + start_s) / period_s) * period_s - start_s;
    double next = std::numeric_limits<double>::infinity();
    auto consider = [&](double edge) {
      if (edge > from_s + edge_s && edge < next) next = edge;
    };
    for (const auto& span : open) {
      for (const double start : {turn, turn + period_s}) {
        consider(start + span.from_s);
        consider(start + span.until_s);
      }
    }
    for (const auto& span : closed) {
      consider(span.from_s);
      consider(span.until_s);
    }
    // The pattern goes on under an exception, of any length: nothing of it counts.
    for (const auto& span : closed)
      if (from_s + edge_s >= span.from_s && from_s + edge_s < span.until_s) next = span.until_s;
    if (!std::isfinite(next) || is_open(next) != now) return next;
    from_s = next;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace foreline::line
