// SPDX-License-Identifier: Apache-2.0
// What could be done about a line, a lever each, and what its simulated days say of where time
// goes. What a lever truly brings is a counterfactual: the same futures, simulated with it. What it
// may bring is ranked by arithmetic here; and told in statistics that a model reads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/trial.hpp"

namespace foreline::levers {

enum class What : std::uint8_t {
  cycle,       ///< A tenth less cycle time.
  repair,      ///< A fifth less repair time.
  changeover,  ///< A fifth less changeover time.
  buffer,      ///< One more place behind the machine.
  service,     ///< A service now.
};
inline constexpr std::size_t what_count = 5;
[[nodiscard]] std::string_view name_of(What what);

struct Lever {
  What what = What::cycle;
  line::MachineId machine;
  friend bool operator==(const Lever&, const Lever&) = default;
};
/// "filler: 10 % less cycle time".
[[nodiscard]] std::string text_of(const Lever& lever, const line::Line& line);

/// All that make sense on this line: nothing about repairs where nothing breaks, no place behind a
/// machine from which parts leave the line.
[[nodiscard]] std::vector<Lever> levers_of(const line::Line& line);
/// The trial with the lever pulled from its beginning on.
[[nodiscard]] line::Trial pulled(const line::Trial& trial, const Lever& lever);

/// Where the time of one machine goes, as shares of the simulated time (mean of the futures).
struct MachineUse {
  double working = 0, changeover = 0, down = 0, serviced = 0, starved = 0, blocked = 0;
  double off_shift = 0;
  double idle = 0;             ///< Nothing to do: before its first order, after its last.
  double scrap = 0;            ///< Share of its parts.
  double breakdowns_h = 0;     ///< An hour of the trial.
  double active_period_s = 0;  ///< Mean stretch without waiting (Roser, Nakano and Tanaka 2001).
  [[nodiscard]] double active() const { return working + changeover + down + serviced; }
};
/// From outcomes of the same trial with other seeds.
[[nodiscard]] std::vector<MachineUse> use_of(const line::Trial& trial,
                                             std::span<const line::Outcome> outcomes);

/// What the line loses, in machine time: "starved", "blocked", "breakdowns", "changeovers",
/// "services", "off shift", "scrap"; shares of all machines' time, largest first.
struct Waste {
  std::string_view name;
  double share = 0;
};
[[nodiscard]] std::vector<Waste> waste_of(std::span<const MachineUse> use);

enum class Method : std::uint8_t { utilisation, active_period };
/// The bottleneck by arithmetic: the busiest machine, or that with the longest active period.
[[nodiscard]] line::MachineId bottleneck_by(Method method, std::span<const MachineUse> use);
/// How much a machine sets the pace by that method: 1 for the bottleneck.
[[nodiscard]] std::vector<double> pace_by(Method method, std::span<const MachineUse> use);
/// One score a lever, more is better: the time that it saves of itself, weighted by how much of a
/// bottleneck its machine is by that method.
[[nodiscard]] std::vector<double> scores_by(Method method, std::span<const Lever> levers,
                                            const line::Line& line,
                                            std::span<const MachineUse> use);

/// What a model reads of a lever, in the order of status_names(): the machine's time, its
/// neighbours', its place in the line, what the lever saves of itself. NaN: there is no such thing.
[[nodiscard]] const std::vector<std::string>& status_names();
[[nodiscard]] std::vector<float> status_of(const Lever& lever, const line::Line& line,
                                           std::span<const MachineUse> use);

}  // namespace foreline::levers
