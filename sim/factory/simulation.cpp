// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/simulation.hpp"

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/factory/machine.hpp"
#include "sim/factory/signals.hpp"
#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;
namespace sg = simgrid::s4u;

namespace {

/// Looking for the end of the work this often costs nothing and overshoots nothing that counts.
constexpr double stride_s = 300;

sg::Engine& start_engine() {
  static std::array<char*, 4> arguments = {
      const_cast<char*>("foreline-sim"), const_cast<char*>("--log=root.thres:critical"),
      const_cast<char*>("--cfg=contexts/stack-size:64"), nullptr};
  int count = 3;
  return *new sg::Engine(&count, arguments.data());
}

/// P(fault within `seconds`), linear between the horizons as time_to_fault() draws it.
double share_within(const Hazard& hazard, double seconds) {
  double before_s = 0;
  double before = 0;
  for (std::size_t i = 0; i < forecast_horizons_s.size(); ++i) {
    const double p = std::max<double>(before, hazard.within[i]);
    if (seconds <= forecast_horizons_s[i])
      return before + (p - before) * (seconds - before_s) / (forecast_horizons_s[i] - before_s);
    before_s = forecast_horizons_s[i];
    before = p;
  }
  return before;
}

/// The hazard's time to fault from now at probability `u`; infinity beyond the last horizon.
double time_to_fault(const Hazard& hazard, double u) {
  double before_s = 0;
  double before = 0;
  for (std::size_t i = 0; i < forecast_horizons_s.size(); ++i) {
    const double p = hazard.within[i];
    if (u <= p && p > before)
      return before_s + (forecast_horizons_s[i] - before_s) * (u - before) / (p - before);
    before_s = forecast_horizons_s[i];
    before = std::max(before, p);
  }
  return never;
}

}  // namespace

struct Simulation::State {
  Trial trial;
  sg::Engine* engine = nullptr;
  Outcome outcome;
  Floor floor;
  std::vector<std::unique_ptr<MachineActor>> machines;
  std::vector<Sensors> sensors;
  Nap sampling;
  Frame frame;
  double ended_s = -1;
  std::vector<simgrid::kernel::timer::Timer*> hazard_timers;  ///< Null once fired or never to.

  /// Sets the time of every forecast fault that has not come, given that it has not.
  void draw_hazards() {
    hazard_timers.resize(trial.hazards.size());
    const double elapsed_s = floor.now() - floor.start_s;
    for (std::size_t i = 0; i < trial.hazards.size(); ++i) {
      const auto& hazard = trial.hazards[i];
      auto& timer = hazard_timers[i];
      if (elapsed_s > 0 && timer == nullptr) continue;
      if (timer != nullptr) timer->remove();
      timer = nullptr;
      const double past = elapsed_s > 0 ? share_within(hazard, elapsed_s) : 0.0;
      const double u =
          past + (1 - past) * random_uniform(trial.seed, hazard.machine.index, Purpose::forecast,
                                             static_cast<std::uint64_t>(hazard.kind));
      const double at_s = time_to_fault(hazard, u);
      if (!std::isfinite(at_s)) continue;
      timer = simgrid::kernel::timer::Timer::set(std::max(at_s, elapsed_s), [this, i] {
        hazard_timers[i] = nullptr;
        machines[trial.hazards[i].machine.index]->forecast_fault(trial.hazards[i].kind);
      });
    }
  }

  void fill_buffers() {
    if (!trial.from) return;
    for (std::size_t m = 0; m + 1 < trial.from->machines.size(); ++m) {
      const auto& here = trial.from->machines[m];
      const auto& next = trial.from->machines[m + 1];
      for (const auto order : floor.schedule.sequence) {
        std::int64_t parts = here.progress.at(order.index).good;
        parts -= static_cast<std::int64_t>(next.progress.at(order.index).good) +
                 next.progress[order.index].scrap;
        parts -= next.holds_part && next.order == order ? 1 : 0;
        for (std::int64_t i = 0; i < parts; ++i) floor.buffers[m].push_back(order);
      }
    }
  }

