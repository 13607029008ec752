// SPDX-License-Identifier: Apache-2.0
// What-if from the desk: a scenario's day is stopped at a moment, and goes on as it is and with
// something different, on the same futures. And schedules side by side in the same way.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/levers.hpp"
#include "plugin/host/line_time.hpp"
#include "plugin/host/progress.hpp"
#include "plugin/report/plan_export.hpp"
#include "sim/line/crews.hpp"
#include "sim/line/outlook.hpp"
#include "sim/plan/lateness.hpp"
#include "sim/plan/planner.hpp"
#include "sim/select/comparison.hpp"
#include "sim/select/scenario_set.hpp"
#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"
#include "sim/text/files.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::host {

using namespace line;

namespace {

constexpr const char* watermark = "WHAT-IF: nothing of this is live, and nothing has been written.";

struct Options {
  std::string scenario = "scenarios/demo.toml";
  std::string at = "1h";
  std::string from;
  std::string length = "8h";
  std::uint64_t seed = 1;
  std::size_t futures = 24;
  std::vector<std::string> schedules;
  std::vector<std::string> fails;
  std::vector<std::string> rushes;
  std::vector<std::string> services;
  std::vector<std::string> buffers;
  std::vector<std::string> speeds;
  std::vector<std::string> crews;
  std::string edits;
  bool levers = false;
  std::size_t most = 0;
  bool arithmetic = false;
  std::string lever_model = "inference/models/levers";
  JsonTarget json;
  std::string csv;
  std::string ics;
  std::string zero = "2000-01-01T00:00";
};

/// One way in which the day goes on.
struct Way {
  std::string name;
  Trial trial;
  std::vector<std::string> changes;
  std::vector<Outcome> outcomes;
  std::vector<Measures> measures;
};

/// The edits of the command line, applied to a trial; every mistake is collected.
class Editor {
 public:
  Editor(Trial trial, double now_s)
      : trial_(std::move(trial)), line_(*trial_.line), now_s_(now_s) {}

  void fail(const std::string& text) {
    const auto [who, when] = split(text, '@');
    const auto [name, kind] = split(who, '/');
    const auto machine = machine_named(name, edit("fail", text));
    if (!machine) return;
    const auto& modes = line_.at(*machine).faults;
    const auto wanted = fault_kind_named(kind);
    const auto mode = std::find_if(
        modes.begin(), modes.end(),
        [&, any = kind.empty()](const FaultMode& m) { return any || wanted == m.kind; });
    if (mode == modes.end())
      return complain(
          kind.empty() ? "machine" : "kind",
          fmt::format("{}fail {}: {} has no such fault in its line file", dashes(), text, name));
    ScriptedFault fault;
    fault.id = fmt::format("what-if {}", trial_.faults.size() + 1);
    fault.machine = *machine;
    fault.kind = mode->kind;
    fault.at_s = now_s_ + duration(when, edit("fail", text));
    fault.fails_after_s = 1;
    trial_.faults.push_back(fault);
    changes_.push_back(fmt::format("{} of {} in {:.0f} min", name_of(mode->kind), name,
                                   (fault.at_s - now_s_) / 60));
  }

  void rush(const std::string& id) {
    auto& sequence = trial_.schedule.sequence;
    const auto& orders = *trial_.orders;
    const auto found = std::find_if(sequence.begin(), sequence.end(),
                                    [&](OrderId o) { return orders[o.index].id == id; });
    if (found == sequence.end() && within_ && id.empty()) return;
    if (found == sequence.end())
      return complain("order", fmt::format("{}rush {}: there is no such order in the book{}",
                                           dashes(), id, meant_order(id)));
    const auto open = trial_.from->frozen_prefix(trial_.schedule);
    if (static_cast<std::size_t>(found - sequence.begin()) < open)
      return complain("order",
                      fmt::format("{}rush {}: the order has started already", dashes(), id));
    // Those that it waits for come with it, or it would wait for ever.
    const auto rushed = *found;
    std::vector<bool> ahead(orders.size());
    ahead[rushed.index] = true;
    std::vector<std::string> others;
    for (auto at = found;; --at) {
      if (ahead[at->index]) {
        for (const auto other : orders[at->index].after) ahead[other.index] = true;
        if (at != found) others.insert(others.begin(), orders[at->index].id);
      }
      if (at == sequence.begin() + static_cast<std::ptrdiff_t>(open)) break;
    }
    std::stable_partition(sequence.begin() + static_cast<std::ptrdiff_t>(open), sequence.end(),
                          [&](OrderId o) { return ahead[o.index]; });
    auto change = id + " comes next";
    if (!others.empty()) change += fmt::format(", behind {}", fmt::join(others, ", "));
    if (const double release_s = orders[rushed.index].release_s; release_s > now_s_)
      change += fmt::format(" (its release at {} is waited for)", clock_text(release_s));
    changes_.push_back(std::move(change));
  }

