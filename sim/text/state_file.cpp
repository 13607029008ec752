// SPDX-License-Identifier: Apache-2.0
#include "sim/text/state_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <variant>

#include "sim/text/document.hpp"
#include "sim/text/reading.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

constexpr const char* format_name = "foreline state 1";
/// Times are differences of line times.
constexpr double rounding_s = 1e-6;
constexpr std::int64_t count_max = std::numeric_limits<std::uint32_t>::max();

/// States in which a machine can be caught, as the simulation and a PLC say.
const std::vector<PackmlState> known_states = {
    PackmlState::idle,    PackmlState::suspended, PackmlState::execute, PackmlState::held,
    PackmlState::stopped, PackmlState::resetting, PackmlState::complete};

bool busy_state(PackmlState state) {
  return state == PackmlState::held || state == PackmlState::stopped ||
         state == PackmlState::resetting;
}

class StateReader {
 public:
  StateReader(const Line& line, const std::vector<Order>& orders) : line_(&line), orders_(&orders) {
    for (const auto& machine : line.machines) machines_.push_back(machine.name);
    for (const auto& order : orders) ids_.push_back(order.id);
    for (const auto state : known_states) states_.emplace_back(name_of(state));
  }

  LineNow read(Table& root) {
    LineNow now;
    now.at_s = root.duration("at", 0);
    if (const auto name = root.string("line", line_->name); name != line_->name)
      root.complain("line",
                    fmt::format("this is the state of line {}, not of {}", name, line_->name));
    now.machines.resize(machines_.size());
    for (auto& machine : now.machines) machine.progress.resize(orders_->size());
    if (!line_->is_plain_series()) now.buffers.resize(machines_.size());
    std::set<std::string> seen;
    std::vector<Table> tables(machines_.size(), root);
    for (auto& table : root.tables("machine")) {
      const auto m = table.one_of("name", machines_);
      if (m >= machines_.size()) continue;
      tables[m] = table;
      if (!seen.insert(machines_[m]).second)
        table.complain("name", fmt::format("{} is there twice", machines_[m]));
      machine(table, m, now);
      table.finish();
    }
    for (const auto& name : machines_)
      if (seen.count(name) == 0)
        root.complain("", fmt::format("machine {} is missing", name),
                      fmt::format("[[machine]] with name = {}", toml_string(name)));
    spares(root, now);
    room(tables, now);
    contradictions(tables, now);
    return now;
  }

 private:
  /// `entry`: of a list, where the name stands.
  std::optional<OrderId> order(Table& table, std::string_view key, const std::string& id,
                               std::optional<std::size_t> entry = {}) const {
    const auto found = std::find(ids_.begin(), ids_.end(), id);
    if (found != ids_.end()) return OrderId{static_cast<std::uint32_t>(found - ids_.begin())};
    const auto meant = nearest(id, ids_);
    const auto what = fmt::format("no order \"{}\" in the order book", id);
    const auto hint = meant ? fmt::format("did you mean \"{}\"?", *meant) : "";
    entry ? table.complain(key, *entry, what, hint) : table.complain(key, what, hint);
    return std::nullopt;
  }

  static std::uint32_t count(Table& table, std::string_view key, std::int64_t otherwise = 0) {
    return static_cast<std::uint32_t>(table.integer(key, 0, count_max, otherwise));
  }

  void machine(Table& table, std::size_t m, LineNow& now) {
    auto& machine = now.machines[m];
    machine.state = known_states[std::min(table.one_of("state", states_, 0), states_.size() - 1)];
    const auto id = table.string("order", "");
    if (!id.empty()) {
      if (const auto known = order(table, "order", id)) machine.order = *known;
      machine.set_up = true;
    }
    held(table, m, now);
    machine.remaining_s = table.duration("remaining", 0, 0.0);
    if (machine.holds_part && id.empty())
      table.complain("parts", "a part is of some order, and \"order\" is missing");
    if (!machine.holds_part && machine.remaining_s > 0)
      table.complain("remaining", "there is work left and no part on the machine",
                     "add parts = 1, or take \"remaining\" out");
    way(table, m, now);
    progress(table, machine);
    machine.operating_s = table.duration("operating", 0, 0.0);
    machine.renewals = count(table, "renewals");
    std::uint64_t begun = machine.holds_part ? std::max(1U, machine.parts_held) : 0;
    for (const auto& made : machine.progress) begun += std::uint64_t{made.good} + made.scrap;
    machine.parts =
        count(table, "begun", static_cast<std::int64_t>(std::min<std::uint64_t>(begun, count_max)));
    machine.down_remaining_s = table.duration("busy", 0, 0.0);
    if (machine.down_remaining_s > 0 && !busy_state(machine.state))
      table.complain(
          "busy",
          fmt::format("a machine in {} has no repair, service or changeover open",
                      name_of(machine.state)),
          "state = \"Held\" (repair), \"Stopped\" (service) or \"Resetting\" (changeover)");
    modes(table, m, machine);
    if (table.has("crew")) crew(table, machine);
    if (table.has("since")) machine.since_s = moment(table, "since", now);
    if (table.has("blocked")) machine.blocked_s = moment(table, "blocked", now);
    served(table, m, machine);
    if (table.has("looked")) machine.looked_s = moment(table, "looked", now);
  }