  /// Orders as they stand at the start; good and scrap count from line time 0.
  void open_orders() {
    for (std::uint32_t o = 0; o < trial.orders->size(); ++o) {
      auto& order = outcome.orders[o];
      if (trial.from) {
        for (const auto& machine : trial.from->machines)
          order.scrap += machine.progress.at(o).scrap;
        order.good = trial.from->machines.back().progress.at(o).good;
        const auto& first = trial.from->machines.front();
        const bool entered = first.progress[o].good + first.progress[o].scrap > 0 ||
                             (first.holds_part && first.order.index == o);
        if (entered) order.started_s = trial.from->at_s;
      }
      floor.finished[o] = order.good + order.scrap;
      if (floor.finished[o] < (*trial.orders)[o].quantity) continue;
      order.finished_s = floor.start_s;
      --floor.orders_open;
    }
    floor.done = floor.orders_open == 0;
  }

  /// Services that a trial which starts in the middle must take as carried out or under way.
  [[nodiscard]] bool already_done(const Service& service, const Schedule& schedule) const {
    if (!trial.from) return false;
    const auto& machine = trial.from->machines.at(service.machine.index);
    if (over(service)) return true;
    // A machine that is being serviced now is in the next of its services.
    return machine.state == PackmlState::stopped && due(service) &&
           std::none_of(schedule.services.begin(), schedule.services.end(),
                        [&](const Service& other) {
                          return other.machine == service.machine && other != service &&
                                 !over(other) && due(other) && precedes(other, service);
                        });
  }
  /// Whether a service that can be no later was over when the trial starts. A machine that has
  /// worked longer since its renewal than since the time of the service, or that was never renewed,
  /// is still to have it.
  [[nodiscard]] bool over(const Service& service) const {
    const auto& machine = trial.from->machines.at(service.machine.index);
    if (service.when == Service::When::at_time)
      return machine.renewals > 0 && machine.operating_s <= trial.from->at_s - service.at_s;
    const auto& progress = machine.progress.at(service.order.index);
    return progress.good + progress.scrap > 0 || (machine.set_up && machine.order == service.order);
  }
  [[nodiscard]] bool due(const Service& service) const {
    return service.when == Service::When::before_order || service.at_s <= trial.from->at_s;
  }
  [[nodiscard]] bool precedes(const Service& a, const Service& b) const {
    if (a.when != b.when) return a.when == Service::When::at_time;
    return a.when == Service::When::at_time ? a.at_s < b.at_s
                                            : place_of(a.order) < place_of(b.order);
  }
  [[nodiscard]] std::size_t place_of(OrderId order) const {
    const auto& sequence = trial.schedule.sequence;
    return static_cast<std::size_t>(std::find(sequence.begin(), sequence.end(), order) -
                                    sequence.begin());
  }

  void sample() {
    Frame next;
    next.at_s = floor.now();
    next.connected =
        std::none_of(trial.communication_losses.begin(), trial.communication_losses.end(),
                     [&](const CommunicationLoss& loss) {
                       return next.at_s >= loss.from_s && next.at_s < loss.until_s;
                     });
    Truth truth;
    const auto number =
        static_cast<std::uint64_t>(std::llround(next.at_s / trial.line->sample_period_s));
    for (std::size_t m = 0; m < machines.size(); ++m) {
      auto& machine = *machines[m];
      const auto condition = machine.condition();
      MachineFrame shown;
      shown.signals = sensors[m].read(next.at_s, trial.line->sample_period_s, number, condition);
      shown.state = machine.shown_state(condition);
      shown.operating_s = machine.operating_since_renewal();
      shown.renewals = machine.renewals();
      if (!next.connected) {
        shown.state = PackmlState::undefined;
        for (auto& sample : shown.signals)
          sample = {std::numeric_limits<float>::quiet_NaN(), Quality::bad_comm_failure};
      }
      next.machines.push_back(std::move(shown));
      for (const auto& mode : trial.line->machines[m].faults)
        truth.damage.push_back(static_cast<float>(machine.damage(mode.kind)));
    }
    frame = std::move(next);
    if (!trial.want_trace) return;
    outcome.trace.frames.push_back(frame);
    outcome.trace.truth.push_back(std::move(truth));
  }

