// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/scenarios.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <sstream>

#include "plugin/hmi/pace.hpp"
#include "plugin/rehearsal/rehearsal.hpp"
#include "sim/text/document.hpp"

namespace foreline::hmi {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t replay_frames_max = 600;
constexpr std::size_t source_lines_max = 12;

struct Cancelled {};

/// The names of the scenario files in a folder, sorted.
std::vector<std::string> files_of(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    if (entry->path().extension() == ".toml") files.push_back(entry->path().filename().string());
  std::sort(files.begin(), files.end());
  return files;
}

/// The table that begins on `line` (from 1), without what follows it.
std::string source_at(const std::string& text, int line) {
  std::istringstream lines(text);
  std::string out;
  std::string one;
  std::size_t taken = 0;
  for (int number = 1; std::getline(lines, one); ++number) {
    if (number < line) continue;
    if (number > line && (one.empty() || one.front() == '[' || one.front() == '#')) break;
    if (taken++ == source_lines_max) break;
    out += one + "\n";
  }
  return out;
}

/// People on the pages know the files by their names.
std::string without(const std::string& prefix, std::string text) {
  for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at))
    text.erase(at, prefix.size());
  return text;
}

Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

/// One seed as it went: every machine's states and signals, faults and alarms over line time.
Json replay_of(const line::Trial& trial, const line::Outcome& outcome,
               const std::vector<line::AlarmEvent>& alarms) {
  const auto& frames = outcome.trace.frames;
  const auto stride =
      std::max<std::size_t>(1, (frames.size() + replay_frames_max - 1) / replay_frames_max);
  Json replay = {{"seed", trial.seed},      {"end", line::name_of(outcome.end)},
                 {"at_s", Json::array()},   {"machines", Json::array()},
                 {"faults", Json::array()}, {"alarms", Json::array()}};
  for (std::size_t f = 0; f < frames.size(); f += stride) replay["at_s"].push_back(frames[f].at_s);
  for (std::size_t m = 0; m < trial.line->machines.size(); ++m) {
    const auto& machine = trial.line->machines[m];
    Json one = {{"name", machine.name}, {"states", Json::array()}, {"signals", Json::array()}};
    for (std::size_t f = 0; f < frames.size(); f += stride)
      one["states"].push_back(line::name_of(frames[f].machines[m].state));
    for (std::size_t s = 0; s < machine.signals.size(); ++s) {
      Json values = Json::array();
      for (std::size_t f = 0; f < frames.size(); f += stride) {
        const auto& sample = frames[f].machines[m].signals[s];
        values.push_back(sample.quality == line::Quality::good
                             ? finite(static_cast<double>(sample.value))
                             : Json());
      }
      one["signals"].push_back({{"name", machine.signals[s].name},
                                {"unit", machine.signals[s].unit},
                                {"values", std::move(values)}});
    }
    replay["machines"].push_back(std::move(one));
  }
  for (const auto& fault : outcome.faults)
    replay["faults"].push_back({{"machine", trial.line->at(fault.machine).name},
                                {"kind", line::name_of(fault.kind)},
                                {"onset_s", fault.onset_s},
                                {"failed_s", fault.failed_s},
                                {"prevented", fault.prevented}});
  for (const auto& alarm : alarms)
    replay["alarms"].push_back({{"at_s", alarm.at_s},
                                {"what", line::name_of(alarm.what)},
                                {"id", alarm.id},
                                {"why", alarm.why}});
  return replay;
}

/// The seed on which the first failing expectation is worst; the first seed when all holds.
const verdict::SeedResult& telling(const verdict::Verdict& verdict,
                                   const std::vector<verdict::SeedResult>& results) {
  for (const auto& expectation : verdict.expectations)
    if (!expectation.passed)
      for (const auto& result : results)
        if (result.seed == expectation.worst_seed) return result;
  return results.front();
}

Result<Json> rehearse(const std::filesystem::path& file, const ScenarioRules& rules,
                      const rehearsal::Step& step, const std::function<bool()>& given_up) {
  auto scenario = text::read_scenario_file(file);
  if (!scenario) return scenario.error();
  std::shared_ptr<const inference::Forecaster> forecaster;
  if (!rules.model.empty()) {
    auto loaded = inference::Forecaster::load(rules.model, {});
    if (!loaded) return loaded.error();
    forecaster = std::make_shared<const inference::Forecaster>(std::move(*loaded));
  } else if (rehearsal::expects_alarms(*scenario)) {
    return Error("this scenario expects alarms, and the configuration names no model",
                 "set model = \"...\" in the plugin's configuration");
  }
  worker::Options options;
  options.given_up = given_up;
  auto client = worker::Client::start(options);
  if (!client) return client.error();
  auto results = rehearsal::run_scenario(*scenario, {}, *client, forecaster, rules.watch, step);
  if (!results) return results.error();
  const auto verdict = verdict::judge(*scenario, *results);
  auto out = Json::parse(verdict::as_json({verdict}, {*results})).front();
  out.erase("replications");
  const auto text = text::read_text_file(file);
  for (auto& expectation : out["expectations"])
    expectation["source"] =
        text ? source_at(*text, expectation.at("line").get<int>()) : std::string();

  auto trial = telling(verdict, *results).trial;
  trial.want_trace = true;
  auto again = client->run(std::span(&trial, 1));
  if (!again) return again.error();
  const auto alarms = forecaster
                          ? rehearsal::alarms_of(trial, again->front(), forecaster, rules.watch)
                          : std::vector<line::AlarmEvent>();
  out["replay"] = replay_of(trial, again->front(), alarms);
  return out;
}

}  // namespace

