// SPDX-License-Identifier: Apache-2.0
// Rows 9 and 10: a million frames, random and mutated, in a fixed order.
#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "tests/support/hostile_frames.hpp"

using namespace foreline;
using core::Bytes;

namespace {

/// xorshift64*: quick, and the same everywhere.
struct Draw {
  std::uint64_t state;
  std::uint64_t next() {
    state ^= state >> 12U;
    state ^= state << 25U;
    state ^= state >> 27U;
    return state * 0x2545F4914F6CDD1DULL;
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() >> 33U) % limit; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next() >> 56U); }
};

Bytes well_formed(Draw& draw) {
  core::Query query;
  constexpr core::Function functions[] = {
      core::Function::read_coils,           core::Function::read_holding_registers,
      core::Function::read_input_registers, core::Function::write_register,
      core::Function::write_registers,      core::Function::read_write_registers,
      core::Function::device_identification};
  query.function = functions[draw.below(std::size(functions))];
  query.address = static_cast<std::uint16_t>(draw.below(320));
  query.count = static_cast<std::uint16_t>(1 + draw.below(125));
  query.words.assign(1 + draw.below(10), 0x55AA);
  return core::pdu_of(query);
}

Bytes answer_like(Draw& draw) {
  switch (draw.below(4)) {
    case 0:
      return {3, 6, 0, 1, 0, 2, 0, 3};
    case 1:
      return {1, 1, 5};
    case 2:
      return {0x83, static_cast<std::uint8_t>(draw.below(12))};
    default:
      return {43, 14, 1, 0x82, 0, 0, 1, 0, 3, 'a', 'b', 'c'};
  }
}

void mutate(Draw& draw, Bytes& bytes) {
  for (std::size_t n = draw.below(4); n > 0; --n) {
    if (bytes.empty()) return;
    const auto at = draw.below(bytes.size());
    switch (draw.below(5)) {
      case 0:
        bytes[at] = draw.byte();
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << draw.below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), draw.byte());
        break;
      default:
        bytes[at] = draw.below(2) == 0 ? 0xFF : 0x00;
    }
  }
}

}  // namespace

TEST_CASE("rows 9 and 10: a million hostile frames break no parser") {
  Draw draw{0x464F52454C494E45ULL};
  std::size_t frames = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const auto way = draw.below(8);
    if (way == 0) {
      Bytes noise(draw.below(64));
      for (auto& byte : noise) byte = draw.byte();
      tests::feed_server(noise);
      frames += tests::feed_client(core::FrameReader::Framing::mbap, noise, 7);
      continue;
    }
    if (way < 4) {
      auto pdu = well_formed(draw);
      mutate(draw, pdu);
      tests::feed_server(pdu);
      continue;
    }
    const auto pdu = answer_like(draw);
    auto frame =
        way < 6 ? core::mbap_frame(static_cast<std::uint16_t>(i), 1, pdu) : core::rtu_frame(1, pdu);
    mutate(draw, frame);
    frames += tests::feed_client(
        way < 6 ? core::FrameReader::Framing::mbap : core::FrameReader::Framing::rtu_answers, frame,
        1 + draw.below(frame.size() + 1));
  }
  // Some are not damaged, so that what comes after the framing is reached, too.
  CHECK(frames > 100'000);
}
