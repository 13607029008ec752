// SPDX-License-Identifier: Apache-2.0
// What the files of a plant mean: which column is the machine, the time, a signal; where failures,
// events and maintenance are written down; what the end of a record says. A TOML file, which
// `foreline data guess` can write.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "inference/plant/csv.hpp"
#include "inference/plant/times.hpp"
#include "sim/line/result.hpp"

namespace foreline::plant {

enum class SignalKind { number, category };
enum class EventKind { event, failure, maintenance };
/// What the end of a machine's record means.
enum class End { running, failure };
/// How a forecast is judged: on other machines, or on a later time of the same ones.
enum class Split { machine, time };

struct SignalDescription {
  std::string column;
  std::string name;  ///< The column's, unless given.
  std::string unit;
  SignalKind kind = SignalKind::number;
  std::optional<double> low, high;  ///< Physical range; values beyond are marked as outliers.
};
struct LabelDescription {
  std::string column;  ///< 1 (true, yes) or 0 (false, no): this row's outcome.
  std::string name;
};
struct EventsDescription {
  std::string file;
  EventKind kind = EventKind::event;
  std::string machine;  ///< Column; the main file's when empty.
  std::string time;
  std::string code;                       ///< Column of the kind of event; empty: one kind.
  std::string name;                       ///< Of that one kind, or a prefix of the codes.
  std::optional<TimeFormat> time_format;  ///< The main file's when absent.
};
struct AttributesDescription {
  std::string file;
  std::string machine;
  std::vector<SignalDescription> columns;
};

/// Rows are windows of an alarm log: codes that came, and codes that came after, parted by blanks.
struct WindowsDescription {
  std::string before;
  std::string after;     ///< Empty: outcomes are not known.
  std::size_t lag = 20;  ///< So many windows of a machine later, the outcome of one is known.
};

struct Description {
  std::filesystem::path path;  ///< Of the TOML file; other paths are relative to its folder.
  std::string name;
  std::string file;
  CsvRules csv;
  std::string machine;  ///< Column; empty: one machine, or (without time) a machine a row.
  std::string time;     ///< Column; empty: every row is an item with an outcome of its own.
  std::optional<TimeFormat> time_format;
  std::string time_unit;        ///< "cycle", "s", "min", "h", "d": of step, horizons and answers.
  bool stamp_is_start = false;  ///< A row is known only one step after its time.
  std::optional<double> step;   ///< Between rows; the median distance when absent.
  End end = End::running;
  std::string remaining;         ///< File with the remaining life after each machine's last row.
  double horizon = 0;            ///< Longest time that is forecast; 0: chosen from the data.
  std::vector<double> horizons;  ///< At which forecasts are judged and printed.
  std::optional<Split> split;
  bool sort = false;  ///< Rows may come in any order of time.
  std::vector<SignalDescription> signals;
  std::vector<LabelDescription> labels;
  std::vector<EventsDescription> events;
  std::optional<AttributesDescription> attributes;
  std::optional<WindowsDescription> windows;
  std::vector<std::string> left_out;  ///< By a guess: columns, and why they are no signals.

  [[nodiscard]] std::filesystem::path beside(const std::string& relative) const;
};

[[nodiscard]] std::string name_of(EventKind kind);

/// Reads a description; all its mistakes at once, with places.
[[nodiscard]] line::Result<Description> read_description(const std::filesystem::path& path);
/// A sensible description of a data file and, if given, of the files that go with it (events,
/// failures, maintenance, attributes, told apart by their names and columns).
[[nodiscard]] line::Result<Description> guess_description(
    const std::filesystem::path& file, std::span<const std::filesystem::path> others = {});
/// `path` if it is a TOML file, else a guess from the data file.
[[nodiscard]] line::Result<Description> describe(const std::filesystem::path& path);
/// The TOML that read_description reads back.
[[nodiscard]] std::string as_toml(const Description& description);

}  // namespace foreline::plant
