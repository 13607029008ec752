// SPDX-License-Identifier: Apache-2.0
#include "sim/factory/machine.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::factory {

using namespace line;

namespace {

/// Work stretches of one order closer than this are one bar of the Gantt chart.
constexpr double gantt_gap_s = 90;

/// Operating times are sums: an age that was reached is found so far below it.
constexpr double age_rounding_s = 1e-6;

/// Draws of one purpose that must not meet: defects and inspections are scrap decisions too.
constexpr std::uint64_t defect_draws = 1ULL << 40U;
constexpr std::uint64_t inspection_draws = 2ULL << 40U;
constexpr std::uint64_t rework_draws = 3ULL << 40U;

}  // namespace

void Floor::settle() {
  change_parts(0);
  for (auto* machine : machines) machine->settle();
}

void Floor::count_left(double until_s) {
  auto& left_by = outcome->left_by;
  while (left_by.size() < trial->count_at_s.size() && trial->count_at_s[left_by.size()] < until_s)
    left_by.push_back(outcome->left);
}

void Floor::change_parts(std::int64_t by) {
  outcome->work_in_process_s += static_cast<double>(parts_in_line) * (now() - parts_since_s);
  parts_since_s = now();
  parts_in_line = static_cast<std::uint64_t>(static_cast<std::int64_t>(parts_in_line) + by);
}

bool Floor::may_enter(OrderId order) const {
  const auto& wanted = (*trial->orders)[order.index];
  return has_come(wanted.release_s) &&
         std::all_of(wanted.after.begin(), wanted.after.end(), [this](OrderId other) {
           return outcome->orders.at(other.index).finished_s >= 0;
         });
}

bool Floor::complete(const Feed& feed, OrderId order) const {
  return (!feed.in_turn || feed.arrived[order.index] >= feed.wanted[order.index]) &&
         std::all_of(feed.sets.begin(), feed.sets.end(),
                     [&](const auto& set) { return complete(feeds[set.first], order); });
}

bool Floor::has_turn(Feed& feed, OrderId order) const {
  if (!feed.in_turn) return true;
  for (; feed.turn < schedule.sequence.size(); ++feed.turn) {
    if (schedule.sequence[feed.turn] == order) return true;
    if (!complete(feed, schedule.sequence[feed.turn])) return false;
  }
  return true;
}

void Floor::make_again(std::size_t feed, OrderId order, std::uint64_t parts) {
  auto& released = feeds[feed].released[order.index];
  released -= std::min(released, parts);
  for (std::size_t f = 0; f < feeds.size(); ++f) {
    for (const auto& [whole, count] : feeds[f].sets) {
      if (whole != feed) continue;
      auto& arrived = feeds[f].arrived[order.index];
      arrived -= std::min(arrived, parts * count);
      make_again(f, order, parts * count);
    }
  }
}

void Floor::finish(OrderId order) {
  auto& finished_s = outcome->orders[order.index].finished_s;
  if (--outstanding[order.index] > 0 || finished_s >= 0) return;
  finished_s = now();
  if (precedence)
    for (auto* machine : machines) machine->nudge_source();
  if (--orders_open > 0) return;
  done = true;
  settle();
  final = *outcome;
}

void Floor::reorder(std::uint32_t spare) {
  const auto& kind = trial->line->spares[spare];
  auto& stock = spares[spare];
  while (stock.pieces() + stock.ordered - stock.wanted() <= kind.reorder_at) {
    const double lead_s =
        kind.lead.quantile(random_uniform(trial->seed, spare, Purpose::spare, stock.orders++));
    expect_delivery(spare, lead_s);
  }
}

void Floor::expect_delivery(std::uint32_t spare, double lead_s) {
  auto& stock = spares[spare];
  const auto pieces = trial->line->spares[spare].order_size;
  const double at_s = stage->now() + lead_s;
  stock.ordered += pieces;
  stock.deliveries.insert(std::upper_bound(stock.deliveries.begin(), stock.deliveries.end(), at_s),
                          at_s);
  stage->set(at_s, [this, spare, pieces] {
    auto& arrived = spares[spare];
    arrived.ordered -= pieces;
    arrived.deliveries.pop_front();
    arrived.add(pieces);
  });
}

void Floor::take_spare(std::uint32_t spare, Nap& nap) {
  spares[spare].acquire(nap, [this, spare] { reorder(spare); });
}

MachineActor::MachineActor(Floor& floor, MachineId id)
    : floor_(&floor),
      machine_(&floor.trial->line->at(id)),
      id_(id),
      wear_(*floor.trial, id,
            floor.trial->from ? floor.trial->from->machines.at(id.index).operating_s : 0.0,
            floor.trial->from ? floor.trial->from->machines.at(id.index).renewals : 0U),
      state_since_s_(floor.start_s),
      progress_(floor.trial->orders->size()) {
  read_line();
  seed();
  if (floor.trial->from) resume_from(floor.trial->from->machines.at(id.index));
}