  void progress(Table& table, MachineNow& machine) const {
    for (const auto& [key, field] :
         {std::pair("made", &Progress::good), std::pair("scrapped", &Progress::scrap)}) {
      auto counts = table.table(key);
      if (!counts) continue;
      for (const auto& id : counts->keys()) {
        const auto number = count(*counts, id);
        if (const auto known = order(*counts, id, id))
          machine.progress[known->index].*field = number;
      }
      counts->finish();
    }
  }

  void served(Table& table, std::size_t m, MachineNow& machine) const {
    if (!table.has("served")) return;
    machine.served.emplace();
    for (auto& entry : table.tables("served"))
      machine.served->push_back(service_of(entry, {static_cast<std::uint32_t>(m)}, ids_));
  }

  void crew(Table& table, MachineNow& machine) const {
    std::vector<std::string> names;
    for (const auto& group : line_->crew_groups) names.push_back(group.name);
    if (names.empty()) names.emplace_back("crew");
    machine.crew =
        static_cast<std::uint32_t>(std::min(table.one_of("crew", names), names.size() - 1));
    if (machine.down_remaining_s <= 0 || machine.state == PackmlState::resetting)
      table.complain("crew", "only an open repair or service has a crew",
                     "add \"busy\", or take \"crew\" out");
  }

  void modes(Table& table, std::size_t m, MachineNow& machine) const {
    const auto& modes = line_->machines[m].faults;
    std::vector<std::string> kinds;
    for (const auto& mode : modes) kinds.emplace_back(name_of(mode.kind));
    if (table.has("repairing")) {
      const auto mode = table.one_of("repairing", kinds);
      if (mode < kinds.size()) machine.repairing = static_cast<std::int32_t>(mode);
      if (machine.state != PackmlState::held)
        table.complain("repairing", "only a machine that is Held is repaired");
    }
    auto tables = table.tables("fault");
    if (tables.empty()) return;
    machine.modes.assign(modes.size(), {machine.operating_s, 0, -1, machine.renewals});
    std::set<std::size_t> seen;
    for (auto& fault : tables) {
      const auto i = fault.one_of("kind", kinds);
      if (i < kinds.size() && !seen.insert(i).second)
        fault.complain("kind", fmt::format("{} is there twice", kinds[i]));
      ModeNow mode;
      mode.age_s = fault.duration("age", 0, machine.operating_s);
      mode.damage = fault.share("damage", 0.0);
      mode.left_s = fault.duration("left", 0, -1.0);
      mode.renewals = count(fault, "renewals", machine.renewals);
      if (fault.has("rate")) mode.rate = fault.number("rate", 1e-9, 1e9);
      if (i < kinds.size() && mode.damage > 0 && mode.damage < 1 && !gives_warning(modes[i].kind))
        fault.complain("damage", fmt::format("{} gives no warning: it is there or not", kinds[i]),
                       "0 % or 100 %");
      fault.finish();
      if (i < kinds.size()) machine.modes[i] = mode;
    }
  }

  /// The parts of a list; each is the name of its order, or a table of what is known of it.
  std::vector<PartNow> parts(Table& table, std::string_view key, const LineNow& now,
                             double longest_s) const {
    std::vector<PartNow> found;
    std::size_t position = 0;
    for (auto& entry : table.strings_or_tables(key)) {
      PartNow part;
      if (const auto* id = std::get_if<std::string>(&entry)) {
        if (const auto known = order(table, key, *id, position)) part.order = *known;
      } else {
        auto& more = std::get<Table>(entry);
        part = detailed(more, now, longest_s);
        if (!found.empty() && part.reach_s > 0 && part.reach_s < found.back().reach_s - rounding_s)
          more.complain("arrives", "this part arrives before the one in front of it");
        more.finish();
      }
      ++position;
      found.push_back(part);
    }
    return found;
  }

