// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/tables.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "plugin/report/page.hpp"

using namespace foreline::report;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

ordered_json shipped_story() {
  std::ifstream in(fs::path(FORELINE_SOURCE_DIR) / "tests/house/story.json");
  return ordered_json::parse(in);
}

const Table& named(const std::vector<Table>& tables, const std::string& name) {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const Table& table) { return table.name == name; });
  REQUIRE(found != tables.end());
  return *found;
}

/// What a member of the archive holds; empty when it is not there.
std::string member(const fs::path& archive, const std::string& name) {
  std::FILE* pipe =
      ::popen(("python3 -c 'import sys,zipfile; sys.stdout.write(zipfile.ZipFile(sys.argv[1])"
               ".read(sys.argv[2]).decode())' '" +
               archive.string() + "' '" + name + "'")
                  .c_str(),
              "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  CHECK(::pclose(pipe) == 0);
  return text;
}

}  // namespace

TEST_CASE("the page tells what counts on the line, and costs in its currency") {
  auto story = shipped_story();
  const auto page = [&] {
    auto html = page_of(story);
    if (!html) FAIL(html.error().text());
    return std::move(*html);
  };
  CHECK(page().find("What counts") == std::string::npos);
  CHECK(page().find("cost, mean [95 %]") != std::string::npos);
  story["plan"]["currency"] = "E&R";
  story["plan"]["objective"] = "tardiness 60 E&R/h";
  CHECK(page().find("<p>What counts: tardiness 60 E&amp;R/h.</p>") != std::string::npos);
  CHECK(page().find("E&amp;R, mean [95 %]") != std::string::npos);
}

TEST_CASE("the page draws when operations begin and end, and when orders are due") {
  auto story = shipped_story();
  const auto page = [&] {
    auto html = page_of(story);
    if (!html) FAIL(html.error().text());
    return std::move(*html);
  };
  const auto count = [](const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  CHECK(page().find("What was expected") == std::string::npos);  // a story of before
  CHECK(count(page(), "class='due") == 0);
  const double now_s = story["plan"]["at_s"].get<double>();
  const auto span = [&](const char* machine, const char* order, double begins_s) {
    const auto at = [&](double s) {
      return ordered_json{now_s + s - 60, now_s + s, now_s + s + 120};
    };
    return ordered_json{{"machine", machine},
                        {"order", order},
                        {"begin_s", at(begins_s)},
                        {"end_s", at(begins_s + 1800)}};
  };
  const ordered_json spans = {span("filler", "A-104", 300), span("packer", "A-104", 600),
                              span("filler", "A-105", 2400)};
  const auto promise = [&](const char* order, double on_time) {
    return ordered_json{{"order", order},
                        {"due_s", now_s + 3000},
                        {"on_time", on_time},
                        {"on_time_low", on_time - 0.1},
                        {"on_time_high", on_time + 0.1},
                        {"p10_s", now_s + 2340},
                        {"p50_s", now_s + 2400},
                        {"p90_s", now_s + 2520}};
  };
  story["plan"]["spans"] = {{"keep", spans}, {"winner", spans}};
  story["plan"]["orders"] = {{"keep", {promise("A-104", 0.5)}},
                             {"winner", {promise("A-104", 0.9)}}};
  story["plan"]["proof"]["seeds"] = {1, 2, 3};
  story["orders"] = {{{"id", "A-104"}, {"due_s", 9000}}, {{"id", "A-105"}, {"due_s", nullptr}}};
  const auto told = page();
  CHECK(told.find("the running schedule (3 futures)") != std::string::npos);
  // Two schedules, each with three operations and two orders.
  CHECK(count(told, "<rect class='spread ") == 10);
  CHECK(count(told, "<rect class='due ") == 4);  // in both, and in both runs
  CHECK(told.find("50 % <span class='quiet'>[40, 60]</span>") != std::string::npos);
  CHECK(told.find("90 % <span class='quiet'>[80, 100]</span>") != std::string::npos);
  CHECK(told.find("order A-105") != std::string::npos);
}

TEST_CASE("every table of a story is as wide as its header") {
  const auto story = shipped_story();
  const auto tables = tables_of(story);
  REQUIRE(tables);
  for (const auto& table : *tables) {
    INFO(table.name);
    CHECK_FALSE(table.rows.empty());
    for (const auto& row : table.rows) CHECK(row.size() == table.columns.size());
  }
  const auto& measures = named(*tables, "measures");
  const auto& downtime = measures.rows.front();
  CHECK(std::get<std::string>(downtime[0]) == "downtime");
  CHECK(std::get<double>(downtime[2]) ==
        story["runs"]["without"]["measures"]["downtime"]["value"].get<double>());
  CHECK(std::get<double>(downtime[4]) ==
        std::get<double>(downtime[3]) - std::get<double>(downtime[2]));
  CHECK(std::get<double>(downtime[5]) ==
        story["plan"]["proof"]["keep"]["downtime"]["mean"].get<double>());
  CHECK(named(*tables, "audit").rows.size() == story["audit"].size());
  CHECK(named(*tables, "gate").rows.size() == story["plan"]["checks"].size());
}

TEST_CASE("a story without a plan, a part or a known shape still gives what it has") {
  CHECK_FALSE(tables_of(ordered_json::parse("[1, 2]")));
  CHECK_FALSE(tables_of(ordered_json::parse("{}")));
  const auto odd = tables_of(ordered_json::parse(
      R"({"runs": {"without": {"measures": {"x": {"value": "many"}}, "gantt": 7}}, "plan": [],
          "signals": [{"points": [1, [2], [3, null]]}], "audit": [{"who": null}]})"));
  REQUIRE(odd);
  CHECK(named(*odd, "measures").rows.size() == 1);
  CHECK(named(*odd, "signals").rows.size() == 1);
}

TEST_CASE("CSV quotes what needs it, and no cell becomes a formula") {
  const Table table{"t",
                    {"a", "b [s]"},
                    {{std::string("plain"), 0.1},
                     {std::string("a,\"b\"\nc"), std::monostate{}},
                     {std::string("=HYPERLINK(1)"), -2.5},
                     {std::string("-1+1"), 1e300}}};
  CHECK(csv_of(table) ==
        "a,b [s]\nplain,0.1\n\"a,\"\"b\"\"\nc\",\n'=HYPERLINK(1),-2.5\n'-1+1,1e+300\n");
}

TEST_CASE("a workbook has a sheet a table, numbers as numbers, text as text") {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / "tables";
  fs::create_directories(folder);
  const auto file = folder / "book.xlsx";
  const std::vector<Table> tables = {{"one", {"name", "value"}, {{std::string("=1+1"), 42.5}}},
                                     {"two", {"x"}, {{std::string("<&>")}}}};
  REQUIRE(write_xlsx(file, tables));
  const auto first = member(file, "xl/worksheets/sheet1.xml");
  CHECK(first.find("<v>42.5</v>") != std::string::npos);
  CHECK(first.find("<f>") == std::string::npos);
  const auto book = member(file, "xl/workbook.xml");
  CHECK(book.find("name=\"one\"") != std::string::npos);
  CHECK(book.find("name=\"two\"") != std::string::npos);
  CHECK(member(file, "xl/sharedStrings.xml").find("&lt;&amp;&gt;") != std::string::npos);
  CHECK_FALSE(write_xlsx(folder / "no" / "such" / "folder.xlsx", tables));
}
