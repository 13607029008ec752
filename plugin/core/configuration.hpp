// SPDX-License-Identifier: Apache-2.0
// The plugin's own file (TOML): what to attach to, what to watch, what may be written. The
// annotated sample is plugin/config/bottling.toml.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/device.hpp"
#include "plugin/core/gate.hpp"
#include "plugin/core/register_map.hpp"
#include "plugin/core/tags.hpp"
#include "plugin/core/watch.hpp"
#include "plugin/core/write_rules.hpp"
#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"
#include "sim/plan/react.hpp"

namespace foreline::core {

/// The device that runs the line, and how often it is asked.
struct PlcLink : Device {
  double poll_s = 1;  ///< Between the starts of two polls.
};

struct ServerRules {
  bool on = true;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one.
  bool approvals = false;  ///< Clients may acknowledge alarms and decide on proposals.
  /// Whoever reaches the address may do that, without TLS and from other computers, too.
  bool trusted_network = false;
  std::uint32_t clients = 200;  ///< At once.
  std::optional<TlsFiles> tls;  ///< Absent: plain TCP.
  /// Roles in client certificates that may write; only with TLS, which then lets nobody else.
  std::vector<std::string> write_roles;
};

/// The pages for people. Loopback and read-only until accounts are named.
struct HmiRules {
  bool on = false;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;             ///< 0: any free one.
  std::vector<std::string> names;     ///< Host names people use, besides addresses and localhost.
  std::filesystem::path accounts;     ///< Written by `foreline account`; empty: nobody may act.
  bool open_to_view = true;           ///< Looking needs no account.
  std::filesystem::path certificate;  ///< PEM chain; empty: no TLS.
  std::filesystem::path key;          ///< PEM.
  double session_idle_s = 900;        ///< A session in which nobody acts for so long ends.
  double target_oee = 0;              ///< What OEE ought to be, 0..1; 0: nobody says.
  double target_parts_h = 0;          ///< Good parts an hour, likewise.
  std::filesystem::path scenarios;    ///< Folder of scenario files that may be run; empty: none.
};

/// What is kept of the past, in the store.
struct HistorianRules {
  bool on = false;
  double keep_s = 31 * 24 * 3600.0;  ///< Older samples are dropped; events stay four times longer.
};

/// Counters for Prometheus, on the loopback.
struct MetricsRules {
  bool on = false;
  std::uint16_t port = 0;  ///< 0: any free one.
};

/// Values published to an MQTT broker as a Sparkplug B edge node.
struct SparkplugRules {
  bool on = false;
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string group;
  std::string node = "foreline";
  std::string primary_host;        ///< Nothing is sent while it is not online; empty: none.
  std::string username;            ///< Empty: none.
  std::filesystem::path password;  ///< A file that holds it; empty: none.
  double keepalive_s = 10;
  std::size_t most_kept = 100'000;  ///< Records on disk while the broker is away.
  std::optional<TlsFiles> tls;      ///< Absent: plain TCP.
};

struct PlanningRules {
  bool on_alarm = true;  ///< Plan when a forecast alarm is raised above its cost-loss threshold.
  plan::ReactRules react;
  plan::Policy policy = plan::Policy::full;
  double freeze_s = 0;          ///< Orders that start within this stay where they are.
  double horizon_s = 8 * 3600;  ///< Length of each simulated future.
  std::size_t selection_seeds = 20;
  std::size_t gate_seeds = 200;  ///< Unless given: as many as the gate wants.
  std::uint64_t seed = 1;
  double again_after_s = 900;   ///< While the alarm stands and nothing has been proposed.
  double expires_s = 900;       ///< A proposal that nobody decides on lapses (line time).
  double check_every_s = 3600;  ///< Line time of the stretches that are simulated afterwards.
  line::Objective objective;    ///< The line file's, if it has one.
  std::filesystem::path twin;   ///< Folder in which the plant's now is kept as files; empty: none.
};

struct Configuration {
  std::filesystem::path file;
  std::filesystem::path line_file;
  std::filesystem::path orders_file;
  std::shared_ptr<const line::Line> line;
  std::shared_ptr<const std::vector<line::Order>> orders;  ///< Empty: no planning.
  std::filesystem::path model;                             ///< Empty: no forecasts.
  std::filesystem::path store;  ///< Folder of the database; empty: none, and nothing is written.
  PlcLink plc;                  ///< Device 0.
  std::vector<Device> devices;  ///< Device 1 and on.
  RegisterMap map;
  std::vector<PollGroup> groups;  ///< Of tags; at least one.
  std::vector<Tag> tags;
  bool may_write = false;         ///< Schedules may be written to the PLC.
  std::vector<WriteRule> writes;  ///< Tags that may be written.
  WatchRules watch;
  bool reasons = true;  ///< Say which signals speak for a forecast.
  PlanningRules planning;
  GateRules gate;
  ServerRules server;
  HmiRules hmi;
  std::string time_zone;  ///< Of the site, as IANA names it; empty: nobody says.
  HistorianRules historian;
  MetricsRules metrics;
  SparkplugRules sparkplug;
};

/// Whether an address, or localhost, is reached from this computer alone.
[[nodiscard]] bool is_loopback(const std::string& host);
/// Whether anybody on another computer may approve.
[[nodiscard]] bool is_open(const ServerRules& rules);

/// Devices, groups and bases by the names that tag files use.
[[nodiscard]] TagContext tag_context(const Configuration& configuration);
/// The rules under which fields of a device are merged.
[[nodiscard]] MergeRules merge_rules(const Device& device);
/// The requests that read these fields, each device's by its own rules.
[[nodiscard]] std::vector<Range> requests(const Configuration& configuration,
                                          const std::vector<Range>& fields);
[[nodiscard]] const Device& device_at(const Configuration& configuration, std::size_t index);

/// JSON Schema (2020-12) of the file's contents; a text that lives as long as the library.
[[nodiscard]] const char* configuration_schema();

/// Reads and checks the file and those it names. All mistakes at once.
[[nodiscard]] line::Result<Configuration> read_configuration(const std::filesystem::path& path);

}  // namespace foreline::core