void MachineActor::read_line() {
  const auto& line = *floor_->trial->line;
  machine_ = &line.at(id_);
  calendar_ = line.calendar_of(machine());
  for (std::size_t i = 0; i < machine().maintenance.size(); ++i) {
    const auto& maintenance = machine().maintenance[i];
    if (i < rules_.size() && rules_[i].maintenance == maintenance) continue;
    Rule rule{maintenance, never};
    if (maintenance.rule != Maintenance::Rule::age) rule.asked(floor_->now());
    rules_.resize(std::max(rules_.size(), i + 1));
    rules_[i] = rule;
  }
  rules_.resize(machine().maintenance.size());
}

void MachineActor::edited() {
  read_line();
  for (std::size_t i = 0; i < inputs_.size() && assembles(); ++i)
    inputs_[i].count = machine().takes[i];
  see_inputs();
}

void MachineActor::see_inputs() {
  counts_arrivals_ = floor_->feeds[floor_->feed_of[id_.index]].in_turn && !sink() &&
                     output_->takers.front()->assembles();
  takes_first_ = inputs_.size() == 1 && machine().batch == 1 && rework_ == nullptr &&
                 !assembles() && machine().makes.empty() && inputs_.front().buffer->is_rack();
}

void MachineActor::connect(const std::vector<std::uint32_t>& takers) {
  const auto& line = *floor_->trial->line;
  const auto inputs = line.inputs_of(id_.index);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto& buffer = floor_->buffers[inputs[i]];
    inputs_.push_back({&buffer, assembles() ? machine().takes[i] : 1});
    buffer.takers.push_back(this);
  }
  if (takers[line.buffer_of(id_.index)] > 0) {
    output_ = &floor_->buffers[line.buffer_of(id_.index)];
    output_->feeders.push_back(this);
  }
  if (const auto& to = machine().inspection.rework_to) {
    auto& queue = floor_->reworks[*to];
    for (std::uint32_t unit = *to; unit < line.machines.size(); ++unit) {
      if (line.buffer_of(unit) != *to || floor_->machines[unit]->rework_ != nullptr) continue;
      queue.takers.push_back(floor_->machines[unit]);
      floor_->machines[unit]->rework_ = &queue;
    }
  }
  shared_input_ = std::any_of(inputs.begin(), inputs.end(),
                              [&](std::uint32_t input) { return takers[input] > 1; });
}

void MachineActor::seed() {
  const auto seed = floor_->trial->seed;
  cycles_ = {seed, id_.index, Purpose::cycle};
  scraps_ = {seed, id_.index, Purpose::scrap};
  services_ = {seed, id_.index, Purpose::changeover};
}

void MachineActor::resume_from(const MachineNow& now) {
  operating_s_ = now.operating_s;
  renewals_ = now.renewals;
  parts_ = now.parts;
  order_ = now.order;
  for (const auto& part : now.held) held_.push_back(part_of(part, floor_->start_s));
  if (now.holds_part && held_.empty())
    held_.assign(std::max(1U, now.parts_held), Part{order_, false, 0, floor_->start_s});
  looked_s_ = now.looked_s.value_or(floor_->start_s);
  for (auto& rule : rules_)
    if (rule.maintenance.rule != Maintenance::Rule::age) rule.asked(looked_s_);
  set_up_ = now.set_up;
  remaining_s_ = now.remaining_s;
  sampled_operating_ = operating_s_;
  progress_ = now.progress;
  progress_.resize(floor_->trial->orders->size());
  const bool stop = now.state == PackmlState::held ||
                    floor_->trial->from->in_service(*floor_->trial->line, id_.index);
  const bool queues = stop && now.down_remaining_s <= 0;
  if (now.holds_part) blocked_since_s_ = (queues ? now.blocked_s : now.since_s).value_or(never);
  if (now.down_remaining_s > 0 || stop) {
    // A machine that is busy with none of these has just broken down and not yet said so.
    state_ = stop || now.state == PackmlState::resetting ? now.state : PackmlState::held;
    busy_until_s_ = floor_->start_s + now.down_remaining_s;
    repairing_ = now.repairing;
    if (state_ != PackmlState::resetting && now.down_remaining_s > 0) {
      if (now.crew) {
        floor_->crews.occupy(*now.crew);
        crew_ = *now.crew;
      } else if (const auto group = floor_->crews.find(skill_of_open_stop(), floor_->start_s);
                 group < floor_->crews.groups()) {
        crew_ = group;
      }
    }
  }
}

void MachineActor::resume_carrying() {
  if (!floor_->trial->from || !machine().transporter) return;
  const auto& now = floor_->trial->from->machines.at(id_.index);
  auto& pool = floor_->transporters[*machine().transporter];
  placed_ = now.placed;
  if (placed_ && !sink()) ++output_->carried;
  for (const auto& part : now.carried) {
    pool.add(-1);
    carried_.push_back({part_of(part, floor_->start_s)});
    if (!sink()) ++output_->carried;
    send(std::prev(carried_.end()), part.reach_s, part.reach_s + machine().carry_s);
  }
  for (const auto back_s : now.returning_s) {
    pool.add(-1);
    returning_.push_back(back_s);
    await_return(back_s);
  }
}

double MachineActor::operating() const {
  return operating_s_ + (work_since_s_ >= 0 ? floor_->now() - work_since_s_ : 0.0);
}

