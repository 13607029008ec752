// SPDX-License-Identifier: Apache-2.0
#include "sim/line/schedule_block.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::line {

namespace {

constexpr std::size_t b_sequence_length = 0;
constexpr std::size_t b_sequence = 1;
constexpr std::size_t b_service_count = 33;
constexpr std::size_t b_services = 34;
constexpr std::size_t service_words = 5;
constexpr std::size_t b_checksum = 114;

}  // namespace

std::uint16_t checksum(std::span<const std::uint16_t> words) {
  std::uint16_t crc = 0xFFFF;
  for (const auto word : words) {
    for (const auto byte :
         {static_cast<std::uint8_t>(word >> 8U), static_cast<std::uint8_t>(word & 0xFFU)}) {
      crc = static_cast<std::uint16_t>(crc ^ byte);
      for (int bit = 0; bit < 8; ++bit) {
        crc = static_cast<std::uint16_t>((crc & 1U) != 0 ? (crc >> 1U) ^ 0xA001U : crc >> 1U);
      }
    }
  }
  return crc;
}

Block to_block(const Schedule& schedule) {
  Block block{};
  block[b_sequence_length] =
      static_cast<std::uint16_t>(std::min<std::size_t>(schedule.sequence.size(), block_orders_max));
  for (std::size_t i = 0; i < block[b_sequence_length]; ++i) {
    block[b_sequence + i] = static_cast<std::uint16_t>(schedule.sequence[i].index);
  }
  block[b_service_count] = static_cast<std::uint16_t>(
      std::min<std::size_t>(schedule.services.size(), block_services_max));
  for (std::size_t i = 0; i < block[b_service_count]; ++i) {
    const auto& service = schedule.services[i];
    auto* words = &block[b_services + i * service_words];
    const auto at_s = static_cast<std::uint32_t>(std::llround(std::max(0.0, service.at_s)));
    words[0] = static_cast<std::uint16_t>(service.machine.index);
    words[1] = static_cast<std::uint16_t>(service.when);
    words[2] = static_cast<std::uint16_t>(at_s >> 16U);
    words[3] = static_cast<std::uint16_t>(at_s & 0xFFFFU);
    words[4] = static_cast<std::uint16_t>(service.order.index);
  }
  block[b_checksum] = checksum(std::span(block).first(b_checksum));
  return block;
}

bool fits_block(const Schedule& schedule) {
  return schedule.sequence.size() <= block_orders_max &&
         schedule.services.size() <= block_services_max;
}

BlockFault from_block(std::span<const std::uint16_t> words, Schedule& schedule) {
  if (words.size() != block_size || words[b_checksum] != checksum(words.first(b_checksum)))
    return BlockFault::checksum;
  if (words[b_sequence_length] == 0 || words[b_sequence_length] > block_orders_max)
    return BlockFault::sequence;
  if (words[b_service_count] > block_services_max) return BlockFault::service;
  schedule = {};
  for (std::size_t i = 0; i < words[b_sequence_length]; ++i)
    schedule.sequence.push_back({words[b_sequence + i]});
  for (std::size_t i = 0; i < words[b_service_count]; ++i) {
    const auto* entry = &words[b_services + i * service_words];
    if (entry[1] > 1) return BlockFault::service;
    Service service;
    service.machine = {entry[0]};
    service.when = static_cast<Service::When>(entry[1]);
    service.at_s = static_cast<double>((static_cast<std::uint32_t>(entry[2]) << 16U) | entry[3]);
    service.order = {entry[4]};
    schedule.services.push_back(service);
  }
  return BlockFault::none;
}

}  // namespace foreline::line
