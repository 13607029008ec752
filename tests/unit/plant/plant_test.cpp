// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "inference/plant/plant_model.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::plant;

namespace {

const std::filesystem::path root = FORELINE_SOURCE_DIR;

std::filesystem::path folder_of(const std::string& name) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "test-data" / ("plant-" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::filesystem::path write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

/// Machines that wear out: signal "heat" rises to the failure, "idle" is noise.
std::string wearing_machines(std::size_t count, bool with_answer) {
  std::string text = with_answer ? "unit,cycle,heat,idle,left\n" : "unit,cycle,heat,idle\n";
  const auto uniform = [](std::size_t m, std::size_t i) {
    return line::random_uniform(11, static_cast<std::uint32_t>(m), line::Purpose::training, i);
  };
  for (std::size_t m = 1; m <= count; ++m) {
    const auto life = 60 + static_cast<std::size_t>(60 * uniform(m, 0));
    for (std::size_t t = 1; t <= life; ++t) {
      const double left = static_cast<double>(life - t);
      const double heat = 20 + std::max(0.0, 40 - left) * 0.5 + 2 * uniform(m, 2 * t);
      text += fmt::format("{},{},{:.3f},{:.3f}", m, t, heat, uniform(m, 2 * t + 1));
      text += with_answer ? fmt::format(",{}\n", left) : "\n";
    }
  }
  return text;
}

Records records_of(const std::filesystem::path& path) {
  auto description = describe(path);
  REQUIRE(description);
  auto records = read_records(*description);
  INFO((records ? "" : records.error().text()));
  REQUIRE(records);
  return *records;
}

std::string complaint_about(const std::string& csv, const std::string& more = {}) {
  // Its own for each text: tests run side by side.
  const auto folder = folder_of(fmt::format("complaint-{}", std::hash<std::string>{}(csv + more)));
  write(folder / "rows.csv", csv);
  const auto toml = write(folder / "rows.toml",
                          "format = \"foreline-data-1\"\nfile = \"rows.csv\"\nmachine = \"unit\"\n"
                          "time = \"cycle\"\ntime_unit = \"cycle\"\nend = \"failure\"\n" +
                              more + "[[signal]]\ncolumn = \"heat\"\n");
  auto description = read_description(toml);
  REQUIRE(description);
  auto records = read_records(*description);
  return records ? std::string() : records.error().text();
}

PlantRules quick_rules() {
  PlantRules rules;
  rules.network.steps = 120;
  rules.network.layers = 2;
  rules.network.width = 32;
  rules.network.batch = 32;
  rules.horizon = 50;
  rules.horizons = {10, 20, 50};
  return rules;
}

std::vector<std::size_t> first_machines(std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

constexpr double ever = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("cells are cut as RFC 4180, blanks and semicolons have them") {
  auto quoted = Csv::parse("a,b\n\"x, \"\"y\"\"\",2\r\n\n3, 4 \n", "f.csv");
  REQUIRE(quoted);
  CHECK(quoted->rows() == 2);
  CHECK(quoted->cell(0, 0) == "x, \"y\"");
  CHECK(quoted->number(1, 1) == 4.0);
  auto blanks = Csv::parse("1 1 -0.5  \n1 2 0.25  \n", "f.txt");
  REQUIRE(blanks);
  CHECK(blanks->columns() == 3);
  CHECK_FALSE(blanks->has_header());
  CsvRules comma;
  comma.numbers.decimal_comma = true;
  auto german = Csv::parse("zeit;wert\n1;2,5\n", "f.csv", comma);
  REQUIRE(german);
  CHECK(german->number(0, 1) == 2.5);
}

TEST_CASE("numbers are read as they are parted, and nothing else is a number") {
  const auto read = [](std::string_view text, NumberStyle style) {
    return parse_number(text, style).value_or(-1);
  };
  const NumberStyle english{.thousands = ','};
  const NumberStyle german{.decimal_comma = true, .thousands = '.'};
  const NumberStyle french{.decimal_comma = true, .thousands = ' '};
  CHECK(read("1,234,567.25", english) == 1234567.25);
  CHECK(read("-1,234", english) == -1234);
  CHECK(read("0.5", english) == 0.5);
  CHECK(read("1.234,5", german) == 1234.5);
  CHECK(read("1234,5e2", german) == 123450);
  CHECK(read("12 345,5", french) == 12345.5);
  CHECK(read("12\u00A0345,5", french) == 12345.5);
  CHECK(read("12\u202F345", french) == 12345);
  for (const auto* wrong : {"1,23", "1234,567", ",123", "1,234,5", "1.5,000", "1,,234", "1,234,"}) {
    INFO(wrong);
    CHECK_FALSE(parse_number(wrong, english));
  }
  CHECK_FALSE(parse_number("1.5", {.decimal_comma = true}));
  CHECK_FALSE(parse_number("1,234"));
}

TEST_CASE("days are read however they are written, if they can be read in one way") {
  const auto at = parse_time("2026-01-31T08:15:30", TimeFormat::iso, "s");
  REQUIRE(at == 1769847330.0);
  for (const auto* same :
       {"2026-01-31 08:15:30", "2026/1/31 8:15:30", "20260131T081530", "20260131 081530",
        "20260131081530", "20260131T081530Z", "31-Jan-2026 08:15:30", "31-JAN-26 08:15:30",
        "31 January 2026 8:15:30 AM", "31. Jan. 2026, 08:15:30", "Jan 31, 2026 08:15:30 am",
        "2026年1月31日 8:15:30", "2026年01月31日08时15分30秒", "2026/1/31 上午 8:15:30",
        "2026-01-31T09:15:30+01:00", "2026-01-31T02:45:30-0530", "2026-01-31 08:15:30.000"}) {
    INFO(same);
    CHECK(parse_time(same, TimeFormat::iso, "s") == at);
  }
  CHECK(parse_time("2026/1/31 下午 8:15:30", TimeFormat::iso, "s") == *at + 12 * 3600);
  CHECK(parse_time("31/01/2026 08:15:30", TimeFormat::day_month_year, "s") == at);
  CHECK(parse_time("1/31/2026 8:15:30 AM", TimeFormat::month_day_year, "s") == at);
  CHECK(parse_time("31-Jan-2026", TimeFormat::iso, "d") == 20484.0);
  for (const auto* wrong :
       {"31-Ja-2026", "2026-02-30", "2026-13-01", "20261301", "31-Jan", "31-Okt-2026", "2026年1月",
        "2026-01-31 25:00", "2026-01-31 08:60", "2026-01-31 08:15 xm", "2026-01-31 08:15:30 +", "",
        "2026-01-31 0815x"}) {
    INFO(wrong);
    CHECK_FALSE(parse_time(wrong, TimeFormat::iso, "s"));
  }
}

TEST_CASE("a file may hold any mixture of quotes") {
  auto lone = Csv::parse("a,b\n\"\"\"\",\"\"\n\"1\"\"2\"\"3\",4\n\"two\nlines\",5\n", "f.csv");
  REQUIRE(lone);
  CHECK(lone->cell(0, 0) == "\"");
  CHECK(lone->cell(0, 1).empty());
  CHECK(lone->cell(1, 0) == "1\"2\"3");
  CHECK(lone->number(1, 1) == 4.0);
  CHECK(lone->cell(2, 0) == "two\nlines");
  CHECK_FALSE(Csv::parse("a,b\n\"x\"\",2\n", "f.csv"));
}

TEST_CASE("a quoted cell that goes on behind its quote is told, not cut") {
  const auto csv = Csv::parse("a,b\n1,2\n\"x\"y,2\n", "f.csv");
  REQUIRE_FALSE(csv);
  CHECK(csv.error().text().find("f.csv:3:1: a quoted cell goes on behind its quote") !=
        std::string::npos);
  CHECK(Csv::parse("a,b\n\"x\" ,2\n", "f.csv"));
}

TEST_CASE("lines may end as old Macs end them") {
  const auto csv = Csv::parse("a,b\r1,2\r3,4\r", "f.csv");
  REQUIRE(csv);
  CHECK(csv->rows() == 2);
  CHECK(csv->number(1, 1) == 4.0);
}

TEST_CASE(
    "numbers that nobody measures, decimal commas and missing names are told with their way out") {
  const std::string head = "unit,cycle,heat\n1,1,5\n";
  CHECK(complaint_about(head + "1,2,1e300\n1,3,7\n").find("rows.csv:3:5: \"1e300\" is beyond") !=
        std::string::npos);
  CHECK(complaint_about(head + "1,2,-1e18\n1,3,7\n").empty());
  CHECK(complaint_about("unit;cycle;heat\n1;1;5\n1;2;5,5\n").find("decimal_comma = true") !=
        std::string::npos);
  CHECK(complaint_about("1,1,5\n1,2,6\n").find("its first row holds numbers") != std::string::npos);
  CHECK(complaint_about(head + "2,2,7\n1,0,7\n").find("write sort = true") != std::string::npos);
}

TEST_CASE("a value that the description calls impossible is missing, however large") {
  const auto folder = folder_of("impossible");
  write(folder / "rows.csv", "unit,cycle,heat\n1,1,5\n1,2,1.7976931348623157e308\n1,3,7\n");
  const auto toml = write(
      folder / "rows.toml",
      "format = \"foreline-data-1\"\nfile = \"rows.csv\"\nmachine = \"unit\"\ntime = \"cycle\"\n"
      "time_unit = \"cycle\"\nend = \"failure\"\n[[signal]]\ncolumn = \"heat\"\nhigh = 100\n");
  const auto records = records_of(toml);
  for (const float value : records.machines.front().values) CHECK(std::isfinite(value));
}

TEST_CASE("what has a value of its own in every row is no category") {
  std::string rows = "unit,cycle,heat\n";
  for (int i = 1; i <= 1001; ++i) rows += fmt::format("1,{0},lot {0}\n", i);
  const auto folder = folder_of("lots");
  write(folder / "rows.csv", rows);
  const auto description = read_description(write(
      folder / "rows.toml",
      "format = \"foreline-data-1\"\nfile = \"rows.csv\"\nmachine = \"unit\"\ntime = \"cycle\"\n"
      "time_unit = \"cycle\"\nend = \"failure\"\n[[signal]]\ncolumn = \"heat\"\nkind = "
      "\"category\"\n"));
  REQUIRE(description);
  const auto records = read_records(*description);
  REQUIRE_FALSE(records);
  CHECK(records.error().text().find("rows.csv:1002:8: \"lot 1001\" is one value too many") !=
        std::string::npos);
}

TEST_CASE("one bad byte in many rows is named with its line and column") {
  std::string text = "unit,cycle,heat\n";
  for (int i = 1; i <= 100'000; ++i) text += fmt::format("1,{},20.5\n", i);
  const auto at = text.find("1,70000,");
  text[at + 8] = '\xff';
  auto csv = Csv::parse(text, "big.csv");
  REQUIRE_FALSE(csv);
  CHECK(csv.error().text().find("big.csv:70001:9: the byte 0xFF is no text") != std::string::npos);
  text[at + 8] = 'O';
  CHECK(complaint_about(text).find("rows.csv:70001:9: \"O0.5\" is no number") != std::string::npos);
}

TEST_CASE("time that runs back and two machines of one id are told apart") {
  CHECK(complaint_about("unit,cycle,heat\n1,1,5\n1,3,6\n1,2,7\n")
            .find("rows.csv:4:3: the time of machine 1 runs back from 3 to 2") !=
        std::string::npos);
  CHECK(complaint_about("unit,cycle,heat\n1,1,5\n1,2,6\n1,1,7\n1,2,8\n")
            .find("rows.csv:4:3: the time of machine 1 begins again: are there two machines of "
                  "this id?") != std::string::npos);
  CHECK(complaint_about("unit,cycle,heat\n1,1,5\n1,3,6\n1,2,7\n", "sort = true\n").empty());
  CHECK(complaint_about("unit,cycle,heta\n1,1,5\n1,2,6\n").find("did you mean \"heta\"?") !=
        std::string::npos);
  CHECK(complaint_about("unit,cycle,heat\n1,1,5\n1,2\n")
            .find("rows.csv:3: this row has 2 cells, the first has 3") != std::string::npos);
}

TEST_CASE("a guessed description reads back as it was written") {
  const auto folder = folder_of("guess");
  write(folder / "m.csv", wearing_machines(4, false));
  auto guessed = guess_description(folder / "m.csv");
  REQUIRE(guessed);
  CHECK(guessed->machine == "unit");
  CHECK(guessed->time == "cycle");
  CHECK(guessed->signals.size() == 2);
  const auto toml = write(folder / "m.toml", as_toml(*guessed));
  auto again = read_description(toml);
  INFO((again ? "" : again.error().text()));
  REQUIRE(again);
  CHECK(as_toml(*again) == as_toml(*guessed));
  CHECK(records_of(toml).machines.size() == 4);
}

TEST_CASE("a guess drops no column and no row because of how they are written") {
  const auto folder = folder_of("guess-written");
  // Three machines, a row an hour from the first of March on.
  const auto rows = [](const std::string& time, const std::string& heat, const char* header) {
    std::string text = header;
    for (int m = 1; m <= 3; ++m)
      for (int t = 0; t < 150; ++t) {
        const auto cell = fmt::format(fmt::runtime(time), fmt::arg("day", 1 + t / 24),
                                      fmt::arg("hour", t % 24), fmt::arg("t", t));
        text += fmt::format("unit {};{};{};{}\n", m, cell,
                            fmt::format(fmt::runtime(heat), t / 10, t % 10),
                            t == 77 && heat == "{}.{}" ? "Bad" : std::to_string(100 + t));
      }
    return text;
  };
  const auto complaint = [](const std::filesystem::path& file) {
    auto guessed = guess_description(file);
    REQUIRE_FALSE(guessed);
    return guessed.error().text();
  };
  auto commas = guess_description(
      write(folder / "commas.csv", rows("{t}", "{},{}", "machine;hour;heat;idle\n")));
  REQUIRE(commas);
  CHECK(commas->csv.numbers.decimal_comma);
  CHECK(commas->signals.size() == 2);
  const auto toml = write(folder / "commas.toml", as_toml(*commas));
  CHECK(records_of(toml).machines[0].values[2 * 35] == 3.5F);

  auto by_day =
      guess_description(write(folder / "day.csv", rows("{t}", "{}{}", "machine;day;heat;idle\n")));
  REQUIRE(by_day);
  CHECK(by_day->time == "day");
  CHECK(by_day->time_unit == "d");

  for (const auto* stamp : {"{day:02}-Mar-2026 {hour:02}:00", "202603{day:02}{hour:02}0000",
                            "2026年3月{day}日 {hour}时00分"}) {
    INFO(stamp);
    const auto file =
        write(folder / "named.csv", rows(stamp, "{}.{}5", "machine;timestamp;heat;idle\n"));
    auto named = guess_description(file);
    REQUIRE(named);
    CHECK(named->time_format == TimeFormat::iso);
    const auto read = records_of(write(folder / "named.toml", as_toml(*named)));
    CHECK(read.machines[1].time[149] - read.machines[1].time[0] == Approx(149));
  }
  auto units = guess_description(write(
      folder / "units.csv", rows("{t}", "1.{:03},{}", "machine;hour;heat;idle\n-;h;[degC];A\n")));
  INFO((units ? "" : units.error().text()));
  REQUIRE(units);
  CHECK(units->csv.unit_row);
  CHECK(units->csv.numbers.thousands == '.');
  REQUIRE(units->signals.size() == 2);
  CHECK(units->signals[0].unit == "degC");
  const auto grouped = records_of(write(folder / "units.toml", as_toml(*units)));
  CHECK(grouped.machines[0].time.size() == 150);
  CHECK(grouped.machines[0].values[2 * 35] == 1003.5F);

  CHECK(complaint(write(folder / "bad.csv", rows("{t}", "{}.{}", "machine;hour;heat;idle\n")))
            .find("bad.csv:79:15: \"Bad\" is no number, and most of the column \"idle\" are") !=
        std::string::npos);

  std::string remarked = "machine;hour;heat;remark\n";
  for (int t = 0; t < 150; ++t) remarked += fmt::format("a;{};{};note {}\n", t, 100 + t % 7, t);
  auto without = guess_description(write(folder / "remarked.csv", remarked));
  REQUIRE(without);
  CHECK(as_toml(*without).find("# left out: \"remark: another text in each row\"") !=
        std::string::npos);

  const auto us = write(folder / "us.csv",
                        rows("03/{day:02}/2026 {hour:02}:00", "{}{}", "machine;when;heat;idle\n"));
  auto months = guess_description(us);
  REQUIRE(months);
  CHECK(months->time_format == TimeFormat::month_day_year);
  const auto european = write(folder / "european.csv", rows("{day:02}/03/2026 {hour:02}:00", "{}{}",
                                                            "machine;when;heat;idle\n"));
  auto days = guess_description(european);
  REQUIRE(days);
  CHECK(days->time_format == TimeFormat::day_month_year);

  CHECK(complaint(write(folder / "split.csv", rows("2026-03-{day:02};{hour:02}:00", "{}{}",
                                                   "machine;date;clock;heat;idle\n")))
            .find("\"date\" holds days, and \"clock\" the time of the day") != std::string::npos);
  auto shuffled = rows("{hour}", "{}{}", "machine;hour;heat;idle\n");
  CHECK(complaint(write(folder / "shuffled.csv", shuffled))
            .find("the column \"hour\" is named as a time is, and runs back") != std::string::npos);
}

TEST_CASE("cleaning repairs and counts, and looks at the past only") {
  const auto folder = folder_of("clean");
  std::string text = "unit,cycle,heat,idle\n";
  for (int t = 1; t <= 200; ++t) {
    const double noise =
        line::random_uniform(3, 0, line::Purpose::training, static_cast<std::uint64_t>(t));
    double heat = 20 + noise;
    if (t == 50) heat = 90;                // a spike
    if (t == 60) heat = 1000 * heat;       // another unit
    if (t >= 100 && t < 130) heat = 20.3;  // stuck
    if (t == 150) continue;                // a hole
    text += fmt::format("1,{},{:.4f},{}\n", t, heat,
                        t == 70 ? std::string("NA") : fmt::format("{:.3f}", noise));
    if (t == 80) text += fmt::format("1,{},{:.4f},{:.3f}\n", t, heat, noise);
  }
  write(folder / "m.csv", text);
  auto description = guess_description(folder / "m.csv");
  REQUIRE(description);
  auto records = read_records(*description);
  REQUIRE(records);
  const auto machines = first_machines(1);
  const auto references = learn_references(*records, machines, 45);  // before anything is wrong
  QualityReport report;
  const auto cleaned = clean(*records, references, report);
  CHECK(report.duplicates == 1);
  CHECK(report.filled == 1);
  CHECK(report.signals[0].unit_slips == 1);
  CHECK(report.signals[0].spikes == 1);
  CHECK(report.signals[0].stuck >= 20);
  CHECK(report.signals[1].missing == 2);
  CHECK(std::isnan(cleaned.machines[0].values[2 * 49]));
  auto shorter = *records;
  shorter.machines[0].time.resize(120);
  shorter.machines[0].values.resize(240);
  QualityReport other;
  const auto earlier = clean(shorter, references, other);
  for (std::size_t i = 0; i < earlier.machines[0].values.size(); ++i) {
    const float a = earlier.machines[0].values[i];
    const float b = cleaned.machines[0].values[i];
    CHECK((a == b || (std::isnan(a) && std::isnan(b))));
  }
}

namespace {

/// Machines that wear and change between three settings; `slow` signals also fall into clusters, as
/// wear does that goes in steps.
Records between_settings() {
  using line::Purpose;
  Records records;
  records.channels.resize(3);
  records.channels[0].name = "speed";
  records.channels[1].name = "heat";
  records.channels[2].name = "step";
  records.kinds = {"failure"};
  for (std::uint32_t m = 0; m < 8; ++m) {
    Machine machine;
    machine.id = fmt::format("{}", m);
    for (std::size_t i = 0; i < 120; ++i) {
      const auto draw = [&](std::uint32_t what) {
        return line::random_uniform(what, m, Purpose::training, i);
      };
      const auto setting = static_cast<std::size_t>(3 * draw(1));
      const double wear = static_cast<double>(i) / 120 + 0.1 * draw(2);
      machine.time.push_back(static_cast<double>(i));
      machine.values.push_back(static_cast<float>(100.0 * static_cast<double>(setting) + draw(3)));
      machine.values.push_back(static_cast<float>(50.0 * static_cast<double>(setting) +
                                                  (1 + static_cast<double>(setting)) * wear));
      machine.values.push_back(static_cast<float>(i / 30 + (draw(4) < 0.05 ? 1 : 0)));
    }
    machine.until = 120;
    machine.failures.push_back({120, 0});
    records.machines.push_back(std::move(machine));
  }
  return records;
}

}  // namespace

TEST_CASE("signals of a machine that changes between settings are compared within each") {
  const auto records = between_settings();
  const auto regimes = learn_regimes(records, first_machines(8), ever);
  REQUIRE(regimes.settings.size() == 1);
  CHECK(regimes.settings.front().channel == 0);
  CHECK(regimes.known.size() == 3);
  const auto common = in_common_regime(records, regimes);
  const auto& machine = common.machines[3];
  for (std::size_t i = 0; i + 1 < machine.time.size(); ++i) {
    CHECK(machine.values[3 * i] == records.machines[3].values[3 * i]);
    // Wear of one row to the next is small in one unit, whatever the setting.
    CHECK(std::abs(machine.values[3 * i + 4] - machine.values[3 * i + 1]) < 0.5F);
  }
  auto other = records;
  other.machines[3].values[0] = 1e4F;  // beyond the last edge: still the nearest setting
  other.machines[3].values[3] = unknown;
  const auto told = in_common_regime(other, regimes);
  CHECK_FALSE(std::isnan(told.machines[3].values[1]));
  CHECK(std::isnan(told.machines[3].values[4]));

  QualityReport report;
  const auto references = learn_references(records, first_machines(8), ever);
  const auto cleaned = clean(records, references, report);
  CHECK(report.regimes == 3);
  CHECK(report.told_by == std::vector<std::string>{"speed"});
  CHECK(report.signals[1].spikes == 0);
  CHECK(as_text(report).find("3 operating regimes, told by speed") != std::string::npos);

  auto rules = quick_rules();
  rules.network.steps = 10;
  auto trained = PlantModel::train(records, first_machines(8), ever, rules, [](const auto&) {});
  INFO((trained ? "" : trained.error().text()));
  REQUIRE(trained);
  const auto folder = folder_of("regimes");
  REQUIRE(trained->save(folder));
  auto loaded = PlantModel::load(folder);
  INFO((loaded ? "" : loaded.error().text()));
  REQUIRE(loaded);
  QualityReport again;
  const auto prepared = loaded->prepare(records, again);
  REQUIRE(prepared);
  CHECK(again.regimes == 3);
  for (std::size_t i = 0; i < prepared->machines[3].values.size(); ++i)
    CHECK(prepared->machines[3].values[i] == Approx(cleaned.machines[3].values[i]));
}

TEST_CASE("wear in steps is no setting, nor is a signal that explains no other") {
  auto records = between_settings();
  for (auto& machine : records.machines)
    for (std::size_t i = 0; i < machine.time.size(); ++i)
      machine.values[3 * i + 1] =
          static_cast<float>(line::random_uniform(9, 0, line::Purpose::training, i));
  CHECK(learn_regimes(records, first_machines(8), ever).none());
  for (auto& machine : records.machines)
    for (std::size_t i = 0; i < machine.time.size(); ++i)
      machine.values[3 * i + 1] = 10 * machine.values[3 * i + 2];  // follows the wear
  CHECK(learn_regimes(records, first_machines(8), ever).none());
}

namespace {

/// What XGBoost itself says of rows.
std::vector<float> by_xgboost(const Trees& trees, std::span<const float> rows, std::size_t width) {
  const auto bytes = trees.bytes();
  BoosterHandle booster = nullptr;
  DMatrixHandle matrix = nullptr;
  bst_ulong count = 0;
  const float* values = nullptr;
  REQUIRE(XGBoosterCreate(nullptr, 0, &booster) == 0);
  REQUIRE(XGBoosterLoadModelFromBuffer(booster, bytes.data(), bytes.size()) == 0);
  REQUIRE(XGDMatrixCreateFromMat(rows.data(), rows.size() / width, width, unknown, &matrix) == 0);
  REQUIRE(XGBoosterPredict(booster, matrix, 0, 0, 0, &count, &values) == 0);
  std::vector<float> answers(values, values + count);
  XGDMatrixFree(matrix);
  XGBoosterFree(booster);
  return answers;
}

}  // namespace

TEST_CASE("trees say what XGBoost says of them, also when restored, of unknown values too") {
  std::vector<float> rows, labels;
  for (std::uint32_t i = 0; i < 600; ++i) {
    const auto draw = [&](std::uint64_t what) {
      return static_cast<float>(line::random_uniform(8, i, line::Purpose::training, what));
    };
    for (std::uint64_t c = 0; c < 3; ++c) rows.push_back(draw(c) < 0.1F ? unknown : draw(c + 3));
    labels.push_back(draw(3) + draw(4) > 1 ? 1.0F : 0.0F);
  }
  const TreeRules rules[] = {{.rounds = 40},
                             {.rounds = 41, .depth = 2, .from_share = true},
                             {.classify = false, .rounds = 3},
                             {.rounds = 30, .depth = 7, .child_weight = 1, .exact = true}};
  for (const auto& rule : rules) {
    const auto trees = Trees::fit(rows, 3, labels, rule);
    REQUIRE(trees);
    const auto restored = Trees::restore(trees->bytes());
    REQUIRE(restored);
    const auto theirs = by_xgboost(*trees, rows, 3);
    const auto ours = trees->predict(rows, 3);
    const auto later = restored->predict(rows, 3);
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      CHECK(ours[i] == Approx(theirs[i]).margin(1e-6));
      CHECK(later[i] == ours[i]);
    }
  }
}

TEST_CASE("the trees of items find a range of failures that is narrower than a quantile") {
  const auto draw = [](std::uint32_t stream, std::uint64_t i) {
    return static_cast<float>(line::random_uniform(6, stream, line::Purpose::training, i));
  };
  const auto fails = [](float x) { return x > 0.9965F; };
  std::vector<float> rows;
  std::vector<float> labels;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    rows.push_back(draw(0, i));
    labels.push_back(fails(rows.back()) ? 1.0F : 0.0F);
  }
  auto rules = PlantRules{}.of_items;
  rules.row_share = 1;
  const auto wrong = [&] {
    const auto trees = Trees::fit(rows, 1, labels, rules);
    REQUIRE(trees);
    std::vector<float> fresh;
    for (std::uint64_t i = 0; i < 20'000; ++i) fresh.push_back(draw(1, i));
    const auto said = trees->predict(fresh, 1);
    std::size_t count = 0;
    for (std::size_t i = 0; i < fresh.size(); ++i)
      count += (said[i] > 0.5F) != fails(fresh[i]) ? 1 : 0;
    return count;
  };
  CHECK(wrong() <= 5);
  rules.exact = false;
  CHECK(wrong() > 20);
}

/// What is known of pumps that are repaired and go on.
Records of_repaired_pumps() {
  Records records;
  records.repairable = true;
  records.dated = true;
  records.channels.resize(1);
  records.channels[0].name = "heat";
  records.kinds = {"pump"};
  return records;
}

TEST_CASE("a machine that is repaired and goes on is not known by the calendar") {
  auto records = of_repaired_pumps();
  Machine machine;
  for (std::size_t t = 0; t < 100; ++t) {
    machine.time.push_back(16'000 + static_cast<double>(t));
    machine.values.push_back(20);
  }
  machine.failures = {{16'010, 0}, {16'095, 0}, {16'097, 0}};
  const Status status(records, 28);
  CHECK(std::none_of(status.features().begin(), status.features().end(),
                     [](const Feature& f) { return f.group == "age"; }));
  REQUIRE(status.features()[1].statistic == "n14");
  const std::vector<std::size_t> rows = {50, 99};
  const auto told = status.at(machine, rows);
  CHECK(told[1] == 0);  // not since the beginning: within 14 days
  CHECK(told[status.features().size() + 1] == 2);
  records.repairable = false;
  CHECK(Status(records, 28).features()[0].group == "age");
}

TEST_CASE("services of several kinds tell together when somebody came last") {
  auto records = of_repaired_pumps();
  records.codes = {"service belt", "jam", "service seal"};
  records.maintenance = {true, false, true};
  Machine machine;
  for (std::size_t t = 0; t < 60; ++t) {
    machine.time.push_back(static_cast<double>(t));
    machine.values.push_back(20);
  }
  machine.events = {{10.5, 0}, {25.5, 0}, {25.6, 2}, {30, 1}, {40.5, 2}};
  const Status status(records, 28);
  const auto place = [&](const std::string& statistic) {
    const auto found = std::find(status.features().begin(), status.features().end(),
                                 Feature{"any service", statistic});
    REQUIRE(found != status.features().end());
    return static_cast<std::size_t>(found - status.features().begin());
  };
  const std::vector<std::size_t> rows = {5, 20, 39, 50};
  const auto told = status.at(machine, rows);
  const auto days = [&](std::size_t row, const std::string& statistic) {
    return std::exp2(told[row * status.features().size() + place(statistic)]) - 1;
  };
  CHECK(std::isnan(days(0, "since")));
  CHECK(days(1, "since") == Approx(9.5));
  CHECK(std::isnan(days(1, "before")));
  CHECK(days(2, "since") == Approx(13.5));  // two parts changed in one visit
  CHECK(days(2, "before") == Approx(15));
  CHECK(days(3, "since") == Approx(9.5));
  CHECK(days(3, "before") == Approx(15));
  records.maintenance = {true, false, false};
  const Status one(records, 28);  // one kind says the same itself
  CHECK(std::none_of(one.features().begin(), one.features().end(),
                     [](const Feature& f) { return f.group == "any service"; }));
}

TEST_CASE("a status does not change when the future does") {
  const auto folder = folder_of("causal");
  auto records = records_of(write(folder / "m.csv", wearing_machines(3, false)));
  const Status status(records, 50);
  auto& machine = records.machines[1];
  const std::vector<std::size_t> rows = {0, 5, 30, 40};
  const auto before = status.at(machine, rows);
  for (std::size_t i = 41 * 2; i < machine.values.size(); ++i) machine.values[i] = 1e6F;
  machine.failures.front().at += 100;
  const auto after = status.at(machine, rows);
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK((before[i] == after[i] || (std::isnan(before[i]) && std::isnan(after[i]))));
}

TEST_CASE("the text of a sentence holds exactly its words") {
  const auto folder = folder_of("words");
  const auto records = records_of(write(folder / "m.csv", wearing_machines(5, false)));
  const Status status(records, 50);
  const auto samples = take_samples(records, status, Choice{first_machines(5)});
  for (const auto packing : {Packing::group, Packing::word}) {
    const Words words(status.features(), samples.features, 24, records.kinds, 26, packing);
    for (const std::size_t i : {0U, 17U, 100U, 200U}) {
      const auto levels = words.levels(samples.status(i));
      auto back = words.parse(words.text(levels));
      REQUIRE(back);
      CHECK(words.sequence(*back).tokens == words.sequence(levels).tokens);
      CHECK(words.sequence(levels).positions() == words.positions());
    }
    auto wrong = words.parse("heat: last=99 frost=1");
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().diagnostics.size() == 2);
  }
}

TEST_CASE("a planted leak is caught, in the signals and in the split") {
  const auto folder = folder_of("leak");
  const auto leaky = records_of(write(folder / "leaky.csv", wearing_machines(12, true)));
  auto trained =
      PlantModel::train(leaky, first_machines(12), ever, quick_rules(), [](const std::string&) {});
  REQUIRE_FALSE(trained);
  CHECK(trained.error().text().find("the signal \"left\"") != std::string::npos);
}

TEST_CASE("no failure, one failure and constants are refused with their reason") {
  const auto folder = folder_of("refused");
  auto records = records_of(write(folder / "m.csv", wearing_machines(6, false)));
  const auto train = [&](const Records& r) {
    auto trained =
        PlantModel::train(r, first_machines(6), ever, quick_rules(), [](const std::string&) {});
    return trained ? std::string() : trained.error().text();
  };
  auto none = records;
  for (auto& machine : none.machines) machine.failures.clear();
  CHECK(train(none).find("there is no failure") != std::string::npos);
  auto one = none;
  one.machines[2].failures = records.machines[2].failures;
  CHECK(train(one).find("there is one failure only") != std::string::npos);
}

TEST_CASE("a model trained on wear forecasts it, survives its folder and knows its own data") {
  const auto folder = folder_of("model");
  const auto records = records_of(write(folder / "m.csv", wearing_machines(24, false)));
  std::vector<std::size_t> learn = first_machines(18);
  auto trained = PlantModel::train(records, learn, ever, quick_rules(), [](const std::string&) {});
  INFO((trained ? "" : trained.error().text()));
  REQUIRE(trained);
  REQUIRE(trained->save(folder / "saved"));
  auto model = PlantModel::load(folder / "saved");
  INFO((model ? "" : model.error().text()));
  REQUIRE(model);
  auto unseen = records;
  unseen.machines.erase(unseen.machines.begin(), unseen.machines.begin() + 18);
  CHECK(model->overlap(records) > 0.5);
  CHECK(model->overlap(unseen) == 0);
  QualityReport report;
  auto prepared = model->prepare(unseen, report);
  REQUIRE(prepared);
  const auto samples = model->samples(*prepared, Choice{first_machines(6)});
  const auto judgement = judge(*model, *prepared, samples);
  for (const auto method : {Method::blend, Method::gpt, Method::trees}) {
    const auto& score = judgement.methods[static_cast<std::size_t>(method)];
    INFO(name_of(method));
    CHECK(score.horizons[1].auroc > 0.95);
    CHECK(score.horizons[1].skill > 0.5);
  }
  // The folder gives what was trained; probabilities rise with the horizon.
  const auto a = trained->answers(Method::blend, *prepared, samples);
  const auto b = model->answers(Method::blend, *prepared, samples);
  for (std::size_t i = 0; i < a.any.size(); ++i) {
    CHECK(a.any[i] == Approx(b.any[i]).margin(1e-4));
    if (i % 3 != 0) CHECK(b.any[i] >= b.any[i - 1] - 1e-6F);
  }
  // An interval without an end has none beside the trees either.
  const auto alone = model->answers(Method::gpt, *prepared, samples);
  const auto horizon = static_cast<float>(model->bins().horizon);
  CHECK(std::count(alone.q95.begin(), alone.q95.end(), horizon) > 5);
  for (std::size_t i = 0; i < alone.q95.size(); ++i)
    if (alone.q95[i] == horizon) CHECK(b.q95[i] == horizon);
  // The failing signal is the reason, and hiding most of the input means no forecast.
  const auto forecasts = model->forecast(*prepared, false, true);
  REQUIRE(forecasts.size() == 6);
  CHECK(forecasts[0].any[1] > 0.5F);
  CHECK(forecasts[0].reasons.front().signal == "heat");
  auto blind = unseen;
  for (auto& machine : blind.machines)
    std::fill(machine.values.begin(), machine.values.end(), unknown);
  auto dark = model->prepare(blind, report);
  REQUIRE(dark);
  CHECK_FALSE(model->forecast(*dark, false, false)[0].available);
  std::filesystem::resize_file(folder / "saved" / "trees-0.ubj", 100);
  CHECK_FALSE(PlantModel::load(folder / "saved"));
}

TEST_CASE("a plant.json that is nested too deeply is refused before it uses up the stack") {
  const auto folder = folder_of("deep");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  std::ofstream(folder / "plant.json")
      << R"({"plant": 4, "name": "x", "time_unit": "h", "step": 1, "items": false,
             "repairable": false, "dated": false, "codes": [], "maintenance": [], "kinds": ["a"],
             "channels": [{"name": "c", "unit": "", "categories": [], "attribute": false,
                           "median": 0, "spread": 1, "noise": 1, "repeats": 0, "least": 0,
                           "greatest": 1, "common": )"
      << deep << "}]}";
  const auto model = PlantModel::load(folder);
  REQUIRE_FALSE(model);
  CHECK(model.error().text().find("nested more than 100 deep") != std::string::npos);
}

TEST_CASE("a model from before visits were told is refused where there are services to tell of") {
  const auto folder = folder_of("version");
  const auto complaint = [&](const std::string& services, bool items) {
    std::ofstream(folder / "plant.json")
        << fmt::format(R"({{"plant": 4, "items": {}, "maintenance": {}}})", items, services);
    const auto model = PlantModel::load(folder);
    REQUIRE_FALSE(model);
    return model.error().text();
  };
  CHECK(complaint("[true, false, true]", false).find("is of version 4") != std::string::npos);
  CHECK(complaint("[true, false]", false).find("is of version 4") == std::string::npos);
  CHECK(complaint("[]", true).find("is of version 4") == std::string::npos);
}

TEST_CASE("of several outcomes of an item any is a question of its own") {
  // "late" happens without "hot": the first label is not what an item that fails has.
  const auto folder = folder_of("any");
  std::string text = "x,y,hot,late\n";
  for (std::size_t i = 0; i < 1200; ++i) {
    const double x = line::random_uniform(4, 0, line::Purpose::training, 2 * i);
    const double y = line::random_uniform(4, 0, line::Purpose::training, 2 * i + 1);
    text += fmt::format("{:.4f},{:.4f},{},{}\n", x, y, x > 0.9 ? 1 : 0, y > 0.9 ? 1 : 0);
  }
  write(folder / "rows.csv", text);
  const auto records = records_of(
      write(folder / "rows.toml",
            "format = \"foreline-data-1\"\nfile = \"rows.csv\"\n[[signal]]\ncolumn = \"x\"\n"
            "[[signal]]\ncolumn = \"y\"\n[[label]]\ncolumn = \"hot\"\n[[label]]\ncolumn = "
            "\"late\"\n"));
  REQUIRE(records.kinds == std::vector<std::string>{"any", "hot", "late"});
  auto rules = quick_rules();
  rules.network.steps = 200;
  auto trained =
      PlantModel::train(records, first_machines(900), ever, rules, [](const std::string&) {});
  INFO((trained ? "" : trained.error().text()));
  REQUIRE(trained);
  auto unseen = records;
  unseen.machines.erase(unseen.machines.begin(), unseen.machines.begin() + 900);
  QualityReport report;
  auto prepared = trained->prepare(unseen, report);
  REQUIRE(prepared);
  const auto samples = trained->samples(*prepared, Choice{first_machines(300)});
  for (const auto method : {Method::gpt, Method::trees, Method::blend}) {
    const auto answers = trained->answers(method, *prepared, samples);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      INFO(name_of(method) << ", x " << samples.status(i)[0] << ", y " << samples.status(i)[1]);
      if (samples.status(i)[1] > 0.95F) CHECK(answers.any[i] > 0.6F);
      if (samples.status(i)[1] < 0.8F && samples.status(i)[0] < 0.8F) CHECK(answers.any[i] < 0.3F);
    }
  }
}

TEST_CASE("a threshold is not moved by one lucky failure") {
  // Failures from 0.4 up, and one among many others at 0.02.
  std::vector<float> p;
  std::vector<std::uint8_t> truth;
  for (std::size_t i = 0; i < 400; ++i)
    p.push_back(0.0001F * static_cast<float>(i)), truth.push_back(0);
  p.push_back(0.0399F), truth.push_back(1);
  for (const float at : {0.45F, 0.6F, 0.7F, 0.8F, 0.9F}) p.push_back(at), truth.push_back(1);
  const double threshold = best_threshold(p, truth);
  CHECK((threshold > 0.05 && threshold < 0.45));
  CHECK(f1(p, truth, threshold) > 0.9);
  // Also where everything is rare.
  for (auto& share : p) share *= 1e-4F;
  CHECK(f1(p, truth, best_threshold(p, truth)) > 0.9);
}

TEST_CASE("measures agree with values worked out by hand") {
  const std::vector<float> p = {0.9F, 0.8F, 0.3F, 0.1F};
  const std::vector<std::uint8_t> y = {1, 0, 1, 0};
  CHECK(average_precision(p, y) == Approx((1.0 + 2.0 / 3) / 2));
  CHECK(auroc(p, y) == Approx(0.75));
  CHECK(brier(p, y) == Approx((0.01 + 0.64 + 0.49 + 0.01) / 4));
  CHECK(f1(p, y, 0.5) == Approx(0.5));
  const Bins bins{100, 4};
  const std::vector<float> shares = {0.1F, 0.2F, 0.3F, 0.1F, 0.3F};
  CHECK(bins.within(shares, 50) == Approx(0.3));
  CHECK(bins.within(shares, 62.5) == Approx(0.45));
  CHECK(bins.quantile(shares, 0.3) == Approx(50));
  CHECK(bins.expected(shares) ==
        Approx(0.1 * 12.5 + 0.2 * 37.5 + 0.3 * 62.5 + 0.1 * 87.5 + 0.3 * 100));
  // Exponential life: shape 1, scale = exposure / failures.
  std::vector<double> lengths;
  std::vector<std::uint8_t> failed;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const double life = -50 * std::log(line::random_uniform(2, 0, line::Purpose::training, i));
    lengths.push_back(std::min(life, 60.0));
    failed.push_back(life < 60 ? 1 : 0);
  }
  const auto weibull = Weibull::fit(lengths, failed);
  CHECK(weibull.shape == Approx(1).margin(0.06));
  CHECK(weibull.within(30, 20) == Approx(1 - std::exp(-0.4)).margin(0.03));
}
