// SPDX-License-Identifier: Apache-2.0
#include "sim/maxplus/evaluator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "sim/line/damage.hpp"
#include "sim/line/outlook.hpp"
#include "sim/line/random.hpp"
#include "sim/maxplus/board.hpp"
#include "sim/maxplus/life.hpp"

namespace foreline::maxplus {

using namespace line;

namespace {

/// Tolerances of the simulator: a service is due, a date has come.
constexpr double due_s = 1e-9;
constexpr double age_rounding_s = 1e-6;
/// Draws kept for reuse; beyond, they are made again at each evaluation.
constexpr double most_draws = 40e6;
/// Of the next block: rows of stops, and lines of a stage.
constexpr std::size_t most_fetched = 64;
constexpr std::size_t cache_line = 64;
/// Parts that are drawn at once.
constexpr std::size_t draws_at_once = 64;

/// The failures of one machine in eight futures, drawn as far as somebody has looked.
struct Stops {
  std::vector<Life> ahead;  ///< By lane: as it is behind the last known one.
  // By number. The last of a lane is none.
  std::vector<Row> at, repair_s;
  std::vector<std::array<std::uint32_t, lanes>> renewals;  ///< By the stops before this one.
  std::array<std::size_t, lanes> known{};
  Row calm_until{};  ///< Beyond it more than a failure happens.

  void grow() {
    at.push_back(Row::of(-never));
    repair_s.push_back(Row::of(never));
    renewals.emplace_back();
  }
  /// Where the machine meets stop `number`, or where more than a stop happens.
  double meets(std::size_t l, std::size_t number) {
    while (known[l] <= number) {
      const auto last = known[l];
      const double next = ahead[l].next_failure();
      if (!(next < calm_until[l] - 2 * remnant_s)) {
        at[last][l] = calm_until[l] - remnant_s;
        return calm_until[l];
      }
      if (last + 1 >= at.size()) grow();
      bool renews = false;
      at[last][l] = next;
      repair_s[last][l] = ahead[l].repair(*ahead[l].failed(next), next, renews);
      renewals[last + 1][l] = renewals[last][l] + (renews ? 1U : 0U);
      ++known[l];
    }
    return at[number][l];
  }
};
/// A part on its way: released, out of a buffer, or on a machine when the trial begins.
struct Entry {
  enum class From : std::uint8_t { source, buffer, machine };
  std::uint32_t order = 0;
  std::uint32_t stage = 0;
  From from = From::source;
};

}  // namespace

std::vector<std::string> obstacles(const Line& line) {
  std::vector<std::string> found;
  const auto complain = [&](const std::string& machine, const char* what) {
    found.push_back(machine + " " + what);
  };
  if (!line.is_plain_series()) found.emplace_back("the machines are no plain series");
  for (const auto& machine : line.machines) {
    if (machine.conveyor.travel_s > 0) complain(machine.name, "hands over by a conveyor");
    if (!machine.makes.empty()) complain(machine.name, "cannot make every product");
    for (const auto& mode : machine.faults) {
      if (mode.clock != FaultMode::Clock::operating)
        complain(machine.name, "ages while it stands still");
      if (mode.load_exponent != 0 || mode.doubling_k > 0 || !mode.accelerates.empty())
        complain(machine.name, "ages by load, heat or other damage");
      if (mode.spare) complain(machine.name, "needs spare parts");
    }
  }
  return found;
}

bool exact_for(const Line& line) {
  return line.crew_groups.empty() && line.crews >= line.machines.size();
}

namespace {

/// Parts that a machine can still work on.
std::size_t parts_left(const Trial& trial, std::size_t m) {
  std::size_t parts = 0;
  for (std::size_t o = 0; o < trial.orders->size(); ++o) {
    std::size_t before = 0;
    if (trial.from) {
      const auto& progress = trial.from->machines[m].progress.at(o);
      before = std::size_t{progress.good} + progress.scrap;
    }
    const std::size_t quantity = (*trial.orders)[o].quantity;
    parts += quantity - std::min(quantity, before);
  }
  return parts;
}

/// Of them, about how many it reaches before the horizon.
double parts_within(const Trial& trial, std::size_t m) {
  const auto& machine = trial.line->machines[m];
  const auto fastest =
      std::min_element(machine.product_factor.begin(), machine.product_factor.end());
  const double part_s =
      machine.cycle.expectation() * (fastest == machine.product_factor.end() ? 1 : *fastest);
  const double span_s = trial.horizon_s - (trial.from ? trial.from->at_s : 0);
  const auto most = static_cast<double>(parts_left(trial, m));
  return part_s > 0 ? std::min(most, 1 + std::max(0.0, span_s) / part_s) : most;
}

}  // namespace

double visits_within(const Trial& trial) {
  double visits = 0;
  for (std::size_t m = 0; m < trial.line->machines.size(); ++m) visits += parts_within(trial, m);
  return visits;
}

struct Evaluator::State {
  // The widest first, of the block at work.
  Board board;
  Row serviced{};

  Trial trial;
  std::vector<std::uint64_t> seeds;
  std::size_t machines = 0;
  std::size_t orders = 0;
  double start_s = 0;
  bool uniform = true;  ///< No part is ever scrapped: all futures see the same parts.
  bool keeps_draws = true;

  // By machine.
  std::vector<std::size_t> most_parts;  ///< That it can still work on.
  std::vector<bool> varies;             ///< Its cycle is drawn.
  std::vector<bool> scraps;
  std::vector<const Calendar*> calendars;  ///< Null: always at work.
  bool shifts = false;                     ///< Some machine has a calendar.

  // By block of eight futures and machine: as they are before any part moves.
  std::vector<Stage> pristine;
  std::vector<std::vector<Life>> lives;  ///< (block * machines + m)[lane]
  std::vector<Stops> stops;              ///< (block * machines + m)
  std::vector<Row> opened_down, opened_service, opened_changeover;  ///< By block.
  std::vector<Row> renewed_before;  ///< (block * machines + m): see `renewed`.
  /// (block * machines + m)[part]; negative where the part is scrapped even without damage.
  std::vector<std::vector<Row>> cycles;

