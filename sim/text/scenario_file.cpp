// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "sim/text/reading.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

/// A path in a file is relative to that file.
fs::path beside(const fs::path& file, const std::string& name) {
  return fs::path(name).is_absolute() ? fs::path(name)
                                      : (file.parent_path() / name).lexically_normal();
}

/// ">= 410 parts/h", "<= 20 min": side and value in the measure's own unit.
std::optional<Bound> read_bound(Table& table, std::string_view key, std::string_view unit) {
  const auto text = table.string(key);
  if (!table.has(key)) return {};
  Bound bound;
  std::string_view rest = text;
  if (rest.substr(0, 2) == ">=") {
    bound.side = Bound::Side::at_least;
  } else if (rest.substr(0, 2) == "<=") {
    bound.side = Bound::Side::at_most;
  } else {
    table.complain(key, fmt::format("\"{}\" is \"{}\", wanted >= or <= and a value", key, text),
                   "for example \">= 15 min\"");
    return {};
  }
  rest.remove_prefix(2);
  std::optional<double> value;
  if (unit == "s") {
    value = parse_duration(rest);
  } else if (const auto quantity = parse_quantity(rest);
             quantity && (quantity->unit == unit || (quantity->unit.empty() && unit == "parts"))) {
    value = quantity->value;
  }
  if (!value) {
    table.complain(key, fmt::format("\"{}\" is no value in {}", text,
                                    unit.empty()  ? "plain numbers"
                                    : unit == "s" ? "a time"
                                                  : unit));
    return {};
  }
  bound.value = *value;
  return bound;
}

/// "18 of 20", "18/20", "all" or absent.
SeedShare read_seeds(Table& table, std::size_t seed_count) {
  if (!table.has("seeds")) return {};
  const auto text = table.string("seeds");
  if (text == "all") return {};
  std::size_t wanted = 0;
  std::size_t of = 0;
  const auto* last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, wanted);
  const auto of_at = text.find("of ");
  if (first.ec != std::errc{} || of_at == std::string::npos ||
      std::from_chars(text.data() + of_at + 3, last, of).ec != std::errc{} || wanted == 0 ||
      wanted > of) {
    table.complain("seeds",
                   fmt::format("\"seeds\" is \"{}\", wanted \"18 of 20\" or \"all\"", text));
    return {};
  }
  if (of != seed_count) {
    table.complain("seeds", fmt::format("the scenario has {} seeds, not {}", seed_count, of));
    return {};
  }
  return {wanted};
}

void check_pattern(Table& table, std::string_view key, const std::string& pattern,
                   const Line& line) {
  if (pattern == "*" || pattern == "plc/communication") return;
  const auto slash = pattern.find('/');
  const auto machines = machine_names(line);
  auto kinds = fault_kind_names();
  kinds.emplace_back("*");
  const auto machine = pattern.substr(0, slash);
  for (const auto& known : line.machines) {
    if (machine != "*" && machine != known.name) continue;
    for (const auto& signal : known.signals) kinds.push_back(signal.name);
  }
  if (machine != "*" && std::find(machines.begin(), machines.end(), machine) == machines.end()) {
    const auto meant = nearest(machine, machines);
    table.complain(key, fmt::format("line {} has no machine \"{}\"", line.name, machine),
                   meant ? fmt::format("did you mean \"{}\"?", *meant)
                         : "write machine/fault, for example \"filler/bearing-wear\", or \"*\"");
    return;
  }
  const auto kind = slash == std::string::npos ? "" : pattern.substr(slash + 1);
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    const auto meant = nearest(kind, kinds);
    table.complain(key, fmt::format("\"{}\" names no kind of fault and no signal", pattern),
                   meant ? fmt::format("did you mean \"{}/{}\"?", machine, *meant)
                         : "write machine/fault, for example \"filler/bearing-wear\"");
  }
}

