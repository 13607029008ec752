// SPDX-License-Identifier: Apache-2.0
// Whether a schedule may be proposed to people, and written after they agreed: the rules G0 to G12.
// Each can refuse alone and says why with its numbers. A person may overrule a rule with a second
// person's name, but never identity (G0), hard constraints (G1), state (G7) or writing (G10). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/schedule.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::core {

struct GateRules : plan::Bar {  // G3 better and tail, G4 model error
  // G2 gain
  double least_gain_share = 0.005;  ///< Lower bound of the gain over the cost of keeping.
  std::size_t least_futures = 200;  ///< Fresh futures that the gain is proved on.
  // G3 orders
  double largest_on_time_drop = 0.1;  ///< Of any order's probability to be on time.
  // G5 forecast
  double oldest_forecast_s = 900;  ///< Line time; and no more than this share of the horizon.
  double oldest_forecast_share = 0.05;
  double largest_missing_share = 0.3;  ///< Of the input of the machine at risk.
  double least_skill = 0;              ///< Brier skill over base rates of the last 30 days.
  double largest_calibration_error = 0.05;
  std::size_t least_failures = 10;  ///< Seen here before the record of this plant counts.
  // G6 twin
  double largest_throughput_error = 0.03;
  double largest_event_error = 0.02;  ///< Mean absolute error of event times over the horizon.
  double least_coverage_p = 0.05;     ///< Of the binomial test that 90 % intervals hold 90 %.
  std::size_t least_stretches = 3;    ///< That have been simulated afterwards and compared.
  // G7 state
  double oldest_state_s = 300;  ///< Line time from the snapshot to the verdict.
  // G8 stability
  double largest_moved_share = 0.2;  ///< Orders not started that are taken out and put elsewhere.
  double largest_shift = 0.5;  ///< Of the open orders, near ones counting most; 1: turned over.
  double largest_start_deviation_s = 4 * 3600;  ///< Mean change of the start of open orders.
  double hold_off_s = 3600;                     ///< After a deployment.
  // G9 people
  double approval_expires_s = 900;
  // G11 way back
  std::size_t windows_outside = 3;  ///< Of the simulated band, in a row.
  // G12 ledger
  std::size_t ledger_length = 20;
  std::size_t most_broken_promises = 3;
  friend bool operator==(const GateRules&, const GateRules&) = default;
};

/// How good the forecast has been lately; absent while nobody has measured it, and then plans use
/// base rates.
struct ForecastRecord {
  double skill = 0;               ///< Brier skill score.
  double calibration_error = 0;   ///< Expected calibration error.
  std::string on = "this plant";  ///< Where that was measured.
};
/// How well the simulation has followed the plant; absent while too little was compared.
struct TwinRecord {
  double throughput_error = 0;  ///< Relative, with the stops as they were.
  double event_error = 0;       ///< Over the horizon, with the stops as they were.
  std::size_t covered = 0;      ///< Shifts whose output lay in the simulated 90 % interval.
  std::size_t shifts = 0;
  bool drifting = false;  ///< The cumulative sum of the standardised error has left its bounds.
};
/// One deployment, as promised and as it came.
struct Promise {
  double gain_lower = 0;
  std::optional<double> realised;  ///< Not yet known.
  bool rolled_back = false;        ///< Whatever it gained: it was not kept.
};

/// All that the gate looks at.
struct GateInput {
  const plan::Request* request = nullptr;
  const plan::Plan* plan = nullptr;
  std::string identity;      ///< Digest of identity_text() when the plan was made.
  std::string identity_now;  ///< The same of what stands here now.
  bool connected = false;
  double now_s = 0;          ///< Line time of the decision.
  double forecast_at_s = 0;  ///< Of the forecast that the futures used.
  double missing_share = 0;  ///< Of the machine at risk.
  std::optional<ForecastRecord> forecast;
  std::optional<TwinRecord> twin;
  double deployed_at_s = -1;  ///< Last deployment; -1: none.
  bool may_write = false;
  bool audit_works = false;
  bool previous_kept = true;    ///< The running schedule is stored for the way back.
  bool locked_out = false;      ///< A roll-back happened and nobody has cleared it.
  std::vector<Promise> ledger;  ///< Oldest first.
};

