// SPDX-License-Identifier: Apache-2.0
// `foreline run` as a test engineer uses it.
#include <nlohmann/json.hpp>

#include "tests/scenario/command.hpp"

namespace fs = std::filesystem;
using foreline::tests::folder;
using foreline::tests::read;
using foreline::tests::run;

namespace {

const std::string day =
    "format = \"foreline scenario 1\"\ntitle = \"a day\"\nline = \"lines/bottling.toml\"\n"
    "orders = \"orders/bottling-day.csv\"\nseeds = 12\nhorizon = \"4 h\"\nrandom_faults = true\n"
    "warm_up = \"20 min\"\n\n";

}  // namespace

TEST_CASE("results are the same bytes whatever the number of workers") {
  const auto here = folder("run-jobs");
  std::ofstream(here / "day.toml")
      << day
      << "[[expect]]\nmeasure = \"good\"\nis = \">= 1 parts\"\n\n[[expect]]\nmeasure = "
         "\"downtime\"\ncompare = \"schedules/bottling-by-family.toml\"\nis = \"<= baseline + 10 "
         "h\"\n";
  for (const char* jobs : {"1", "2", "5"}) {
    const auto ran = run(here, "run day.toml --jobs " + std::string(jobs) + " --json " + jobs +
                                   ".json --junit " + jobs + ".xml --html " + jobs + ".html");
    INFO(ran.output);
    REQUIRE(ran.status == 0);
  }
  for (const char* kind : {".json", ".xml", ".html"}) {
    CHECK(read(here / ("1" + std::string(kind))).size() > 300);
    CHECK(read(here / ("1" + std::string(kind))) == read(here / ("2" + std::string(kind))));
    CHECK(read(here / ("1" + std::string(kind))) == read(here / ("5" + std::string(kind))));
  }
  const auto json = nlohmann::json::parse(read(here / "1.json"));
  CHECK(json[0]["replications"].size() == 12);
  CHECK(json[0]["measures"]["throughput"]["low"] < json[0]["measures"]["throughput"]["high"]);
}

TEST_CASE("a failing expectation names its line and the command that reruns the worst seed") {
  const auto here = folder("run-failing");
  std::ofstream(here / "day.toml")
      << day << "[[expect]]\nmeasure = \"throughput\"\nis = \">= 99999 parts/h\"\n";
  const auto ran = run(here, "run day.toml");
  CHECK(ran.status == 1);
  CHECK(ran.output.find("day.toml:10: wanted throughput >=") != std::string::npos);
  const auto at = ran.output.find("again: foreline run day.toml --seed ");
  INFO(ran.output);
  REQUIRE(at != std::string::npos);
  const auto again = run(here, ran.output.substr(at + 16, ran.output.find('\n', at) - at - 16));
  CHECK(again.status == 1);
  const auto worst = ran.output.substr(ran.output.find("worst is seed"));
  CHECK(again.output.find(worst.substr(0, worst.find('\n'))) != std::string::npos);
}

TEST_CASE("trials that run away are outcomes of their own, and the next scenario is unharmed") {
  const auto here = folder("run-runaway");
  std::ofstream(here / "a.toml") << day;
  const auto events = run(here, "run a.toml --trial-events 300");
  CHECK(events.status == 1);
  CHECK(events.output.find("runaway: more events than the limit allows") != std::string::npos);
  std::ofstream(here / "b.toml") << day << "[[expect]]\nmeasure = \"good\"\nis = \">= 1 parts\"\n";
  const auto time = run(here, "run a.toml b.toml --trial-seconds 30");
  CHECK(time.status == 0);
  CHECK(time.output.find("PASS a day: 1 of 1") != std::string::npos);
}

TEST_CASE("each way to run away has its name in text, JSON and JUnit") {
  const auto here = folder("run-runaway-names");
  // A part takes two years, for a century; frames are kept because an alarm is expected.
  std::ofstream(here / "slow.toml")
      << "format = \"foreline line 1\"\nname = \"slow\"\nproducts = [\"a\"]\n"
         "[[machine]]\nname = \"m\"\ncycle = \"20000 h\"\n";
  std::ofstream(here / "book.csv") << "id,product,quantity\n1,a,60000\n";
  std::ofstream(here / "century.toml")
      << "format = \"foreline scenario 1\"\ntitle = \"a century\"\nline = \"slow.toml\"\n"
         "orders = \"book.csv\"\nhorizon = \"876000 h\"\n[[expect]]\nno_alarm = \"*\"\n";
  std::ofstream(here / "day.toml")
      << day << "[[expect]]\nmeasure = \"good\"\nis = \">= 1 parts\"\n";
  for (const auto& [what, name] : {std::pair("day.toml --trial-events 300", "runaway"),
                                   std::pair("century.toml --trial-seconds 0.3", "timed-out"),
                                   std::pair("century.toml --trial-memory 300", "out-of-memory")}) {
    const auto ran = run(here, "run " + std::string(what) + " --json out.json --junit out.xml");
    INFO(ran.output);
    CHECK(ran.status == 1);
    const auto said = "the trial ended as " + std::string(name);
    CHECK(ran.output.find(said) != std::string::npos);
    // What is to be run again runs away again.
    const auto again = std::string(what);
    CHECK(ran.output.find(again.substr(again.find(" --")) + "\n") != std::string::npos);
    CHECK(read(here / "out.xml").find(said) != std::string::npos);
    const auto json = nlohmann::json::parse(read(here / "out.json"));
    CHECK(json[0]["replications"][0]["end"] == name);
    CHECK(json[0]["passed"] == false);
  }
}

