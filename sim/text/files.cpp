// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "sim/line/crews.hpp"
#include "sim/line/feeds.hpp"
#include "sim/text/document.hpp"
#include "sim/text/state_file.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

constexpr std::size_t products_max = 100;
constexpr std::size_t machines_max = 2000;
constexpr std::size_t signals_max = 14;
constexpr std::size_t wrong_rows_max = 100;
constexpr std::size_t passes_max = 50;
/// Orders that a sequence lacks and that are named, so that they do not hide other mistakes.
constexpr std::size_t missing_max = 20;

/// False when the file is of another kind, so that only that is to be said of it.
[[nodiscard]] bool check_format(Table& root, std::string_view wanted) {
  const auto format = root.string("format");
  if (!root.has("format") || format == wanted) return true;
  const bool ours = format.rfind("foreline ", 0) == 0;
  root.complain("format", fmt::format("this is a \"{}\" file, wanted \"{}\"", format, wanted),
                ours ? "name another file" : fmt::format("write format = \"{}\"", wanted));
  return !ours;
}

template <class T>
Result<T> settled(const Document& document, T value) {
  auto diagnostics = document.diagnostics();
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return value;
}

std::vector<std::string> machine_names(const Line& line) {
  std::vector<std::string> names;
  for (const auto& machine : line.machines) names.push_back(machine.name);
  return names;
}

std::vector<std::string> order_names(const std::vector<Order>& orders) {
  std::vector<std::string> names;
  for (const auto& order : orders) names.push_back(order.id);
  return names;
}

template <class Kind, class Named>
std::vector<std::string> names_of(std::initializer_list<Kind> kinds, Named named) {
  std::vector<std::string> names;
  for (const auto kind : kinds) names.emplace_back(named(kind));
  return names;
}

const std::vector<std::string>& fault_kind_names() {
  static const auto names = [] {
    std::vector<std::string> all;
    for (const auto kind : all_fault_kinds) all.emplace_back(name_of(kind));
    return all;
  }();
  return names;
}

void check_unique(const Table& table, std::string_view key, const std::string& name,
                  std::set<std::string>& seen) {
  if (!name.empty() && !seen.insert(name).second) {
    table.complain(key, fmt::format("the name \"{}\" is taken", name), "names must differ");
  }
}

void check_name(const Table& table, const std::string& name) {
  if (table.place("name").line != 0 &&
      (name.empty() || name.find('/') != std::string::npos || name.size() > 60)) {
    table.complain("name",
                   fmt::format("\"{}\" is no name: wanted 1 to 60 characters without /", name));
  }
}

Signal read_signal(Table table) {
  static const auto kinds =
      names_of({SignalKind::vibration, SignalKind::temperature, SignalKind::current,
                SignalKind::torque, SignalKind::pressure, SignalKind::cycle_time},
               [](SignalKind kind) { return name_of(kind); });
  Signal signal;
  signal.name = table.string("name");
  check_name(table, signal.name);
  signal.kind = static_cast<SignalKind>(table.one_of("kind", kinds));
  const auto normal = table.quantity("normal");
  signal.normal = normal.value;
  signal.unit = normal.unit;
  signal.idle = table.quantity_in("idle", signal.unit, 0.0);
  signal.noise = table.quantity_in("noise", signal.unit);
  signal.resolution = table.quantity_in("resolution", signal.unit, 0.0);
  const auto range = table.strings("range", true);
  if (range.size() == 2) {
    const auto low = parse_quantity(range[0]);
    const auto high = parse_quantity(range[1]);
    if (!low || !high || low->unit != signal.unit || high->unit != signal.unit) {
      if (!signal.unit.empty())
        table.complain("range", fmt::format("\"range\" must be two values in {}", signal.unit));
    } else {
      signal.low = low->value;
      signal.high = high->value;
      if (!(signal.low <= signal.normal && signal.normal <= signal.high &&
            signal.low < signal.high)) {
        table.complain("range", "\"range\" must contain \"normal\"");
      }
    }
  } else if (table.has("range")) {
    table.complain("range", fmt::format("\"range\" has {} entries, wanted lowest and highest value",
                                        range.size()));
  }
  signal.lag_s = table.duration("lag", 0, -1.0);
  signal.sampling_s = table.duration("sampling", 0, 0.0);
  signal.fault_rise = table.number("fault_rise", 0, 10, 1.0);
  signal.fault_unrest = table.number("fault_unrest", 0, 10, 1.0);
  if (signal.noise < 0) table.complain("noise", "\"noise\" is below 0");
  if (signal.resolution < 0) table.complain("resolution", "\"resolution\" is below 0");
  table.finish();
  return signal;
}

/// Things of a line that its machines name.
struct Named {
  std::vector<std::string> products;
  std::vector<std::string> calendars;
  std::vector<std::string> transporters;
  std::vector<std::string> spares;
  std::vector<std::string> skills;  ///< Empty: every crew can do everything.
};

/// The position of a name that may be absent.
std::optional<std::uint32_t> read_reference(Table& table, std::string_view key,
                                            const std::vector<std::string>& names) {
  if (!table.has(key)) return {};
  return static_cast<std::uint32_t>(table.one_of(key, names));
}

std::string read_skill(Table& table, std::string_view key, const Named& named) {
  if (!table.has(key)) return {};
  auto skill = table.string(key);
  const auto& known = named.skills;
  if (!known.empty() && std::find(known.begin(), known.end(), skill) == known.end()) {
    const auto meant = nearest(skill, known);
    table.complain(
        key, fmt::format("no crew has the skill \"{}\"", skill),
        meant ? fmt::format("did you mean \"{}\"?", *meant) : "add it to the skills of a [[crew]]");
  }
  return skill;
}

