// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "sim/factory/machine.hpp"
#include "sim/factory/signals.hpp"
#include "sim/line/feeds.hpp"
#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

/// Looking for the end of the work this often costs nothing and overshoots nothing that counts.
constexpr double stride_s = 300;

double energy_kwh(const MachineOutcome& machine, const Power& power) {
  auto in = [&](PackmlState state) { return machine.state_s[static_cast<std::size_t>(state)]; };
  const double down_s = in(PackmlState::held) + in(PackmlState::stopped)-machine.off_shift_s;
  const double idle_s =
      in(PackmlState::idle) + in(PackmlState::suspended) + in(PackmlState::complete);
  return (in(PackmlState::execute)*power.work_kw + idle_s * power.idle_kw +
          in(PackmlState::resetting)*power.setup_kw + down_s * power.down_kw +
          machine.off_shift_s * power.off_kw) /
         3600;
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

}  // namespace

struct Simulation::State {
  Trial trial;
  std::unique_ptr<Stage> stage;
  Outcome outcome;
  Floor floor;
  std::vector<std::unique_ptr<MachineActor>> machines;
  std::vector<Sensors> sensors;
  Nap sampling;
  std::deque<Frame> past;  ///< Only while some wire is late.
  Frame frame;
  double ended_s = -1;
  std::vector<Stage::Alarm*> hazard_timers;  ///< Null once fired or never to.

  /// Sets the time of every forecast fault that has not come, given that it has not.
  void draw_hazards() {
    hazard_timers.resize(trial.hazards.size());
    const double elapsed_s = floor.now() - floor.start_s;
    for (std::size_t i = 0; i < trial.hazards.size(); ++i) {
      const auto& hazard = trial.hazards[i];
      auto& timer = hazard_timers[i];
      if (elapsed_s > 0 && timer == nullptr) continue;
      if (timer != nullptr) stage->cancel(timer);
      timer = nullptr;
      const double gone = elapsed_s > 0 ? share_within(hazard, elapsed_s) : 0.0;
      const double u =
          gone + (1 - gone) * random_uniform(trial.seed, hazard.machine.index, Purpose::forecast,
                                             static_cast<std::uint64_t>(hazard.kind));
      const double at_s = time_to_fault(hazard, u);
      if (!std::isfinite(at_s)) continue;
      timer = stage->set(std::max(at_s, elapsed_s), [this, i] {
        hazard_timers[i] = nullptr;
        machines[trial.hazards[i].machine.index]->forecast_fault(trial.hazards[i].kind);
      });
    }
  }

  void put_back(Buffer& buffer, const PartNow& part) const {
    buffer.restore(part_of(part, floor.start_s), part.reach_s, floor.start_s);
  }

  void fill_buffers() {
    if (!trial.from) return;
    for (std::size_t m = 0; m < trial.from->machines.size(); ++m) {
      const auto& machine = trial.from->machines[m];
      for (const auto& part : machine.rework) put_back(floor.reworks[m], part);
      floor.buffers[m].restore_spacing(machine.belt_busy_s, floor.start_s);
    }
    if (!trial.from->buffers.empty()) {
      for (std::size_t m = 0; m < trial.from->buffers.size() && m < floor.buffers.size(); ++m)
        for (const auto& part : trial.from->buffers[m]) put_back(floor.buffers[m], part);
      return;
    }
    if (!trial.line->is_plain_series()) return;
    for (std::size_t m = 0; m + 1 < trial.from->machines.size(); ++m) {
      const auto& here = trial.from->machines[m];
      const auto& next = trial.from->machines[m + 1];
      for (const auto order : floor.schedule.sequence) {
        std::int64_t parts = here.progress.at(order.index).good;
        parts -= static_cast<std::int64_t>(next.progress.at(order.index).good) +
                 next.progress[order.index].scrap;
        parts -= next.holds_part && next.order == order ? 1 : 0;
        for (; parts > 0; --parts) put_back(floor.buffers[m], {order});
      }
    }
  }

