// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/sparkplug.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "plugin/core/quality.hpp"

namespace foreline::core {

namespace {

constexpr std::string_view rebirth = "Node Control/Rebirth";
constexpr std::string_view device_rebirth = "Device Control/Rebirth";

/// Protocol Buffers' wire format: a key, then a varint, eight bytes, or a length and bytes.
enum Wire : std::uint8_t { varint = 0, eight_bytes = 1, counted = 2, four_bytes = 5 };

void put_varint(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<std::uint8_t>(value | 0x80U));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put(Bytes& out, unsigned field, std::uint64_t value) {
  put_varint(out, field << 3U | varint);
  put_varint(out, value);
}
void put(Bytes& out, unsigned field, double value) {
  put_varint(out, field << 3U | eight_bytes);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
}
template <class Range>
void put_counted(Bytes& out, unsigned field, const Range& bytes) {
  put_varint(out, field << 3U | counted);
  put_varint(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Fields of sparkplug_b.proto.
namespace payload_field {
constexpr unsigned timestamp = 1, metrics = 2, seq = 3;
}
namespace metric_field {
constexpr unsigned name = 1, alias = 2, timestamp = 3, datatype = 4, is_historical = 5, is_null = 7,
                   properties = 9, long_value = 11, double_value = 13, boolean_value = 14,
                   string_value = 15;
}
namespace property_field {
constexpr unsigned keys = 1, values = 2;                       // of the set
constexpr unsigned type = 1, int_value = 3, string_value = 8;  // of a value
constexpr std::uint64_t int32_type = 3, string_type = 12;
}  // namespace property_field

void put_property(Bytes& keys, Bytes& values, std::string_view name, Bytes value) {
  put_counted(keys, property_field::keys, name);
  put_counted(values, property_field::values, value);
}

Bytes encoded(const Metric& metric, std::string_view unit) {
  Bytes out;
  if (!metric.name.empty()) put_counted(out, metric_field::name, metric.name);
  if (metric.alias) put(out, metric_field::alias, *metric.alias);
  put(out, metric_field::timestamp, static_cast<std::uint64_t>(metric.at_ms));
  put(out, metric_field::datatype, static_cast<std::uint64_t>(metric.type));
  if (metric.historical) put(out, metric_field::is_historical, std::uint64_t{1});
  const auto* number = std::get_if<double>(&metric.value);
  const bool null = std::holds_alternative<std::monostate>(metric.value) ||
                    (number != nullptr && !std::isfinite(*number));
  if (null) put(out, metric_field::is_null, std::uint64_t{1});
  Bytes keys;
  Bytes values;
  if (metric.quality) {
    Bytes value;
    put(value, property_field::type, property_field::int32_type);
    put(value, property_field::int_value, std::uint64_t{sparkplug_quality(*metric.quality)});
    put_property(keys, values, "Quality", std::move(value));
  }
  if (!unit.empty()) {
    Bytes value;
    put(value, property_field::type, property_field::string_type);
    put_counted(value, property_field::string_value, unit);
    put_property(keys, values, "engUnit", std::move(value));
  }
  if (!keys.empty()) {
    keys.insert(keys.end(), values.begin(), values.end());
    put_counted(out, metric_field::properties, keys);
  }
  if (null) return out;
  if (number != nullptr) put(out, metric_field::double_value, *number);
  if (const auto* flag = std::get_if<bool>(&metric.value))
    put(out, metric_field::boolean_value, std::uint64_t{*flag});
  if (const auto* whole = std::get_if<std::uint64_t>(&metric.value))
    put(out, metric_field::long_value, *whole);
  if (const auto* text = std::get_if<std::string>(&metric.value))
    put_counted(out, metric_field::string_value, *text);
  return out;
}

Bytes in_payload(const Metric& metric, std::string_view unit = {}) {
  Bytes out;
  put_counted(out, payload_field::metrics, encoded(metric, unit));
  return out;
}

/// Reads fields one after another; any length that lies ends it.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  /// False at the end, and after a mistake.
  bool next() {
    if (bytes_.empty()) return false;
    std::uint64_t key = 0;
    if (!take_varint(key)) return false;
    field = static_cast<unsigned>(key >> 3U);
    content = {};  // What the field before held is not this one's.
    std::uint64_t size = 0;
    switch (key & 7U) {
      case varint:
        return take_varint(number);
      case eight_bytes:
        size = 8;
        break;
      case four_bytes:
        size = 4;
        break;
      case counted:
        if (!take_varint(size)) return false;
        break;
      default:
        return fail();
    }
    if (size > bytes_.size()) return fail();
    content = bytes_.first(static_cast<std::size_t>(size));
    bytes_ = bytes_.subspan(static_cast<std::size_t>(size));
    return true;
  }
  [[nodiscard]] bool good() const { return good_; }
  unsigned field = 0;
  std::uint64_t number = 0;
  std::span<const std::uint8_t> content;

 private:
  bool fail() {
    good_ = false;
    return false;
  }
  bool take_varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) return fail();
      const auto byte = bytes_.front();
      bytes_ = bytes_.subspan(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) return true;
    }
    return fail();
  }
  std::span<const std::uint8_t> bytes_;
  bool good_ = true;
};

