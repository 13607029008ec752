// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/text/document.hpp"
#include "sim/text/files.hpp"

namespace foreline::core {

using namespace line;
using text::Document;
using text::Table;

namespace {

class Reader {
 public:
  Reader(Configuration& configuration, Document& document)
      : c_(configuration), document_(document) {}

  void read(Table root) {
    files(root);
    if (auto plc = section(root, "plc", true)) link(*plc);
    if (c_.line) machines(root);
    if (auto progress = root.table("progress")) counts(*progress);
    if (auto schedule = root.table("schedule")) blocks(*schedule);
    if (auto forecast = root.table("forecast")) forecasts(*forecast);
    if (auto alarms = root.table("alarms")) alarm_rules(*alarms);
    if (auto planning = root.table("planning")) plans(*planning);
    if (auto gate = root.table("gate")) gates(*gate);
    if (auto server = root.table("server")) serve(*server);
    if (auto hmi = root.table("hmi")) pages(*hmi);
    root.finish();
    if (c_.may_write && c_.store.empty())
      root.complain("", "[schedule] writes = true needs a store: no audit, no write",
                    "add store = \"foreline-store\"");
  }

 private:
  std::optional<Table> section(Table& root, std::string_view name, bool required) {
    auto table = root.table(name);
    if (!table && required) root.complain("", fmt::format("the section [{}] is missing", name));
    return table;
  }

  std::filesystem::path beside(const std::string& name) const {
    const std::filesystem::path path(name);
    return name.empty() || path.is_absolute() ? path : c_.file.parent_path() / path;
  }

  void refer(const Table& root, std::string_view key, const Error& error) {
    root.complain(key, "the file that this names cannot be used; see its own messages");
    for (const auto& diagnostic : error.diagnostics) document_.add(diagnostic);
  }

  void files(Table& root) {
    if (const auto format = root.string("format"); format != "foreline plugin 1")
      root.complain("format",
                    fmt::format("the format is \"{}\", wanted \"foreline plugin 1\"", format));
    const auto line_name = root.string("line");
    const auto orders_name = root.string("orders", "");
    c_.model = beside(root.string("model", ""));
    c_.store = beside(root.string("store", ""));
    if (line_name.empty()) return;
    auto line = text::read_line_file(beside(line_name));
    if (!line) {
      refer(root, "line", line.error());
      return;
    }
    c_.line = std::make_shared<const Line>(std::move(*line));
    std::vector<Order> orders;
    if (!orders_name.empty()) {
      auto read = text::read_orders_file(beside(orders_name), *c_.line);
      if (!read)
        refer(root, "orders", read.error());
      else
        orders = std::move(*read);
    }
    c_.orders = std::make_shared<const std::vector<Order>>(std::move(orders));
  }

