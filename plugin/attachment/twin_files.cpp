// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/twin_files.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "inference/gpt2/checkpoint.hpp"
#include "sim/text/files.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::attachment {

namespace fs = std::filesystem;
using namespace line;

namespace {

/// Writes beside the file what takes its place when `readable` has nothing against it.
template <class Readable>
Result<Done> replace(const fs::path& path, const std::string& text, const Readable& readable) {
  auto fresh = path;
  fresh.replace_extension(".new.toml");
  if (auto written = gpt2::write_file(fresh, text); !written) return written.error();
  if (auto read = readable(fresh); !read) return read.error();
  std::error_code error;
  fs::rename(fresh, path, error);
  if (error) return Error(fmt::format("cannot write {}: {}", path.string(), error.message()));
  return Done{};
}

}  // namespace

LineNow sayable(LineNow now) {
  for (auto& machine : now.machines) {
    const bool open = machine.down_remaining_s > 0;
    switch (machine.state) {
      case PackmlState::idle:
      case PackmlState::suspended:
      case PackmlState::execute:
      case PackmlState::complete:
        machine.down_remaining_s = 0;
        break;
      case PackmlState::held:
      case PackmlState::stopped:
      case PackmlState::resetting:
        break;
      default:  // on its way between two of these, or the PLC does not say
        machine.state = open                 ? PackmlState::held
                        : machine.holds_part ? PackmlState::execute
                                             : PackmlState::idle;
    }
    if (!machine.set_up) machine.holds_part = false;
    if (!machine.holds_part) machine.remaining_s = 0;
  }
  return now;
}

Result<Done> write_twin_files(const fs::path& folder, const core::Configuration& configuration,
                              const LineNow& now, const Schedule& running) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error(fmt::format("cannot make {}: {}", folder.string(), error.message()));
  const auto& line = *configuration.line;
  const auto& orders = *configuration.orders;
  const auto state = folder / "now.toml";
  auto written =
      replace(state, text::state_text(sayable(now), line, orders),
              [&](const fs::path& file) { return text::read_state_file(file, line, orders); });
  if (!written) return written.error();
  text::Scenario scenario;
  scenario.path = (folder / "plant.toml").string();
  scenario.title = fmt::format("{} from {:.0f} s on", line.name, now.at_s);
  scenario.line = configuration.line;
  scenario.orders = configuration.orders;
  scenario.line_path = configuration.line_file.string();
  scenario.orders_path = configuration.orders_file.string();
  scenario.state_path = state.string();
  scenario.schedule = running;
  scenario.seed_count = 20;
  scenario.horizon_s = now.at_s + configuration.planning.horizon_s;
  scenario.random_faults = true;
  return replace(scenario.path, text::scenario_text(scenario),
                 [](const fs::path& file) { return text::read_scenario_file(file); });
}

}  // namespace foreline::attachment