  // The block at work.
  std::size_t block = 0;
  std::vector<Stage> stages;
  std::vector<std::vector<Life>> working;  ///< [m][lane], valid where `touched`.
  std::vector<std::array<bool, lanes>> touched;
  std::vector<std::vector<Row>> rings;  ///< Gear::ring, by machine.
  std::vector<Row> ended;               ///< By order: when the last part ended; -1: not.
  std::vector<Row> renewed;  ///< By machine: where on its axis of operating seconds it was renewed.
  std::vector<std::vector<Row>> asks;  ///< By machine and rule: when a rule by line time asks next.
  std::array<std::uint32_t, lanes> services{};
  bool by_hand = false;       ///< The part that is followed comes from the machine before itself.
  std::size_t drawn_for = 0;  ///< Entries that the draws of the block suffice for.
  std::vector<std::uint8_t> served;  ///< By service: a bit a lane.
  Kernels run = kernels();
  std::vector<Gear> gears;
  std::vector<std::vector<double>> work_s, changeover_s;  ///< Gear::work_s, Gear::changeover_s.
  std::vector<std::uint32_t> products;                    ///< By order.
  std::vector<OrderRow> order_rows;
  std::optional<Outlook> outlook;
  double gone_before = 0;  ///< Parts that had left the line or were scrapped at the start.
  std::vector<double> finishes;
  std::size_t drawn_block = std::numeric_limits<std::size_t>::max();  ///< That `cycles` are of.
  std::vector<double> drawn_s;                                        ///< For one lane.

  // The schedule at work.
  Schedule schedule;
  std::vector<Entry> entries;
  std::vector<std::vector<std::uint32_t>> services_of;  ///< By machine: positions.
  std::vector<std::vector<bool>> before_order;          ///< By machine and order.
  std::vector<bool> hides_service;                      ///< By order: some machine's before_order.

  // Answers.
  std::vector<Future> futures;
  std::vector<Visit>* trace = nullptr;
  std::size_t traced_lane = 0;
  std::vector<std::size_t> traced_at;

  [[nodiscard]] const Machine& machine(std::size_t m) const { return trial.line->machines[m]; }
  [[nodiscard]] const Order& order(std::size_t o) const { return (*trial.orders)[o]; }
  [[nodiscard]] std::size_t blocks() const { return (seeds.size() + lanes - 1) / lanes; }
  [[nodiscard]] std::uint64_t seed(std::size_t b, std::size_t lane) const {
    return seeds[std::min(seeds.size() - 1, b * lanes + lane)];
  }

  // --- Once a question ------------------------------------------------------------------------

  void prepare() {
    machines = trial.line->machines.size();
    orders = trial.orders->size();
    start_s = trial.from ? trial.from->at_s : 0;
    for (std::size_t m = 0; m < machines; ++m) {
      bool can_scrap = machine(m).scrap_share > 0;
      for (const auto& mode : machine(m).faults)
        can_scrap = can_scrap || line::extra_scrap(mode.kind, 1) > 0;
      for (const auto& fault : trial.faults)
        can_scrap = can_scrap || (fault.machine.index == m && line::extra_scrap(fault.kind, 1) > 0);
      scraps.push_back(can_scrap);
      uniform = uniform && !can_scrap;
      varies.push_back(machine(m).cycle.kind != Distribution::Kind::deterministic);
      most_parts.push_back(parts_left(trial, m));
      calendars.push_back(trial.line->calendar_of(machine(m)));
      shifts = shifts || calendars.back() != nullptr;
    }
    double draws = 0;
    for (std::size_t m = 0; m < machines; ++m)
      draws += parts_within(trial, m) * (int{varies[m]} + int{scraps[m]});
    keeps_draws = draws * static_cast<double>(blocks() * lanes) <= most_draws;
    pristine.resize(blocks() * machines);
    lives.resize(blocks() * machines);
    stops.resize(blocks() * machines);
    renewed_before.assign(blocks() * machines, Row{});
    opened_down.assign(blocks(), Row{});
    opened_service = opened_changeover = opened_down;
    cycles.resize(keeps_draws ? blocks() * machines : machines);
    for (std::size_t b = 0; b < blocks(); ++b)
      for (std::size_t m = 0; m < machines; ++m) open(b, m);
    stages.resize(machines);
    touched.resize(machines);
    asks.resize(machines);
    rings.resize(machines);
    traced_at.resize(machines);
    for (std::size_t m = 0; m < machines; ++m) {
      const auto places = m == 0 ? 0U : machine(m - 1).buffer_after;
      if (places > 0)
        rings[m].resize(std::bit_ceil(std::min<std::size_t>(places, most_parts[m] + 1)));
      working.push_back(lives[m]);
    }
    ended.resize(orders);
    finishes.resize(orders);
    outlook.emplace(*trial.line, *trial.orders);
    for (std::size_t o = 0; o < orders && trial.from; ++o) {
      gone_before += trial.from->machines.back().progress.at(o).good;
      for (const auto& one : trial.from->machines) gone_before += one.progress.at(o).scrap;
    }
    set_board();
  }

  void set_board() {
    const auto count = trial.line->products.size();
    for (const auto& one : *trial.orders) {
      products.push_back(one.product.index);
      order_rows.push_back({one.due_s, one.weight, one.release_s, 0});
    }
    for (std::size_t m = 0; m < machines; ++m) {
      auto& work = work_s.emplace_back();
      for (std::size_t p = 0; p < count; ++p) {
        const double factor = machine(m).product_factor[p];
        work.push_back(is_drawn(m) ? factor
                                   : std::max(machine(m).cycle.mean * factor, least_work_s));
      }
      auto& changeover = changeover_s.emplace_back();
      for (const auto& row : machine(m).changeover_s)
        changeover.insert(changeover.end(), row.begin(), row.end());
      Gear gear;
      gear.work_s = work.data();
      gear.changeover_s = changeover.data();
      gear.parts_before = trial.from ? trial.from->machines[m].parts : 0U;
      gear.places = machine(m).buffer_after;
      // A buffer with room for everything never blocks, however large its number of places.
      gear.fills_up = m + 1 < machines && machine(m).buffer_after <= most_parts[m + 1];
      if (!rings[m].empty()) gear.ring = rings[m].data();
      gear.ring_mask = static_cast<std::int64_t>(rings[m].size()) - 1;
      gears.push_back(gear);
    }
    board.stages = stages.data();
    board.gears = gears.data();
    board.machines = machines;
    board.products = count;
    board.product_of = products.data();
    board.horizon_s = trial.horizon_s;
    board.ended = ended.data();
    board.evaluator = this;
    board.careful = [](void* self, std::size_t m, std::size_t l, std::uint32_t o, double ready,
                       Row& awaited, Row& taken, Row& done, double operating) {
      return static_cast<State*>(self)->more_happens(m, l, o, ready, awaited, taken, done,
                                                     operating);
    };
  }