  /// Which machines share the releases of orders, and how many parts each feed needs.
  void lay_feeds(const std::vector<std::uint32_t>& takers) {
    const auto& line = *trial.line;
    const auto groups = feeds_of(line);
    floor.feed_of.resize(groups.size());
    std::vector<std::size_t> number(groups.size(), groups.size());
    for (std::size_t m = 0; m < groups.size(); ++m) {
      auto& feed = number[groups[m]];
      if (feed == groups.size()) {
        feed = floor.feeds.size();
        floor.feeds.emplace_back();
      }
      floor.feed_of[m] = feed;
    }
    for (std::uint32_t m = 0; m < groups.size(); ++m) {
      const auto& takes = line.machines[m].takes;
      const auto inputs = line.inputs_of(m);
      std::map<std::size_t, std::uint64_t> of_feed;
      for (std::size_t i = 0; i < takes.size(); ++i) of_feed[floor.feed_of[inputs[i]]] += takes[i];
      for (const auto& [feed, count] : of_feed) {
        auto& sets = floor.feeds[feed].sets;
        const auto same = std::find_if(sets.begin(), sets.end(), [&](const auto& set) {
          return set.first == floor.feed_of[m];
        });
        // Assemblies of one feed stand side by side: a set goes to one of them.
        if (same == sets.end())
          sets.emplace_back(floor.feed_of[m], count);
        else
          same->second = std::max(same->second, count);
      }
    }
    std::vector<std::uint64_t> each(floor.feeds.size(), 0);
    for (std::uint32_t m = 0; m < groups.size(); ++m)
      if (takers[line.buffer_of(m)] == 0) each[floor.feed_of[m]] = 1;
    for (const auto f : feeds_backwards())
      for (const auto& [whole, count] : floor.feeds[f].sets) each[f] += each[whole] * count;
    for (std::size_t f = 0; f < floor.feeds.size(); ++f) {
      for (const auto& order : *trial.orders)
        floor.feeds[f].wanted.push_back(each[f] * order.quantity);
      floor.feeds[f].released.resize(trial.orders->size());
      floor.feeds[f].arrived.resize(trial.orders->size());
    }
    std::vector<std::size_t> sources(floor.feeds.size(), 0);
    for (std::uint32_t m = 0; m < groups.size(); ++m) {
      auto& feed = floor.feeds[floor.feed_of[m]];
      const auto& machine = line.machines[m];
      const bool begins = line.inputs_of(m).empty() || !machine.takes.empty();
      sources[floor.feed_of[m]] += begins ? 1 : 0;
      feed.in_turn =
          feed.in_turn || may_scrap(m) || (takers[line.buffer_of(m)] > 1 && !assembled_behind(m));
    }
    for (const auto f : feeds_backwards()) {
      auto& feed = floor.feeds[f];
      const auto& sets = feed.sets;
      feed.in_turn =
          feed.component() && (feed.in_turn || sources[f] > 1 ||
                               std::any_of(sets.begin(), sets.end(), [this](const auto& set) {
                                 return floor.feeds[set.first].in_turn;
                               }));
    }
  }

  /// Whether parts may be lost there.
  [[nodiscard]] bool may_scrap(std::uint32_t m) const {
    const auto& machine = trial.line->machines[m];
    return machine.scrap_share > 0 || machine.inspection.detects > 0 ||
           machine.inspection.false_alarms > 0 ||
           std::any_of(machine.faults.begin(), machine.faults.end(),
                       [](const auto& mode) { return extra_scrap(mode.kind, 1) > 0; }) ||
           std::any_of(trial.faults.begin(), trial.faults.end(), [m](const auto& fault) {
             return fault.machine.index == m && extra_scrap(fault.kind, 1) > 0;
           });
  }
  [[nodiscard]] bool assembled_behind(std::uint32_t m) const {
    const auto& machines_of_line = trial.line->machines;
    for (std::uint32_t n = 0; n < machines_of_line.size(); ++n) {
      const auto inputs = trial.line->inputs_of(n);
      if (!machines_of_line[n].takes.empty() &&
          std::find(inputs.begin(), inputs.end(), trial.line->buffer_of(m)) != inputs.end())
        return true;
    }
    return false;
  }