double MachineActor::operating_since_renewal() const {
  return operating() - renewed_at_;
}

double MachineActor::damage(FaultKind kind) const {
  return wear_.damage(kind, axes());
}

void MachineActor::book_time() {
  const double spent = floor_->now() - state_since_s_;
  auto& booked = outcome();
  booked.state_s[static_cast<std::size_t>(state_)] += spent;
  if (state_ == PackmlState::held) booked.down_s += spent;
  if (state_ == PackmlState::stopped) (off_shift_ ? booked.off_shift_s : booked.service_s) += spent;
  if (state_ == PackmlState::resetting) booked.changeover_s += spent;
  if (state_ == PackmlState::suspended) {
    waited_ = waited_ || spent > 0;
    (waiting_ == Waiting::space ? booked.blocked_s : booked.starved_s) += spent;
  }
  state_since_s_ = floor_->now();
}

void MachineActor::book_occupation() {
  const double from_s = doing_since_s_;
  const double now = floor_->now();
  doing_since_s_ = now;
  if (!floor_->trial->want_gantt || !doing_ || now <= from_s) return;
  auto& gantt = floor_->outcome->gantt;
  if (*doing_ == Occupation::What::work && last_bar_ < gantt.size()) {
    auto& last = gantt[last_bar_];
    if (last.what == *doing_ && last.order == order_ && from_s - last.until_s <= gantt_gap_s) {
      last.until_s = now;
      return;
    }
  }
  last_bar_ = gantt.size();
  gantt.push_back({id_, *doing_, order_, from_s, now});
}

void MachineActor::record_onsets(const Axes& here) {
  for (auto& wear : wear_.all()) {
    const double at = wear.at(here);
    if (wear.record >= 0 || wear.onset_at > at + rounding_s) continue;
    wear.record = static_cast<int>(floor_->outcome->faults.size());
    floor_->outcome->faults.push_back(
        {id_, wear.kind, floor_->now() - (at - wear.onset_at), -1, -1, false});
  }
}

void MachineActor::settle() {
  book_time();
  book_occupation();
  note_onsets();
}

void MachineActor::enter(PackmlState state) {
  book_time();
  if (waited_ && state != PackmlState::suspended) {
    ++outcome().waits;
    waited_ = false;
  }
  state_ = state;
}

void MachineActor::rest(Occupation::What what, double seconds) {
  doing_ = what;
  doing_since_s_ = floor_->now();
  busy_until_s_ = floor_->now() + seconds;
  // By the stage's clock: line time, which is rounded again, may stay a hair short of the end.
  const double date = floor_->date_of(busy_until_s_);
  // An interruption means that something happened that this sleep does not care about.
  while (date > floor_->stage->now() && floor_->count_event()) nap_.sleep_until(date);
  if (floor_->runaway) nap_.wait();
  busy_until_s_ = -1;
  book_occupation();
  doing_.reset();
}

void MachineActor::stand(Waiting what, double until_s) {
  waiting_ = what;
  const double wake_s = std::min(until_s, next_appointment(what));
  if (wake_s < never) {
    nap_.sleep_until(floor_->date_of(wake_s));
  } else {
    nap_.wait();
  }
  book_time();
  waiting_ = Waiting::nothing;
}

double MachineActor::next_appointment(Waiting what) const {
  double next = wear_.next_calendar_failure();
  if (calendar_ != nullptr) next = std::min(next, calendar_->next_change(floor_->now()));
  // A machine that holds a part is not serviced before it has handed it over.
  if (what == Waiting::space) return next;
  for (const auto& planned : floor_->services) {
    if (!planned.done && planned.service.machine == id_ &&
        planned.service.when == Service::When::at_time)
      next = std::min(next, planned.service.at_s);
  }
  for (const auto& rule : rules_) next = std::min(next, rule.next_s);
  return next;
}

bool MachineActor::at_work() const {
  return calendar_ == nullptr || calendar_->is_open(floor_->now());
}

void MachineActor::off_shift() {
  enter(PackmlState::stopped);
  off_shift_ = true;
  while (!at_work()) {
    const double opens_s = calendar_->next_change(floor_->now());
    if (opens_s < never) {
      nap_.sleep_until(floor_->date_of(opens_s));
    } else {
      nap_.wait();
    }
  }
  book_time();
  off_shift_ = false;
  state_ = PackmlState::idle;
}

void MachineActor::take_spare(const FaultMode* mode) {
  down_since_s_ = floor_->now();
  if (mode == nullptr || !mode->spare) return;
  floor_->take_spare(*mode->spare, nap_);
  spare_ = mode->spare;
}

void MachineActor::dismiss_crew() {
  floor_->crews.release(*crew_, floor_->now());
  crew_.reset();
}

std::size_t MachineActor::wait_for_crew(std::string_view skill) {
  doing_ = Occupation::What::waiting_for_crew;
  doing_since_s_ = floor_->now();
  down_since_s_ = floor_->now();
  const auto group = floor_->crews.acquire(nap_, skill, machine().priority, floor_->now());
  down_since_s_ = never;
  spare_.reset();
  book_occupation();
  doing_.reset();
  return group;
}

