// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/published.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace foreline::core {

using namespace line;
using namespace published;

namespace {

constexpr std::uint16_t communication_code = 0xFFFF;
constexpr std::uint16_t deployment_code = 0xFFFE;
constexpr std::size_t name_registers = decision_size - (decision_name - decision);

void put(std::vector<std::uint16_t>& words, int address, double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  words[static_cast<std::size_t>(address)] = static_cast<std::uint16_t>(bits >> 16U);
  words[static_cast<std::size_t>(address) + 1] = static_cast<std::uint16_t>(bits & 0xFFFFU);
}

std::string id_of(const Machine& machine, FaultKind kind) {
  return fmt::format("{}/{}", machine.name, line::name_of(kind));
}

}  // namespace

std::string_view name_of(ProposalState state) {
  constexpr std::array<std::string_view, 9> names = {"none",      "planning",  "proposed",
                                                     "refused",   "rejected",  "lapsed",
                                                     "deploying", "confirmed", "failed"};
  return names.at(static_cast<std::size_t>(state));
}

std::vector<std::uint16_t> registers_of(const Published& values, const Line& line,
                                        const Alarms& alarms,
                                        const std::vector<Forecast>& forecasts) {
  const auto cells = line.machines.size() * fault_kind_count;
  std::vector<std::uint16_t> words(
      static_cast<std::size_t>(forecast_base) + cells * forecast_stride, 0);
  const auto set = [&](int address, std::size_t value) {
    words[static_cast<std::size_t>(address)] = static_cast<std::uint16_t>(value);
  };
  const auto standing = alarms.standing();
  set(signature, signature_value);
  set(version, version_value);
  set(heartbeat, values.heartbeat);
  set(published::connected, values.connected ? 1 : 0);
  put(words, published::clock_s, values.clock_s);
  set(machine_count, line.machines.size());
  set(kind_count, fault_kind_count);
  set(standing_alarms, standing.size());
  set(unacknowledged, static_cast<std::size_t>(std::count_if(
                          standing.begin(), standing.end(), [](const AlarmRecord& record) {
                            return record.state == AlarmState::unacknowledged ||
                                   record.state == AlarmState::returned_unacknowledged;
                          })));
  set(communication, static_cast<std::size_t>(alarms.record("plc/communication").state));
  set(published::model_loaded, values.model_loaded ? 1 : 0);
  set(published::proposal, values.proposal);
  set(published::proposal_state, static_cast<std::size_t>(values.proposal_state));
  put(words, published::proposal_gain, values.proposal_gain);
  set(published::deployed, values.deployed);
  set(published::locked_out, values.locked_out ? 1 : 0);
  set(published::roll_back, static_cast<std::size_t>(values.roll_back));
  set(deployment, static_cast<std::size_t>(alarms.record("plc/deployment").state));
  set(published::layout, values.layout >> 16U);
  set(published::layout + 1, values.layout & 0xFFFFU);
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
      const int base = forecast_base + static_cast<int>(m * fault_kind_count + k) * forecast_stride;
      const auto record = alarms.record(id_of(line.machines[m], all_fault_kinds[k]));
      set(base + f_alarm, static_cast<std::size_t>(record.state));
      put(words, base + f_median_s, -1);
      if (m >= forecasts.size()) continue;
      const auto& forecast = forecasts[m];
      put(words, base + f_at_s, forecast.at_s);
      put(words, base + f_missing, static_cast<double>(forecast.missing_share));
      if (!forecast.available) continue;
      const auto kind =
          std::find_if(forecast.kinds.begin(), forecast.kinds.end(),
                       [&](const KindForecast& one) { return one.kind == all_fault_kinds[k]; });
      if (kind == forecast.kinds.end()) continue;
      set(base + f_available, 1);
      put(words, base + f_within_30min, kind->probability_within(1800));
      put(words, base + f_within_2h, kind->probability_within(7200));
      const double median_s = kind->quantile_s(0.5);
      put(words, base + f_median_s, std::isfinite(median_s) ? median_s : -1);
    }
  }
  return words;
}

