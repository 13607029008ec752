// SPDX-License-Identifier: Apache-2.0
// What-ifs that say what they change, and change it.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

/// Two stations and two kinds of crews; "late" waits for "first", and is due beyond the futures.
std::string scenario_in(const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  };
  const std::string fault =
      "  [[machine.fault]]\n  kind = \"motor-trip\"\n  repair = \"90 min\"\n"
      "  onset = { distribution = \"exponential\", mean = \"100000 h\" }\n";
  (void)write("line.toml",
              "format = \"foreline line 1\"\nname = \"two\"\nproducts = [\"a\"]\n"
              "[[crew]]\nname = \"fitters\"\ncount = 2\n"
              "[[crew]]\nname = \"electrician\"\nskills = [\"electrical\"]\n"
              "[[machine]]\nname = \"saw\"\ncycle = \"30 s\"\nunits = 2\nbuffer_after = 5\n" +
                  fault + "[[machine]]\nname = \"pack\"\ncycle = \"15 s\"\n" + fault);
  (void)write("orders.csv",
              "id,product,quantity,due,after\nnow,a,40,1 h,\nother,a,40,1 h,\nfirst,a,40,2 h,\n"
              "late,a,40,30 h,first\n");
  return write("day.toml",
               "format = \"foreline scenario 1\"\ntitle = \"t\"\nline = \"line.toml\"\n"
               "orders = \"orders.csv\"\nhorizon = \"40 h\"\n");
}

struct Said {
  int status = 0;
  std::string text;
  nlohmann::json json;
};

Said what_if(const std::string& scenario, std::vector<std::string> more) {
  const auto json = scenario + ".json";
  std::filesystem::remove(json);
  std::vector<std::string> words = {"whatif",    scenario, "--at",   "1min",
                                    "--futures", "2",      "--json", json};
  words.insert(words.end(), more.begin(), more.end());
  Foreline command(words);
  Said said;
  said.status = command.end(60);
  said.text = command.said();
  if (std::ifstream in(json); in) said.json = nlohmann::json::parse(in);
  return said;
}

}  // namespace

TEST_CASE("a rushed order takes those along that it waits for") {
  const auto scenario = scenario_in(fresh_folder("what-if-rush"));
  const auto said = what_if(scenario, {"--rush", "late"});
  INFO(said.text);
  REQUIRE(said.status == 0);
  CHECK(said.text.find("late comes next, behind first") != std::string::npos);
  const auto& makespan = said.json.at("measures").at("makespan");
  CHECK(makespan.at("changed") == makespan.at("as it is"));
}

TEST_CASE("crews that have names are changed by their names") {
  const auto scenario = scenario_in(fresh_folder("what-if-crews"));
  const std::vector<std::string> two_stops = {"--fail", "saw-1@5min", "--fail", "saw-2@5min"};
  const auto downtime = [&](std::vector<std::string> crew) {
    crew.insert(crew.end(), two_stops.begin(), two_stops.end());
    const auto said = what_if(scenario, crew);
    INFO(said.text);
    REQUIRE(said.status == 0);
    return said.json.at("measures").at("downtime").at("changed").front().get<double>();
  };
  CHECK(downtime({"--crew", "electrician=-1"}) == Approx(2 * 5400).margin(60));
  CHECK(downtime({"--crew", "fitters=-1", "--crew", "electrician=-1"}) ==
        Approx(3 * 5400).margin(60));
  const auto vague = what_if(scenario, {"--crew", "-1"});
  CHECK(vague.status == 2);
  CHECK(vague.text.find("--crew -1: this line has several kinds of crews: fitters, electrician") !=
        std::string::npos);
}

TEST_CASE("places behind a station are those of all its units, and there are none behind a line") {
  const auto scenario = scenario_in(fresh_folder("what-if-places"));
  const auto said = what_if(scenario, {"--buffer", "saw-2=+2"});
  INFO(said.text);
  CHECK(said.status == 0);
  CHECK(said.text.find("7 places behind saw-2") != std::string::npos);
  CHECK(what_if(scenario, {"--buffer", "pack=+2"}).text.find("parts leave the line behind pack") !=
        std::string::npos);
}

TEST_CASE("an order that is due after the futures is not late for that") {
  const auto scenario = scenario_in(fresh_folder("what-if-due"));
  const auto said = what_if(scenario, {"--for", "10min"});
  INFO(said.text);
  REQUIRE(said.status == 0);
  const auto& orders = said.json.at("orders");
  CHECK(orders.at("late").at("as it is").at("late") == 0);
  CHECK(orders.at("late").at("as it is").at("on_time").get<double>() > 0.5);
}
