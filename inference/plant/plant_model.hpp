// SPDX-License-Identifier: Apache-2.0
// A forecaster for one plant: trained on its records, saved as a folder, asked about new records.
// Inside: a GPT-2 on sentences of statistics, gradient-boosted trees on the same statistics, their
// blend, and the simple methods that both must beat.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/plant/judging.hpp"
#include "inference/plant/network.hpp"
#include "inference/plant/quality.hpp"
#include "inference/plant/trees.hpp"

namespace foreline::plant {

struct PlantRules {
  NetworkRules network;
  /// Of a feature; 0: 256 for items (64 without imagined ones), 96 for machines that are repaired,
  /// else 32.
  std::size_t levels = 0;
  std::size_t bins = 25;
  Packing packing = Packing::group;
  double horizon = 0;  ///< 0: the description's, else half the median life, or 20 steps.
  std::vector<double> horizons;
  std::optional<Split> split;
  /// Networks whose answers are averaged. Each is trained without a part of the machines of its
  /// own, so that what chooses the blend and fits the intervals was not learned from, and yet every
  /// machine teaches most of them.
  std::size_t members = 8;
  /// Items or moments that the trees tell a network of, for each real one: 12 items, 8 moments.
  std::optional<double> imagined;
  double calibration_share = 0.15;  ///< That part, of machines; or of time, the same for all.
  bool trees = true;
  /// Of the trees that classify moments, of those that classify items, where failures lie in rare
  /// corners of few values, and of those for times.
  TreeRules within{.rounds = 250, .rate = 0.05, .depth = 3};
  TreeRules of_items{.rounds = 200,
                     .rate = 0.05,
                     .depth = 4,
                     .row_share = 0.8,
                     .column_share = 0.8,
                     .child_weight = 1,
                     .exact = true};
  TreeRules time{.classify = false, .rounds = 600, .rate = 0.05, .depth = 4, .row_share = 0.5};
  int threads = 1;
  std::uint64_t seed = 1;
};

/// Who a forecast is by.
enum class Method { blend, gpt, trees, age, sensor, ewma, persistence, climatology };
inline constexpr std::size_t method_count = 8;
[[nodiscard]] std::string name_of(Method method);

/// P(failure of one kind within each of the horizons), one row a sample.
struct Answers {
  std::vector<float> within;    ///< (samples x kinds x horizons)
  std::vector<float> any;       ///< (samples x horizons): of any kind.
  std::vector<float> expected;  ///< E[min(T, horizon)] of the first failure; empty if not told.
  std::vector<float> q05, q50, q95;  ///< Quantiles of it, widened by conformal calibration.
};

struct Reason {
  std::string signal;
  double change = 0;  ///< P now minus P with this signal unknown.
};

struct PlantForecast {
  std::string machine;
  double at = 0;
  bool available = false;
  std::string why_not;
  float missing_share = 0;
  std::vector<std::vector<float>> within;  ///< By kind and horizon; rising in the horizon.
  std::vector<float> any;
  float expected = 0, q05 = 0, q50 = 0, q95 = 0;
  std::vector<Reason> reasons;  ///< Of `any` at the middle horizon, largest first.
  std::string sentence;         ///< For people, from a template.
  std::string words;            ///< What the GPT-2 read.
};

/// A signal whose values are no longer spread as in training.
struct Drift {
  std::string signal;
  double index = 0;  ///< Population stability index; above 0.25 counts as drift.
};

class PlantModel {
 public:
  using Say = std::function<void(const std::string&)>;
  /// Learns from machines `train` (positions in the raw records), nothing after `until`. Errors:
  /// no failure, one failure, nothing but constants, a signal that gives the answer away.
  [[nodiscard]] static line::Result<PlantModel> train(const Records& raw,
                                                      const std::vector<std::size_t>& machines,
                                                      double until, const PlantRules& rules,
                                                      const Say& say);
  /// Writes config.json, model.safetensors, vocab.json (the GPT-2) and plant.json (the rest).
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& folder) const;
  [[nodiscard]] static line::Result<PlantModel> load(const std::filesystem::path& folder,
                                                     int threads = 1);

  /// Records with the channels and codes that this model knows, in its order; cleaned. Channels
  /// that are not there are unknown (and reported as missing). Errors when none is.
  [[nodiscard]] line::Result<Records> prepare(Records raw, QualityReport& report) const;
  [[nodiscard]] Samples samples(const Records& prepared, const Choice& choice) const;
  [[nodiscard]] Answers answers(Method method, const Records& prepared,
                                const Samples& samples) const;
  /// The last row of every machine, or of every row when `all_rows`.
  [[nodiscard]] std::vector<PlantForecast> forecast(const Records& prepared, bool all_rows,
                                                    bool reasons) const;
  /// Fits temperature, blend, thresholds and intervals to other data, without training: weights and
  /// trees stay. An error when failures or other moments are too few.
  [[nodiscard]] line::Result<line::Done> recalibrate(const Records& prepared,
                                                     const Samples& samples, const Say& say);
  /// Tells what became of an interval [low, high] (as answers() gave it): later ones are wider or
  /// narrower, so that in the long run 90 % hold, also when the plant changes. `rate` is the step
  /// as a share of the horizon.
  void adapt(float low, float high, float truth, double rate = 0.02);
  [[nodiscard]] double widening() const { return widening_; }
  /// Signals that drifted away from training; none is named with fewer than 50 moments.
  [[nodiscard]] std::vector<Drift> drift(const Samples& samples) const;
  /// Whether the records hold rows that the model was trained on: their share.
  [[nodiscard]] double overlap(const Records& raw) const;