  PartNow detailed(Table& table, const LineNow& now, double longest_s) const {
    PartNow part;
    if (const auto id = table.string("order"); table.has("order"))
      if (const auto known = order(table, "order", id)) part.order = *known;
    part.reworks = static_cast<std::uint32_t>(table.integer("reworks", 0, 1000, 0));
    part.defective = table.boolean("defective", false);
    if (table.has("entered")) part.entered_s = moment(table, "entered", now);
    part.reach_s = table.duration("arrives", 0, 0.0);
    if (part.reach_s > longest_s + rounding_s)
      table.complain("arrives",
                     longest_s > 0 ? fmt::format("the whole way takes {}", duration_text(longest_s))
                                   : "parts are where they can be taken at once here",
                     longest_s > 0 ? "" : "take it out");
    if (!table.has("waits")) return part;
    if (part.reach_s > 0)
      table.complain("waits", "a part that is still to arrive waits for nobody");
    part.reach_s -= table.duration("waits", 0, 0.0);
    return part;
  }

  /// A line time that is past.
  static double moment(Table& table, std::string_view key, const LineNow& now) {
    const double at_s = table.duration(key, 0);
    if (at_s > now.at_s)
      table.complain(key, fmt::format("{} is after this moment, {}", duration_text(at_s),
                                      duration_text(now.at_s)));
    return at_s;
  }

  void held(Table& table, std::size_t m, LineNow& now) const {
    auto& machine = now.machines[m];
    auto number = count(table, "parts");
    if (table.has("holds")) {
      machine.held = parts(table, "holds", now, 0);
      const auto listed = static_cast<std::uint32_t>(machine.held.size());
      if (table.has("parts") && number != listed)
        table.complain("holds", fmt::format("{} parts are on {} by this list, {} by \"parts\"",
                                            listed, machines_[m], number));
      number = listed;
      for (std::size_t i = 0; i < machine.held.size(); ++i)
        if (machine.set_up && machine.held[i].order != machine.order)
          table.complain(
              "holds", i,
              fmt::format("{} works on order {}", machines_[m], ids_[machine.order.index]));
    }
    machine.holds_part = number > 0;
    machine.parts_held = number > 1 ? number : 0;
    if (number > 1 && number > line_->machines[m].batch)
      table.complain(table.has("parts") ? "parts" : "holds",
                     fmt::format("{} works {} at a time", machines_[m], line_->machines[m].batch));
    if (!table.has("given")) return;
    machine.given = count(table, "given");
    if (*machine.given >= line_->machines[m].gives)
      table.complain("given", fmt::format("{} gives {} for each part, the last ends it",
                                          machines_[m], line_->machines[m].gives));
    if (number == 0) table.complain("given", "there is no part on the machine");
  }

  /// What is behind the machine, and on its way there.
  void way(Table& table, std::size_t m, LineNow& now) const {
    auto& machine = now.machines[m];
    const auto& of_line = line_->machines[m];
    const auto first = line_->buffer_of(static_cast<std::uint32_t>(m));
    if (table.has("buffer")) {
      if (first != m)
        table.complain("buffer", fmt::format("{} puts its parts into the buffer of {}",
                                             machines_[m], machines_[first]));
      now.buffers.resize(machines_.size());
      now.buffers[m] = parts(table, "buffer", now, of_line.conveyor.travel_s);
    }
    if (table.has("rework")) {
      machine.rework = parts(table, "rework", now, 0);
      if (std::none_of(line_->machines.begin(), line_->machines.end(),
                       [m](const Machine& other) { return other.inspection.rework_to == m; }))
        table.complain("rework", fmt::format("no part is sent back to {}", machines_[m]));
    }
    machine.belt_busy_s = table.duration("belt_busy", 0, 0.0);
    if (machine.belt_busy_s > of_line.conveyor.spacing_s + rounding_s)
      table.complain("belt_busy",
                     fmt::format("parts on the belt behind {} are {} apart", machines_[m],
                                 duration_text(of_line.conveyor.spacing_s)));
    machine.placed = table.boolean("placed", false);
    if (machine.placed && !machine.holds_part)
      table.complain("placed", "there is no part on the machine", "take it out");
    machine.carried = parts(table, "carried", now, of_line.carry_s);
    std::size_t entry = 0;
    for (const auto& text : table.strings("returning", false)) {
      const auto left_s = parse_duration(text);
      if (!left_s || *left_s < 0 || *left_s > of_line.carry_s + rounding_s)
        table.complain("returning", entry,
                       fmt::format("\"{}\" is no time on the way back, which takes {}", text,
                                   duration_text(of_line.carry_s)));
      machine.returning_s.push_back(left_s.value_or(0));
      ++entry;
    }
    if (of_line.transporter) return;
    for (const char* key : {"carried", "placed", "returning"})
      if (table.has(key))
        table.complain(key, fmt::format("no transporter carries the parts of {}", machines_[m]),
                       "take it out");
  }