  /// A machine as the trial finds it; an open stop is finished first.
  void open(std::size_t b, std::size_t m) {
    auto& stage = pristine[b * machines + m];
    auto& life = lives[b * machines + m];
    stage.free = Row::of(start_s);
    std::fill_n(stage.order, lanes, -1);
    for (std::size_t l = 0; l < lanes; ++l) {
      life.emplace_back(trial, seed(b, l), static_cast<std::uint32_t>(m));
      if (trial.from) {
        const auto& now = trial.from->machines.at(m);
        stage.operating[l] = now.operating_s;
        stage.parts[l] = now.parts;
        stage.renewals[l] = now.renewals;
        if (now.set_up) stage.order[l] = now.order.index;
        const bool stop = now.state == PackmlState::held || trial.from->in_service(*trial.line, m);
        if (now.down_remaining_s > 0 || stop) finish_stop(b, m, l, now, stop);
      }
      stage.date[l] = std::min(life[l].next_date(), closes(m, start_s)) - 2e-6;
      auto& own = stops[b * machines + m];
      if (l == 0) own.grow();
      own.ahead.push_back(life[l]);
      // Where a rule may ask, nothing is known ahead.
      own.calm_until[l] = machine(m).maintenance.empty() ? life[l].silent_until() : -never;
      (void)own.meets(l, 0);
    }
  }

  void finish_stop(std::size_t b, std::size_t m, std::size_t l, const MachineNow& now, bool stop) {
    auto& stage = pristine[b * machines + m];
    auto& life = lives[b * machines + m][l];
    const auto state = stop || now.state == PackmlState::resetting ? now.state : PackmlState::held;
    double seconds = now.down_remaining_s;
    if (seconds <= 0)
      seconds = state == PackmlState::held ? life.unknown_repair_s(now.renewals)
                                           : machine(m).service.quantile(random_uniform(
                                                 seed(b, l), static_cast<std::uint32_t>(m),
                                                 Purpose::changeover, 1'000'000 + now.renewals));
    stage.free[l] = start_s + seconds;
    const double counted = within(start_s, stage.free[l]);
    if (state == PackmlState::resetting) {
      opened_changeover[b][l] += counted;
      return;
    }
    (state == PackmlState::held ? opened_down : opened_service)[b][l] += counted;
    life.come(stage.free[l], stage.operating[l]);
    life.serviced(stage.operating[l], state == PackmlState::held ? 1 : machine(m).service_quality);
    ++stage.renewals[l];
    renewed_before[b * machines + m][l] = stage.operating[l];
  }

  [[nodiscard]] bool is_open(std::size_t m, double at) const {
    return calendars[m] == nullptr || calendars[m]->is_open(at);
  }
  /// The first time from `at` on at which people work at the machine; the horizon's end or later
  /// when they never do.
  [[nodiscard]] double opens(std::size_t m, double at) const {
    return is_open(m, at) ? at : calendars[m]->next_change(at);
  }
  /// When the machine's shift ends; minus infinity outside of one.
  [[nodiscard]] double closes(std::size_t m, double at) const {
    if (calendars[m] == nullptr) return never;
    return calendars[m]->is_open(at) ? calendars[m]->next_change(at) : -never;
  }

  /// The part of [from, until] within the horizon.
  [[nodiscard]] double within(double from, double until) const {
    return std::max(0.0, std::min(until, trial.horizon_s) - from);
  }

  /// Draws the part at `place` of machine m, and some behind it, where that is not done yet.
  void draw(std::size_t m, std::size_t place) {
    auto& cycle = cycles[row_of(m)];
    const std::size_t known = cycle.size();
    if (place < known || !is_drawn(m)) return;
    const auto wanted = place + draws_at_once;
    const auto number = static_cast<std::uint32_t>(m);
    const auto from = trial.from ? trial.from->machines[m].parts : 0U;
    cycle.resize(wanted);
    gears[m].cycles = cycle.data();
    for (std::size_t l = 0; l < lanes; ++l) {
      const RandomStream cycle_draws(seed(block, l), number, Purpose::cycle);
      const RandomStream judge_draws(seed(block, l), number, Purpose::scrap);
      drawn_s.assign(wanted - known, machine(m).cycle.mean);
      if (varies[m]) {
        for (std::size_t part = known; part < wanted; ++part)
          drawn_s[part - known] = cycle_draws.uniform(from + part);
        machine(m).cycle.quantiles(drawn_s);
      }
      for (std::size_t part = known; part < wanted; ++part) {
        const bool scrap = scraps[m] && judge_draws.uniform(from + part) < machine(m).scrap_share;
        cycle[part][l] = scrap ? -drawn_s[part - known] : drawn_s[part - known];
      }
    }
  }

  // --- Once a schedule ------------------------------------------------------------------------

  void read(const Schedule& wanted) {
    schedule = wanted;
    services_of.assign(machines, {});
    before_order.assign(machines, {});
    hides_service.assign(orders, false);
    served.assign(schedule.services.size(), 0);
    for (std::uint32_t i = 0; i < schedule.services.size(); ++i) {
      const auto& service = schedule.services[i];
      const auto m = service.machine.index;
      if (m >= machines || (trial.from && trial.from->has_had(service, schedule, *trial.line)))
        continue;
      services_of[m].push_back(i);
      if (service.when == Service::When::at_time) continue;
      before_order[m].resize(orders);
      before_order[m].at(service.order.index) = true;
      hides_service[service.order.index] = true;
    }
    entries.clear();
    if (trial.from) resume();
    for (const auto id : schedule.sequence) {
      std::uint64_t released = 0;
      if (trial.from) {
        const auto& source = trial.from->machines.front();
        released = source.progress.at(id.index).good + source.progress[id.index].scrap +
                   (source.holds_part && source.order == id ? 1U : 0U);
      }
      for (std::uint64_t i = released; i < order(id.index).quantity; ++i)
        entries.push_back({id.index, 0, Entry::From::source});
    }
  }

