// SPDX-License-Identifier: Apache-2.0
// foreline-sim: the one program that holds SimGrid. `--worker` runs trials for a client.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sim/factory/simulation.hpp"
#include "sim/plc/soft_plc.hpp"
#include "sim/worker/zygote.hpp"

namespace {

int usage() {
  fmt::print(
      stderr,
      "foreline-sim {}: the simulator behind foreline. Use `foreline run`, `foreline plan` or "
      "`foreline serve`.\n"
      "  foreline-sim --worker [--children N] [--limit-ms N] [--memory-mb N]   trials on standard "
      "input, outcomes "
      "on standard output\n"
      "  foreline-sim --fan [the same options]   one trial with branches in, all their outcomes "
      "out\n"
      "  foreline-sim --plc TRIAL [options]                    what `foreline serve` starts\n",
      FORELINE_VERSION);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return usage();
  if (arguments[0] == "--version") {
    fmt::print("foreline-sim {}\n", FORELINE_VERSION);
    return 0;
  }
  auto option = [&](std::string_view name, long otherwise) {
    for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
      if (arguments[i] == name) return std::atol(arguments[i + 1].c_str());
    }
    return otherwise;
  };
  if (arguments[0] == "--worker" || arguments[0] == "--fan") {
    const auto children = option("--children", 1);
    const auto limit_ms = option("--limit-ms", 60'000);
    if (children < 1 || children > 1024 || limit_ms < 1) return usage();
    const auto memory_mb = option("--memory-mb", 2048);
    if (memory_mb < 0) return usage();
    foreline::worker::ChildLimits limits;
    limits.time = std::chrono::milliseconds(limit_ms);
    limits.memory_bytes = static_cast<std::uint64_t>(memory_mb) << 20U;
    const auto at_once = static_cast<unsigned>(children);
    if (arguments[0] == "--worker")
      ::_exit(foreline::worker::serve_trials(
          at_once, limits,
          [](const foreline::line::Trial& trial) { return foreline::factory::run(trial); }));
    ::_exit(foreline::worker::serve_fan([&](const foreline::line::Fan& fan) {
      return foreline::factory::run(fan, [&](std::size_t count, const auto& future) {
        return foreline::worker::in_copies(count, at_once, limits, future);
      });
    }));
  }
  if (arguments[0] == "--plc" && arguments.size() >= 2)
    ::_exit(foreline::plc::serve({arguments.begin() + 1, arguments.end()}));
  return usage();
}
