// SPDX-License-Identifier: Apache-2.0
// A production line as its file describes it: machines in series with finite buffers between them,
// signals, fault modes, one repair crew pool. Parts flow from a source that releases the orders of
// a schedule, in its sequence, to a sink. Blocking after service: a finished part stays on its
// machine until the buffer behind has room. All times are seconds of line time, which starts at 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/line/distribution.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/ids.hpp"

namespace foreline::line {

/// PackML states (ISA-TR88.00.02), numbered as the PackTags of OMAC.
enum class PackmlState : std::uint8_t {
  undefined = 0,
  clearing = 1,
  stopped = 2,
  starting = 3,
  idle = 4,
  suspended = 5,
  execute = 6,
  stopping = 7,
  aborting = 8,
  aborted = 9,
  holding = 10,
  held = 11,
  unholding = 12,
  suspending = 13,
  unsuspending = 14,
  resetting = 15,
  completing = 16,
  complete = 17,
};
inline constexpr std::size_t packml_state_count = 18;
[[nodiscard]] std::string_view name_of(PackmlState state);

/// What a signal measures. The forecaster's words are about kinds, so that a model carries over to
/// machines whose signals have other names and ranges.
enum class SignalKind : std::uint8_t {
  vibration,
  temperature,
  current,
  torque,
  pressure,
  cycle_time
};
inline constexpr std::size_t signal_kind_count = 6;
[[nodiscard]] std::string_view name_of(SignalKind kind);
[[nodiscard]] std::optional<SignalKind> signal_kind_named(std::string_view name);

/// A measured quantity of a machine.
struct Signal {
  std::string name;
  SignalKind kind = SignalKind::vibration;
  std::string unit;       ///< As shown to people: "mm/s", "degC", "A", "N m", "bar", "s".
  double normal = 0;      ///< Healthy level in Execute, in `unit`.
  double idle = 0;        ///< Level when the machine does not run.
  double noise = 0;       ///< Standard deviation of the measurement noise.
  double resolution = 0;  ///< Quantisation step; 0 for none.
  double low = 0;         ///< Sensor range; beyond it the value saturates.
  double high = 0;
  friend bool operator==(const Signal&, const Signal&) = default;
};

/// Changeover times between products, seconds; row = from, column = to; diagonal 0.
using ChangeoverMatrix = std::vector<std::vector<double>>;

struct Machine {
  std::string name;
  Distribution cycle;                  ///< Processing time of one part.
  std::vector<double> product_factor;  ///< Multiplies `cycle`, one a product.
  ChangeoverMatrix changeover_s;       ///< (products x products).
  double scrap_share = 0;              ///< Probability that a healthy machine scraps a part.
  Distribution service;                ///< Duration of a planned service (renews wear modes).
  std::uint32_t buffer_after = 0;      ///< Places between this machine and the next; 0 = none.
  std::vector<Signal> signals;
  std::vector<FaultMode> faults;  ///< At most one mode a kind.
  friend bool operator==(const Machine&, const Machine&) = default;
};

struct Line {
  std::string name;
  std::vector<std::string> products;
  std::vector<Machine> machines;  ///< In the order of flow; at least one.
  std::uint32_t crews = 1;        ///< Repairs and services that can go on at once.
  double sample_period_s = 10;    ///< Grid of frames.
  friend bool operator==(const Line&, const Line&) = default;

  [[nodiscard]] std::optional<MachineId> machine_named(std::string_view name) const;
  [[nodiscard]] std::optional<ProductId> product_named(std::string_view name) const;
  [[nodiscard]] const Machine& at(MachineId id) const { return machines.at(id.index); }
};

}  // namespace foreline::line