  /// Parts that are in the line when the trial begins, the furthest first.
  void resume() {
    const auto& from = *trial.from;
    for (std::size_t m = machines; m-- > 0;) {
      const auto number = static_cast<std::uint32_t>(m);
      const auto& now = from.machines[m];
      if (now.holds_part) entries.push_back({now.order.index, number, Entry::From::machine});
      if (m == 0) break;
      if (m - 1 < from.buffers.size() && !from.buffers.empty()) {
        for (const auto& part : from.buffers[m - 1])
          entries.push_back({part.order.index, number, Entry::From::buffer});
        continue;
      }
      const auto& before = from.machines[m - 1];
      for (const auto id : schedule.sequence) {
        std::int64_t parts = before.progress.at(id.index).good;
        parts -= std::int64_t{now.progress.at(id.index).good} + now.progress[id.index].scrap;
        parts -= now.holds_part && now.order == id ? 1 : 0;
        for (std::int64_t i = 0; i < parts; ++i)
          entries.push_back({id.index, number, Entry::From::buffer});
      }
    }
  }

  // --- Once a block ---------------------------------------------------------------------------

  void begin_block(std::size_t b) {
    block = b;
    drawn_for = 0;
    if (!keeps_draws && drawn_block != b)
      for (auto& one : cycles) one.clear();
    drawn_block = b;
    std::copy_n(pristine.begin() + static_cast<std::ptrdiff_t>(b * machines), machines,
                stages.begin());
    for (auto& one : touched) one.fill(false);
    std::fill(ended.begin(), ended.end(), Row::of(-1));
    for (auto& row : order_rows) row.left_over = 0;
    board.down = opened_down[b];
    serviced = opened_service[b];
    board.changeover = opened_changeover[b];
    board.good = Row{};
    board.scrapped = Row{};
    board.breakdowns = Row{};
    services.fill(0);
    for (auto& ring : rings) std::fill(ring.begin(), ring.end(), Row::of(-never));
    std::fill(served.begin(), served.end(), std::uint8_t{0});
    renewed.assign(renewed_before.begin() + static_cast<std::ptrdiff_t>(b * machines),
                   renewed_before.begin() + static_cast<std::ptrdiff_t>((b + 1) * machines));
    for (std::size_t m = 0; m < machines; ++m) {
      asks[m].clear();
      const double looked_s =
          trial.from ? trial.from->machines[m].looked_s.value_or(start_s) : start_s;
      for (const auto& rule : machine(m).maintenance)
        asks[m].push_back(
            Row::of(rule.rule == Maintenance::Rule::age ? never : next_of(rule, looked_s)));
      double earliest = never;
      for (const auto i : services_of[m])
        if (schedule.services[i].when == Service::When::at_time)
          earliest = std::min(earliest, schedule.services[i].at_s - 2e-6);
      for (std::size_t l = 0; l < lanes; ++l) {
        stages[m].date[l] = std::min<double>(stages[m].date[l], earliest);
        look_up(m, l, 0);
      }
      set_gear(m);
    }
    if (!trial.from) return;
    for (const auto& entry : entries) {
      if (entry.from == Entry::From::source) break;
      if (entry.from == Entry::From::machine) continue;
      for (auto& entered : stages[entry.stage].entered) ++entered;
    }
  }

  /// Where draws and stops are, which may have moved.
  void set_gear(std::size_t m) {
    const auto& own = stops[block * machines + m];
    gears[m].cycles = is_drawn(m) ? cycles[row_of(m)].data() : nullptr;
    gears[m].stops_at = own.at.data();
    gears[m].repairs_s = own.repair_s.data();
  }

  /// Lets a lane that goes by the known stops meet stop `number` next.
  void look_up(std::size_t m, std::size_t l, std::size_t number) {
    const auto& own = stops[block * machines + m];
    auto& stage = stages[m];
    stage.number[l] = static_cast<std::int64_t>(number);
    stage.next[l] = own.at[number][l];
    stage.repair_s[l] = own.repair_s[number][l];
  }
  /// Stops met by a lane that goes by the known ones.
  [[nodiscard]] std::size_t met(std::size_t m, std::size_t l) const {
    return static_cast<std::size_t>(stages[m].number[l]);
  }

  [[nodiscard]] std::uint32_t renewals(std::size_t m, std::size_t l) const {
    return stages[m].renewals[l] +
           (touched[m][l] ? 0U : stops[block * machines + m].renewals[met(m, l)][l]);
  }

  /// The machine's own life from now on, which no longer goes by the known stops.
  Life& life(std::size_t m, std::size_t l) {
    if (!touched[m][l]) {
      auto& own = working[m][l];
      own = lives[block * machines + m][l];
      const auto& known = stops[block * machines + m];
      const auto behind = met(m, l);
      for (std::size_t i = 0; i < behind; ++i) {
        bool renews = false;
        (void)own.repair(*own.failed(known.at[i][l]), known.at[i][l], renews);
      }
      stages[m].renewals[l] += known.renewals[behind][l];
      stages[m].repair_s[l] = never;
      touched[m][l] = true;
    }
    return working[m][l];
  }

  /// A part during which the machine meets known stops and nothing else. False when there is more
  /// to it; then nothing has changed.
  bool meet_stops(std::size_t m, std::size_t l, double taken, double& done, double operating) {
    if (touched[m][l]) return false;
    auto& stage = stages[m];
    auto& own = stops[block * machines + m];
    const double began = stage.operating[l];
    double lost_s = 0;
    double lost_in_time_s = 0;
    const std::size_t first = met(m, l);
    std::size_t number = first;
    std::uint32_t counted = 0;
    double next = own.meets(l, number);
    while (operating - next > remnant_s && number < own.known[l]) {
      const double at = taken + std::max(0.0, next - began) + lost_s;
      const double repair_s = own.repair_s[number][l];
      lost_in_time_s += within(at, at + repair_s);
      counted += at <= trial.horizon_s ? 1 : 0;
      lost_s += repair_s;
      next = own.meets(l, ++number);
    }
    // There may be more of them now.
    set_gear(m);
    look_up(m, l, first);
    if (operating - next > remnant_s) return false;
    if (done + lost_s > stage.date[l]) return false;
    done += lost_s;
    board.down[l] += lost_in_time_s;
    board.breakdowns[l] += counted;
    look_up(m, l, number);
    stage.operating[l] = operating;
    return true;
  }