  [[nodiscard]] const std::vector<double>& horizons() const { return horizons_; }
  [[nodiscard]] const Bins& bins() const { return bins_; }
  [[nodiscard]] const std::vector<std::string>& kinds() const { return schema_.kinds; }
  [[nodiscard]] const Words& words() const { return words_; }
  [[nodiscard]] double blend_share() const { return blend_; }
  /// The probability from which on to warn, chosen for the best F1 on the calibration part; by
  /// horizon. 0.5 for methods other than GPT-2, trees and blend.
  [[nodiscard]] double threshold(Method method, std::size_t horizon) const;
  [[nodiscard]] const std::string& unit() const { return schema_.time_unit; }
  [[nodiscard]] bool items() const { return schema_.items; }
  [[nodiscard]] std::string description() const;

 private:
  [[nodiscard]] line::Result<line::Done> open(int threads);
  /// Boosted trees of one member: by kind and horizon, and of the time.
  struct Grove {
    std::vector<Trees> within;
    std::optional<Trees> time;
  };
  /// One network and its grove, and their answers to the machines that neither has seen.
  struct Member {
    Grove grove;
    Network network;
    std::vector<float> shares;
    Answers trees;
  };
  [[nodiscard]] line::Result<Grove> grow(const Samples& learned, const PlantRules& rules,
                                         std::uint64_t seed) const;
  /// E[min(T, horizon)] of moments whose view ended before, given that none came until then, by
  /// what the trees say of the horizons; 0 for all others.
  [[nodiscard]] std::vector<float> expected_of_censored(const Samples& censored,
                                                        const Grove& grove) const;
  /// Imagined items to tell a network of, half of them such as may fail: which are told changes
  /// nothing of what is said of each.
  [[nodiscard]] Samples telling_items(const Records& records, const Samples& real,
                                      const Grove& grove, std::size_t count,
                                      std::uint64_t seed) const;
  /// The mean of the members' answers.
  [[nodiscard]] std::vector<float> gpt_shares(const Samples& samples) const;
  [[nodiscard]] Answers from_shares(std::vector<float> shares, std::size_t samples) const;
  [[nodiscard]] Answers from_trees(std::span<const Grove> groves, const Samples& samples) const;
  /// Both answers in one, before widening.
  [[nodiscard]] Answers mixed(Answers gpt, const Answers& trees) const;
  void calibrate(const Samples& held, const std::vector<float>& shares, const Answers* trees,
                 const Say& say);
  void widen(Answers& answers) const;
  [[nodiscard]] std::vector<std::vector<float>> shares_of_levels(const Samples& samples) const;

  Records schema_;  ///< Without machines.
  References references_;
  std::shared_ptr<const Status> status_;
  Bins bins_;
  std::vector<double> horizons_;
  Words words_;
  std::vector<Network> networks_;  ///< By member.
  std::vector<std::shared_ptr<const gpt2::Model>> models_;
  std::vector<Grove> groves_;  ///< By member; empty without trees.
  double blend_ = 0.5;         ///< Share of the GPT in the blend of probabilities ...
  double blend_time_ = 0.5;    ///< ... and of expected times.
  std::vector<std::vector<float>> level_shares_;  ///< By feature: of the moments learned from.
  double temperature_ = 1;
  double tail_ = 0.05;   ///< Left out of the GPT's time at each end of [q05, q95], ...
  double widening_ = 0;  ///< Conformal: of [q05, q95], both sides, in the records' unit.
  std::vector<std::vector<double>> thresholds_;  ///< Of blend, GPT-2, trees; by horizon.
  std::vector<double> base_;                     ///< Climatology by kind and horizon.
  std::vector<double> base_any_;
  Weibull life_;
  std::vector<std::size_t> sensor_;  ///< Best feature by horizon, and its direction and steps.
  std::vector<double> sensor_sign_;
  std::vector<Steps> sensor_steps_, ewma_steps_, persistence_steps_;
  std::vector<std::uint64_t> fingerprints_;
  std::uint64_t seed_ = 1;
};

/// One method's measures at one horizon.
struct HorizonScore {
  double horizon = 0;
  std::size_t known = 0;
  double base_rate = 0;
  double auprc = 0, auroc = 0, brier = 0, skill = 0, ece = 0;
  double f1 = 0;           ///< At the threshold that the calibration part chose.
  double macro_auprc = 0;  ///< Mean over kinds.
};
struct MethodScore {
  Method method = Method::blend;
  std::vector<HorizonScore> horizons;
  std::optional<double> rmse, nasa, coverage, width;
  Spread brier_against_trees;  ///< Mean over horizons of Brier(method) - Brier(trees), by machine.
};
/// The report "who wins on your data".
struct Judgement {
  std::size_t samples = 0;
  std::size_t machines = 0;
  std::vector<MethodScore> methods;
};
/// Judges all methods on the chosen moments. Thresholds for F1 come from `chosen_on`.
[[nodiscard]] Judgement judge(const PlantModel& model, const Records& prepared,
                              const Samples& samples);
[[nodiscard]] std::string as_text(const Judgement& judgement, const std::string& unit);
[[nodiscard]] std::string as_json(const std::vector<Judgement>& judgements);

}  // namespace foreline::plant
