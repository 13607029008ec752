// SPDX-License-Identifier: Apache-2.0
// Files that people edit, read into the vocabulary. Every reader reports all mistakes at once, each
// with file:line:column, what was wanted, and "did you mean". Nothing is half read.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/line/trial.hpp"

namespace foreline::text {

/// A line file (TOML), see docs/planners/line-reference.md.
[[nodiscard]] line::Result<line::Line> read_line_file(const std::filesystem::path& path);

/// The line in the format that read_line_file reads. Times of day of its calendars are whole
/// minutes.
[[nodiscard]] std::string line_text(const line::Line& line);

/// The order book in the format that read_orders_file reads.
[[nodiscard]] std::string orders_text(const std::vector<line::Order>& orders,
                                      const line::Line& line);

/// An order book (CSV with header id,product,quantity,release,due,weight). Times as "2h15min";
/// due and weight may be empty.
[[nodiscard]] line::Result<std::vector<line::Order>> read_orders_file(
    const std::filesystem::path& path, const line::Line& line);

/// A schedule (TOML): sequence of order ids and [[service]] tables.
[[nodiscard]] line::Result<line::Schedule> read_schedule_file(
    const std::filesystem::path& path, const line::Line& line,
    const std::vector<line::Order>& orders);

/// The schedule in the format that read_schedule_file reads.
[[nodiscard]] std::string schedule_text(const line::Schedule& schedule, const line::Line& line,
                                        const std::vector<line::Order>& orders);

/// "at least 18 of 20", or all when the file says nothing.
struct SeedShare {
  std::size_t wanted = 0;  ///< 0 = all seeds.
};

/// A one-sided bound: ">= 410 parts/h", "<= 20 min". Value in the measure's own unit.
struct Bound {
  enum class Side { at_least, at_most } side = Side::at_least;
  double value = 0;
};

/// One [[expect]] table. Exactly one of the alternatives.
struct Expectation {
  struct Alarm {  ///< alarm = "filler/bearing-wear", of = "wear", lead = ">= 15min"
    std::string pattern;
    std::string of;                ///< Id of a fault of this file; empty: any.
    std::optional<double> lead_s;  ///< Raised at least so long before the stop.
  };
  struct NoAlarm {  ///< no_alarm = "*", until = "wear"
    std::string pattern;
    std::string until;  ///< Id of a fault: only before its onset; empty: whole trial.
  };
  struct Measure {  ///< measure = "throughput", is = ">= 410 parts/h"
    std::string name;
    Bound is;
  };
  struct Compare {  ///< compare = "schedules/b.toml", measure = "downtime", is = "<= baseline"
    line::Schedule schedule;
    std::string schedule_name;
    std::string measure;
    Bound::Side side = Bound::Side::at_most;
    double margin = 0;  ///< "<= baseline - 10 min" is -600.
  };
  std::variant<Alarm, NoAlarm, Measure, Compare> what;
  SeedShare seeds;
  int line = 0;  ///< Where the table starts, for verdicts.
};

/// A scenario file (TOML), see docs/planners/scenario-reference.md.
struct Scenario {
  std::string path;
  std::string title;
  std::string line_path;
  std::string orders_path;
  std::shared_ptr<const line::Line> line;
  std::shared_ptr<const std::vector<line::Order>> orders;
  line::Schedule schedule;
  std::uint64_t first_seed = 1;
  std::size_t seed_count = 1;
  std::string state_path;             ///< Empty: the day begins with an empty line at time 0.
  std::optional<line::LineNow> from;  ///< What that file says.
  double horizon_s = 8 * 3600;
  bool random_faults = false;
  std::optional<double> warm_up_s;  ///< Measures count from here; absent: from the start.
  bool warm_up_found = false;       ///< warm_up = "auto": found from the seeds' throughput (MSER).
  std::vector<line::ScriptedFault> faults;
  std::vector<line::SensorFault> sensor_faults;
  std::vector<line::CommunicationLoss> communication_losses;
  std::vector<Expectation> expectations;
};
[[nodiscard]] line::Result<Scenario> read_scenario_file(const std::filesystem::path& path);

/// The scenario in the format that read_scenario_file reads (used by the generator).
[[nodiscard]] std::string scenario_text(const Scenario& scenario);

/// The trial of one seed of the scenario: position 0 .. seed_count-1.
[[nodiscard]] line::Trial trial_of(const Scenario& scenario, std::size_t position);

}  // namespace foreline::text
