// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace foreline::core {

using namespace line;

namespace {

constexpr std::uint16_t no_order = 0xFFFF;

struct TypeName {
  std::string_view name;
  RegisterType type;
  std::uint16_t words;
};
constexpr std::array<TypeName, 6> types = {{{"u16", RegisterType::u16, 1},
                                            {"i16", RegisterType::i16, 1},
                                            {"u32", RegisterType::u32, 2},
                                            {"i32", RegisterType::i32, 2},
                                            {"f32", RegisterType::f32, 2},
                                            {"f64", RegisterType::f64, 4}}};

std::vector<std::string_view> words_in(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string_view::npos) {
    const auto end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

Range range_of(const Register& at) {
  return {at.table, at.address, at.words()};
}

std::uint16_t swapped(std::uint16_t word) {
  return static_cast<std::uint16_t>((word << 8U) | (word >> 8U));
}

}  // namespace

std::uint16_t Register::words() const {
  return types.at(static_cast<std::size_t>(type)).words;
}

Result<Register> parse_register(std::string_view text) {
  const std::string hint =
      "write [input] ADDRESS [u16|i16|u32|i32|f32|f64] [low-word-first] [bytes-swapped] [* "
      "FACTOR], "
      "for example \"120 f32\" or \"3 u32 * 0.1\"";
  const auto wrong = [&](const std::string& what) { return Error(what, hint); };
  auto words = words_in(text);
  Register at;
  std::size_t next = 0;
  if (next < words.size() && (words[next] == "input" || words[next] == "holding"))
    at.table = words[next++] == "input" ? RegisterTable::input : RegisterTable::holding;
  if (next >= words.size()) return wrong(fmt::format("\"{}\" names no register", text));
  unsigned address = 0;
  const auto word = words[next++];
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), address);
  if (error != std::errc{} || end != word.data() + word.size() || address > 65'535)
    return wrong(fmt::format("\"{}\" is no address from 0 to 65535", word));
  at.address = static_cast<std::uint16_t>(address);
  for (; next < words.size(); ++next) {
    const auto type = std::find_if(types.begin(), types.end(),
                                   [&](const TypeName& t) { return t.name == words[next]; });
    if (type != types.end()) {
      at.type = type->type;
    } else if (words[next] == "low-word-first") {
      at.low_word_first = true;
    } else if (words[next] == "bytes-swapped") {
      at.bytes_swapped = true;
    } else if (words[next] == "*" && next + 2 == words.size()) {
      const auto factor = words[++next];
      const auto read = std::from_chars(factor.data(), factor.data() + factor.size(), at.factor);
      if (read.ec != std::errc{} || read.ptr != factor.data() + factor.size() ||
          !std::isfinite(at.factor) || at.factor == 0)
        return wrong(fmt::format("\"{}\" is no factor", factor));
    } else {
      return wrong(fmt::format("\"{}\" is not known in \"{}\"", words[next], text));
    }
  }
  if (at.address + at.words() > 65'536) return wrong(fmt::format("\"{}\" ends beyond 65535", text));
  return at;
}

std::vector<Range> ranges_of(std::vector<Range> wanted, std::uint16_t longest, std::uint16_t gap) {
  std::sort(wanted.begin(), wanted.end(), [](const Range& a, const Range& b) {
    return a.table != b.table ? a.table < b.table : a.address < b.address;
  });
  std::vector<Range> ranges;
  for (const auto& range : wanted) {
    const int end = range.address + range.count;
    if (!ranges.empty() && ranges.back().table == range.table) {
      auto& last = ranges.back();
      const int last_end = last.address + last.count;
      if (range.address <= last_end + gap && std::max(end, last_end) - last.address <= longest) {
        last.count = static_cast<std::uint16_t>(std::max(end, last_end) - last.address);
        continue;
      }
    }
    // A long block is read in pieces.
    for (int from = range.address; from < end; from += longest) {
      ranges.push_back({range.table, static_cast<std::uint16_t>(from),
                        static_cast<std::uint16_t>(std::min<int>(longest, end - from))});
    }
  }
  return ranges;
}

std::vector<Range> polled(const RegisterMap& map, std::uint16_t longest, std::uint16_t gap) {
  std::vector<Range> wanted;
  for (const auto& at : {map.clock, map.heartbeat, map.signature})
    if (at) wanted.push_back(range_of(*at));
  for (const auto& machine : map.machines) {
    for (const auto& at : {machine.state, machine.operating, machine.renewals})
      wanted.push_back(range_of(at));
    for (const auto& at : machine.signals) wanted.push_back(range_of(at));
  }
  return ranges_of(std::move(wanted), longest, gap);
}

std::vector<Range> planned(const RegisterMap& map, std::size_t orders, std::uint16_t longest,
                           std::uint16_t gap) {
  std::vector<Range> wanted;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& machine = map.machines[m];
    for (const auto& at :
         {machine.order, machine.remaining, machine.holds_part, machine.down, machine.parts})
      wanted.push_back(range_of(at));
    for (std::size_t o = 0; map.progress && o < orders; ++o) {
      const auto& progress = *map.progress;
      wanted.push_back({RegisterTable::holding,
                        static_cast<std::uint16_t>(progress.address + m * progress.machine_stride +
                                                   o * progress.order_stride),
                        2});
    }
  }
  return ranges_of(std::move(wanted), longest, gap);
}

void Image::put(const Range& range, std::span<const std::uint16_t> words) {
  auto& table = words_.at(static_cast<std::size_t>(range.table));
  for (std::size_t i = 0; i < words.size(); ++i)
    table[static_cast<std::uint16_t>(range.address + i)] = words[i];
}

