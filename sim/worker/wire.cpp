// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/wire.hpp"

#include <array>

namespace foreline::worker {

using namespace line;

namespace {

struct Writer {
  static constexpr bool reads = false;
  std::string out;
  void raw(const void* data, std::size_t size) { out.append(static_cast<const char*>(data), size); }
};

struct Reader {
  static constexpr bool reads = true;
  std::string_view in;
  bool broken = false;
  void raw(void* data, std::size_t size) {
    if (broken || in.size() < size) {
      broken = true;
      return;
    }
    std::memcpy(data, in.data(), size);
    in.remove_prefix(size);
  }
};

template <class A, class... T>
void all(A& archive, T&... values);

template <class A, class T>
requires((std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) ||
         std::is_enum_v<T>) void one(A& a, T& value) {
  a.raw(&value, sizeof value);
}
/// A byte that is neither 0 nor 1 is no bool, and must not become one.
template <class A>
void one(A& a, bool& value) {
  auto byte = static_cast<std::uint8_t>(value ? 1 : 0);
  a.raw(&byte, sizeof byte);
  if constexpr (A::reads) {
    if (byte > 1) a.broken = true;
    value = byte == 1;
  }
}
template <class A, class Tag>
void one(A& a, Id<Tag>& id) {
  one(a, id.index);
}

/// The length of a container; a reader refuses lengths that the rest of the bytes cannot hold.
template <class A>
std::size_t length(A& a, std::size_t size) {
  auto n = static_cast<std::uint64_t>(size);
  one(a, n);
  if constexpr (A::reads) {
    if (n > a.in.size()) a.broken = true;
    if (a.broken) return 0;
  }
  return n;
}

template <class A>
void one(A& a, std::string& text) {
  const auto n = length(a, text.size());
  if constexpr (A::reads) text.resize(n);
  a.raw(text.data(), n);
}
template <class A, class T, std::size_t N>
void one(A& a, std::array<T, N>& values) {
  for (auto& value : values) one(a, value);
}
template <class A, class T>
void one(A& a, std::vector<T>& values) {
  const auto n = length(a, values.size());
  if constexpr (A::reads) values.resize(n);
  for (auto& value : values) {
    if constexpr (A::reads) {
      if (a.broken) return;
    }
    one(a, value);
  }
}
template <class A, class T>
void one(A& a, std::optional<T>& value) {
  bool there = value.has_value();
  one(a, there);
  if (!there) return;
  if constexpr (A::reads) value.emplace();
  one(a, *value);
}

template <class A>
void one(A& a, Distribution& v) {
  all(a, v.kind, v.mean, v.spread, v.low, v.high, v.measured);
}
template <class A>
void one(A& a, Signal& v) {
  all(a, v.name, v.kind, v.unit, v.normal, v.idle, v.noise, v.resolution, v.low, v.high, v.lag_s,
      v.sampling_s, v.fault_rise, v.fault_unrest);
}
template <class A>
void one(A& a, Cascade& v) {
  all(a, v.kind, v.factor);
}
template <class A>
void one(A& a, FaultMode& v) {
  all(a, v.kind, v.onset, v.progress, v.repair, v.clock, v.load_exponent, v.doubling_k,
      v.accelerates, v.skill, v.spare);
}
template <class A>
void one(A& a, Calendar::Span& v) {
  all(a, v.from_s, v.until_s);
}
template <class A>
void one(A& a, Calendar& v) {
  all(a, v.name, v.period_s, v.start_s, v.open, v.closed);
}
template <class A>
void one(A& a, Crew& v) {
  all(a, v.name, v.count, v.skills, v.calendar);
}
template <class A>
void one(A& a, Transporter& v) {
  all(a, v.name, v.count);
}
template <class A>
void one(A& a, Spare& v) {
  all(a, v.name, v.stock, v.reorder_at, v.order_size, v.lead);
}
template <class A>
void one(A& a, Conveyor& v) {
  all(a, v.travel_s, v.spacing_s, v.accumulating);
}
template <class A>
void one(A& a, Inspection& v) {
  all(a, v.detects, v.false_alarms, v.rework_share, v.rework_max, v.rework_to);
}
template <class A>
void one(A& a, Maintenance& v) {
  all(a, v.rule, v.every_s, v.kind, v.at_damage);
}
template <class A>
void one(A& a, Power& v) {
  all(a, v.work_kw, v.idle_kw, v.setup_kw, v.down_kw, v.off_kw);
}
template <class A>
void one(A& a, Machine& v) {
  all(a, v.name, v.cycle, v.product_factor, v.changeover_s, v.scrap_share, v.service,
      v.buffer_after, v.signals, v.faults, v.after, v.takes, v.gives, v.unit_of, v.makes, v.batch,
      v.batch_wait_s, v.conveyor, v.transporter, v.carry_s, v.defect_share, v.inspection,
      v.calendar, v.priority, v.maintenance, v.service_quality, v.service_skill, v.power,
      v.product_load);
}
template <class A>
void one(A& a, Objective& v) {
  all(a, v.currency);
  for (const auto& field : objective_fields()) all(a, v.*field.price);
}
template <class A>
void one(A& a, Line& v) {
  all(a, v.name, v.products, v.machines, v.crews, v.sample_period_s, v.crew_groups, v.transporters,
      v.spares, v.calendars, v.calendar, v.ambient_degc, v.ambient_swing_k, v.objective);
}
template <class A>
void one(A& a, Order& v) {
  all(a, v.id, v.product, v.quantity, v.release_s, v.due_s, v.weight, v.after);
}
template <class A>
void one(A& a, Service& v) {
  all(a, v.machine, v.when, v.at_s, v.order);
}
template <class A>
void one(A& a, Schedule& v) {
  all(a, v.sequence, v.services);
}
template <class A>
void one(A& a, ScriptedFault& v) {
  all(a, v.id, v.machine, v.kind, v.at_s, v.fails_after_s, v.repair_s);
}
template <class A>
void one(A& a, SensorFault& v) {
  all(a, v.id, v.machine, v.signal, v.kind, v.from_s, v.until_s, v.magnitude);
}
template <class A>
void one(A& a, CommunicationLoss& v) {
  all(a, v.id, v.from_s, v.until_s, v.share, v.delay_s, v.machine);
}
template <class A>
void one(A& a, Progress& v) {
  all(a, v.good, v.scrap);
}
template <class A>
void one(A& a, ModeNow& v) {
  all(a, v.age_s, v.damage, v.left_s, v.renewals, v.rate);
}
template <class A>
void one(A& a, PartNow& v) {
  all(a, v.order, v.reworks, v.defective, v.entered_s, v.reach_s);
}
template <class A>
void one(A& a, MachineNow& v) {
  all(a, v.state, v.holds_part, v.order, v.set_up, v.remaining_s, v.operating_s, v.parts,
      v.renewals, v.down_remaining_s, v.parts_held, v.progress, v.repairing, v.modes, v.crew,
      v.since_s, v.blocked_s, v.served, v.placed, v.looked_s, v.held, v.given, v.rework, v.carried,
      v.returning_s, v.belt_busy_s);
}
template <class A>
void one(A& a, SpareNow& v) {
  all(a, v.pieces, v.deliveries_s, v.orders);
}
template <class A>
void one(A& a, LineNow& v) {
  all(a, v.at_s, v.machines, v.buffers, v.spares);
}
template <class A>
void one(A& a, Hazard& v) {
  all(a, v.machine, v.kind, v.within);
}
template <class A>
void one(A& a, Sample& v) {
  all(a, v.value, v.quality);
}
template <class A>
void one(A& a, MachineFrame& v) {
  all(a, v.signals, v.state, v.operating_s, v.renewals);
}
template <class A>
void one(A& a, Frame& v) {
  all(a, v.at_s, v.connected, v.machines);
}
template <class A>
void one(A& a, Truth& v) {
  all(a, v.damage, v.hazard);
}
template <class A>
void one(A& a, Trace& v) {
  all(a, v.frames, v.truth);
}
template <class A>
void one(A& a, Occupation& v) {
  all(a, v.machine, v.what, v.order, v.from_s, v.until_s);
}
template <class A>
void one(A& a, FaultRecord& v) {
  all(a, v.machine, v.kind, v.onset_s, v.failed_s, v.restored_s, v.prevented);
}
template <class A>
void one(A& a, MachineOutcome& v) {
  all(a, v.state_s, v.down_s, v.service_s, v.changeover_s, v.starved_s, v.blocked_s, v.good,
      v.scrap, v.breakdowns, v.services, v.off_shift_s, v.reworked, v.defects, v.energy_kwh,
      v.waits);
}
template <class A>
void one(A& a, OrderOutcome& v) {
  all(a, v.started_s, v.finished_s, v.good, v.scrap);
}
template <class A>
void one(A& a, Outcome& v) {
  all(a, v.end, v.error, v.end_s, v.events, v.machines, v.orders, v.faults, v.gantt, v.left,
      v.left_by, v.lead_time_s, v.work_in_process_s, v.trace, v.state);
}
template <class A>
void one(A& a, Trial& v) {
  std::shared_ptr<Line> line = v.line ? std::make_shared<Line>(*v.line) : std::make_shared<Line>();
  auto orders = v.orders ? std::make_shared<std::vector<Order>>(*v.orders)
                         : std::make_shared<std::vector<Order>>();
  all(a, *line, *orders, v.schedule, v.seed, v.horizon_s, v.stop_when_done, v.random_faults,
      v.wear_share, v.faults, v.sensor_faults, v.communication_losses, v.from, v.hazards,
      v.replication, v.want_trace, v.want_gantt, v.want_state_at_s, v.want_health, v.count_at_s,
      v.event_limit);
  if constexpr (A::reads) {
    v.line = std::move(line);
    v.orders = std::move(orders);
  }
}

/// No line is without machines: an empty one stands for none.
template <class A>
void one(A& a, Branch& v) {
  auto line = v.line ? std::make_shared<Line>(*v.line) : std::make_shared<Line>();
  all(a, v.seed, *line, v.schedule, v.faults, v.horizon_s);
  if constexpr (A::reads) {
    if (!line->machines.empty()) v.line = std::move(line);
  }
}
template <class A>
void one(A& a, Fan& v) {
  all(a, v.trial, v.at_s, v.branches, v.series_step_s);
}
template <class A>
void one(A& a, FanOutcome& v) {
  all(a, v.trial, v.branches, v.series);
}

template <class A, class... T>
void all(A& archive, T&... values) {
  (one(archive, values), ...);
}

template <class T>
std::string written(const T& value) {
  Writer writer;
  one(writer, const_cast<T&>(value));  // a writer only reads its value
  return std::move(writer.out);
}

template <class T>
Result<T> read(std::string_view bytes, const char* what) {
  Reader reader{bytes, false};
  T value;
  one(reader, value);
  if (reader.broken || !reader.in.empty()) {
    return Error(std::string("the bytes are no ") + what, "both programs must be of one build");
  }
  return value;
}

struct Header {
  std::uint32_t magic = 0x464C5752;  // "FLWR"
  std::uint32_t version = wire_version;
  std::uint64_t id = 0;
  std::uint64_t size = 0;
};

constexpr std::uint64_t largest_message = 1ULL << 32U;

}  // namespace

std::string to_bytes(const Trial& trial) {
  return written(trial);
}
Result<Trial> trial_from(std::string_view bytes) {
  return read<Trial>(bytes, "trial");
}
std::string to_bytes(const Outcome& outcome) {
  return written(outcome);
}
Result<Outcome> outcome_from(std::string_view bytes) {
  return read<Outcome>(bytes, "outcome");
}

std::string to_bytes(const Fan& fan) {
  return written(fan);
}
Result<Fan> fan_from(std::string_view bytes) {
  return read<Fan>(bytes, "trial with branches");
}
std::string to_bytes(const FanOutcome& outcome) {
  return written(outcome);
}
Result<FanOutcome> fan_outcome_from(std::string_view bytes) {
  return read<FanOutcome>(bytes, "outcome with branches");
}

std::string framed(std::uint64_t id, std::string_view bytes) {
  Header header;
  header.id = id;
  header.size = bytes.size();
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(bytes);
  return out;
}

std::optional<Message> take_message(std::string& buffer, bool& broken) {
  Header header;
  const Header expected;
  if (buffer.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, buffer.data(), sizeof header);
  broken = header.magic != expected.magic || header.version != expected.version ||
           header.size > largest_message;
  if (broken || buffer.size() - sizeof header < header.size) return std::nullopt;
  Message message{header.id, buffer.substr(sizeof header, header.size)};
  buffer.erase(0, sizeof header + header.size);
  return message;
}

}  // namespace foreline::worker
