// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/scenarios.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <vector>

#include "tests/unit/plan/requests.hpp"

using namespace foreline;
using namespace foreline::hmi;
namespace fs = std::filesystem;

namespace {

/// What the server's thread would do, done by the test's.
class Queue {
 public:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  void work() {
    std::vector<std::function<void()>> now;
    {
      const std::lock_guard lock(mutex_);
      now.swap(waiting_);
    }
    for (auto& one : now) one();
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
};

/// Tests run beside each other, each in its own folder.
fs::path folder_of_three(const std::string& test) {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("hmi-scenarios-" + test);
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto write =
      [&](const std::string& name, const std::string& wanted) {
        std::ofstream(folder / name)
            << "format = \"foreline scenario 1\"\ntitle = \"" << name << "\"\nline = \""
            << FORELINE_SOURCE_DIR << "/scenarios/lines/bottling.toml\"\norders = \""
            << FORELINE_SOURCE_DIR
            << "/scenarios/orders/bottling-day.csv\"\nfirst_seed = 7\nseeds = "
               "2\nhorizon = \"1 h\"\n\n"
               "[[fault]]\nid = \"wear\"\nmachine = \"filler\"\nkind = \"bearing-wear\"\nat = "
               "\"10 min\"\nfails_after = \"30 min\"\n\n"
               "[[expect]]\nmeasure = \"throughput\"\nis = \""
            << wanted << "\"\n";
      };
  write("good.toml", ">= 1 parts/h");
  write("too-much.toml", ">= 100000 parts/h");
  std::ofstream(folder / "broken.toml") << "format = \"foreline scenario 1\"\nseeds = \"many\"\n";
  std::ofstream(folder / "notes.txt") << "no scenario";
  return folder;
}

Json run(Scenarios& scenarios, Queue& queue, const std::string& file) {
  REQUIRE(scenarios.run(file, "ada"));
  CHECK_FALSE(scenarios.run(file, "bo"));  // one at a time
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!scenarios.now().at("over").get<bool>()) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    queue.work();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return scenarios.result();
}

}  // namespace

TEST_CASE("scenario files of a folder run to verdicts with the failing lines and a replay") {
  ::setenv("FORELINE_SIM", tests::simulator().c_str(), 1);
  Queue queue;
  Scenarios scenarios({folder_of_three("verdicts"), {}, {}},
                      [&](std::function<void()> work) { queue.post(std::move(work)); });
  CHECK(scenarios.now().is_null());
  CHECK(scenarios.result().is_null());
  auto list = Scenarios::list(scenarios.folder(), scenarios.ended());
  REQUIRE(list.size() == 3);
  CHECK(list[0].at("file") == "broken.toml");
  CHECK(list[0].at("error").get<std::string>().find("broken.toml:2") != std::string::npos);
  CHECK(list[1].at("seeds") == 2);
  CHECK_FALSE(list[1].contains("ended"));

  const auto good = run(scenarios, queue, "good.toml");
  INFO(good.dump(1).substr(0, 2000));
  CHECK(good.at("error") == "");
  CHECK(good.at("who") == "ada");
  CHECK(good.at("verdict").at("passed") == true);

  const auto bad = run(scenarios, queue, "too-much.toml").at("verdict");
  CHECK(bad.at("passed") == false);
  CHECK_FALSE(bad.contains("replications"));
  const auto& expectation = bad.at("expectations").at(0);
  CHECK(expectation.at("source") ==
        "[[expect]]\nmeasure = \"throughput\"\nis = \">= 100000 parts/h\"\n");
  const auto& replay = bad.at("replay");
  CHECK(replay.at("seed") == expectation.at("worst_seed"));
  REQUIRE(replay.at("at_s").size() > 10);
  CHECK(replay.at("at_s").size() <= 600);
  const auto& filler = replay.at("machines").at(0);
  CHECK(filler.at("states").size() == replay.at("at_s").size());
  CHECK(filler.at("signals").at(0).at("values").size() == replay.at("at_s").size());
  REQUIRE(replay.at("faults").size() >= 1);
  CHECK(replay.at("faults").at(0).at("onset_s") == 600);

  CHECK(run(scenarios, queue, "broken.toml").at("error").get<std::string>().find(":2") !=
        std::string::npos);
  list = Scenarios::list(scenarios.folder(), scenarios.ended());
  CHECK(list[0].at("ended").contains("error"));
  CHECK(list[1].at("ended").at("passed") == true);
  CHECK(list[2].at("ended").at("passed") == false);
}

TEST_CASE("a run is cancelled, which is no result, and the next one may begin") {
  ::setenv("FORELINE_SIM", tests::simulator().c_str(), 1);
  Queue queue;
  Scenarios scenarios({folder_of_three("cancel"), {}, {}},
                      [&](std::function<void()> work) { queue.post(std::move(work)); });
  CHECK_FALSE(scenarios.cancel("bo"));
  REQUIRE(scenarios.run("good.toml", "ada"));
  const auto cancelled = scenarios.cancel("bo");
  REQUIRE(cancelled);
  CHECK(*cancelled == "good.toml");
  CHECK_FALSE(scenarios.cancel("bo"));
  CHECK(scenarios.now().at("cancelled") == true);
  while (!scenarios.now().at("over").get<bool>()) {
    queue.work();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(scenarios.result().at("error") == "cancelled by bo");
  CHECK(scenarios.result().at("verdict").is_null());
  CHECK(scenarios.ended().empty());
  CHECK_FALSE(scenarios.cancel("bo"));
  CHECK(run(scenarios, queue, "good.toml").at("verdict").at("passed") == true);
}

TEST_CASE("only files of the folder run, and a run ends when the pages do") {
  ::setenv("FORELINE_SIM", tests::simulator().c_str(), 1);
  Queue queue;
  const auto folder = folder_of_three("close");
  Scenarios scenarios({folder / "", {}, {}},
                      [&](std::function<void()> work) { queue.post(std::move(work)); });
  for (const auto* file : {"", "../secret.toml", "notes.txt", "good", "/etc/passwd"})
    CHECK_FALSE(scenarios.run(file, "ada"));
  REQUIRE(scenarios.run("good.toml", "ada"));
  scenarios.close();
  queue.work();
  CHECK(Scenarios({}, {}).none());
}