  Register at(Table& table, std::string_view key) {
    const auto text = table.string(key);
    if (text.empty()) return {};
    auto parsed = parse_register(text);
    if (parsed) return *parsed;
    const auto& diagnostic = parsed.error().diagnostics.front();
    table.complain(key, diagnostic.what, diagnostic.hint);
    return {};
  }
  std::optional<Register> maybe_at(Table& table, std::string_view key) {
    if (!table.has(key)) return std::nullopt;
    return at(table, key);
  }
  std::uint16_t address(Table& table, std::string_view key) {
    return static_cast<std::uint16_t>(table.integer(key, 0, 65'535));
  }

  void link(Table table) {
    auto& plc = c_.plc;
    plc.host = table.string("host", plc.host);
    plc.port = static_cast<std::uint16_t>(table.integer("port", 1, 65'535, 502));
    plc.unit = static_cast<std::uint8_t>(table.integer("unit", 0, 255, 1));
    plc.poll_s = table.duration("poll", 0.005, plc.poll_s);
    plc.timeout_s = table.duration("timeout", 0.01, plc.timeout_s);
    plc.reconnect_max_s = table.duration("reconnect_max", 0.1, plc.reconnect_max_s);
    plc.heartbeat_stale_s = table.duration("heartbeat_stale", 0.1, plc.heartbeat_stale_s);
    plc.longest_read = static_cast<std::uint16_t>(table.integer("longest_read", 4, 125, 120));
    plc.gap = static_cast<std::uint16_t>(table.integer("gap", 0, 100, 16));
    c_.map.clock = maybe_at(table, "clock");
    c_.map.heartbeat = maybe_at(table, "heartbeat");
    c_.map.signature = maybe_at(table, "signature");
    if (c_.map.signature) c_.map.signature_value = table.number("signature_value", -1e12, 1e12);
    table.finish();
  }

  void machines(Table& root) {
    const auto& line = *c_.line;
    std::vector<std::string> names;
    for (const auto& machine : line.machines) names.push_back(machine.name);
    c_.map.machines.resize(names.size());
    std::vector<bool> seen(names.size());
    for (auto& table : root.tables("machine")) {
      const auto m = table.one_of("name", names);
      if (m >= names.size()) {
        for (const auto& key : table.keys()) (void)table.has(key);
        continue;
      }
      if (seen[m]) table.complain("name", fmt::format("{} is described twice", names[m]));
      seen[m] = true;
      auto& registers = c_.map.machines[m];
      registers.state = at(table, "state");
      registers.operating = at(table, "operating");
      registers.renewals = at(table, "renewals");
      if (table.has("order")) {
        registers.order = at(table, "order");
        registers.remaining = at(table, "remaining");
        registers.holds_part = at(table, "holds_part");
        registers.down = at(table, "down");
        registers.parts = at(table, "parts");
      }
      registers.signals.resize(line.machines[m].signals.size());
      auto signals = table.table("signals");
      if (!signals) {
        table.complain("", fmt::format("[machine.signals] of {} is missing", names[m]));
      } else {
        for (std::size_t s = 0; s < registers.signals.size(); ++s)
          registers.signals[s] = at(*signals, line.machines[m].signals[s].name);
        signals->finish();
      }
      table.finish();
    }
    for (std::size_t m = 0; m < names.size(); ++m)
      if (!seen[m])
        root.complain("", fmt::format("no [[machine]] describes {} of the line file", names[m]));
  }

  void counts(Table table) {
    ProgressRegisters progress;
    progress.address = address(table, "address");
    progress.machine_stride = address(table, "machine_stride");
    progress.order_stride = address(table, "order_stride");
    const auto last = progress.address +
                      (c_.map.machines.empty() ? 0 : c_.map.machines.size() - 1) *
                          std::size_t{progress.machine_stride} +
                      (c_.orders && !c_.orders->empty() ? c_.orders->size() - 1 : 0) *
                          std::size_t{progress.order_stride} +
                      1;
    if (last > 65'535) table.complain("address", "the counts would end beyond register 65535");
    table.finish();
    c_.map.progress = progress;
  }

  void blocks(Table table) {
    ScheduleRegisters schedule;
    c_.may_write = table.boolean("writes", false);
    schedule.active = address(table, "active");
    schedule.active_sequence = address(table, "active_sequence");
    schedule.staging = address(table, "staging");
    schedule.commit = address(table, "commit");
    schedule.echo = address(table, "echo");
    schedule.reject = address(table, "reject");
    table.finish();
    c_.map.schedule = schedule;
  }

  void forecasts(Table table) {
    c_.watch.forecast_every_s = table.duration("every", 1, c_.watch.forecast_every_s);
    c_.reasons = table.boolean("reasons", c_.reasons);
    table.finish();
  }

  void alarm_rules(Table table) {
    auto& rules = c_.watch.alarms;
    rules.horizon_s = table.duration("horizon", forecast_horizons_s.front(), rules.horizon_s);
    rules.raise_probability = static_cast<float>(
        table.share("raise_probability", static_cast<double>(rules.raise_probability)));
    rules.clear_probability = static_cast<float>(
        table.share("clear_probability", static_cast<double>(rules.clear_probability)));
    if (rules.clear_probability > rules.raise_probability)
      table.complain("clear_probability", "an alarm must not clear above where it is raised");
    rules.on_delay_s = table.duration("on_delay", 0, rules.on_delay_s);
    rules.off_delay_s = table.duration("off_delay", 0, rules.off_delay_s);
    rules.communication_on_delay_s =
        table.duration("communication_on_delay", 0, rules.communication_on_delay_s);
    rules.quality_on_delay_s = table.duration("quality_on_delay", 0, rules.quality_on_delay_s);
    table.finish();
  }

  void plans(Table table) {
    auto& rules = c_.planning;
    rules.on_alarm = table.boolean("on_alarm", rules.on_alarm);
    rules.horizon_s = table.duration("horizon", 600, rules.horizon_s);
    rules.selection_seeds =
        static_cast<std::size_t>(table.integer("selection_seeds", 2, 10'000, 20));
    rules.gate_seeds = static_cast<std::size_t>(table.integer("gate_seeds", 10, 10'000, 40));
    rules.seed = static_cast<std::uint64_t>(table.integer("seed", 0, INT64_MAX, 1));
    rules.again_after_s = table.duration("again_after", 1, rules.again_after_s);
    rules.expires_s = table.duration("expires", 1, rules.expires_s);
    rules.cost_tardiness_s = table.number("cost_tardiness", 0, 1e9, rules.cost_tardiness_s);
    rules.cost_downtime_s = table.number("cost_downtime", 0, 1e9, rules.cost_downtime_s);
    rules.cost_service_s = table.number("cost_service", 0, 1e9, rules.cost_service_s);
    rules.cost_makespan_s = table.number("cost_makespan", 0, 1e9, rules.cost_makespan_s);
    table.finish();
  }

  void gates(Table table) {
    auto& rules = c_.gate;
    rules.least_gain_share = table.share("least_gain", rules.least_gain_share);
    rules.least_probability_better =
        table.share("least_probability_better", rules.least_probability_better);
    rules.largest_tail_growth = table.share("largest_tail_growth", rules.largest_tail_growth);
    rules.oldest_forecast_s = table.duration("oldest_forecast", 1, rules.oldest_forecast_s);
    rules.largest_missing_share = table.share("largest_missing", rules.largest_missing_share);
    rules.largest_moved_share = table.share("largest_moved", rules.largest_moved_share);
    rules.hold_off_s = table.duration("hold_off", 0, rules.hold_off_s);
    table.finish();
  }

  void serve(Table table) {
    auto& server = c_.server;
    server.on = table.boolean("on", server.on);
    server.host = table.string("host", server.host);
    server.port = static_cast<std::uint16_t>(table.integer("port", 0, 65'535, 0));
    server.approvals = table.boolean("approvals", server.approvals);
    table.finish();
  }

  void pages(Table table) {
    auto& hmi = c_.hmi;
    hmi.on = table.boolean("on", true);
    hmi.host = table.string("host", hmi.host);
    hmi.port = static_cast<std::uint16_t>(table.integer("port", 0, 65'535, 0));
    hmi.names = table.strings("names", false);
    hmi.accounts = beside(table.string("accounts", ""));
    hmi.open_to_view = table.boolean("open_to_view", hmi.open_to_view);
    hmi.certificate = beside(table.string("certificate", ""));
    hmi.key = beside(table.string("key", ""));
    hmi.session_idle_s = table.duration("session_idle", 10, hmi.session_idle_s);
    hmi.scenarios = beside(table.string("scenarios", ""));
    if (hmi.certificate.empty() != hmi.key.empty())
      table.complain(hmi.key.empty() ? "certificate" : "key", "certificate and key belong together",
                     "name both, or neither");
    const bool loopback =
        hmi.host == "::1" || hmi.host == "localhost" || hmi.host.rfind("127.", 0) == 0;
    if (!loopback && (hmi.certificate.empty() || hmi.accounts.empty()))
      table.complain("host",
                     fmt::format("\"{}\" is reached from other computers, which needs "
                                 "certificate, key and accounts",
                                 hmi.host),
                     "name them, or listen on 127.0.0.1");
    if (!hmi.open_to_view && hmi.accounts.empty())
      table.complain("open_to_view", "nobody could look: there are no accounts",
                     "add accounts = \"accounts.json\" (made by foreline account)");
    table.finish();
  }

  Configuration& c_;
  Document& document_;
};

}  // namespace

Result<Configuration> read_configuration(const std::filesystem::path& path) {
  auto document = Document::open(path);
  if (!document) return document.error();
  Configuration configuration;
  configuration.file = path;
  Reader(configuration, *document).read(document->root());
  auto diagnostics = document->diagnostics();
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return configuration;
}

}  // namespace foreline::core
