// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/registers.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace foreline::plc {

using namespace contract;
using namespace line;

namespace {

std::uint16_t code_of(BlockFault fault) {
  switch (fault) {
    case BlockFault::none:
      return reject_none;
    case BlockFault::checksum:
      return reject_checksum;
    case BlockFault::sequence:
      return reject_sequence;
    case BlockFault::service:
      break;
  }
  return reject_service;
}

/// One moment's state and the times beside it belong together. Only short waits between two parts
/// are told as the sample has them: a machine that has worked since the last one executes.
PackmlState state_of(PackmlState now, PackmlState sampled) {
  const bool waits = now == PackmlState::suspended || now == PackmlState::idle;
  return waits && sampled == PackmlState::execute ? sampled : now;
}

}  // namespace

Registers::Registers(const Trial& trial) : trial_(&trial), words_(register_count) {
  at(signature) = signature_value;
  at(version) = version_value;
  at(machine_count) = static_cast<std::uint16_t>(trial.line->machines.size());
  at(order_count) = static_cast<std::uint16_t>(trial.orders->size());
  at(writes_enabled) = 1;
  active_ = to_block(trial.schedule);
  show_active();
}

void Registers::put32(int address, std::uint32_t value) {
  at(address) = static_cast<std::uint16_t>(value >> 16U);
  at(address + 1) = static_cast<std::uint16_t>(value & 0xFFFFU);
}

void Registers::show_active() {
  std::copy(active_.begin(), active_.end(), words_.begin() + active_base);
}

std::uint16_t Registers::active_sequence() const {
  return words_[contract::active_sequence];
}

void Registers::publish(const factory::Simulation& simulation) {
  auto whole = [](double value) {
    return static_cast<std::uint32_t>(std::llround(std::clamp(value, 0.0, 4e9)));
  };
  const auto now = simulation.state();
  put32(clock_ds, whole(simulation.now_s() * 10));
  at(crew_free) = static_cast<std::uint16_t>(simulation.crews_free());
  at(finished) = simulation.done() ? 1 : 0;
  std::uint32_t left = 0;
  const auto& line = *trial_->line;
  const auto takers = line.takers();
  const auto& frame = simulation.frame();
  for (std::size_t m = 0; m < now.machines.size(); ++m) {
    const auto& machine = now.machines[m];
    const int base = machine_base(now.machines.size()) + static_cast<int>(m) * machine_stride;
    const bool seen = m < frame.machines.size();
    const auto sampled = seen ? frame.machines[m].state : machine.state;
    at(base + m_state) = static_cast<std::uint16_t>(state_of(machine.state, sampled));
    at(base + m_order) = machine.set_up ? static_cast<std::uint16_t>(machine.order.index) : 0xFFFF;
    std::uint32_t good = 0;
    std::uint32_t scrap = 0;
    for (std::size_t o = 0; o < machine.progress.size(); ++o) {
      good += machine.progress[o].good;
      scrap += machine.progress[o].scrap;
      const int address = progress_base(now.machines.size()) +
                          (static_cast<int>(m) * orders_max + static_cast<int>(o)) * 2;
      at(address) = static_cast<std::uint16_t>(machine.progress[o].good);
      at(address + 1) = static_cast<std::uint16_t>(machine.progress[o].scrap);
    }
    if (takers[line.buffer_of(static_cast<std::uint32_t>(m))] == 0)
      left += good * line.machines[m].gives;
    put32(base + m_good, good);
    put32(base + m_scrap, scrap);
    put32(base + m_operating_s, whole(machine.operating_s));
    put32(base + m_remaining_ds, whole(machine.remaining_s * 10));
    at(base + m_holds_part) =
        static_cast<std::uint16_t>(machine.holds_part ? std::max(1U, machine.parts_held) : 0);
    put32(base + m_down_ds, whole(machine.down_remaining_s * 10));
    at(base + m_renewals) = static_cast<std::uint16_t>(machine.renewals);
    put32(base + m_parts, machine.parts);
    at(base + m_buffer_after) =
        m < now.buffers.size() || m + 1 < now.machines.size()
            ? static_cast<std::uint16_t>(std::max<std::int64_t>(0, now.buffer_level(m)))
            : std::uint16_t{0};
    if (!seen) continue;
    for (std::size_t s = 0;
         s < std::min<std::size_t>(frame.machines[m].signals.size(), signals_max); ++s) {
      put32(base + m_signals + 2 * static_cast<int>(s),
            std::bit_cast<std::uint32_t>(frame.machines[m].signals[s].value));
    }
  }
  put32(good_parts, left);
}

std::uint16_t Registers::judge(const Schedule& schedule,
                               const factory::Simulation& simulation) const {
  const auto machines = trial_->line->machines.size();
  const auto orders = trial_->orders->size();
  if (words_[writes_enabled] == 0) return reject_disabled;
  std::vector<int> seen(orders);
  for (const auto order : schedule.sequence) {
    if (order.index >= orders || ++seen[order.index] > 1) return reject_sequence;
  }
  if (schedule.sequence.size() != orders) return reject_sequence;
  const auto& active = simulation.schedule();
  const auto frozen = simulation.state().frozen_prefix(active);
  if (!std::equal(active.sequence.begin(),
                  active.sequence.begin() + static_cast<std::ptrdiff_t>(frozen),
                  schedule.sequence.begin())) {
    return reject_frozen;
  }
  for (const auto& service : schedule.services) {
    if (service.machine.index >= machines) return reject_service;
    if (service.when == Service::When::before_order && service.order.index >= orders)
      return reject_service;
  }
  return reject_none;
}

bool Registers::scan(factory::Simulation& simulation) {
  ++at(heartbeat);
  const auto wanted = at(commit_sequence);
  if (wanted == 0 || wanted == at(echo_sequence)) return false;
  Schedule schedule;
  auto code = code_of(from_block(std::span(words_).subspan(staging_base, block_size), schedule));
  if (code == reject_none) code = judge(schedule, simulation);
  if (code == reject_none) {
    std::copy_n(words_.begin() + staging_base, block_size, active_.begin());
    show_active();
    at(contract::active_sequence) = wanted;
    simulation.replace_schedule(schedule);
  }
  at(reject_code) = code;
  at(echo_sequence) = wanted;
  return code == reject_none;
}

void Registers::restore(factory::Simulation& simulation, const Block& block,
                        std::uint16_t sequence) {
  Schedule schedule;
  if (from_block(block, schedule) != BlockFault::none) return;
  active_ = block;
  show_active();
  at(contract::active_sequence) = sequence;
  at(echo_sequence) = sequence;
  at(commit_sequence) = sequence;
  simulation.replace_schedule(schedule);
}

bool Registers::writable(int address, int count) {
  auto within = [&](int from, int size) {
    return address >= from && address + count <= from + size;
  };
  return within(staging_base, static_cast<int>(block_size)) || within(commit_sequence, 1) ||
         within(pace, 1);
}

}  // namespace foreline::plc