  void service(const std::string& text) {
    const auto [name, when] = split(text, '@');
    const auto machine = machine_named(name, edit("service", text));
    if (!machine) return;
    Service service;
    service.machine = *machine;
    service.at_s = now_s_ + duration(when, edit("service", text));
    trial_.schedule.services.push_back(service);
    changes_.push_back(
        fmt::format("{} is serviced in {:.0f} min", name, (service.at_s - now_s_) / 60));
  }

  void buffer(const std::string& text) {
    const auto [name, value] = split(text, '=');
    const auto machine = machine_named(name, edit("buffer", text));
    if (!machine) return;
    const auto station = line_.buffer_of(machine->index);
    if (line_.takers()[station] == 0)
      return complain("machine", fmt::format("{}buffer {}: parts leave the line behind {}",
                                             dashes(), text, name));
    auto& places = line_.machines[station].buffer_after;
    const auto wanted = number(value, edit("buffer", text));
    const bool relative = !value.empty() && (value[0] == '+' || value[0] == '-');
    const double next = relative ? places + wanted : wanted;
    if (!(next >= 0 && next <= 10'000))
      return complain(relative ? "change" : "places",
                      fmt::format("{}buffer {}: that leaves {} places", dashes(), text, next));
    places = static_cast<std::uint32_t>(next);
    changes_.push_back(fmt::format("{} places behind {}", places, name));
  }

  void speed(const std::string& text) {
    const auto [name, value] = split(text, '=');
    const auto machine = machine_named(name, edit("speed", text));
    if (!machine) return;
    std::string_view share = value;
    if (!share.empty() && share.back() == '%') share.remove_suffix(1);
    const double percent = number(std::string(share), edit("speed", text));
    if (!(percent > -90 && percent < 900))
      return complain("change", fmt::format("{}speed {}: wanted a change between -90 % and 900 %",
                                            dashes(), text));
    for (auto& factor : line_.machines[machine->index].product_factor) factor /= 1 + percent / 100;
    changes_.push_back(fmt::format("{} is {:+.0f} % faster", name, percent));
  }

  /// "-1", or "fitters=-1" where crews have names.
  void crew(const std::string& text) {
    const auto [name, value] =
        text.find('=') == std::string::npos ? std::pair(std::string(), text) : split(text, '=');
    const char* from = value.c_str() + (!value.empty() && value[0] == '+' ? 1 : 0);
    int change = 0;
    const auto [end, wrong] = std::from_chars(from, value.c_str() + value.size(), change);
    if (wrong != std::errc() || end != value.c_str() + value.size())
      return complain("change",
                      fmt::format("{}: \"{}\" is no whole number", edit("crew", text), value));
    if (change == 0) return;
    if (auto done = add_crews(line_, name, change); !done) {
      const auto& why = done.error().diagnostics.front();
      return complain(name.empty() ? "crew" : "change",
                      fmt::format("{}: {}", edit("crew", text), why.what), why.hint);
    }
    changes_.push_back(name.empty() ? fmt::format("{} crews", line_.crews)
                                    : fmt::format("{:+} of {}", change, name));
  }

  /// The edits of a file (docs/planners/what-if.md); mistakes go to the file's own.
  void apply(text::Table root) {
    static const std::vector<std::string> formats = {"foreline edits 1"};
    (void)root.one_of("format", formats);
    for (auto table : root.tables("fail")) {
      const auto kind = table.string("kind", "");
      within(table, [&] {
        fail(table.string("machine") + (kind.empty() ? "" : "/" + kind) + later(table));
      });
    }
    for (auto table : root.tables("service"))
      within(table, [&] { service(table.string("machine") + later(table)); });
    for (auto table : root.tables("rush")) within(table, [&] { rush(table.string("order")); });
    for (auto table : root.tables("buffer")) {
      if (table.has("places") == table.has("change"))
        table.complain("", "a buffer has either places or a change of them");
      const auto value = table.has("places")
                             ? fmt::format("{}", table.integer("places", 0, 10'000))
                             : fmt::format("{:+}", table.integer("change", -10'000, 10'000, 0));
      within(table, [&] { buffer(table.string("machine") + "=" + value); });
    }
    for (auto table : root.tables("speed")) {
      const double percent = table.quantity_in("change", "%");
      within(table, [&] { speed(fmt::format("{}={:+}%", table.string("machine"), percent)); });
    }
    if (!root.is_list("crew")) {
      const auto change = root.integer("crew", -1000, 1000, 0);
      within(root, [&] { crew(fmt::format("{:+}", change)); });
      return;
    }
    for (auto table : root.tables("crew"))
      within(table, [&] {
        crew(fmt::format("{}={:+}", table.string("name"), table.integer("change", -1000, 1000)));
      });
    root.finish();
  }

  /// At a key of the file's table, if the edit is one of a file.
  void complain(std::string_view key, std::string what, std::string hint = {}) {
    if (within_)
      within_->complain(key, std::move(what), std::move(hint));
    else
      error_.diagnostics.push_back({"", 0, 0, std::move(what), std::move(hint)});
  }
  [[nodiscard]] const Error& error() const { return error_; }
  Way take(std::string name) {
    trial_.line = std::make_shared<const Line>(line_);
    return {std::move(name), std::move(trial_), std::move(changes_), {}, {}};
  }

 private:
  /// How the options of the command line begin; those of a file are named as they are.
  [[nodiscard]] const char* dashes() const { return within_ ? "" : "--"; }
  [[nodiscard]] std::string edit(const char* name, const std::string& text) const {
    return fmt::format("{}{} {}", dashes(), name, text);
  }
  template <class Edit>
  void within(text::Table& table, const Edit& edit) {
    within_ = table;
    edit();
    within_.reset();
    table.finish();
  }
  static std::string later(text::Table& table) {
    return fmt::format("@{}s", table.duration("in", 0, 0.0));
  }
  static std::pair<std::string, std::string> split(const std::string& text, char at) {
    const auto place = text.find(at);
    if (place == std::string::npos) return {text, ""};
    return {text.substr(0, place), text.substr(place + 1)};
  }
  std::optional<MachineId> machine_named(const std::string& name, const std::string& where) {
    const auto machine = line_.machine_named(name);
    // That a file names none has been said already.
    if (machine || (within_ && name.empty())) return machine;
    std::vector<std::string> names;
    for (const auto& one : line_.machines) names.push_back(one.name);
    const auto meant = text::nearest(name, names);
    complain("machine",
             fmt::format("{}: there is no machine \"{}\"; {}", where, name,
                         meant ? fmt::format("did you mean \"{}\"?", *meant)
                               : fmt::format("the line has {}", fmt::join(names, ", "))));
    return std::nullopt;
  }
  [[nodiscard]] std::string meant_order(const std::string& id) const {
    std::vector<std::string> names;
    for (const auto& order : *trial_.orders) names.push_back(order.id);
    const auto meant = text::nearest(id, names);
    if (meant) return fmt::format("; did you mean \"{}\"?", *meant);
    return names.empty() ? "; it is empty" : fmt::format("; it has {}", fmt::join(names, ", "));
  }
  double duration(const std::string& text, const std::string& where) {
    if (text.empty()) return 0;
    const auto seconds = line_time(text);
    if (!seconds)
      complain("in", fmt::format("{}: \"{}\" is no duration such as 20min", where, text));
    return seconds.value_or(0);
  }
  double number(const std::string& text, const std::string& where) {
    const char* from = text.c_str() + (!text.empty() && text[0] == '+' ? 1 : 0);
    double value = 0;
    const auto [end, wrong] = std::from_chars(from, text.c_str() + text.size(), value);
    if (wrong != std::errc() || end != text.c_str() + text.size())
      complain("change", fmt::format("{}: \"{}\" is no number", where, text));
    return value;
  }

  Trial trial_;
  Line line_;
  double now_s_;
  std::vector<std::string> changes_;
  Error error_;
  std::optional<text::Table> within_;  ///< The table of a file that an edit comes from.
};

/// The scenario's day, stopped.
Result<Trial> stopped_day(const Options& options, worker::Client& client) {
  auto scenario = text::read_scenario_file(shipped(options.scenario));
  if (!scenario) return scenario.error();
  const auto at_s = line_time(options.at);
  const auto length_s = line_time(options.length);
  Error wrong;
  const auto complain = [&](std::string what) {
    wrong.diagnostics.push_back({"", 0, 0, std::move(what), ""});
  };
  if (!at_s) complain(fmt::format("--at \"{}\" is no duration such as 1h30min", options.at));
  if (!length_s || *length_s <= 0)
    complain(fmt::format("--for \"{}\" is no duration such as 1h30min", options.length));
  if (!report::moment_of(options.zero))
    complain(fmt::format("--zero \"{}\" is no moment such as 2026-11-30T06:00", options.zero));
  if (!wrong.diagnostics.empty()) return wrong;
  auto trial = text::trial_of(*scenario, 0);
  if (!options.from.empty()) {
    auto from = text::read_state_file(options.from, *scenario->line, *scenario->orders);
    if (!from) return from.error();
    trial.from = std::move(*from);
  } else {
    trial.want_state_at_s = *at_s;
    auto outcomes = client.run(std::span(&trial, 1));
    if (!outcomes) return outcomes.error();
    const auto& day = outcomes->front();
    if (!day.state || (day.end == Outcome::End::done && day.end_s <= *at_s))
      return Error(fmt::format("the work is over before --at {}", options.at));
    trial.want_state_at_s.reset();
    trial.from = day.state;
  }
  trial.faults.clear();  // what was scripted belongs to the past or is drawn anew
  trial.random_faults = true;
  trial.horizon_s = trial.from->at_s + *length_s;
  trial.want_gantt = true;
  return trial;
}

Result<Done> simulate(std::vector<Way>& ways, const Options& options, worker::Client& client) {
  std::vector<Trial> trials;
  for (const auto& way : ways)
    for (std::size_t i = 0; i < options.futures; ++i) {
      trials.push_back(way.trial);
      trials.back().seed = select::scenario_seed(options.seed, select::ScenarioSet::report, i);
    }
  Progress progress("futures", trials.size());
  auto outcomes = client.run(trials, [&](std::size_t, const Outcome&) { progress.step(); });
  if (!outcomes) return outcomes.error();
  for (std::size_t i = 0; i < trials.size(); ++i) {
    auto& way = ways[i / options.futures];
    if (!(*outcomes)[i].valid())
      return Error(
          fmt::format("{}: a future did not end properly: {}", way.name, (*outcomes)[i].error));
    way.measures.push_back(measures_of(trials[i], (*outcomes)[i]));
    way.outcomes.push_back(std::move((*outcomes)[i]));
  }
  return Done{};
}

std::string interval_text(const std::vector<double>& values) {
  const auto estimate = plan::estimate_of(values);
  // Four digits, and of larger numbers all before the point.
  const auto text = [](double value) {
    return std::abs(value) < 1000 || !std::isfinite(value) ? fmt::format("{:.4g}", value)
                                                           : fmt::format("{:.0f}", value);
  };
  return fmt::format("{} [{}, {}]", text(estimate.mean), text(estimate.low), text(estimate.high));
}

/// Of one order: how many futures it is late in, its chance to be on time, and why it is not.
struct Fate {
  std::size_t late = 0;
  select::Chance on_time;
  std::string reason;
};

/// Of all orders of the book. Those that a future ends before end as their outlook says.
std::vector<Fate> fates_of(const Way& way) {
  const auto& orders = *way.trial.orders;
  const double now_s = way.trial.from->at_s;
  std::vector<Fate> fates(orders.size());
  std::vector<plan::Lateness> lost(orders.size());
  std::vector<std::size_t> hits(orders.size());
  for (const auto& outcome : way.outcomes) {
    plan::Delays delays(way.trial, outcome);
    const auto finished_s = finishes_of(way.trial, outcome);
    for (std::uint32_t o = 0; o < orders.size(); ++o) {
      if (finished_s[o] <= orders[o].due_s) {
        ++hits[o];
      } else if (finished_s[o] > now_s) {
        ++fates[o].late;
        lost[o] += delays.of({o});
      }
    }
  }
  for (std::size_t o = 0; o < orders.size(); ++o) {
    auto& fate = fates[o];
    fate.on_time = select::chance_of(hits[o], way.outcomes.size());
    if (fate.late == 0) continue;
    fate.reason = plan::reason_of(lost[o], 1 / static_cast<double>(fate.late));
    if (fate.reason.empty())
      fate.reason = orders[o].release_s > now_s ? "its release leaves too little time for its work"
                                                : "its work takes longer than its due date leaves";
  }
  return fates;
}

/// Whether an order had left the line before the day was stopped: no future is about it.
bool over_before(const Way& way, std::size_t o) {
  return std::all_of(way.outcomes.begin(), way.outcomes.end(), [&](const Outcome& outcome) {
    const double finished_s = outcome.orders[o].finished_s;
    return finished_s >= 0 && finished_s <= way.trial.from->at_s;
  });
}

std::string csv_of(const std::vector<Way>& ways, std::uint64_t seed) {
  std::string out = fmt::format("# {}\nway,future,seed", watermark);
  for (const auto& field : measure_fields()) out += fmt::format(",{}", field.name);
  for (const auto& order : *ways.front().trial.orders)
    out += "," + text::csv_field(order.id + " finished s");
  out += "\n";
  for (const auto& way : ways)
    for (std::size_t i = 0; i < way.measures.size(); ++i) {
      out += fmt::format("{},{},{}", text::csv_field(way.name), i,
                         select::scenario_seed(seed, select::ScenarioSet::report, i));
      for (const auto& field : measure_fields())
        out += fmt::format(",{}", way.measures[i].*field.field);
      for (const auto& order : way.outcomes[i].orders) out += fmt::format(",{}", order.finished_s);
      out += "\n";
    }
  return out;
}

void show(const std::vector<Way>& ways, const Options& options, nlohmann::ordered_json& json) {
  const auto& base = ways.front();
  options.json.tell("{}\n{} from {} on, {} futures, seed {}; the same futures for all\n\n",
                    watermark, base.trial.line->name, clock_text(base.trial.from->at_s),
                    options.futures, options.seed);
  for (std::size_t w = 1; w < ways.size(); ++w)
    options.json.tell("{}: {}\n", ways[w].name, fmt::join(ways[w].changes, "; "));
  json = {{"watermark", watermark},
          {"at_s", base.trial.from->at_s},
          {"seed", options.seed},
          {"futures", options.futures}};
  options.json.tell("\n{:<16} {:>29}", "mean [95 %]", base.name);
  for (std::size_t w = 1; w < ways.size(); ++w)
    options.json.tell(" {:>29} {:>29}", ways[w].name, "difference");
  options.json.tell("\n");
  for (const auto& field : measure_fields()) {
    std::vector<std::vector<double>> values;
    for (const auto& way : ways) {
      values.emplace_back();
      for (const auto& measures : way.measures) values.back().push_back(measures.*field.field);
      json["measures"][std::string(field.name)][way.name] = values.back();
    }
    std::string row = fmt::format("{:<16} {:>29}", field.name, interval_text(values[0]));
    bool any = std::any_of(values[0].begin(), values[0].end(), [](double v) { return v != 0; });
    for (std::size_t w = 1; w < ways.size(); ++w) {
      std::vector<double> difference;
      for (std::size_t i = 0; i < values[w].size(); ++i)
        difference.push_back(values[w][i] - values[0][i]);
      row += fmt::format(" {:>29} {:>29}", interval_text(values[w]), interval_text(difference));
      any = any || std::any_of(values[w].begin(), values[w].end(), [](double v) { return v != 0; });
    }
    if (any) options.json.tell("{} {}\n", row, field.unit);
  }
  options.json.tell("\n{:<12}{:>8}", "order", "due");
  for (const auto& way : ways) options.json.tell(" {:>33}", way.name + ": on time [95 %]");
  options.json.tell("  late because of\n");
  std::vector<std::vector<Fate>> fates;
  for (const auto& way : ways) fates.push_back(fates_of(way));
  for (std::size_t o = 0; o < base.trial.orders->size(); ++o) {
    const auto& order = (*base.trial.orders)[o];
    if (!std::isfinite(order.due_s) || over_before(base, o)) continue;
    const auto due = clock_text(order.due_s);
    options.json.tell("{:<12}{:>8}", order.id, due.substr(0, due.size() - 3));
    std::string reasons;
    for (std::size_t w = 0; w < ways.size(); ++w) {
      const auto& [late, chance, reason] = fates[w][o];
      options.json.tell(" {:>33}", fmt::format("{:.0f} % [{:.0f}, {:.0f}]", 100 * chance.middle(),
                                               100 * chance.low, 100 * chance.high));
      json["orders"][order.id][ways[w].name] = {
          {"on_time", chance.middle()}, {"late", late}, {"reason", reason}};
      if (late > 0)
        reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : " | ", ways[w].name, reason);
    }
    options.json.tell("  {}\n", reasons);
  }
}

int write_files(const char* command, const std::vector<Way>& ways, const Options& options,
                const nlohmann::ordered_json& json) {
  const auto write = [&](const std::string& path, const std::string& text) {
    if (path.empty()) return Result<Done>(Done{});
    return gpt2::write_file(path, text);
  };
  for (const auto& done :
       {options.json.write(json.dump(2) + "\n"), write(options.csv, csv_of(ways, options.seed)),
        write(options.ics,
              report::calendar_of(ways.back().outcomes.front().gantt, *ways.back().trial.line,
                                  "What-if: ", *report::moment_of(options.zero)))})
    if (!done) return fail(environment, command, done.error());
  return pass;
}

int what_if(const Options& options) {
  auto client = start_worker();
  if (!client) return fail(environment, "whatif", client.error());
  auto base = stopped_day(options, *client);
  if (!base) return fail(bad_input, "whatif", base.error());
  Editor editor(*base, base->from->at_s);
  for (const auto& one : options.fails) editor.fail(one);
  for (const auto& one : options.rushes) editor.rush(one);
  for (const auto& one : options.services) editor.service(one);
  for (const auto& one : options.buffers) editor.buffer(one);
  for (const auto& one : options.speeds) editor.speed(one);
  for (const auto& one : options.crews) editor.crew(one);
  auto wrong = editor.error();
  if (!options.edits.empty()) {
    auto file = text::Document::open(options.edits);
    if (!file) return fail(bad_input, "whatif", file.error());
    editor.apply(file->root());
    for (auto& mistake : file->diagnostics()) wrong.diagnostics.push_back(std::move(mistake));
  }
  if (!wrong.diagnostics.empty()) return fail(bad_input, "whatif", wrong);
  std::optional<inference::LeverModel> lever_model;
  if (options.levers && !options.arithmetic) {
    auto loaded = inference::LeverModel::load(shipped(options.lever_model));
    if (!loaded) return fail(bad_input, "whatif", loaded.error());
    lever_model = std::move(*loaded);
  }
  std::vector<Way> ways = {{"as it is", *base, {}, {}, {}}};
  auto edited = editor.take("changed");
  if (!edited.changes.empty()) ways.push_back(std::move(edited));
  if (auto done = simulate(ways, options, *client); !done)
    return fail(environment, "whatif", done.error());
  nlohmann::ordered_json json;
  show(ways, options, json);
  if (options.levers) {
    const auto run = [&](std::span<const Trial> trials) {
      Progress progress("futures with levers", trials.size());
      return client->run(trials, [&](std::size_t, const Outcome&) { progress.step(); });
    };
    const LeverOptions levers = {options.seed, options.futures, options.most, options.json.people(),
                                 lever_model ? &*lever_model : nullptr};
    if (auto done = show_levers(ways.back().trial, levers, run, json["line"]); !done)
      return fail(environment, "whatif", done.error());
  }
  return write_files("whatif", ways, options, json);
}

int compare(const Options& options) {
  auto client = start_worker();
  if (!client) return fail(environment, "compare", client.error());
  auto base = stopped_day(options, *client);
  if (!base) return fail(bad_input, "compare", base.error());
  std::vector<Way> ways = {{"as it is", *base, {}, {}, {}}};
  Error wrong;
  for (const auto& path : options.schedules) {
    auto schedule = text::read_schedule_file(shipped(path), *base->line, *base->orders);
    if (!schedule) {
      wrong.diagnostics.insert(wrong.diagnostics.end(), schedule.error().diagnostics.begin(),
                               schedule.error().diagnostics.end());
      continue;
    }
    for (auto& complaint : complaints_about(*schedule, *base->line, *base->orders, base->schedule,
                                            base->from->frozen_prefix(base->schedule))) {
      const auto file = text::Document::open(shipped(path));
      const auto at = file ? file->root().place("sequence") : text::Place();
      wrong.diagnostics.push_back({path, at.line, at.column, complaint,
                                   "the schedules begin where the day is stopped: see --at"});
    }
    Way way{std::filesystem::path(path).stem().string(), *base, {path}, {}, {}};
    way.trial.schedule = std::move(*schedule);
    ways.push_back(std::move(way));
  }
  if (!wrong.diagnostics.empty()) return fail(bad_input, "compare", wrong);
  if (auto done = simulate(ways, options, *client); !done)
    return fail(environment, "compare", done.error());
  nlohmann::ordered_json json;
  show(ways, options, json);
  return write_files("compare", ways, options, json);
}

void add_common(CLI::App* command, const std::shared_ptr<Options>& options) {
  command->add_option("--at", options->at, "Line time at which the day is stopped")
      ->capture_default_str();
  command->add_option("--from", options->from, "State file to begin with, instead of --at");
  command->add_option("--for", options->length, "Length of the futures")->capture_default_str();
  command->add_option("--futures", options->futures, "Simulated futures of each")
      ->check(CLI::Range(2, 10'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the futures: the same again another time")
      ->capture_default_str();
  options->json.add_to(*command, "Write every future's measures");
  command->add_option("--csv", options->csv, "Write a row a future to this file");
  command->add_option("--ics", options->ics, "Write the services as a calendar to this file");
  command->add_option("--zero", options->zero, "Local time of line time 0, for --ics")
      ->capture_default_str();
}

}  // namespace

void add_what_if(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "whatif", "Let a stopped day go on with something different, on the same futures");
  command->add_option("scenario", options->scenario, "Scenario file")->capture_default_str();
  add_common(command, options);
  command->add_option("--fail", options->fails,
                      "MACHINE[/KIND][@IN]: it fails, now or so much later");
  command->add_option("--rush", options->rushes, "ORDER comes next");
  command->add_option("--service", options->services, "MACHINE[@IN] is serviced");
  command->add_option("--buffer", options->buffers, "MACHINE=+2: places behind it, or MACHINE=10");
  command->add_option("--speed", options->speeds, "MACHINE=+5%: so much faster");
  command->add_option("--crew", options->crews,
                      "So many crews more or less: -1, or NAME=-1 where crews have names");
  command->add_option("--edits", options->edits,
                      "TOML file of such edits, besides those given here");
  command->add_flag("--levers", options->levers,
                    "Also: where the time goes, the bottleneck, and what each lever would bring");
  command
      ->add_option("--most-levers", options->most,
                   "Simulate only so many levers, the most promising; 0: all")
      ->capture_default_str();
  command->add_option("--lever-model", options->lever_model, "Who says which are promising")
      ->capture_default_str();
  command->add_flag("--no-llm", options->arithmetic, "Arithmetic says it instead of a model");
  command->footer(
      "Example:\n  foreline whatif scenarios/demo.toml --futures 6 --fail capper@30min --rush "
      "A-106 --buffer filler=+6");
  command->callback([options, &exit_code] { exit_code = what_if(*options); });
}

void add_compare(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  options->at = "10min";
  auto* command = app.add_subcommand(
      "compare", "Schedules side by side from a moment of a day on, on the same futures");
  command->add_option("scenario", options->scenario, "Scenario file")->required();
  command->add_option("schedules", options->schedules, "Schedule files")->required();
  add_common(command, options);
  command->footer(
      "Example:\n  foreline compare scenarios/demo.toml "
      "scenarios/schedules/bottling-by-family.toml "
      "--futures 6");
  command->callback([options, &exit_code] { exit_code = compare(*options); });
}

}  // namespace foreline::host