  void spares(Table& root, LineNow& now) const {
    std::vector<std::string> names;
    for (const auto& spare : line_->spares) {
      now.spares.push_back({spare.stock});
      names.push_back(spare.name);
    }
    auto table = root.table("spares");
    if (!table) return;
    for (const auto& name : table->keys()) {
      const auto found = std::find(names.begin(), names.end(), name);
      auto known = spare(*table, name);
      if (found != names.end()) {
        now.spares[static_cast<std::size_t>(found - names.begin())] = std::move(known);
        continue;
      }
      const auto meant = nearest(name, names);
      table->complain(name, fmt::format("the line has no spare part \"{}\"", name),
                      meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    }
    table->finish();
  }

  /// A number of pieces, or a table that tells of deliveries too.
  static SpareNow spare(Table& table, const std::string& name) {
    if (!table.is_table(name)) return {count(table, name)};
    auto more = *table.table(name);
    SpareNow known{count(more, "pieces")};
    std::size_t entry = 0;
    for (const auto& text : more.strings("deliveries", false)) {
      const auto left_s = parse_duration(text);
      if (!left_s || *left_s < 0)
        more.complain("deliveries", entry, fmt::format("\"{}\" is no time from now", text),
                      "\"2 h\"");
      known.deliveries_s.push_back(left_s.value_or(0));
      ++entry;
    }
    known.orders = count(more, "orders", static_cast<std::int64_t>(known.deliveries_s.size()));
    more.finish();
    return known;
  }

  /// Parts that the buffer behind machine `m` takes, or that those behind it take at once.
  [[nodiscard]] std::uint64_t room_behind(std::size_t m) const {
    if (line_->machines[m].buffer_after > 0) return line_->machines[m].buffer_after;
    std::uint64_t wanted = 0;
    for (std::uint32_t taker = 0; taker < machines_.size(); ++taker) {
      const auto& takes = line_->machines[taker].takes;
      const auto inputs = line_->inputs_of(taker);
      for (std::size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i] == m) wanted += takes.empty() ? line_->machines[taker].batch : takes[i];
    }
    return wanted;
  }

  void room(const std::vector<Table>& tables, const LineNow& now) const {
    const auto takers = line_->takers();
    for (std::size_t m = 0; m < machines_.size(); ++m) {
      if (takers[m] == 0) continue;
      std::uint64_t parts = m < now.buffers.size() ? now.buffers[m].size() : 0;
      for (std::size_t unit = m; unit < machines_.size(); ++unit)
        if (line_->buffer_of(static_cast<std::uint32_t>(unit)) == m)
          parts += now.machines[unit].carried.size() + (now.machines[unit].placed ? 1 : 0);
      if (parts > room_behind(m))
        tables[m].complain(
            "buffer", fmt::format("{} parts are in the buffer behind {}, where {} have room", parts,
                                  machines_[m], room_behind(m)));
    }
    for (std::size_t i = 0; i < line_->transporters.size(); ++i) {
      const auto& pool = line_->transporters[i];
      std::size_t out = 0;
      std::optional<std::size_t> last;  // of those whose parts it carries
      for (std::size_t m = 0; m < machines_.size(); ++m) {
        const auto& machine = now.machines[m];
        const auto own = machine.carried.size() + machine.returning_s.size();
        if (line_->machines[m].transporter != i || own == 0) continue;
        out += own;
        last = m;
      }
      if (last && out > pool.count)
        tables[*last].complain(
            tables[*last].has("carried") ? "carried" : "returning",
            fmt::format("{} transporters \"{}\" are under way, of {}", out, pool.name, pool.count));
    }
  }

