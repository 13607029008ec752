// SPDX-License-Identifier: Apache-2.0
#include "sim/search/instance_file.hpp"

#include <catch2/catch.hpp>

using namespace foreline;
using namespace foreline::search;

namespace {

std::string complaint(const std::string& text, Kind kind) {
  auto read = read_instances(text, "shop.txt", kind);
  return read ? "no complaint" : read.error().text();
}

}  // namespace

TEST_CASE("flow shops are read by machine, by job, in pairs, broken over lines") {
  for (const std::string text :
       {"3 2\n1 2 3\n4 5 6\n", "3 2\n1 4\n2 5\n3 6\n", "3 2\n0 1 1 4\n0 2 1 5\n0 3 1 6\n",
        "3 2\n1 2 3 4\n5 6\n", "3 2\n1 2 3\n4 5\n6\n",
        "\xEF\xBB\xBF"
        "3\t2\r\n\r\n 1  2,3 \r\n\f4;5;6",
        "3 2\r1 2 3\r4 5 6\r",
        "number of jobs, number of machines, initial seed, upper bound "
        "and lower bound :\n 3 2 87 9 "
        "8\nprocessing times :\n 1 2 3\n 4 5 6\n"}) {
    auto read = read_instances(text, "folder/shop.txt", Kind::flowshop);
    INFO(text);
    REQUIRE(read);
    REQUIRE(read->size() == 1);
    const auto& shop = std::get<FlowShop>(read->front());
    CHECK(shop.name == "shop");
    CHECK(shop.jobs == 3);
    CHECK(shop.machines == 2);
    CHECK(shop.time == std::vector<std::int32_t>{1, 4, 2, 5, 3, 6});
  }
  auto two = read_instances("2 1\n0 1\n0 3\n", "two", Kind::flowshop);
  REQUIRE(two);
  CHECK(std::get<FlowShop>(two->front()).time == std::vector<std::int32_t>{1, 3});
  two = read_instances("2 1\n0 3\n", "two", Kind::flowshop);
  REQUIRE(two);
  CHECK(std::get<FlowShop>(two->front()).time == std::vector<std::int32_t>{0, 3});
  auto square = read_instances("2 2\n1 2\n3 4\n", "s", Kind::blocking);
  REQUIRE(square);
  CHECK(std::get<FlowShop>(square->front()).time == std::vector<std::int32_t>{1, 3, 2, 4});
  CHECK(std::get<FlowShop>(square->front()).blocking);
  square = read_instances("2 2\n1 2\n3 4\n", "s", Kind::flowshop, Rows::jobs);
  REQUIRE(square);
  CHECK(std::get<FlowShop>(square->front()).time == std::vector<std::int32_t>{1, 2, 3, 4});
}

TEST_CASE("a file may hold several instances, with names or without") {
  auto read = read_instances("+++\n instance car1\n+++\n1 1\n5\n instance car2\n1 1\n6\n", "or.txt",
                             Kind::flowshop);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(name_of((*read)[0]) == "car1");
  CHECK(name_of((*read)[1]) == "car2");
  read = read_instances("1 1\n5\n1 1\n6\n", "two.txt", Kind::flowshop);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(name_of((*read)[1]) == "two-2");
}

TEST_CASE("job shops are read in the usual and in Taillard's form") {
  for (const std::string text :
       {"2 2\n0 3 1 4\n1 5 0 6\n", "2 2\n1 3 2 4\n2 5 1 6\n", "2 2\n0 3\n1 4 1\n5 0 6\n",
        "2 2\n0 3 1 4 1 5 0 6\n",
        "Nb of jobs, Nb of Machines\n2 2 11 22 33 44\nTimes\n3 4\n5 6\nMachines\n1 2\n2 1\n"}) {
    auto read = read_instances(text, "js", Kind::jobshop);
    INFO(text);
    REQUIRE(read);
    const auto& shop = std::get<JobShop>(read->front());
    CHECK(shop.machines == 2);
    CHECK(shop.jobs ==
          std::vector<std::vector<Operation>>{{{{0, 3}}, {{1, 4}}}, {{{1, 5}}, {{0, 6}}}});
  }
}

