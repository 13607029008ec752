// SPDX-License-Identifier: Apache-2.0
// What every parser of frames must stand, for the fuzzers and for the deterministic million: no
// crash, bounded memory, and answers that are what was asked for.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugin/core/answering.hpp"
#include "plugin/core/protocol.hpp"

namespace foreline::tests {

inline void demand(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Feeds bytes to the client's side in pieces; returns how many frames came out.
inline std::size_t feed_client(core::FrameReader::Framing framing,
                               std::span<const std::uint8_t> bytes, std::size_t piece) {
  constexpr std::size_t frame_max = 260;
  core::FrameReader reader(framing);
  core::FrameIn frame;
  std::size_t frames = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto part = bytes.subspan(at, std::min(piece, bytes.size() - at));
    reader.push(part);
    (void)core::heading_of(reader.rest());
    while (true) {
      const auto step = reader.next(frame);
      if (step == core::FrameReader::Step::broken) return frames;
      if (step == core::FrameReader::Step::more) break;
      ++frames;
      demand(!frame.pdu.empty() && frame.pdu.size() <= core::pdu_max, "a frame of a wrong size");
      for (const auto function :
           {core::Function::read_coils, core::Function::read_discrete_inputs,
            core::Function::read_holding_registers, core::Function::read_input_registers,
            core::Function::write_coil, core::Function::write_register, core::Function::write_coils,
            core::Function::write_registers, core::Function::mask_write_register,
            core::Function::read_write_registers, core::Function::device_identification}) {
        core::Query query;
        query.function = function;
        query.address = 7;
        query.count = 3;
        query.words = {1, 2};
        query.bits = {true, false, true};
        std::string why;
        const auto reply = core::reply_of(query, frame.pdu, why);
        if (!reply) {
          demand(!why.empty(), "no reason for what is no answer");
          continue;
        }
        if (reply->exception != 0) continue;
        const auto size = core::answer_size(query);
        demand(size == 0 || size == frame.pdu.size(), "an answer of another size than awaited");
        const bool bits = function == core::Function::read_coils ||
                          function == core::Function::read_discrete_inputs;
        const bool words = function == core::Function::read_holding_registers ||
                           function == core::Function::read_input_registers;
        demand(!bits || reply->bits.size() == query.count, "another number of bits than asked");
        demand(!words || reply->words.size() == query.count, "another number of words than asked");
      }
    }
    demand(reader.held() <= frame_max + piece, "more held than a frame");
  }
  return frames;
}

/// Asks our server with these bytes as a PDU.
inline void feed_server(std::span<const std::uint8_t> bytes) {
  static const std::vector<std::uint16_t> registers(300, 0x1234);
  static const std::vector<bool> inputs(77, true);
  static const std::array<std::string, 6> identity = {"a", "b", "c", std::string(300, 'd'),
                                                      "e", "f"};
  core::Answering from;
  from.registers = registers;
  from.inputs = &inputs;
  from.identity = &identity;
  from.written = [](std::uint16_t address, std::span<const std::uint16_t> words) {
    demand(!words.empty() && words.size() <= core::write_registers_max, "a write of a wrong size");
    return address == 60 ? core::Taken::yes : address == 61 ? core::Taken::later : core::Taken::no;
  };
  const auto pdu = bytes.subspan(0, std::min(bytes.size(), core::pdu_max));
  const auto answer = core::answer_to(pdu, from);
  demand(answer.size() >= 2 && answer.size() <= core::pdu_max, "an answer of a wrong size");
  const auto function = pdu.empty() ? std::uint8_t{0} : pdu[0];
  demand((answer[0] & 0x7FU) == (function & 0x7FU), "an answer to another function");
}

}  // namespace foreline::tests
