// SPDX-License-Identifier: Apache-2.0
#include "sim/text/state_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "sim/text/document.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

constexpr const char* format_name = "foreline state 1";
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
    for (auto& table : root.tables("machine")) {
      const auto m = table.one_of("name", machines_);
      if (m >= machines_.size()) continue;
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
    contradictions(root, now);
    return now;
  }

 private:
  std::optional<OrderId> order(Table& table, std::string_view key, const std::string& id) const {
    const auto found = std::find(ids_.begin(), ids_.end(), id);
    if (found != ids_.end()) return OrderId{static_cast<std::uint32_t>(found - ids_.begin())};
    const auto meant = nearest(id, ids_);
    table.complain(key, fmt::format("no order \"{}\" in the order book", id),
                   meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
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
    const auto parts = count(table, "parts");
    machine.holds_part = parts > 0;
    machine.parts_held = parts > 1 ? parts : 0;
    machine.remaining_s = table.duration("remaining", 0, 0.0);
    if (parts > 0 && id.empty())
      table.complain("parts", "a part is of some order, and \"order\" is missing");
    if (parts == 0 && machine.remaining_s > 0)
      table.complain("remaining", "there is work left and no part on the machine",
                     "add parts = 1, or take \"remaining\" out");
    if (parts > 1 && parts > line_->machines[m].batch)
      table.complain("parts",
                     fmt::format("{} works {} at a time", machines_[m], line_->machines[m].batch));
    progress(table, machine);
    machine.operating_s = table.duration("operating", 0, 0.0);
    machine.renewals = count(table, "renewals");
    std::uint64_t begun = parts;
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
    if (table.has("buffer")) buffer(table, m, now);
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
      if (i < kinds.size() && mode.damage > 0 && mode.damage < 1 && !gives_warning(modes[i].kind))
        fault.complain("damage", fmt::format("{} gives no warning: it is there or not", kinds[i]),
                       "0 % or 100 %");
      fault.finish();
      if (i < kinds.size()) machine.modes[i] = mode;
    }
  }

  void buffer(Table& table, std::size_t m, LineNow& now) const {
    const auto ids = table.strings("buffer", true);
    if (line_->is_plain_series())
      return table.complain("buffer", "in a plain series the buffers follow from what was made",
                            "take it out");
    if (line_->buffer_of(static_cast<std::uint32_t>(m)) != m)
      return table.complain(
          "buffer", fmt::format("{} puts its parts into the buffer of {}", machines_[m],
                                machines_[line_->buffer_of(static_cast<std::uint32_t>(m))]));
    for (const auto& id : ids)
      if (const auto known = order(table, "buffer", id)) now.buffers[m].push_back(*known);
    const auto places = line_->machines[m].buffer_after;
    if (ids.size() > places)
      table.complain("buffer",
                     fmt::format("{} parts in a buffer of {} places", ids.size(), places));
  }

  void spares(Table& root, LineNow& now) const {
    for (const auto& spare : line_->spares) now.spares.push_back(spare.stock);
    auto table = root.table("spares");
    if (!table) return;
    std::vector<std::string> names;
    for (const auto& spare : line_->spares) names.push_back(spare.name);
    for (const auto& name : table->keys()) {
      const auto found = std::find(names.begin(), names.end(), name);
      const auto pieces = count(*table, name);
      if (found != names.end()) {
        now.spares[static_cast<std::size_t>(found - names.begin())] = pieces;
        continue;
      }
      const auto meant = nearest(name, names);
      table->complain(name, fmt::format("the line has no spare part \"{}\"", name),
                      meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    }
    table->finish();
  }

  /// Counts that cannot all be true.
  void contradictions(Table& root, const LineNow& now) const {
    const bool splits = std::any_of(line_->machines.begin(), line_->machines.end(),
                                    [](const Machine& machine) { return machine.gives > 1; });
    for (std::size_t m = 0; m < machines_.size(); ++m) {
      for (std::size_t o = 0; o < orders_->size() && !splits; ++o) {
        const auto& made = now.machines[m].progress[o];
        const auto sum = std::uint64_t{made.good} + made.scrap;
        if (line_->is_plain_series() && sum > (*orders_)[o].quantity)
          root.complain("", fmt::format("{} has made {} parts of order {}, which has {}",
                                        machines_[m], sum, ids_[o], (*orders_)[o].quantity));
      }
      if (!line_->is_plain_series() || m + 1 >= machines_.size()) continue;
      const auto level = now.buffer_level(m);
      const auto places = line_->machines[m].buffer_after;
      if (level >= 0 && level <= std::int64_t{places}) continue;
      root.complain("",
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
    if (machine.holds_part) out += fmt::format("parts = {}\n", std::max(1U, machine.parts_held));
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
    if (m < now.buffers.size() && !now.buffers[m].empty()) {
      out += "buffer = [";
      for (std::size_t i = 0; i < now.buffers[m].size(); ++i)
        out += fmt::format("{}{}", i == 0 ? "" : ", ",
                           toml_string(orders.at(now.buffers[m][i].index).id));
      out += "]\n";
    }
    for (std::size_t i = 0; i < machine.modes.size(); ++i) {
      const auto& mode = machine.modes[i];
      out += fmt::format("\n  [[machine.fault]]\n  kind = \"{}\"\n  age = \"{}\"\n",
                         name_of(line.machines[m].faults.at(i).kind), duration_text(mode.age_s));
      if (mode.damage > 0) out += fmt::format("  damage = {}\n", mode.damage);
      if (mode.left_s >= 0) out += fmt::format("  left = \"{}\"\n", duration_text(mode.left_s));
      out += fmt::format("  renewals = {}\n", mode.renewals);
    }
  }
  for (std::size_t i = 0; i < now.spares.size(); ++i)
    out += fmt::format("{}{} = {}\n", i == 0 ? "\n[spares]\n" : "",
                       toml_string(line.spares.at(i).name), now.spares[i]);
  return out;
}

}  // namespace foreline::text
