// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "sim/text/document.hpp"

namespace foreline::plant {

using line::Diagnostic;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t complaints_max = 20;
/// What has more values is a name or a measurement, and no category.
constexpr std::size_t categories_max = 1000;
/// Beyond it squares leave single precision, and no plant measures it.
constexpr double value_max = 1e18;

struct Complaints {
  std::vector<Diagnostic> all;
  std::size_t count = 0;
  void add(Diagnostic diagnostic) {
    ++count;
    if (all.size() < complaints_max) all.push_back(std::move(diagnostic));
  }
};

std::optional<std::size_t> find_column(const Csv& csv, const std::string& name,
                                       Complaints& complaints) {
  if (const auto column = csv.column(name)) return column;
  const auto meant = text::nearest(name, csv.names());
  std::string known;
  for (std::size_t i = 0; i < std::min<std::size_t>(csv.columns(), 12); ++i)
    known += (i > 0 ? ", " : "") + csv.names()[i];
  complaints.add({csv.file(), 0, 0, fmt::format("has no column \"{}\"", name),
                  meant ? fmt::format("did you mean \"{}\"?", *meant)
                  : csv.has_header()
                      ? "it has " + known
                      : "its first row holds numbers and so no names: add a row of names, or list "
                        "them as columns = [\"…\"]"});
  return {};
}

std::uint32_t code_of(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::uint32_t>(found - names.begin());
  names.push_back(name);
  return static_cast<std::uint32_t>(names.size() - 1);
}

/// "7", "7.0" and " 7" name one machine.
std::string identity(std::string_view cell) {
  if (const auto number = parse_number(cell);
      number && std::floor(*number) == *number && std::abs(*number) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(*number));
  return std::string(cell);
}

float value_of(const Csv& csv, std::size_t row, std::size_t column, Channel& channel, bool category,
               Complaints& complaints) {
  if (csv.missing(row, column)) return unknown;
  const auto cell = csv.cell(row, column);
  if (category) {
    const auto code = code_of(channel.categories, std::string(cell));
    if (code < categories_max) return static_cast<float>(code);
    channel.categories.pop_back();
    complaints.add(csv.complaint(
        row, column,
        fmt::format("\"{}\" is one value too many (signal \"{}\"): a category has {} at most", cell,
                    channel.name, categories_max),
        "take the signal out, or kind = \"category\""));
    return unknown;
  }
  const auto value = csv.number(row, column);
  if (!value) {
    complaints.add(csv.complaint(
        row, column, fmt::format("\"{}\" is no number (signal \"{}\")", cell, channel.name),
        parse_number(cell, {.decimal_comma = true})
            ? "write decimal_comma = true into the description, if that is a decimal comma"
            : "correct the cell, empty it, or give the signal kind = \"category\""));
    return unknown;
  }
  const bool beyond =
      (channel.low && *value < *channel.low) || (channel.high && *value > *channel.high);
  if (std::abs(*value) > value_max && !beyond)
    complaints.add(csv.complaint(
        row, column,
        fmt::format("\"{}\" is beyond every measurement (signal \"{}\")", cell, channel.name),
        "correct the cell, empty it, or say with low and high what is possible"));
  return static_cast<float>(std::clamp(*value, -value_max, value_max));
}

std::optional<bool> truth_of(std::string_view cell) {
  if (cell == "1" || cell == "true" || cell == "True" || cell == "TRUE" || cell == "yes" ||
      cell == "1.0")
    return true;
  if (cell == "0" || cell == "false" || cell == "False" || cell == "FALSE" || cell == "no" ||
      cell == "0.0")
    return false;
  return {};
}

}  // namespace

std::size_t Records::rows() const {
  std::size_t rows = 0;
  for (const auto& machine : machines) rows += machine.time.size();
  return rows;
}

