// SPDX-License-Identifier: Apache-2.0
// Scenario files of a folder, run one at a time on a thread of its own: the verdict, and a replay
// of the seed that tells most. Called on the server's thread, except list().
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "plugin/core/watch.hpp"
#include "sim/line/result.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

/// What scenarios are run with: the live plugin's own model and rules.
struct ScenarioRules {
  std::filesystem::path folder;  ///< Empty: none may be run.
  std::filesystem::path model;
  core::WatchRules watch;
};

class Scenarios {
 public:
  /// `post` runs work on the server's thread.
  Scenarios(ScenarioRules rules, std::function<void(std::function<void()>)> post);
  ~Scenarios();
  Scenarios(const Scenarios&) = delete;
  Scenarios& operator=(const Scenarios&) = delete;

  /// Ends a run that goes on.
  void close();
  [[nodiscard]] bool none() const { return rules_.folder.empty(); }
  /// How the last runs ended, by file name: {"passed", "number"} or {"error"}.
  [[nodiscard]] Json ended() const { return ended_; }
  /// [{"file", "title", "line", "seeds", "expectations", "ended"}], or "error" instead of the
  /// title of a file that cannot be read. Reads the files: for a thread that may wait.
  [[nodiscard]] static Json list(const std::filesystem::path& folder, const Json& ended);
  [[nodiscard]] const std::filesystem::path& folder() const { return rules_.folder; }
  /// {"number", "file", "what", "done", "all", "left_s", "cancelled", "over"}; null before the
  /// first run. "left_s": of `what`, whole seconds; null while nobody can say.
  [[nodiscard]] Json now() const;
  /// The last run: its verdict as `foreline run --json` has it without the replications, the lines
  /// of the file that each expectation stands in, and the replay. Null before the first.
  [[nodiscard]] Json result() const;
  /// Errors: no such file, another run goes on.
  [[nodiscard]] line::Result<line::Done> run(const std::string& file, const std::string& who);
  /// The run that goes on ends after the trial in hand; its file has the result of before. Returns
  /// the file's name. Errors: none goes on.
  [[nodiscard]] line::Result<std::string> cancel(const std::string& who);

 private:
  struct Running;
  ScenarioRules rules_;
  std::function<void(std::function<void()>)> post_;
  std::shared_ptr<Running> running_;
  Json ended_ = Json::object();
  std::thread thread_;
};

}  // namespace foreline::hmi
