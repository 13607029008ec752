// SPDX-License-Identifier: Apache-2.0
// The historian: what a frame costs on disk and in time, and how long a window takes to read. A
// week of a line with five machines of five signals, a frame each 10 s; a year is 52 times that.
//   bench_history FOLDER
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/store/history.hpp"

int main(int argc, char** argv) {
  using namespace foreline;
  using Clock = std::chrono::steady_clock;
  const std::filesystem::path folder = argc > 1 ? argv[1] : "history-bench";
  std::filesystem::remove_all(folder);
  constexpr int machines = 5;
  constexpr int signals = 5;
  constexpr int frames = 7 * 8640;
  std::vector<std::string> channels;
  for (int m = 0; m < machines; ++m) {
    channels.push_back(fmt::format("m{}/state", m));
    for (int s = 0; s < signals; ++s) channels.push_back(fmt::format("m{}/s{}", m, s));
  }
  const auto ms = [](Clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
  };
  const std::int64_t step_ns = 10'000'000'000;
  double write_ms = 0;
  {
    auto history = store::History::open(folder, channels);
    if (!history) return 3;
    std::vector<line::Sample> samples(channels.size());
    const auto begun = Clock::now();
    for (int f = 0; f < frames; ++f) {
      for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = {static_cast<float>(std::sin(0.01 * f + static_cast<double>(i))),
                      line::Quality::good};
      if (!history->add_frame(1 + f * step_ns, samples)) return 3;
      if (f % 360 == 359 && !history->commit()) return 3;
    }
    if (!history->commit()) return 3;
    write_ms = ms(Clock::now() - begun);
  }
  double slowest_ms = 0;
  {
    auto history = store::History::open(folder, channels);
    if (!history) return 3;
    for (int k = 0; k < 50; ++k) {
      const std::int64_t from = 1 + (k * 1200) * step_ns;
      const auto begun = Clock::now();
      const auto window = history->window("m3/s2", from, from + 359 * step_ns);
      slowest_ms = std::max(slowest_ms, ms(Clock::now() - begun));
      if (!window || window->size() != 360) return 3;
    }
  }
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) bytes += file.file_size();
  fmt::print(
      "{{\"bench\":\"historian, {} channels\",\"frames\":{},\"bytes_per_frame\":{:.0f},"
      "\"year_mb\":{:.0f},\"write_us_per_frame\":{:.1f},\"window_of_an_hour_ms_max\":{:.2f}}}\n",
      channels.size(), frames, static_cast<double>(bytes) / frames,
      52.14 * static_cast<double>(bytes) / 1e6, 1000 * write_ms / frames, slowest_ms);
  return 0;
}
