// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sim/text/reading.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

Service service_of(Table& table, MachineId machine, std::span<const std::string> orders) {
  Service service;
  service.machine = machine;
  const bool at = table.has("at");
  const bool before = table.has("before_order");
  if (at == before) table.complain("", "a service needs either \"at\" or \"before_order\"");
  if (at) service.at_s = table.duration("at", 0);
  if (before) {
    service.when = Service::When::before_order;
    service.order = {static_cast<std::uint32_t>(table.one_of("before_order", orders))};
  }
  table.finish();
  return service;
}

std::string when_text(const Service& service, const std::vector<Order>& orders) {
  return service.when == Service::When::at_time
             ? fmt::format("at = \"{}\"", duration_text(service.at_s))
             : fmt::format("before_order = {}", toml_string(orders.at(service.order.index).id));
}

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
    const auto machine = static_cast<std::uint32_t>(table.one_of("machine", machines));
    schedule.services.push_back(service_of(table, {machine}, names));
  }
  return schedule;
}

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
    out += when_text(service, orders) + '\n';
  }
  return out;
}

}  // namespace foreline::text