  void look_ahead(std::size_t m, std::size_t l, double now) {
    auto& stage = stages[m];
    auto& own = life(m, l);
    stage.next[l] = own.calm_until(stage.operating[l]) - remnant_s;
    stage.repair_s[l] = never;
    double date = std::min(own.next_date(), closes(m, now));
    for (const auto i : services_of[m])
      if (schedule.services[i].when == Service::When::at_time && (served[i] >> l & 1U) == 0)
        date = std::min(date, schedule.services[i].at_s);
    for (std::size_t i = 0; i < asks[m].size(); ++i) {
      date = std::min<double>(date, asks[m][i][l]);
      const auto& rule = machine(m).maintenance[i];
      if (rule.rule == Maintenance::Rule::age)
        stage.next[l] =
            std::min<double>(stage.next[l], renewed[m][l] + rule.every_s - 2 * remnant_s);
    }
    stage.date[l] = date - 2e-6;
  }

  /// A service that begins now; seconds beyond `end_s` do not count. Returns when it is over.
  double serve(std::size_t m, std::size_t l, double now, double end_s) {
    auto& stage = stages[m];
    const double seconds = machine(m).service.quantile(
        random_uniform(seed(block, l), static_cast<std::uint32_t>(m), Purpose::changeover,
                       1'000'000 + renewals(m, l)));
    serviced[l] += std::max(0.0, std::min(now + seconds, end_s) - now);
    if (now + seconds <= end_s) ++services[l];
    now += seconds;
    auto& own = life(m, l);
    own.come(now, stage.operating[l]);
    own.serviced(stage.operating[l], machine(m).service_quality);
    ++stage.renewals[l];
    renewed[m][l] = stage.operating[l];
    return now;
  }

  /// When a rule by line time asks after `now`.
  [[nodiscard]] static double next_of(const Maintenance& rule, double now) {
    return (std::floor(now / rule.every_s) + 1) * rule.every_s;
  }
  bool asks_now(std::size_t m, std::size_t l, std::size_t i, double now) {
    const auto& rule = machine(m).maintenance[i];
    const double operating = stages[m].operating[l];
    if (rule.rule == Maintenance::Rule::age)
      return operating - renewed[m][l] >= rule.every_s - age_rounding_s;
    auto& next = asks[m][i];
    if (now < next[l] - due_s) return false;
    next[l] = next_of(rule, now + due_s);
    if (rule.rule == Maintenance::Rule::calendar) return true;
    auto& own = life(m, l);
    own.come(now, operating);
    return own.damage(rule.kind, operating) >= rule.at_damage;
  }

  /// One look at the list of services, as the machine turns from one part to the next.
  double serve_due(std::size_t m, std::size_t l, double now, std::int64_t before, double end_s) {
    for (const auto i : services_of[m]) {
      if ((served[i] >> l & 1U) != 0) continue;
      const auto& planned = schedule.services[i];
      const bool due_now = planned.when == Service::When::at_time
                               ? now >= planned.at_s - due_s
                               : before == std::int64_t{planned.order.index};
      if (!due_now) continue;
      served[i] = static_cast<std::uint8_t>(served[i] | 1U << l);
      now = serve(m, l, now, end_s);
    }
    for (std::size_t i = 0; i < asks[m].size(); ++i)
      if (asks_now(m, l, i, now)) now = serve(m, l, now, end_s);
    return now;
  }

  /// When the machine is to be looked at next, for a service.
  [[nodiscard]] double appointment(std::size_t m, std::size_t l) const {
    double next = never;
    for (const auto i : services_of[m])
      if (schedule.services[i].when == Service::When::at_time && (served[i] >> l & 1U) == 0)
        next = std::min(next, schedule.services[i].at_s);
    for (const auto& rule : asks[m]) next = std::min<double>(next, rule[l]);
    return next;
  }

  /// Waits from `now` for a part that is there from `arrives`; without a buffer the machine before
  /// hands it over, at work and when no service is due any more, unless this one waits for it when
  /// it is done.
  double await(std::size_t m, std::size_t l, double now, double arrives) {
    while (true) {
      now = opens(m, now);
      if (!(now < never)) return now;
      now = serve_due(m, l, now, -1, trial.horizon_s);
      if (!is_open(m, now)) continue;
      double next = arrives;
      if (arrives <= now) {
        if (!by_hand || arrives == now) return now;
        if (appointment(m, l) <= now) continue;
        if (!shifts || is_open(m - 1, now)) return now;
        next = opens(m - 1, now);
        if (!(next < never)) return next;
      }
      now = std::max(now, std::min(next, appointment(m, l)));
    }
  }

  /// Works `seconds` from `now` on; breakdowns and repairs come in between.
  double work(std::size_t m, std::size_t l, double now, double seconds) {
    auto& stage = stages[m];
    auto& own = life(m, l);
    double operating = stage.operating[l];
    while (seconds > least_work_s) {
      now = opens(m, now);
      if (!(now < never)) break;
      own.come(now, operating);
      if (auto* broken = own.failed(operating)) {
        bool renews = false;
        const double repair_s = own.repair(*broken, operating, renews);
        if (now <= trial.horizon_s) board.breakdowns[l] += 1;
        board.down[l] += within(now, now + repair_s);
        now += repair_s;
        if (renews) {
          ++stage.renewals[l];
          renewed[m][l] = operating;
        }
        continue;
      }
      const double stretch = std::min(
          {seconds, own.until_failure(operating), own.next_date() - now, closes(m, now) - now});
      now += stretch;
      operating += stretch;
      seconds -= stretch;
    }
    own.come(now, operating);
    stage.operating[l] = operating;
    return now;
  }

  struct Step {
    double awaited = 0;  ///< The part before was handed over then, if there is no buffer.
    double taken = 0;
    double done = 0;
    bool scrap = false;
  };

  /// What the kernel gives back of a part.
  bool more_happens(std::size_t m, std::size_t l, std::uint32_t o, double ready, Row& awaited,
                    Row& taken, Row& done, double operating) {
    by_hand = m > 0 && rings[m].empty();
    double ended_s = done[l];
    if (meet_stops(m, l, taken[l], ended_s, operating)) {
      done[l] = ended_s;
      if (taken[l] > awaited[l]) board.changeover[l] += within(awaited[l], taken[l]);
      return scraps[m] && judge(m, l) < machine(m).scrap_share;
    }
    const auto step = careful(m, l, o, ready);
    awaited[l] = step.awaited;
    taken[l] = step.taken;
    done[l] = step.done;
    return step.scrap;
  }

