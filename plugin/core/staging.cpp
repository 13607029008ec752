// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/staging.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace foreline::core {

using line::Block;
using What = StagedRegister::What;
using By = StagedRegister::By;

namespace {

constexpr std::uint16_t any = std::numeric_limits<std::uint16_t>::max();
// As sim/line/schedule_block.hpp lays them out.
constexpr std::size_t service_count = 33;
constexpr std::size_t service_words = 5;
constexpr std::size_t checksum_word = 114;

std::uint16_t last_of(std::size_t count) {
  return static_cast<std::uint16_t>(std::max<std::size_t>(count, 1) - 1);
}

}  // namespace

std::string_view name_of(What what) {
  static constexpr std::array<std::string_view, 11> names = {
      "orders in the sequence",
      "order at place",
      "services",
      "machine of service",
      "kind of service",
      "upper word of the time [s] of service",
      "lower word of the time [s] of service",
      "order of service",
      "not used",
      "checksum",
      "commit number"};
  return names.at(static_cast<std::size_t>(what));
}

std::string_view name_of(By by) {
  static constexpr std::array<std::string_view, 5> names = {
      "the order book", "orders that have started or are frozen", "the line", "the block's layout",
      "the deployment's protocol"};
  return names.at(static_cast<std::size_t>(by));
}

std::vector<StagedRegister> staged_registers(const ScheduleRegisters& registers,
                                             const line::Schedule& schedule, const line::Line& line,
                                             const std::vector<line::Order>& orders,
                                             const line::Schedule& active, std::size_t frozen,
                                             std::uint16_t commit) {
  const Block block = to_block(schedule);
  const auto book = static_cast<std::uint16_t>(orders.size());
  std::vector<StagedRegister> out;
  const auto add = [&](What what, std::size_t number, std::uint16_t low, std::uint16_t high,
                       By by) {
    const auto at = out.size();
    out.push_back({static_cast<std::uint16_t>(registers.staging + at), what,
                   static_cast<std::uint16_t>(number), block.at(at), low, high, by});
  };
  add(What::length, 0, book, book, By::orders);
  for (std::size_t i = 0; i < line::block_orders_max; ++i) {
    if (i >= block[0])
      add(What::unused, i + 1, 0, 0, By::rule);
    else if (i < frozen && i < active.sequence.size())
      add(What::place, i + 1, static_cast<std::uint16_t>(active.sequence[i].index),
          static_cast<std::uint16_t>(active.sequence[i].index), By::started);
    else
      add(What::place, i + 1, 0, last_of(orders.size()), By::orders);
  }
  add(What::services, 0, 0, static_cast<std::uint16_t>(line::block_services_max), By::layout);
  for (std::size_t i = 0; i < line::block_services_max; ++i) {
    if (i >= block[service_count]) {
      for (std::size_t word = 0; word < service_words; ++word)
        add(What::unused, i + 1, 0, 0, By::rule);
      continue;
    }
    add(What::machine, i + 1, 0, last_of(line.machines.size()), By::line);
    add(What::when, i + 1, 0, 1, By::layout);
    add(What::time_high, i + 1, 0, any, By::layout);
    add(What::time_low, i + 1, 0, any, By::layout);
    add(What::order, i + 1, 0, last_of(orders.size()), By::orders);
  }
  add(What::checksum, 0, block[checksum_word], block[checksum_word], By::rule);
  out.push_back({registers.commit, What::commit, 0, commit, commit, commit, By::rule});
  return out;
}

}  // namespace foreline::core