/// A run on its way; shared with the thread that simulates.
struct Scenarios::Running {
  std::uint64_t number = 0;
  std::string file;
  std::string who;
  std::mutex mutex;  ///< Of `what` and `pace`.
  std::string what;
  Pace pace;
  std::atomic<std::size_t> done = 0;
  std::atomic<std::size_t> all = 0;
  std::atomic<bool> cancelled = false;
  std::atomic<bool> closed = false;  ///< Cancelled, and nobody is there to hear it.
  bool over = false;                 ///< The rest: on the server's thread.
  Json result;
  std::string error;
};

Scenarios::Scenarios(ScenarioRules rules, std::function<void(std::function<void()>)> post)
    : rules_(std::move(rules)), post_(std::move(post)) {}

Scenarios::~Scenarios() {
  close();
}

void Scenarios::close() {
  if (running_) running_->closed = running_->cancelled = true;
  if (thread_.joinable()) thread_.join();
}

Json Scenarios::list(const std::filesystem::path& folder, const Json& ended) {
  Json list = Json::array();
  for (const auto& file : files_of(folder)) {
    Json one = {{"file", file}};
    if (const auto scenario = text::read_scenario_file(folder / file)) {
      one["title"] = scenario->title;
      one["line"] = scenario->line->name;
      one["seeds"] = scenario->seed_count;
      one["expectations"] = scenario->expectations.size();
    } else {
      one["error"] = without(folder.string() + "/", scenario.error().text());
    }
    if (ended.contains(file)) one["ended"] = ended[file];
    list.push_back(std::move(one));
  }
  return list;
}

Json Scenarios::now() const {
  if (!running_) return {};
  const std::lock_guard lock(running_->mutex);
  const auto left_s = running_->pace.left_s(steady_s());
  return {{"number", running_->number},
          {"file", running_->file},
          {"what", running_->what},
          {"done", running_->done.load()},
          {"all", running_->all.load()},
          {"left_s", left_s ? Json(std::ceil(*left_s)) : Json()},
          {"cancelled", running_->cancelled.load()},
          {"over", running_->over}};
}

Json Scenarios::result() const {
  if (!running_) return {};
  return {{"number", running_->number}, {"file", running_->file},   {"who", running_->who},
          {"over", running_->over},     {"error", running_->error}, {"verdict", running_->result}};
}

Result<Done> Scenarios::run(const std::string& file, const std::string& who) {
  if (running_ && !running_->over) return Error("another scenario runs; wait for it");
  const auto files = files_of(rules_.folder);
  if (std::find(files.begin(), files.end(), file) == files.end())
    return Error("there is no such scenario file");
  auto running = std::make_shared<Running>();
  running->number = running_ ? running_->number + 1 : 1;
  running->file = file;
  running->who = who;
  if (thread_.joinable()) thread_.join();
  running_ = running;
  thread_ = std::thread([this, running] {
    Json result;
    std::string error;
    try {
      auto ran = rehearse(
          rules_.folder / running->file, rules_,
          [&](const std::string& what, std::size_t done, std::size_t all) {
            if (running->cancelled) throw Cancelled{};
            const std::lock_guard lock(running->mutex);
            running->what = what;
            running->pace.take(what, done, all, steady_s());
            running->done = done;
            running->all = all;
          },
          [running] { return running->cancelled.load(); });
      if (ran)
        result = std::move(*ran);
      else
        error = ran.error().text();
    } catch (const Cancelled&) {
    } catch (const std::exception& thrown) {
      error = thrown.what();
    }
    if (running->closed) return;
    post_([this, running, result = std::move(result), error] {
      running->over = true;
      if (running->cancelled) return;
      running->result = result;
      running->error = error;
      ended_[running->file] =
          error.empty() ? Json{{"passed", result.at("passed")}, {"number", running->number}}
                        : Json{{"error", error}, {"number", running->number}};
    });
  });
  return Done{};
}

Result<std::string> Scenarios::cancel(const std::string& who) {
  if (!running_ || running_->over || running_->cancelled) return Error("no scenario runs");
  running_->error = "cancelled by " + who;
  running_->cancelled = true;
  return running_->file;
}

}  // namespace foreline::hmi
