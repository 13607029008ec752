// SPDX-License-Identifier: Apache-2.0
// Promised against realised: what the simulation said of a schedule when it was deployed, what the
// line made of it, and when the former schedule must come back (G11, G12). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/gate.hpp"
#include "sim/line/line.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::core {

/// What the plugin has seen of the line, summed over the machines; only differences mean something.
struct Booked {
  double down_s = 0;                ///< Breakdowns.
  double service_s = 0;             ///< Services, in working time.
  double changeover_s = 0;          ///< Changeovers.
  double breakdowns = 0;            ///< That began.
  double services = 0;              ///< That ended.
  double missed_s = 0;              ///< Line time of which nothing was seen.
  double at_s = -1;                 ///< Of the last frame; -1: none yet.
  std::vector<bool> broken = {};    ///< One a machine, in the last frame that arrived.
  std::vector<bool> serviced = {};  ///< Likewise.
  /// The time since the last frame, in the state that this one shows.
  void book(const line::Frame& frame, const line::Line& line);
};

/// What was promised of a schedule that is deployed.
struct Promised {
  std::uint16_t proposal = 0;
  std::string name;
  double from_s = 0;     ///< Line time of the state that was planned from.
  double until_s = 0;    ///< End of the simulated futures: the gain is known then, or earlier.
  double keep_cost = 0;  ///< Mean cost of the former schedule over that time.
  double gain_mean = 0;
  double gain_lower = 0;  ///< Nineteen futures of twenty gain more.
  double off_at_start = 0;
  double scrapped_at_start = 0;
  std::vector<bool> finished;  ///< Orders that were over at `from_s`.
  Booked booked;               ///< When the state was read.
  plan::Band band;             ///< Of the parts that leave the line, from `from_s` on.
  plan::Request prices;        ///< Its costs and time alone.
  double cost_of_change = 0;   ///< That the new schedule costs for being another.
  line::Schedule before;
  line::Schedule after;
};
[[nodiscard]] Promised promise_of(const plan::Request& request, const plan::Plan& plan,
                                  std::uint16_t proposal, const Booked& booked);

/// Follows one deployed schedule until its promise can be judged.
class Following {
 public:
  Following(Promised promised, const GateRules& rules, bool seen_from_the_start = true);

  struct News {
    std::string window;  ///< What a window that has just ended found; empty: none has.
    bool back_due = false;
    bool over = false;
    std::optional<double> realised;  ///< When over; absent: cannot be known.
    std::string text;                ///< When over, or when the way back is due: in words.
  };
  [[nodiscard]] News step(const line::Line& line, const std::vector<line::Order>& orders,
                          const line::LineNow& now, const Booked& booked);
  [[nodiscard]] const Promised& promised() const { return promised_; }
  [[nodiscard]] std::size_t windows() const { return window_; }

 private:
  Promised promised_;
  BandWatch watch_;
  bool whole_;
  std::size_t window_ = 0;          ///< The next to end.
  std::vector<double> finished_s_;  ///< One an order; -1: not yet.
};

/// What has become of all deployments, as their record is read line by line.
class Ledger {
 public:
  void promised(const Promised& promised);
  /// The last deployment is over with this gain; absent: nobody knows.
  void settled(std::optional<double> realised);
  /// The last deployment was taken back: a promise that was not kept.
  void rolled_back();
  /// The line has begun anew: nothing stands any more.
  void ended();
  void cleared() { locked_out_ = false; }

  [[nodiscard]] const std::vector<Promise>& promises() const { return promises_; }
  [[nodiscard]] bool locked_out() const { return locked_out_; }
  /// The deployment that stands: it can be taken back, also after its promise was judged.
  [[nodiscard]] const std::optional<Promised>& standing() const { return standing_; }
  [[nodiscard]] bool open() const { return open_; }

 private:
  std::vector<Promise> promises_;
  std::optional<Promised> standing_;
  bool open_ = false;
  bool locked_out_ = false;
};

}  // namespace foreline::core
