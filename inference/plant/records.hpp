// SPDX-License-Identifier: Apache-2.0
// What is known of each machine: rows of signals in rising time, events, failures, and when the
// view ends. Read from the files of a description; every mistake is named with its place.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "inference/plant/description.hpp"

namespace foreline::plant {

inline constexpr float unknown = std::numeric_limits<float>::quiet_NaN();

struct Channel {
  std::string name;
  std::string unit;
  std::vector<std::string> categories;  ///< Names of the values 0, 1, ...; empty for numbers.
  std::optional<double> low, high;
  bool attribute = false;  ///< The same for all rows of a machine.
};

struct Event {
  double at = 0;
  std::uint32_t code = 0;
};

/// Times are in the description's unit. `values` is (rows x channels), NaN where nothing is known.
struct Machine {
  std::string id;
  std::vector<double> time;  ///< When each row is known; rising.
  std::vector<float> values;
  std::vector<Event> events;    ///< By Records::codes; rising in time.
  std::vector<Event> failures;  ///< By Records::kinds; rising in time.
  double until = 0;             ///< No failure is hidden before this time; unknown after it.
};

struct Records {
  std::string name;
  std::string time_unit;
  double step = 1;
  bool items = false;  ///< Rows without time: a machine is one item, its failures happen at once.
  bool run_to_failure = false;
  bool repairable = false;  ///< Machines fail more than once.
  bool dated = false;       ///< Times are dates: only their differences mean something.
  std::vector<Channel> channels;
  std::vector<std::string> codes;  ///< Events and maintenance.
  std::vector<bool> maintenance;   ///< Beside codes.
  std::vector<std::string> kinds;  ///< Of failure; items with several begin with "any".
  std::vector<Machine> machines;
  [[nodiscard]] std::size_t rows() const;
};

/// Reads all files of a description. Errors: columns that are not there (with "did you mean"),
/// cells that are no number, times that run back, one machine's time beginning again (two machines
/// of one id), events of unknown machines, labels that lie after the end of the view.
[[nodiscard]] line::Result<Records> read_records(const Description& description);

}  // namespace foreline::plant
