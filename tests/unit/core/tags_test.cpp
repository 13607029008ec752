// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/tags.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "plugin/core/quality.hpp"
#include "plugin/core/survey.hpp"
#include "plugin/core/write_rules.hpp"
#include "tests/support/mutations.hpp"

using namespace foreline;
using namespace foreline::core;
using line::Quality;

namespace {

TagContext context() {
  return {{"plc", "oven"}, {0, 1}, {120, 4}, {"default", "fast"}};
}

std::vector<Tag> parsed(const std::string& text) {
  auto tags = parse_tags(text, "tags.csv", context());
  if (!tags) FAIL(tags.error().text());
  return *tags;
}

std::string complaint(const std::string& text) {
  auto tags = parse_tags(text, "tags.csv", context());
  return tags ? std::string() : tags.error().text();
}

Image holding(std::uint16_t address, std::vector<std::uint16_t> words,
              core::DeviceIndex device = 0) {
  Image image;
  image.put({RegisterTable::holding, address, static_cast<std::uint16_t>(words.size()), device},
            words);
  return image;
}

}  // namespace

TEST_CASE("a tag file says where each value lies, in both notations") {
  const auto tags = parsed(
      "name,device,address,type,order,scale,unit,eu_min,eu_max,deadband,group,description\r\n"
      "Speed,plc,hr:100,f32,CDAB,,rpm,0,3000,1 %,fast,\"spindle, main\"\r\n"
      "\r\n"
      "# a note\r\n"
      "Setpoint,plc,400101,u16,,0.1,C,,,0.5,,\r\n"
      "Temp,oven,hr:1,i16,,,C,,,,,\r\n"
      "Door,oven,100001,,,,,,,,,\r\n");
  REQUIRE(tags.size() == 4);
  CHECK(tags[0].at.address == 100);
  CHECK(tags[0].at.order() == "CDAB");
  CHECK(tags[0].deadband_share);
  CHECK(tags[0].group == 1);
  CHECK(tags[0].description == "spindle, main");
  CHECK(tags[1].at.address == 100);  // 400101 counts from 1, whatever the base
  CHECK(tags[1].at.factor == Approx(0.1));
  CHECK(tags[2].at.address == 0);  // the oven counts from 1
  CHECK(tags[2].at.device == 1);
  CHECK(tags[3].at.table == RegisterTable::discrete);
  CHECK(tags[3].at.type == RegisterType::boolean);
}

TEST_CASE("a spreadsheet with semicolons and a byte order mark is read, too") {
  const auto tags = parsed("\xEF\xBB\xBFname;address;type\nA;hr:3;u32\n");
  REQUIRE(tags.size() == 1);
  CHECK(tags[0].at.type == RegisterType::u32);
}

TEST_CASE("rows that were emptied in a spreadsheet are no tags") {
  CHECK(parsed(";;\r\nname;address;type\r\nA;hr:3;u32\r\n; ;\r\n;;\r\n").size() == 1);
  CHECK(complaint("name,address,type\n,hr:3,\n").find("tags.csv:2:1: the tag has no name") !=
        std::string::npos);
  CHECK(complaint("name,address\n\"A\nB\",hr:3\n").find("take line breaks out") !=
        std::string::npos);
}