void MachineActor::reschedule() {
  first_open_ = 0;
  nudge();
}

void MachineActor::nudge() {
  if (waiting_ == Waiting::nothing) return;
  nap_.interrupt();
  nap_.wake();
}

void MachineActor::nudge_source() {
  if (source()) nudge();
}

void MachineActor::begin(const ScriptedFault& fault) {
  wear_.begin(fault, axes());
  note_onsets();
  nap_.interrupt();
}

void MachineActor::forecast_fault(FaultKind kind) {
  wear_.fail_now(kind, axes());
  nap_.interrupt();
}

void MachineActor::reseeded() {
  seed();
  wear_.redraw(axes());
  // Only work depends on when the next failure comes.
  if (work_since_s_ >= 0) nap_.interrupt();
}

std::optional<OrderId> MachineActor::next_order() {
  const auto& feed = floor_->feeds[floor_->feed_of[id_.index]];
  const auto& sequence = floor_->schedule.sequence;
  for (; first_open_ < sequence.size(); ++first_open_) {
    const auto id = sequence[first_open_];
    if (feed.released[id.index] < feed.wanted[id.index] && can_make(id)) return id;
  }
  return std::nullopt;
}

std::optional<std::size_t> MachineActor::find(Buffer& buffer, std::optional<OrderId> order) const {
  const auto count = buffer.in_reach(floor_->now());
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = buffer[i].order;
    if (order ? id == *order : can_make(id)) return i;
  }
  return std::nullopt;
}

std::size_t MachineActor::count_in_reach(Buffer& buffer, OrderId order) const {
  std::size_t matching = 0;
  const auto count = buffer.in_reach(floor_->now());
  for (std::size_t i = 0; i < count; ++i) matching += buffer[i].order == order ? 1 : 0;
  return matching;
}

std::optional<OrderId> MachineActor::in_reach() {
  if (takes_first_) {
    const auto& rack = *inputs_.front().buffer;
    return rack.empty() ? std::nullopt : std::optional(rack[0].order);
  }
  if (rework_ != nullptr && !rework_->empty()) return (*rework_)[0].order;
  if (source()) {
    const auto order = next_order();
    auto& feed = floor_->feeds[floor_->feed_of[id_.index]];
    if (order && floor_->may_enter(*order) && floor_->has_turn(feed, *order)) return order;
    return std::nullopt;
  }
  if (assembles()) {
    auto& first = *inputs_.front().buffer;
    const auto count = first.in_reach(floor_->now());
    for (std::size_t i = 0; i < count; ++i) {
      const auto order = first[i].order;
      if (can_make(order) && std::all_of(inputs_.begin(), inputs_.end(), [&](const Input& input) {
            return count_in_reach(*input.buffer, order) >= input.count;
          }))
        return order;
    }
    return std::nullopt;
  }
  if (inputs_.size() == 1 && machine().batch == 1) {
    auto& buffer = *inputs_.front().buffer;
    const auto at = find(buffer, std::nullopt);
    return at ? std::optional(buffer[*at].order) : std::nullopt;
  }
  // Of several inputs the part that came into the line first.
  std::optional<OrderId> best;
  double entered_s = never;
  for (const auto& input : inputs_) {
    const auto at = find(*input.buffer, std::nullopt);
    if (!at) continue;
    const auto& part = (*input.buffer)[*at];
    if (best && part.entered_s >= entered_s) continue;
    best = part.order;
    entered_s = part.entered_s;
  }
  batch_starts_s_ = never;
  if (!best || machine().batch == 1) return best;
  std::size_t together = 0;
  double since_s = never;
  for (const auto& input : inputs_) {
    auto& buffer = *input.buffer;
    const auto count = buffer.in_reach(floor_->now());
    for (std::size_t i = 0; i < count; ++i) {
      if (buffer[i].order != *best) continue;
      ++together;
      since_s = std::min(since_s, buffer.in_reach_since(i));
    }
  }
  if (together >= machine().batch) return best;
  batch_starts_s_ = since_s + machine().batch_wait_s;
  if (floor_->has_come(batch_starts_s_)) return best;
  return std::nullopt;
}

OrderId MachineActor::await_part() {
  while (true) {
    if (!at_work()) off_shift();
    if (wear_.calendar_failed(floor_->now())) {
      break_down();
      continue;
    }
    do_services(std::nullopt);
    if (!at_work()) continue;  // a service may have outlasted the shift
    if (const auto order = in_reach()) return *order;
    if (source()) {
      const auto order = next_order();
      enter(order ? PackmlState::idle : PackmlState::complete);
      // Released and still here: it waits for another order, whose end wakes this machine.
      const double release_s = order ? (*floor_->trial->orders)[order->index].release_s : never;
      stand(Waiting::release, floor_->has_come(release_s) ? never : release_s);
      continue;
    }
    enter(set_up_ || parts_ > 0 ? PackmlState::suspended : PackmlState::idle);
    waiting_ = Waiting::part;
    // A machine before may have waited for this one to be ready.
    for (const auto& input : inputs_)
      if (input.buffer->without_places())
        for (auto* feeder : input.buffer->feeders) feeder->nudge();
    if (in_reach()) {
      book_time();
      waiting_ = Waiting::nothing;
      continue;
    }
    // Only now: a part that has just come may have begun a batch.
    double until_s = never;
    for (const auto& input : inputs_)
      until_s = std::min(until_s, input.buffer->next_in_reach(floor_->now()));
    stand(Waiting::part, std::min(until_s, batch_starts_s_));
  }
}

