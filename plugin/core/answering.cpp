// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/answering.hpp"

#include <algorithm>

namespace foreline::core {

namespace {

constexpr std::uint8_t illegal_function = 1;
constexpr std::uint8_t illegal_address = 2;
constexpr std::uint8_t illegal_value = 3;
constexpr std::uint8_t busy = 6;
constexpr std::uint8_t identification = 43;
constexpr std::uint8_t basic_objects = 3;

std::uint16_t get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>((bytes[at] << 8U) | bytes[at + 1]);
}

Bytes refuse(std::uint8_t function, std::uint8_t code) {
  return {static_cast<std::uint8_t>(function | 0x80U), code};
}

Bytes identify(std::span<const std::uint8_t> pdu, const Answering& from) {
  if (pdu.size() != 4 || pdu[1] != 14 || from.identity == nullptr)
    return refuse(identification, illegal_function);
  const auto level = pdu[2];
  const auto& objects = *from.identity;
  if (level < 1 || level > 4) return refuse(identification, illegal_value);
  std::size_t first = pdu[3];
  const std::size_t end = level == 1 ? basic_objects : objects.size();
  if (first >= end) {
    if (level == 4) return refuse(identification, illegal_address);
    first = 0;  // as the specification wants it
  }
  // 0x82: regular identification, as a stream and object by object.
  Bytes answer = {identification, 14, level, 0x82, 0, 0, 0};
  for (auto i = first; i < end; ++i) {
    const auto text = std::string_view(objects[i]).substr(0, pdu_max - 9);
    if (answer.size() + 2 + text.size() > pdu_max) {
      answer[4] = 0xFF;
      answer[5] = static_cast<std::uint8_t>(i);
      break;
    }
    answer.push_back(static_cast<std::uint8_t>(i));
    answer.push_back(static_cast<std::uint8_t>(text.size()));
    answer.insert(answer.end(), text.begin(), text.end());
    ++answer[6];
    if (level == 4) break;
  }
  return answer;
}

Bytes read(std::span<const std::uint8_t> pdu, const Answering& from) {
  const auto function = pdu[0];
  const bool bits = function == 1 || function == 2;
  if (pdu.size() != 5) return refuse(function, illegal_value);
  const std::size_t address = get16(pdu, 1);
  const std::size_t count = get16(pdu, 3);
  if (count == 0 || count > (bits ? read_bits_max : read_registers_max))
    return refuse(function, illegal_value);
  const std::size_t inputs = from.inputs == nullptr ? 0 : from.inputs->size();
  if (address + count > (bits ? inputs : from.registers.size()))
    return refuse(function, illegal_address);
  Bytes answer = {function};
  if (!bits) {
    answer.push_back(static_cast<std::uint8_t>(2 * count));
    for (const auto word : from.registers.subspan(address, count)) {
      answer.push_back(static_cast<std::uint8_t>(word >> 8U));
      answer.push_back(static_cast<std::uint8_t>(word & 0xFFU));
    }
    return answer;
  }
  Bytes packed((count + 7) / 8, 0);
  for (std::size_t i = 0; i < count; ++i)
    if ((*from.inputs)[address + i])
      packed[i / 8] = static_cast<std::uint8_t>(packed[i / 8] | (1U << (i % 8)));
  answer.push_back(static_cast<std::uint8_t>(packed.size()));
  answer.insert(answer.end(), packed.begin(), packed.end());
  return answer;
}

}  // namespace

Bytes answer_to(std::span<const std::uint8_t> pdu, const Answering& from) {
  if (pdu.empty()) return refuse(0, illegal_function);
  const auto function = pdu[0];
  if (function >= 1 && function <= 4) return read(pdu, from);
  if (function == identification) return identify(pdu, from);
  if (function != 6 && function != 16) return refuse(function, illegal_function);
  if (pdu.size() < 5) return refuse(function, illegal_value);
  std::vector<std::uint16_t> words;
  if (function == 6) {
    if (pdu.size() != 5) return refuse(function, illegal_value);
    words.push_back(get16(pdu, 3));
  } else {
    const std::size_t count = get16(pdu, 3);
    if (count == 0 || count > write_registers_max || pdu.size() != 6 + 2 * count ||
        pdu[5] != 2 * count)
      return refuse(function, illegal_value);
    for (std::size_t i = 0; i < count; ++i) words.push_back(get16(pdu, 6 + 2 * i));
  }
  const auto taken = from.written ? from.written(get16(pdu, 1), words) : Taken::no;
  if (taken != Taken::yes) return refuse(function, taken == Taken::later ? busy : from.refusal);
  return {pdu.begin(), pdu.begin() + 5};
}

}  // namespace foreline::core
