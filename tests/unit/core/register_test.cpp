// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace foreline::core;

namespace {

Register at(const std::string& text, int base = 0) {
  auto parsed = parse_register(text, base);
  INFO((parsed ? "" : parsed.error().text()));
  REQUIRE(parsed);
  return *parsed;
}

double read(const std::string& text, const std::vector<std::uint16_t>& words) {
  const auto where = at(text);
  Image image;
  image.put({where.table, where.address, static_cast<std::uint16_t>(words.size())}, words);
  return image.number(where);
}

}  // namespace

TEST_CASE("row 24: where requests overlap, a value comes from one of them") {
  Image image;
  const Register wide{.address = 10, .type = RegisterType::u32};
  image.put({RegisterTable::holding, 10, 2}, std::vector<std::uint16_t>{1, 0});
  image.put({RegisterTable::holding, 11, 2}, std::vector<std::uint16_t>{0xFFFF, 7});
  CHECK(image.number(wide) == 65'536);
  image.put({RegisterTable::holding, 8, 4}, std::vector<std::uint16_t>{0, 0, 2, 3});
  CHECK(image.number(wide) == 2 * 65'536 + 3);
}

TEST_CASE("places are written as they travel or as the data model counts") {
  CHECK(parse_place("hr:100")->address == 100);
  CHECK(parse_place("400101")->address == 100);
  CHECK(parse_place("40101")->address == 100);
  CHECK(parse_place("300001")->table == RegisterTable::input);
  CHECK(parse_place("100005")->table == RegisterTable::discrete);
  CHECK(parse_place("000005")->table == RegisterTable::coil);
  CHECK(parse_place("465536")->address == 65'535);
  CHECK(parse_place("hr:1", 1)->address == 0);
  CHECK(parse_place("400101", 1)->address == 100);
  for (const char* wrong :
       {"", "hr:", "hr:-1", "hr:65536", "400000", "465537", "500001", "hr:1x", "xx:1", "4"})
    CHECK_FALSE(parse_place(wrong));
  CHECK_FALSE(parse_place("hr:0", 1));
  CHECK(place_text(RegisterTable::holding, 100) == "hr:100 (400101)");
  CHECK(place_text(RegisterTable::coil, 0) == "co:0 (000001)");
}

TEST_CASE("every type reads the pattern that it is defined by") {
  CHECK(read("0 u8", {0x12FE}) == 0xFE);
  CHECK(read("0 u8 bytes-swapped", {0x12FE}) == 0x12);
  CHECK(read("0 i8", {0x12FE}) == -2);
  CHECK(read("0 i64", {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE}) == -2);
  CHECK(read("0 u64", {0, 1, 0, 0}) == 4'294'967'296.0);
  CHECK(read("0 f16", {0x3C00}) == 1);
  CHECK(read("0 f16", {0xC000}) == -2);
  CHECK(read("0 f16", {0x7BFF}) == 65'504);
  CHECK(read("0 f16", {0x0001}) == std::ldexp(1, -24));
  CHECK(std::isinf(read("0 f16", {0x7C00})));
  CHECK(std::isnan(read("0 f16", {0x7E00})));
  CHECK(read("0 bcd16", {0x1234}) == 1234);
  CHECK(read("0 bcd32", {0x0012, 0x3456}) == 123'456);
  CHECK(std::isnan(read("0 bcd16", {0x12A4})));
  CHECK(read("0 bool", {7}) == 1);
  CHECK(read("co:5", {1}) == 1);
  CHECK(read("0 u16 bits 4-7", {0x00A5}) == 0xA);
  CHECK(read("0 u16 bit 0", {0x00A5}) == 1);
  CHECK(read("0 u32 bits 16-23", {0x00A5, 0}) == 0xA5);
  CHECK(read("0 u16 raw 0..27648 to 0..10", {13'824}) == Approx(5));
  CHECK(read("0 i16 raw 4000..20000 to -50..150", {4000}) == Approx(-50));
  CHECK(read("0 i16 * 0.1 + 5", {10}) == Approx(6));
  CHECK(read("0 i16 * 0.1 - 5", {10}) == Approx(-4));
}

TEST_CASE("strings end at their first zero, and hold no control characters") {
  const auto where = at("hr:4 string 7");
  CHECK(where.words() == 4);
  Image image;
  image.put({where.table, 4, 4}, std::vector<std::uint16_t>{0x466F, 0x7265, 0x6C00, 0x5858});
  CHECK(image.text(where) == "Forel");
  image.put({where.table, 4, 4}, std::vector<std::uint16_t>{0x466F, 0x0707, 0x6C00, 0x5858});
  CHECK_FALSE(image.text(where));
  auto swapped = at("hr:4 string 4 bytes-swapped");
  image.put({where.table, 4, 2}, std::vector<std::uint16_t>{0x6F46, 0x6572});
  CHECK(image.text(swapped) == "Fore");
  CHECK(at("hr:4 string 4 BA") == swapped);
  CHECK(swapped.order() == "BA");
  CHECK_FALSE(parse_register("hr:4 string 4 CDAB"));
  CHECK_FALSE(parse_register("hr:4 string 4 low-word-first"));
}

TEST_CASE("five digits that may be an address or the data model's number are not guessed") {
  const auto refused = parse_register("40101 u16");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() ==
        "\"40101\" may be hr:100 (400101) or register 40101 counted from 0 (write 400101, or "
        "hr:40101)");
  CHECK_FALSE(parse_register("30001"));
  CHECK(at("hr:40101").address == 40'101);
  CHECK(at("holding 40101").address == 40'101);
  CHECK(at("40000").address == 40'000);
  CHECK(at("12345").address == 12'345);
}

TEST_CASE("orders are letters: A the most significant byte, in the order of the wire") {
  const std::vector<std::uint16_t> wire = {0x0102, 0x0304, 0x0506, 0x0708};
  const std::vector<std::pair<const char*, double>> wide = {
      {"ABCDEFGH", 0x0102030405060708}, {"GHEFCDAB", 0x0708050603040102},
      {"BADCFEHG", 0x0201040306050807}, {"HGFEDCBA", 0x0807060504030201},
      {"EFGHABCD", 0x0506070801020304}, {"CDABGHEF", 0x0304010207080506},
      {"FEHGBADC", 0x0605080702010403}, {"DCBAHGFE", 0x0403020108070605}};
  for (const auto& [letters, value] : wide) {
    INFO(letters);
    CHECK(read(std::string("0 u64 ") + letters, wire) == value);
    CHECK(at(std::string("0 u64 ") + letters).order() == letters);
  }
  CHECK(read("0 u32 CDAB", wire) == 0x03040102);
  CHECK(read("0 u32 BADC", wire) == 0x02010403);
  CHECK(read("0 u32 DCBA", wire) == 0x04030201);
  CHECK(read("0 u16 BA", wire) == 0x0201);
  CHECK_FALSE(parse_register("0 u32 ACBD"));
  CHECK_FALSE(parse_register("0 u16 ABCD"));
}

TEST_CASE("row 12: patterns that mean no value are no number") {
  CHECK(std::isnan(read("0 i16 not 0x8000", {0x8000})));
  CHECK(std::isnan(read("0 u16 not 0xFFFF not 0x8000", {0x8000})));
  CHECK(read("0 u16 not 0xFFFF", {0xFFFE}) == 0xFFFE);
  CHECK(std::isnan(read("0 u32 CDAB not 0xFFFF0000", {0, 0xFFFF})));
  CHECK_FALSE(words_of(at("0 u16 not 0xFFFF"), 65'535));
  CHECK_FALSE(parse_register("0 i16 not 0x18000"));
  CHECK(parse_register("0 f64 not 0xFFFFFFFFFFFFFFFF"));
  CHECK(read("0 f32", {0x8000, 0}) == 0);    // -0 is 0
  CHECK(std::isnan(read("0 f32", {0, 1})));  // denormal
}

TEST_CASE("what is written is what is read, in every type and order") {
  const std::vector<std::pair<const char*, std::vector<double>>> cases = {
      {"u8", {0, 255}},
      {"i8", {-128, 127}},
      {"u16", {0, 65'535}},
      {"i16", {-32'768, 32'767}},
      {"u32", {0, 4'294'967'295.0}},
      {"i32", {-2'147'483'648.0, 2'147'483'647.0}},
      {"u64", {0, 9'007'199'254'740'992.0}},
      {"i64", {-9'007'199'254'740'992.0, 9'007'199'254'740'992.0}},
      {"f16", {0, -2.5, 65'504, 6.103515625e-05, 5.9604644775390625e-08, 0.333251953125}},
      {"f32", {-1234.5, 0.125}},
      {"f64", {-0.1, 1e300}},
      {"bcd16", {0, 9999}},
      {"bcd32", {12'345'678}},
      {"bcd64", {1'234'567'890'123'456.0}},
      {"bool", {0, 1}}};
  for (const auto& [type, values] : cases) {
    for (const char* order : {"", " low-word-first", " bytes-swapped"}) {
      const auto where = at(std::string("9 ") + type + order);
      for (const auto value : values) {
        INFO(type << order << " " << value);
        const auto words = words_of(where, value);
        REQUIRE(words);
        CHECK(number_of(where, *words) == value);
      }
    }
  }
  CHECK_FALSE(words_of(at("0 u16"), -1));
  CHECK_FALSE(words_of(at("0 u16"), 65'536));
  CHECK_FALSE(words_of(at("0 i8"), 128));
  CHECK_FALSE(words_of(at("0 f32"), 1e300));
  CHECK_FALSE(words_of(at("0 f32"), std::numeric_limits<double>::quiet_NaN()));
  CHECK_FALSE(words_of(at("0 f16"), 70'000));
  CHECK_FALSE(words_of(at("0 bcd16"), 10'000));
  CHECK(words_of(at("0 u16 * 0.1"), 1.23)->at(0) == 12);
}

TEST_CASE("row 24: no field is ever split over two requests, whatever is merged") {
  std::uint64_t seed = 12'345;
  const auto random = [&](std::uint64_t below) {
    seed = seed * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    return static_cast<std::uint16_t>((seed >> 33U) % below);
  };
  for (int round = 0; round < 300; ++round) {
    MergeRules rules;
    rules.longest = static_cast<std::uint16_t>(4 + random(122));
    rules.gap = random(30);
    rules.one_field = random(8) == 0;
    for (int i = 0; i < random(4); ++i)
      rules.holes.push_back({RegisterTable::holding, random(900), 3});
    std::vector<Range> wanted;
    for (int i = 0; i < 60; ++i) {
      const Range field{static_cast<RegisterTable>(random(2)), random(900),
                        static_cast<std::uint16_t>(1 + random(4)),
                        static_cast<std::uint8_t>(random(2))};
      wanted.push_back(field);
    }
    const auto ranges = ranges_of(wanted, rules);
    for (const auto& range : ranges) CHECK(range.count <= rules.longest);
    for (const auto& field : wanted) {
      bool whole = false;
      for (const auto& range : ranges)
        whole = whole || (range.table == field.table && range.device == field.device &&
                          range.address <= field.address &&
                          range.address + range.count >= field.address + field.count);
      CHECK(whole);
    }
  }
}

TEST_CASE("holes are not read to save a request") {
  MergeRules rules;
  const auto h = RegisterTable::holding;
  CHECK(ranges_of({{h, 0, 2}, {h, 6, 2}}, rules).size() == 1);
  rules.holes = {{h, 3, 1}};
  CHECK(ranges_of({{h, 0, 2}, {h, 6, 2}}, rules).size() == 2);
  rules.holes.clear();
  rules.one_field = true;
  CHECK(ranges_of({{h, 0, 2}, {h, 2, 2}}, rules).size() == 2);
}