void MachineActor::take_from(Buffer& buffer, std::size_t count) {
  while (count > 0) {
    const auto at = find(buffer, order_);
    if (!at) break;
    held_.push_back(buffer.take(*at, floor_->now()));
    --count;
  }
  nudge_feeders(buffer);
}

void MachineActor::nudge_feeders(const Buffer& buffer) {
  if (buffer.feeders.size() < 2) {
    for (auto* feeder : buffer.feeders) feeder->nudge();
    return;
  }
  // Who has waited longest puts its part in first.
  auto feeders = buffer.feeders;
  std::stable_sort(feeders.begin(), feeders.end(), [](const auto* a, const auto* b) {
    return a->waiting_since_s() < b->waiting_since_s();
  });
  for (auto* feeder : feeders) feeder->nudge();
}

bool MachineActor::take_parts() {
  held_.clear();
  batch_starts_s_ = never;
  if (takes_first_) {
    auto& rack = *inputs_.front().buffer;
    if (!rack.empty() && rack[0].order == order_) {
      held_.push_back(rack.take(0, floor_->now()));
      nudge_feeders(rack);
      return true;
    }
  }
  if (rework_ != nullptr && !rework_->empty() && (*rework_)[0].order == order_) {
    held_.push_back(rework_->take(0, floor_->now()));
    return true;
  }
  if (source()) {
    auto& feed = floor_->feeds[floor_->feed_of[id_.index]];
    const auto left = feed.wanted[order_.index] - feed.released[order_.index];
    const auto count = std::min<std::uint64_t>(machine().batch, left);
    feed.released[order_.index] += count;
    held_.assign(count, Part{order_, false, 0, floor_->now()});
    floor_->change_parts(static_cast<std::int64_t>(count));
    auto& order = floor_->outcome->orders[order_.index];
    if (order.started_s < 0) order.started_s = floor_->now();
    return count > 0;
  }
  if (assembles()) {
    for (const auto& input : inputs_) take_from(*input.buffer, input.count);
    Part whole = held_.front();
    for (const auto& part : held_) {
      whole.defective = whole.defective || part.defective;
      whole.entered_s = std::min(whole.entered_s, part.entered_s);
    }
    floor_->change_parts(1 - static_cast<std::int64_t>(held_.size()));
    held_.assign(1, whole);
    return true;
  }
  if (inputs_.size() == 1 && machine().batch == 1) {
    take_from(*inputs_.front().buffer, 1);
    return !held_.empty();
  }
  while (held_.size() < machine().batch) {
    const Input* oldest = nullptr;
    double entered_s = never;
    for (const auto& input : inputs_) {
      const auto at = find(*input.buffer, order_);
      if (!at) continue;
      const double entered = (*input.buffer)[*at].entered_s;
      if (oldest != nullptr && entered >= entered_s) continue;
      oldest = &input;
      entered_s = entered;
    }
    if (oldest == nullptr) break;
    take_from(*oldest->buffer, 1);
  }
  return !held_.empty();
}

void MachineActor::Rule::asked(double now) {
  double turn = std::floor(now / maintenance.every_s);
  do next_s = ++turn * maintenance.every_s;
  while (next_s <= now + due_s);
}

bool MachineActor::rule_asks(Rule& rule) {
  const auto& maintenance = rule.maintenance;
  if (maintenance.rule == Maintenance::Rule::age)
    return operating_since_renewal() >= maintenance.every_s - age_rounding_s;
  if (!floor_->has_come(rule.next_s)) return false;
  rule.asked(floor_->now());
  return maintenance.rule == Maintenance::Rule::calendar ||
         damage(maintenance.kind) >= maintenance.at_damage;
}

void MachineActor::do_services(std::optional<OrderId> before) {
  looked_s_ = floor_->now();
  for (std::size_t i = 0; i < floor_->services.size(); ++i) {
    auto& planned = floor_->services[i];
    if (planned.done || planned.service.machine != id_) continue;
    const bool due = planned.service.when == Service::When::at_time
                         ? floor_->has_come(planned.service.at_s)
                         : before && *before == planned.service.order;
    if (!due) continue;
    planned.done = true;
    serve();
  }
  for (auto& rule : rules_)
    if (rule_asks(rule)) serve();
}

double MachineActor::service_time() const {
  return machine().service.quantile(services_.uniform(1'000'000 + renewals_));
}

void MachineActor::serve() {
  enter(PackmlState::stopped);
  crew_ = wait_for_crew(machine().service_skill);
  rest(Occupation::What::service, service_time());
  dismiss_crew();
  note_onsets();
  for (const auto& wear : wear_.all()) {
    if (wear.record < 0 || !gives_warning(wear.kind)) continue;
    auto& record = floor_->outcome->faults[static_cast<std::size_t>(wear.record)];
    record.prevented = true;
    record.restored_s = floor_->now();
  }
  wear_.serviced(axes(), machine().service_quality);
  renew();
  ++outcome().services;
  enter(PackmlState::idle);
}

