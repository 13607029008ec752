// SPDX-License-Identifier: Apache-2.0
// The plugin's own file (TOML): what to attach to, what to watch, what may be written. The
// annotated sample is plugin/config/bottling.toml.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/gate.hpp"
#include "plugin/core/register_map.hpp"
#include "plugin/core/watch.hpp"
#include "sim/line/line.hpp"
#include "sim/line/result.hpp"
#include "sim/line/schedule.hpp"

namespace foreline::core {

struct PlcLink {
  std::string host = "127.0.0.1";
  std::uint16_t port = 502;
  std::uint8_t unit = 1;
  double poll_s = 1;            ///< Between the starts of two polls.
  double timeout_s = 1;         ///< Whole time of one transaction.
  double reconnect_max_s = 10;  ///< Longest pause between two attempts to connect.
  double heartbeat_stale_s =
      5;  ///< A heartbeat that stands still for so long means: not connected.
  std::uint16_t longest_read = 120;
  std::uint16_t gap = 16;
};

struct ServerRules {
  bool on = true;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: any free one.
  bool approvals = true;   ///< Clients may acknowledge alarms and decide on proposals.
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
  double session_idle_s = 900;        ///< A session that is not used for so long ends.
  std::filesystem::path scenarios;    ///< Folder of scenario files that may be run; empty: none.
};

struct PlanningRules {
  bool on_alarm = true;         ///< Plan when a forecast alarm is raised.
  double horizon_s = 8 * 3600;  ///< Length of each simulated future.
  std::size_t selection_seeds = 20;
  std::size_t gate_seeds = 40;
  std::uint64_t seed = 1;
  double again_after_s = 900;  ///< While the alarm stands and nothing has been proposed.
  double expires_s = 900;      ///< A proposal that nobody decides on lapses (line time).
  double cost_tardiness_s = 1.0;
  double cost_downtime_s = 1.0;
  double cost_service_s = 0.2;
  double cost_makespan_s = 0.1;
};

struct Configuration {
  std::filesystem::path file;
  std::shared_ptr<const line::Line> line;
  std::shared_ptr<const std::vector<line::Order>> orders;  ///< Empty: no planning.
  std::filesystem::path model;                             ///< Empty: no forecasts.
  std::filesystem::path store;  ///< Folder of the database; empty: none, and nothing is written.
  PlcLink plc;
  RegisterMap map;
  bool may_write = false;  ///< Schedules may be written to the PLC.
  WatchRules watch;
  bool reasons = true;  ///< Say which signals speak for a forecast.
  PlanningRules planning;
  GateRules gate;
  ServerRules server;
  HmiRules hmi;
};

/// Reads and checks the file and those it names. All mistakes at once.
[[nodiscard]] line::Result<Configuration> read_configuration(const std::filesystem::path& path);

}  // namespace foreline::core
