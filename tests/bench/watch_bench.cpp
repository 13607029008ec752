// SPDX-License-Identifier: Apache-2.0
// What forecasts cost: one machine at a time, and a thousand every ten seconds, as the plugin asks
// on one thread. Machines have eight signals and eight kinds of fault.
// CPU time of this process, JSON lines.
//   bench_watch MODEL [machines=1000]
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <span>

#include "inference/forecaster.hpp"
#include "sim/line/random.hpp"

using namespace foreline;

namespace {

double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inference::Window machine(std::uint32_t number) {
  std::uint64_t draw = 0;
  const auto normal = [&] {
    return static_cast<float>(
        line::normal_quantile(line::random_uniform(1, number, line::Purpose::training, draw++)));
  };
  inference::Window window;
  window.machine = {number};
  window.operating_h = 40 * std::abs(normal());
  window.execute_share = 0.9F;
  window.missing_share = 0;
  window.ready = true;
  for (std::size_t k = 0; k < line::fault_kind_count; k += 2) window.kinds.set(k);
  for (std::size_t s = 0; s < 8; ++s) {
    auto& signal = window.signals.emplace_back();
    signal.kind = static_cast<line::SignalKind>(s % line::signal_kind_count);
    signal.known = true;
    for (auto* statistic :
         {&signal.last, &signal.mean_short, &signal.mean_long, &signal.slope_long, &signal.trend,
          &signal.spread_last, &signal.spread_short, &signal.spread_ratio})
      *statistic = normal();
    signal.good_share = 1;
  }
  return window;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_watch MODEL [machines=1000]\n");
    return 2;
  }
  const auto count = argc > 2 ? static_cast<std::uint32_t>(std::atoi(argv[2])) : 1000U;
  std::vector<inference::Window> windows;
  for (std::uint32_t m = 0; m < count; ++m) windows.push_back(machine(m));
  const auto forecaster = inference::Forecaster::load(argv[1], {});
  if (!forecaster) {
    fmt::print(stderr, "{}\n", forecaster.error().text());
    return 1;
  }
  (void)forecaster->forecast(windows);
  std::vector<double> alone_s;
  for (const auto& window : windows) {
    const double from_s = cpu_s();
    (void)forecaster->forecast(std::span(&window, 1));
    alone_s.push_back(cpu_s() - from_s);
  }
  std::sort(alone_s.begin(), alone_s.end());
  fmt::print(R"({{"work":"one machine","median_ms":{:.3f},"p99_ms":{:.3f}}})"
             "\n",
             1e3 * alone_s[alone_s.size() / 2], 1e3 * alone_s[alone_s.size() * 99 / 100]);
  double best_s = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double from_s = cpu_s();
    (void)forecaster->forecast(windows);
    best_s = std::min(best_s, cpu_s() - from_s);
  }
  fmt::print(R"({{"work":"{} machines every 10 s","cpu_ms":{:.1f},"share_of_a_core":{:.4f}}})"
             "\n",
             count, 1e3 * best_s, best_s / 10);
  return 0;
}