TEST_CASE("flexible and hybrid shops are read") {
  auto read = read_instances("2 3 1.5\n1 2 1 5 3 6\n2 1 2 7 1 1 8\n", "f", Kind::flexible);
  REQUIRE(read);
  CHECK(std::get<JobShop>(read->front()).jobs ==
        std::vector<std::vector<Operation>>{{{{0, 5}, {2, 6}}}, {{{1, 7}}, {{0, 8}}}});
  read = read_instances("3 2\n2 1\n1 2\n3 4\n5 6\n", "h", Kind::hybrid);
  REQUIRE(read);
  const auto& hybrid = std::get<HybridFlowShop>(read->front());
  CHECK(hybrid.machines_a_stage == std::vector<std::int32_t>{2, 1});
  CHECK(hybrid.time == std::vector<std::int32_t>{1, 2, 3, 4, 5, 6});
  CHECK(job_shop_of(hybrid).machines == 3);
}

TEST_CASE("sizes in lines of their own, as in the sets of Naderi, Ruiz and Roshanaei") {
  auto read = read_instances("3\n2\n1 4\n2 5\n3 6\n", "n", Kind::flowshop);
  REQUIRE(read);
  CHECK(std::get<FlowShop>(read->front()).time == std::vector<std::int32_t>{1, 4, 2, 5, 3, 6});
  read = read_instances("2\n2\n1 4\n2 5\n", "n", Kind::flowshop);  // square: a row a job
  REQUIRE(read);
  CHECK(std::get<FlowShop>(read->front()).time == std::vector<std::int32_t>{1, 4, 2, 5});
  read = read_instances("3\n2\n7 8 9\n1 4\n2 5\n3 6\n", "n", Kind::flowshop);
  REQUIRE(read);
  CHECK(std::get<FlowShop>(read->front()).dates.due == std::vector<Time>{7, 8, 9});
  read = read_instances("3\n1\n1\n2\n3\n0 1 2\n3 0 4\n5 6 0\n", "n", Kind::flowshop);
  REQUIRE(read);
  CHECK(std::get<FlowShop>(read->front()).setups.at(0, 2, 1) == 6);
  read = read_instances("2\n2\n3 4\n5 6\n1 2\n2 1\n", "n", Kind::jobshop);
  REQUIRE(read);
  CHECK(std::get<JobShop>(read->front()).jobs ==
        std::vector<std::vector<Operation>>{{{{0, 3}}, {{1, 4}}}, {{{1, 5}}, {{0, 6}}}});
  read = read_instances("2\n3\n1 2\n5 0 6\n0 7 0\n8 0 0\n", "n", Kind::flexible);
  REQUIRE(read);
  CHECK(std::get<JobShop>(read->front()).jobs ==
        std::vector<std::vector<Operation>>{{{{0, 5}, {2, 6}}}, {{{1, 7}}, {{0, 8}}}});
  read = read_instances("3\n2\n2 1\n1 2\n3 4\n5 6\n", "n", Kind::hybrid);
  REQUIRE(read);
  CHECK(std::get<HybridFlowShop>(read->front()).time ==
        std::vector<std::int32_t>{1, 2, 3, 4, 5, 6});
  CHECK(complaint("2\n3\n1 2\n5 0 6\n0 0 0\n8 0 0\n", Kind::flexible) ==
        "shop.txt:5:1: no machine can do operation 0 of job 1 (a time above 0 names a machine)");
}

