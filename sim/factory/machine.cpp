// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/machine.hpp"

#include <algorithm>
#include <cmath>

#include "sim/line/random.hpp"

namespace foreline::factory {

using namespace line;

namespace {

/// Work stretches of one order closer than this are one bar of the Gantt chart.
constexpr double gantt_gap_s = 90;

}  // namespace

MachineActor::MachineActor(Floor& floor, MachineId id)
    : floor_(&floor),
      id_(id),
      wear_(*floor.trial, id,
            floor.trial->from ? floor.trial->from->machines.at(id.index).operating_s : 0.0,
            floor.trial->from ? floor.trial->from->machines.at(id.index).renewals : 0U),
      state_since_s_(floor.start_s),
      progress_(floor.trial->orders->size()) {
  if (floor.trial->from) resume_from(floor.trial->from->machines.at(id.index));
}

void MachineActor::resume_from(const MachineNow& now) {
  operating_s_ = now.operating_s;
  renewals_ = now.renewals;
  parts_ = now.parts;
  holds_part_ = now.holds_part;
  order_ = now.order;
  set_up_ = now.set_up;
  remaining_s_ = now.remaining_s;
  sampled_operating_ = operating_s_;
  progress_ = now.progress;
  progress_.resize(floor_->trial->orders->size());
  const bool stop = now.state == PackmlState::held || now.state == PackmlState::stopped;
  if (now.down_remaining_s > 0 || stop) {
    // A machine that is busy with none of these has just broken down and not yet said so.
    state_ = stop || now.state == PackmlState::resetting ? now.state : PackmlState::held;
    busy_until_s_ = floor_->start_s + now.down_remaining_s;
    crew_here_ =
        state_ != PackmlState::resetting && now.down_remaining_s > 0 && floor_->crews.take_one();
  }
}

double MachineActor::operating() const {
  return operating_s_ + (work_since_s_ >= 0 ? floor_->now() - work_since_s_ : 0.0);
}

double MachineActor::operating_since_renewal() const {
  return operating() - renewed_at_;
}

double MachineActor::damage(FaultKind kind) const {
  return wear_.damage(kind, operating());
}

void MachineActor::book_time() {
  const double spent = floor_->now() - state_since_s_;
  outcome().state_s[static_cast<std::size_t>(state_)] += spent;
  if (state_ == PackmlState::held) outcome().down_s += spent;
  if (state_ == PackmlState::stopped) outcome().service_s += spent;
  if (state_ == PackmlState::resetting) outcome().changeover_s += spent;
  if (state_ == PackmlState::suspended)
    (waiting_ == Waiting::space ? outcome().blocked_s : outcome().starved_s) += spent;
  state_since_s_ = floor_->now();
}

void MachineActor::book_occupation() {
  const double from_s = doing_since_s_;
  const double now = floor_->now();
  doing_since_s_ = now;
  if (!floor_->trial->want_gantt || !doing_ || now <= from_s) return;
  auto& gantt = floor_->outcome->gantt;
  if (*doing_ == Occupation::What::work) {
    const auto last = std::find_if(gantt.rbegin(), gantt.rend(),
                                   [&](const Occupation& bar) { return bar.machine == id_; });
    if (last != gantt.rend() && last->what == *doing_ && last->order == order_ &&
        from_s - last->until_s <= gantt_gap_s) {
      last->until_s = now;
      return;
    }
  }
  gantt.push_back({id_, *doing_, order_, from_s, now});
}

void MachineActor::note_onsets() {
  const double operated = operating();
  for (auto& wear : wear_.all()) {
    if (wear.record >= 0 || wear.onset_at > operated + rounding_s) continue;
    wear.record = static_cast<int>(floor_->outcome->faults.size());
    floor_->outcome->faults.push_back(
        {id_, wear.kind, floor_->now() - (operated - wear.onset_at), -1, -1, false});
  }
}

void MachineActor::settle() {
  book_time();
  book_occupation();
  note_onsets();
}

void Floor::settle() {
  for (auto* machine : machines) machine->settle();
}

void MachineActor::enter(PackmlState state) {
  book_time();
  state_ = state;
}

void MachineActor::rest(Occupation::What what, double seconds) {
  doing_ = what;
  doing_since_s_ = floor_->now();
  busy_until_s_ = floor_->now() + seconds;
  // By the engine's clock: line time, which is rounded again, may stay a hair short of the end.
  const double date = busy_until_s_ - floor_->start_s;
  // An interruption means that something happened that this sleep does not care about.
  while (date > simgrid::s4u::Engine::get_clock() && floor_->count_event()) nap_.sleep_until(date);
  if (floor_->runaway) nap_.wait();
  busy_until_s_ = -1;
  book_occupation();
  doing_.reset();
}

void MachineActor::wait_for_crew() {
  doing_ = Occupation::What::waiting_for_crew;
  doing_since_s_ = floor_->now();
  floor_->crews.acquire(nap_);
  book_occupation();
  doing_.reset();
}

void MachineActor::reschedule() {
  first_open_ = 0;
  nudge();
}

void MachineActor::nudge() {
  if (waiting_ == Waiting::release) {
    nap_.interrupt();
  }
  if (waiting_ != Waiting::nothing) nap_.wake();
}

void MachineActor::begin(const ScriptedFault& fault) {
  wear_.begin(fault, operating());
  note_onsets();
  nap_.interrupt();
}

void MachineActor::forecast_fault(FaultKind kind) {
  wear_.fail_now(kind, operating());
  nap_.interrupt();
}

void MachineActor::reseeded(std::uint64_t old_seed) {
  wear_.redraw(old_seed, operating());
  // Only work depends on when the next failure comes.
  if (work_since_s_ >= 0) nap_.interrupt();
}

std::optional<OrderId> MachineActor::next_order() {
  const auto& orders = *floor_->trial->orders;
  const auto& sequence = floor_->schedule.sequence;
  for (; first_open_ < sequence.size(); ++first_open_) {
    const auto id = sequence[first_open_];
    const auto& progress = progress_[id.index];
    if (progress.good + progress.scrap < orders[id.index].quantity) return id;
  }
  return std::nullopt;
}

OrderId MachineActor::await_part() {
  while (true) {
    do_services(std::nullopt);
    if (first()) {
      const auto order = next_order();
      const double release_s = order ? (*floor_->trial->orders)[order->index].release_s : 0;
      if (order && release_s <= floor_->now()) return *order;
      enter(order ? PackmlState::idle : PackmlState::complete);
      waiting_ = Waiting::release;
      double wake_s = order ? release_s : never;
      for (const auto& planned : floor_->services) {
        if (!planned.done && planned.service.machine == id_ &&
            planned.service.when == Service::When::at_time) {
          wake_s = std::min(wake_s, planned.service.at_s);
        }
      }
      if (wake_s < never) {
        nap_.sleep(wake_s - floor_->now());
      } else {
        nap_.wait();
      }
      waiting_ = Waiting::nothing;
      continue;
    }
    auto& buffer = floor_->buffers[id_.index - 1];
    if (!buffer.empty()) return buffer.front();
    enter(set_up_ || parts_ > 0 ? PackmlState::suspended : PackmlState::idle);
    waiting_ = Waiting::part;
    floor_->machines[id_.index - 1]->nudge();  // it may have waited for this machine to be ready
    if (!buffer.empty()) {
      book_time();
      waiting_ = Waiting::nothing;
      continue;
    }
    double wake_s = never;
    for (const auto& planned : floor_->services) {
      if (!planned.done && planned.service.machine == id_ &&
          planned.service.when == Service::When::at_time) {
        wake_s = std::min(wake_s, planned.service.at_s);
      }
    }
    if (wake_s < never) {
      // A starved machine still goes to its service in time; the nap ends early when a part comes.
      waiting_ = Waiting::release;
      nap_.sleep(wake_s - floor_->now());
    } else {
      nap_.wait();
    }
    book_time();
    waiting_ = Waiting::nothing;
  }
}

void MachineActor::take_part() {
  holds_part_ = true;
  if (!first()) {
    floor_->buffers[id_.index - 1].pop_front();
    floor_->machines[id_.index - 1]->nudge();
  } else {
    auto& order = floor_->outcome->orders[order_.index];
    if (order.started_s < 0) order.started_s = floor_->now();
  }
}

void MachineActor::do_services(std::optional<OrderId> before) {
  for (std::size_t i = 0; i < floor_->services.size(); ++i) {
    auto& planned = floor_->services[i];
    if (planned.done || planned.service.machine != id_) continue;
    const bool due = planned.service.when == Service::When::at_time
                         ? floor_->now() >= planned.service.at_s - 1e-9
                         : before && *before == planned.service.order;
    if (!due) continue;
    planned.done = true;
    serve();
  }
}

void MachineActor::serve() {
  enter(PackmlState::stopped);
  wait_for_crew();
  rest(Occupation::What::service,
       machine().service.quantile(random_uniform(floor_->trial->seed, id_.index,
                                                 Purpose::changeover, 1'000'000 + renewals_)));
  floor_->crews.release();
  note_onsets();
  for (const auto& wear : wear_.all()) {
    if (wear.record < 0 || !gives_warning(wear.kind)) continue;
    auto& record = floor_->outcome->faults[static_cast<std::size_t>(wear.record)];
    record.prevented = true;
    record.restored_s = floor_->now();
  }
  wear_.serviced(operating());
  renew();
  ++outcome().services;
  enter(PackmlState::idle);
}

void MachineActor::renew() {
  renewed_at_ = operating_s_;
  ++renewals_;
}

void MachineActor::change_over(OrderId to) {
  const auto& orders = *floor_->trial->orders;
  const auto product = orders[to.index].product.index;
  const double seconds =
      set_up_ ? machine().changeover_s[orders[order_.index].product.index][product] : 0.0;
  order_ = to;
  set_up_ = true;
  if (seconds <= 0) return;
  enter(PackmlState::resetting);
  rest(Occupation::What::changeover, seconds);
}

void MachineActor::work(double seconds) {
  remaining_s_ = seconds;
  while (remaining_s_ > 1e-6) {
    if (!floor_->count_event()) nap_.wait();
    if (wear_.failed(operating_s_)) {
      break_down();
      continue;
    }
    enter(PackmlState::execute);
    doing_ = Occupation::What::work;
    doing_since_s_ = work_since_s_ = floor_->now();
    const double worked = nap_.sleep(std::min(remaining_s_, wear_.next_failure() - operating_s_));
    work_since_s_ = -1;
    operating_s_ += worked;
    remaining_s_ -= worked;
    book_occupation();
    doing_.reset();
    note_onsets();
  }
  remaining_s_ = 0;
}

void MachineActor::break_down() {
  enter(PackmlState::held);
  note_onsets();
  const auto broken = *wear_.failed(operating_s_);
  const auto kind = wear_.all()[broken].kind;
  const auto record = static_cast<std::size_t>(wear_.all()[broken].record);
  floor_->outcome->faults[record].failed_s = floor_->now();
  ++outcome().breakdowns;
  const double repair_s = wear_.repair_time(wear_.all()[broken]);
  wait_for_crew();
  rest(Occupation::What::repair, repair_s);
  floor_->crews.release();
  floor_->outcome->faults[record].restored_s = floor_->now();
  wear_.repaired(broken, operating_s_);
  if (wears(kind)) renew();
}

void MachineActor::count_finished(OrderId order) {
  if (++floor_->finished[order.index] < (*floor_->trial->orders)[order.index].quantity) return;
  floor_->outcome->orders[order.index].finished_s = floor_->now();
  if (--floor_->orders_open > 0) return;
  floor_->done = true;
  floor_->settle();
  floor_->final = *floor_->outcome;
}

void MachineActor::finish_part() {
  const double scrap_share = machine().scrap_share + extra_scrap(damage(FaultKind::tool_wear));
  const bool scrapped =
      random_uniform(floor_->trial->seed, id_.index, Purpose::scrap, parts_ - 1) < scrap_share;
  if (scrapped) {
    ++progress_[order_.index].scrap;
    ++outcome().scrap;
    ++floor_->outcome->orders[order_.index].scrap;
    holds_part_ = false;
    count_finished(order_);
    return;
  }
  hand_over();
}

void MachineActor::hand_over() {
  if (!last()) {
    auto& buffer = floor_->buffers[id_.index];
    auto& next = *floor_->machines[id_.index + 1];
    const auto places = machine().buffer_after;
    while (places > 0 ? buffer.size() >= places : !(buffer.empty() && next.starved())) {
      enter(PackmlState::suspended);
      waiting_ = Waiting::space;
      nap_.wait();
      book_time();
      waiting_ = Waiting::nothing;
    }
    buffer.push_back(order_);
  } else {
    ++floor_->outcome->orders[order_.index].good;
  }
  ++progress_[order_.index].good;
  ++outcome().good;
  holds_part_ = false;
  if (last()) {
    count_finished(order_);
  } else {
    floor_->machines[id_.index + 1]->nudge();
  }
}

void MachineActor::finish_open_stop() {
  const double left = busy_until_s_ - floor_->now();
  if (state_ == PackmlState::resetting) {
    rest(Occupation::What::changeover, left);
    return;
  }
  const bool repair = state_ == PackmlState::held;
  const bool begun = left > 0;
  if (!crew_here_) wait_for_crew();
  double seconds = left;
  if (!begun) {
    seconds =
        repair ? wear_.unknown_repair_time(renewals_)
               : machine().service.quantile(random_uniform(
                     floor_->trial->seed, id_.index, Purpose::changeover, 1'000'000 + renewals_));
  }
  rest(repair ? Occupation::What::repair : Occupation::What::service, seconds);
  crew_here_ = false;
  floor_->crews.release();
  wear_.serviced(operating_s_);
  renew();
}

void MachineActor::operator()() {
  if (busy_until_s_ >= 0) finish_open_stop();
  if (holds_part_) {
    // A part without work left has been judged good already and waits for room.
    if (remaining_s_ > 0) {
      work(remaining_s_);
      finish_part();
    } else {
      hand_over();
    }
  }
  while (true) {
    const auto order = await_part();
    if (!set_up_ || order != order_) {
      do_services(order);
      change_over(order);
      if (first() && await_part() != order) continue;  // the schedule changed meanwhile
    }
    take_part();
    const auto part = parts_++;
    const auto product = (*floor_->trial->orders)[order_.index].product.index;
    const double seconds = machine().cycle.quantile(random_uniform(floor_->trial->seed, id_.index,
                                                                   Purpose::cycle, part)) *
                           machine().product_factor[product] *
                           slowdown(damage(FaultKind::tool_wear));
    cycle_s_ = seconds;
    work(std::max(seconds, 1e-6));
    finish_part();
  }
}

MachineNow MachineActor::now() const {
  MachineNow now;
  now.state = state_;
  now.holds_part = holds_part_;
  now.order = order_;
  now.set_up = set_up_;
  now.remaining_s =
      holds_part_
          ? std::max(0.0, remaining_s_ - (work_since_s_ >= 0 ? floor_->now() - work_since_s_ : 0.0))
          : 0.0;
  now.operating_s = operating_since_renewal();
  now.parts = parts_;
  now.renewals = renewals_;
  now.down_remaining_s = busy_until_s_ > floor_->now() ? busy_until_s_ - floor_->now() : 0.0;
  now.progress = progress_;
  return now;
}

Condition MachineActor::condition() {
  Condition condition;
  const double operated = operating();
  condition.running = operated > sampled_operating_ + 1e-9;
  sampled_operating_ = operated;
  condition.product = (*floor_->trial->orders)[order_.index].product.index;
  condition.cycle_s = cycle_s_;
  for (const auto kind : all_fault_kinds)
    condition.damage[static_cast<std::size_t>(kind)] = damage(kind);
  return condition;
}

PackmlState MachineActor::shown_state(const Condition& condition) const {
  const bool waits = state_ == PackmlState::suspended || state_ == PackmlState::idle;
  return condition.running && waits ? PackmlState::execute : state_;
}

}  // namespace foreline::factory
