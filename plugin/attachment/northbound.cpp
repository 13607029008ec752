// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/northbound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "sim/text/document.hpp"

namespace foreline::attachment {

using core::MetricType;
using core::MetricValue;
using line::Quality;
using line::Result;

namespace {

constexpr std::string_view plc_alarms = "plc/";

/// The last part of an alarm's id, or of "machine/signal".
std::string tail_of(const std::string& id) {
  return id.substr(id.find('/') + 1);
}

std::string type_suffix(line::FaultKind kind) {
  return std::string(line::name_of(kind));
}

}  // namespace

Northbound::Northbound(const core::Configuration& configuration,
                       std::function<std::int64_t()> now_ms)
    : configuration_(&configuration), now_ms_(std::move(now_ms)) {
  machines_from_ = configuration.devices.size() + 1;
  for (std::size_t d = 0; d < machines_from_; ++d)
    devices_.push_back({core::device_at(configuration, d).name, {}});
  for (const auto& machine : configuration.line->machines) devices_.push_back({machine.name, {}});
  places_.resize(devices_.size());
  there_.resize(devices_.size());
  for (const auto& tag : configuration.tags) {
    const auto type = tag.at.type == core::RegisterType::string    ? MetricType::string
                      : tag.at.type == core::RegisterType::boolean ? MetricType::boolean
                                                                   : MetricType::real;
    tags_.push_back(add(tag.at.device, tag.name, type, tag.unit));
  }
  for (const char* alarm : {"communication", "deployment"})
    (void)add(0, fmt::format("Alarms/{}", alarm), MetricType::string);
  for (std::size_t m = 0; m < configuration.line->machines.size(); ++m) {
    const auto& machine = configuration.line->machines[m];
    const auto device = machines_from_ + m;
    (void)add(device, "State", MetricType::string);
    for (const auto& signal : machine.signals) {
      (void)add(device, "Signals/" + signal.name, MetricType::real, signal.unit);
      (void)add(device, "Alarms/" + signal.name, MetricType::string);
    }
    for (const auto& mode : machine.faults) {
      if (!line::gives_warning(mode.kind)) continue;
      const auto kind = type_suffix(mode.kind);
      if (places_[device].count("Alarms/" + kind) != 0) continue;
      (void)add(device, fmt::format("Forecasts/{}/Probability", kind), MetricType::real);
      (void)add(device, fmt::format("Forecasts/{}/Expected in", kind), MetricType::real, "s");
      (void)add(device, "Alarms/" + kind, MetricType::string);
    }
  }
}

std::size_t Northbound::add(std::size_t device, std::string name, MetricType type,
                            const std::string& unit) {
  auto& metrics = devices_[device].metrics;
  places_[device].emplace(name, metrics.size());
  metrics.push_back({std::move(name), type, unit});
  return metrics.size() - 1;
}

Result<std::unique_ptr<Northbound>> Northbound::start(
    const core::Configuration& configuration, std::function<void(bool, const std::string&)> log,
    std::function<std::int64_t()> now_ms) {
  const auto& rules = configuration.sparkplug;
  auto north = std::unique_ptr<Northbound>(new Northbound(configuration, now_ms));
  mqtt::PublisherOptions options;
  options.link.host = rules.host;
  options.link.port = rules.port;
  options.link.client = fmt::format("{}-{}", rules.group, rules.node);
  options.link.username = rules.username;
  if (!rules.password.empty()) {
    auto text = text::read_text_file(rules.password);
    if (!text) return text.error();
    options.link.password = text->substr(0, text->find_first_of("\r\n"));
  }
  options.link.keepalive =
      std::chrono::seconds(static_cast<std::int64_t>(std::ceil(rules.keepalive_s)));
  options.link.tls = rules.tls;
  options.group = rules.group;
  options.node = rules.node;
  options.primary_host = rules.primary_host;
  options.folder = configuration.store;
  options.most_kept = rules.most_kept;
  options.log = std::move(log);
  options.now_ms = std::move(now_ms);
  auto publisher = mqtt::Publisher::start(std::move(options), north->devices_);
  if (!publisher) return publisher.error();
  north->publisher_ = std::move(*publisher);
  for (std::size_t m = 0; m < configuration.line->machines.size(); ++m)
    for (const auto& [name, place] : north->places_[north->machines_from_ + m])
      if (name.rfind("Alarms/", 0) == 0)
        north->publisher_->change(north->machines_from_ + m, place,
                                  std::string(line::name_of(line::AlarmState::normal)),
                                  Quality::good, north->now_ms_());
  for (const char* alarm : {"plc/communication", "plc/deployment"})
    north->alarm(alarm, line::AlarmState::normal);
  return north;
}

void Northbound::show(std::size_t device, const std::string& metric, MetricValue value,
                      Quality quality) {
  const auto place = places_[device].find(metric);
  if (place != places_[device].end())
    publisher_->change(device, place->second, std::move(value), quality, now_ms_());
}

void Northbound::tag(std::size_t index, const core::TagValue& shown) {
  const auto& tag = configuration_->tags[index];
  MetricValue value;
  if (tag.at.type == core::RegisterType::string)
    value = shown.text;
  else if (tag.at.type == core::RegisterType::boolean && std::isfinite(shown.value))
    value = shown.value != 0;
  else if (std::isfinite(shown.value))
    value = shown.value;
  publisher_->change(tag.at.device, tags_[index], std::move(value), shown.quality,
                     shown.received_ns / 1'000'000);
}

void Northbound::frame(const line::Frame& frame) {
  const auto& machines = configuration_->line->machines;
  for (std::size_t m = 0; m < frame.machines.size() && m < machines.size(); ++m) {
    const auto& seen = frame.machines[m];
    show(machines_from_ + m, "State", std::string(line::name_of(seen.state)), Quality::good);
    for (std::size_t s = 0; s < seen.signals.size(); ++s)
      show(machines_from_ + m, "Signals/" + machines[m].signals[s].name,
           static_cast<double>(seen.signals[s].value), seen.signals[s].quality);
  }
}

void Northbound::forecast(const line::Forecast& forecast) {
  const auto device = machines_from_ + forecast.machine.index;
  const auto quality = forecast.available ? Quality::good : Quality::uncertain_last_known;
  for (const auto& kind : forecast.kinds) {
    if (!line::gives_warning(kind.kind)) continue;
    const auto name = type_suffix(kind.kind);
    show(device, fmt::format("Forecasts/{}/Probability", name),
         kind.probability_within(configuration_->watch.alarms.horizon_s), quality);
    show(device, fmt::format("Forecasts/{}/Expected in", name), kind.quantile_s(0.5), quality);
  }
}

void Northbound::alarm(const std::string& id, line::AlarmState state) {
  const MetricValue value = std::string(line::name_of(state));
  if (id.rfind(plc_alarms, 0) == 0) return show(0, "Alarms/" + tail_of(id), value, Quality::good);
  const auto machine = configuration_->line->machine_named(id.substr(0, id.find('/')));
  if (machine) show(machines_from_ + machine->index, "Alarms/" + tail_of(id), value, Quality::good);
}

void Northbound::link(std::size_t device, bool there) {
  const auto set = [&](std::size_t index) {
    if (there_[index] == there) return;
    there_[index] = there;
    publisher_->link(index, there);
  };
  set(device);
  for (std::size_t m = 0; m < configuration_->map.machines.size(); ++m)
    if (configuration_->map.machines[m].state.device == device) set(machines_from_ + m);
}

}  // namespace foreline::attachment