TEST_CASE("other spellings of the public files") {
  // Numbers of machines behind the sizes; a matrix with a row a stage.
  for (const std::string text : {"3 2 2 1\n1 2\n3 4\n5 6\n", "3 2\n2 1\n1 3 5\n2 4 6\n"}) {
    auto read = read_instances(text, "h", Kind::hybrid);
    INFO(text);
    REQUIRE(read);
    const auto& shop = std::get<HybridFlowShop>(read->front());
    CHECK(shop.machines_a_stage == std::vector<std::int32_t>{2, 1});
    CHECK(shop.time == std::vector<std::int32_t>{1, 2, 3, 4, 5, 6});
  }
  // Taillard's job shops without captions or with one; rows that begin with their length.
  for (const std::string text :
       {"2 2 11 22\n3 4\n5 6\n1 2\n2 1\n", "2 2\n3 4\n5 6\nMachines\n1 2\n2 1\n",
        "2 2\n2 0 3 1 4\n2 1 5 0 6\n"}) {
    auto read = read_instances(text, "js", Kind::jobshop);
    INFO(text);
    REQUIRE(read);
    CHECK(std::get<JobShop>(read->front()).jobs ==
          std::vector<std::vector<Operation>>{{{{0, 3}}, {{1, 4}}}, {{{1, 5}}, {{0, 6}}}});
  }
  // OR-Library: the description may speak of an instance, too, and begin with a size.
  auto read = read_instances(
      " instance abz5\n\n ++++++\n Adams, and Zawack 10x10 instance (Table 1, instance 5)\n 1 1\n"
      " 0 7\n ++++++\n\n instance abz6\n 10x10 instance (Table 1, instance 6)\n 1 1\n 0 8\n ++++\n",
      "jobshop1.txt", Kind::jobshop);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK(name_of((*read)[0]) == "abz5");
  CHECK(name_of((*read)[1]) == "abz6");
  // Of Taillard's flow shops several stand in a file.
  const std::string one =
      "number of jobs, number of machines, initial seed, upper bound and lower bound :\r\n"
      "          3           2   873654221        1278        1232\r\nprocessing times :\r\n"
      " 1 2 3\r\n 4 5 6\r\n";
  read = read_instances(one + one + "\r\n\t \r\n", "tai3_2.txt", Kind::blocking);
  REQUIRE(read);
  CHECK(read->size() == 2);
}

TEST_CASE("set-ups and dates follow the times") {
  const std::string times = "3 2\n0 1 1 4\n0 2 1 5\n0 3 1 6\n";
  const std::string setups = "SSD\nM0\n-1 1 2\n3 -1 4\n5 6 -1\nM1\n0 7 8\n9 0 1\n2 3 0\n";
  const std::string dates = "Reldue\n-1 20 -1 2\n5 -1 -1 -1\n0 30 -1 1\n";
  for (const auto& text : {times + setups + dates, times + dates + setups}) {
    auto read = read_instances(text + "Another\n1 1\n5\n", "s", Kind::flowshop);
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    const auto& shop = std::get<FlowShop>(read->front());
    CHECK(shop.setups.time ==
          std::vector<std::int32_t>{0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 7, 8, 9, 0, 1, 2, 3, 0});
    CHECK(shop.dates.release == std::vector<Time>{0, 5, 0});
    CHECK(shop.dates.due == std::vector<Time>{20, no_due, 30});
    CHECK(shop.dates.weight == std::vector<Time>{2, 1, 1});
    CHECK(std::get<FlowShop>((*read)[1]).setups.empty());
  }
  // Flexible job shops: matrices of operations, without a caption.
  auto read =
      read_instances("2 1 1\n2 1 1 3 1 1 4\n1 1 1 5\n0 1 2\n3 0 4\n5 6 0\n", "f", Kind::flexible);
  REQUIRE(read);
  CHECK(std::get<JobShop>(read->front()).setups.of_operations);
  CHECK(std::get<JobShop>(read->front()).setups.at(0, 1, 2) == 4);
  CHECK(
      complaint(times + "SSD\nM0\n0 1 2\n3 0\n5 x 0\nM1\n0 7 8\n9 0 1\n2 3 0\n", Kind::flowshop) ==
      "shop.txt:8:4: set-ups of machine 0 behind 1: 2 numbers, wanted 3\n"
      "shop.txt:9:3: the set-up time is \"x\", wanted a whole number");
  CHECK(complaint(times + "Reldue\n0 9 1\n9 8 1\n0 1 -2\n", Kind::flowshop) ==
        "shop.txt:7:3: job 1 is due at 8, before its release at 9\n"
        "shop.txt:8:5: the weight is -2, wanted -1 to 1000000");
  CHECK(complaint(times + "Reldue\n0 9 1\n0 8.5 1\n", Kind::flowshop)
            .find("shop.txt:7:3: the due date is \"8.5\", wanted a whole number (choose a finer "
                  "unit") == 0);
}