  /// One part on one machine in one future, with all that can happen.
  Step careful(std::size_t m, std::size_t l, std::uint32_t o, double arrives) {
    auto& stage = stages[m];
    Step step;
    double now = await(m, l, stage.free[l], arrives);
    step.awaited = now;
    const auto set_up = stage.order[kept(l)];
    if (set_up != std::int64_t{o}) {
      now = serve_due(m, l, now, o, trial.horizon_s);
      if (set_up >= 0) {
        const double seconds =
            machine(m).changeover_s[order(static_cast<std::size_t>(set_up)).product.index]
                                   [order(o).product.index];
        board.changeover[l] += within(now, now + seconds);
        now += seconds;
      }
      if (m == 0) now = await(m, l, now, arrives);
    }
    step.taken = now;
    auto& own = life(m, l);
    own.come(now, stage.operating[l]);
    const double seconds = cycle(m, l) * machine(m).product_factor[order(o).product.index] *
                           (1 + own.slowdown(stage.operating[l]));
    step.done = work(m, l, now, std::max(seconds, least_work_s));
    step.scrap =
        scraps[m] && judge(m, l) < machine(m).scrap_share + own.extra_scrap(stage.operating[l]);
    look_ahead(m, l, step.done);
    return step;
  }

  /// Where the part and order of a lane are kept.
  [[nodiscard]] std::size_t kept(std::size_t l) const { return uniform ? 0 : l; }
  [[nodiscard]] std::size_t row_of(std::size_t m) const {
    return keeps_draws ? block * machines + m : m;
  }
  [[nodiscard]] std::size_t place(std::size_t m, std::size_t l) const {
    return static_cast<std::size_t>(stages[m].parts[kept(l)] - gears[m].parts_before);
  }
  /// Its parts differ: in time, or in whether they are scrapped.
  [[nodiscard]] bool is_drawn(std::size_t m) const { return varies[m] || scraps[m]; }
  [[nodiscard]] double cycle(std::size_t m, std::size_t l) {
    if (!varies[m]) return machine(m).cycle.mean;
    draw(m, place(m, l));
    return std::abs(cycles[row_of(m)][place(m, l)][l]);
  }
  [[nodiscard]] double judge(std::size_t m, std::size_t l) const {
    return random_uniform(seed(block, l), static_cast<std::uint32_t>(m), Purpose::scrap,
                          static_cast<std::uint64_t>(stages[m].parts[kept(l)]));
  }

  /// The part that a machine holds when the trial begins.
  Step carry_on(std::size_t m, std::size_t l) {
    auto& stage = stages[m];
    const double remaining_s = trial.from->machines[m].remaining_s;
    Step step;
    step.awaited = step.taken = step.done = stage.free[l];
    if (remaining_s <= 0) {
      step.done = opens(m, stage.free[l]);
      return step;
    }
    double extra_scrap = 0;
    const double operating = stage.operating[l] + remaining_s;
    if (operating - stage.next[l] <= remnant_s && step.taken + remaining_s <= stage.date[l]) {
      // Nothing happens until it is done, so the machine goes on by the known stops.
      stage.operating[l] = operating;
      step.done = step.taken + remaining_s;
    } else {
      step.done = work(m, l, stage.free[l], remaining_s);
      extra_scrap = life(m, l).extra_scrap(stage.operating[l]);
      look_ahead(m, l, step.done);
    }
    if (scraps[m]) {
      const double draw =
          random_uniform(seed(block, l), static_cast<std::uint32_t>(m), Purpose::scrap,
                         static_cast<std::uint64_t>(stage.parts[l] - 1));
      step.scrap = draw < machine(m).scrap_share + extra_scrap;
    }
    return step;
  }

  void set_left(std::size_t m, const Row& at, const Mask& alive) {
    auto& stage = stages[m];
    stage.free = choose(alive, at, stage.free);
    if (trace != nullptr && alive[traced_lane]) (*trace)[traced_at[m]].left_s = at[traced_lane];
  }

  /// One part through the rest of the line in all eight futures.
  template <bool same>
  void follow(const Entry& entry) {
    const std::size_t o = entry.order;
    const auto product = order(o).product.index;
    Row ready = entry.from == Entry::From::source ? released(o) : Row::of(start_s);
    Mask alive = Mask::everyone();
    for (std::size_t m = entry.stage; m < machines; ++m) {
      auto& stage = stages[m];
      const bool held = entry.from == Entry::From::machine && m == entry.stage;
      by_hand =
          m > 0 && rings[m].empty() && !(entry.from == Entry::From::buffer && m == entry.stage);
      Row taken;
      Row done;
      Row awaited;
      Mask leave = alive;  // parts that are still good behind this machine
      if (held) {
        for (std::size_t l = 0; l < lanes; ++l) {
          const auto step = carry_on(m, l);
          awaited[l] = taken[l] = step.taken;
          done[l] = step.done;
          if (step.scrap) scrap(o, l, step.done, leave);
        }
      } else {
        awaited = larger(ready, stage.free);
        Row seconds;
        taken = awaited;
        bool everyone = false;
        double lost = 0;
        if constexpr (same) {
          const double factor = machine(m).product_factor[product];
          if (varies[m]) {
            draw(m, place(m, 0));
            seconds = cycles[row_of(m)][place(m, 0)] * factor;
          } else {
            seconds = Row::of(machine(m).cycle.mean * factor);
          }
          if (stage.order[0] != static_cast<std::int64_t>(o)) {
            const auto from = stage.order[0];
            everyone = !before_order[m].empty() && before_order[m][o];
            if (from >= 0)
              lost =
                  machine(m)
                      .changeover_s[order(static_cast<std::size_t>(from)).product.index][product];
            taken = taken + Row::of(lost);
          }
        } else {
          for (std::size_t l = 0; l < lanes; ++l) {
            seconds[l] = 0;
            if (!alive[l]) continue;
            seconds[l] = cycle(m, l) * machine(m).product_factor[product];
            const auto from = stage.order[l];
            if (from == static_cast<std::int64_t>(o)) continue;
            everyone = everyone || (!before_order[m].empty() && before_order[m][o]);
            if (from >= 0)
              taken[l] +=
                  machine(m)
                      .changeover_s[order(static_cast<std::size_t>(from)).product.index][product];
          }
        }
        seconds = larger(seconds, Row::of(least_work_s));
        done = taken + seconds;
        const Row operating = stage.operating + seconds;
        Mask events = ((operating > stage.next + Row::of(remnant_s)) | (done > stage.date)) & alive;
        // A shift of the machine before may keep it from handing over.
        everyone = everyone || (by_hand && calendars[m - 1] != nullptr);
        if (everyone) events = alive;
        const Mask plain = alive - events;
        stage.operating = choose(plain, operating, stage.operating);
        if (same && lost > 0) {
          for (std::size_t l = 0; l < lanes; ++l)
            if (plain[l]) board.changeover[l] += within(awaited[l], taken[l]);
        }
        if (events.any()) {
          for (std::size_t l = 0; l < lanes; ++l) {
            if (!events[l]) continue;
            double ended_s = done[l];
            if (!everyone && meet_stops(m, l, taken[l], ended_s, operating[l])) {
              done[l] = ended_s;
              if (taken[l] > awaited[l]) board.changeover[l] += within(awaited[l], taken[l]);
              if constexpr (!same) {
                if (scraps[m] && judge(m, l) < machine(m).scrap_share) scrap(o, l, done[l], leave);
              }
              continue;
            }
            const auto step = careful(m, l, entry.order, ready[l]);
            awaited[l] = step.awaited;
            taken[l] = step.taken;
            done[l] = step.done;
            if (step.scrap) scrap(o, l, step.done, leave);
          }
        }
        if constexpr (same) {
          stage.order[0] = static_cast<std::int64_t>(o);
          ++stage.parts[0];
        } else {
          for (std::size_t l = 0; l < lanes; ++l) {
            if (!alive[l]) continue;
            if (plain[l]) {
              if (taken[l] > awaited[l]) board.changeover[l] += within(awaited[l], taken[l]);
              if (scraps[m] && judge(m, l) < machine(m).scrap_share) scrap(o, l, done[l], leave);
            }
            stage.order[l] = static_cast<std::int64_t>(o);
            ++stage.parts[l];
          }
        }
        if (m > 0) leave_buffer<same>(m, awaited, taken, alive, entry);
      }
      note<same>(m, o, taken, done, alive);
      // A scrapped part leaves at once.
      if constexpr (!same) {
        const Mask gone = alive - leave;
        if (gone.any()) set_left(m, done, gone);
        alive = leave;
        if (!alive.any()) return;
      }
      if (m + 1 == machines) {
        set_left(m, done, alive);
        for (std::size_t l = 0; l < lanes; ++l) {
          if (!alive[l]) continue;
          ended[o][l] = std::max<double>(ended[o][l], done[l]);
          board.good[l] += done[l] <= trial.horizon_s ? 1 : 0;
        }
        return;
      }
      ready = hand_over<same>(m, done, alive);
    }
  }

