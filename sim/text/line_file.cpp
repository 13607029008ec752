// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "sim/line/crews.hpp"
#include "sim/line/feeds.hpp"
#include "sim/text/reading.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

constexpr std::size_t products_max = 100;
constexpr std::size_t machines_max = 2000;
constexpr std::size_t signals_max = 14;

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

}  // namespace foreline::text
