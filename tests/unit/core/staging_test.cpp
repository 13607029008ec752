// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/staging.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "tests/support/lines.hpp"

using namespace foreline;
using core::StagedRegister;
using What = StagedRegister::What;
using By = StagedRegister::By;

namespace {

const core::ScheduleRegisters registers = {300, 420, 500, 620, 421, 422};
const auto line_of_two =
    tests::line_of({tests::machine("first", 10, 5), tests::machine("second", 10, 0)});
const std::vector<line::Order> orders = {{"A", {0}, 1}, {"B", {0}, 1}, {"C", {0}, 1}};

std::vector<StagedRegister> staged(const line::Schedule& schedule, std::size_t frozen) {
  return core::staged_registers(registers, schedule, line_of_two, orders, {{{0}, {1}, {2}}, {}},
                                frozen, 42);
}
std::size_t outside(const std::vector<StagedRegister>& all) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& one) {
    return one.word < one.low || one.word > one.high;
  }));
}

}  // namespace

TEST_CASE("every register that a deployment writes is told once, with the word that is written") {
  const line::Schedule schedule = {{{0}, {2}, {1}},
                                   {{{1}, line::Service::When::at_time, 70'000, {}}}};
  const auto all = staged(schedule, 1);
  REQUIRE(all.size() == line::block_size + 1);
  const auto block = line::to_block(schedule);
  for (std::size_t i = 0; i < block.size(); ++i) {
    CHECK(all[i].address == registers.staging + i);
    CHECK(all[i].word == block[i]);
  }
  CHECK(all.back().address == registers.commit);
  CHECK(all.back().word == 42);
  CHECK(outside(all) == 0);
  CHECK(all[0].what == What::length);
  CHECK(all[0].high == 3);
  CHECK(all[1].by == By::started);
  CHECK(all[1].low == all[1].high);
  CHECK(all[2].by == By::orders);
  CHECK(all[2].high == 2);
  CHECK(all[4].what == What::unused);
  CHECK(all[34].what == What::machine);
  CHECK(all[34].high == 1);
  CHECK(65'536 * all[36].word + all[37].word == 70'000);
  CHECK(all[114].what == What::checksum);
  std::set<std::string_view> names;
  for (const auto& one : all) {
    names.insert(core::name_of(one.what));
    CHECK_FALSE(core::name_of(one.by).empty());
  }
  CHECK(names.size() == 11);
}

TEST_CASE(
    "a word beyond what the line, the orders or what has started allow lies outside its limits") {
  CHECK(outside(staged({{{0}, {2}, {1}}, {}}, 0)) == 0);
  CHECK(outside(staged({{{1}, {0}, {2}}, {}}, 1)) == 1);  // A has started
  CHECK(outside(staged({{{0}, {1}}, {}}, 0)) == 1);       // C is missing
  CHECK(outside(staged({{{0}, {1}, {7}}, {}}, 0)) == 1);  // no such order
  CHECK(outside(staged({{{0}, {1}, {2}}, {{{5}, line::Service::When::at_time, 0, {}}}}, 0)) == 1);
}
