// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/protocol.hpp"

#include <catch2/catch.hpp>

using namespace foreline::core;

namespace {

Query query(Function function, std::uint16_t address, std::uint16_t count) {
  Query q;
  q.function = function;
  q.address = address;
  q.count = count;
  return q;
}

std::optional<Reply> reply(const Query& q, const Bytes& pdu) {
  std::string why;
  auto got = reply_of(q, pdu, why);
  CHECK(got.has_value() == why.empty());
  return got;
}

}  // namespace

TEST_CASE("every function has the bytes of the specification's examples") {
  // Modbus Application Protocol 1.1b3, section 6.
  CHECK(pdu_of(query(Function::read_coils, 0x13, 0x13)) == Bytes{1, 0, 0x13, 0, 0x13});
  CHECK(reply(query(Function::read_coils, 0x13, 0x13), {1, 3, 0xCD, 0x6B, 5})->bits.at(2));
  CHECK(pdu_of(query(Function::read_discrete_inputs, 0xC4, 0x16)) == Bytes{2, 0, 0xC4, 0, 0x16});
  CHECK(pdu_of(query(Function::read_holding_registers, 0x6B, 3)) == Bytes{3, 0, 0x6B, 0, 3});
  CHECK(reply(query(Function::read_holding_registers, 0x6B, 3), {3, 6, 2, 0x2B, 0, 0, 0, 0x64})
            ->words == std::vector<std::uint16_t>{0x22B, 0, 0x64});
  CHECK(pdu_of(query(Function::read_input_registers, 8, 1)) == Bytes{4, 0, 8, 0, 1});
  auto coil = query(Function::write_coil, 0xAC, 0);
  coil.bits = {true};
  CHECK(pdu_of(coil) == Bytes{5, 0, 0xAC, 0xFF, 0});
  CHECK(reply(coil, {5, 0, 0xAC, 0xFF, 0}));
  CHECK_FALSE(reply(coil, {5, 0, 0xAC, 0, 0}));
  auto single = query(Function::write_register, 1, 0);
  single.words = {3};
  CHECK(pdu_of(single) == Bytes{6, 0, 1, 0, 3});
  auto coils = query(Function::write_coils, 0x13, 0);
  coils.bits = {true, false, true, true, false, false, true, true, true, false};
  CHECK(pdu_of(coils) == Bytes{15, 0, 0x13, 0, 0x0A, 2, 0xCD, 1});
  CHECK(reply(coils, {15, 0, 0x13, 0, 0x0A}));
  auto many = query(Function::write_registers, 1, 0);
  many.words = {0x0A, 0x102};
  CHECK(pdu_of(many) == Bytes{16, 0, 1, 0, 2, 4, 0, 0x0A, 1, 2});
  auto mask = query(Function::mask_write_register, 4, 0);
  mask.and_mask = 0xF2;
  mask.or_mask = 0x25;
  CHECK(pdu_of(mask) == Bytes{0x16, 0, 4, 0, 0xF2, 0, 0x25});
  CHECK(reply(mask, {0x16, 0, 4, 0, 0xF2, 0, 0x25}));
  CHECK_FALSE(reply(mask, {0x16, 0, 4, 0, 0xF2, 0, 0x24}));
  auto both = query(Function::read_write_registers, 3, 6);
  both.write_address = 0x0E;
  both.words = {0xFF, 0xFF, 0xFF};
  CHECK(pdu_of(both) == Bytes{0x17, 0, 3, 0, 6, 0, 0x0E, 0, 3, 6, 0, 0xFF, 0, 0xFF, 0, 0xFF});
  auto who = query(Function::device_identification, 0, 0);
  CHECK(pdu_of(who) == Bytes{0x2B, 0x0E, 1, 0});
  const auto named = reply(who, {0x2B, 0x0E, 1, 1, 0, 0, 2, 0, 3, 'A', 'B', 'C', 1, 2, 'X', 'Y'});
  REQUIRE(named);
  CHECK(named->objects.at(1).second == "XY");
  CHECK(reply(who, {0x2B, 0x0E, 1, 1, 0xFF, 2, 1, 0, 1, 'A'})->next_object == 2);
}

