// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/worker/wire.hpp"

using namespace foreline;
namespace fs = std::filesystem;

namespace {

const fs::path source = FORELINE_SOURCE_DIR;

fs::path folder() {
  // Tests run side by side, each in a process of its own.
  const auto path = fs::path(FORELINE_BINARY_DIR) / "text_test" / std::to_string(::getpid());
  fs::create_directories(path);
  return path;
}

fs::path written(const std::string& name, const std::string& text) {
  const auto path = folder() / name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

line::Line bottling() {
  auto line = text::read_line_file(source / "scenarios/lines/bottling.toml");
  if (!line) FAIL(line.error().text());
  return std::move(*line);
}

std::string mistakes_of_orders(const std::string& csv) {
  const auto orders = text::read_orders_file(written("orders.csv", csv), bottling());
  return orders ? "" : orders.error().text();
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a scenario that is written is read back as the same trials and expectations") {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(source / "scenarios/regression")) {
    auto scenario = text::read_scenario_file(entry.path());
    INFO(entry.path());
    REQUIRE(scenario);
    auto copy = *scenario;
    // Compared schedules are named from the scenario's own folder, so the copy must lie as deep.
    fs::create_directories(folder() / "regression");
    fs::remove(folder() / "schedules");
    fs::create_directory_symlink(source / "scenarios/schedules", folder() / "schedules");
    copy.path = (folder() / "regression" / entry.path().filename()).string();
    std::ofstream(copy.path) << text::scenario_text(copy);
    const auto again = text::read_scenario_file(copy.path);
    if (!again) FAIL(again.error().text());
    CHECK(again->seed_count == scenario->seed_count);
    REQUIRE(again->expectations.size() == scenario->expectations.size());
    for (std::size_t i = 0; i < again->expectations.size(); ++i) {
      CHECK(again->expectations[i].what.index() == scenario->expectations[i].what.index());
      CHECK(again->expectations[i].seeds.wanted == scenario->expectations[i].seeds.wanted);
    }
    for (std::size_t i = 0; i < scenario->seed_count; ++i)
      CHECK(worker::to_bytes(text::trial_of(*again, i)) ==
            worker::to_bytes(text::trial_of(*scenario, i)));
    ++count;
  }
  CHECK(count >= 8);
}

TEST_CASE("a schedule that is written is read back") {
  const auto line = bottling();
  const auto orders = text::read_orders_file(source / "scenarios/orders/bottling-day.csv", line);
  REQUIRE(orders);
  line::Schedule schedule;
  for (std::uint32_t o = static_cast<std::uint32_t>(orders->size()); o-- > 0;)
    schedule.sequence.push_back({o});
  schedule.services.push_back({{2}, line::Service::When::at_time, 5430.5, {}});
  schedule.services.push_back({{0}, line::Service::When::before_order, 0, {3}});
  const auto path = written("schedule.toml", text::schedule_text(schedule, line, *orders));
  const auto again = text::read_schedule_file(path, line, *orders);
  if (!again) FAIL(again.error().text());
  CHECK(*again == schedule);
}

TEST_CASE("a schedule keeps names with quotes and backslashes") {
  const auto line = text::read_line_file(
      written("quotes.toml",
              "format = \"foreline line 1\"\nname = \"x\"\nproducts = [\"p\"]\n"
              "[[machine]]\nname = 'a\"b\\c'\ncycle = \"1 s\"\n"));
  if (!line) FAIL(line.error().text());
  const auto orders = text::read_orders_file(
      written("quotes.csv", "id,product,quantity\n\"O\"\"1\",p,1\nO\\2,p,1\n"), *line);
  if (!orders) FAIL(orders.error().text());
  line::Schedule schedule{{{1}, {0}}, {{{0}, line::Service::When::before_order, 0, {0}}}};
  const auto again = text::read_schedule_file(
      written("quotes-schedule.toml", text::schedule_text(schedule, *line, *orders)), *line,
      *orders);
  if (!again) FAIL(again.error().text());
  CHECK(*again == schedule);
}

TEST_CASE("an order book is read whatever its line ends, quotes, order of columns and mark") {
  const auto line = bottling();
  const std::string head = "id,product,quantity,release,due,weight\n";
  for (const std::string& csv :
       {head + "A,still,10,,1h,2\n",
        std::string("id,product,quantity,release,due,weight\r\nA,still,10,,1h,2\r\n"),
        "\xEF\xBB\xBF" + head + "A,still,10,,1h,2", head + "\"A\",\"still\",10,,\"1h\",2\n",
        std::string("product,id,weight,due,release,quantity\nstill,A,2,1h,,10\n")}) {
    const auto orders = text::read_orders_file(written("orders.csv", csv), line);
    INFO(csv << (orders ? "" : orders.error().text()));
    REQUIRE(orders);
    REQUIRE(orders->size() == 1);
    CHECK(orders->front().id == "A");
    CHECK(orders->front().quantity == 10);
    CHECK(orders->front().due_s == 3600);
    CHECK(orders->front().weight == 2);
  }
}

TEST_CASE("an order book with precedence is read, and read back as it is written") {
  const auto line = bottling();
  const auto read = text::read_orders_file(
      written("after.csv",
              "id,product,quantity,after\nA,still,10,\"B; C\"\nB,still,10,C\nC,still,10,\n"),
      line);
  if (!read) FAIL(read.error().text());
  CHECK((*read)[0].after == std::vector<line::OrderId>{{1}, {2}});
  CHECK((*read)[1].after == std::vector<line::OrderId>{{2}});
  CHECK((*read)[2].after.empty());
  const auto again =
      text::read_orders_file(written("after.csv", text::orders_text(*read, line)), line);
  if (!again) FAIL(again.error().text());
  CHECK(*again == *read);
}

TEST_CASE("an order book keeps names with commas and quotes") {
  line::Line line;
  line.name = "l";
  line.products = {"1/2\", zinc", "b"};
  const std::vector<line::Order> orders = {{"A, 1", {0}, 3}, {"\"B\"", {1}, 4, 0, 60, 2, {{0}}}};
  const auto read =
      text::read_orders_file(written("names.csv", text::orders_text(orders, line)), line);
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  CHECK(*read == orders);
}

TEST_CASE("names with semicolons are told apart by what is known") {
  line::Line line;
  line.name = "l";
  line.products = {"a; 1", "a", "b"};
  const auto read = text::read_orders_file(
      written("names.csv", "id,product,quantity,after\nX;1,a; 1,3,\nX,a; b; a; 1,4,X;1\n"), line);
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  REQUIRE(read->size() == 4);
  const std::vector<std::uint32_t> products = {0, 1, 2, 0};
  for (std::size_t o = 0; o < products.size(); ++o) CHECK((*read)[o].product.index == products[o]);
  CHECK((*read)[1].after == std::vector<line::OrderId>{{0}});
  const auto again =
      text::read_orders_file(written("names.csv", text::orders_text(*read, line)), line);
  INFO((again ? "" : again.error().text()));
  REQUIRE(again);
  CHECK(*again == *read);
}

TEST_CASE("a name has at most 60 characters, of whatever script") {
  const auto mistakes = [](int characters) {
    std::string name;
    for (int i = 0; i < characters; ++i) name += "\u704c";
    const auto line = text::read_line_file(
        written("name.toml",
                "format = \"foreline line 1\"\nname = \"l\"\nproducts = [\"p\"]\n"
                "[[machine]]\nname = \"" +
                    name + "\"\ncycle = \"5 s\"\n"));
    return line ? "" : line.error().text();
  };
  CHECK(mistakes(60) == "");
  CHECK(mentions(mistakes(61), "wanted 1 to 60 characters"));
}

TEST_CASE("breaks that leave no time to work are a mistake") {
  const auto mistakes = [](const std::string& until) {
    const auto line = text::read_line_file(
        written("breaks.toml",
                "format = \"foreline line 1\"\nname = \"l\"\nproducts = [\"p\"]\n"
                "[[calendars]]\nname = \"c\"\n[[calendars.shift]]\nfrom = \"06:00\"\n"
                "until = \"14:00\"\n[[calendars.break]]\nfrom = \"05:00\"\nuntil = \"" +
                    until + "\"\n[[machine]]\nname = \"m\"\ncycle = \"5 s\"\n"));
    return line ? "" : line.error().text();
  };
  CHECK(mistakes("13:59") == "");
  CHECK(mentions(mistakes("14:00"), "the breaks leave nothing of the shifts"));
}

TEST_CASE("no order is taken for a comment") {
  const auto line = bottling();
  const std::string head = "# of today\n## \nid,product,quantity\n";
  const auto read = text::read_orders_file(
      written("orders.csv", head + "\"#17\",still,3\n# 18,still,4\n#\n#not yet\n"), line);
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  CHECK(read->front().id == "#17");
  const auto again =
      text::read_orders_file(written("orders.csv", text::orders_text(*read, line)), line);
  REQUIRE(again);
  CHECK(*again == *read);
  CHECK(mentions(mistakes_of_orders(head + "16,still,3\n#17,still,3\n"),
                 "orders.csv:5:1: order \"#17\" or a comment?"));
}

TEST_CASE("an order with several products goes through the line several times") {
  const auto line = bottling();
  const auto read = text::read_orders_file(
      written("passes.csv",
              "id,product,quantity,release,due,weight,after\nL,still; juice;still,10,1h,9h,2,X\n"
              "M,tea,5,,,,L\nX,tea,5,,,,\n"),
      line);
  if (!read) FAIL(read.error().text());
  REQUIRE(read->size() == 5);
  const auto& orders = *read;
  const std::vector<std::string> ids = {"L/1", "L/2", "L/3", "M", "X"};
  for (std::size_t o = 0; o < ids.size(); ++o) CHECK(orders[o].id == ids[o]);
  CHECK(orders[1].product == *line.product_named("juice"));
  CHECK(orders[0].after == std::vector<line::OrderId>{{4}});
  CHECK(orders[1].after == std::vector<line::OrderId>{{0}});
  CHECK(orders[2].after == std::vector<line::OrderId>{{1}});
  CHECK(orders[3].after == std::vector<line::OrderId>{{2}});
  CHECK(std::isinf(orders[0].due_s));
  CHECK(orders[2].due_s == 9 * 3600);
  CHECK(orders[1].weight == 0);
  CHECK(orders[2].weight == 2);
  CHECK(orders[1].quantity == 10);
  const auto again =
      text::read_orders_file(written("passes.csv", text::orders_text(orders, line)), line);
  if (!again) FAIL(again.error().text());
  CHECK(*again == orders);
  const auto wrong =
      text::read_orders_file(written("passes.csv",
                                     "id,product,quantity,after\nL,still; cola,10,\nL/1,still,5,\n"
                                     "K,still; tea,10,K/2\nL,tea;tea,5,\n"),
                             line);
  REQUIRE_FALSE(wrong);
  const auto text = wrong.error().text();
  CHECK(mentions(text, "no product \"cola\""));
  const auto many =
      mistakes_of_orders("id,product,quantity\nL," + std::string(1'000'000, ';') + ",3\n");
  CHECK(mentions(many, "goes through the line 1000001 times, wanted at most 50"));
  CHECK(many.size() < 10'000);
  CHECK(mentions(text, "order \"L\" is there twice"));
  CHECK(mentions(text, "order \"L/1\" is there twice"));
  CHECK(mentions(text, "orders wait for one another: K/1 after K/2 after K/1"));
  std::string circle = "id,product,quantity,after\n";
  for (int i = 0; i < 3000; ++i)
    circle += "O-" + std::to_string(i) + ",tea,5,O-" + std::to_string((i + 1) % 3000) + "\n";
  const auto long_one = text::read_orders_file(written("passes.csv", circle), line);
  REQUIRE_FALSE(long_one);
  CHECK(mentions(long_one.error().text(), "after O-6 after O-7 ... (3000)"));
  CHECK(long_one.error().text().size() < 400);
}

TEST_CASE("what counts on a line is read with its prices, and read back") {
  const auto text = contents(source / "scenarios/lines/stamping.toml") +
                    "\n[objective]\ntardiness = \"60 EUR/h\"\nenergy = \"0.28 EUR/kWh\"\n"
                    "orders-late = \"500 EUR/order\"\n";
  const auto line = text::read_line_file(written("line.toml", text));
  if (!line) FAIL(line.error().text());
  REQUIRE(line->objective);
  auto wanted = line::free_of_cost();
  wanted.currency = "EUR";
  wanted.tardiness_s = 60.0 / 3600;
  wanted.energy_kwh = 0.28;
  wanted.late_order = 500;
  CHECK(*line->objective == wanted);
  const auto again = text::read_line_file(written("line.toml", text::line_text(*line)));
  if (!again) FAIL(again.error().text());
  CHECK(again->objective == line->objective);
  CHECK_FALSE(bottling().objective);
}

TEST_CASE("how much of a fault a signal shows is read, and read back") {
  auto text = contents(source / "scenarios/lines/stamping.toml");
  const auto at = text.find("[[machine.signal]]");
  REQUIRE(at != std::string::npos);
  text.insert(text.find('\n', at) + 1, "fault_rise = 0.5\nfault_unrest = 0\n");
  const auto line = text::read_line_file(written("line.toml", text));
  if (!line) FAIL(line.error().text());
  CHECK(line->machines[0].signals[0].fault_rise == 0.5);
  CHECK(line->machines[0].signals[0].fault_unrest == 0);
  CHECK(line->machines[0].signals[1].fault_rise == 1);
  const auto again = text::read_line_file(written("line.toml", text::line_text(*line)));
  if (!again) FAIL(again.error().text());
  CHECK(again->machines == line->machines);
  text.replace(text.find("fault_rise = 0.5"), 16, "fault_rise = -1 ");
  CHECK(mentions(text::read_line_file(written("line.toml", text)).error().text(), "fault_rise"));
}

TEST_CASE("a ranking lets a unit outweigh a thousand of the next") {
  const auto text = contents(source / "scenarios/lines/stamping.toml") +
                    "\n[objective]\nfirst = [\"orders-late\", \"tardiness\", \"makespan\"]\n";
  const auto line = text::read_line_file(written("line.toml", text));
  if (!line) FAIL(line.error().text());
  auto wanted = line::free_of_cost();
  wanted.currency = "points";
  wanted.late_order = 1e6;
  wanted.tardiness_s = 1000.0 / 3600;
  wanted.makespan_s = 1.0 / 3600;
  CHECK(line->objective == wanted);
}

TEST_CASE("every mistake of an order book is told with its line") {
  const auto text = mistakes_of_orders(
      "id,product,quantity,release,due,weight\n"
      "A,stil,10,,1h,1\n"
      "B,still,-4,,1h,1\n"
      "B,still,5,later,1h,1\n"
      "C,still,5,,1h\n");
  CAPTURE(text);
  CHECK(mentions(text, "orders.csv:2:"));
  CHECK(mentions(text, "did you mean \"still\"?"));
  CHECK(mentions(text, "orders.csv:3:"));
  CHECK(mentions(text, "-4"));
  CHECK(mentions(text, "orders.csv:4:"));
  CHECK(mentions(text, "later"));
  CHECK(mentions(text, "orders.csv:5:"));
  CHECK(mentions(mistakes_of_orders("id,product\nA,still\n"), "quantity"));
  CHECK_FALSE(mistakes_of_orders("").empty());
  CHECK_FALSE(mistakes_of_orders("id,product,quantity,release,due,weight\n").empty());
  CHECK(mentions(mistakes_of_orders("id,product,quantity,release,due,weight\nA,\"still,1,,,\n"),
                 "orders.csv:2:3: a quote must end where its cell ends"));
  CHECK(mentions(mistakes_of_orders("id,product,quantity\n\"A\"1,still,1\n"),
                 "orders.csv:2:1: a quote must end where its cell ends"));
  CHECK(mentions(mistakes_of_orders("id;product;quantity\nA;still;1\n"),
                 "commas part the cells, no semicolons"));
}

TEST_CASE("a file cut anywhere, or with a byte changed, is an error or a whole, never a crash") {
  const auto text = contents(source / "scenarios/lines/stamping.toml");
  std::size_t whole = 0;
  for (std::size_t size = 0; size < text.size(); size += 37) {
    const auto line = text::read_line_file(written("cut.toml", text.substr(0, size)));
    if (!line) {
      REQUIRE_FALSE(line.error().diagnostics.empty());
      CHECK_FALSE(line.error().diagnostics.front().file.empty());
    }
    whole += line ? 1 : 0;
  }
  CHECK(whole < text.size() / 37 / 2);
  for (std::size_t at = 0; at < text.size(); at += 41) {
    auto changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    const auto line = text::read_line_file(written("changed.toml", changed));
    if (!line) CHECK_FALSE(line.error().text().empty());
  }
}

TEST_CASE("what is no text file is told as such") {
  const auto no_file = text::read_line_file(folder() / "absent.toml");
  REQUIRE_FALSE(no_file);
  CHECK(mentions(no_file.error().text(), "absent.toml"));
  CHECK_FALSE(text::read_line_file(folder()));
  CHECK_FALSE(text::read_line_file(written("latin.toml", "name = \"F\xFCller\"\n")));
  CHECK_FALSE(text::read_line_file(written("zero.toml", std::string("name = \"a\0b\"", 12))));
}
