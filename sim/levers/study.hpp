// SPDX-License-Identifier: Apache-2.0
// What levers truly bring on a line: the same simulated futures with and without each. And how well
// somebody's scores would have named the best of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/levers/levers.hpp"
#include "sim/line/result.hpp"

namespace foreline::levers {

/// A line, what its base days said, and what every lever brought.
struct LineStudy {
  std::string name;
  std::shared_ptr<const line::Line> line;
  std::vector<MachineUse> use;
  std::vector<Lever> levers;
  std::vector<double> gain;  ///< By lever: mean gain of good parts an hour, as a share; NaN: not
                             ///< simulated.
  std::vector<double> half;  ///< Half of its 95 % interval (Student's t).

  /// The lever with the largest gain.
  [[nodiscard]] std::size_t best() const;
  /// The machine whose shorter cycle brings the most.
  [[nodiscard]] line::MachineId bottleneck() const;
  /// Whether some lever brings at least 0.3 %, and surely more than nothing.
  [[nodiscard]] bool tells() const;
  /// The same of shorter cycles alone: whether there is a bottleneck.
  [[nodiscard]] bool has_bottleneck() const;
};

/// Runs trials somewhere; outcomes in their order.
using RunTrials =
    std::function<line::Result<std::vector<line::Outcome>>(std::span<const line::Trial>)>;

/// Lets `futures` futures of the trial pass without a lever; then, by pull(), with some of them,
/// on the same futures.
class LeverStudy {
 public:
  /// Errors: a future that did not end properly, and those of `run`.
  [[nodiscard]] static line::Result<LeverStudy> begin(const line::Trial& trial, std::uint64_t seed,
                                                      std::size_t futures, const RunTrials& run);
  /// Simulates these levers (positions in study().levers) and fills in their gains.
  [[nodiscard]] line::Result<line::Done> pull(std::span<const std::size_t> which,
                                              const RunTrials& run);
  [[nodiscard]] const LineStudy& study() const { return study_; }
  [[nodiscard]] const std::vector<double>& base() const { return base_; }  ///< Parts an hour.

 private:
  [[nodiscard]] std::vector<line::Trial> futures_of(const line::Trial& trial) const;
  line::Trial trial_;
  std::uint64_t seed_ = 1;
  std::size_t futures_ = 0;
  std::vector<double> base_;
  LineStudy study_;
};

/// Whether a lever that brings `gain` counts as the best: nine tenths of it at least.
[[nodiscard]] bool is_as_good(double gain, double best);

/// How well scores name the truth on some studies: shares of the studies.
struct LeverHits {
  std::size_t studies = 0;      ///< That tell().
  std::size_t bottlenecks = 0;  ///< Of these, with a bottleneck.
  double best_first = 0;        ///< The best lever has the highest score ...
  double best_in_three = 0;     ///< ... is among the three highest.
  double bottleneck = 0;        ///< Right machine, by the highest pace of a cycle lever.
  /// Levers simulated in the order of the scores until the best was among them, as a share of all.
  double simulated = 0;
};
/// `scores` and `pace`: by study and lever, how much it promises, and how much its machine sets the
/// pace (cycle levers only). Studies that do not tell() are left out.
[[nodiscard]] LeverHits hits_of(std::span<const LineStudy> studies,
                                std::span<const std::vector<double>> scores,
                                std::span<const std::vector<double>> pace);

}  // namespace foreline::levers
