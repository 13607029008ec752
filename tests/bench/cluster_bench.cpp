// SPDX-License-Identifier: Apache-2.0
// The splitting of trials on a cluster that SimGrid simulates: the carrier and the protocol of
// `mpirun foreline run`, compiled by smpicxx. Trials, their bytes and their events are real; how
// long one takes a node follows from its events. Start with smpirun:
//   smpirun -np RANKS -platform cluster.xml bench_cluster SCENARIO TRIALS [EVENTS_A_SECOND START_S]
#include <fmt/format.h>
#include <mpi.h>
#include <smpi/smpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/factory/simulation.hpp"
#include "sim/mpi/carrier.hpp"
#include "sim/text/files.hpp"
#include "sim/worker/ranks.hpp"

using namespace foreline;

namespace {

constexpr double node_flops = 1e9;     // as the platform file says
constexpr std::size_t different = 50;  // seeds that are really run; the others repeat them

/// What ranks of this one process share: outcomes by the trial's bytes.
struct Ran {
  std::string outcome;
  double seconds = 0;
};
std::map<std::string, Ran, std::less<>> ran;

int hand_out(const std::shared_ptr<worker::Carrier>& carrier, const char* file, std::size_t count,
             double events_a_second, double start_s) {
  const auto scenario = text::read_scenario_file(file);
  if (!scenario) {
    fmt::print(stderr, "{}\n", scenario.error().text());
    return 2;
  }
  std::vector<std::string> trials;
  std::vector<double> seconds;
  for (std::size_t i = 0; i < different; ++i) {
    auto trial = text::trial_of(*scenario, i);
    trial.replication = true;
    trials.push_back(worker::to_bytes(trial));
    const auto outcome = factory::run(trial);
    seconds.push_back(start_s + static_cast<double>(outcome.events) / events_a_second);
    ran[trials.back()] = {worker::to_bytes(outcome), seconds.back()};
  }
  double work_s = 0;
  double longest_s = 0;
  for (std::size_t i = 0; i < count; ++i) work_s += seconds[i % different];
  for (const auto each_s : seconds) longest_s = std::max(longest_s, each_s);
  const double begun = MPI_Wtime();
  std::size_t next = 0;
  std::size_t done = 0;
  std::size_t wrong = 0;
  {
    worker::Ranks others(carrier);
    while (done < count) {
      const auto served = others.serve(
          [&]() -> std::optional<worker::Message> {
            if (next == count) return std::nullopt;
            const auto position = next++;
            return worker::Message{position, trials[position % different]};
          },
          [&](const worker::Message& message) {
            ++done;
            wrong += message.bytes == ran[trials[message.id % different]].outcome ? 0 : 1;
          },
          std::chrono::milliseconds(2));
      if (!served) return 1;
    }
  }
  const double spent_s = MPI_Wtime() - begun;
  const double least_s = std::max(work_s / std::max(1, carrier->size() - 1), longest_s);
  fmt::print(
      "{{\"ranks\": {}, \"trials\": {}, \"trial_s\": {:.4f}, \"trial_bytes\": {}, "
      "\"outcome_bytes\": {}, \"simulated_s\": {:.3f}, \"ideal_s\": {:.3f}, \"efficiency\": "
      "{:.3f}, \"wrong\": {}}}\n",
      carrier->size(), count, work_s / static_cast<double>(count), trials.front().size(),
      ran[trials.front()].outcome.size(), spent_s, least_s, least_s / spent_s, wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const std::shared_ptr<worker::Carrier> carrier(foreline_mpi_carrier());
  if (argc < 3) return 2;
  if (carrier->rank() == 0)
    return hand_out(carrier, argv[1], static_cast<std::size_t>(std::atol(argv[2])),
                    argc > 3 ? std::atof(argv[3]) : 0.75e6, argc > 4 ? std::atof(argv[4]) : 0.005);
  worker::work_for_rank_0(*carrier, [](std::string_view bytes) -> line::Result<std::string> {
    const auto found = ran.find(bytes);
    if (found == ran.end()) return line::Error("a trial that rank 0 has not sent");
    smpi_execute_flops(found->second.seconds * node_flops);
    return found->second.outcome;
  });
  return 0;
}