  /// Counts that cannot all be true.
  void contradictions(const std::vector<Table>& tables, const LineNow& now) const {
    const bool splits = std::any_of(line_->machines.begin(), line_->machines.end(),
                                    [](const Machine& machine) { return machine.gives > 1; });
    for (std::size_t m = 0; m < machines_.size(); ++m) {
      for (std::size_t o = 0; o < orders_->size() && !splits; ++o) {
        const auto& made = now.machines[m].progress[o];
        const auto sum = std::uint64_t{made.good} + made.scrap;
        if (line_->is_plain_series() && sum > (*orders_)[o].quantity)
          tables[m].complain(
              "made", fmt::format("{} has made {} parts of order {}, which has {}", machines_[m],
                                  sum, ids_[o], (*orders_)[o].quantity));
      }
      if (!line_->is_plain_series() || m + 1 >= machines_.size()) continue;
      LineNow counted{now.at_s, {now.machines[m], now.machines[m + 1]}};
      const auto level = counted.buffer_level(0);
      const auto places = room_behind(m);
      if (!now.buffers.empty() && level != now.buffer_level(m))
        tables[m].complain("buffer",
                           fmt::format("by what was made {} parts are between {} and {}, and "
                                       "\"buffer\" lists {}",
                                       level, machines_[m], machines_[m + 1], now.buffer_level(m)),
                           "check \"made\", \"scrapped\" and \"parts\" of both");
      if (level >= 0 && level <= static_cast<std::int64_t>(places)) continue;
      tables[m].complain("made",
                         fmt::format("by what was made {} parts are between {} and {}, where there "
                                     "are {} places",
                                     level, machines_[m], machines_[m + 1], places),
                         "check \"made\", \"scrapped\" and \"parts\" of both");
    }
  }

  const Line* line_;
  const std::vector<Order>* orders_;
  std::vector<std::string> machines_, ids_, states_;
};

void put_counts(std::string& out, std::string_view key, const std::vector<Progress>& progress,
                std::uint32_t Progress::*field, const std::vector<Order>& orders) {
  std::string row;
  for (std::size_t o = 0; o < progress.size(); ++o)
    if (progress[o].*field > 0)
      row += fmt::format("{}{} = {}", row.empty() ? "" : ", ", toml_string(orders.at(o).id),
                         progress[o].*field);
  if (!row.empty()) out += fmt::format("{} = {{ {} }}\n", key, row);
}

void put_time(std::string& out, std::string_view key, double seconds) {
  if (seconds > 0) out += fmt::format("{} = \"{}\"\n", key, duration_text(seconds));
}

void put_moment(std::string& out, std::string_view key, const std::optional<double>& at_s) {
  if (at_s) out += fmt::format("{} = \"{}\"\n", key, duration_text(*at_s));
}

std::string times_text(const std::vector<double>& seconds) {
  std::string out = "[";
  for (const auto each : seconds)
    out += fmt::format("{}\"{}\"", out.size() > 1 ? ", " : "", duration_text(each));
  return out + "]";
}

std::string services_text(const std::vector<Service>& services, const std::vector<Order>& orders) {
  std::string out = "[";
  for (const auto& service : services)
    out += fmt::format("{}{{ {} }}", out.size() > 1 ? ", " : "", when_text(service, orders));
  return out + "]";
}

void put_parts(std::string& out, std::string_view key, const std::vector<PartNow>& parts,
               const std::vector<Order>& orders) {
  if (parts.empty()) return;
  out += fmt::format("{} = [\n", key);
  for (const auto& part : parts) {
    const auto id = toml_string(orders.at(part.order.index).id);
    if (part == PartNow{part.order}) {
      out += fmt::format("  {},\n", id);
      continue;
    }
    out += fmt::format("  {{ order = {}", id);
    if (part.entered_s) out += fmt::format(", entered = \"{}\"", duration_text(*part.entered_s));
    if (part.reworks > 0) out += fmt::format(", reworks = {}", part.reworks);
    if (part.defective) out += ", defective = true";
    if (part.reach_s != 0)
      out += fmt::format(", {} = \"{}\"", part.reach_s > 0 ? "arrives" : "waits",
                         duration_text(std::abs(part.reach_s)));
    out += " },\n";
  }
  out += "]\n";
}

}  // namespace