/// FNV-1a, 32 bits: a whole number that every language can hold.
std::uint64_t hash_of(std::string_view text) {
  std::uint32_t hash = 2'166'136'261U;
  for (const auto c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16'777'619U;
  return hash;
}

std::optional<Metric> metric_of(std::span<const std::uint8_t> bytes) {
  Metric metric;
  FieldReader reader(bytes);
  while (reader.next()) {
    switch (reader.field) {
      case metric_field::name:
        metric.name.assign(reader.content.begin(), reader.content.end());
        break;
      case metric_field::alias:
        metric.alias = reader.number;
        break;
      case metric_field::timestamp:
        metric.at_ms = static_cast<std::int64_t>(reader.number);
        break;
      case metric_field::is_historical:
        metric.historical = reader.number != 0;
        break;
      case metric_field::long_value:
        metric.value = reader.number;
        break;
      case metric_field::double_value: {
        std::uint64_t bits = 0;
        if (reader.content.size() != 8) return std::nullopt;
        for (unsigned i = 0; i < 8; ++i) bits |= std::uint64_t{reader.content[i]} << (8 * i);
        metric.value = std::bit_cast<double>(bits);
        break;
      }
      case metric_field::boolean_value:
        metric.value = reader.number != 0;
        break;
      case metric_field::string_value:
        metric.value = std::string(reader.content.begin(), reader.content.end());
        break;
      default:
        break;
    }
  }
  if (!reader.good()) return std::nullopt;
  return metric;
}

}  // namespace

Bytes metric_bytes(const Metric& metric) {
  return in_payload(metric);
}

Bytes payload_bytes(std::int64_t at_ms, std::span<const std::uint8_t> metrics,
                    std::optional<std::uint8_t> sequence) {
  Bytes out;
  put(out, payload_field::timestamp, static_cast<std::uint64_t>(at_ms));
  out.insert(out.end(), metrics.begin(), metrics.end());
  if (sequence) put(out, payload_field::seq, std::uint64_t{*sequence});
  return out;
}

std::optional<std::vector<Metric>> metrics_of(std::span<const std::uint8_t> payload) {
  std::vector<Metric> metrics;
  FieldReader reader(payload);
  while (reader.next()) {
    if (reader.field != payload_field::metrics) continue;
    auto metric = metric_of(reader.content);
    if (!metric) return std::nullopt;
    metrics.push_back(std::move(*metric));
  }
  if (!reader.good()) return std::nullopt;
  return metrics;
}

SparkplugNode::SparkplugNode(std::string group, std::string node,
                             std::vector<SparkplugDevice> devices)
    : group_(std::move(group)),
      node_(std::move(node)),
      devices_(std::move(devices)),
      there_(devices_.size()) {
  for (const auto& device : devices_) {
    auto& all = shown_.emplace_back();
    for (const auto& metric : device.metrics) {
      auto& shown = all.emplace_back().metric;
      auto alias = hash_of(device.name + "/" + metric.name);
      while (!aliases_.insert(alias).second) ++alias;
      shown.alias = alias;
      shown.type = metric.type;
      shown.quality = line::Quality::bad_not_connected;
    }
  }
}

std::string SparkplugNode::topic(const char* kind, const std::string& device) const {
  auto text = "spBv1.0/" + group_ + "/" + kind + "/" + node_;
  if (!device.empty()) text += "/" + device;
  return text;
}

SparkplugMessage SparkplugNode::will(std::uint8_t birth_number, std::int64_t at_ms) {
  birth_number_ = birth_number;
  return death(at_ms);
}

SparkplugMessage SparkplugNode::death(std::int64_t at_ms) const {
  Metric number{"bdSeq", {}, at_ms, MetricType::uint64, std::uint64_t{birth_number_}, false, {}};
  return {topic("NDEATH"), payload_bytes(at_ms, metric_bytes(number), std::nullopt)};
}

std::vector<SparkplugMessage> SparkplugNode::birth(std::int64_t at_ms) {
  sequence_ = 0;
  Metric number{"bdSeq", {}, at_ms, MetricType::uint64, std::uint64_t{birth_number_}, false, {}};
  Metric control{std::string(rebirth), {}, at_ms, MetricType::boolean, false, false, {}};
  auto metrics = metric_bytes(number);
  const auto second = metric_bytes(control);
  metrics.insert(metrics.end(), second.begin(), second.end());
  std::vector<SparkplugMessage> messages = {
      {topic("NBIRTH"), payload_bytes(at_ms, metrics, next_sequence())}};
  for (std::size_t d = 0; d < devices_.size(); ++d)
    if (there_[d]) messages.push_back(device_birth(d, at_ms));
  return messages;
}