TEST_CASE("all mistakes of a tag file are told at once, with their places") {
  const auto text = complaint(
      "name,device,address,type,eu_min,eu_max\n"
      "A,plk,hr:1,u16,,\n"
      "B,plc,hr:x,u16,,\n"
      "A,plc,hr:2,u61,,\n"
      "C,plc,hr:65535,f32,,\n"
      "D,plc,hr:3,u16,5,1\n"
      "E,oven,hr:3,f64\n");
  for (const char* part :
       {"tags.csv:2:3: there is no device \"plk\"", "did you mean \"plc\"", "tags.csv:3:7",
        "already the tag of line 2", "u61", "tags.csv:5:7", "ends beyond the last address",
        "tags.csv:6:16: eu_min must be below eu_max", "tags.csv:7:1: 4 fields"}) {
    INFO(text << "\n---- " << part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("row 24: a value that one request cannot bring is refused, never read in two") {
  const auto text = complaint("name,device,address,type,length\nName,oven,hr:3,string,20\n");
  CHECK(text.find("never read in two") != std::string::npos);
}

TEST_CASE("a written tag file is read back as it was") {
  const auto tags = parsed(
      "name,device,address,type,order,bits,scale,offset,eu_min,eu_max,not,unit,deadband,group,"
      "length,description\n"
      "a/b,plc,hr:7,f32,DCBA,,0.5,-3,-10,10,0x7FC00000 0xFFFFFFFF,mm,2,fast,,\"a \"\"b\"\" c\"\n"
      "c,oven,ir:9,u16,,4-7,,,,,,,,,,\n"
      "d,plc,hr:30,string,BA,,,,,,,,,,16,\n"
      "e,plc,co:5,,,,,,,,,,,,,\n");
  CHECK(parsed(tags_text(tags, context())) == tags);
}

TEST_CASE("a raw range becomes scale and offset, and the range is the tag's") {
  const auto tags =
      parsed("name,address,raw_min,raw_max,eu_min,eu_max\nLevel,hr:20,0,27648,0,10\n");
  const auto image = holding(20, {13'824});
  CHECK(value_of(tags[0], image).value == Approx(5));
  CHECK(value_of(tags[0], holding(20, {30'000})).quality == Quality::uncertain_out_of_range);
}

TEST_CASE("rows 11 and 12: swapped floats, NaN and sentinels are never Good") {
  const auto tags = parsed(
      "name,address,type,eu_min,eu_max,not\nT,hr:0,f32,-50,500,\nP,hr:2,i16,,,0x8000 0xFFFF\n");
  CHECK(value_of(tags[0], holding(0, {0x41C8, 0})).quality == Quality::good);  // 25
  CHECK(value_of(tags[0], holding(0, {0, 0x41C8})).quality != Quality::good);  // as CDAB sends it
  CHECK(value_of(tags[0], holding(0, {0x7FC0, 0})).quality == Quality::bad_sensor_failure);
  CHECK(value_of(tags[0], holding(0, {0x7F80, 0})).quality == Quality::bad_sensor_failure);
  CHECK(value_of(tags[1], holding(2, {0x8000})).quality == Quality::bad_sensor_failure);
  CHECK(value_of(tags[1], holding(2, {0xFFFF})).quality == Quality::bad_sensor_failure);
  CHECK(value_of(tags[1], holding(2, {0x7FFF})).quality == Quality::good);
}

TEST_CASE("changes are told once, beyond the dead band, and quality always") {
  TagTable table(parsed("name,address,deadband\nA,hr:0,5\n"));
  const auto poll = [&](std::uint16_t word, std::int64_t ns) {
    return table.update(0, 0, holding(0, {word}), {}, ns, 1e-9 * static_cast<double>(ns)).size();
  };
  CHECK(poll(100, 1) == 1);
  CHECK(poll(104, 2) == 0);
  CHECK(poll(106, 3) == 1);  // against what was told, not against the last
  CHECK(table.value(0).value == 106);
  const Range range{RegisterTable::holding, 0, 1};
  CHECK(table.update(0, 0, {}, {{range, Quality::bad_comm_failure}}, 4, 4).size() == 1);
  CHECK(table.value(0).value == 106);  // the last one, marked
  CHECK(table.value(0).quality == Quality::bad_comm_failure);
  CHECK(table.value(0).source_ns == 3);
  CHECK(table.value(0).received_ns == 4);
  CHECK(table.update(0, 0, {}, {{range, Quality::bad_comm_failure}}, 5, 5).empty());
  CHECK(table.update(0, 1, holding(0, {7}), {}, 6, 6).empty());  // another group's beat
}

TEST_CASE("row 14: times never run backwards when the clock is set back") {
  TagTable table(parsed("name,address\nA,hr:0\n"));
  const std::int64_t hour = 3'600'000'000'000;
  (void)table.update(0, 0, holding(0, {1}), {}, 10 * hour, 1);
  (void)table.update(0, 0, holding(0, {2}), {}, 9 * hour, 2);
  CHECK(table.value(0).received_ns == 10 * hour);
  CHECK(table.value(0).source_ns == 10 * hour);
  CHECK(table.value(0).value == 2);
  (void)table.update(0, 0, holding(0, {3}), {}, 11 * hour, 3);
  CHECK(table.value(0).received_ns == 11 * hour);
}

TEST_CASE("every quality has a code for OPC, Ignition and Sparkplug, good ones agree") {
  for (int q = 0; q <= static_cast<int>(Quality::bad_out_of_service); ++q) {
    const auto quality = static_cast<Quality>(q);
    const bool good = quality == Quality::good;
    CHECK((opc_quality(quality) == 192) == good);
    CHECK((ignition_quality(quality) == 192) == good);
    CHECK((sparkplug_quality(quality) == 192) == good);
    const bool uncertain = line::name_of(quality).rfind("Uncertain", 0) == 0;
    CHECK((opc_quality(quality) >= 64 && opc_quality(quality) < 128) == uncertain);
    CHECK((ignition_quality(quality) >= 256 && ignition_quality(quality) < 512) == uncertain);
  }
}

TEST_CASE("row 11: the order in which a device sends its floats is found") {
  for (const std::string order : {"ABCD", "CDAB", "BADC", "DCBA"}) {
    std::vector<std::uint16_t> words;
    for (const double value : {25.5, 1480.0, 0.82, -12.25, 230.1}) {
      Register at;
      at.type = RegisterType::f32;
      REQUIRE(at.set_order(order));
      const auto said = words_of(at, value);
      REQUIRE(said);
      words.insert(words.end(), said->begin(), said->end());
    }
    const std::vector<Range> ranges = {{RegisterTable::holding, 40, 10}};
    const auto image = holding(40, words);
    CHECK(likely_order(ranges, image) == order);
    const auto guesses = guess(ranges, image, image);
    REQUIRE(guesses.size() == 5);
    CHECK(guesses[1].value == Approx(1480));
    const auto tags = tags_of(guesses);
    CHECK(parsed(tags_text(tags, context())) == tags);
  }
}

TEST_CASE("row 13: a map that is off by one register is recognised") {
  const auto tags = parsed(
      "name,address,type,eu_min,eu_max\nA,hr:10,f32,20,30\nB,hr:12,f32,1000,2000\nC,hr:14,u16,7,"
      "8\n");
  const auto at = [](std::uint16_t address) {
    return holding(address, {0x41C8, 0, 0x44B9, 0, 7, 0});  // 25, 1480, 7
  };
  CHECK(fits(tags, at(10)).front().shift == 0);
  CHECK(fits(tags, at(10)).front().order == "as written");
  CHECK(fits(tags, at(11)).front().shift == 1);
  CHECK(fits(tags, at(9)).front().shift == -1);
  const auto swapped = fits(tags, holding(10, {0, 0x41C8, 0, 0x44B9, 7, 0})).front();
  CHECK(swapped.order == "CDAB");
  CHECK(swapped.good == 3);
}

TEST_CASE("row 21: what the white list does not allow is refused") {
  const auto tags = parsed("name,address,type\nA,hr:0,u16\nB,hr:1,u16\n");
  WriteRules rules({{0, 10, 100, 20, 60, 0}});
  TagValue current;
  current.value = 50;
  current.quality = Quality::good;
  const auto refusal = [&](std::size_t tag, double value, double now_s) {
    auto words = rules.judge(tag, tags[tag], value, current, now_s);
    return words ? std::string() : words.error().text();
  };
  CHECK(refusal(1, 50, 0).find("may not be written") != std::string::npos);
  CHECK(refusal(0, 101, 0).find("outside 10 to 100") != std::string::npos);
  CHECK(refusal(0, 9, 0).find("outside") != std::string::npos);
  CHECK(refusal(0, std::nan(""), 0).find("outside") != std::string::npos);
  CHECK(refusal(0, 71, 0).find("more than 20 at once") != std::string::npos);
  CHECK(refusal(0, 70, 0).empty());
  rules.begun(0, 0);
  CHECK(refusal(0, 60, 59).find("only every 60") != std::string::npos);
  CHECK(refusal(0, 60, 60).empty());
  current.quality = Quality::bad_stale;
  CHECK(refusal(0, 60, 100).find("cannot be judged") != std::string::npos);
}

TEST_CASE("row 21: a value that the register cannot hold is refused, not rounded unseen") {
  const auto tags = parsed(
      "name,address,type,scale,offset\nA,hr:0,u16,,\nB,hr:1,u16,0.1,\nC,hr:2,i16,0.25,7\n"
      "D,hr:4,f32,,\nE,hr:6,u16,0.1,\n");
  WriteRules rules({{0, -1e9, 1e9},
                    {1, -1e9, 1e9},
                    {2, -1e9, 1e9},
                    {3, -1e9, 1e9},
                    {4, -1e9, 1e9, 1e9, 0, 0.05}});
  const TagValue current{0, "", Quality::good};
  const auto judged = [&](std::size_t tag, double value) {
    return rules.judge(tag, tags[tag], value, current, 0);
  };
  const auto refusal = [&](std::size_t tag, double value) {
    auto words = judged(tag, value);
    return words ? std::string() : words.error().text();
  };
  CHECK(judged(0, 60)->at(0) == 60);
  CHECK(refusal(0, 60.5).find("goes in steps of 1, the nearest is 60") != std::string::npos);
  CHECK(refusal(0, 60.5).find("tolerance = 0.5") != std::string::npos);
  CHECK(judged(1, 60.5)->at(0) == 605);
  CHECK(judged(1, 0.3)->at(0) == 3);  // 0.3 / 0.1 is not exactly 3
  CHECK(refusal(1, 60.55).find("cannot be held") != std::string::npos);
  CHECK(judged(2, 7.75)->at(0) == 3);
  CHECK(refusal(2, 7.8).find("steps of 0.25") != std::string::npos);
  CHECK(judged(3, 60.1));
  CHECK(judged(4, 60.54)->at(0) == 605);  // allowed by its tolerance
}

TEST_CASE("tags of the thousandth device are that device's") {
  TagContext context;
  for (int d = 0; d < 1000; ++d) {
    context.devices.push_back("plc" + std::to_string(d));
    context.bases.push_back(0);
    context.longest_reads.push_back(120);
  }
  context.groups = {"default"};
  auto tags = parse_tags("name,device,address\nA,plc999,hr:5\nB,plc231,hr:5\n", "t", context);
  REQUIRE(tags);
  TagTable table(*tags);
  Image image;
  const std::vector<std::uint16_t> words = {77};
  image.put({RegisterTable::holding, 5, 1, 999}, words);
  CHECK(table.update(999, 0, image, {}, 1, 0) == std::vector<std::size_t>{0});
  CHECK(table.value(0).value == 77);
  CHECK(table.value(1).quality == Quality::bad_not_connected);  // 231 is 999 less three times 256
}

TEST_CASE("a damaged tag file is refused with a place, or read back as it was written") {
  const std::string whole =
      "name,device,address,type,order,bits,length,scale,offset,eu_min,eu_max,not,unit,deadband,"
      "group,description\n"
      "Speed,plc,hr:40,u16,,,,0.1,-5,0,100,0xFFFF,rpm,2 %,fast,\"the \"\"fast\"\" one, left\"\n"
      "Temp,oven,400043,f32,CDAB,,,,,-50,500,,C,0.5,default,\n"
      "Door,plc,di:3,bool,,,,,,,,,,,,\n"
      "Mode,plc,hr:60,u16,,3-5,,,,,,,,,,\n"
      "Recipe,plc,hr:70,string,,,8,,,,,,,,,\n";
  REQUIRE(parsed(whole).size() == 5);
  tests::Mutations mutations(5);
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto text = mutations.of(whole);
    const auto tags = parse_tags(text, "tags.csv", context());
    if (!tags) {
      REQUIRE(tags.error().text().find("tags.csv:") != std::string::npos);
      continue;
    }
    ++read;
    const auto again = parse_tags(tags_text(*tags, context()), "again.csv", context());
    INFO(text << (again ? "" : again.error().text()));
    REQUIRE(again);
    REQUIRE(again->size() == tags->size());
    for (std::size_t t = 0; t < tags->size(); ++t) {
      CHECK((*again)[t].name == (*tags)[t].name);
      CHECK((*again)[t].at == (*tags)[t].at);
    }
  }
  CHECK(read > 500);
}