Result<LineNow> read_state_file(const fs::path& path, const Line& line,
                                const std::vector<Order>& orders) {
  auto document = Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  if (const auto format = root.string("format"); root.has("format") && format != format_name)
    root.complain("format",
                  fmt::format("this is a \"{}\" file, wanted \"{}\"", format, format_name));
  auto now = StateReader(line, orders).read(root);
  root.finish();
  if (auto diagnostics = document->diagnostics(); !diagnostics.empty())
    return Error(std::move(diagnostics));
  return now;
}

std::string state_text(const LineNow& now, const Line& line, const std::vector<Order>& orders) {
  auto out = fmt::format("format = \"{}\"\nline = {}\nat = \"{}\"\n", format_name,
                         toml_string(line.name), duration_text(now.at_s));
  for (std::size_t m = 0; m < now.machines.size(); ++m) {
    const auto& machine = now.machines[m];
    out += fmt::format("\n[[machine]]\nname = {}\nstate = \"{}\"\n",
                       toml_string(line.machines.at(m).name), name_of(machine.state));
    if (machine.set_up)
      out += fmt::format("order = {}\n", toml_string(orders.at(machine.order.index).id));
    if (machine.holds_part && machine.held.empty())
      out += fmt::format("parts = {}\n", std::max(1U, machine.parts_held));
    put_time(out, "remaining", machine.remaining_s);
    put_counts(out, "made", machine.progress, &Progress::good, orders);
    put_counts(out, "scrapped", machine.progress, &Progress::scrap, orders);
    out += fmt::format("begun = {}\n", machine.parts);
    put_time(out, "operating", machine.operating_s);
    if (machine.renewals > 0) out += fmt::format("renewals = {}\n", machine.renewals);
    put_time(out, "busy", machine.down_remaining_s);
    if (machine.repairing >= 0)
      out += fmt::format(
          "repairing = \"{}\"\n",
          name_of(line.machines[m].faults.at(static_cast<std::size_t>(machine.repairing)).kind));
    if (machine.crew)
      out += fmt::format("crew = {}\n", line.crew_groups.empty()
                                            ? "\"crew\""
                                            : toml_string(line.crew_groups.at(*machine.crew).name));
    put_moment(out, "since", machine.since_s);
    put_moment(out, "blocked", machine.blocked_s);
    if (machine.served) out += fmt::format("served = {}\n", services_text(*machine.served, orders));
    put_moment(out, "looked", machine.looked_s);
    put_parts(out, "holds", machine.held, orders);
    if (machine.given) out += fmt::format("given = {}\n", *machine.given);
    if (m < now.buffers.size()) put_parts(out, "buffer", now.buffers[m], orders);
    put_time(out, "belt_busy", machine.belt_busy_s);
    if (machine.placed) out += "placed = true\n";
    put_parts(out, "carried", machine.carried, orders);
    if (!machine.returning_s.empty())
      out += fmt::format("returning = {}\n", times_text(machine.returning_s));
    put_parts(out, "rework", machine.rework, orders);
    for (std::size_t i = 0; i < machine.modes.size(); ++i) {
      const auto& mode = machine.modes[i];
      out += fmt::format("\n  [[machine.fault]]\n  kind = \"{}\"\n  age = \"{}\"\n",
                         name_of(line.machines[m].faults.at(i).kind), duration_text(mode.age_s));
      if (mode.damage > 0) out += fmt::format("  damage = {}\n", mode.damage);
      if (mode.left_s >= 0) out += fmt::format("  left = \"{}\"\n", duration_text(mode.left_s));
      out += fmt::format("  renewals = {}\n", mode.renewals);
      if (mode.rate) out += fmt::format("  rate = {}\n", *mode.rate);
    }
  }
  for (std::size_t i = 0; i < now.spares.size(); ++i) {
    const auto& spare = now.spares[i];
    out +=
        fmt::format("{}{} = ", i == 0 ? "\n[spares]\n" : "", toml_string(line.spares.at(i).name));
    out += spare.orders == 0 && spare.deliveries_s.empty()
               ? fmt::format("{}\n", spare.pieces)
               : fmt::format("{{ pieces = {}, deliveries = {}, orders = {} }}\n", spare.pieces,
                             times_text(spare.deliveries_s), spare.orders);
  }
  return out;
}

}  // namespace foreline::text