SparkplugMessage SparkplugNode::device_birth(std::size_t device, std::int64_t at_ms) {
  Bytes metrics;
  for (std::size_t m = 0; m < shown_[device].size(); ++m) {
    auto& shown = shown_[device][m];
    shown.changed = false;
    auto named = shown.metric;
    named.name = devices_[device].metrics[m].name;
    if (named.at_ms == 0) named.at_ms = at_ms;
    const auto bytes = in_payload(named, devices_[device].metrics[m].unit);
    metrics.insert(metrics.end(), bytes.begin(), bytes.end());
  }
  return {topic("DBIRTH", devices_[device].name), payload_bytes(at_ms, metrics, next_sequence())};
}

bool SparkplugNode::change(std::size_t device, std::size_t metric, MetricValue value,
                           line::Quality quality, std::int64_t at_ms) {
  auto& shown = shown_.at(device).at(metric);
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) value = std::monostate{};
  if (shown.metric.value == value && shown.metric.quality == quality) return false;
  shown.metric.value = std::move(value);
  shown.metric.quality = quality;
  shown.metric.at_ms = std::max(at_ms, shown.metric.at_ms);
  shown.changed = true;
  return true;
}

std::optional<SparkplugMessage> SparkplugNode::link(std::size_t device, bool there,
                                                    std::int64_t at_ms) {
  if (there_.at(device) == there) return std::nullopt;
  there_[device] = there;
  if (there) return device_birth(device, at_ms);
  return SparkplugMessage{topic("DDEATH", devices_[device].name),
                          payload_bytes(at_ms, {}, next_sequence())};
}

std::vector<SparkplugRecord> SparkplugNode::take_changes(std::int64_t at_ms) {
  std::vector<SparkplugRecord> records;
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    SparkplugRecord record{devices_[d].name, at_ms, {}};
    for (auto& shown : shown_[d]) {
      if (!std::exchange(shown.changed, false)) continue;
      const auto bytes = metric_bytes(shown.metric);
      record.metrics.insert(record.metrics.end(), bytes.begin(), bytes.end());
    }
    // What a device that is not there shows comes with its birth.
    if (!record.metrics.empty() && there_[d]) records.push_back(std::move(record));
  }
  return records;
}

SparkplugMessage SparkplugNode::data(const SparkplugRecord& record) {
  return {topic("DDATA", record.device),
          payload_bytes(record.at_ms, record.metrics, next_sequence())};
}

std::vector<SparkplugMessage> SparkplugNode::history(const SparkplugRecord& record,
                                                     std::int64_t at_ms) {
  const auto device = std::find_if(devices_.begin(), devices_.end(),
                                   [&](const auto& known) { return known.name == record.device; });
  if (device == devices_.end()) return {};
  SparkplugRecord kept{record.device, record.at_ms, {}};
  FieldReader reader(record.metrics);
  while (reader.next()) {
    if (reader.field != payload_field::metrics) continue;
    const auto metric = metric_of(reader.content);
    if (!metric || !metric->alias || aliases_.count(*metric->alias) == 0) continue;
    Bytes bytes(reader.content.begin(), reader.content.end());
    put(bytes, metric_field::is_historical, std::uint64_t{1});
    put_counted(kept.metrics, payload_field::metrics, bytes);
  }
  if (kept.metrics.empty()) return {};
  const auto index = static_cast<std::size_t>(device - devices_.begin());
  std::vector<SparkplugMessage> messages;
  const bool there = there_[index];
  if (!there) messages.push_back(*link(index, true, at_ms));
  messages.push_back(data(kept));
  if (!there) messages.push_back(*link(index, false, at_ms));
  return messages;
}

namespace {

bool says_true(std::span<const std::uint8_t> payload, std::string_view name) {
  constexpr std::size_t longest = 64 * 1024;  // A command is some tens of bytes.
  if (payload.size() > longest) return false;
  const auto metrics = metrics_of(payload);
  return metrics && std::any_of(metrics->begin(), metrics->end(), [&](const Metric& metric) {
           const auto* wanted = std::get_if<bool>(&metric.value);
           return metric.name == name && wanted != nullptr && *wanted;
         });
}

}  // namespace

bool SparkplugNode::asks_for_birth(std::span<const std::uint8_t> payload) {
  return says_true(payload, rebirth);
}

std::optional<SparkplugMessage> SparkplugNode::birth_asked(const std::string& topic,
                                                           std::span<const std::uint8_t> payload,
                                                           std::int64_t at_ms) {
  for (std::size_t d = 0; d < devices_.size(); ++d)
    if (there_[d] && topic == this->topic("DCMD", devices_[d].name) &&
        says_true(payload, device_rebirth))
      return device_birth(d, at_ms);
  return std::nullopt;
}

std::string host_state_topic(const std::string& host) {
  return "spBv1.0/STATE/" + host;
}

std::optional<SparkplugHost> host_state_of(std::span<const std::uint8_t> payload) {
  constexpr std::size_t longest = 1000;
  if (payload.size() > longest) return std::nullopt;
  const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto online = json.find("online");
  const auto at_ms = json.find("timestamp");
  if (online == json.end() || !online->is_boolean() || at_ms == json.end() ||
      !at_ms->is_number_integer())
    return std::nullopt;
  return SparkplugHost{online->get<bool>(), at_ms->get<std::int64_t>()};
}

}  // namespace foreline::core