  void scrap(std::size_t o, std::size_t l, double at, Mask& leave) {
    leave.clear(l);
    ended[o][l] = std::max<double>(ended[o][l], at);
    if (at <= trial.horizon_s) board.scrapped[l] += 1;
  }

  /// The part has been taken out of the buffer before machine m.
  template <bool same>
  void leave_buffer(std::size_t m, const Row& awaited, const Row& taken, const Mask& alive,
                    const Entry& entry) {
    auto& stage = stages[m];
    auto& ring = rings[m];
    if (ring.empty()) {
      const bool waits_outside = !(entry.from == Entry::From::buffer && m == entry.stage);
      if (machine(m - 1).buffer_after == 0 && waits_outside) set_left(m - 1, awaited, alive);
      return;
    }
    if constexpr (same) {
      ring[static_cast<std::size_t>(stage.left[0]++ & gears[m].ring_mask)] = taken;
    } else {
      for (std::size_t l = 0; l < lanes; ++l)
        if (alive[l])
          ring[static_cast<std::size_t>(stage.left[l]++ & gears[m].ring_mask)][l] = taken[l];
    }
  }

  /// When the part is in the buffer behind machine m, or ready for the next machine's hand.
  template <bool same>
  Row hand_over(std::size_t m, const Row& done, const Mask& alive) {
    const auto& gear = gears[m];
    if (gear.places == 0) return done;
    auto& next = stages[m + 1];
    const auto room = [&](std::size_t l) -> const Row& {
      return rings[m + 1][static_cast<std::size_t>((next.entered[l]++ - gear.places) &
                                                   gears[m + 1].ring_mask)];
    };
    Row left_at = done;
    if constexpr (same) {
      const Row& since = room(0);
      if (gear.fills_up) left_at = larger(since, done);
    } else {
      for (std::size_t l = 0; l < lanes; ++l) {
        if (!alive[l]) continue;
        const Row& since = room(l);
        if (gear.fills_up) left_at[l] = std::max<double>(done[l], since[l]);
      }
    }
    // What waited for room is put down by people at work.
    for (std::size_t l = 0; l < lanes && calendars[m] != nullptr; ++l)
      if (alive[l] && left_at[l] > done[l]) left_at[l] = opens(m, left_at[l]);
    set_left(m, left_at, alive);
    return left_at;
  }

  template <bool same>
  void note(std::size_t m, std::size_t o, const Row& taken, const Row& done, const Mask& alive) {
    if (trace != nullptr && alive[traced_lane]) {
      traced_at[m] = trace->size();
      trace->push_back({static_cast<std::uint32_t>(m), static_cast<std::uint32_t>(o),
                        static_cast<std::uint32_t>(stages[m].parts[kept(traced_lane)] - 1),
                        taken[traced_lane], done[traced_lane], done[traced_lane]});
    }
  }

  /// When the order may enter the line. Those that it comes after have been followed before it.
  [[nodiscard]] Row released(std::size_t o) const {
    Row release = Row::of(order(o).release_s);
    for (const auto other : order(o).after) release = larger(release, ended[other.index]);
    return release;
  }

  void run_block(std::size_t b) {
    begin_block(b);
    const bool quick = trace == nullptr && !shifts;
    const auto follow_quickly = uniform ? run.follow : run.follow_each;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto& entry = entries[i];
      if (entry.from == Entry::From::source && past_horizon()) {
        for (; i < entries.size(); ++i) ++order_rows[entries[i].order].left_over;
        break;
      }
      if (quick && entry.from == Entry::From::source && !turns_to_service(entry.order)) {
        // No machine has had more parts than have come.
        if (i >= drawn_for) {
          drawn_for = i + draws_at_once;
          for (std::size_t m = 0; m < machines; ++m) draw(m, drawn_for - 1);
        }
        fetch_ahead(b + 1, i);
        follow_quickly(board, entry.order, released(entry.order));
      } else if (uniform) {
        follow<true>(entry);
      } else {
        follow<false>(entry);
      }
    }
    collect(b);
  }

