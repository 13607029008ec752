// SPDX-License-Identifier: Apache-2.0
#include "sim/plan/replay.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/select/scenario_set.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr std::size_t replays = 8;  ///< Processing times scatter, also where the stops are given.

}  // namespace

Result<Replayed> replay(const Request& request, const std::vector<Stop>& stops,
                        worker::Client& client, std::size_t futures) {
  Trial blind;
  blind.line = request.line;
  blind.orders = request.orders;
  blind.schedule = request.active;
  blind.from = request.now;
  blind.hazards = request.hazards;
  blind.horizon_s = request.now.at_s + request.horizon_s;
  blind.replication = true;
  auto seen = blind;
  seen.hazards.clear();
  seen.random_faults = false;
  // What was seen of a stop holds the waiting for a crew already.
  auto line = *request.line;
  line.crews = static_cast<std::uint32_t>(line.machines.size());
  line.crew_groups.clear();
  seen.line = std::make_shared<const Line>(std::move(line));
  for (const auto& stop : stops)
    if (stop.from_s > request.now.at_s)
      seen.faults.push_back({"seen", stop.machine, FaultKind::motor_trip, stop.from_s, 0,
                             std::max(1.0, stop.until_s - stop.from_s)});
  std::vector<Trial> trials(replays, seen);
  trials.insert(trials.end(), futures, blind);
  for (std::size_t i = 0; i < trials.size(); ++i)
    trials[i].seed = select::scenario_seed(request.seed, select::ScenarioSet::report, i);
  auto outcomes = client.run(trials);
  if (!outcomes) return outcomes.error();

  Replayed found;
  found.finished_s.assign(request.orders->size(), -1);
  for (std::size_t o = 0; o < found.finished_s.size(); ++o) {
    double sum_s = 0;
    bool always = true;
    for (std::size_t i = 0; i < replays; ++i) {
      const double finished_s = (*outcomes)[i].orders.at(o).finished_s;
      always = always && finished_s >= 0;
      sum_s += finished_s;
    }
    if (always) found.finished_s[o] = sum_s / replays;
  }
  for (std::size_t i = 0; i < replays; ++i)
    found.parts += static_cast<double>((*outcomes)[i].left) / replays;
  std::vector<double> left;
  for (std::size_t i = replays; i < outcomes->size(); ++i)
    left.push_back(static_cast<double>((*outcomes)[i].left));
  std::sort(left.begin(), left.end());
  const auto last = static_cast<double>(left.size() - 1);
  found.low = left[static_cast<std::size_t>(0.05 * last)];
  found.high = left[static_cast<std::size_t>(std::ceil(0.95 * last))];
  found.mean = std::accumulate(left.begin(), left.end(), 0.0) / static_cast<double>(left.size());
  double squares = 0;
  for (const auto value : left) squares += (value - found.mean) * (value - found.mean);
  found.deviation = std::sqrt(squares / std::max(1.0, last));
  return found;
}

}  // namespace foreline::plan
