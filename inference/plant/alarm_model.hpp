// SPDX-License-Identifier: Apache-2.0
// A forecaster of alarm codes: which come in the next span, and which one is next. A GPT-2 that
// reads windows of codes, boosted trees on their counts, the blend of both, and the simple methods
// that they must beat.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/plant/alarm_log.hpp"
#include "inference/plant/network.hpp"
#include "inference/plant/trees.hpp"

namespace foreline::plant {

struct AlarmRules {
  std::size_t steps = 1500;
  std::size_t batch = 64;
  std::size_t layers = 2;
  std::size_t heads = 2;
  std::size_t width = 64;
  float peak_rate = 4e-3F;
  float weight_decay = 0.05F;
  float dropout = 0.1F;
  double word_drop = 0.05;    ///< Counts and rates hidden in training, and machines.
  double next_weight = 0.02;  ///< Of the next code's loss beside that of all codes together.
  double blend = 0.4;         ///< Share of the GPT-2.
  bool trees = true;
  std::size_t tree_rows_max = 12'000;
  TreeRules within{.rounds = 80};
  int threads = 1;
  std::uint64_t seed = 1;
};

enum class AlarmMethod { blend, gpt, trees, rate, persistence };
inline constexpr std::size_t alarm_method_count = 5;
[[nodiscard]] std::string name_of(AlarmMethod method);

class AlarmModel {
 public:
  using Say = std::function<void(const std::string&)>;
  /// Learns from some windows of a log (rising positions). Asks for the codes that come after 1 to
  /// 99 % of them. Errors: no outcomes, no such code, too few windows.
  [[nodiscard]] static line::Result<AlarmModel> train(const AlarmLog& log,
                                                      const std::vector<std::size_t>& windows,
                                                      const AlarmRules& rules, const Say& say);
  /// config.json, model.safetensors, vocab.json, alarms.json and trees-N.ubj.
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& folder) const;
  [[nodiscard]] static line::Result<AlarmModel> load(const std::filesystem::path& folder,
                                                     int threads = 1);
  /// A log in this model's machines and codes, by their names; codes that it does not know are left
  /// out. An error when it knows none.
  [[nodiscard]] line::Result<AlarmLog> prepare(const AlarmLog& log) const;

  /// P(code comes after the window), (windows x asked codes). The log must be prepared.
  [[nodiscard]] std::vector<float> coming(AlarmMethod method, const AlarmLog& log,
                                          const std::vector<std::size_t>& windows) const;
  /// The most likely first code after each window: by the GPT-2, or by the last two codes alone (a
  /// tri-gram that backs off to pairs and single codes).
  [[nodiscard]] std::vector<std::uint32_t> next(const AlarmLog& log,
                                                const std::vector<std::size_t>& windows) const;
  [[nodiscard]] std::vector<std::uint32_t> next_by_trigram(
      const AlarmLog& log, const std::vector<std::size_t>& windows) const;

  [[nodiscard]] const AlarmWords& words() const { return words_; }
  [[nodiscard]] const AlarmLog& names() const { return names_; }
  [[nodiscard]] std::string description() const;

 private:
  [[nodiscard]] line::Result<line::Done> open(int threads);
  AlarmLog names_;  ///< Machines and codes, without windows.
  AlarmWords words_;
  Network network_;
  std::shared_ptr<const gpt2::Model> model_;
  std::vector<Trees> trees_;  ///< By asked code.
  std::vector<float> base_;   ///< (machines + 1 x asked): shares in the learned windows.
  double blend_ = 0.5;
  /// Most frequent next code by the last two, the last one, and none.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> after_two_;
  std::vector<std::uint32_t> after_one_;
};

struct AlarmScore {
  AlarmMethod method = AlarmMethod::blend;
  double macro_ap = 0, micro_ap = 0, brier = 0;
};
struct AlarmJudgement {
  std::size_t windows = 0;
  std::size_t codes = 0;  ///< That came at least once; the measures are means over these.
  std::vector<AlarmScore> methods;
  double next_gpt = 0, next_trigram = 0;  ///< Share of first codes named rightly.
};
[[nodiscard]] AlarmJudgement judge(const AlarmModel& model, const AlarmLog& log,
                                   const std::vector<std::size_t>& windows);
[[nodiscard]] std::string as_text(const AlarmJudgement& judgement);

/// Positions of a log's windows whose place within their machine's is in [from, until), as shares.
[[nodiscard]] std::vector<std::size_t> windows_between(const AlarmLog& log, double from,
                                                       double until, std::size_t leave_out = 0);

}  // namespace foreline::plant
