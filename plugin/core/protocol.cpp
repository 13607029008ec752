// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace foreline::core {

namespace {

constexpr std::uint8_t exception_bit = 0x80;
constexpr std::uint8_t mei_identification = 14;
constexpr std::size_t mbap_size = 7;

void put16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

std::uint16_t get16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>((bytes[0] << 8U) | bytes[1]);
}

bool reads_bits(Function function) {
  return function == Function::read_coils || function == Function::read_discrete_inputs;
}

void put_words(Bytes& bytes, const std::vector<std::uint16_t>& words) {
  bytes.push_back(static_cast<std::uint8_t>(2 * words.size()));
  for (const auto word : words) put16(bytes, word);
}

std::optional<Reply> identification_of(std::span<const std::uint8_t> pdu, std::string& why) {
  Reply reply;
  const auto lies = [&] {
    why = "an identification whose lengths do not add up";
    return std::nullopt;
  };
  if (pdu.size() < 7 || pdu[1] != mei_identification) return lies();
  const std::size_t count = pdu[6];
  if (pdu[4] == 0xFF) reply.next_object = pdu[5];
  std::size_t at = 7;
  for (std::size_t i = 0; i < count; ++i) {
    if (at + 2 > pdu.size() || at + 2 + pdu[at + 1] > pdu.size()) return lies();
    const auto* text = pdu.data() + at + 2;
    reply.objects.emplace_back(pdu[at], std::string(text, text + pdu[at + 1]));
    at += 2U + pdu[at + 1];
  }
  if (at != pdu.size()) return lies();
  return reply;
}

}  // namespace

bool writes(Function function) {
  switch (function) {
    case Function::write_coil:
    case Function::write_register:
    case Function::write_coils:
    case Function::write_registers:
    case Function::mask_write_register:
    case Function::read_write_registers:
      return true;
    default:
      return false;
  }
}

Bytes pdu_of(const Query& query) {
  Bytes pdu = {static_cast<std::uint8_t>(query.function)};
  const auto fits = [](std::size_t count, std::size_t most) { return count > 0 && count <= most; };
  const auto within = [](std::uint16_t address, std::size_t count) {
    return address + count <= 65'536;
  };
  switch (query.function) {
    case Function::read_coils:
    case Function::read_discrete_inputs:
    case Function::read_holding_registers:
    case Function::read_input_registers:
      if (!fits(query.count, reads_bits(query.function) ? read_bits_max : read_registers_max) ||
          !within(query.address, query.count))
        return {};
      put16(pdu, query.address);
      put16(pdu, query.count);
      return pdu;
    case Function::write_coil:
      if (query.bits.size() != 1) return {};
      put16(pdu, query.address);
      put16(pdu, query.bits[0] ? 0xFF00 : 0);
      return pdu;
    case Function::write_register:
      if (query.words.size() != 1) return {};
      put16(pdu, query.address);
      put16(pdu, query.words[0]);
      return pdu;
    case Function::write_coils: {
      if (!fits(query.bits.size(), write_bits_max) || !within(query.address, query.bits.size()))
        return {};
      put16(pdu, query.address);
      put16(pdu, static_cast<std::uint16_t>(query.bits.size()));
      Bytes packed((query.bits.size() + 7) / 8, 0);
      for (std::size_t i = 0; i < query.bits.size(); ++i)
        if (query.bits[i])
          packed[i / 8] = static_cast<std::uint8_t>(packed[i / 8] | (1U << (i % 8)));
      pdu.push_back(static_cast<std::uint8_t>(packed.size()));
      pdu.insert(pdu.end(), packed.begin(), packed.end());
      return pdu;
    }
    case Function::write_registers:
      if (!fits(query.words.size(), write_registers_max) ||
          !within(query.address, query.words.size()))
        return {};
      put16(pdu, query.address);
      put16(pdu, static_cast<std::uint16_t>(query.words.size()));
      put_words(pdu, query.words);
      return pdu;
    case Function::mask_write_register:
      put16(pdu, query.address);
      put16(pdu, query.and_mask);
      put16(pdu, query.or_mask);
      return pdu;
    case Function::read_write_registers:
      if (!fits(query.count, read_registers_max) || !within(query.address, query.count) ||
          !fits(query.words.size(), read_write_max) ||
          !within(query.write_address, query.words.size()))
        return {};
      put16(pdu, query.address);
      put16(pdu, query.count);
      put16(pdu, query.write_address);
      put16(pdu, static_cast<std::uint16_t>(query.words.size()));
      put_words(pdu, query.words);
      return pdu;
    case Function::device_identification:
      pdu.push_back(mei_identification);
      pdu.push_back(query.id_level);
      pdu.push_back(query.object);
      return pdu;
  }
  return {};
}

