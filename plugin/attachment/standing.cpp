// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "plugin/attachment/twin_files.hpp"
#include "sim/line/schedule_block.hpp"

namespace foreline::attachment {

namespace {

/// Where the line stands is read so often, for pages or for nobody, and after so much line time.
constexpr double glance_for_pages_s = 1;
constexpr double glance_for_nobody_s = 10;
constexpr double glance_line_s = 60;
constexpr double glance_least_s = 0.1;

}  // namespace

Result<Done> Attachment::State::read_into(core::Image& into,
                                          const std::vector<core::Range>& ranges) {
  for (const auto& range : ranges) {
    std::optional<io::ModbusClient> other;
    if (range.device != 0) other.emplace(devices[range.device]);
    auto words = (other ? *other : *plc).read(range);
    if (!words) return words.error();
    into.put(range, *words);
  }
  return Done{};
}

Result<bool> Attachment::State::read_whole(core::Image& fresh,
                                           const std::vector<core::Range>& wanted,
                                           std::vector<std::uint16_t>* block) {
  const auto& map = configuration.map;
  std::array<core::Image, 2> beats;
  const auto look = [&](core::Image& into) -> Result<Done> {
    if (!map.heartbeat) return Done{};
    const auto& at = *map.heartbeat;
    return read_into(into, {{at.table, at.address, at.words()}});
  };
  if (auto read = look(beats[0]); !read) return read.error();
  if (auto read = read_into(fresh, core::requests(configuration, wanted)); !read)
    return read.error();
  if (block != nullptr) {
    auto words = plc->read({core::RegisterTable::holding, map.schedule->active,
                            static_cast<std::uint16_t>(block_size)});
    if (!words) return words.error();
    *block = std::move(*words);
  }
  if (auto read = look(beats[1]); !read) return read.error();
  return !map.heartbeat || beats[0].number(*map.heartbeat) == beats[1].number(*map.heartbeat);
}

std::vector<core::Range> Attachment::State::standing_fields() const {
  const auto& map = configuration.map;
  auto wanted = core::fields(map);
  for (const auto& field : core::planning_fields(map, configuration.orders->size()))
    wanted.push_back(field);
  return wanted;
}

double Attachment::State::clock_of(const core::Image& fresh) const {
  return configuration.map.clock ? fresh.number(*configuration.map.clock) : line_s;
}

Result<LineNow> Attachment::State::read_state(Schedule& active, int attempts, core::Image* seen) {
  const auto& map = configuration.map;
  if (configuration.orders->empty())
    return Error("planning needs the order book: add orders = \"...\" to the configuration");
  if (!map.schedule)
    return Error("planning needs the running schedule: add [schedule] to the configuration");
  const auto wanted = standing_fields();
  std::optional<Error> trouble;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    core::Image fresh;
    std::vector<std::uint16_t> block;
    auto whole = read_whole(fresh, wanted, &block);
    if (!whole) return whole.error();
    if (!*whole) {
      trouble = Error("the PLC scans faster than its state can be read");
      continue;
    }
    if (seen != nullptr) *seen = fresh;
    if (from_block(block, active) != BlockFault::none)
      return Error("the active schedule block of the PLC is not valid",
                   "check [schedule] active in the configuration");
    auto now = core::line_now_of(map, line(), *configuration.orders, fresh, clock_of(fresh),
                                 active.sequence);
    if (now) return now;
    trouble = now.error();
  }
  return *trouble;
}

void Attachment::State::glance() {
  if (!connected) return;
  const double wall_s = seconds(Clock::now() - glanced_at);
  const double longest_s = configuration.hmi.on ? glance_for_pages_s : glance_for_nobody_s;
  if (wall_s < glance_least_s ||
      (wall_s < longest_s && std::abs(line_s - glanced_line_s) < glance_line_s))
    return;
  glanced_at = Clock::now();
  glanced_line_s = line_s;
  Schedule active;
  core::Image seen;
  const bool plans = !configuration.orders->empty() && configuration.map.schedule.has_value();
  std::optional<LineNow> now;
  if (plans)
    if (auto read = read_state(active, 3, &seen)) now = *std::move(read);
  if (!plans && core::planning_fields(configuration.map, configuration.orders->size()).empty())
    return;  // nothing is described that people could look at
  if (!plans && configuration.hmi.on) {
    auto whole = read_whole(seen, standing_fields(), nullptr);
    if (!whole || !*whole) return;
  }
  plan::Request asked;
  {
    const std::lock_guard lock(mutex);
    if (!seen.empty()) {
      looked =
          core::glance_of(configuration.map, line(), *configuration.orders, seen, clock_of(seen));
      if (plans) running_schedule = active;
    }
    if (!now) return;
    double at_s = 0;
    double share = 0;
    asked = request_from(*now, active, at_s, share);
    glanced = std::move(*now);
  }
  if (twin_check) twin_check->look(asked, booked, stops);
  keep_twin(asked.now, asked.active);
  follow(asked.now);
  react(asked.now);
  judge_forecasts();
}

void Attachment::State::keep_twin(const LineNow& now, const Schedule& active) {
  const auto& folder = configuration.planning.twin;
  if (folder.empty()) return;
  const auto written = write_twin_files(folder, configuration, now, active);
  const std::string trouble = written ? std::string() : written.error().text();
  if (trouble.empty() == twin_trouble.empty()) return;
  twin_trouble = trouble;
  log(trouble.empty() ? Level::info : Level::warning, "attachment",
      trouble.empty() ? "the plant's now is kept again in " + folder.string()
                      : "the plant's now is not kept: " + trouble);
}

plan::Request Attachment::State::request_from(LineNow now, Schedule active, double& forecast_at_s,
                                              double& missing_share) const {
  const auto& rules = configuration.planning;
  plan::Request request;
  request.line = configuration.line;
  request.orders = configuration.orders;
  request.active = std::move(active);
  request.now = std::move(now);
  request.horizon_s = rules.horizon_s;
  request.seed = rules.seed + proposal.number;
  request.selection_seeds = rules.selection_seeds;
  request.gate_seeds = rules.gate_seeds;
  request.objective = rules.objective;
  request.least_gain_share = configuration.gate.least_gain_share;
  request.bar = configuration.gate;
  request.largest_moved_share = configuration.gate.largest_moved_share;
  request.largest_shift = configuration.gate.largest_shift;
  request.policy = rules.policy;
  request.fence = plan::fence_of(request, rules.freeze_s);
  request.makespan_from_s = plan::makespan_from(request);
  forecast_at_s = 0;
  missing_share = 0;
  double highest = -1;
  const bool believed = core::can_be_believed(forecast_record(), configuration.gate);
  for (const auto& forecast : watch->latest()) {
    if (!forecast.available) continue;
    forecast_at_s = std::max(forecast_at_s, forecast.at_s);
    for (const auto& kind : forecast.kinds) {
      if (!gives_warning(kind.kind)) continue;
      if (believed) request.hazards.push_back({forecast.machine, kind.kind, kind.within});
      const double p = kind.probability_within(configuration.watch.alarms.horizon_s);
      if (p <= highest) continue;
      highest = p;
      missing_share = static_cast<double>(forecast.missing_share);
    }
  }
  return request;
}

}  // namespace foreline::attachment