  /// Feeds in an order in which those that take a feed's parts come before it.
  [[nodiscard]] std::vector<std::size_t> feeds_backwards() const {
    std::vector<std::size_t> order;
    std::vector<bool> placed(floor.feeds.size(), false);
    while (order.size() < floor.feeds.size()) {
      const auto before = order.size();
      for (std::size_t f = 0; f < floor.feeds.size(); ++f) {
        const auto& sets = floor.feeds[f].sets;
        if (placed[f] || !std::all_of(sets.begin(), sets.end(),
                                      [&](const auto& set) { return placed[set.first]; }))
          continue;
        placed[f] = true;
        order.push_back(f);
      }
      if (order.size() == before) break;  // a feed into itself, which no line file can say
    }
    return order;
  }

  [[nodiscard]] bool holds(std::size_t m, std::size_t order) const {
    const auto& machine = trial.from->machines[m];
    return machine.holds_part && machine.order.index == order;
  }
  static std::int64_t count_of(const std::vector<PartNow>& parts, std::size_t order) {
    return std::count_if(parts.begin(), parts.end(),
                         [order](const PartNow& part) { return part.order.index == order; });
  }

  /// Pieces of the split part on each machine that had been handed over when the trial starts,
  /// while others of it still wait for room: as many as there are too many behind the machine.
  [[nodiscard]] std::vector<std::uint32_t> pieces_given() const {
    const auto& line = *trial.line;
    std::vector<std::uint32_t> all(line.machines.size(), 0);
    for (std::uint32_t m = 0; trial.from && m < all.size(); ++m) {
      const auto& machine = trial.from->machines.at(m);
      const auto buffer = line.buffer_of(m);
      if (line.machines[m].gives == 1 || !machine.holds_part || machine.remaining_s > 0) continue;
      if (machine.given) {
        all[m] = *machine.given;
        continue;
      }
      const auto o = machine.order.index;
      std::int64_t given = 0;
      for (std::size_t i = 0; i < floor.buffers[buffer].size(); ++i)
        given += floor.buffers[buffer][i].order.index == o ? 1 : 0;
      for (std::uint32_t n = 0; n < all.size(); ++n) {
        const auto& other = trial.from->machines.at(n);
        const auto inputs = line.inputs_of(n);
        if (line.buffer_of(n) == buffer)
          given += count_of(other.carried, o) - all[n] -
                   std::int64_t{other.progress.at(o).good} * line.machines[n].gives;
        if (std::find(inputs.begin(), inputs.end(), buffer) == inputs.end()) continue;
        given += std::int64_t{other.progress.at(o).good} + other.progress[o].scrap;
        if (other.holds_part && other.order.index == o) given += std::max(1U, other.parts_held);
      }
      const auto most = std::int64_t{line.machines[m].gives} - 1;
      all[m] = static_cast<std::uint32_t>(std::clamp<std::int64_t>(given, 0, most));
    }
    return all;
  }