std::optional<Reply> reply_of(const Query& query, std::span<const std::uint8_t> pdu,
                              std::string& why) {
  const auto function = static_cast<std::uint8_t>(query.function);
  if (pdu.empty()) {
    why = "an empty answer";
    return std::nullopt;
  }
  Reply reply;
  if (pdu[0] == (function | exception_bit)) {
    if (pdu.size() != 2) {
      why = fmt::format("an exception of {} bytes", pdu.size());
      return std::nullopt;
    }
    // Exception 0 does not exist; it must not pass for success.
    reply.exception = pdu[1] == 0 ? std::uint8_t{0xFF} : pdu[1];
    return reply;
  }
  if (pdu[0] != function) {
    why = fmt::format("function {} was answered with function {}", function, pdu[0]);
    return std::nullopt;
  }
  const auto echoes = [&](std::uint16_t first, std::uint16_t second) {
    if (pdu.size() == 5 && get16(&pdu[1]) == first && get16(&pdu[3]) == second) return true;
    why = "the answer to a write names other registers";
    return false;
  };
  switch (query.function) {
    case Function::read_coils:
    case Function::read_discrete_inputs: {
      const std::size_t bytes = (query.count + 7U) / 8U;
      if (pdu.size() != 2 + bytes || pdu[1] != bytes) {
        why =
            fmt::format("{} bits were asked for, the answer has {} bytes", query.count, pdu.size());
        return std::nullopt;
      }
      for (std::size_t i = 0; i < query.count; ++i)
        reply.bits.push_back(((pdu[2 + i / 8] >> (i % 8)) & 1U) != 0);
      return reply;
    }
    case Function::read_holding_registers:
    case Function::read_input_registers:
    case Function::read_write_registers: {
      const std::size_t bytes = 2U * query.count;
      if (pdu.size() != 2 + bytes || pdu[1] != bytes) {
        why = fmt::format("{} registers were asked for, the answer has {} bytes", query.count,
                          pdu.size());
        return std::nullopt;
      }
      reply.words.reserve(query.count);
      for (std::size_t i = 0; i < query.count; ++i) reply.words.push_back(get16(&pdu[2 + 2 * i]));
      return reply;
    }
    case Function::write_coil:
      if (!echoes(query.address, query.bits.at(0) ? 0xFF00 : 0)) return std::nullopt;
      return reply;
    case Function::write_register:
      if (!echoes(query.address, query.words.at(0))) return std::nullopt;
      return reply;
    case Function::write_coils:
      if (!echoes(query.address, static_cast<std::uint16_t>(query.bits.size())))
        return std::nullopt;
      return reply;
    case Function::write_registers:
      if (!echoes(query.address, static_cast<std::uint16_t>(query.words.size())))
        return std::nullopt;
      return reply;
    case Function::mask_write_register:
      if (pdu.size() == 7 && get16(&pdu[1]) == query.address && get16(&pdu[3]) == query.and_mask &&
          get16(&pdu[5]) == query.or_mask)
        return reply;
      why = "the answer to a mask write names another register or mask";
      return std::nullopt;
    case Function::device_identification:
      return identification_of(pdu, why);
  }
  why = "an unknown function";
  return std::nullopt;
}

std::size_t answer_size(const Query& query) {
  switch (query.function) {
    case Function::read_coils:
    case Function::read_discrete_inputs:
      return 2 + (query.count + 7U) / 8U;
    case Function::read_holding_registers:
    case Function::read_input_registers:
    case Function::read_write_registers:
      return 2 + 2U * query.count;
    case Function::write_coil:
    case Function::write_register:
    case Function::write_coils:
    case Function::write_registers:
      return 5;
    case Function::mask_write_register:
      return 7;
    case Function::device_identification:
      break;
  }
  return 0;
}

std::string exception_name(std::uint8_t code) {
  switch (code) {
    case 1:
      return "illegal function";
    case 2:
      return "illegal data address";
    case 3:
      return "illegal data value";
    case 4:
      return "server device failure";
    case 5:
      return "acknowledge: try later";
    case 6:
      return "server device busy";
    case 8:
      return "memory parity error";
    case 10:
      return "gateway path unavailable";
    case 11:
      return "gateway target does not respond";
    default:
      return "unknown exception";
  }
}

std::uint16_t crc16(std::span<const std::uint8_t> bytes) {
  std::uint16_t crc = 0xFFFF;
  for (const auto byte : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ byte);
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<std::uint16_t>((crc & 1U) != 0 ? (crc >> 1U) ^ 0xA001U : crc >> 1U);
  }
  return crc;
}

Bytes mbap_frame(std::uint16_t transaction, std::uint8_t unit, std::span<const std::uint8_t> pdu) {
  Bytes frame;
  frame.reserve(mbap_size + pdu.size());
  put16(frame, transaction);
  put16(frame, 0);
  put16(frame, static_cast<std::uint16_t>(pdu.size() + 1));
  frame.push_back(unit);
  frame.insert(frame.end(), pdu.begin(), pdu.end());
  return frame;
}

