// SPDX-License-Identifier: Apache-2.0
// One running instance: polls the PLC, feeds the watch, serves registers, plans on alarms, and
// deploys what a person has approved. All its work is done by one thread of its own; planning runs
// beside it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/core/configuration.hpp"
#include "sim/line/result.hpp"
#include "sim/line/telemetry.hpp"
#include "sim/plan/planner.hpp"

namespace foreline::attachment {

enum class EventKind { link, forecast, alarm, plan, deploy, write };

/// Something the host should know. See foreline.h for the meaning of the fields.
struct Event {
  EventKind kind = EventKind::link;
  double at_s = 0;
  std::string subject;
  std::string what;
  std::string text;
  std::string detail_json = "{}";
  double probability = 0;
  double expected_in_s = std::numeric_limits<double>::infinity();
};

enum class Level { debug, info, warning, error };

/// What the host lends. Called on the attachment's thread, without any lock held.
struct HostCalls {
  std::function<void(Level, std::string_view room, const std::string& line)> log;
  std::function<void(const Event&)> event;
  std::function<std::int64_t()> now_ns;  ///< Wall clock, ns since the Unix epoch.
};

/// A value as a host reads it.
struct Value {
  double at_s = -1;
  std::int64_t received_ns = 0;
  double value = std::numeric_limits<double>::quiet_NaN();
  line::Quality quality = line::Quality::bad_not_connected;
  std::string unit;
};

/// Why a call was turned down.
enum class Refusal { none, wrong_state, refused, io, invalid_argument };
struct Answer {
  Refusal refusal = Refusal::none;
  std::string text;
};

class Attachment {
 public:
  Attachment(core::Configuration configuration, HostCalls host);
  ~Attachment();  ///< Stops.
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  /// Loads the model, opens the store and the register server, begins to poll. Goes on where
  /// `former` stood when it was stopped: alarms, histories, times, what tags showed and when they
  /// were written. When it fails, `former` is as it was.
  [[nodiscard]] Answer start(Attachment* former = nullptr);
  /// Ends the thread. Returns once nothing calls the host any more: what is under way has `limit`
  /// to end well, then no device is waited for.
  [[nodiscard]] Answer stop(std::chrono::milliseconds limit);

  // The rest may be called from any thread.
  [[nodiscard]] Answer read(const std::string& tag, Value& out) const;
  [[nodiscard]] std::uint16_t server_port() const;
  [[nodiscard]] std::uint16_t metrics_port() const;
  // Acts on alarms go into the audit, in the name of `who`.
  [[nodiscard]] Answer acknowledge(const std::string& subject, const std::string& who);
  /// Hides a standing alarm for `for_s` seconds of line time. With a store, that outlives a
  /// restart.
  [[nodiscard]] Answer shelve(const std::string& subject, double for_s, const std::string& who,
                              const std::string& reason);
  [[nodiscard]] Answer unshelve(const std::string& subject, const std::string& who);
  /// Takes an alarm out of service in the name of `who`, or returns it. With a store, that outlives
  /// a restart.
  [[nodiscard]] Answer service(const std::string& subject, bool in_service, const std::string& who,
                               const std::string& reason);
  /// Writes a tag of the white list in the name of `who`. What becomes of it comes as an event.
  [[nodiscard]] Answer write(const std::string& tag, double value, const std::string& who);
  /// Counters as Prometheus text.
  [[nodiscard]] std::string metrics() const;
  /// A line of the audit that is about no proposal: who signed in, who acknowledged what.
  [[nodiscard]] Answer note(const std::string& who, const std::string& what,
                            const std::string& detail);
  /// What planning would be asked now; nothing before the line's state has been read (only with an
  /// HMI, order book and schedule).
  [[nodiscard]] std::optional<plan::Request> question() const;
  [[nodiscard]] Answer plan();
  /// A proposal that the gate refused needs two of these from different people, where rules allow.
  [[nodiscard]] Answer decide(std::uint64_t proposal, bool approved, const std::string& who);
  /// Takes the deployed schedule back. What becomes of it comes as an event.
  [[nodiscard]] Answer roll_back(const std::string& who);
  /// What deploying a proposal, or taking the deployed one `back`, would write now, as JSON: each
  /// register with its word, its limits, who sets them, what it holds and what is in force; and
  /// what is read back afterwards. Waits for the PLC; what `patience` ends before is not begun any
  /// more. Errors: the PLC; nothing under that number; from within a callback.
  [[nodiscard]] line::Result<std::string> staging(
      std::uint64_t proposal, bool back,
      std::chrono::milliseconds patience = std::chrono::seconds(5));
  /// What would run after a roll-back now, as JSON: proposal, before, after.
  [[nodiscard]] std::string way_back() const;
  /// Lets schedules be deployed again after a roll-back.
  [[nodiscard]] Answer clear_lock_out(const std::string& who);
  /// How forecasts of this plant have come true, as JSON: sums by tenths of the probability over 30
  /// days, and by periods of some hours (those need a store).
  [[nodiscard]] std::string calibration() const;
  /// Hourly means of every signal, as JSON: machine, signal, at_s, shift in deviations of its
  /// noise. With a store, those before a restart are among them.
  [[nodiscard]] std::string drift() const;
  /// What was wrong with the inputs since since_s (line time), as JSON: frames, lost instants, and
  /// by signal samples, counts by quality, stuck, outliers, spikes, gaps, the longest and its
  /// begin.
  [[nodiscard]] std::string input_quality() const;
  /// What stopped a machine and what was done to it, as JSON: counts, sums, MTBF and MTTR since
  /// since_s (line time), and entries, oldest first: what, from_s, until_s (null: it goes on),
  /// ran_s, foreseen, wall_ms. With a historian, entries of before the start are among them, and
  /// sums go on while the line's clock does. Null for a machine that the line does not have.
  [[nodiscard]] std::string maintenance(const std::string& machine) const;
  /// Alarms of before the start, from the historian, as JSON, oldest first, with the detail of
  /// those that were raised; null before start() has ended, an empty list without a historian.
  [[nodiscard]] std::string past() const;
  [[nodiscard]] std::string snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::attachment