  /// What the sources have still to release when a trial starts in the middle, so that every order
  /// ends: what is neither in the line nor has left it. After fill_buffers() and open_orders().
  void release_rest(const std::vector<std::uint32_t>& given) {
    if (!trial.from) return;
    const auto orders = trial.orders->size();
    std::vector<std::vector<std::int64_t>> rest(floor.feeds.size(),
                                                std::vector<std::int64_t>(orders));
    auto under_way = rest;
    for (std::size_t f = 0; f < floor.feeds.size(); ++f)
      if (!floor.feeds[f].component()) rest[f] = floor.outstanding;
    for (std::size_t m = 0; m < trial.from->machines.size(); ++m) {
      auto& own = rest[floor.feed_of[m]];
      const auto& machine = trial.from->machines[m];
      const bool before_assembly = assembled_behind(static_cast<std::uint32_t>(m));
      for (std::size_t i = 0; i < floor.buffers[m].size(); ++i) {
        const auto o = floor.buffers[m][i].order.index;
        --own[o];
        under_way[floor.feed_of[m]][o] += before_assembly ? 0 : 1;
      }
      for (const auto* parts : {&machine.rework, &machine.carried}) {
        for (const auto& part : *parts) {
          --own[part.order.index];
          under_way[floor.feed_of[m]][part.order.index] += 1;
        }
      }
      if (!machine.holds_part || machine.order.index >= orders) continue;
      const auto held = std::int64_t{std::max(1U, machine.parts_held)};
      own[machine.order.index] += std::int64_t{given[m]} - held;
      if (given[m] > 0 && !floor.feeds[floor.feed_of[m]].component())
        own[machine.order.index] -= std::int64_t{trial.line->machines[m].gives} - 1;
      under_way[floor.feed_of[m]][machine.order.index] += held;
    }
    for (const auto f : feeds_backwards()) {
      auto& feed = floor.feeds[f];
      for (std::size_t o = 0; o < orders; ++o) {
        for (const auto& [whole, count] : feed.sets)
          rest[f][o] +=
              std::max<std::int64_t>(0, rest[whole][o]) * static_cast<std::int64_t>(count);
        const auto wanted = static_cast<std::int64_t>(feed.wanted[o]);
        const auto released = wanted - std::clamp<std::int64_t>(rest[f][o], 0, wanted);
        feed.released[o] = static_cast<std::uint64_t>(released);
        feed.arrived[o] =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, released - under_way[f][o]));
      }
    }
  }

  /// Orders as they stand at the start; good and scrap count from line time 0.
  void open_orders(const std::vector<std::uint32_t>& takers,
                   const std::vector<std::uint32_t>& given) {
    const auto& line = *trial.line;
    floor.precedence = std::any_of(trial.orders->begin(), trial.orders->end(),
                                   [](const Order& order) { return !order.after.empty(); });
    for (std::uint32_t o = 0; o < trial.orders->size(); ++o) {
      auto& order = outcome.orders[o];
      floor.outstanding[o] = (*trial.orders)[o].quantity;
      if (trial.from) {
        for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
          const auto& progress = trial.from->machines.at(m).progress.at(o);
          const auto gives = std::int64_t{line.machines[m].gives};
          const bool component = floor.feeds[floor.feed_of[m]].component();
          order.scrap += progress.scrap;
          if (!component) {
            floor.outstanding[o] +=
                (progress.good + (given[m] > 0 && holds(m, o) ? 1 : 0)) * (gives - 1);
            floor.outstanding[o] -= progress.scrap;
          }
          if (takers[line.buffer_of(m)] == 0) {
            const auto left = progress.good * gives + (holds(m, o) ? given[m] : 0) -
                              count_of(trial.from->machines[m].carried, o);
            order.good += static_cast<std::uint32_t>(std::max<std::int64_t>(0, left));
            floor.outstanding[o] -= left;
          }
        }
        const auto& first = trial.from->machines.front();
        const bool entered = first.progress[o].good + first.progress[o].scrap > 0 ||
                             (first.holds_part && first.order.index == o);
        if (entered) order.started_s = trial.from->at_s;
      }
      if (floor.outstanding[o] > 0) continue;
      order.finished_s = floor.start_s;
      --floor.orders_open;
    }
    floor.done = floor.orders_open == 0;
  }

  /// PartNow::reach_s of part i behind machine m. Only whoever waits for a full batch asks how long
  /// it has been in reach.
  [[nodiscard]] double reach_s(std::size_t m, std::size_t i) const {
    const auto& buffer = floor.buffers[m];
    const double reach_s = buffer.reach_s(i, floor.now());
    const bool batches = std::any_of(buffer.takers.begin(), buffer.takers.end(),
                                     [](const auto* taker) { return taker->works_in_batches(); });
    return batches ? reach_s : std::max(0.0, reach_s);
  }
  /// Machines in the order in which they act at the start: who has waited longest comes first.
  [[nodiscard]] std::vector<std::uint32_t> first_to_act() const {
    std::vector<std::uint32_t> order(trial.line->machines.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto since_s = [this](std::uint32_t m) {
      return trial.from ? trial.from->machines[m].since_s.value_or(floor.start_s) : 0.0;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return since_s(a) < since_s(b); });
    return order;
  }

  [[nodiscard]] bool lost(const CommunicationLoss& loss, std::size_t position, double at_s,
                          std::uint64_t number) const {
    if (at_s < loss.from_s || at_s >= loss.until_s) return false;
    return loss.share >= 1 || random_uniform(trial.seed, static_cast<std::uint32_t>(position),
                                             Purpose::communication, number) < loss.share;
  }

  static void hide(MachineFrame& shown) {
    shown.state = PackmlState::undefined;
    for (auto& sample : shown.signals)
      sample = {std::numeric_limits<float>::quiet_NaN(), Quality::bad_comm_failure};
  }

  void sample() {
    Frame next;
    next.at_s = floor.now();
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
      next.machines.push_back(std::move(shown));
      if (!trial.want_trace) continue;
      const auto& modes = trial.line->machines[m].faults;
      for (std::size_t i = 0; i < modes.size(); ++i) {
        truth.damage.push_back(static_cast<float>(machine.damage(modes[i].kind)));
        truth.hazard.push_back(static_cast<float>(machine.hazard(i)));
      }
    }
    transmit(next, number);
    frame = std::move(next);
    if (!trial.want_trace) return;
    outcome.trace.frames.push_back(frame);
    outcome.trace.truth.push_back(std::move(truth));
  }

  /// What trouble on the wire leaves of a frame.
  void transmit(Frame& next, std::uint64_t number) {
    const auto& losses = trial.communication_losses;
    if (losses.empty()) return;
    // A late wire shows the line as it was; frames are kept as long as the longest delay needs.
    double longest_s = 0;
    for (const auto& loss : losses) longest_s = std::max(longest_s, loss.delay_s);
    if (longest_s > 0) {
      past.push_back(next);
      while (past.front().at_s < next.at_s - longest_s - trial.line->sample_period_s)
        past.pop_front();
    }
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const auto& loss = losses[i];
      if (loss.delay_s <= 0 || next.at_s < loss.from_s || next.at_s >= loss.until_s) continue;
      const Frame* shown = &past.front();
      for (const auto& frame_then : past)
        if (frame_then.at_s <= next.at_s - loss.delay_s + 1e-6) shown = &frame_then;
      for (std::size_t m = 0; m < next.machines.size(); ++m)
        if (!loss.machine || loss.machine->index == m) next.machines[m] = shown->machines[m];
    }
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const auto& loss = losses[i];
      const bool late = loss.delay_s > 0 && loss.share >= 1;
      if (late || !lost(loss, i, next.at_s, number)) continue;
      if (loss.machine) {
        hide(next.machines.at(loss.machine->index));
        continue;
      }
      next.connected = false;
      for (auto& shown : next.machines) hide(shown);
    }
  }

  void schedule_services(const Schedule& schedule) {
    std::vector<PlannedService> services;
    for (const auto& service : schedule.services) {
      const auto known =
          std::find_if(floor.services.begin(), floor.services.end(),
                       [&](const PlannedService& p) { return p.service == service; });
      services.push_back(
          {service, known != floor.services.end()
                        ? known->done
                        : trial.from && trial.from->has_had(service, schedule, *trial.line)});
    }
    floor.schedule = schedule;
    for (auto& feed : floor.feeds) feed.turn = 0;
    floor.services = std::move(services);
  }

  /// The same line with other values takes the place of the trial's.
  void edit(std::shared_ptr<const Line> edited) {
    const auto before = std::exchange(trial.line, std::move(edited));
    const auto& line = *trial.line;
    floor.crews.refit(line);
    for (std::size_t m = 0; m < line.machines.size(); ++m)
      floor.buffers[m].refit(line.machines[m].buffer_after, line.machines[m].conveyor);
    for (std::size_t i = 0; i < floor.transporters.size() && i < line.transporters.size(); ++i)
      floor.transporters[i].add(std::int64_t{line.transporters[i].count} -
                                before->transporters[i].count);
    for (auto& machine : machines) machine->edited();
    // What was in the way may be so no longer.
    floor.crews.dispatch(floor.now());
    for (auto& machine : machines) machine->nudge();
  }

  /// A crew that comes to work serves who waits.
  void watch_crew(std::uint32_t group) {
    if (group >= trial.line->crew_groups.size()) return;
    const auto& calendar = trial.line->crew_groups[group].calendar;
    if (!calendar) return;
    at(trial.line->calendars[*calendar].next_change(floor.now()), [this, group] {
      floor.crews.dispatch(floor.now());
      watch_crew(group);
    });
  }

  void count_energy(Outcome& counted) const {
    for (std::size_t m = 0; m < counted.machines.size(); ++m)
      counted.machines[m].energy_kwh =
          energy_kwh(counted.machines[m], trial.line->machines[m].power);
  }

  template <class Then>
  void at(double at_s, Then then) {
    if (!std::isfinite(at_s)) return;
    stage->set(std::max(0.0, at_s - floor.start_s), std::move(then));
  }
};