void MachineActor::renew() {
  renewed_at_ = operating_s_;
  ++renewals_;
}

void MachineActor::change_over(OrderId to) {
  const auto product = product_of(to).index;
  const double seconds = set_up_ ? machine().changeover_s[product_of(order_).index][product] : 0.0;
  order_ = to;
  set_up_ = true;
  if (seconds <= 0) return;
  enter(PackmlState::resetting);
  rest(Occupation::What::changeover, seconds);
}

void MachineActor::work(double seconds) {
  remaining_s_ = seconds;
  const auto& loads = machine().product_load;
  const auto product = product_of(order_).index;
  const double load = product < loads.size() ? loads[product] : 1.0;
  while (remaining_s_ > 1e-6) {
    if (!floor_->count_event()) nap_.wait();
    if (!at_work()) {
      off_shift();
      continue;
    }
    if (wear_.failed(axes())) {
      break_down();
      continue;
    }
    enter(PackmlState::execute);
    wear_.set_rates(load, axes());
    doing_ = Occupation::What::work;
    doing_since_s_ = work_since_s_ = floor_->now();
    double stretch_s = std::min(remaining_s_, wear_.until_failure({operating_s_, floor_->now()}));
    if (calendar_ != nullptr)
      stretch_s = std::min(stretch_s, calendar_->next_change(floor_->now()) - floor_->now());
    const double worked = nap_.sleep(stretch_s);
    work_since_s_ = -1;
    operating_s_ += worked;
    remaining_s_ -= worked;
    wear_.worked(worked);
    book_occupation();
    doing_.reset();
    note_onsets();
  }
  remaining_s_ = 0;
}

void MachineActor::break_down() {
  enter(PackmlState::held);
  note_onsets();
  const auto broken = *wear_.failed(axes());
  const Wear wear = wear_.all()[broken];
  const auto record = static_cast<std::size_t>(wear.record);
  floor_->outcome->faults[record].failed_s = floor_->now();
  ++outcome().breakdowns;
  repairing_ = wear.mode;
  const double repair_s = wear_.repair_time(wear);
  const auto* mode = wear_.mode_of(wear);
  take_spare(mode);
  crew_ = wait_for_crew(mode != nullptr ? std::string_view(mode->skill) : "");
  rest(Occupation::What::repair, repair_s);
  dismiss_crew();
  floor_->outcome->faults[record].restored_s = floor_->now();
  wear_.repaired(broken, axes());
  repairing_ = -1;
  if (wears(wear.kind)) renew();
}

void MachineActor::scrap(const Part& part) {
  ++progress_[part.order.index].scrap;
  ++outcome().scrap;
  ++floor_->outcome->orders[part.order.index].scrap;
  floor_->change_parts(-1);
  const auto feed = floor_->feed_of[id_.index];
  if (!floor_->feeds[feed].component()) {
    floor_->finish(part.order);
    return;
  }
  floor_->make_again(feed, part.order, 1);  // since the assembly waits for it
  for (auto* machine : floor_->machines) machine->reschedule();
}

bool MachineActor::passes(const Part& part, std::uint64_t number) const {
  const auto& inspection = machine().inspection;
  const double share = part.defective ? inspection.detects : inspection.false_alarms;
  return share <= 0 || scraps_.uniform(inspection_draws + number) >= share;
}

bool MachineActor::goes_back(const Part& part, std::uint64_t number) const {
  const auto& inspection = machine().inspection;
  return inspection.rework_to && part.reworks < inspection.rework_max &&
         scraps_.uniform(rework_draws + number) < inspection.rework_share;
}

void MachineActor::send_back(Part part) {
  ++outcome().reworked;
  ++part.reworks;
  part.defective = false;
  auto& queue = floor_->reworks[*machine().inspection.rework_to];
  queue.put(part, floor_->now());
  for (auto* taker : queue.takers) taker->nudge();
}

void MachineActor::finish_parts() {
  const double scrap_share = machine().scrap_share + wear_.extra_scrap(axes());
  const double defect_share = machine().defect_share;
  const auto& inspection = machine().inspection;
  const bool all_pass = inspection.detects <= 0 && inspection.false_alarms <= 0;
  if (all_pass && !(scrap_share > 0) && !(defect_share > 0)) {
    hand_over_all();
    return;
  }
  std::uint64_t number = parts_ - held_.size();
  // What is scrapped or goes back leaves held_ before anybody hears of it.
  std::size_t at = 0;
  while (at < held_.size()) {
    Part part = held_[at];
    const auto draw = number++;
    const bool scrapped = scrap_share > 0 && scraps_.uniform(draw) < scrap_share;
    if (!scrapped && defect_share > 0 && !part.defective &&
        scraps_.uniform(defect_draws + draw) < defect_share) {
      part.defective = true;
      ++outcome().defects;
    }
    if (!scrapped && passes(part, draw)) {
      held_[at++] = part;
      continue;
    }
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
    if (scrapped || !goes_back(part, draw)) {
      scrap(part);
    } else {
      send_back(part);
    }
  }
  hand_over_all();
}

