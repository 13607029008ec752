// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "plugin/core/configuration.hpp"
#include "plugin/core/quality.hpp"
#include "plugin/host/console.hpp"
#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "plugin/io/poller.hpp"

namespace foreline::host {

namespace {

using core::Tag;
using line::Quality;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::minutes(5);

/// Everything that is read, as tags: the line's registers by machine and signal, then the tags.
std::vector<Tag> all_values(const core::Configuration& configuration) {
  std::vector<Tag> tags;
  const auto add = [&](std::string name, const core::Register& at, std::string unit = {}) -> Tag& {
    Tag tag;
    tag.name = std::move(name);
    tag.at = at;
    tag.unit = std::move(unit);
    tags.push_back(std::move(tag));
    return tags.back();
  };
  const auto& map = configuration.map;
  if (map.clock) add("clock", *map.clock, "s");
  for (std::size_t d = 0; d <= configuration.devices.size(); ++d) {
    const auto& device = core::device_at(configuration, d);
    if (device.heartbeat) add(device.name + "/heartbeat", *device.heartbeat);
    if (device.signature) add(device.name + "/signature", *device.signature);
  }
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& machine = configuration.line->machines.at(m);
    const auto& registers = map.machines[m];
    add(machine.name + "/state", registers.state);
    add(machine.name + "/operating", registers.operating, "s");
    add(machine.name + "/renewals", registers.renewals);
    if (registers.planned) {
      add(machine.name + "/order", registers.order);
      add(machine.name + "/remaining", registers.remaining, "s");
      add(machine.name + "/holds_part", registers.holds_part);
      add(machine.name + "/down", registers.down, "s");
      add(machine.name + "/parts", registers.parts);
    }
    if (registers.good) add(machine.name + "/good", *registers.good);
    if (registers.scrap) add(machine.name + "/scrap", *registers.scrap);
    if (registers.buffer) add(machine.name + "/buffer", *registers.buffer);
    for (std::size_t s = 0; s < registers.signals.size(); ++s) {
      const auto& signal = machine.signals.at(s);
      auto& tag = add(machine.name + "/" + signal.name, registers.signals[s], signal.unit);
      if (signal.high > signal.low) {
        tag.low = signal.low;
        tag.high = signal.high;
      }
    }
  }
  tags.insert(tags.end(), configuration.tags.begin(), configuration.tags.end());
  return tags;
}

}  // namespace

int dry_run(const std::string& configuration_path, bool json) {
  auto read = core::read_configuration(shipped(configuration_path));
  if (!read) return fail(bad_input, "watch", read.error());
  const auto& configuration = *read;
  const auto tags = all_values(configuration);
  io::Loop loop;
  std::vector<std::shared_ptr<io::Device>> devices;
  std::vector<io::PollPlan> plans;
  for (std::size_t d = 0; d <= configuration.devices.size(); ++d) {
    const auto& settings = core::device_at(configuration, d);
    devices.push_back(std::make_shared<io::Device>(loop, settings));
    io::PollPlan plan;
    plan.device = static_cast<core::DeviceIndex>(d);
    plan.rules = core::merge_rules(settings);
    for (const auto& tag : tags)
      if (tag.at.device == d) plan.fields.push_back(core::range_of(tag.at));
    plans.push_back(std::move(plan));
  }
  core::TagTable table(tags);
  std::vector<std::string> troubles(devices.size());
  const bool any_splits = [&] {
    std::size_t splits = 0;
    // A request that one missing register spoils is taken apart beat by beat.
    io::Poller poller(loop, devices, std::move(plans), [&](const io::Polled& polled) {
      troubles[polled.device] = polled.text;
      (void)table.update(polled.device, 0, polled.image, polled.troubles, 1, 0);
    });
    for (int beat = 0; beat < 12; ++beat) {
      const auto before = poller.counters().splits;
      bool finished = false;
      poller.once([&] { finished = true; });
      if (!loop.run(Clock::now() + patience, finished)) break;
      splits = poller.counters().splits;
      if (splits == before) break;
    }
    return splits > 0;
  }();
  std::size_t good = 0;
  std::size_t missing = 0;
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  std::size_t width = 0;
  for (const auto& tag : tags) width = std::max(width, tag.name.size());
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const auto& tag = tags[i];
    const auto& shown = table.value(i);
    if (shown.quality == Quality::good) ++good;
    if (shown.quality == Quality::bad_config) ++missing;
    const auto& device = core::device_at(configuration, tag.at.device);
    const auto place = core::place_text(tag.at.table, tag.at.address);
    const bool is_text = tag.at.type == core::RegisterType::string;
    if (json) {
      out.push_back({{"name", tag.name},
                     {"value", is_text                      ? nlohmann::ordered_json(shown.text)
                               : std::isfinite(shown.value) ? nlohmann::ordered_json(shown.value)
                                                            : nlohmann::ordered_json()},
                     {"unit", tag.unit},
                     {"quality", line::name_of(shown.quality)},
                     {"opc", core::opc_quality(shown.quality)},
                     {"device", device.name},
                     {"at", place}});
      continue;
    }
    const auto value = is_text                      ? "\"" + shown.text + "\""
                       : std::isfinite(shown.value) ? fmt::format("{:.6g}", shown.value)
                                                    : std::string("-");
    fmt::print("{:<{}}  {:>14} {:<8} {:<22} {} {} {}\n", tag.name, width, value, tag.unit,
               line::name_of(shown.quality), device.name, place, core::name_of(tag.at.type));
  }
  std::size_t answering = 0;
  nlohmann::ordered_json links = nlohmann::ordered_json::array();
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const auto counters = devices[d]->counters();
    if (counters.answers > 0) ++answering;
    const auto& device = core::device_at(configuration, d);
    if (json) {
      links.push_back({{"name", device.name},
                       {"requests", counters.requests},
                       {"answers", counters.answers},
                       {"exceptions", counters.exceptions},
                       {"trouble", troubles[d]}});
      continue;
    }
    fmt::print("{}: {} requests, {} answers, {} exceptions{}\n", device.name, counters.requests,
               counters.answers, counters.exceptions,
               troubles[d].empty() ? "" : "; " + troubles[d]);
  }
  if (json)
    fmt::print(
        "{}\n",
        nlohmann::ordered_json{{"values", std::move(out)}, {"devices", std::move(links)}}.dump(
            -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else
    fmt::print("{} of {} values are good{}\n", good, tags.size(),
               !any_splits ? ""
               : missing > 0
                   ? "; some registers do not exist, so requests were taken apart"
                   : "; requests were taken apart: the device refuses long ones (longest_read), or "
                     "gaps between registers (gap)");
  if (answering == 0) return fail(environment, "watch", "no device answers");
  return good == tags.size() ? pass : expectation_failed;
}

}  // namespace foreline::host