  void schedule_services(const Schedule& schedule) {
    std::vector<PlannedService> services;
    for (const auto& service : schedule.services) {
      const auto known =
          std::find_if(floor.services.begin(), floor.services.end(),
                       [&](const PlannedService& p) { return p.service == service; });
      services.push_back(
          {service, known != floor.services.end() ? known->done : already_done(service, schedule)});
    }
    floor.schedule = schedule;
    floor.services = std::move(services);
  }

  template <class Then>
  void at(double at_s, Then then) {
    if (!std::isfinite(at_s)) return;
    simgrid::kernel::timer::Timer::set(std::max(0.0, at_s - floor.start_s), std::move(then));
  }
};

Simulation::Simulation(Trial trial, bool observed) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.trial = std::move(trial);
  const auto& line = *s.trial.line;
  s.outcome.machines.resize(line.machines.size());
  s.outcome.orders.resize(s.trial.orders->size());
  auto& floor = s.floor;
  floor.trial = &s.trial;
  floor.outcome = &s.outcome;
  floor.start_s = s.trial.from ? s.trial.from->at_s : 0;
  floor.crews = Crews(line.crews);
  floor.buffers.resize(line.machines.size());
  floor.finished.resize(s.trial.orders->size());
  floor.orders_open = s.trial.orders->size();
  s.schedule_services(s.trial.schedule);
  s.fill_buffers();
  s.open_orders();

  if (floor.done) floor.final = s.outcome;
  s.engine = &start_engine();
  auto* zone = sg::create_full_zone("line");
  auto* hall = zone->create_host("hall", 1e9);
  zone->seal();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    s.machines.push_back(std::make_unique<MachineActor>(floor, MachineId{m}));
    floor.machines.push_back(s.machines.back().get());
    s.sensors.emplace_back(s.trial, MachineId{m});
  }
  if (!floor.done) {
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      auto* machine = s.machines[m].get();
      sg::Actor::create(line.machines[m].name, hall, [machine] {
        machine->set_actor(sg::Actor::self());
        (*machine)();
      });
    }
  }
  for (const auto& fault : s.trial.faults) {
    if (fault.at_s < floor.start_s) continue;
    s.at(fault.at_s, [&s, fault] { s.machines[fault.machine.index]->begin(fault); });
  }
  s.draw_hazards();
  if (!observed && !s.trial.want_trace) return;
  sg::Actor::create("sampler", hall, [&s] {
    s.sampling.owner(sg::Actor::self());
    const double period = s.trial.line->sample_period_s;
    auto number = static_cast<std::int64_t>(std::ceil(s.floor.start_s / period));
    while (!s.floor.done || !s.trial.stop_when_done) {
      const double wait = static_cast<double>(number) * period - s.floor.now();
      if (wait > 0) s.sampling.sleep(wait);
      if (s.floor.done && s.trial.stop_when_done) break;
      s.sample();
      ++number;
    }
  });
}

Simulation::~Simulation() = default;

void Simulation::run_until(double at_s) {
  auto& s = *state_;
  while (s.floor.now() < at_s && s.ended_s < 0) {
    const double next = std::min(at_s, s.floor.now() + stride_s) - s.floor.start_s;
    const double before = sg::Engine::get_clock();
    if (next <= before) break;
    s.engine->run_until(next);
    if (s.floor.runaway || (s.floor.done && s.trial.stop_when_done)) {
      s.ended_s = s.floor.start_s;
      for (const auto& order : s.outcome.orders) s.ended_s = std::max(s.ended_s, order.finished_s);
      if (s.floor.runaway) s.ended_s = s.floor.now();
    }
    // A step below the engine's resolution does not move its clock: a start at an odd time leaves
    // such a rest before the horizon.
    if (sg::Engine::get_clock() <= before) break;
  }
}