void MachineActor::hand_over_all() {
  while (!held_.empty()) {
    const Part part = held_.front();
    const auto gives = machine().gives;
    if (gives > 1) {
      floor_->change_parts(std::int64_t{gives} - 1 - given_);
      if (given_ == 0 && !floor_->feeds[floor_->feed_of[id_.index]].component())
        floor_->outstanding[part.order.index] += std::int64_t{gives} - 1;
    }
    for (; given_ < gives; ++given_) hand_over(part);
    given_ = 0;
    ++progress_[part.order.index].good;
    ++outcome().good;
    held_.erase(held_.begin());
    if (machine().transporter) continue;
    if (sink()) {
      for (std::uint32_t i = 0; i < gives; ++i) leave_line(part);
    } else {
      for (auto* taker : output_->takers) taker->nudge();
    }
  }
}

std::size_t MachineActor::wanted_from(const Buffer& buffer) const {
  if (!assembles()) return machine().batch;
  std::size_t count = 0;
  for (const auto& input : inputs_) count += input.buffer == &buffer ? input.count : 0;
  return count;
}

bool MachineActor::room_for(const Part& part) const {
  if (!output_->without_places()) return output_->has_room(floor_->now());
  std::size_t ready = 0;
  for (const auto* taker : output_->takers)
    if (taker->starved_for(part.order)) ready += taker->wanted_from(*output_);
  return output_->size() + output_->carried < ready;
}

void MachineActor::hand_over(const Part& part) {
  blocked_since_s_ = std::min(blocked_since_s_, floor_->now());
  if (!sink() && !placed_) {
    while (!room_for(part)) {
      if (!at_work()) {
        off_shift();
        continue;
      }
      if (wear_.calendar_failed(floor_->now())) {
        break_down();
        continue;
      }
      enter(PackmlState::suspended);
      const double spaced_s = output_->spaced_at();
      stand(Waiting::space, spaced_s > floor_->now() ? spaced_s : never);
    }
  }
  if (machine().transporter) {
    carry(part);
  } else if (!sink()) {
    put(part);
    // With several parts for one the takers must hear of each before the next finds room.
    if (machine().gives > 1)
      for (auto* taker : output_->takers) taker->nudge();
  }
  blocked_since_s_ = never;
}

void MachineActor::put(const Part& part) {
  output_->put(part, floor_->now());
  if (!counts_arrivals_) return;
  auto& feed = floor_->feeds[floor_->feed_of[id_.index]];
  if (++feed.arrived[part.order.index] < feed.wanted[part.order.index]) return;
  for (auto* machine : floor_->machines) machine->nudge_source();
}

void MachineActor::leave_line(const Part& part) {
  floor_->count_left(floor_->now());
  ++floor_->outcome->orders[part.order.index].good;
  ++floor_->outcome->left;
  floor_->outcome->lead_time_s += floor_->now() - part.entered_s;
  floor_->change_parts(-1);
  floor_->finish(part.order);
}

void MachineActor::carry(const Part& part) {
  const auto pool = *machine().transporter;
  if (!sink() && !placed_) ++output_->carried;  // before it has its transporter
  placed_ = true;
  blocked_since_s_ = floor_->now();
  carried_.push_back({part});
  const auto place = std::prev(carried_.end());
  if (floor_->transporters[pool].pieces() <= 0) enter(PackmlState::suspended);
  waiting_ = Waiting::space;
  floor_->transporters[pool].acquire(nap_);
  book_time();
  waiting_ = Waiting::nothing;
  placed_ = false;
  send(place, machine().carry_s, 2 * machine().carry_s);
}

void MachineActor::send(std::list<Carried>::iterator carried, double left_s, double back_s) {
  auto& stage = *floor_->stage;
  carried->until_s = stage.now() + left_s;
  stage.set(carried->until_s, [this, carried, back_at_s = stage.now() + back_s] {
    returning_.push_back(back_at_s);
    deliver(carried);
  });
  await_return(back_s);
}

void MachineActor::await_return(double back_s) {
  auto& stage = *floor_->stage;
  stage.set(stage.now() + back_s, [this, pool = *machine().transporter] {
    returning_.pop_front();
    floor_->transporters[pool].add(1);
  });
}

void MachineActor::deliver(std::list<Carried>::iterator carried) {
  const Part part = carried->part;
  carried_.erase(carried);
  if (sink()) {
    leave_line(part);
    return;
  }
  --output_->carried;
  put(part);
  for (auto* taker : output_->takers) taker->nudge();
}