FaultMode read_fault_mode(Table table, const Named& named) {
  FaultMode mode;
  mode.kind = all_fault_kinds[table.one_of("kind", fault_kind_names())];
  mode.onset = table.distribution("onset");
  if (gives_warning(mode.kind)) {
    mode.progress = table.distribution("progress");
  } else if (table.has("progress")) {
    table.complain(
        "progress",
        fmt::format("{} gives no warning, so it has no \"progress\"", name_of(mode.kind)),
        "take the line out");
  }
  mode.repair = table.distribution("repair");
  static const std::vector<std::string> clocks = {"operating", "calendar"};
  mode.clock = static_cast<FaultMode::Clock>(table.one_of("clock", clocks, 0));
  mode.load_exponent = table.number("load_exponent", -10, 10, 0.0);
  if (table.has("doubling")) mode.doubling_k = table.quantity_in("doubling", "K");
  if (mode.doubling_k < 0) table.complain("doubling", "\"doubling\" is below 0");
  if (mode.clock == FaultMode::Clock::calendar && (mode.load_exponent != 0 || mode.doubling_k != 0))
    table.complain("clock", "a calendar clock does not run faster with load or heat",
                   "take \"load_exponent\" and \"doubling\" out, or write clock = \"operating\"");
  if (auto caused = table.table("accelerates")) {
    for (const auto& name : caused->keys()) {
      const double factor = caused->number(name, 0.01, 1000);
      if (const auto kind = fault_kind_named(name)) {
        mode.accelerates.push_back({*kind, factor});
        continue;
      }
      const auto meant = nearest(name, fault_kind_names());
      caused->complain(name, fmt::format("\"{}\" is no kind of fault", name),
                       meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    }
    caused->finish();
  }
  mode.skill = read_skill(table, "skill", named);
  mode.spare = read_reference(table, "spare", named.spares);
  table.finish();
  return mode;
}

ChangeoverMatrix read_changeover(Table& table, const std::vector<std::string>& products) {
  const auto n = products.size();
  ChangeoverMatrix matrix(n, std::vector<double>(n, 0.0));
  if (!table.has("changeover")) return matrix;
  const auto before = table.rows("changeover");
  if (before.size() != n ||
      std::any_of(before.begin(), before.end(), [&](const auto& row) { return row.size() != n; })) {
    table.complain("changeover", fmt::format("\"changeover\" must have {0} rows of {0} times, from "
                                             "product (row) to product (column)",
                                             n));
    return matrix;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const auto time = parse_duration(before[i][j]);
      if (!time || *time < 0) {
        table.complain(
            "changeover",
            fmt::format("\"{}\" in row {}, column {} is no time", before[i][j], i + 1, j + 1),
            "write \"6 min\"");
      } else if (i == j && *time != 0) {
        table.complain(
            "changeover",
            fmt::format("row {0}, column {0} must be \"0 s\": no changeover between equal products",
                        i + 1));
      } else {
        matrix[i][j] = *time;
      }
    }
  }
  return matrix;
}

Power read_power(Table table) {
  Power power;
  for (const auto& [key, field] :
       std::initializer_list<std::pair<std::string_view, double Power::*>>{
           {"work", &Power::work_kw},
           {"idle", &Power::idle_kw},
           {"setup", &Power::setup_kw},
           {"down", &Power::down_kw},
           {"off", &Power::off_kw}}) {
    power.*field = table.quantity_in(key, "kW", 0.0);
    if (power.*field < 0) table.complain(key, fmt::format("\"{}\" is below 0", key));
  }
  table.finish();
  return power;
}

Maintenance read_maintenance(Table table) {
  static const std::vector<std::string> rules = {"calendar", "age", "condition"};
  Maintenance maintenance;
  maintenance.rule = static_cast<Maintenance::Rule>(table.one_of("rule", rules));
  maintenance.every_s = table.duration("every", 1);
  if (maintenance.rule == Maintenance::Rule::condition) {
    maintenance.kind = all_fault_kinds[table.one_of("kind", fault_kind_names())];
    maintenance.at_damage = table.share("at_damage", 0.5);
    if (!gives_warning(maintenance.kind))
      table.complain("kind", fmt::format("{} gives no warning that an inspection could see",
                                         name_of(maintenance.kind)));
  }
  table.finish();
  return maintenance;
}