double Simulation::now_s() const {
  return state_->ended_s >= 0 ? state_->ended_s : state_->floor.now();
}
bool Simulation::done() const {
  return state_->floor.done;
}
bool Simulation::runaway() const {
  return state_->floor.runaway;
}
const Frame& Simulation::frame() const {
  return state_->frame;
}
std::uint32_t Simulation::crews_free() const {
  return state_->floor.crews.free();
}
const Schedule& Simulation::schedule() const {
  return state_->floor.schedule;
}

LineNow Simulation::state() const {
  LineNow now;
  now.at_s = state_->floor.now();
  for (const auto& machine : state_->machines) now.machines.push_back(machine->now());
  return now;
}

void Simulation::replace_schedule(const Schedule& schedule) {
  state_->schedule_services(schedule);
  for (auto& machine : state_->machines) machine->reschedule();
}

Measures Simulation::measures() {
  auto& s = *state_;
  s.floor.settle();
  s.outcome.end_s = now_s();
  return measures_of(s.trial, s.outcome);
}

void Simulation::become(const Branch& branch) {
  auto& s = *state_;
  if (branch.horizon_s) s.trial.horizon_s = *branch.horizon_s;
  if (branch.line) s.trial.line = branch.line;
  if (branch.seed && *branch.seed != s.trial.seed) {
    const auto old_seed = s.trial.seed;
    s.trial.seed = *branch.seed;
    for (auto& machine : s.machines) machine->reseeded(old_seed);
    s.draw_hazards();
  }
  if (branch.schedule) replace_schedule(*branch.schedule);
  for (const auto& fault : branch.faults) {
    if (fault.at_s <= s.floor.now()) {
      s.machines[fault.machine.index]->begin(fault);
    } else {
      s.at(fault.at_s, [&s, fault] { s.machines[fault.machine.index]->begin(fault); });
    }
  }
}

Outcome Simulation::outcome() {
  auto& s = *state_;
  const bool ended = s.floor.final && s.trial.stop_when_done;
  if (!ended) s.floor.settle();
  Outcome outcome = ended ? *s.floor.final : s.outcome;
  outcome.trace = s.outcome.trace;
  outcome.end_s = now_s();
  outcome.end = s.floor.runaway ? Outcome::End::runaway
                : ended         ? Outcome::End::done
                                : Outcome::End::horizon;
  if (s.floor.runaway) outcome.error = "more events than the limit allows";
  return outcome;
}

Outcome run(const Trial& trial) {
  Simulation simulation(trial);
  std::optional<LineNow> state;
  if (trial.want_state_at_s && *trial.want_state_at_s <= trial.horizon_s) {
    simulation.run_until(*trial.want_state_at_s);
    if (!simulation.runaway()) state = simulation.state();
  }
  simulation.run_until(trial.horizon_s);
  auto outcome = simulation.outcome();
  outcome.state = std::move(state);
  return outcome;
}

FanOutcome run(const Fan& fan, const InCopies& in_copies) {
  const auto& trial = fan.trial;
  FanOutcome all;
  Simulation simulation(trial);
  const double start_s = trial.from ? trial.from->at_s : 0;
  const auto advance = [&](double until_s) {
    while (fan.series_step_s > 0) {
      const double at_s = start_s + static_cast<double>(all.series.size() + 1) * fan.series_step_s;
      if (at_s > until_s) break;
      simulation.run_until(at_s);
      if (simulation.now_s() < at_s - 1e-6) break;
      all.series.push_back(simulation.measures());
    }
    simulation.run_until(until_s);
  };
  if (!fan.branches.empty()) {
    advance(std::min(fan.at_s, trial.horizon_s));
    all.branches = in_copies(fan.branches.size(), [&](std::size_t i) {
      const auto& branch = fan.branches[i];
      simulation.become(branch);
      simulation.run_until(branch.horizon_s.value_or(trial.horizon_s));
      return simulation.outcome();
    });
  }
  advance(trial.horizon_s);
  all.trial = simulation.outcome();
  return all;
}

}  // namespace foreline::factory