struct ScenarioReader {
  Scenario& scenario;
  fs::path path;
  std::vector<std::string> machines;
  std::vector<std::string> fault_ids;

  void faults(Table& root) {
    std::set<std::string> ids;
    for (auto& table : root.tables("fault")) {
      ScriptedFault fault;
      fault.id = table.string("id");
      check_unique(table, "id", fault.id, ids);
      fault.machine = {static_cast<std::uint32_t>(table.one_of("machine", machines))};
      fault.kind = all_fault_kinds[table.one_of("kind", fault_kind_names())];
      fault.at_s = table.duration("at", 0);
      if (gives_warning(fault.kind)) {
        fault.fails_after_s = table.duration("fails_after", 0);
      } else if (table.has("fails_after")) {
        table.complain("fails_after",
                       fmt::format("{} gives no warning: it fails at once", name_of(fault.kind)),
                       "take the line out");
      }
      fault.repair_s = table.duration("repair", 0, 0.0);
      const auto& machine = scenario.line->at(fault.machine);
      if (!machine.can_have(fault.kind) && fault.repair_s == 0) {
        table.complain("kind",
                       fmt::format("{} has no {} in the line file, so its repair time is unknown",
                                   machine.name, name_of(fault.kind)),
                       "add repair = \"30 min\"");
      }
      if (fault.at_s > scenario.horizon_s)
        table.complain("at", "the fault begins after the horizon");
      table.finish();
      fault_ids.push_back(fault.id);
      scenario.faults.push_back(std::move(fault));
    }
  }

  void sensor_faults(Table& root) {
    static const auto kinds =
        names_of({SensorFaultKind::stuck, SensorFaultKind::drift, SensorFaultKind::spike,
                  SensorFaultKind::dropout, SensorFaultKind::offset, SensorFaultKind::noise,
                  SensorFaultKind::lag, SensorFaultKind::gain},
                 [](SensorFaultKind kind) { return name_of(kind); });
    for (auto& table : root.tables("sensor_fault")) {
      SensorFault fault;
      fault.id = table.string("id");
      fault.machine = {static_cast<std::uint32_t>(table.one_of("machine", machines))};
      std::vector<std::string> signals;
      for (const auto& signal : scenario.line->at(fault.machine).signals)
        signals.push_back(signal.name);
      const auto position = table.one_of("signal", signals);
      fault.signal = position < signals.size() ? signals[position] : "";
      fault.kind = static_cast<SensorFaultKind>(table.one_of("kind", kinds));
      fault.from_s = table.duration("from", 0);
      fault.until_s =
          table.duration("until", fault.from_s, std::numeric_limits<double>::infinity());
      const bool sized =
          fault.kind == SensorFaultKind::drift || fault.kind == SensorFaultKind::spike ||
          fault.kind == SensorFaultKind::offset || fault.kind == SensorFaultKind::noise;
      if (fault.kind == SensorFaultKind::lag) fault.magnitude = table.duration("magnitude", 0);
      if (fault.kind == SensorFaultKind::gain)
        fault.magnitude = table.number("magnitude", -1000, 1000);
      if (sized) {
        const auto unit = position < signals.size()
                              ? scenario.line->at(fault.machine).signals[position].unit
                              : "";
        fault.magnitude = table.quantity_in(
            "magnitude", fault.kind == SensorFaultKind::drift ? unit + "/h" : unit);
      }
      table.finish();
      scenario.sensor_faults.push_back(std::move(fault));
    }
  }

  void communication_losses(Table& root) {
    for (auto& table : root.tables("communication_loss")) {
      CommunicationLoss loss;
      loss.id = table.string("id");
      loss.from_s = table.duration("from", 0);
      loss.until_s = table.duration("until", 0);
      loss.delay_s = table.duration("delay", 0, 0.0);
      loss.share = table.share("share", 1.0);
      if (table.has("machine"))
        loss.machine = MachineId{static_cast<std::uint32_t>(table.one_of("machine", machines))};
      if (loss.until_s <= loss.from_s)
        table.complain("until", "\"until\" must come after \"from\"");
      table.finish();
      scenario.communication_losses.push_back(std::move(loss));
    }
  }