TEST_CASE("nobody says that there were no alarms on a day that was not watched") {
  const auto here = folder("run-alarms");
  std::ofstream(here / "day.toml")
      << "format = \"foreline scenario 1\"\ntitle = \"a dead wire\"\nline = "
         "\"lines/bottling.toml\"\norders = \"orders/bottling-day.csv\"\nhorizon = \"1 h\"\n"
         "[[communication_loss]]\nid = \"w\"\nfrom = \"10 min\"\nuntil = \"50 min\"\n";
  const auto alarms = [&](const char* option) {
    const auto ran = run(here, "run day.toml --json out.json " + std::string(option));
    INFO(ran.output);
    CHECK(ran.status == 0);
    return nlohmann::json::parse(read(here / "out.json"))[0]["replications"][0]["alarms"];
  };
  CHECK(alarms("").is_null());
  const auto seen = alarms("--alarms");
  REQUIRE(seen.is_array());
  REQUIRE_FALSE(seen.empty());
  CHECK(seen[0]["id"] == "plc/communication");
}

TEST_CASE("options that count take whole numbers as people write them") {
  const auto here = folder("run-numbers");
  std::ofstream(here / "day.toml") << day;
  for (const char* wrong :
       {"run day.toml --seed -1", "run day.toml --seed 99999999999999999999",
        "run day.toml --jobs=-2", "run day.toml --trial-memory -1", "run day.toml --seed 1.5",
        "run day.toml --trial-seconds nan", "swarm --seed -3 --count 1",
        "generate --like day.toml --count -1", "solve day.toml --seed -1",
        "futures day.toml --seed -7", "state day.toml --seed -7", "plan day.toml --seed -1"}) {
    const auto ran = run(here, wrong);
    INFO(wrong << ": " << ran.output);
    CHECK(ran.status == 2);
    CHECK(ran.output.find("number") != std::string::npos);
  }
  const auto ran = run(here, "run day.toml --seed 010 --json out.json");
  CHECK(ran.status == 0);
  CHECK(nlohmann::json::parse(read(here / "out.json"))[0]["replications"][0]["seed"] == 10);
}

TEST_CASE("a report of nothing but brackets is refused, not a crash") {
  const auto here = folder("report-deep");
  std::ofstream(here / "report.json")
      << "{\"title\":" << std::string(200'000, '[') << std::string(200'000, ']') << "}";
  const auto ran = run(here, "report report.json");
  INFO(ran.output.substr(0, 300));
  CHECK(ran.status == 2);
  CHECK(ran.output.find("is nested more than") != std::string::npos);
}

TEST_CASE("ten megabytes of mistakes get a message that can be read") {
  const auto here = folder("run-large");
  std::ofstream orders(here / "book.csv");
  orders << "id,product,quantity,release,due\n";
  for (int i = 0; i < 350'000; ++i) orders << "order-" << i << ",stil,0,3 h,2 h\n";
  orders.close();
  std::ofstream(here / "day.toml")
      << "format = \"foreline scenario 1\"\ntitle = \"large\"\nline = \"lines/bottling.toml\"\n"
         "orders = \"book.csv\"\n";
  std::ofstream keys(here / "line.toml");
  keys << "format = \"foreline line 1\"\nname = \"keys\"\nproducts = [\"a\"]\n";
  for (int i = 0; i < 500'000; ++i) keys << "key" << i << " = " << i << "\n";
  keys.close();
  for (const char* file : {"day.toml", "line.toml"}) {
    const auto ran = run(here, "check " + std::string(file));
    CHECK(ran.status == 2);
    CHECK(ran.output.size() < 60'000);
    CHECK(ran.output.find("more like these") != std::string::npos);
  }
  CHECK(run(here, "check day.toml").output.find("book.csv:2:9: line bottling has no product") !=
        std::string::npos);
  CHECK(run(here, "check line.toml").output.find("unknown key \"key0\"") != std::string::npos);
}

TEST_CASE("accepting writes the measured block, and a later difference is shown") {
  const auto here = folder("run-accept");
  std::ofstream(here / "day.toml") << day;
  CHECK(run(here, "run day.toml --accept").status == 0);
  const auto accepted = read(here / "day.toml");
  CHECK(accepted.starts_with(day));
  CHECK(accepted.find("#   downtime ") != std::string::npos);
  CHECK(run(here, "run day.toml").output.find("measured block") == std::string::npos);
  auto more = accepted;
  more.replace(more.find("seeds = 12"), 10, "seeds = 11");
  std::ofstream(here / "day.toml") << more;
  CHECK(run(here, "run day.toml").output.find("measured block, line") != std::string::npos);
  CHECK(run(here, "run day.toml --accept --seed 3").status == 2);
}
