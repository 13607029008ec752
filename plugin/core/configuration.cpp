// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/configuration.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/line/schedule_block.hpp"
#include "sim/text/document.hpp"
#include "sim/text/files.hpp"

namespace foreline::core {

using namespace line;
using std::filesystem::file_type;
using text::Document;
using text::Table;

namespace {

constexpr std::size_t register_space = 65'536;

/// Names of the time zones that this computer knows, sorted; those of IANA begin with a capital.
std::vector<std::string> time_zones() {
  const std::filesystem::path root = "/usr/share/zoneinfo";
  std::vector<std::string> names;
  std::error_code error;
  for (auto file = std::filesystem::recursive_directory_iterator(root, error);
       !error && file != std::filesystem::recursive_directory_iterator(); file.increment(error)) {
    const auto name = file->path().lexically_relative(root).string();
    if (name.front() >= 'A' && name.front() <= 'Z' && file->is_regular_file(error))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1;
}

/// Whether counts of different machines or orders share a register.
bool counts_overlap(const ProgressRegisters& progress, std::size_t machines, std::size_t orders) {
  if (2 * machines * orders > register_space) return true;
  std::vector<std::size_t> firsts;
  for (std::size_t m = 0; m < machines; ++m)
    for (std::size_t o = 0; o < orders; ++o)
      firsts.push_back(m * progress.machine_stride + o * progress.order_stride);
  std::sort(firsts.begin(), firsts.end());
  return std::adjacent_find(firsts.begin(), firsts.end(), [](std::size_t one, std::size_t next) {
           return next - one < 2;
         }) != firsts.end();
}

class Reader {
 public:
  Reader(Configuration& configuration, Document& document)
      : c_(configuration), document_(document) {}

  void read(Table root) {
    files(root);
    if (auto plc = section(root, "plc", true)) link(*plc);
    for (auto& table : root.tables("device")) {
      Device device;
      device.name = table.string("name");
      describe(table, device);
      watch_over(table, device, c_.devices.size() + 1);
      table.finish();
      for (const auto& known : context_.devices)
        if (known == device.name)
          table.complain("name", fmt::format("there is another device \"{}\"", known));
      add(device);
      c_.devices.push_back(std::move(device));
    }
    if (c_.devices.size() + 1 > devices_max)
      root.complain("", fmt::format("more than {} devices", devices_max),
                    "give the others to a second instance");
    if (c_.line) machines(root);
    tags(root);
    if (auto progress = root.table("progress")) counts(*progress);
    if (auto schedule = root.table("schedule")) blocks(*schedule);
    if (c_.map.schedule && c_.orders->size() > block_orders_max)
      root.complain("orders",
                    fmt::format("the order book has {} orders, and a schedule block holds {}",
                                c_.orders->size(), block_orders_max),
                    "give a book of the orders of one shift, or take [schedule] out: then nothing "
                    "is planned");
    if (auto forecast = root.table("forecast")) forecasts(*forecast);
    if (auto alarms = root.table("alarms")) alarm_rules(*alarms);
    if (auto planning = root.table("planning")) plans(*planning);
    if (auto gate = root.table("gate")) gates(*gate);
    c_.planning.gate_seeds = gate_seeds_.value_or(c_.gate.least_futures);
    if (c_.planning.gate_seeds < c_.gate.least_futures)
      root.complain("planning",
                    fmt::format("gate_seeds = {}, and the gate wants {} futures: it would refuse "
                                "every plan",
                                c_.planning.gate_seeds, c_.gate.least_futures),
                    "leave gate_seeds out, or lower least_futures in [gate]");
    if (auto server = root.table("server")) serve(*server);
    if (auto hmi = root.table("hmi")) pages(*hmi);
    if (auto site = root.table("site")) locate(*site);
    white_list(root);
    if (auto historian = root.table("historian")) {
      auto& rules = c_.historian;
      rules.on = historian->boolean("on", true);
      rules.keep_s = historian->duration("keep", 60, rules.keep_s);
      if (rules.on && c_.store.empty())
        historian->complain("", "a historian needs a store", "add store = \"foreline-store\"");
      historian->finish();
    }
    if (auto metrics = root.table("metrics")) {
      c_.metrics.on = metrics->boolean("on", true);
      c_.metrics.port = static_cast<std::uint16_t>(metrics->integer("port", 0, 65'535, 0));
      metrics->finish();
    }
    if (auto sparkplug = root.table("sparkplug")) publish(*sparkplug);
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

  /// The path of what `key` names, which must be there already; empty when it names nothing.
  std::filesystem::path existing(Table& table, std::string_view key,
                                 std::optional<std::string> fallback = {},
                                 std::filesystem::file_type kind = file_type::regular,
                                 std::string hint = "check the path; it is relative to this file") {
    const bool needed = !fallback;
    auto path = beside(table.string(key, std::move(fallback)));
    if (path.empty()) {
      if (needed && table.has(key)) table.complain(key, "this names no file", std::move(hint));
      return path;
    }
    std::error_code error;
    const auto type = std::filesystem::status(path, error).type();
    const bool folder = kind == file_type::directory;
    if (type == file_type::not_found || (type == file_type::directory) != folder)
      table.complain(key,
                     fmt::format("there is no {} {}", folder ? "folder" : "file", path.string()),
                     std::move(hint));
    return path;
  }

  /// The files of mutual TLS; without the last two where they may be left out.
  TlsFiles tls_files(Table& table, std::optional<std::string> fallback = {}) {
    return {existing(table, "authorities").string(),
            existing(table, "certificate", fallback).string(),
            existing(table, "key", fallback).string(),
            {}};
  }

  /// An address of this computer.
  std::string listens_at(Table& table, const std::string& fallback) {
    auto host = table.string("host", fallback);
    if (host != "localhost" && !is_address(host))
      table.complain("host", fmt::format("\"{}\" is no address to listen on", host),
                     "write 127.0.0.1, ::1 or an address of this computer");
    return host;
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
    c_.orders = std::make_shared<const std::vector<Order>>();
    c_.model = existing(root, "model", "", file_type::directory);
    c_.store = beside(root.string("store", ""));
    if (line_name.empty()) return;
    c_.line_file = beside(line_name);
    c_.orders_file = beside(orders_name);
    auto line = text::read_line_file(beside(line_name));
    if (!line) {
      refer(root, "line", line.error());
      return;
    }
    c_.line = std::make_shared<const Line>(std::move(*line));
    if (c_.line->objective) c_.planning.objective = *c_.line->objective;
    if (orders_name.empty()) return;
    auto orders = text::read_orders_file(beside(orders_name), *c_.line);
    if (orders)
      c_.orders = std::make_shared<const std::vector<Order>>(std::move(*orders));
    else
      refer(root, "orders", orders.error());
  }

  /// A register of device `device`, or of another: "capper: 120 f32".
  Register at(Table& table, std::string_view key, std::size_t device = 0) {
    const auto complaints = table.complaints();
    auto text = table.string(key);
    if (table.complaints() != complaints) return {};
    for (std::size_t i = 0; i < context_.devices.size(); ++i) {
      const auto prefix = context_.devices[i] + ": ";
      if (!text.starts_with(prefix)) continue;
      text.erase(0, prefix.size());
      device = i;
      break;
    }
    auto parsed = parse_register(text, device < bases_.size() ? bases_[device] : 0);
    if (parsed) {
      parsed->device = static_cast<DeviceIndex>(device);
      return *parsed;
    }
    const auto& diagnostic = parsed.error().diagnostics.front();
    table.complain(key, diagnostic.what, diagnostic.hint);
    return {};
  }
  std::uint16_t address(Table& table, std::string_view key) {
    return static_cast<std::uint16_t>(table.integer(key, 0, 65'535));
  }

  void add(const Device& device) {
    context_.devices.push_back(device.name);
    context_.longest_reads.push_back(device.longest_read);
  }

  /// What all devices have: where, how, how patiently, and their quirks.
  void describe(Table& table, Device& device) {
    static const std::vector<std::string> transports = {"tcp", "tls", "udp", "rtu-over-tcp", "rtu"};
    device.transport = static_cast<Transport>(table.one_of("transport", transports, 0));
    if (device.transport == Transport::rtu) {
      auto& serial = device.serial;
      serial.path = table.string("path");
      serial.baud = static_cast<int>(table.integer("baud", 300, 4'000'000, serial.baud));
      static const std::vector<std::string> parities = {"none", "even", "odd"};
      serial.parity = "NEO"[table.one_of("parity", parities, 1)];
      serial.data_bits = static_cast<int>(table.integer("data_bits", 7, 8, serial.data_bits));
      serial.stop_bits = static_cast<int>(table.integer("stop_bits", 1, 2, serial.stop_bits));
    } else {
      device.host = table.string("host", device.host);
      if (device.host.empty())
        table.complain("host", "\"host\" is empty", "write an address or a name");
      device.port = static_cast<std::uint16_t>(
          table.integer("port", 1, 65'535, device.transport == Transport::tls ? 802 : 502));
      device.backup_host = table.string("backup_host", "");
      device.backup_port =
          static_cast<std::uint16_t>(table.integer("backup_port", 1, 65'535, device.port));
    }
    if (device.transport == Transport::tls) {
      device.tls = tls_files(table);
      device.tls.peer_name = table.string("peer_name", "");
    }
    device.unit = static_cast<std::uint8_t>(table.integer("unit", 0, 255, 1));
    device.timeout_s = table.duration("timeout", 0.01, device.timeout_s);
    device.reconnect_min_s = table.duration("reconnect_min", 0.01, device.reconnect_min_s);
    device.reconnect_max_s = table.duration("reconnect_max", 0.1, device.reconnect_max_s);
    device.in_flight = static_cast<std::uint32_t>(table.integer("in_flight", 1, 16, 1));
    device.silences = static_cast<std::uint32_t>(table.integer("silences", 1, 100, 2));
    device.breaker_failures =
        static_cast<std::uint32_t>(table.integer("breaker_failures", 1, 1'000'000, 5));
    device.breaker_pause_s = table.duration("breaker_pause", 0.01, device.breaker_pause_s);
    device.busy_retries = static_cast<std::uint32_t>(table.integer("busy_retries", 0, 16, 3));
    device.busy_wait_s = table.duration("busy_wait", 0.001, device.busy_wait_s);
    device.longest_read = static_cast<std::uint16_t>(table.integer("longest_read", 4, 125, 120));
    device.longest_bits = static_cast<std::uint16_t>(table.integer("longest_bits", 8, 2000, 1920));
    device.gap = static_cast<std::uint16_t>(table.integer("gap", 0, 100, 16));
    bases_.push_back(static_cast<int>(table.integer("base", 0, 1, 0)));
    for (const auto& text : table.strings("holes", false)) {
      const auto dash = text.rfind('-');
      const auto first = parse_place(text.substr(0, dash), bases_.back());
      const auto last =
          dash == std::string::npos
              ? first
              : parse_place(std::string(text.substr(0, text.find(':') + 1)) + text.substr(dash + 1),
                            bases_.back());
      if (!first || !last || last->address < first->address)
        table.complain("holes", fmt::format("\"{}\" is no range of addresses", text),
                       "write \"hr:40-47\" or \"hr:52\"");
      else
        device.holes.push_back({first->table, first->address,
                                static_cast<std::uint16_t>(last->address - first->address + 1),
                                static_cast<DeviceIndex>(context_.devices.size())});
    }
    device.close_after_poll = table.boolean("close_after_poll", false);
    device.one_field = table.boolean("one_field", false);
    device.only_single = table.boolean("only_single", false);
    device.any_unit = table.boolean("any_unit", false);
    device.connect_pause_s = table.duration("connect_pause", 0, 0);
    device.request_pause_s = table.duration("request_pause", 0, 0);
  }

  void link(Table table) {
    auto& plc = c_.plc;
    plc.name = table.string("name", plc.name);
    describe(table, plc);
    add(plc);
    plc.poll_s = table.duration("poll", 0.005, plc.poll_s);
    if (table.has("clock")) c_.map.clock = own(table, "clock", 0);
    watch_over(table, plc, 0);
    c_.map.heartbeat = plc.heartbeat;
    c_.map.signature = plc.signature;
    c_.map.signature_value = plc.signature_value;
    table.finish();
  }

  /// What tells that a device is alive, and that it is the right one.
  void watch_over(Table& table, Device& device, std::size_t index) {
    device.heartbeat_stale_s = table.duration("heartbeat_stale", 0.1, device.heartbeat_stale_s);
    if (table.has("heartbeat")) device.heartbeat = own(table, "heartbeat", index);
    if (!table.has("signature")) return;
    device.signature = own(table, "signature", index);
    device.signature_value = table.number("signature_value", -1e12, 1e12);
  }
  Register own(Table& table, std::string_view key, std::size_t index) {
    const auto found = at(table, key, index);
    if (found.device != index) table.complain(key, "this must be a register of the device itself");
    return found;
  }

  /// Poll groups, and tags from a CSV file and from [[tag]].
  void tags(Table& root) {
    for (auto& table : root.tables("group")) {
      PollGroup group;
      group.name = table.string("name");
      group.period_s = table.duration("period", 0.005, 1);
      group.phase_s = table.has("phase") ? table.duration("phase", 0) : -1;
      table.finish();
      c_.groups.push_back(std::move(group));
    }
    if (c_.groups.empty()) c_.groups.push_back({"default", c_.plc.poll_s, -1});
    for (const auto& group : c_.groups) context_.groups.push_back(group.name);
    context_.bases = bases_;
    if (const auto name = root.string("tags", ""); !name.empty()) {
      const auto path = beside(name);
      auto text = text::read_text_file(path);
      if (!text) {
        refer(root, "tags", text.error());
      } else {
        auto read = parse_tags(*text, path.string(), context_);
        if (read)
          c_.tags = std::move(*read);
        else
          refer(root, "tags", read.error());
      }
    }
    for (auto& table : root.tables("tag")) {
      Tag tag;
      tag.name = table.string("name");
      const auto device = table.one_of("device", context_.devices, 0);
      tag.at = at(table, "at", std::min(device, context_.devices.size() - 1));
      tag.unit = table.string("unit", "");
      tag.low = table.number("eu_min", -1e300, 1e300, tag.low);
      tag.high = table.number("eu_max", -1e300, 1e300, tag.high);
      tag.deadband = table.number("deadband", 0, 1e300, 0);
      tag.group = std::min(table.one_of("group", context_.groups, 0), c_.groups.size() - 1);
      tag.description = table.string("description", "");
      for (const auto& other : c_.tags)
        if (other.name == tag.name)
          table.complain("name", fmt::format("there is another tag \"{}\"", tag.name));
      table.finish();
      c_.tags.push_back(std::move(tag));
    }
  }

  /// Tags that may be written.
  void white_list(Table& root) {
    std::vector<std::string> names;
    for (const auto& tag : c_.tags) names.push_back(tag.name);
    for (auto& table : root.tables("write")) {
      WriteRule rule;
      rule.tag = table.one_of("tag", names);
      rule.low = table.number("low", -1e300, 1e300);
      rule.high = table.number("high", -1e300, 1e300);
      rule.step = table.number("step", 0, 1e300, rule.step);
      rule.every_s = table.duration("every", 0, 0);
      rule.tolerance = table.number("tolerance", 0, 1e300, 0);
      if (rule.low > rule.high) table.complain("low", "low must not be above high");
      table.finish();
      if (rule.tag >= names.size()) continue;
      const auto& at = c_.tags[rule.tag].at;
      if (at.table == RegisterTable::input || at.table == RegisterTable::discrete ||
          at.bit_count != 0 || at.type == RegisterType::string)
        table.complain("tag",
                       "input registers, discrete inputs, bit fields and strings cannot be "
                       "written");
      else if (is_requested(at))
        table.complain("tag", "it lies where schedules are staged and committed",
                       "only a schedule that was approved is written there");
      c_.writes.push_back(rule);
    }
    if (!c_.writes.empty() && c_.store.empty())
      root.complain("", "[[write]] needs a store: no audit, no write",
                    "add store = \"foreline-store\"");
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
      const auto device =
          std::min(table.one_of("device", context_.devices, 0), context_.devices.size() - 1);
      registers.state = at(table, "state", device);
      registers.operating = at(table, "operating", device);
      registers.renewals = at(table, "renewals", device);
      if (table.has("order")) {
        registers.order = at(table, "order", device);
        registers.remaining = at(table, "remaining", device);
        registers.holds_part = at(table, "holds_part", device);
        registers.down = at(table, "down", device);
        registers.parts = at(table, "parts", device);
        registers.planned = true;
      }
      const auto look = [&](const char* key, std::optional<Register>& into) {
        if (table.has(key)) into = at(table, key, device);
      };
      look("good", registers.good);
      look("scrap", registers.scrap);
      look("buffer", registers.buffer);
      registers.signals.resize(line.machines[m].signals.size());
      auto signals = table.table("signals");
      if (!signals) {
        table.complain("", fmt::format("[machine.signals] of {} is missing", names[m]));
      } else {
        for (std::size_t s = 0; s < registers.signals.size(); ++s)
          registers.signals[s] = at(*signals, line.machines[m].signals[s].name, device);
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
    const auto machines = std::max<std::size_t>(c_.map.machines.size(), 1);
    const auto orders = std::max<std::size_t>(c_.orders->size(), 1);
    const auto end = progress.address + (machines - 1) * progress.machine_stride +
                     (orders - 1) * progress.order_stride + 2;
    if (end > register_space)
      table.complain("address", "the counts would end beyond register 65535");
    else if (counts_overlap(progress, machines, orders))
      table.complain(
          "machine_stride",
          fmt::format("the counts of {} machines and {} orders share registers", machines, orders),
          fmt::format("each order takes 2 registers: give order_stride = 2 and "
                      "machine_stride = {} or more, as the PLC has them",
                      2 * orders));
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
    areas(table, schedule);
    table.finish();
    c_.map.schedule = schedule;
  }

  /// A block has its room, and nothing else lies where we write.
  void areas(Table& table, const ScheduleRegisters& schedule) {
    struct Area {
      const char* key;
      std::size_t first;
      std::size_t size;
    };
    const std::array<Area, 6> all = {{{"staging", schedule.staging, block_size},
                                      {"commit", schedule.commit, 1},
                                      {"active", schedule.active, block_size},
                                      {"active_sequence", schedule.active_sequence, 1},
                                      {"echo", schedule.echo, 1},
                                      {"reject", schedule.reject, 1}}};
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto& [key, first, size] = all.at(i);
      if (first + size > register_space)
        table.complain(key, fmt::format("a schedule block is {} registers, and would end beyond "
                                        "register 65535",
                                        size));
      for (std::size_t written = 0; written < std::min<std::size_t>(i, 2); ++written) {
        const auto& other = all.at(written);
        if (first < other.first + other.size && other.first < first + size)
          table.complain(
              key,
              fmt::format("\"{}\" lies in the registers of \"{}\", which we write", key, other.key),
              fmt::format("a schedule block is {} registers", block_size));
      }
    }
  }

  /// What only an approved schedule may be written to.
  bool is_requested(const Register& at) const {
    if (!c_.map.schedule || at.device != 0 || at.table != RegisterTable::holding) return false;
    const auto meets = [&](std::size_t first, std::size_t size) {
      return at.address < first + size && first < std::size_t{at.address} + at.words();
    };
    return meets(c_.map.schedule->staging, block_size) || meets(c_.map.schedule->commit, 1);
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
    rules.latch = table.boolean("latch", rules.latch);
    static const std::vector<std::string> priorities = {"low", "medium", "high", "critical"};
    const auto priority = [&](const char* key, AlarmPriority& of_class) {
      const auto chosen = table.one_of(key, priorities, static_cast<std::size_t>(of_class) - 1);
      of_class = static_cast<AlarmPriority>(std::min(chosen, priorities.size() - 1) + 1);
    };
    priority("forecast_priority", rules.forecast_priority);
    priority("communication_priority", rules.communication_priority);
    priority("quality_priority", rules.quality_priority);
    priority("deployment_priority", rules.deployment_priority);
    table.finish();
  }

  void prices(Table& table) {
    auto& own = c_.planning.objective;
    const bool given = c_.line && c_.line->objective;
    for (const auto& [key, price] : {std::pair("cost_tardiness", &Objective::tardiness_s),
                                     {"cost_downtime", &Objective::downtime_s},
                                     {"cost_service", &Objective::service_s},
                                     {"cost_makespan", &Objective::makespan_s}}) {
      if (given && table.has(key))
        table.complain(key, "the line file says what counts, in [objective]",
                       "take one of them out");
      const double value = table.number(key, 0, 1e9, own.*price);
      if (!given) own.*price = value;
    }
    if (given) own = *c_.line->objective;
  }

  void plans(Table table) {
    auto& rules = c_.planning;
    rules.on_alarm = table.boolean("on_alarm", rules.on_alarm);
    rules.react.on_breakdown = table.boolean("on_breakdown", rules.react.on_breakdown);
    rules.react.breakdown_after_s =
        table.duration("breakdown_after", 0, rules.react.breakdown_after_s);
    rules.react.on_finish = table.boolean("on_finish", rules.react.on_finish);
    rules.policy = static_cast<plan::Policy>(
        table.one_of("policy", plan::policy_names(), static_cast<std::size_t>(plan::Policy::full)));
    rules.freeze_s = table.duration("freeze", 0, rules.freeze_s);
    rules.horizon_s = table.duration("horizon", 600, rules.horizon_s);
    rules.selection_seeds =
        static_cast<std::size_t>(table.integer("selection_seeds", 2, 10'000, 20));
    if (table.has("gate_seeds"))
      gate_seeds_ = static_cast<std::size_t>(table.integer("gate_seeds", 2, 100'000, 200));
    rules.check_every_s = table.duration("check_every", 60, rules.check_every_s);
    rules.seed = static_cast<std::uint64_t>(table.integer("seed", 0, INT64_MAX, 1));
    rules.again_after_s = table.duration("again_after", 1, rules.again_after_s);
    rules.expires_s = table.duration("expires", 1, rules.expires_s);
    prices(table);
    rules.twin = beside(table.string("twin", ""));
    if (!rules.twin.empty() && (c_.orders->empty() || !c_.map.schedule))
      table.complain("twin", "where the plant stands is known by its orders and its schedule",
                     "add orders = \"...\" and [schedule]");
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
    rules.largest_shift = table.share("largest_shift", rules.largest_shift);
    rules.hold_off_s = table.duration("hold_off", 0, rules.hold_off_s);
    rules.least_futures = static_cast<std::size_t>(
        table.integer("least_futures", 2, 100'000, static_cast<std::int64_t>(rules.least_futures)));
    rules.largest_on_time_drop = table.share("largest_on_time_drop", rules.largest_on_time_drop);
    rules.least_good_corners = table.share("least_good_corners", rules.least_good_corners);
    rules.worst_corner = -table.share("largest_corner_loss", -rules.worst_corner);
    rules.oldest_forecast_share =
        table.share("oldest_forecast_of_horizon", rules.oldest_forecast_share);
    rules.largest_calibration_error =
        table.share("largest_calibration_error", rules.largest_calibration_error);
    rules.largest_throughput_error =
        table.share("largest_throughput_error", rules.largest_throughput_error);
    rules.largest_event_error = table.share("largest_event_error", rules.largest_event_error);
    rules.oldest_state_s = table.duration("oldest_state", 1, rules.oldest_state_s);
    rules.largest_start_deviation_s =
        table.duration("largest_start_deviation", 0, rules.largest_start_deviation_s);
    const auto count = [&](const char* key, std::int64_t least, std::size_t& value) {
      value = static_cast<std::size_t>(
          table.integer(key, least, 1000, static_cast<std::int64_t>(value)));
    };
    count("least_stretches", 0, rules.least_stretches);
    count("least_failures", 1, rules.least_failures);
    count("windows_outside", 1, rules.windows_outside);
    rules.most_broken_promises = static_cast<std::size_t>(table.integer(
        "most_broken_promises", 0, 1000, static_cast<std::int64_t>(rules.most_broken_promises)));
    table.finish();
  }

  void serve(Table table) {
    auto& server = c_.server;
    server.on = table.boolean("on", server.on);
    server.host = listens_at(table, server.host);
    server.port = static_cast<std::uint16_t>(table.integer("port", 0, 65'535, 0));
    server.approvals = table.boolean("approvals", server.approvals);
    server.clients = static_cast<std::uint32_t>(table.integer("clients", 1, 1000, server.clients));
    if (table.has("certificate")) server.tls = tls_files(table);
    server.write_roles = table.strings("write_roles", false);
    if (!server.write_roles.empty() && !server.tls)
      table.complain("write_roles", "roles are in client certificates, so they need TLS",
                     "add certificate, key and authorities");
    server.trusted_network = table.boolean("trusted_network", false);
    if (server.on && is_open(server) && !server.trusted_network)
      table.complain("host",
                     fmt::format("\"{}\" is reached from other computers, and without TLS whoever "
                                 "reaches it approves under any name",
                                 server.host),
                     "add certificate, key, authorities and write_roles, take approvals away, or "
                     "say trusted_network = true where the network keeps everybody else out");
    if (server.approvals && server.tls && server.write_roles.empty())
      table.complain("write_roles", "approvals are on, but no role in a certificate may approve",
                     "name one, or take approvals away");
    table.finish();
  }

  void publish(Table table) {
    auto& rules = c_.sparkplug;
    rules.on = table.boolean("on", true);
    rules.host = table.string("host", rules.host);
    const bool encrypted = table.has("authorities");
    rules.port =
        static_cast<std::uint16_t>(table.integer("port", 1, 65'535, encrypted ? 8883 : rules.port));
    rules.group = table.string("group");
    rules.node = table.string("node", rules.node);
    rules.primary_host = table.string("primary_host", "");
    for (const auto& [key, id] : {std::pair{"group", rules.group},
                                  {"node", rules.node},
                                  {"primary_host", rules.primary_host}})
      if ((id.empty() && key != std::string_view("primary_host")) ||
          id.find_first_of("+#/") != std::string::npos)
        table.complain(key, fmt::format("\"{}\" is no Sparkplug id", id),
                       "give a name without +, # and /");
    rules.username = table.string("username", "");
    rules.password = existing(table, "password", "");
    rules.keepalive_s = table.duration("keepalive", 5, rules.keepalive_s);
    rules.most_kept = static_cast<std::size_t>(
        table.integer("most_kept", 100, 100'000'000, static_cast<std::int64_t>(rules.most_kept)));
    if (encrypted) {
      const auto& tls = rules.tls.emplace(tls_files(table, ""));
      if (tls.certificate.empty() != tls.key.empty())
        table.complain(tls.key.empty() ? "certificate" : "key",
                       "certificate and key belong together", "name both, or neither");
    }
    if (rules.on && c_.store.empty())
      table.complain("", "publishing keeps on disk what cannot be sent, so it needs a store",
                     "add store = \"foreline-store\"");
    const auto bad_name = [](const std::string& name) {
      return name.find_first_of("+#/") != std::string::npos;
    };
    for (const auto& name : context_.devices) {
      if (bad_name(name))
        table.complain("", fmt::format("the device \"{}\" cannot be published", name),
                       "give it a name without +, # and /");
      if (c_.line && c_.line->machine_named(name))
        table.complain("",
                       fmt::format("\"{}\" is a device and a machine; published, they would be "
                                   "one",
                                   name),
                       "give the device another name");
    }
    table.finish();
  }

  void locate(Table table) {
    c_.time_zone = table.string("time_zone");
    const auto known = time_zones();
    if (known.empty())
      table.complain("time_zone", "this computer has no time zones to look it up in",
                     "install tzdata");
    else if (!std::binary_search(known.begin(), known.end(), c_.time_zone))
      table.complain("time_zone", fmt::format("there is no time zone \"{}\"", c_.time_zone),
                     fmt::format("write an IANA name, such as \"{}\"",
                                 text::nearest(c_.time_zone, known).value_or("Europe/Berlin")));
    table.finish();
  }

  void pages(Table table) {
    auto& hmi = c_.hmi;
    hmi.on = table.boolean("on", true);
    hmi.host = listens_at(table, hmi.host);
    hmi.port = static_cast<std::uint16_t>(table.integer("port", 0, 65'535, 0));
    hmi.names = table.strings("names", false);
    hmi.accounts = existing(table, "accounts", "", file_type::regular,
                            "make it with foreline account add FILE NAME --role approver");
    hmi.open_to_view = table.boolean("open_to_view", hmi.open_to_view);
    hmi.certificate = existing(table, "certificate", "");
    hmi.key = existing(table, "key", "");
    hmi.session_idle_s = table.duration("session_idle", 10, hmi.session_idle_s);
    hmi.scenarios = existing(table, "scenarios", "", file_type::directory);
    hmi.target_oee = table.share("target_oee", hmi.target_oee);
    hmi.target_parts_h = table.number("target_parts_h", 0, 1e9, hmi.target_parts_h);
    if (hmi.certificate.empty() != hmi.key.empty())
      table.complain(hmi.key.empty() ? "certificate" : "key", "certificate and key belong together",
                     "name both, or neither");
    if (!is_loopback(hmi.host) && (hmi.certificate.empty() || hmi.accounts.empty()))
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
  std::optional<std::size_t> gate_seeds_;  ///< If given.
  Document& document_;
  TagContext context_;
  std::vector<int> bases_;
};

}  // namespace

bool is_loopback(const std::string& host) {
  return host == "::1" || host == "localhost" || host.starts_with("127.");
}

bool is_open(const ServerRules& rules) {
  return rules.approvals && !rules.tls && !is_loopback(rules.host);
}

TagContext tag_context(const Configuration& configuration) {
  TagContext context;
  for (std::size_t i = 0; i <= configuration.devices.size(); ++i) {
    const auto& device = device_at(configuration, i);
    context.devices.push_back(device.name);
    context.longest_reads.push_back(device.longest_read);
    context.bases.push_back(0);
  }
  for (const auto& group : configuration.groups) context.groups.push_back(group.name);
  return context;
}

std::vector<Range> requests(const Configuration& configuration, const std::vector<Range>& fields) {
  std::vector<Range> out;
  for (std::size_t d = 0; d <= configuration.devices.size(); ++d) {
    std::vector<Range> own;
    std::copy_if(fields.begin(), fields.end(), std::back_inserter(own),
                 [&](const Range& field) { return field.device == d; });
    const auto merged = ranges_of(std::move(own), merge_rules(device_at(configuration, d)));
    out.insert(out.end(), merged.begin(), merged.end());
  }
  return out;
}

MergeRules merge_rules(const Device& device) {
  return {device.longest_read, device.longest_bits, device.gap, device.one_field, device.holes};
}

const Device& device_at(const Configuration& configuration, std::size_t index) {
  return index == 0 ? configuration.plc : configuration.devices.at(index - 1);
}

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