  std::string fault_id(Table& table, std::string_view key) {
    if (!table.has(key)) return "";
    const auto position = table.one_of(key, fault_ids);
    return position < fault_ids.size() ? fault_ids[position] : "";
  }

  void expectation(Table table, Document& document) {
    Expectation expectation;
    expectation.line = table.place().line;
    expectation.seeds = read_seeds(table, scenario.seed_count);
    if (table.has("alarm")) {
      Expectation::Alarm alarm;
      alarm.pattern = table.string("alarm");
      check_pattern(table, "alarm", alarm.pattern, *scenario.line);
      alarm.of = fault_id(table, "of");
      if (table.has("lead")) {
        if (const auto bound = read_bound(table, "lead", "s")) {
          if (bound->side == Bound::Side::at_most)
            table.complain("lead", "\"lead\" must be at least something: write >=");
          alarm.lead_s = bound->value;
        }
        if (alarm.of.empty()) table.complain("lead", "\"lead\" needs \"of\": the fault it leads");
      }
      expectation.what = alarm;
    } else if (table.has("no_alarm")) {
      Expectation::NoAlarm none;
      none.pattern = table.string("no_alarm");
      check_pattern(table, "no_alarm", none.pattern, *scenario.line);
      none.until = fault_id(table, "until");
      expectation.what = none;
    } else if (table.has("measure")) {
      std::vector<std::string> names;
      for (const auto& field : measure_fields()) names.emplace_back(field.name);
      const auto position = table.one_of("measure", names);
      const auto& field = measure_fields()[position];
      if (table.has("compare")) {
        Expectation::Compare compare;
        compare.measure = field.name;
        compare.schedule_name = table.string("compare");
        auto schedule = read_schedule_file(beside(path, compare.schedule_name), *scenario.line,
                                           *scenario.orders);
        if (schedule) {
          compare.schedule = std::move(*schedule);
        } else {
          table.complain("compare",
                         fmt::format("the schedule \"{}\" cannot be used", compare.schedule_name));
          for (const auto& diagnostic : schedule.error().diagnostics) document.add(diagnostic);
        }
        read_compare(table, field, compare);
        expectation.what = compare;
      } else {
        Expectation::Measure measure;
        measure.name = field.name;
        if (const auto bound = read_bound(table, "is", field.unit)) measure.is = *bound;
        expectation.what = measure;
      }
    } else {
      table.complain("", "an expectation needs \"alarm\", \"no_alarm\" or \"measure\"");
    }
    table.finish();
    scenario.expectations.push_back(std::move(expectation));
  }

  /// is = "<= baseline", ">= baseline + 10 parts/h": what the compared schedule must reach against
  /// the scenario's own.
  static void read_compare(Table& table, const MeasureField& field, Expectation::Compare& compare) {
    const auto text = table.string("is");
    const auto at = text.find("baseline");
    const auto head = text.substr(0, 2);
    if ((head != "<=" && head != ">=") || at == std::string::npos) {
      table.complain("is", fmt::format("\"is\" is \"{}\", wanted <= baseline or >= baseline", text),
                     "\"<= baseline - 10 min\"");
      return;
    }
    compare.side = head == "<=" ? Bound::Side::at_most : Bound::Side::at_least;
    std::string_view rest = std::string_view(text).substr(at + 8);
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    if (rest.empty()) return;
    const double sign = rest.front() == '-' ? -1 : 1;
    const auto amount = rest.substr(1);
    const auto value = field.unit == "s" ? parse_duration(amount) : [&]() -> std::optional<double> {
      const auto quantity = parse_quantity(
          std::string(amount.substr(std::min(amount.find_first_not_of(' '), amount.size()))));
      return quantity && (quantity->unit == field.unit || quantity->unit.empty())
                 ? std::optional(quantity->value)
                 : std::nullopt;
    }();
    if ((rest.front() != '-' && rest.front() != '+') || !value) {
      table.complain(
          "is", fmt::format("\"{}\" is no amount of {}", rest, field.name),
          fmt::format("a value in {}", field.unit.empty() ? "plain numbers" : field.unit));
      return;
    }
    compare.margin = sign * *value;
  }
};

}  // namespace