std::uint16_t Image::word(RegisterTable table, std::uint16_t address) const {
  const auto& words = words_.at(static_cast<std::size_t>(table));
  const auto found = words.find(address);
  return found == words.end() ? std::uint16_t{0} : found->second;
}

double Image::number(const Register& at) const {
  std::uint64_t bits = 0;
  const auto count = at.words();
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto position = at.low_word_first ? count - 1 - i : i;
    const auto& table = words_.at(static_cast<std::size_t>(at.table));
    const auto found = table.find(static_cast<std::uint16_t>(at.address + position));
    if (found == table.end()) return std::numeric_limits<double>::quiet_NaN();
    bits = (bits << 16U) | (at.bytes_swapped ? swapped(found->second) : found->second);
  }
  double number = 0;
  switch (at.type) {
    case RegisterType::u16:
    case RegisterType::u32:
      number = static_cast<double>(bits);
      break;
    case RegisterType::i16:
      number = static_cast<std::int16_t>(bits);
      break;
    case RegisterType::i32:
      number = static_cast<std::int32_t>(bits);
      break;
    case RegisterType::f32:
      number = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      break;
    case RegisterType::f64:
      number = std::bit_cast<double>(bits);
      break;
  }
  return number * at.factor;
}

Frame frame_of(const RegisterMap& map, const Line& line, const Image& image, double at_s) {
  Frame frame;
  frame.at_s = at_s;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    const auto& machine = line.machines.at(m);
    MachineFrame seen;
    const double state = image.number(registers.state);
    if (state >= 0 && state < static_cast<double>(packml_state_count))
      seen.state = static_cast<PackmlState>(static_cast<int>(state));
    const double operating = image.number(registers.operating);
    seen.operating_s = std::isfinite(operating) ? std::max(0.0, operating) : 0;
    const double renewals = image.number(registers.renewals);
    seen.renewals =
        std::isfinite(renewals) ? static_cast<std::uint32_t>(std::clamp(renewals, 0.0, 4e9)) : 0;
    for (std::size_t s = 0; s < registers.signals.size(); ++s) {
      const double value = image.number(registers.signals[s]);
      Sample sample{static_cast<float>(value), Quality::good};
      if (!std::isfinite(value)) {
        sample = {std::numeric_limits<float>::quiet_NaN(), Quality::bad_sensor_failure};
      } else if (const auto& signal = machine.signals[s];
                 signal.high > signal.low && (value < signal.low || value > signal.high)) {
        sample.quality = Quality::uncertain_out_of_range;
      }
      seen.signals.push_back(sample);
    }
    frame.machines.push_back(std::move(seen));
  }
  return frame;
}

Result<LineNow> line_now_of(const RegisterMap& map, const Line& line,
                            const std::vector<Order>& orders, const Image& image, double at_s) {
  if (!map.progress)
    return Error("the register map has no [progress]; planning needs the counts of each order",
                 "add [progress] to the plugin's configuration");
  LineNow now;
  now.at_s = at_s;
  for (std::size_t m = 0; m < map.machines.size(); ++m) {
    const auto& registers = map.machines[m];
    const auto at_least_zero = [&](const Register& at) {
      const double value = image.number(at);
      return std::isfinite(value) ? std::max(0.0, value) : 0.0;
    };
    MachineNow machine;
    const double state = image.number(registers.state);
    machine.state = state >= 0 && state < static_cast<double>(packml_state_count)
                        ? static_cast<PackmlState>(static_cast<int>(state))
                        : PackmlState::undefined;
    const double order = image.number(registers.order);
    machine.set_up = order >= 0 && order < static_cast<double>(orders.size());
    if (machine.set_up) machine.order = {static_cast<std::uint32_t>(order)};
    if (!machine.set_up && order != no_order)
      return Error(fmt::format("{} works on order number {}, but the order book has {}",
                               line.machines[m].name, order, orders.size()),
                   "give the plugin the order book that the PLC runs");
    machine.holds_part = image.number(registers.holds_part) != 0;
    machine.remaining_s = machine.holds_part ? at_least_zero(registers.remaining) : 0;
    machine.down_remaining_s = at_least_zero(registers.down);
    machine.operating_s = at_least_zero(registers.operating);
    machine.parts = static_cast<std::uint32_t>(at_least_zero(registers.parts));
    machine.renewals = static_cast<std::uint32_t>(at_least_zero(registers.renewals));
    for (std::size_t o = 0; o < orders.size(); ++o) {
      const auto address =
          static_cast<std::uint16_t>(map.progress->address + m * map.progress->machine_stride +
                                     o * map.progress->order_stride);
      machine.progress.push_back(
          {image.word(RegisterTable::holding, address),
           image.word(RegisterTable::holding, static_cast<std::uint16_t>(address + 1))});
      if (std::uint64_t{machine.progress.back().good} + machine.progress.back().scrap >
          orders[o].quantity)
        return Error(fmt::format("{} counts more parts of order {} than it has",
                                 line.machines[m].name, orders[o].id),
                     "give the plugin the order book that the PLC runs");
    }
    now.machines.push_back(std::move(machine));
  }
  for (std::size_t m = 0; m + 1 < now.machines.size(); ++m) {
    const auto level = now.buffer_level(m);
    const auto places = static_cast<std::int64_t>(line.machines[m].buffer_after);
    if (level < 0 || level > std::max<std::int64_t>(places, 1))
      return Error(fmt::format("the counts put {} parts between {} and {}, where {} have room",
                               level, line.machines[m].name, line.machines[m + 1].name, places));
  }
  return now;
}

}  // namespace foreline::core