TEST_CASE("queries beyond what Modbus allows have no bytes") {
  CHECK(pdu_of(query(Function::read_holding_registers, 0, 126)).empty());
  CHECK(pdu_of(query(Function::read_holding_registers, 0, 0)).empty());
  CHECK(pdu_of(query(Function::read_holding_registers, 65'535, 2)).empty());
  CHECK(pdu_of(query(Function::read_coils, 0, 2001)).empty());
  auto many = query(Function::write_registers, 0, 0);
  many.words.assign(124, 0);
  CHECK(pdu_of(many).empty());
  many.words.assign(123, 0);
  CHECK(pdu_of(many).size() == pdu_max - 1);
}

TEST_CASE("answers whose counts or echoes lie are no answers") {
  const auto two = query(Function::read_holding_registers, 10, 2);
  CHECK(reply(two, {3, 4, 0, 1, 0, 2}));
  for (const Bytes& lie : {Bytes{}, Bytes{3}, Bytes{3, 4}, Bytes{3, 4, 0, 1}, Bytes{3, 2, 0, 1},
                           Bytes{3, 250, 0, 1, 0, 2}, Bytes{3, 4, 0, 1, 0, 2, 0},
                           Bytes{4, 4, 0, 1, 0, 2}, Bytes{0x83}, Bytes{0x83, 2, 0}, Bytes{0x84, 2}})
    CHECK_FALSE(reply(two, lie));
  CHECK(reply(two, {0x83, 2})->exception == 2);
  CHECK(reply(two, {0x83, 0})->exception != 0);
  const auto who = query(Function::device_identification, 0, 0);
  CHECK_FALSE(reply(who, {0x2B, 0x0E, 1, 1, 0, 0, 2, 0, 3, 'A', 'B', 'C'}));
  CHECK_FALSE(reply(who, {0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 200, 'A'}));
}

TEST_CASE("a stream is cut into frames however it arrives") {
  const auto first = mbap_frame(7, 1, Bytes{3, 2, 0, 9});
  const auto second = mbap_frame(8, 2, Bytes{0x83, 2});
  Bytes both = first;
  both.insert(both.end(), second.begin(), second.end());
  for (std::size_t piece = 1; piece <= both.size(); ++piece) {
    FrameReader reader(FrameReader::Framing::mbap);
    std::vector<FrameIn> frames;
    for (std::size_t at = 0; at < both.size(); at += piece) {
      reader.push(std::span(both).subspan(at, std::min(piece, both.size() - at)));
      FrameIn frame;
      while (reader.next(frame) == FrameReader::Step::frame) frames.push_back(frame);
    }
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].transaction == 7);
    CHECK(frames[1].unit == 2);
    CHECK(reader.held() == 0);
  }
}

TEST_CASE("lengths of 0, 1, 2, 255 and 65535 and another protocol break the stream") {
  for (const unsigned length : {0U, 1U, 2U, 255U, 65'535U}) {
    FrameReader reader(FrameReader::Framing::mbap);
    reader.push(Bytes{0, 1, 0, 0, static_cast<std::uint8_t>(length >> 8U),
                      static_cast<std::uint8_t>(length & 0xFFU), 1, 3, 2, 0, 0});
    FrameIn frame;
    CHECK(reader.next(frame) == FrameReader::Step::broken);
  }
  FrameReader reader(FrameReader::Framing::mbap);
  reader.push(Bytes{0, 1, 0, 5, 0, 5, 1, 3, 2, 0, 0});
  FrameIn frame;
  CHECK(reader.next(frame) == FrameReader::Step::broken);
}

TEST_CASE("serial frames carry a checksum that is believed only when it fits") {
  // Modbus over Serial Line 1.02: 02 07 41 12.
  CHECK(rtu_frame(2, Bytes{7}) == Bytes{2, 7, 0x41, 0x12});
  for (const Bytes& pdu :
       {Bytes{3, 4, 0, 1, 0, 2}, Bytes{0x83, 2}, Bytes{16, 0, 1, 0, 2}, Bytes{1, 1, 5},
        Bytes{22, 0, 4, 0, 0xF2, 0, 0x25}, Bytes{43, 14, 1, 1, 0, 0, 1, 0, 2, 'a', 'b'}}) {
    auto bytes = rtu_frame(9, pdu);
    FrameReader reader(FrameReader::Framing::rtu_answers);
    FrameIn frame;
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      reader.push(std::span(bytes).subspan(i, 1));
      CHECK(reader.next(frame) == FrameReader::Step::more);
    }
    reader.push(std::span(bytes).last(1));
    REQUIRE(reader.next(frame) == FrameReader::Step::frame);
    CHECK(frame.pdu == pdu);
    CHECK(frame.unit == 9);
    bytes[1] = static_cast<std::uint8_t>(bytes[1] ^ 0U);
    bytes.back() = static_cast<std::uint8_t>(bytes.back() ^ 1U);
    reader.push(bytes);
    CHECK(reader.next(frame) == FrameReader::Step::broken);
  }
}