Result<Scenario> read_scenario_file(const fs::path& path) {
  auto document = Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  if (!check_format(root, "foreline scenario 1")) return settled(*document, Scenario{});
  Scenario scenario;
  scenario.path = path.string();
  scenario.title = root.string("title");
  scenario.line_path = root.string("line");
  const auto orders_path = root.string("orders");
  const auto schedule_path = root.string("schedule", "");
  scenario.first_seed = static_cast<std::uint64_t>(root.integer("first_seed", 0, INT64_MAX, 1));
  scenario.seed_count = static_cast<std::size_t>(root.integer("seeds", 1, 10'000, 1));
  scenario.horizon_s = root.duration("horizon", 1, 8 * 3600.0);
  scenario.random_faults = root.boolean("random_faults", false);
  if (root.has("warm_up")) {
    const auto warm_up = root.string("warm_up");
    const auto seconds = parse_duration(warm_up);
    scenario.warm_up_found = warm_up == "auto";
    if (!scenario.warm_up_found) scenario.warm_up_s = seconds;
    if (!scenario.warm_up_found && !seconds)
      root.complain("warm_up", fmt::format("\"{}\" is neither a duration nor auto", warm_up),
                    "\"30 min\", or \"auto\" to have it found");
    if (seconds && *seconds >= scenario.horizon_s)
      root.complain("warm_up",
                    "nothing is left to measure: \"warm_up\" must end before the horizon");
  }
  auto refer = [&](std::string_view key, const Error& error) {
    if (!root.has(key)) return;
    root.complain(
        key, fmt::format("the file \"{}\" cannot be used; see its own messages", root.string(key)));
    for (const auto& diagnostic : error.diagnostics) document->add(diagnostic);
  };
  auto line = read_line_file(beside(path, scenario.line_path));
  if (!line) {
    refer("line", line.error());
    return Error(document->diagnostics());
  }
  scenario.line = std::make_shared<Line>(std::move(*line));
  scenario.line_path = beside(path, scenario.line_path).string();
  auto orders = read_orders_file(beside(path, orders_path), *scenario.line);
  if (!orders) {
    refer("orders", orders.error());
    return Error(document->diagnostics());
  }
  scenario.orders = std::make_shared<std::vector<Order>>(std::move(*orders));
  scenario.orders_path = beside(path, orders_path).string();
  if (schedule_path.empty()) {
    scenario.schedule = read_schedule_tables(root, *scenario.line, *scenario.orders);
  } else {
    auto schedule =
        read_schedule_file(beside(path, schedule_path), *scenario.line, *scenario.orders);
    if (schedule) scenario.schedule = std::move(*schedule);
    if (!schedule) refer("schedule", schedule.error());
  }
  if (const auto state_path = root.string("state", ""); !state_path.empty()) {
    auto from = read_state_file(beside(path, state_path), *scenario.line, *scenario.orders);
    if (!from) refer("state", from.error());
    if (from && from->at_s >= scenario.horizon_s)
      root.complain("horizon", fmt::format("the state is that of {}, after the horizon",
                                           duration_text(from->at_s)));
    if (from) scenario.from = std::move(*from);
    scenario.state_path = beside(path, state_path).string();
  }
  ScenarioReader reader{scenario, path, machine_names(*scenario.line), {}};
  reader.faults(root);
  reader.sensor_faults(root);
  reader.communication_losses(root);
  for (auto& table : root.tables("expect")) reader.expectation(table, *document);
  root.finish();
  return settled(*document, std::move(scenario));
}

namespace {

/// A file as a scenario in `folder` names it.
std::string named_from(const fs::path& folder, const std::string& file) {
  const auto relative = fs::absolute(file).lexically_normal().lexically_relative(
      fs::absolute(folder).lexically_normal());
  return (relative.empty() ? fs::absolute(file) : relative).generic_string();
}

std::string expectation_text(const Expectation& expectation, std::size_t seeds) {
  struct Say {
    std::string operator()(const Expectation::Alarm& e) const {
      auto out = fmt::format("alarm = {}\n", toml_string(e.pattern));
      if (!e.of.empty()) out += fmt::format("of = {}\n", toml_string(e.of));
      if (e.lead_s) out += fmt::format("lead = \">= {}\"\n", duration_text(*e.lead_s));
      return out;
    }
    std::string operator()(const Expectation::NoAlarm& e) const {
      auto out = fmt::format("no_alarm = {}\n", toml_string(e.pattern));
      if (!e.until.empty()) out += fmt::format("until = {}\n", toml_string(e.until));
      return out;
    }
    std::string operator()(const Expectation::Measure& e) const {
      return fmt::format("measure = {}\nis = \"{} {}\"\n", toml_string(e.name), side(e.is.side),
                         amount(e.name, e.is.value));
    }
    std::string operator()(const Expectation::Compare& e) const {
      auto out = fmt::format("measure = {}\ncompare = {}\nis = \"{} baseline",
                             toml_string(e.measure), toml_string(e.schedule_name), side(e.side));
      if (e.margin != 0)
        out +=
            fmt::format(" {} {}", e.margin < 0 ? "-" : "+", amount(e.measure, std::abs(e.margin)));
      return out + "\"\n";
    }
    static std::string_view side(Bound::Side side) {
      return side == Bound::Side::at_least ? ">=" : "<=";
    }
    static std::string amount(const std::string& measure, double value) {
      for (const auto& field : measure_fields()) {
        if (field.name != measure) continue;
        if (field.unit == "s") return duration_text(value);
        return fmt::format("{}{}{}", value, field.unit.empty() ? "" : " ", field.unit);
      }
      return fmt::format("{}", value);
    }
  };
  auto out = "\n[[expect]]\n" + std::visit(Say{}, expectation.what);
  if (expectation.seeds.wanted != 0)
    out += fmt::format("seeds = \"{} of {}\"\n", expectation.seeds.wanted, seeds);
  return out;
}

}  // namespace

std::string scenario_text(const Scenario& scenario) {
  const auto folder = fs::path(scenario.path).parent_path();
  std::string out = fmt::format(
      "format = \"foreline scenario 1\"\ntitle = {}\nline = {}\norders = {}\n"
      "first_seed = {}\nseeds = {}\nhorizon = \"{}\"\nrandom_faults = {}\nsequence = [",
      toml_string(scenario.title), toml_string(named_from(folder, scenario.line_path)),
      toml_string(named_from(folder, scenario.orders_path)), scenario.first_seed,
      scenario.seed_count, duration_text(scenario.horizon_s), scenario.random_faults);
  if (!scenario.state_path.empty())
    out.insert(out.rfind("first_seed"),
               fmt::format("state = {}\n", toml_string(named_from(folder, scenario.state_path))));
  for (std::size_t i = 0; i < scenario.schedule.sequence.size(); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ",
                       toml_string(scenario.orders->at(scenario.schedule.sequence[i].index).id));
  out += "]\n";
  if (scenario.warm_up_found) out += "warm_up = \"auto\"\n";
  if (scenario.warm_up_s)
    out += fmt::format("warm_up = \"{}\"\n", duration_text(*scenario.warm_up_s));
  for (const auto& service : scenario.schedule.services) {
    out += fmt::format("\n[[service]]\nmachine = {}\n",
                       toml_string(scenario.line->at(service.machine).name));
    out += service.when == Service::When::at_time
               ? fmt::format("at = \"{}\"\n", duration_text(service.at_s))
               : fmt::format("before_order = {}\n",
                             toml_string(scenario.orders->at(service.order.index).id));
  }
  for (const auto& fault : scenario.faults) {
    out += fmt::format("\n[[fault]]\nid = {}\nmachine = {}\nkind = \"{}\"\nat = \"{}\"\n",
                       toml_string(fault.id), toml_string(scenario.line->at(fault.machine).name),
                       name_of(fault.kind), duration_text(fault.at_s));
    if (gives_warning(fault.kind))
      out += fmt::format("fails_after = \"{}\"\n", duration_text(fault.fails_after_s));
    if (fault.repair_s > 0) out += fmt::format("repair = \"{}\"\n", duration_text(fault.repair_s));
  }
  for (const auto& fault : scenario.sensor_faults) {
    const auto& signals = scenario.line->at(fault.machine).signals;
    const auto signal = std::find_if(signals.begin(), signals.end(),
                                     [&](const Signal& s) { return s.name == fault.signal; });
    const auto unit = signal == signals.end() ? std::string() : signal->unit;
    out += fmt::format(
        "\n[[sensor_fault]]\nid = {}\nmachine = {}\nsignal = {}\nkind = \"{}\"\nfrom = \"{}\"\n",
        toml_string(fault.id), toml_string(scenario.line->at(fault.machine).name),
        toml_string(fault.signal), name_of(fault.kind), duration_text(fault.from_s));
    if (std::isfinite(fault.until_s))
      out += fmt::format("until = \"{}\"\n", duration_text(fault.until_s));
    if (fault.kind == SensorFaultKind::drift)
      out += fmt::format("magnitude = \"{} {}/h\"\n", fault.magnitude, unit);
    if (fault.kind == SensorFaultKind::spike || fault.kind == SensorFaultKind::offset ||
        fault.kind == SensorFaultKind::noise)
      out += fmt::format("magnitude = \"{} {}\"\n", fault.magnitude, unit);
    if (fault.kind == SensorFaultKind::lag)
      out += fmt::format("magnitude = \"{}\"\n", duration_text(fault.magnitude));
    if (fault.kind == SensorFaultKind::gain)
      out += fmt::format("magnitude = {:.17g}\n", fault.magnitude);
  }
  for (const auto& loss : scenario.communication_losses) {
    out +=
        fmt::format("\n[[communication_loss]]\nid = {}\nfrom = \"{}\"\nuntil = \"{}\"\n",
                    toml_string(loss.id), duration_text(loss.from_s), duration_text(loss.until_s));
    if (loss.share < 1) out += fmt::format("share = {:.17g}\n", loss.share);
    if (loss.delay_s > 0) out += fmt::format("delay = \"{}\"\n", duration_text(loss.delay_s));
    if (loss.machine)
      out += fmt::format("machine = {}\n", toml_string(scenario.line->at(*loss.machine).name));
  }
  for (const auto& expectation : scenario.expectations)
    out += expectation_text(expectation, scenario.seed_count);
  return out;
}

Trial trial_of(const Scenario& scenario, std::size_t position) {
  Trial trial;
  trial.line = scenario.line;
  trial.orders = scenario.orders;
  trial.schedule = scenario.schedule;
  trial.seed = scenario.first_seed + position;
  trial.from = scenario.from;
  trial.horizon_s = scenario.horizon_s;
  trial.random_faults = scenario.random_faults;
  trial.faults = scenario.faults;
  trial.sensor_faults = scenario.sensor_faults;
  trial.communication_losses = scenario.communication_losses;
  return trial;
}

}  // namespace foreline::text