std::vector<PublishedRegister> published_map(const Line& line) {
  std::vector<PublishedRegister> map = {
      {signature, "u16", false, "signature", "17999 (0x464F)"},
      {version, "u16", false, "version", fmt::format("of this table: {}", version_value)},
      {heartbeat, "u16", false, "heartbeat", "counts polls"},
      {published::connected, "u16", false, "connected", "1: the PLC answers"},
      {published::clock_s, "f32", false, "clock", "line time, s"},
      {machine_count, "u16", false, "machines", "number of machines"},
      {kind_count, "u16", false, "kinds", "fault kinds a machine"},
      {standing_alarms, "u16", false, "standing", "alarms that are not normal"},
      {unacknowledged, "u16", false, "unacknowledged", "of these, not acknowledged"},
      {communication, "u16", false, "communication", "state of the communication alarm"},
      {published::model_loaded, "u16", false, "model", "1: a model is loaded"},
      {published::proposal, "u16", false, "proposal", "number of the newest; 0: none yet"},
      {published::proposal_state, "u16", false, "proposal state",
       "0 none, 1 planning, 2 proposed, 3 refused by the gate, 4 rejected, 5 lapsed, 6 deploying, "
       "7 confirmed, 8 failed"},
      {published::proposal_gain, "f32", false, "proposal gain",
       "that is 95 % sure, in the units of the cost"},
      {published::layout, "u32", false, "layout", "CRC-32 of this table"},
      {published::deployment, "u16", false, "deployment", "state of the deployment alarm"},
      {published::deployed, "u16", false, "deployed",
       "number of the deployed proposal that stands; 0: none"},
      {published::locked_out, "u16", false, "locked out",
       "1: a schedule was rolled back, and nobody has cleared that"},
      {published::roll_back, "u16", false, "roll-back",
       "the last: 0 none, 1 under way, 2 done, 3 refused, 4 failed"},
      {acknowledge, "u16", true, "acknowledge",
       "n + 1 of forecast n; 65535 communication, 65534 deployment"},
      {published::shelve, "2 u16", true, "shelve",
       "both at once: which (as above), minutes; 0 minutes: no longer"},
      {service, "2 u16", true, "service", "both at once: which, 0 out of service or 1 in service"},
      {decision, "18 u16", true, "decision",
       "all at once: proposal, decision, name of the person (32 ASCII characters); 1 approve, 2 "
       "reject, 3 roll the deployed schedule back, 4 clear the lock-out"}};
  struct Field {
    int offset;
    const char* type;
    const char* name;
    const char* meaning;
  };
  constexpr std::array<Field, 7> block = {
      {{f_available, "u16", "available",
        "1: there is a forecast; 0 also for a fault that the line file does not give the machine"},
       {f_alarm, "u16", "alarm",
        "0 normal, 1 unacknowledged, 2 acknowledged, 3 returned unacknowledged, 4 shelved, 5 out "
        "of service"},
       {f_within_30min, "f32", "30 min", "P(fault within 30 min)"},
       {f_within_2h, "f32", "2 h", "P(fault within 2 h)"},
       {f_median_s, "f32", "median", "s until a fault is as likely as not; -1: not within 4 h"},
       {f_at_s, "f32", "at", "line time of the forecast, s"},
       {f_missing, "f32", "missing", "share of the input that was missing"}}};
  for (std::size_t m = 0; m < line.machines.size(); ++m)
    for (std::size_t k = 0; k < fault_kind_count; ++k)
      for (const auto& field : block)
        map.push_back(
            {forecast_base + static_cast<int>(m * fault_kind_count + k) * forecast_stride +
                 field.offset,
             field.type, false,
             fmt::format("{} {}", id_of(line.machines[m], all_fault_kinds[k]), field.name),
             field.meaning});
  return map;
}

std::uint32_t layout_of(const std::vector<PublishedRegister>& map) {
  std::uint32_t crc = ~0U;
  for (const auto& entry : map) {
    for (const auto c : fmt::format("{} {} {}\n", entry.address, entry.type, entry.name)) {
      crc ^= static_cast<std::uint8_t>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return ~crc;
}

std::vector<bool> inputs_of(const Line& line, const Alarms& alarms) {
  std::vector<bool> inputs;
  for (const auto& machine : line.machines)
    for (const auto kind : all_fault_kinds)
      inputs.push_back(alarms.record(id_of(machine, kind)).active);
  return inputs;
}

std::optional<Decision> decision_from(std::span<const std::uint16_t> words) {
  if (words.size() != decision_size || words[1] < 1 || words[1] > 4) return std::nullopt;
  Decision decided{words[0], static_cast<Decision::Kind>(words[1]), {}};
  if (decided.proposal == 0 && decided.kind != Decision::Kind::clear) return std::nullopt;
  for (std::size_t i = 0; i < name_registers; ++i) {
    const unsigned word = words[decision_name - decision + i];
    for (const unsigned c : {word >> 8U, word & 0xFFU})
      if (c >= 0x20 && c < 0x7F) decided.who += static_cast<char>(c);
  }
  while (!decided.who.empty() && decided.who.back() == ' ') decided.who.pop_back();
  if (decided.who.empty()) return std::nullopt;
  return decided;
}

std::vector<std::uint16_t> to_words(const Decision& decided) {
  std::vector<std::uint16_t> words(decision_size, 0);
  words[0] = decided.proposal;
  words[1] = static_cast<std::uint16_t>(decided.kind);
  for (std::size_t i = 0; i < std::min(decided.who.size(), 2 * name_registers); ++i) {
    const auto c = static_cast<std::uint16_t>(static_cast<unsigned char>(decided.who[i]));
    auto& word = words[decision_name - decision + i / 2];
    word = static_cast<std::uint16_t>(word | (i % 2 == 0 ? c << 8U : c));
  }
  return words;
}

std::string acknowledged_by(std::uint16_t code, const Line& line) {
  if (code == communication_code) return "plc/communication";
  if (code == deployment_code) return "plc/deployment";
  if (code == 0 || code > line.machines.size() * fault_kind_count) return {};
  const std::size_t cell = code - 1U;
  return id_of(line.machines[cell / fault_kind_count], all_fault_kinds[cell % fault_kind_count]);
}

}  // namespace foreline::core
