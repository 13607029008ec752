// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register_map.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;
using line::PackmlState;
using line::Quality;

namespace {

Register at(const std::string& text) {
  auto parsed = parse_register(text);
  REQUIRE(parsed);
  return *parsed;
}

Image image_of(std::uint16_t address, std::vector<std::uint16_t> words) {
  Image image;
  image.put({RegisterTable::holding, address, static_cast<std::uint16_t>(words.size())}, words);
  return image;
}

struct Plant {
  line::Line line;
  RegisterMap map;
};

/// Two machines: state, operating, renewals, order, remaining, holds, down, parts at 10 m, one
/// signal at 10 m + 8; counts at 100.
Plant plant() {
  auto a = tests::machine("a", 10, 4);
  auto b = tests::machine("b", 10, 0);
  for (auto* machine : {&a, &b})
    machine->signals.push_back(
        {"vibration", line::SignalKind::vibration, "mm/s", 2, 0, 0.1, 0, 0, 40});
  Plant plant{tests::line_of({a, b}), {}};
  for (std::uint16_t m = 0; m < 2; ++m) {
    MachineRegisters registers;
    std::uint16_t next = static_cast<std::uint16_t>(10 * m);
    for (auto* each :
         {&registers.state, &registers.operating, &registers.renewals, &registers.order,
          &registers.remaining, &registers.holds_part, &registers.down, &registers.parts})
      each->address = next++;
    registers.planned = true;
    registers.signals = {{RegisterTable::holding, next, RegisterType::f32}};
    plant.map.machines.push_back(registers);
  }
  plant.map.progress = ProgressRegisters{100, 2, 2};
  return plant;
}

}  // namespace

TEST_CASE("registers are written as address, type, order and factor") {
  CHECK(at("7").type == RegisterType::u16);
  CHECK(at("input 40 i16 * 0.01").table == RegisterTable::input);
  CHECK(at("input 40 i16 * 0.01").factor == Approx(0.01));
  const auto swapped = at("3 f32 low-word-first bytes-swapped");
  CHECK((swapped.low_word_first && swapped.bytes_swapped));
  for (const char* wrong : {"", "x", "70000", "3 f17", "3 u32 * ", "3 u32 * zero", "3 * 0",
                            "65535 u32", "input", "-1", "3 u16 4"}) {
    INFO(wrong);
    CHECK_FALSE(parse_register(wrong));
  }
}

