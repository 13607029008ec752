// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "inference/plant/alarm_model.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::plant;
using line::Result;

namespace {

std::filesystem::path folder_of(const std::string& name) {
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "test-data" / ("alarms-" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

/// "jam" comes after a window with "low" in it; "door" comes at random; "low" is always followed
/// by "lower".
std::string windows_text(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const auto uniform = [&](std::uint64_t k) {
      return line::random_uniform(8, 0, line::Purpose::training, 10 * i + k);
    };
    const bool low = uniform(0) < 0.4;
    text += i % 2 == 0 ? "m1|" : "m2|";
    text += uniform(1) < 0.5 ? "door idle " : "idle ";
    if (low) text += "low lower ";
    text += uniform(2) < 0.5 ? "idle low|" : "idle door|";
    text += uniform(2) < 0.5 ? "lower idle" : "idle";
    if (uniform(2) < 0.5 || low) text += " jam";
    if (uniform(3) < 0.3) text += " door";
    text += "\n";
  }
  return text;
}

Result<AlarmLog> log_of(const std::filesystem::path& folder, const std::string& text,
                        const std::string& before = "before") {
  std::ofstream(folder / "log.txt") << text;
  std::ofstream(folder / "log.toml")
      << "format = \"foreline-data-1\"\nfile = \"log.txt\"\nseparator = \"|\"\nheader = false\n"
         "columns = [\"machine\", \"before\", \"after\"]\nmachine = \"machine\"\n[windows]\nbefore "
         "= \""
      << before << "\"\nafter = \"after\"\nlag = 3\n";
  auto description = read_description(folder / "log.toml");
  INFO((description ? "" : description.error().text()));
  REQUIRE(description);
  return read_alarm_log(*description);
}

AlarmRules quick() {
  AlarmRules rules;
  rules.steps = 150;
  rules.batch = 32;
  rules.width = 32;
  rules.within.rounds = 30;
  return rules;
}

}  // namespace

TEST_CASE("a model of alarms learns what comes, what is next, and survives its folder") {
  const auto folder = folder_of("learn");
  auto log = log_of(folder, windows_text(1600));
  REQUIRE(log);
  CHECK(log->machines == std::vector<std::string>{"m1", "m2"});
  const auto learn = windows_between(*log, 0, 0.7);
  const auto judged = windows_between(*log, 0.7, 1, 5);
  CHECK(judged.size() == 2 * (240 - 5));
  auto trained = AlarmModel::train(*log, learn, quick(), [](const std::string&) {});
  INFO((trained ? "" : trained.error().text()));
  REQUIRE(trained);
  const auto judgement = judge(*trained, *log, judged);
  for (const auto method : {AlarmMethod::gpt, AlarmMethod::trees, AlarmMethod::blend}) {
    const auto& score = judgement.methods[static_cast<std::size_t>(method)];
    INFO(name_of(method));
    CHECK(score.brier < 0.7 * judgement.methods[static_cast<std::size_t>(AlarmMethod::rate)].brier);
  }
  CHECK(judgement.next_gpt > 0.9);
  CHECK(judgement.next_trigram > 0.9);
  REQUIRE(trained->save(folder / "model"));
  auto model = AlarmModel::load(folder / "model");
  INFO((model ? "" : model.error().text()));
  REQUIRE(model);
  // The same codes by other numbers, and a machine that it has never met.
  auto shuffled = log_of(folder, "m9|unheard low lower idle|jam\nm2|door idle|idle\n");
  REQUIRE(shuffled);
  auto prepared = model->prepare(*shuffled);
  REQUIRE(prepared);
  const auto p = model->coming(AlarmMethod::blend, *prepared, {0, 1});
  const auto n = model->words().asked().size();
  for (std::size_t a = 0; a < n; ++a)
    if (model->names().codes[model->words().asked()[a]] == "jam") CHECK(p[a] > p[n + a] + 0.3F);
  std::filesystem::resize_file(folder / "model" / "trees-0.ubj", 100);
  auto damaged = AlarmModel::load(folder / "model");
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().text().find("is not the file that was written") != std::string::npos);
}

TEST_CASE("rates of earlier windows hold nothing that was not known") {
  const auto folder = folder_of("causal");
  auto log = log_of(folder, windows_text(60));
  REQUIRE(log);
  const AlarmWords words(2, log->codes.size(), {0, 1, 2});
  const auto before = words.rates(*log);
  auto changed = *log;
  // Outcomes of the last three windows of a machine are not known at its fourth.
  for (std::size_t w = 34; w < 60; ++w) changed.windows[w].after = {0, 1, 2};
  const auto after = words.rates(changed);
  for (std::size_t w = 0; w < 40; ++w)
    for (std::size_t a = 0; a < 3; ++a) CHECK(before[w * 3 + a] == after[w * 3 + a]);
  CHECK(before != after);
}

TEST_CASE("a log that cannot be read or learned from says why") {
  const auto folder = folder_of("wrong");
  auto missing = log_of(folder, windows_text(5), "befor");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text().find("has no column \"befor\" (did you mean \"before\"?)") !=
        std::string::npos);
  auto few = log_of(folder, windows_text(20));
  REQUIRE(few);
  auto trained =
      AlarmModel::train(*few, windows_between(*few, 0, 1), quick(), [](const std::string&) {});
  REQUIRE_FALSE(trained);
  CHECK(trained.error().text().find("20 windows with outcomes are too few") != std::string::npos);
}