Simulation::Simulation(Trial trial, bool observed) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.trial = std::move(trial);
  const auto& line = *s.trial.line;
  s.outcome.machines.resize(line.machines.size());
  s.outcome.orders.resize(s.trial.orders->size());
  auto& floor = s.floor;
  s.stage = s.trial.replication && !observed ? fiber_stage() : simgrid_stage();
  floor.stage = s.stage.get();
  floor.trial = &s.trial;
  floor.outcome = &s.outcome;
  floor.start_s = s.trial.from ? s.trial.from->at_s : 0;
  floor.crews = Crews(line);
  for (const auto& pool : line.transporters) floor.transporters.emplace_back(pool.count);
  for (std::uint32_t i = 0; i < line.spares.size(); ++i) {
    const bool known = s.trial.from && i < s.trial.from->spares.size();
    auto& stock =
        floor.spares.emplace_back(known ? s.trial.from->spares[i].pieces : line.spares[i].stock);
    if (!known) continue;
    stock.orders = s.trial.from->spares[i].orders;
    for (const auto left_s : s.trial.from->spares[i].deliveries_s) floor.expect_delivery(i, left_s);
  }
  for (const auto& machine : line.machines)
    floor.buffers.emplace_back(machine.buffer_after, machine.conveyor);
  floor.reworks.assign(line.machines.size(),
                       Buffer(std::numeric_limits<std::uint32_t>::max(), Conveyor{}));
  for (std::uint32_t i = 0; i < line.spares.size(); ++i) floor.reorder(i);
  floor.outstanding.resize(s.trial.orders->size());
  floor.orders_open = s.trial.orders->size();
  floor.parts_since_s = floor.start_s;
  const auto takers = line.takers();
  s.lay_feeds(takers);
  s.schedule_services(s.trial.schedule);
  s.fill_buffers();
  const auto given = s.pieces_given();
  s.open_orders(takers, given);
  s.release_rest(given);

  if (floor.done) floor.final = s.outcome;
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    s.machines.push_back(std::make_unique<MachineActor>(floor, MachineId{m}));
    floor.machines.push_back(s.machines.back().get());
    s.sensors.emplace_back(s.trial, MachineId{m});
    floor.parts_in_line +=
        floor.buffers[m].size() + floor.reworks[m].size() + s.machines.back()->parts().size();
    if (s.trial.from) floor.parts_in_line += s.trial.from->machines[m].carried.size();
  }
  for (auto& machine : s.machines) machine->connect(takers);
  for (auto& machine : s.machines) machine->resume_carrying();
  for (std::size_t m = 0; m < given.size(); ++m) s.machines[m]->has_given(given[m]);
  if (!floor.done) {
    for (const auto m : s.first_to_act()) {
      auto* machine = s.machines[m].get();
      machine->set_actor(s.stage->create(line.machines[m].name, m, [machine] { (*machine)(); }));
    }
  }
  for (std::uint32_t i = 0; i < line.crew_groups.size(); ++i) s.watch_crew(i);
  for (const auto& fault : s.trial.faults) {
    if (fault.at_s < floor.start_s) continue;
    s.at(fault.at_s, [&s, fault] { s.machines[fault.machine.index]->begin(fault); });
  }
  s.draw_hazards();
  if (!observed && !s.trial.want_trace) return;
  s.sampling.owner(*s.stage, s.stage->create("sampler", line.machines.size(), [&s] {
    const double period = s.trial.line->sample_period_s;
    auto number = static_cast<std::int64_t>(std::ceil(s.floor.start_s / period));
    while (!s.floor.done || !s.trial.stop_when_done) {
      const double wait = static_cast<double>(number) * period - s.floor.now();
      if (wait > 0) s.sampling.sleep(wait);
      if (s.floor.done && s.trial.stop_when_done) break;
      s.sample();
      ++number;
    }
  }));
}