/// What a machine does beyond working one part after the other; where parts come from is read
/// later.
void read_abilities(Table& table, const Named& named, Machine& machine) {
  if (table.has("makes")) {
    machine.makes.assign(named.products.size(), 0);
    for (const auto& product : table.strings("makes", true)) {
      const auto found = std::find(named.products.begin(), named.products.end(), product);
      if (found == named.products.end()) {
        const auto meant = nearest(product, named.products);
        table.complain("makes", fmt::format("the line has no product \"{}\"", product),
                       meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
      } else {
        machine.makes[static_cast<std::size_t>(found - named.products.begin())] = 1;
      }
    }
  }
  machine.gives = static_cast<std::uint32_t>(table.integer("gives", 1, 10'000, 1));
  machine.batch = static_cast<std::uint32_t>(table.integer("batch", 1, 10'000, 1));
  machine.batch_wait_s = table.duration("batch_wait", 0, 0.0);
  if (machine.batch == 1 && table.has("batch_wait"))
    table.complain("batch_wait", "only a batch waits", "add batch = 10");
  if (auto belt = table.table("conveyor")) {
    machine.conveyor.travel_s = belt->duration("travel", 0.001);
    machine.conveyor.spacing_s = belt->duration("spacing", 0, 0.0);
    machine.conveyor.accumulating = belt->boolean("accumulating", true);
    belt->finish();
    if (machine.buffer_after == 0)
      table.complain("conveyor", "a conveyor has places for the parts on it",
                     "add buffer_after = 20");
  }
  machine.transporter = read_reference(table, "transporter", named.transporters);
  machine.carry_s = table.duration("carry", 0, 0.0);
  if (table.has("carry") != table.has("transporter"))
    table.complain(table.has("carry") ? "carry" : "transporter",
                   "\"transporter\" and \"carry\" (the time of one way) go together");
  machine.defect_share = table.share("defects", 0.0);
  machine.calendar = read_reference(table, "calendar", named.calendars);
  machine.priority = static_cast<std::int32_t>(table.integer("priority", -1000, 1000, 0));
  machine.service_quality = table.share("service_quality", 1.0);
  machine.service_skill = read_skill(table, "service_skill", named);
  if (auto power = table.table("power")) machine.power = read_power(*power);
  if (auto loads = table.table("product_load")) {
    machine.product_load.assign(named.products.size(), 1.0);
    for (std::size_t i = 0; i < named.products.size(); ++i)
      machine.product_load[i] = loads->number(named.products[i], 0.01, 100, 1.0);
    loads->finish();
  }
  for (auto& rule : table.tables("maintenance"))
    machine.maintenance.push_back(read_maintenance(rule));
}

Machine read_machine(Table table, const Named& named) {
  const auto& products = named.products;
  Machine machine;
  machine.name = table.string("name");
  check_name(table, machine.name);
  const auto complaints = table.complaints();
  machine.cycle = table.distribution("cycle");
  if (machine.cycle.expectation() <= 0 && table.complaints() == complaints)
    table.complain("cycle", "\"cycle\" must take time");
  machine.product_factor.assign(products.size(), 1.0);
  if (auto factors = table.table("product_factor")) {
    for (std::size_t i = 0; i < products.size(); ++i)
      machine.product_factor[i] = factors->number(products[i], 0.01, 100, 1.0);
    factors->finish();
  }
  if (table.has("changeover") && !table.is_list("changeover")) {
    const double time = table.duration("changeover", 0);
    machine.changeover_s.assign(products.size(), std::vector<double>(products.size(), time));
    for (std::size_t i = 0; i < products.size(); ++i) machine.changeover_s[i][i] = 0;
  } else {
    machine.changeover_s = read_changeover(table, products);
  }
  machine.scrap_share = table.share("scrap", 0.0);
  machine.service = table.distribution("service", Distribution::constant(600));
  machine.buffer_after = static_cast<std::uint32_t>(table.integer("buffer_after", 0, 10'000, 0));
  read_abilities(table, named, machine);
  std::set<std::string> names;
  auto signals = table.tables("signal");
  if (signals.size() > signals_max)
    table.complain("signal",
                   fmt::format("{} signals, wanted at most {}", signals.size(), signals_max));
  for (auto& signal : signals) {
    machine.signals.push_back(read_signal(signal));
    check_unique(signal, "name", machine.signals.back().name, names);
  }
  std::set<std::string> kinds;
  for (auto& fault : table.tables("fault")) {
    machine.faults.push_back(read_fault_mode(fault, named));
    if (!kinds.insert(std::string(name_of(machine.faults.back().kind))).second) {
      fault.complain(
          "kind", fmt::format("the machine has a {} already", name_of(machine.faults.back().kind)));
    }
  }
  return machine;
}

/// "06:30" as seconds of the day.
std::optional<double> parse_clock(std::string_view text) {
  const auto colon = text.find(':');
  int hour = 0;
  int minute = 0;
  if (colon == std::string_view::npos ||
      std::from_chars(text.data(), text.data() + colon, hour).ptr != text.data() + colon ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), minute).ptr !=
          text.data() + text.size() ||
      text.size() != colon + 3 || hour < 0 || minute < 0 || minute > 59 ||
      hour * 60 + minute > 24 * 60)
    return {};
  return hour * 3600.0 + minute * 60.0;
}

double read_clock(Table& table, std::string_view key) {
  const auto text = table.string(key);
  const auto clock = parse_clock(text);
  if (!clock && table.has(key))
    table.complain(key, fmt::format("\"{}\" is \"{}\", wanted a time of day", key, text),
                   "write \"06:30\"");
  return clock.value_or(0);
}

const std::vector<std::string>& day_names() {
  static const std::vector<std::string> days = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  return days;
}

constexpr double day_s = 86'400;

/// The spans of a [[calendars.shift]] or [[calendars.break]] within the week from Monday 00:00;
/// what goes on after Sunday midnight is at the beginning of the week.
void read_spans(Table table, std::vector<Calendar::Span>& spans) {
  std::vector<std::size_t> days;
  for (const auto& day : table.strings("days", false)) {
    const auto found = std::find(day_names().begin(), day_names().end(), day);
    if (found == day_names().end()) {
      table.complain("days", fmt::format("\"{}\" is no day", day),
                     "Mon, Tue, Wed, Thu, Fri, Sat or Sun");
    } else {
      days.push_back(static_cast<std::size_t>(found - day_names().begin()));
    }
  }
  if (!table.has("days"))
    for (std::size_t day = 0; day < 7; ++day) days.push_back(day);
  const double from_s = read_clock(table, "from");
  double until_s = read_clock(table, "until");
  if (until_s <= from_s) until_s += day_s;  // past midnight
  for (const auto day : days) {
    const double start = static_cast<double>(day) * day_s;
    spans.push_back({start + from_s, std::min(start + until_s, 7 * day_s)});
    if (start + until_s > 7 * day_s) spans.push_back({0, start + until_s - 7 * day_s});
  }
  table.finish();
}

Calendar read_calendar(Table table) {
  Calendar calendar;
  calendar.name = table.string("name");
  check_name(table, calendar.name);
  const auto start = table.string("start", "Mon 00:00");
  const auto day = std::find(day_names().begin(), day_names().end(), start.substr(0, 3));
  const auto clock =
      start.size() > 4 ? parse_clock(std::string_view(start).substr(4)) : std::nullopt;
  if (day == day_names().end() || !clock)
    table.complain("start", fmt::format("\"{}\" is no day and time", start),
                   "write \"Mon 06:00\": when line time 0 is");
  calendar.start_s = static_cast<double>(day - day_names().begin()) * day_s + clock.value_or(0);
  std::vector<Calendar::Span> shifts;
  std::vector<Calendar::Span> breaks;
  for (auto& shift : table.tables("shift")) read_spans(shift, shifts);
  for (auto& pause : table.tables("break")) read_spans(pause, breaks);
  if (shifts.empty())
    table.complain("", "nobody ever works by this calendar", "add [[calendars.shift]]");
  // Between any two neighbouring edges it is open or it is not.
  std::set<double> edges;
  for (const auto* spans : {&shifts, &breaks}) {
    for (const auto& span : *spans) {
      edges.insert(span.from_s);
      edges.insert(span.until_s);
    }
  }
  auto within = [](const std::vector<Calendar::Span>& spans, double at) {
    return std::any_of(spans.begin(), spans.end(), [&](const Calendar::Span& span) {
      return at >= span.from_s && at < span.until_s;
    });
  };
  for (auto edge = edges.begin(); edge != edges.end() && std::next(edge) != edges.end(); ++edge) {
    if (!within(shifts, *edge) || within(breaks, *edge)) continue;
    if (!calendar.open.empty() && calendar.open.back().until_s == *edge)
      calendar.open.back().until_s = *std::next(edge);
    else
      calendar.open.push_back({*edge, *std::next(edge)});
  }
  if (!shifts.empty() && calendar.open.empty())
    table.complain("break", "the breaks leave nothing of the shifts");
  for (auto& closed : table.tables("closed")) {
    Calendar::Span span{closed.duration("from", 0), closed.duration("until", 0)};
    if (span.until_s <= span.from_s) closed.complain("until", "\"until\" must come after \"from\"");
    closed.finish();
    calendar.closed.push_back(span);
  }
  table.finish();
  return calendar;
}

/// Calendars, crews, transporters and spares; returns what machines may name.
Named read_shared(Table& root, Line& line) {
  Named named;
  named.products = line.products;
  std::set<std::string> taken;
  for (auto& table : root.tables("calendars")) {
    line.calendars.push_back(read_calendar(table));
    named.calendars.push_back(line.calendars.back().name);
    check_unique(table, "name", named.calendars.back(), taken);
  }
  line.calendar = read_reference(root, "calendar", named.calendars);
  taken.clear();
  if (root.has("crew") && root.has("crews"))
    root.complain("crews", "\"crews\" and [[crew]] say the same thing twice", "take one out");
  bool every_skill = !root.has("crew");
  for (auto& table : root.tables("crew")) {
    Crew crew;
    crew.name = table.string("name");
    check_unique(table, "name", crew.name, taken);
    crew.count = static_cast<std::uint32_t>(table.integer("count", 1, 100, 1));
    crew.skills = table.strings("skills", false);
    crew.calendar = read_reference(table, "calendar", named.calendars);
    every_skill = every_skill || crew.skills.empty();
    named.skills.insert(named.skills.end(), crew.skills.begin(), crew.skills.end());
    table.finish();
    line.crew_groups.push_back(std::move(crew));
  }
  if (every_skill) named.skills.clear();
  if (!line.crew_groups.empty()) {
    line.crews = 0;
    for (const auto& crew : line.crew_groups) line.crews += crew.count;
  }
  taken.clear();
  for (auto& table : root.tables("transporter")) {
    Transporter pool;
    pool.name = table.string("name");
    check_unique(table, "name", pool.name, taken);
    pool.count = static_cast<std::uint32_t>(table.integer("count", 1, 1000, 1));
    table.finish();
    named.transporters.push_back(pool.name);
    line.transporters.push_back(std::move(pool));
  }
  taken.clear();
  for (auto& table : root.tables("spare")) {
    Spare spare;
    spare.name = table.string("name");
    check_unique(table, "name", spare.name, taken);
    spare.stock = static_cast<std::uint32_t>(table.integer("stock", 0, 10'000, 1));
    spare.reorder_at = static_cast<std::uint32_t>(table.integer("reorder_at", 0, 10'000, 0));
    spare.order_size = static_cast<std::uint32_t>(table.integer("order_size", 1, 10'000, 1));
    spare.lead = table.distribution("lead");
    table.finish();
    named.spares.push_back(spare.name);
    line.spares.push_back(std::move(spare));
  }
  return named;
}

/// A machine of the file: its units are neighbours in the line.
struct Station {
  std::string name;
  std::uint32_t first = 0;
  std::uint32_t units = 1;
};

/// Where the parts of every machine come from and where they may go back to.
void read_flow(std::vector<Table>& tables, const std::vector<Station>& stations, Line& line) {
  std::vector<std::string> names;
  for (const auto& station : stations) names.push_back(station.name);
  auto named = [&](Table& table, std::string_view key,
                   const std::string& name) -> std::optional<std::uint32_t> {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end())
      return stations[static_cast<std::size_t>(found - names.begin())].first;
    const auto meant = nearest(name, names);
    table.complain(key, fmt::format("the line has no machine \"{}\"", name),
                   meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    return {};
  };
  for (std::size_t i = 0; i < tables.size(); ++i) {
    auto& table = tables[i];
    auto& machine = line.machines[stations[i].first];
    if (table.has("after")) {
      machine.after.emplace();
      for (const auto& name : table.strings("after", true)) {
        const auto input = named(table, "after", name);
        if (input && *input == stations[i].first) {
          table.complain("after", fmt::format("{} comes after itself", name));
        } else if (input && std::find(machine.after->begin(), machine.after->end(), *input) !=
                                machine.after->end()) {
          table.complain("after", fmt::format("\"{}\" is there twice", name), "take one out");
        } else if (input) {
          machine.after->push_back(*input);
        }
      }
    }
    if (auto takes = table.table("takes")) {
      std::vector<std::uint32_t> inputs;
      for (const auto& name : takes->keys()) {
        const auto count = takes->integer(name, 1, 10'000);
        const auto input = named(*takes, name, name);
        if (!input) continue;
        inputs.push_back(*input);
        machine.takes.push_back(static_cast<std::uint32_t>(count));
      }
      takes->finish();
      if (machine.after)
        table.complain("takes", "\"takes\" says already after which machines it comes",
                       "take \"after\" out");
      machine.after = inputs;
      if (machine.batch > 1)
        table.complain("batch", "an assembly works one set at a time", "take \"batch\" out");
    }
    if (auto inspection = table.table("inspection")) {
      auto& rule = machine.inspection;
      rule.detects = inspection->share("detects", 1.0);
      rule.false_alarms = inspection->share("false_alarms", 0.0);
      rule.rework_share = inspection->share("rework", 0.0);
      rule.rework_max = static_cast<std::uint32_t>(inspection->integer("rework_max", 1, 1000, 1));
      if (inspection->has("rework_to"))
        rule.rework_to = named(*inspection, "rework_to", inspection->string("rework_to"));
      if (rule.rework_share > 0 && !inspection->has("rework_to"))
        inspection->complain("rework", "to which machine do parts go back?",
                             "add rework_to = \"…\", a machine before this one");
      inspection->finish();
    }
    table.finish();
  }
}

std::string unit_name(const std::string& station, std::uint32_t unit) {
  return fmt::format("{}-{}", station, unit + 1);
}

/// Further units of a station are machines that stand beside its first.
void place_units(const std::vector<Station>& stations, Line& line) {
  for (const auto& station : stations) {
    if (station.units == 1) continue;
    const auto inputs = line.inputs_of(station.first);
    auto& first = line.machines[station.first];
    first.after = inputs;
    for (std::uint32_t unit = station.units; unit-- > 0;) {
      auto& machine = line.machines[station.first + unit];
      if (unit > 0) {
        machine = first;
        machine.unit_of = station.first;
      }
      machine.name = unit_name(station.name, unit);
    }
  }
}

/// The parts of a set must come from sources of their own: nobody decides how many go which way.
void check_sets(std::vector<Table>& tables, const std::vector<Station>& stations,
                const Line& line) {
  const auto feeds = feeds_of(line);
  for (std::size_t i = 0; i < stations.size(); ++i) {
    const auto m = stations[i].first;
    if (line.machines[m].takes.empty()) continue;
    std::map<std::uint32_t, std::string> from = {{feeds[m], "what is assembled"}};
    for (const auto input : line.inputs_of(m)) {
      const auto [first, is_new] = from.emplace(feeds[input], line.machines[input].name);
      if (!is_new)
        tables[i].complain("takes",
                           fmt::format("parts of {} and {} come from the same sources, and nobody "
                                       "says how many go which way",
                                       first->second, line.machines[input].name),
                           "let each begin with a source of its own: after = []");
    }
  }
}

/// Machines that take several parts at once must be able to reach so many.
void check_reach(std::vector<Table>& tables, const std::vector<Station>& stations,
                 const Line& line) {
  for (std::size_t i = 0; i < stations.size(); ++i) {
    const auto& machine = line.machines[stations[i].first];
    const auto inputs = line.inputs_of(stations[i].first);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto& before = line.machines[inputs[k]];
      const auto set = k < machine.takes.size() ? machine.takes[k] : 1;
      if (set > 1 && before.buffer_after > 0 && before.buffer_after < set)
        tables[i].complain("takes",
                           fmt::format("{} parts of {} never lie in its {} places together", set,
                                       before.name, before.buffer_after),
                           fmt::format("let {} have buffer_after = {} or more", before.name, set));
      if ((set > 1 || machine.batch > 1) && before.conveyor.travel_s > 0 &&
          !before.conveyor.accumulating)
        tables[i].complain(
            set > 1 ? "takes" : "batch",
            fmt::format("the belt behind {} stands while its first part is not taken, so that "
                        "{} parts never come together",
                        before.name, std::max(set, machine.batch)),
            "let it be accumulating");
    }
  }
}

/// Parts that go back must come by as what they were.
void check_rework(std::vector<Table>& tables, const std::vector<Station>& stations,
                  const Line& line, const std::vector<std::vector<std::uint32_t>>& behind) {
  for (std::size_t i = 0; i < stations.size(); ++i) {
    const auto m = stations[i].first;
    const auto& to = line.machines[m].inspection.rework_to;
    if (!to) continue;
    const auto complain = [&](const std::string& what, const char* hint) {
      tables[i].complain("inspection", what, hint);
    };
    // Machines on the way back from `to`; only those from which the inspection is reached count.
    std::vector<bool> from(line.machines.size(), false);
    std::vector<std::uint32_t> open = {*to};
    for (std::size_t next = 0; next < open.size(); ++next) {
      const auto here = open[next];
      if (from[here]) continue;
      from[here] = true;
      if (here == m) continue;
      open.insert(open.end(), behind[line.buffer_of(here)].begin(),
                  behind[line.buffer_of(here)].end());
    }
    const auto& target = line.machines[*to];
    if (!from[m]) {
      complain(fmt::format("parts that go back to {} never come to {} again", target.name,
                           stations[i].name),
               "rework_to names a machine before this one, or this one");
      continue;
    }
    std::vector<bool> until(line.machines.size(), false);
    open = {m};
    for (std::size_t next = 0; next < open.size(); ++next) {
      if (until[open[next]]) continue;
      until[open[next]] = true;
      for (const auto input : line.inputs_of(open[next]))
        for (std::uint32_t unit = input; unit < line.machines.size(); ++unit)
          if (line.buffer_of(unit) == input) open.push_back(unit);
    }
    for (std::uint32_t on = 0; on < line.machines.size(); ++on) {
      if (!from[on] || !until[on] || line.machines[on].unit_of) continue;
      if (on != *to && !line.machines[on].takes.empty())
        complain(fmt::format("a part that goes back to {} is no component for {} any more",
                             target.name, line.machines[on].name),
                 "let it go back to the assembly or a machine behind it");
      if (on != m && line.machines[on].gives > 1)
        complain(fmt::format("a part that goes back to {} would be split once more by {}",
                             target.name, line.machines[on].name),
                 "let it go back to a machine behind the split");
    }
    for (std::uint32_t product = 0; product < line.products.size(); ++product) {
      const auto makes = [&](const Machine& machine) {
        return machine.makes.empty() || machine.makes[product] != 0;
      };
      if (makes(line.machines[m]) && !makes(target))
        complain(fmt::format("{}, to which parts go back, does not make {}", target.name,
                             line.products[product]),
                 "look at its \"makes\"");
    }
  }
}

/// What makes a line impossible although every table of it is right.
void check_flow(std::vector<Table>& tables, const std::vector<Station>& stations,
                const Line& line) {
  const auto count = static_cast<std::uint32_t>(line.machines.size());
  std::vector<std::size_t> station_of(count);
  for (std::size_t i = 0; i < stations.size(); ++i)
    for (std::uint32_t unit = 0; unit < stations[i].units; ++unit)
      station_of[stations[i].first + unit] = i;
  const auto takers = line.takers();
  std::vector<std::vector<std::uint32_t>> inputs(count);
  for (std::uint32_t m = 0; m < count; ++m) inputs[m] = line.inputs_of(m);
  for (std::size_t i = 0; i < stations.size(); ++i) {
    if (takers[stations[i].first] == 0 && tables[i].has("buffer_after"))
      tables[i].complain("buffer_after",
                         i + 1 == stations.size() ? "the last machine has no buffer behind it"
                                                  : "no machine takes parts from this buffer",
                         "take the line out");
  }
  // Machines in the order of flow (Kahn 1962); what is left stands in a cycle or behind one.
  std::vector<std::size_t> open(count);
  std::vector<std::uint32_t> order;
  std::vector<std::vector<std::uint32_t>> behind(count);
  for (std::uint32_t m = 0; m < count; ++m) {
    open[m] = inputs[m].size();
    for (const auto input : inputs[m]) behind[input].push_back(m);
    if (open[m] == 0) order.push_back(m);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    // A station's buffer fills from each of its units, which have the same inputs.
    for (const auto next : behind[order[i]])
      if (--open[next] == 0) order.push_back(next);
  }
  if (order.size() < count) {
    for (std::size_t i = 0; i < stations.size(); ++i) {
      const auto m = stations[i].first;
      if (open[m] == 0) continue;
      tables[i].complain(tables[i].has("after") ? "after" : "",
                         fmt::format("no part ever reaches {}: it stands in a cycle or behind one",
                                     stations[i].name),
                         "parts go round by an inspection's rework_to, never by \"after\"");
    }
    return;
  }
  check_sets(tables, stations, line);
  check_reach(tables, stations, line);
  check_rework(tables, stations, line, behind);
  // Feeds of assemblies: a split before an assembly leaves pieces that fit no set.
  std::vector<bool> component(count, false);
  for (auto m = order.rbegin(); m != order.rend(); ++m) {
    for (const auto input : inputs[*m]) {
      const bool into = !line.machines[*m].takes.empty() || component[*m];
      component[input] = component[input] || into;
    }
  }
  for (std::size_t i = 0; i < stations.size(); ++i) {
    if (component[stations[i].first] && line.machines[stations[i].first].gives > 1)
      tables[i].complain("gives", "a split before an assembly is not supported",
                         "let the machine before it make the parts one by one");
  }
  for (std::uint32_t product = 0; product < line.products.size(); ++product) {
    auto makes = [&](std::uint32_t m) {
      const auto& able = line.machines[m].makes;
      return able.empty() || able[product] != 0;
    };
    // Where parts of the product get to; a buffer gets them from any unit of its station.
    std::vector<bool> arrives(count, false);
    for (const auto m : order) {
      auto filled = [&](std::uint32_t buffer) {
        for (std::uint32_t unit = buffer; unit < count && line.buffer_of(unit) == buffer; ++unit)
          if (arrives[unit]) return true;
        return false;
      };
      const bool all = !line.machines[m].takes.empty();
      const bool fed =
          inputs[m].empty() || (all ? std::all_of(inputs[m].begin(), inputs[m].end(), filled)
                                    : std::any_of(inputs[m].begin(), inputs[m].end(), filled));
      arrives[m] = fed && makes(m);
    }
    bool leaves = false;
    for (std::uint32_t m = 0; m < count; ++m) {
      if (!arrives[m]) continue;
      const auto buffer = line.buffer_of(m);
      if (takers[buffer] == 0) {
        leaves = true;
      } else if (std::none_of(behind[buffer].begin(), behind[buffer].end(), makes)) {
        tables[station_of[m]].complain(
            "name",
            fmt::format("parts of {} stay behind {}: no machine there makes that product",
                        line.products[product], line.machines[m].name),
            "add the product to \"makes\" of a machine behind it");
        leaves = true;
      }
    }
    if (!leaves && !tables.empty())
      tables.front().complain(
          "name",
          fmt::format("no machine makes {} at the beginning of the line, or all its ways "
                      "end",
                      line.products[product]),
          "look at \"makes\"");
  }
}

/// One price as people write it: "60 EUR/h".
void read_price(Table& table, const ObjectiveField& field, Objective& objective) {
  const auto key = field.name;
  const auto example = fmt::format("60 EUR/{}", field.unit);
  const auto price = table.quantity(key, std::nullopt, example);
  const auto slash = price.unit.rfind('/');
  if (price.unit.empty()) return;  // complained of already
  const auto currency = price.unit.substr(0, slash);
  if (slash == std::string::npos || currency.empty() ||
      price.unit.substr(slash + 1) != field.unit) {
    table.complain(
        key,
        fmt::format("\"{}\" is in \"{}\", wanted a price for each {}", key, price.unit, field.unit),
        fmt::format("for example \"{}\"", example));
    return;
  }
  if (price.value < 0)
    table.complain(key, fmt::format("\"{}\" has a negative price", key),
                   "what is worth something is priced by what its lack costs");
  if (!objective.currency.empty() && objective.currency != currency)
    table.complain(
        key, fmt::format("\"{}\" is in {}, another price in {}", key, currency, objective.currency),
        "one objective has one currency");
  if (objective.currency.empty()) objective.currency = currency;
  objective.*field.price = price.value / field.units;
}

/// The most important first; one unit of each outweighs a thousand of the next.
void read_ranking(Table& table, Objective& objective) {
  constexpr double outweighs = 1000;
  std::vector<std::string> known;
  for (const auto& field : objective_fields()) known.emplace_back(field.name);
  const auto names = table.strings("first", true);
  constexpr std::size_t most = 4;
  if (names.empty() || names.size() > most)
    table.complain("first", fmt::format("{} names, wanted 1 to {}", names.size(), most));
  std::set<std::string> seen;
  double price = 1;
  for (std::size_t i = std::min(names.size(), most); i-- > 0; price *= outweighs) {
    const auto field = std::find(known.begin(), known.end(), names[i]);
    if (field == known.end()) {
      const auto meant = nearest(names[i], known);
      table.complain("first", i, fmt::format("nothing of a line is called \"{}\"", names[i]),
                     meant ? fmt::format("did you mean \"{}\"?", *meant)
                           : fmt::format("known: {}", fmt::join(known, ", ")));
      continue;
    }
    if (!seen.insert(names[i]).second)
      table.complain("first", i, fmt::format("\"{}\" is there twice", names[i]));
    const auto& entry = objective_fields()[static_cast<std::size_t>(field - known.begin())];
    objective.*entry.price = price / entry.units;
  }
  objective.currency = "points";
}

void read_objective(Table& root, Line& line) {
  auto table = root.table("objective");
  if (!table) return;
  auto objective = free_of_cost();
  bool priced = false;
  for (const auto& field : objective_fields()) {
    if (!table->has(field.name)) continue;
    if (table->has("first") && !priced)
      table->complain(field.name, "a ranking and prices say two things",
                      "take \"first\" out, or the prices");
    read_price(*table, field, objective);
    priced = true;
  }
  if (table->has("first"))
    read_ranking(*table, objective);
  else if (!priced)
    table->complain("", "an objective without prices",
                    "for example tardiness = \"60 EUR/h\", or first = [\"tardiness\"]");
  else if (std::none_of(objective_fields().begin(), objective_fields().end(),
                        [&](const auto& field) { return objective.*field.price > 0; }))
    table->complain("", "nothing has a price above 0", "then every schedule is as good");
  table->finish();
  line.objective = objective;
}

}  // namespace

Result<Line> read_line_file(const fs::path& path) {
  auto document = Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  if (!check_format(root, "foreline line 1")) return settled(*document, Line{});
  Line line;
  line.name = root.string("name");
  check_name(root, line.name);
  line.products = root.strings("products", true);
  std::set<std::string> products;
  for (const auto& product : line.products) check_unique(root, "products", product, products);
  if (root.has("products") && (line.products.empty() || line.products.size() > products_max)) {
    root.complain("products",
                  fmt::format("{} products, wanted 1 to {}", line.products.size(), products_max));
  }
  line.crews = static_cast<std::uint32_t>(root.integer("crews", 1, most_crews, 1));
  line.sample_period_s = root.duration("sample_period", 0.1, 10.0);
  auto machines = root.tables("machine");
  if (machines.empty()) root.complain("", "a line needs at least one machine", "add [[machine]]");
  if (machines.size() > machines_max)
    root.complain("machine",
                  fmt::format("{} machines, wanted at most {}", machines.size(), machines_max));
  std::set<std::string> names;
  if (root.has("ambient")) line.ambient_degc = root.quantity_in("ambient", "degC");
  line.ambient_swing_k = root.quantity_in("ambient_swing", "K", 0.0);
  const auto named = read_shared(root, line);
  read_objective(root, line);
  std::vector<Station> stations;
  std::size_t units_in_all = 0;
  for (auto& table : machines) {
    const auto units = static_cast<std::uint32_t>(table.integer("units", 1, 100, 1));
    auto machine = read_machine(table, named);
    stations.push_back({machine.name, static_cast<std::uint32_t>(line.machines.size()), units});
    units_in_all += units;
    if (units_in_all <= machines_max) line.machines.insert(line.machines.end(), units, machine);
    check_unique(table, "name", machine.name, names);
    for (std::uint32_t unit = 0; units > 1 && unit < units; ++unit)
      check_unique(table, "units", unit_name(machine.name, unit), names);
  }
  if (machines.size() <= machines_max && units_in_all > machines_max)
    root.complain("machine", fmt::format("{} machines with their units, wanted at most {}",
                                         units_in_all, machines_max));
  if (units_in_all > machines_max) return Error(document->diagnostics());
  read_flow(machines, stations, line);
  place_units(stations, line);
  check_flow(machines, stations, line);
  root.finish();
  return settled(*document, std::move(line));
}

namespace {

struct Cell {
  std::string text;
  int column = 1;
  bool whole = true;  ///< False: a quote that does not end, or with something behind it.
};

/// Fields of one CSV row; double quotes may enclose a field.
std::vector<Cell> cells_of(std::string_view row) {
  std::vector<Cell> cells;
  std::size_t i = 0;
  while (true) {
    Cell cell{{}, static_cast<int>(i) + 1};
    if (i < row.size() && row[i] == '"') {
      for (++i; i < row.size(); ++i) {
        if (row[i] == '"') {
          if (i + 1 >= row.size() || row[i + 1] != '"') break;
          ++i;
        }
        cell.text += row[i];
      }
      const auto behind = std::min(row.find(',', i), row.size());
      cell.whole =
          i < row.size() && row.substr(i + 1, behind - i - 1).find_first_not_of(" \t") == row.npos;
      i = behind;
    } else {
      while (i < row.size() && row[i] != ',') cell.text += row[i++];
    }
    const auto first = cell.text.find_first_not_of(" \t");
    const auto last = cell.text.find_last_not_of(" \t");
    cell.text = first == std::string::npos ? "" : cell.text.substr(first, last - first + 1);
    cells.push_back(std::move(cell));
    if (i >= row.size()) return cells;
    ++i;
  }
}

/// "A; B" apart. A name may have semicolons itself, at most `semicolons`: of the pieces from one
/// on, as many as together are `known` are one name.
template <class Known>
std::vector<std::string_view> names_in(std::string_view cell, const Known& known,
                                       std::size_t semicolons) {
  std::vector<std::size_t> ends;
  for (auto at = cell.find(';'); at != cell.npos; at = cell.find(';', at + 1)) ends.push_back(at);
  ends.push_back(cell.size());
  std::vector<std::string_view> names;
  std::size_t begin = 0;
  for (std::size_t piece = 0; piece < ends.size(); ++piece) {
    auto last = std::min(piece + semicolons, ends.size() - 1);
    const auto name_to = [&](std::size_t end) {
      auto name = cell.substr(begin, ends[end] - begin);
      name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
      while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
      return name;
    };
    while (last > piece && !known(name_to(last))) --last;
    names.push_back(name_to(last));
    piece = last;
    begin = ends[piece] + 1;
  }
  return names;
}

template <class Names>
std::size_t most_semicolons(const Names& names) {
  std::size_t most = 0;
  for (const auto& name : names)
    most = std::max(most, static_cast<std::size_t>(std::count(name.begin(), name.end(), ';')));
  return most;
}

/// The cell `after` of one order.
struct Waits {
  std::size_t order = 0;
  int row = 0;
  Cell cell;
};

/// An order that goes through the line several times, as one that waits for another for each pass.
/// The last of them has the due date, and its lateness counts.
std::vector<Order> passes_of(const Order& order, const std::vector<ProductId>& products,
                             std::size_t place) {
  std::vector<Order> passes(products.size(), order);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    passes[i].id = fmt::format("{}/{}", order.id, i + 1);
    passes[i].product = products[i];
    if (i > 0) passes[i].after = {{static_cast<std::uint32_t>(place + i - 1)}};
    if (i + 1 == passes.size()) continue;
    passes[i].due_s = std::numeric_limits<double>::infinity();
    passes[i].weight = 0;
  }
  return passes;
}

/// Turns the names of orders that others come after into their places.
std::vector<Diagnostic> read_precedence(const fs::path& path, const std::vector<Waits>& waits,
                                        const std::unordered_map<std::string, std::size_t>& last,
                                        std::vector<Order>& orders) {
  std::vector<Diagnostic> mistakes;
  if (waits.empty()) return mistakes;
  const auto names = order_names(orders);
  std::unordered_map<std::string_view, std::size_t> known(last.begin(), last.end());
  for (std::size_t i = 0; i < names.size(); ++i) known.emplace(names[i], i);
  const auto is_known = [&](std::string_view name) { return known.find(name) != known.end(); };
  const auto semicolons = most_semicolons(names);
  for (const auto& one : waits) {
    auto& order = orders[one.order];
    const auto complain = [&](std::string what, std::string hint) {
      if (mistakes.size() < wrong_rows_max)
        mistakes.push_back(
            {path.string(), one.row, one.cell.column, std::move(what), std::move(hint)});
    };
    for (const auto name : names_in(one.cell.text, is_known, semicolons)) {
      const auto found = known.find(name);
      if (found == known.end()) {
        const auto meant = nearest(name, names);
        complain(fmt::format("no order \"{}\" in the order book", name),
                 meant ? fmt::format("did you mean \"{}\"?", *meant)
                       : "several are written \"A-1; A-2\"");
        continue;
      }
      const OrderId other{static_cast<std::uint32_t>(found->second)};
      if (std::find(order.after.begin(), order.after.end(), other) != order.after.end())
        complain(fmt::format("order \"{}\" is there twice", name), "");
      else
        order.after.push_back(other);
    }
  }
  auto open = orders;
  for (auto circle = circle_in(open); !circle.empty() && mistakes.size() < wrong_rows_max;
       circle = circle_in(open)) {
    constexpr std::size_t told_most = 8;
    std::string way = names[circle.front().index];
    for (std::size_t i = 1; i < std::min(circle.size(), told_most); ++i)
      way += fmt::format(" after {}", names[circle[i].index]);
    if (circle.size() > told_most) way += fmt::format(" ... ({})", circle.size() - 1);
    // Passes wait for one another without being told to; somebody in the circle was told.
    const auto begins = std::find_if(waits.begin(), waits.end(), [&](const Waits& one) {
      return std::any_of(circle.begin(), circle.end(),
                         [&](OrderId id) { return id.index == one.order; });
    });
    mistakes.push_back({path.string(), begins->row, begins->cell.column,
                        fmt::format("orders wait for one another: {}", way),
                        "one of them must be able to begin"});
    open[begins->order].after.clear();
  }
  return mistakes;
}

}  // namespace

Result<std::vector<Order>> read_orders_file(const fs::path& path, const Line& line) {
  auto text = read_text_file(path);
  if (!text) return text.error();
  static const std::vector<std::string> columns = {"id",  "product", "quantity", "release",
                                                   "due", "weight",  "after"};
  std::vector<Diagnostic> diagnostics;
  int row_number = 0;
  auto complain = [&](int column, std::string what, std::string hint = {}) {
    diagnostics.push_back({path.string(), row_number, column, std::move(what), std::move(hint)});
  };
  std::vector<std::size_t> position(columns.size(), SIZE_MAX);
  std::vector<Order> orders;
  std::vector<Waits> waits;
  std::unordered_map<std::string, std::size_t> last_passes;  // by the id of the whole order
  std::set<std::string> ids;
  const auto is_product = [&](std::string_view name) {
    return line.product_named(name).has_value();
  };
  const auto semicolons = most_semicolons(line.products);
  bool header = false;
  std::size_t width = 0;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    std::string_view row = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    ++row_number;
    if (diagnostics.size() >= wrong_rows_max) {
      complain(0, "the rows from here on were not looked at", "mend those above first");
      break;
    }
    if (row.find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto cells = cells_of(row);
    if (row.front() == '#') {
      if (header && cells.size() == width && row.find_first_of("# \t", 1) != 1)
        complain(1, fmt::format("order \"{}\" or a comment?", cells.front().text),
                 "put an order's id in quotes, and a blank behind the # of a comment");
      continue;
    }
    const auto torn =
        std::find_if(cells.begin(), cells.end(), [](const Cell& c) { return !c.whole; });
    if (torn != cells.end()) {
      complain(torn->column, "a quote must end where its cell ends",
               "close it with \", and write \"\" for a quote inside");
      continue;
    }
    if (header && cells.size() != width) {
      complain(1, fmt::format("{} cells, but the first row names {} columns", cells.size(), width));
      continue;
    }
    if (!header) {
      header = true;
      width = cells.size();
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto found = std::find(columns.begin(), columns.end(), cells[i].text);
        if (found == columns.end()) {
          const auto meant = nearest(cells[i].text, columns);
          complain(cells[i].column, fmt::format("unknown column \"{}\"", cells[i].text),
                   meant ? fmt::format("did you mean \"{}\"?", *meant)
                   : cells.size() == 1
                       ? "commas part the cells, no semicolons, tabs or blanks"
                       : "known: id, product, quantity, release, due, weight, after");
        } else if (auto& at = position[static_cast<std::size_t>(found - columns.begin())];
                   at != SIZE_MAX) {
          complain(cells[i].column, fmt::format("column \"{}\" is there twice", cells[i].text));
        } else {
          at = i;
        }
      }
      for (std::size_t i = 0; i < 3; ++i) {
        if (position[i] == SIZE_MAX)
          complain(1, fmt::format("column \"{}\" is missing", columns[i]),
                   "the first row names the columns");
      }
      if (!diagnostics.empty()) return Error(std::move(diagnostics));
      continue;
    }
    auto cell = [&](std::size_t column) -> Cell {
      return position[column] == SIZE_MAX ? Cell{{}, 1} : cells[position[column]];
    };
    Order order;
    order.id = cell(0).text;
    if (order.id.empty()) complain(cell(0).column, "the order has no id");
    if (!order.id.empty() && !ids.insert(order.id).second)
      complain(cell(0).column, fmt::format("order \"{}\" is there twice", order.id));
    std::vector<ProductId> passes;
    const auto product_text = cell(1).text;
    const auto names = names_in(product_text, is_product, semicolons);
    if (names.size() > passes_max)
      complain(cell(1).column,
               fmt::format("the order goes through the line {} times, wanted at most {}",
                           names.size(), passes_max));
    for (std::size_t i = 0; i < std::min(names.size(), passes_max); ++i) {
      const auto name = names[i];
      if (const auto product = line.product_named(name)) {
        passes.push_back(*product);
        continue;
      }
      const auto meant = nearest(name, line.products);
      complain(cell(1).column, fmt::format("line {} has no product \"{}\"", line.name, name),
               meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    }
    const auto quantity_text = cell(2).text;
    const auto [end_of_number, status] = std::from_chars(
        quantity_text.data(), quantity_text.data() + quantity_text.size(), order.quantity);
    if (status != std::errc{} || end_of_number != quantity_text.data() + quantity_text.size() ||
        order.quantity == 0 || order.quantity > 65'535) {
      complain(cell(2).column,
               fmt::format("quantity \"{}\" is not a whole number from 1 to 65535", quantity_text));
    }
    auto time = [&](std::size_t column, double otherwise) {
      const auto given = cell(column);
      if (given.text.empty()) return otherwise;
      const auto value = parse_duration(given.text);
      if (!value || *value < 0) {
        complain(given.column, fmt::format("{} \"{}\" is no time", columns[column], given.text),
                 "write \"2h15min\" or \"90 min\"");
      }
      return value.value_or(otherwise);
    };
    order.release_s = time(3, 0);
    order.due_s = time(4, std::numeric_limits<double>::infinity());
    if (order.due_s < order.release_s)
      complain(cell(4).column, "the order is due before its release");
    if (const auto weight = cell(5); !weight.text.empty()) {
      const auto value = parse_quantity(weight.text);
      if (!value || !value->unit.empty() || value->value < 0) {
        complain(weight.column, fmt::format("weight \"{}\" is not a number from 0", weight.text));
      } else {
        order.weight = value->value;
      }
    }
    if (const auto after = cell(6); !after.text.empty())
      waits.push_back({orders.size(), row_number, after});
    if (passes.size() < 2) {
      if (!passes.empty()) order.product = passes.front();
      orders.push_back(std::move(order));
      continue;
    }
    for (auto& pass : passes_of(order, passes, orders.size())) {
      if (!ids.insert(pass.id).second)
        complain(cell(0).column, fmt::format("order \"{}\" is there twice", pass.id));
      orders.push_back(std::move(pass));
    }
    last_passes.emplace(order.id, orders.size() - 1);
  }
  for (auto& mistake : read_precedence(path, waits, last_passes, orders))
    diagnostics.push_back(mistake);
  if (orders.empty() && diagnostics.empty())
    complain(0, "there is no order",
             "the first row names the columns, each further row is an order");
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return orders;
}

namespace {

/// A schedule from a table with `sequence` and [[service]]; without a sequence, the book's order.
Schedule read_schedule_tables(Table& root, const Line& line, const std::vector<Order>& orders) {
  Schedule schedule;
  const auto names = order_names(orders);
  const auto sequence =
      root.has("sequence") ? root.strings("sequence", true) : std::vector<std::string>();
  std::unordered_map<std::string_view, std::uint32_t> known;
  for (std::uint32_t i = 0; i < names.size(); ++i) known.emplace(names[i], i);
  const bool of_another =
      !sequence.empty() && std::none_of(sequence.begin(), sequence.end(),
                                        [&](const auto& id) { return known.contains(id); });
  if (of_another) {
    root.complain("sequence",
                  fmt::format("none of its {} orders is in the order book of line {}",
                              sequence.size(), line.name),
                  "it is a schedule for another line or another day");
  } else if (root.has("sequence")) {
    std::size_t unknown = 0;
    std::vector<bool> seen(orders.size());
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      const auto found = known.find(sequence[i]);
      if (found == known.end()) {
        if (++unknown > wrong_rows_max) continue;
        const auto meant = nearest(sequence[i], names);
        root.complain("sequence", i, fmt::format("no order \"{}\" in the order book", sequence[i]),
                      meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
        continue;
      }
      if (seen[found->second])
        root.complain("sequence", i,
                      fmt::format("order \"{}\" is in the sequence already", sequence[i]));
      seen[found->second] = true;
      schedule.sequence.push_back({found->second});
    }
    std::vector<bool> before(orders.size());
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      const auto found = known.find(sequence[i]);
      if (found == known.end()) continue;
      for (const auto other : orders[found->second].after)
        if (!before[other.index] && seen[other.index])
          root.complain("sequence", i,
                        fmt::format("order \"{}\" must come after \"{}\"", sequence[i],
                                    orders[other.index].id));
      before[found->second] = true;
    }
    std::size_t missing = 0;
    for (std::size_t i = 0; i < orders.size(); ++i)
      if (!seen[i] && ++missing <= missing_max)
        root.complain("sequence",
                      fmt::format("order \"{}\" is missing from the sequence", orders[i].id));
    if (missing > missing_max)
      root.complain("sequence", fmt::format("{} more orders are missing from the sequence",
                                            missing - missing_max));
  } else {
    for (std::uint32_t i = 0; i < orders.size(); ++i) schedule.sequence.push_back({i});
    schedule.sequence = with_precedence(std::move(schedule.sequence), orders);
  }
  const auto machines = machine_names(line);
  for (auto& table : root.tables("service")) {
    Service service;
    service.machine = {static_cast<std::uint32_t>(table.one_of("machine", machines))};
    const bool at = table.has("at");
    const bool before = table.has("before_order");
    if (at == before) table.complain("", "a service needs either \"at\" or \"before_order\"");
    if (at) service.at_s = table.duration("at", 0);
    if (before) {
      service.when = Service::When::before_order;
      service.order = {static_cast<std::uint32_t>(table.one_of("before_order", names))};
    }
    table.finish();
    schedule.services.push_back(service);
  }
  return schedule;
}

}  // namespace

Result<Schedule> read_schedule_file(const fs::path& path, const Line& line,
                                    const std::vector<Order>& orders) {
  auto document = Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  if (!check_format(root, "foreline schedule 1")) return settled(*document, Schedule{});
  auto schedule = read_schedule_tables(root, line, orders);
  if (!root.has("sequence"))
    root.complain("", "\"sequence\" is missing", "list every order id once");
  root.finish();
  return settled(*document, std::move(schedule));
}

std::string schedule_text(const Schedule& schedule, const Line& line,
                          const std::vector<Order>& orders) {
  std::string out = "format = \"foreline schedule 1\"\nsequence = [";
  for (std::size_t i = 0; i < schedule.sequence.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += toml_string(orders.at(schedule.sequence[i].index).id);
  }
  out += "]\n";
  for (const auto& service : schedule.services) {
    out += fmt::format("\n[[service]]\nmachine = {}\n", toml_string(line.at(service.machine).name));
    out += service.when == Service::When::at_time
               ? fmt::format("at = \"{}\"\n", duration_text(service.at_s))
               : fmt::format("before_order = {}\n", toml_string(orders.at(service.order.index).id));
  }
  return out;
}

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