void MachineActor::finish_open_stop() {
  const double left = busy_until_s_ - floor_->now();
  if (state_ == PackmlState::resetting) {
    rest(Occupation::What::changeover, left);
    return;
  }
  const bool repair = state_ == PackmlState::held;
  const bool begun = left > 0;
  const auto broken = repair && repairing_ >= 0
                          ? wear_.of_mode(static_cast<std::size_t>(repairing_))
                          : std::nullopt;
  if (broken) {
    note_onsets();
    record_of(*broken).failed_s = floor_->start_s;
    const auto* mode = wear_.mode_of(wear_.all()[*broken]);
    if (!begun) take_spare(mode);
  }
  if (!crew_) crew_ = wait_for_crew(skill_of_open_stop());
  double seconds = left;
  if (!begun && broken) seconds = wear_.repair_time(wear_.all()[*broken]);
  if (!begun && !broken) seconds = repair ? wear_.unknown_repair_time(renewals_) : service_time();
  rest(repair ? Occupation::What::repair : Occupation::What::service, seconds);
  dismiss_crew();
  repairing_ = -1;
  if (broken) {
    record_of(*broken).restored_s = floor_->now();
    const auto kind = wear_.all()[*broken].kind;
    wear_.repaired(*broken, axes());
    if (wears(kind)) renew();
    return;
  }
  wear_.serviced(axes(), repair ? 1 : machine().service_quality);
  renew();
}

std::string_view MachineActor::skill_of_open_stop() const {
  if (state_ == PackmlState::stopped) return machine().service_skill;
  const auto mode = static_cast<std::size_t>(repairing_);
  if (repairing_ >= 0 && mode < machine().faults.size()) return machine().faults[mode].skill;
  return {};
}

FaultRecord& MachineActor::record_of(std::size_t wear) {
  return floor_->outcome->faults.at(static_cast<std::size_t>(wear_.all().at(wear).record));
}

void MachineActor::operator()() {
  see_inputs();
  if (busy_until_s_ >= 0) finish_open_stop();
  if (!held_.empty()) {
    // A part without work left has been judged good already and waits for room.
    if (remaining_s_ > 0) {
      work(remaining_s_);
      finish_parts();
    } else {
      if (!at_work()) off_shift();
      hand_over_all();
    }
  }
  while (true) {
    const auto order = await_part();
    if (!set_up_ || order != order_) {
      do_services(order);
      change_over(order);
      // The schedule may have changed meanwhile, or another unit has taken the part.
      if ((source() || shared_input_ || rework_ != nullptr) && await_part() != order) continue;
    }
    if (!take_parts()) continue;
    const auto part = parts_;
    parts_ += static_cast<std::uint32_t>(held_.size());
    const auto product = product_of(order_).index;
    const double slow = 1 + wear_.slowdown(axes());
    const double seconds =
        machine().cycle.quantile(cycles_.uniform(part)) * machine().product_factor[product] * slow;
    cycle_s_ = seconds;
    work(std::max(seconds, 1e-6));
    finish_parts();
  }
}

MachineNow MachineActor::now(bool health) const {
  MachineNow now;
  now.state = state_;
  now.holds_part = !held_.empty();
  now.parts_held = held_.size() > 1 ? static_cast<std::uint32_t>(held_.size()) : 0;
  now.order = order_;
  now.set_up = set_up_;
  now.remaining_s =
      now.holds_part
          ? std::max(0.0, remaining_s_ - (work_since_s_ >= 0 ? floor_->now() - work_since_s_ : 0.0))
          : 0.0;
  now.operating_s = operating_since_renewal();
  now.parts = parts_;
  now.renewals = renewals_;
  now.down_remaining_s = busy_until_s_ > floor_->now() ? busy_until_s_ - floor_->now() : 0.0;
  now.progress = progress_;
  if (!health) return now;
  now.repairing = repairing_;
  now.modes =
      wear_.now(axes(), operating_since_renewal(),
                work_since_s_ >= 0 ? std::optional(floor_->now() - work_since_s_) : std::nullopt);
  if (crew_) now.crew = static_cast<std::uint32_t>(*crew_);
  if (blocked_since_s_ < never) now.since_s = blocked_since_s_;
  if (down_since_s_ < never) now.blocked_s = std::exchange(now.since_s, down_since_s_);
  if (std::any_of(rules_.begin(), rules_.end(),
                  [this](const Rule& rule) { return rule.next_s <= floor_->now(); }))
    now.looked_s = looked_s_;
  for (const auto& part : held_) now.held.push_back(now_of(part));
  if (machine().gives > 1 && now.holds_part) now.given = given_;
  now.placed = placed_;
  add_carried(now.carried);
  for (const auto back_s : returning_) now.returning_s.push_back(back_s - floor_->stage->now());
  return now;
}

void MachineActor::add_carried(std::vector<PartNow>& parts) const {
  for (const auto& carried : carried_)
    if (carried.until_s < never)
      parts.push_back(now_of(carried.part, carried.until_s - floor_->stage->now()));
}

Condition MachineActor::condition() {
  Condition condition;
  const double operated = operating();
  condition.running = operated > sampled_operating_ + 1e-9;
  sampled_operating_ = operated;
  condition.product = product_of(order_).index;
  condition.cycle_s = cycle_s_;
  for (const auto& wear : wear_.all())
    condition.damage[static_cast<std::size_t>(wear.kind)] = damage(wear.kind);
  return condition;
}

PackmlState MachineActor::shown_state(const Condition& condition) const {
  const bool waits = state_ == PackmlState::suspended || state_ == PackmlState::idle;
  return condition.running && waits ? PackmlState::execute : state_;
}

}  // namespace foreline::factory