TEST_CASE("every word and byte order gives the same number") {
  const auto bits = std::bit_cast<std::uint32_t>(1234.5F);
  const auto high = static_cast<std::uint16_t>(bits >> 16U);
  const auto low = static_cast<std::uint16_t>(bits & 0xFFFFU);
  const auto turned = [](std::uint16_t w) {
    return static_cast<std::uint16_t>((w << 8U) | (w >> 8U));
  };
  CHECK(image_of(5, {high, low}).number(at("5 f32")) == 1234.5);
  CHECK(image_of(5, {low, high}).number(at("5 f32 low-word-first")) == 1234.5);
  CHECK(image_of(5, {turned(high), turned(low)}).number(at("5 f32 bytes-swapped")) == 1234.5);
  CHECK(image_of(5, {turned(low), turned(high)}).number(at("5 f32 low-word-first bytes-swapped")) ==
        1234.5);
  CHECK(image_of(0, {0xFFFE}).number(at("0 i16 * 0.5")) == -1.0);
  CHECK(image_of(0, {0xFFFF, 0xFFFD}).number(at("0 i32")) == -3.0);
  CHECK(image_of(0, {1, 0}).number(at("0 u32")) == 65'536.0);
  const auto wide = std::bit_cast<std::uint64_t>(-0.125);
  CHECK(
      image_of(0, {static_cast<std::uint16_t>(wide >> 48U), static_cast<std::uint16_t>(wide >> 32U),
                   static_cast<std::uint16_t>(wide >> 16U), static_cast<std::uint16_t>(wide)})
          .number(at("0 f64")) == -0.125);
  CHECK(std::isnan(image_of(5, {high}).number(at("5 f32"))));
}

TEST_CASE("neighbours are read together, within the longest request, and no number is split") {
  const auto h = RegisterTable::holding;
  CHECK(ranges_of({{h, 0, 2}, {h, 10, 2}, {h, 40, 1}}, 120, 16) ==
        std::vector<Range>{{h, 0, 12}, {h, 40, 1}});
  CHECK(ranges_of({{h, 10, 2}, {RegisterTable::input, 12, 2}}, 120, 16).size() == 2);
  // 60 pairs with a longest request of 7: pairs stay whole.
  std::vector<Range> pairs;
  for (std::uint16_t i = 0; i < 60; ++i) pairs.push_back({h, static_cast<std::uint16_t>(2 * i), 2});
  for (const auto& range : ranges_of(pairs, 7, 4)) {
    CHECK(range.count <= 7);
    CHECK(range.count % 2 == 0);
  }
  CHECK(ranges_of({{h, 0, 300}}, 120, 0).size() == 3);
}

TEST_CASE("what a signal shows decides its quality") {
  const auto [line, map] = plant();
  const auto shown = [&, &line = line, &map = map](float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    Image image = image_of(0, {6, 90, 1, 0, 0, 0, 0, 0, static_cast<std::uint16_t>(bits >> 16U),
                               static_cast<std::uint16_t>(bits & 0xFFFFU)});
    return frame_of(map, line, image, 50).machines.at(0);
  };
  CHECK(shown(2.5F).signals[0].quality == Quality::good);
  CHECK(shown(2.5F).signals[0].value == 2.5F);
  CHECK(shown(2.5F).state == PackmlState::execute);
  CHECK(shown(2.5F).operating_s == 90);
  CHECK(shown(41.F).signals[0].quality == Quality::uncertain_out_of_range);
  CHECK(shown(std::numeric_limits<float>::quiet_NaN()).signals[0].quality ==
        Quality::bad_sensor_failure);
  CHECK(shown(std::numeric_limits<float>::infinity()).signals[0].quality ==
        Quality::bad_sensor_failure);
  Image nothing;
  CHECK(frame_of(map, line, nothing, 50).machines.at(1).state == PackmlState::undefined);
  // A machine whose age or renewals cannot be read is not new, it is not known.
  CHECK(frame_of(map, line, image_of(0, {6, 90}), 50).machines.at(0).state ==
        PackmlState::undefined);
}

TEST_CASE("the line's state is believed only when its counts add up") {
  auto [line, map] = plant();
  const std::vector<line::Order> orders = {{"1", {0}, 20}};
  Image image = image_of(0, {6, 90, 1, 0, 4, 1, 0, 9, 0, 0});
  image.put({RegisterTable::holding, 10, 10},
            std::vector<std::uint16_t>{5, 80, 0, 0, 0, 0, 0, 5, 0, 0});
  image.put({RegisterTable::holding, 100, 4}, std::vector<std::uint16_t>{8, 0, 5, 0});
  auto now = line_now_of(map, line, orders, image, 123);
  REQUIRE(now);
  CHECK(now->machines[0].remaining_s == 4);
  CHECK(now->machines[0].progress[0].good == 8);
  CHECK(now->buffer_level(0) == 3);
  image.put({RegisterTable::holding, 102, 1}, std::vector<std::uint16_t>{9});
  CHECK_FALSE(line_now_of(map, line, orders, image, 123));  // more out than in
  image.put({RegisterTable::holding, 102, 1}, std::vector<std::uint16_t>{1});
  CHECK_FALSE(line_now_of(map, line, orders, image, 123));  // seven where four have room
  image.put({RegisterTable::holding, 102, 1}, std::vector<std::uint16_t>{5});
  image.put({RegisterTable::holding, 3, 1}, std::vector<std::uint16_t>{7});
  CHECK_FALSE(line_now_of(map, line, orders, image, 123));  // an order that nobody knows
  map.progress.reset();
  CHECK(line_now_of(map, line, orders, image, 123).error().text().find("[progress]") !=
        std::string::npos);
}

TEST_CASE("people see what the registers tell of any line, and no more") {
  auto [line, map] = plant();
  // A second source, an assembly of both, and what it makes is inspected and may come back.
  line.machines[1].after.emplace();
  line.machines[1].buffer_after = 4;
  auto join = tests::machine("join", 10, 3);
  join.after = {{0, 1}};
  join.takes = {1, 2};
  auto check = tests::machine("check", 10, 0);
  check.after = {{2}};
  line.machines.push_back(join);
  line.machines.push_back(check);
  for (std::uint16_t m = 2; m < 4; ++m) {
    auto registers = map.machines[0];
    for (auto* each :
         {&registers.state, &registers.operating, &registers.renewals, &registers.order,
          &registers.remaining, &registers.holds_part, &registers.down, &registers.parts})
      each->address = static_cast<std::uint16_t>(each->address + 10 * m);
    registers.signals.clear();
    map.machines.push_back(registers);
  }
  map.progress = ProgressRegisters{100, 2, 2};
  const std::vector<line::Order> orders = {{"1", {0}, 20}};
  Image image = image_of(0, std::vector<std::uint16_t>(40));
  image.put({RegisterTable::holding, 25, 1}, std::vector<std::uint16_t>{1});  // join works
  // good and scrap: a 9, b 17, join 5 and 1 scrapped, check 4
  image.put({RegisterTable::holding, 100, 8}, std::vector<std::uint16_t>{9, 0, 17, 0, 5, 1, 4, 0});
  auto seen = glance_of(map, line, orders, image, 5);
  REQUIRE(seen.machines.size() == 4);
  CHECK(seen.machines[0].buffer == 2);
  CHECK(seen.machines[1].buffer == 3);
  CHECK(seen.machines[2].buffer == 1);
  CHECK_FALSE(seen.machines[3].buffer);
  CHECK(seen.machines[2].held == 1U);
  CHECK(seen.machines[2].order == 0U);
  const auto now = line_now_of(map, line, orders, image, 5);
  REQUIRE(now);
  REQUIRE(now->buffers.size() == 4);
  CHECK(now->buffers[0].size() == 2);
  CHECK(now->buffers[1].size() == 3);
  CHECK(now->buffer_level(2) == 1);

  line.machines[3].inspection = {0.9, 0, 0.5, 1, 2};
  seen = glance_of(map, line, orders, image, 5);
  CHECK_FALSE(seen.machines[0].buffer);  // what comes back is not told by counts
  CHECK_FALSE(seen.machines[2].buffer);
  const auto refused = line_now_of(map, line, orders, image, 5);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("behind a") != std::string::npos);
  map.machines[0].buffer = Register{RegisterTable::holding, 200};
  map.machines[0].good = Register{RegisterTable::holding, 201, RegisterType::f32};
  image.put({RegisterTable::holding, 200, 3}, std::vector<std::uint16_t>{7, 0x7FC0, 0});
  seen = glance_of(map, line, orders, image, 5);
  CHECK(seen.machines[0].buffer == 7);
  CHECK_FALSE(seen.machines[0].good);  // NaN

  // Without orders, counts and the work's registers: what is left.
  map.progress.reset();
  for (auto& machine : map.machines) machine.planned = false;
  seen = glance_of(map, line, {}, image, 5);
  CHECK(seen.machines[0].buffer == 7);
  CHECK_FALSE(seen.machines[1].buffer);
  CHECK_FALSE(seen.machines[2].held);
}