Simulation::~Simulation() = default;

void Simulation::run_until(double at_s) {
  auto& s = *state_;
  while (s.floor.now() < at_s && s.ended_s < 0) {
    const double next = std::min(at_s, s.floor.now() + stride_s) - s.floor.start_s;
    const double before = s.stage->now();
    if (next <= before) break;
    s.stage->run_until(next);
    if (s.floor.runaway || (s.floor.done && s.trial.stop_when_done)) {
      s.ended_s = s.floor.start_s;
      for (const auto& order : s.outcome.orders) s.ended_s = std::max(s.ended_s, order.finished_s);
      if (s.floor.runaway) s.ended_s = s.floor.now();
    }
    // A step below the engine's resolution does not move its clock: a start at an odd time leaves
    // such a rest before the horizon.
    if (s.stage->now() <= before) break;
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

LineNow Simulation::state(bool health) const {
  LineNow now;
  now.at_s = state_->floor.now();
  for (const auto& machine : state_->machines) now.machines.push_back(machine->now(health));
  if (!health && state_->trial.line->is_plain_series()) return now;
  for (std::size_t m = 0; m < now.machines.size(); ++m) {
    const auto& buffer = state_->floor.buffers[m];
    auto& parts = now.buffers.emplace_back();
    for (std::size_t i = 0; i < buffer.size(); ++i)
      parts.push_back(health ? now_of(buffer[i], state_->reach_s(m, i)) : PartNow{buffer[i].order});
    if (!health) state_->machines[m]->add_carried(parts);
    const auto& queue = state_->floor.reworks[m];
    for (std::size_t i = 0; i < queue.size(); ++i)
      now.machines[m].rework.push_back(health ? now_of(queue[i])
                                              : PartNow{queue[i].order, queue[i].reworks});
  }
  if (!health) return now;
  if (state_->trial.line->is_plain_series() &&
      std::all_of(now.buffers.begin(), now.buffers.end(),
                  [](const auto& parts) { return parts.empty(); }))
    now.buffers.clear();
  for (std::size_t m = 0; m < now.machines.size(); ++m) {
    const auto& belt = state_->floor.buffers[m];
    if (belt.spaced_at() > now.at_s) now.machines[m].belt_busy_s = belt.spaced_at() - now.at_s;
  }
  for (const auto& planned : state_->floor.services) {
    auto& served = now.machines[planned.service.machine.index].served;
    if (!served) served.emplace();
    if (planned.done) served->push_back(planned.service);
  }
  for (const auto& spare : state_->floor.spares) {
    auto& known = now.spares.emplace_back();
    known.pieces = static_cast<std::uint32_t>(std::max<std::int64_t>(0, spare.pieces()));
    known.orders = spare.orders;
    for (const auto at_s : spare.deliveries)
      known.deliveries_s.push_back(at_s - state_->stage->now());
  }
  for (const auto& machine : state_->machines)
    if (const auto& spare = machine->spare_in_hand()) ++now.spares[*spare].pieces;
  return now;
}

void Simulation::replace_schedule(const Schedule& schedule) {
  state_->schedule_services(schedule);
  for (auto& machine : state_->machines) machine->reschedule();
}

Outcome Simulation::so_far() {
  auto& s = *state_;
  s.floor.settle();
  Outcome so_far;
  so_far.end_s = now_s();
  so_far.events = s.outcome.events;
  so_far.machines = s.outcome.machines;
  so_far.left = s.outcome.left;
  so_far.lead_time_s = s.outcome.lead_time_s;
  so_far.work_in_process_s = s.outcome.work_in_process_s;
  s.count_energy(so_far);
  return so_far;
}

void Simulation::become(const Branch& branch) {
  auto& s = *state_;
  if (branch.horizon_s) s.trial.horizon_s = *branch.horizon_s;
  if (branch.line) s.edit(branch.line);
  if (branch.seed && *branch.seed != s.trial.seed) {
    s.trial.seed = *branch.seed;
    for (auto& machine : s.machines) machine->reseeded();
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
  s.count_energy(outcome);
  outcome.left_by.resize(s.trial.count_at_s.size(), outcome.left);
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
    if (!simulation.runaway()) state = simulation.state(trial.want_health);
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
      all.series.push_back(simulation.so_far());
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