  /// Brings what the next block begins with near the processor, a little with each part.
  void fetch_ahead(std::size_t b, std::size_t i) const {
    const auto m = i % machines;
    const auto number = i / machines;
    if (b >= blocks() || number >= most_fetched) return;
    const auto& own = stops[b * machines + m];
    if (number < own.at.size()) {
      __builtin_prefetch(&own.at[number]);
      __builtin_prefetch(&own.repair_s[number]);
    }
    const auto* const begins = reinterpret_cast<const char*>(&pristine[b * machines + m]);
    if (number * cache_line < sizeof(Stage)) __builtin_prefetch(begins + number * cache_line);
  }

  /// Whether a machine that is serviced before the order has not turned to it in every future.
  [[nodiscard]] bool turns_to_service(std::size_t o) const {
    if (!hides_service[o]) return false;
    for (std::size_t m = 0; m < machines; ++m) {
      if (before_order[m].empty() || !before_order[m][o]) continue;
      for (std::size_t l = 0; l < (uniform ? 1 : lanes); ++l)
        if (stages[m].order[l] != static_cast<std::int64_t>(o)) return true;
    }
    return false;
  }

  [[nodiscard]] bool past_horizon() const {
    for (std::size_t l = 0; l < lanes; ++l)
      if (stages[0].free[l] <= trial.horizon_s) return false;
    return true;
  }

  void collect(std::size_t b) {
    const double horizon_s = trial.horizon_s;
    Sums sums;
    run.finish(order_rows.data(), orders, start_s, horizon_s, ended.data(), sums);
    Row end;
    for (std::size_t l = 0; l < lanes; ++l)
      end[l] = sums.unfinished[l] == 0 && trial.stop_when_done ? sums.last[l] : horizon_s;
    run.judge(order_rows.data(), orders, trial.from ? start_s : -never, end, ended.data(), sums);
    for (std::size_t l = 0; l < lanes && b * lanes + l < seeds.size(); ++l) {
      auto& future = futures[b * lanes + l];
      future = {};
      future.done = sums.unfinished[l] == 0;
      future.end_s = end[l];
      // Machines that wait for nothing more still go to their services.
      for (std::size_t m = 0; m < machines; ++m) {
        if (asks[m].empty() && !(appointment(m, l) < future.end_s)) continue;
        double now = stages[m].free[l];
        while (now < future.end_s && (now = opens(m, now)) < future.end_s) {
          now = serve_due(m, l, now, -1, future.end_s);
          now = std::max(now, appointment(m, l));
        }
      }
      auto& measures = future.measures;
      measures.downtime_s = board.down[l];
      measures.changeover_s = board.changeover[l];
      measures.breakdowns = board.breakdowns[l];
      measures.services = services[l];
      measures.good_parts = board.good[l];
      measures.scrap_parts = board.scrapped[l];
      future.service_s = serviced[l];
      const double duration_s = future.end_s - start_s;
      if (duration_s > 0) measures.throughput_parts_h = measures.good_parts * 3600 / duration_s;
      measures.makespan_s = sums.makespan[l];
      measures.orders_late = sums.late[l];
      measures.tardiness_s = sums.tardiness[l];
      measures.ahead_late = sums.late[l];
      measures.ahead_tardiness_s = sums.tardiness[l];
      measures.ahead_makespan_s = sums.makespan[l];
      measures.ahead_flow_s = sums.flow[l];
      if (sums.unfinished[l] != 0) look_beyond(l, measures, future.end_s);
    }
  }

  void look_beyond(std::size_t l, Measures& measures, double end_s) {
    for (std::size_t o = 0; o < orders; ++o) finishes[o] = ended[o][l];
    measures.ahead_parts =
        outlook->finish(schedule.sequence, end_s,
                        gone_before + measures.good_parts + measures.scrap_parts, finishes);
    outlook->judge(finishes, trial.from ? start_s : -1.0, measures);
  }

  void evaluate(const Schedule& wanted, std::size_t from, std::size_t many) {
    read(wanted);
    futures.resize(seeds.size());
    if (many == 0) return;
    for (std::size_t b = from / lanes; b * lanes < from + many; ++b) run_block(b);
  }

  std::vector<std::vector<Future>> evaluate_all(std::span<const Schedule> wanted) {
    std::vector<std::vector<Future>> all(wanted.size(), std::vector<Future>(seeds.size()));
    for (std::size_t b = 0; b < blocks(); ++b)
      for (std::size_t s = 0; s < wanted.size(); ++s) {
        read(wanted[s]);
        futures.swap(all[s]);
        run_block(b);
        futures.swap(all[s]);
      }
    return all;
  }
};

Evaluator::Evaluator(Trial trial, std::span<const std::uint64_t> seeds)
    : state_(std::make_unique<State>()) {
  const auto reasons = obstacles(*trial.line);
  if (!reasons.empty()) throw std::invalid_argument("the recursion cannot: " + reasons.front());
  if (seeds.empty()) throw std::invalid_argument("no futures");
  state_->trial = std::move(trial);
  state_->seeds.assign(seeds.begin(), seeds.end());
  state_->prepare();
}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

std::size_t Evaluator::futures() const {
  return state_->seeds.size();
}

const std::vector<Future>& Evaluator::evaluate(const Schedule& schedule) {
  return evaluate(schedule, 0, futures());
}

const std::vector<Future>& Evaluator::evaluate(const Schedule& schedule, std::size_t first,
                                               std::size_t count) {
  state_->evaluate(schedule, first, std::min(count, futures() - std::min(first, futures())));
  return state_->futures;
}

std::vector<std::vector<Future>> Evaluator::evaluate_all(std::span<const Schedule> schedules) {
  return state_->evaluate_all(schedules);
}

std::vector<double> Evaluator::finished_s(const Schedule& schedule, std::size_t future) {
  state_->evaluate(schedule, future, 1);
  std::vector<double> finished;
  for (const auto& row : state_->ended) finished.push_back(row[future % lanes]);
  return finished;
}

std::vector<Visit> Evaluator::visits(const Schedule& schedule, std::size_t future) {
  std::vector<Visit> all;
  state_->trace = &all;
  state_->traced_lane = future % lanes;
  state_->evaluate(schedule, future, 1);
  state_->trace = nullptr;
  return all;
}

}  // namespace foreline::maxplus