TEST_CASE("mistakes are named with line, column and what was wanted") {
  CHECK(complaint("", Kind::flowshop) ==
        "shop.txt: there is no instance in this file (it begins with the number of jobs and of "
        "machines)");
  CHECK(complaint("3 2\n1 2 3\n4 x 6\n", Kind::flowshop) ==
        "shop.txt:3:3: the time is \"x\", wanted a whole number");
  CHECK(complaint("3 2\n1 2 3\n4 5\n", Kind::flowshop) ==
        "shop.txt:3:4: machine 1 has 2 numbers, wanted 3 (one a job)");
  // Whole rows of jobs, but for one: not numbers broken over lines.
  CHECK(complaint("4 2\n1 2\n3 4 5 6\n7 8\n", Kind::flowshop)
            .find("shop.txt:3:5: job 1 has 4 numbers, wanted 2") == 0);
  CHECK(complaint("3 2\n1 2 3\n", Kind::flowshop) ==
        "shop.txt:1:1: 3 jobs and 2 machines need more numbers than the file has");
  CHECK(complaint("3 2\n1 -2 3\n4 5 2.5\n", Kind::flowshop) ==
        "shop.txt:2:3: the time is -2, wanted 0 to 1000000000\n"
        "shop.txt:3:5: the time is \"2.5\", wanted a whole number (choose a finer unit, so that "
        "times are whole)");
  CHECK(complaint("1000000 1000000\n1 2 3\n", Kind::flowshop).find("need more numbers") !=
        std::string::npos);
  CHECK(complaint("99999999999999999999 2\n", Kind::jobshop).find("too large") !=
        std::string::npos);
  CHECK(complaint("7\n", Kind::jobshop).find("shop.txt:1:2: one number only") == 0);
  CHECK(complaint("0 2\n", Kind::jobshop).find("shop.txt:1:1: the number of jobs is 0") == 0);
  CHECK(complaint("2 2\n0 3 1 4\n1 5 7 6\n", Kind::jobshop) ==
        "shop.txt:3:5: machine 7 is unknown, there are 0 to 1");
  CHECK(complaint("2 2\n0 3 1 4\n1 5 0\n", Kind::jobshop) ==
        "shop.txt:3:6: job 1 has 3 numbers, wanted pairs of machine and time");
  CHECK(complaint("2 2\n0 -3 1 4\n1 5 7 6\n", Kind::jobshop) ==
        "shop.txt:2:3: the time is -3, wanted 0 to 1000000000\n"
        "shop.txt:3:5: machine 7 is unknown, there are 0 to 1");
  CHECK(complaint("2 2\n0 3 1 4\n", Kind::jobshop)
            .find("the file ends, wanted the operations of job 1") != std::string::npos);
  CHECK(complaint("1 2\n1 2 1 5 1 6\n", Kind::flexible) ==
        "shop.txt:2:9: machine 1 is listed twice for one operation");
  CHECK(complaint("1 2\n2 1 1 5\n", Kind::flexible)
            .find("shop.txt:2:8: job 0 ends, wanted the number of machines of operation 1") == 0);
  CHECK(complaint("1 2\n1 1 1 5 9\n", Kind::flexible)
            .find("shop.txt:2:9: job 0 has 1 numbers after") == 0);
  CHECK(
      complaint("2 2\n2\n1 2\n3 4\n", Kind::hybrid).find("shop.txt:2:2: 2 stages need 2 numbers") ==
      0);
  CHECK(complaint("2 2\n0 1\n1 2\n3 4\n", Kind::hybrid)
            .find("shop.txt:2:1: the number of machines of the stage is 0") == 0);
  CHECK(complaint("2 1\n1000000000\n1000000000\n", Kind::flowshop).find("coarser") !=
        std::string::npos);
  std::string many = "30 1\n";
  for (int i = 0; i < 30; ++i) many += "1x\n";
  const auto all = complaint(many, Kind::flowshop);
  CHECK(std::count(all.begin(), all.end(), '\n') == 20);
  CHECK(all.find("more than 20 mistakes") != std::string::npos);
}

TEST_CASE("no noise crashes the reader") {
  std::uint64_t state = 1;
  const std::string letters = "0123456789 \n-.x+#\t,\r\xff";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += letters[(state >> 33) % letters.size()];
    }
    for (const auto kind :
         {Kind::flowshop, Kind::blocking, Kind::hybrid, Kind::jobshop, Kind::flexible}) {
      auto read = read_instances(text, "noise", kind);
      CHECK((read.has_value() || !read.error().diagnostics.empty()));
    }
  }
}
