// SPDX-License-Identifier: Apache-2.0
// What stopped each machine of itself, and what was done to it, as frames show it: breakdowns with
// their repair, services, with times. Pure: times are line time, arguments.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/line.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::core {

/// A breakdown until its repair was over, or a service.
struct MaintenanceEntry {
  enum class What : std::uint8_t {
    breakdown,  ///< Held or aborted: it stopped of itself.
    service,    ///< Stopped, and renewed meanwhile.
    renewal,    ///< The PLC counts a service or repair that nobody saw.
  };
  What what = What::breakdown;
  double from_s = 0;
  double until_s = -1;       ///< -1: it goes on.
  double ran_s = 0;          ///< Operating time since the service or repair before it.
  std::string foreseen;      ///< Kind of fault that an alarm forecast as it stopped; empty: none.
  std::int64_t wall_ns = 0;  ///< Host clock at its end.
};
[[nodiscard]] std::string_view name_of(MaintenanceEntry::What what);
[[nodiscard]] std::optional<MaintenanceEntry::What> maintenance_named(std::string_view name);

class MaintenanceLog {
 public:
  static constexpr std::size_t entries_max = 100;  ///< Of one machine; the counts go on.

  explicit MaintenanceLog(std::size_t machines) : machines_(machines) {}

  struct Ended {
    std::size_t machine = 0;
    MaintenanceEntry entry;
  };
  /// What has ended with this frame. `foreseen` is asked when a machine stops of itself. A frame
  /// whose time falls back begins another run of the line: its sums begin anew.
  std::vector<Ended> take(const line::Frame& frame, std::int64_t wall_ns,
                          const std::function<std::string(std::size_t machine)>& foreseen);
  /// One of before the first frame, oldest first.
  void restore(std::size_t machine, MaintenanceEntry entry);

  struct Summary {
    double since_s = -1;  ///< Line time of the first frame of these sums; -1: none yet.
    double operating_s = 0;
    std::size_t breakdowns = 0;
    std::size_t repaired = 0;  ///< Of these, those that are over.
    double down_s = 0;         ///< Of these: from the stop until it ran again, or might.
    std::size_t services = 0;
    double service_s = 0;
    /// Mean operating time between failures and mean time to restore (IEC 60050-192); nothing
    /// without one.
    [[nodiscard]] std::optional<double> mtbf_s() const;
    [[nodiscard]] std::optional<double> mttr_s() const;
  };
  /// Goes on from the sums of before, up to line time `until_s`, unless the first frame is earlier.
  void restore(std::size_t machine, const Summary& summary, double until_s);
  [[nodiscard]] const Summary& summary(std::size_t machine) const {
    return machines_.at(machine).summary;
  }
  /// Oldest first; the last one may go on.
  [[nodiscard]] std::vector<MaintenanceEntry> entries(std::size_t machine) const;

 private:
  struct Machine {
    Summary summary;
    std::deque<MaintenanceEntry> entries;
    std::optional<MaintenanceEntry> open;  ///< Stopped: what it was shows at its end.
    std::optional<MaintenanceEntry> left;  ///< A stop that ended with the frame before.
    std::optional<std::uint32_t> renewals;
    std::uint32_t renewals_at_stop = 0;
    double operating_s = 0;
    bool stood = false;  ///< Since before the first frame.
  };
  void keep(Machine& machine, const MaintenanceEntry& entry);
  std::vector<Machine> machines_;
  double seen_s_ = -1;
};

}  // namespace foreline::core
