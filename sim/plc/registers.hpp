// SPDX-License-Identifier: Apache-2.0
// The registers of the soft PLC and its program: publishes the running line, takes schedules. No
// socket; the server lends it requests.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/factory/simulation.hpp"
#include "sim/line/schedule_block.hpp"
#include "sim/line/trial.hpp"
#include "sim/plc/contract.hpp"

namespace foreline::plc {

class Registers {
 public:
  explicit Registers(const line::Trial& trial);

  /// Writes what can be seen of the line now into the registers.
  void publish(const factory::Simulation& simulation);
  /// One scan of the PLC's program: counts the heartbeat and handles a new commit number. True when
  /// a schedule has been accepted; it is then active in `simulation`.
  bool scan(factory::Simulation& simulation);
  /// A schedule that was accepted before a restart.
  void restore(factory::Simulation& simulation, const line::Block& block, std::uint16_t sequence);

  /// Whether a client may write this range.
  [[nodiscard]] static bool writable(int address, int count);
  [[nodiscard]] std::uint16_t* words() { return words_.data(); }
  [[nodiscard]] const line::Block& active() const { return active_; }
  [[nodiscard]] std::uint16_t active_sequence() const;
  [[nodiscard]] std::uint16_t& at(int address) {
    return words_.at(static_cast<std::size_t>(address));
  }

 private:
  void put32(int address, std::uint32_t value);
  void show_active();
  [[nodiscard]] std::uint16_t judge(const line::Schedule& schedule,
                                    const factory::Simulation& simulation) const;
  const line::Trial* trial_;
  std::vector<std::uint16_t> words_;
  line::Block active_{};
};

}  // namespace foreline::plc