/// What was found, as one of gate_forms() and what stands for its {0}, {1} ...: pages say it in
/// other languages.
struct Finding {
  std::string form;
  std::vector<std::string> values;
  [[nodiscard]] std::string text() const;  ///< In English.
};
/// Every form that a finding of the gate can have, in English.
[[nodiscard]] std::span<const std::string_view> gate_forms();

struct Check {
  std::string rule;  ///< "G2"
  std::string name;  ///< "gain"
  bool passed = false;
  std::string text;    ///< What was found, with numbers.
  Finding found = {};  ///< The same.
};

struct GateVerdict {
  bool passed = false;
  std::string reason;  ///< One sentence: the gain when passed, else the first refusal.
  std::string check;   ///< Name of the check that refused first; empty when passed.
  Finding found;       ///< Of the reason, without the name of the check.
  std::vector<Check> checks;
  /// Every refusal is of a rule that two people may overrule together.
  [[nodiscard]] bool can_be_overruled() const;
};

[[nodiscard]] bool can_be_overruled(const std::string& rule);
/// Whether forecasts with this record may be planned on (G5); without one they may not.
[[nodiscard]] bool can_be_believed(const std::optional<ForecastRecord>& record,
                                   const GateRules& rules);

[[nodiscard]] GateVerdict judge(const GateInput& input, const GateRules& rules);

/// All that a deployment is about, as text of one form: schedule, line, orders, state, forecast,
/// seeds and rules. Its SHA-256 is the identity that people approve.
[[nodiscard]] std::string identity_text(const plan::Request& request,
                                        const line::Schedule& schedule, const GateRules& rules);

/// A person's word on a proposal (G9).
struct Approval {
  std::string who;
  std::string second;    ///< Needed when a rule is overruled.
  std::string identity;  ///< What was looked at.
  double made_at_s = 0;  ///< Line time of the proposal.
  double at_s = 0;       ///< Line time of the approval.
};
/// Why an approval does not count; empty when it does. Refusals of the verdict count as overruled
/// when a second person has signed.
[[nodiscard]] std::vector<std::string> complaints_about(const Approval& approval,
                                                        const GateVerdict& verdict,
                                                        const std::string& identity,
                                                        const GateRules& rules);

/// Whether a schedule that the gate has passed can still be deployed on the line as it stands now;
/// empty when it can, else why not. Run again right before the write.
[[nodiscard]] std::vector<std::string> complaints_now(const line::Schedule& schedule,
                                                      const plan::Request& request,
                                                      const line::LineNow& now,
                                                      const line::Schedule& active);

/// The way back (G11): what started stays, the rest as it was before the deployment.
[[nodiscard]] line::Schedule way_back(const line::Schedule& previous, const line::Schedule& active,
                                      std::size_t frozen);

/// Looks whether a deployed schedule keeps its simulated 95 % band: three windows outside ask for
/// the way back, and then nothing is deployed until a person clears it.
class BandWatch {
 public:
  explicit BandWatch(std::size_t windows = 3) : windows_(windows) {}
  /// The KPI of one window (more is better) with its band. True when the way back is due.
  bool step(double value, double low, double high);
  [[nodiscard]] std::size_t windows() const { return windows_; }
  [[nodiscard]] bool locked_out() const { return locked_out_; }
  void clear() {
    outside_ = 0;
    locked_out_ = false;
  }

 private:
  std::size_t windows_;
  std::size_t outside_ = 0;
  bool locked_out_ = false;
};

/// Probability of at most `held` (or, if it is more than expected, at least `held`) of `count` at
/// this share, doubled: a two-sided binomial test.
[[nodiscard]] double binomial_p(std::size_t held, std::size_t count, double share);

}  // namespace foreline::core
