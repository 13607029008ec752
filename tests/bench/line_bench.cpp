// SPDX-License-Identifier: Apache-2.0
// Events a second of the serial line of the oracle tests (exponential work, breakdowns by operating
// time, two crews for ten machines), as SimGrid actors, as a replication without SimGrid, with
// signals, and in a bare event heap, in one run. One JSON line each; CPU seconds of one process.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "sim/factory/simulation.hpp"
#include "tests/oracle/event_heap.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

namespace {

line::Trial line_of(std::size_t count, double horizon_s, std::size_t signals) {
  std::vector<line::Machine> machines;
  for (std::size_t m = 0; m < count; ++m) {
    auto& machine = machines.emplace_back(tests::machine(fmt::format("m{}", m), 1, 10));
    machine.cycle = {line::Distribution::Kind::exponential, 1, 0, 0, 0};
    line::FaultMode mode;
    mode.kind = line::FaultKind::motor_trip;
    mode.onset = {line::Distribution::Kind::exponential, 100, 0, 0, 0};
    mode.repair = {line::Distribution::Kind::exponential, 10, 0, 0, 0};
    machine.faults = {mode};
    for (std::size_t i = 0; i < signals; ++i) {
      line::Signal signal;
      signal.name = fmt::format("s{}", i);
      signal.kind = static_cast<line::SignalKind>(i % line::signal_kind_count);
      signal.normal = 10;
      signal.noise = 0.2;
      signal.resolution = 0.01;
      signal.high = 100;
      machine.signals.push_back(signal);
    }
  }
  auto line =
      tests::line_of(machines, static_cast<std::uint32_t>(std::max<std::size_t>(2, count / 5)));
  line.sample_period_s = 60;
  auto trial = tests::trial_of(std::move(line), tests::one_order(4'000'000'000U), horizon_s);
  trial.random_faults = true;
  trial.event_limit = 4'000'000'000U;
  trial.seed = 1;
  trial.want_trace = signals > 0;
  return trial;
}

/// Runs in a process of its own, since SimGrid's engine lives once in each.
double report(const std::string& name, std::size_t machines,
              const std::function<std::uint64_t()>& work) {
  int pipe[2];
  if (::pipe(pipe) != 0) std::exit(3);
  const auto child = ::fork();
  if (child == 0) {
    rusage before{};
    ::getrusage(RUSAGE_SELF, &before);
    const auto events = work();
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
    auto seconds = [](const rusage& usage) {
      return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
             1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    };
    const double spent_s = seconds(after) - seconds(before);
    const double rate = static_cast<double>(events) / spent_s;
    fmt::print(
        "{{\"bench\": \"line\", \"engine\": \"{}\", \"machines\": {}, \"events\": {}, "
        "\"cpu_s\": {:.3f}, \"events_per_s\": {:.0f}, \"memory_kb\": {}}}\n",
        name, machines, events, spent_s, rate, after.ru_maxrss);
    std::fflush(stdout);
    (void)!::write(pipe[1], &rate, sizeof rate);
    ::_exit(0);
  }
  ::close(pipe[1]);
  double rate = 0;
  (void)!::read(pipe[0], &rate, sizeof rate);
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return rate;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> counts = {10, 100, 1000};
  if (argc > 1) counts = {std::stoul(argv[1])};
  for (const std::size_t count : counts) {
    const double horizon_s = 2e6 / static_cast<double>(count);
    report("bare event heap", count,
           [&] { return tests::run_heap(line_of(count, 4 * horizon_s, 0)).events; });
    report("simgrid actors", count,
           [&] { return factory::run(line_of(count, horizon_s, 0)).events; });
    report("replication", count, [&] {
      auto trial = line_of(count, 4 * horizon_s, 0);
      trial.replication = true;
      return factory::run(trial).events;
    });
    if (count == 10)
      report("simgrid actors, 8 signals", count,
             [&] { return factory::run(line_of(count, horizon_s, 8)).events; });
  }
}