Result<Records> read_records(const Description& d) {
  if (d.windows)
    return Error({{d.path.string(), 0, 0, "describes windows of an alarm log, not rows of signals",
                   "train, evaluate and forecast read it; the other commands do not"}});
  auto csv = Csv::read(d.beside(d.file), d.csv);
  if (!csv) return csv.error();
  Complaints complaints;
  Records records;
  records.name = d.name;
  records.time_unit = d.time_unit;
  records.items = d.time.empty();

  std::vector<std::size_t> columns;
  std::vector<bool> category;
  for (const auto& signal : d.signals) {
    const auto column = find_column(*csv, signal.column, complaints);
    if (!column) continue;
    columns.push_back(*column);
    category.push_back(signal.kind == SignalKind::category);
    records.channels.push_back({signal.name, signal.unit, {}, signal.low, signal.high, false});
  }
  std::optional<std::size_t> machine_column;
  std::optional<std::size_t> time_column;
  if (!d.machine.empty()) machine_column = find_column(*csv, d.machine, complaints);
  if (!d.time.empty()) time_column = find_column(*csv, d.time, complaints);
  std::vector<std::size_t> labels;
  for (const auto& label : d.labels)
    if (const auto column = find_column(*csv, label.column, complaints)) {
      labels.push_back(*column);
      records.kinds.push_back(label.name);
    }
  if (!complaints.all.empty()) return Error(std::move(complaints.all));
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (const auto label : labels)
      if (columns[c] == label)
        complaints.add(
            {d.path.string(), 0, 0,
             fmt::format("the column \"{}\" is both a signal and a label", csv->names()[label]),
             "a label is the answer: remove it from the signals"});

  const auto format = d.time_format.value_or(TimeFormat::number);
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> last_row;
  const std::size_t width = columns.size();
  std::vector<std::vector<std::pair<double, std::size_t>>> order;  // by machine: (time, row)
  for (std::size_t r = 0; r < csv->rows(); ++r) {
    std::string id;
    if (records.items) {
      id = std::to_string(r + 1);
    } else if (machine_column) {
      id = identity(csv->cell(r, *machine_column));
      if (id.empty()) {
        complaints.add(csv->complaint(r, *machine_column, "the machine is missing",
                                      "name it, or remove the row"));
        continue;
      }
    } else {
      id = "machine";
    }
    const auto [found, fresh] = known.try_emplace(id, records.machines.size());
    if (fresh) {
      records.machines.push_back({});
      records.machines.back().id = id;
      last_row.push_back(r);
      if (time_column) order.emplace_back();
    }
    auto& machine = records.machines[found->second];
    double at = 0;
    if (time_column) {
      const auto time = csv->missing(r, *time_column)
                            ? std::nullopt
                            : parse_time(csv->cell(r, *time_column), format, d.time_unit);
      if (!time) {
        complaints.add(csv->complaint(
            r, *time_column,
            fmt::format("\"{}\" is no time as the description says them",
                        csv->cell(r, *time_column)),
            "set time_format to \"number\", \"iso\", \"day/month/year\" or \"month/day/year\""));
        continue;
      }
      at = *time;
      if (!d.sort && !machine.time.empty() && at < machine.time.back()) {
        const bool again = last_row[found->second] + 1 != r || at <= machine.time.front();
        complaints.add(csv->complaint(
            r, *time_column,
            again && at <= machine.time.front()
                ? fmt::format(
                      "the time of machine {} begins again: are there two machines of this id?", id)
                : fmt::format("the time of machine {} runs back from {} to {}", id,
                              machine.time.back(), at),
            again && at <= machine.time.front() ? "give each its own id; or, if only the order of "
                                                  "the rows is lost, write sort = true"
                                                : "sort the rows, or write sort = true"));
        if (complaints.count > 1000) break;
      }
    }
    last_row[found->second] = r;
    machine.time.push_back(at);
    if (time_column) order[found->second].emplace_back(at, r);
    for (std::size_t c = 0; c < width; ++c)
      machine.values.push_back(
          value_of(*csv, r, columns[c], records.channels[c], category[c], complaints));
    for (std::size_t k = 0; k < labels.size(); ++k) {
      if (csv->missing(r, labels[k])) continue;
      const auto truth = truth_of(csv->cell(r, labels[k]));
      if (!truth)
        complaints.add(csv->complaint(r, labels[k],
                                      fmt::format("\"{}\" is neither 0 nor 1 (label \"{}\")",
                                                  csv->cell(r, labels[k]), records.kinds[k]),
                                      {}));
      else if (*truth)
        machine.failures.push_back({at, static_cast<std::uint32_t>(k)});
    }
  }
  if (complaints.count > 0) {
    if (complaints.count > complaints.all.size())
      complaints.all.push_back(
          {csv->file(),
           0,
           0,
           fmt::format("and {} more of the kind", complaints.count - complaints.all.size()),
           {}});
    return Error(std::move(complaints.all));
  }
  if (d.sort && time_column) {
    for (auto& machine : records.machines) {
      std::vector<std::size_t> rank(machine.time.size());
      std::iota(rank.begin(), rank.end(), std::size_t{0});
      std::stable_sort(rank.begin(), rank.end(),
                       [&](auto a, auto b) { return machine.time[a] < machine.time[b]; });
      Machine sorted = machine;
      for (std::size_t i = 0; i < rank.size(); ++i) {
        sorted.time[i] = machine.time[rank[i]];
        std::copy_n(machine.values.begin() + static_cast<std::ptrdiff_t>(rank[i] * width), width,
                    sorted.values.begin() + static_cast<std::ptrdiff_t>(i * width));
      }
      std::sort(sorted.failures.begin(), sorted.failures.end(),
                [](const Event& a, const Event& b) { return a.at < b.at; });
      machine = std::move(sorted);
    }
  }
  if (!records.items) {
    std::vector<double> steps;
    for (const auto& machine : records.machines)
      for (std::size_t i = 1; i < machine.time.size(); ++i)
        if (machine.time[i] > machine.time[i - 1])
          steps.push_back(machine.time[i] - machine.time[i - 1]);
    if (steps.empty())
      return Error({{csv->file(), 0, 0, "no machine has two rows at different times",
                     "forecasts need a history; or leave out `time` and give labels"}});
    std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2),
                     steps.end());
    records.step = d.step.value_or(steps[steps.size() / 2]);
  }
  double view_end = -std::numeric_limits<double>::infinity();
  for (auto& machine : records.machines) {
    if (d.stamp_is_start)
      for (auto& at : machine.time) at += records.step;
    machine.until = machine.time.back();
    view_end = std::max(view_end, machine.until);
  }

  for (const auto& source : d.events) {
    auto events = Csv::read(d.beside(source.file));
    if (!events) {
      for (const auto& diagnostic : events.error().diagnostics) complaints.add(diagnostic);
      continue;
    }
    const auto of = find_column(*events, source.machine, complaints);
    const auto at_column = find_column(*events, source.time, complaints);
    std::optional<std::size_t> code_column;
    if (!source.code.empty()) code_column = find_column(*events, source.code, complaints);
    if (!of || !at_column || (!source.code.empty() && !code_column)) continue;
    std::size_t strangers = 0;
    for (std::size_t r = 0; r < events->rows(); ++r) {
      const auto id = identity(events->cell(r, *of));
      const auto found = known.find(id);
      if (found == known.end()) {
        ++strangers;
        if (strangers == events->rows())
          complaints.add(events->complaint(
              r, *of, fmt::format("no machine of this file is among those of {}", d.file),
              "check the column of the machine"));
        continue;
      }
      const auto at =
          parse_time(events->cell(r, *at_column), source.time_format.value_or(format), d.time_unit);
      if (!at) {
        complaints.add(
            events->complaint(r, *at_column,
                              fmt::format("\"{}\" is no time as the description says them",
                                          events->cell(r, *at_column)),
                              "set time_format of these events"));
        continue;
      }
      std::string name = code_column ? std::string(events->cell(r, *code_column)) : source.name;
      if (code_column && source.kind == EventKind::maintenance) name.insert(0, "service ");
      auto& machine = records.machines[found->second];
      if (source.kind == EventKind::failure) {
        // A failure after the last row is the answer to forecasts before it: it is no mistake
        // within one step; later ones tell of a time that nothing was recorded of.
        if (*at > view_end + 1000 * records.step)
          complaints.add(events->complaint(
              r, *at_column,
              fmt::format("this failure of machine {} is after the end of all rows ({} {})", id,
                          view_end, d.time_unit),
              "a label from the future teaches nothing: check the clock"));
        machine.failures.push_back({*at, code_of(records.kinds, name)});
      } else {
        const auto code = code_of(records.codes, name);
        if (records.maintenance.size() < records.codes.size())
          records.maintenance.push_back(source.kind == EventKind::maintenance);
        machine.events.push_back({*at, code});
      }
    }
  }
  if (d.attributes) {
    auto csv2 = Csv::read(d.beside(d.attributes->file));
    if (!csv2) {
      for (const auto& diagnostic : csv2.error().diagnostics) complaints.add(diagnostic);
    } else if (const auto of = find_column(*csv2, d.attributes->machine, complaints)) {
      std::vector<std::vector<float>> rows(records.machines.size());
      std::vector<std::size_t> places;
      const std::size_t first = records.channels.size();
      for (const auto& column : d.attributes->columns)
        if (const auto place = find_column(*csv2, column.column, complaints)) {
          places.push_back(*place);
          records.channels.push_back({column.name, column.unit, {}, column.low, column.high, true});
          category.push_back(column.kind == SignalKind::category);
        }
      for (std::size_t r = 0; r < csv2->rows(); ++r) {
        const auto found = known.find(identity(csv2->cell(r, *of)));
        if (found == known.end()) continue;
        auto& row = rows[found->second];
        if (!row.empty()) {
          complaints.add(csv2->complaint(
              r, *of, fmt::format("machine {} is described twice", found->first), "keep one row"));
          continue;
        }
        for (std::size_t c = 0; c < places.size(); ++c)
          row.push_back(value_of(*csv2, r, places[c], records.channels[first + c],
                                 category[first + c], complaints));
      }
      for (std::size_t m = 0; m < records.machines.size(); ++m) {
        auto& machine = records.machines[m];
        rows[m].resize(places.size(), unknown);
        std::vector<float> wider;
        wider.reserve(machine.time.size() * (width + places.size()));
        for (std::size_t i = 0; i < machine.time.size(); ++i) {
          wider.insert(wider.end(), machine.values.begin() + static_cast<std::ptrdiff_t>(i * width),
                       machine.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
          wider.insert(wider.end(), rows[m].begin(), rows[m].end());
        }
        machine.values = std::move(wider);
      }
    }
  }
  const auto rising = [](const Event& a, const Event& b) { return a.at < b.at; };
  const bool fleet = std::any_of(d.events.begin(), d.events.end(),
                                 [](const auto& e) { return e.kind == EventKind::failure; });
  for (auto& machine : records.machines) {
    std::stable_sort(machine.events.begin(), machine.events.end(), rising);
    std::stable_sort(machine.failures.begin(), machine.failures.end(), rising);
  }
  if (!records.items && !fleet && labels.empty()) {
    records.kinds = {"failure"};
    if (!d.remaining.empty()) {
      CsvRules rules;
      rules.header = false;
      auto lives = Csv::read(d.beside(d.remaining), rules);
      if (!lives) {
        for (const auto& diagnostic : lives.error().diagnostics) complaints.add(diagnostic);
      } else if (lives->rows() != records.machines.size()) {
        complaints.add(
            {lives->file(), 0, 0,
             fmt::format("has {} rows for {} machines", lives->rows(), records.machines.size()),
             "one number a machine, in their order"});
      } else {
        for (std::size_t m = 0; m < records.machines.size(); ++m) {
          const auto life = lives->number(m, lives->columns() - 1);
          if (!life || *life < 0) {
            complaints.add(lives->complaint(m, lives->columns() - 1,
                                            "wanted a remaining life of 0 or more", {}));
            continue;
          }
          auto& machine = records.machines[m];
          machine.failures.push_back({machine.time.back() + *life, 0});
          machine.until = machine.failures.back().at;
        }
      }
    } else if (d.end == End::failure) {
      records.run_to_failure = true;
      for (auto& machine : records.machines) machine.failures.push_back({machine.time.back(), 0});
    }
  }
  if (complaints.count > 0) return Error(std::move(complaints.all));
  if (records.items && records.kinds.size() > 1) {
    // Outcomes of an item depend on each other: whether there is any is a question of its own.
    records.kinds.insert(records.kinds.begin(), "any");
    for (auto& machine : records.machines) {
      for (auto& failure : machine.failures) ++failure.code;
      if (!machine.failures.empty())
        machine.failures.insert(machine.failures.begin(), {machine.failures.front().at, 0});
    }
  }
  for (const auto& machine : records.machines)
    if (!records.items && machine.failures.size() > 1) records.repairable = true;
  records.dated = d.time_format.value_or(TimeFormat::number) != TimeFormat::number;
  return records;
}

}  // namespace foreline::plant