Bytes rtu_frame(std::uint8_t unit, std::span<const std::uint8_t> pdu) {
  Bytes frame;
  frame.reserve(pdu.size() + 3);
  frame.push_back(unit);
  frame.insert(frame.end(), pdu.begin(), pdu.end());
  const auto crc = crc16(frame);
  frame.push_back(static_cast<std::uint8_t>(crc & 0xFFU));  // low byte first
  frame.push_back(static_cast<std::uint8_t>(crc >> 8U));
  return frame;
}

std::optional<std::size_t> rtu_answer_size(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t crc_size = 2;
  if (bytes.size() < 3) return 0;
  const auto function = bytes[1];
  if ((function & exception_bit) != 0) return 3 + crc_size;
  switch (static_cast<Function>(function)) {
    case Function::read_coils:
    case Function::read_discrete_inputs:
    case Function::read_holding_registers:
    case Function::read_input_registers:
    case Function::read_write_registers:
      if (bytes[2] > pdu_max - 2) return std::nullopt;
      return 3U + bytes[2] + crc_size;
    case Function::write_coil:
    case Function::write_register:
    case Function::write_coils:
    case Function::write_registers:
      return 6 + crc_size;
    case Function::mask_write_register:
      return 8 + crc_size;
    case Function::device_identification: {
      if (bytes.size() < 8) return 0;
      std::size_t at = 8;
      for (std::size_t i = 0; i < bytes[7]; ++i) {
        if (at + 2 > bytes.size()) return 0;
        at += 2U + bytes[at + 1];
        if (at > 1 + pdu_max) return std::nullopt;
      }
      return at + crc_size;
    }
  }
  return std::nullopt;
}

std::optional<Heading> heading_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < Heading::size) return std::nullopt;
  const std::size_t length = get16(&bytes[4]);
  return Heading{get16(bytes.data()), get16(&bytes[2]), length - std::min<std::size_t>(length, 1),
                 bytes[6], bytes[7]};
}

void FrameReader::push(std::span<const std::uint8_t> bytes) {
  if (at_ > 0) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  held_.insert(held_.end(), bytes.begin(), bytes.end());
}

void FrameReader::clear() {
  held_.clear();
  at_ = 0;
}

FrameReader::Step FrameReader::next(FrameIn& out) {
  return framing_ == Framing::mbap ? next_mbap(out) : next_rtu(out);
}

FrameReader::Step FrameReader::next_mbap(FrameIn& out) {
  const auto in = rest();
  if (in.size() < mbap_size) return Step::more;
  const std::size_t length = get16(&in[4]);
  if (get16(&in[2]) != 0 || length < 3 || length > pdu_max + 1) return Step::broken;
  if (in.size() < 6 + length) return Step::more;
  out.transaction = get16(in.data());
  out.unit = in[6];
  out.pdu.assign(in.begin() + 7, in.begin() + 6 + static_cast<std::ptrdiff_t>(length));
  at_ += 6 + length;
  return Step::frame;
}

void FrameReader::expect(std::span<const std::uint8_t> request, bool any_unit) {
  clear();
  request_.assign(request.begin(), request.end());
  any_unit_ = any_unit;
  const auto function = static_cast<Function>(request_.at(1));
  echoed_ = function == Function::write_coil || function == Function::write_register ||
            function == Function::mask_write_register;
  passed_over_ = 0;
}

bool FrameReader::may_begin(std::span<const std::uint8_t> bytes) const {
  return (any_unit_ || bytes[0] == request_[0]) &&
         (bytes.size() < 2 || (bytes[1] & ~exception_bit) == request_[1]);
}

FrameReader::Step FrameReader::next_rtu(FrameIn& out) {
  auto in = rest();
  const auto pass_over = [&](std::size_t count) {
    in = in.subspan(count);
    at_ += count;
    passed_over_ += count;
  };
  while (!request_.empty() && !in.empty() && !may_begin(in)) pass_over(1);
  const auto is_echo = [&] {
    return !echoed_ && !request_.empty() &&
           std::equal(
               in.begin(),
               in.begin() + static_cast<std::ptrdiff_t>(std::min(in.size(), request_.size())),
               request_.begin());
  };
  if (in.size() >= request_.size() && is_echo()) {
    echoed_ = true;
    pass_over(request_.size());
    return next_rtu(out);
  }
  const auto size = rtu_answer_size(in);
  if (size && (*size == 0 || in.size() < *size)) return Step::more;
  const auto is_whole = [&] {
    const auto crc = crc16(in.first(*size - 2));
    return in[*size - 2] == (crc & 0xFFU) && in[*size - 1] == (crc >> 8U);
  };
  if (!size || !is_whole()) return is_echo() ? Step::more : Step::broken;
  out.transaction = 0;
  out.unit = in[0];
  out.pdu.assign(in.begin() + 1, in.begin() + static_cast<std::ptrdiff_t>(*size) - 2);
  at_ += *size;
  return Step::frame;
}

}  // namespace foreline::core
