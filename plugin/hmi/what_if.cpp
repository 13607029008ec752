// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/what_if.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "plugin/attachment/details.hpp"
#include "plugin/hmi/running.hpp"
#include "sim/line/crews.hpp"
#include "sim/line/outlook.hpp"
#include "sim/plan/lateness.hpp"
#include "sim/select/comparison.hpp"

namespace foreline::hmi {

using namespace line;

namespace {

constexpr std::size_t entries_max = 64;  ///< Of each list of an edit.
constexpr double horizon_most_s = 7 * 24 * 3600.0;

class Reader {
 public:
  Reader(const Json& edit, const plan::Request& now) : edit_(edit), now_(now) {
    what_.schedule = now.active;
    what_.line = *now.line;
  }

  Result<WhatIf> read() {
    if (!edit_.is_object()) return Error("an edit is an object");
    for (const auto& [key, value] : edit_.items()) {
      if (key == "sequence")
        sequence(value);
      else if (key == "services")
        each(key, value, &Reader::service);
      else if (key == "faults")
        each(key, value, &Reader::fault);
      else if (key == "buffers")
        each(key, value, &Reader::buffer);
      else if (key == "speeds")
        each(key, value, &Reader::speed);
      else if (key == "crews")
        crews(value);
      else if (key == "futures")
        what_.futures = static_cast<std::size_t>(number(value, 4, 200, "futures"));
      else
        complain(fmt::format("\"{}\" is no part of an edit", key.substr(0, 40)));
    }
    if (error_.diagnostics.empty()) {
      for (auto& sentence : complaints_about(what_.schedule, what_.line, *now_.orders, now_.active,
                                             now_.now.frozen_prefix(now_.active)))
        complain(std::move(sentence));
    }
    if (!error_.diagnostics.empty()) return error_;
    return std::move(what_);
  }

 private:
  void complain(std::string what) {
    if (error_.diagnostics.size() < 20)
      error_.diagnostics.push_back({{}, 0, 0, std::move(what), {}});
  }

  double number(const Json& value, double low, double high, const std::string& name) {
    const double given = value.is_number() ? value.get<double>() : std::nan("");
    if (given >= low && given <= high) return given;
    complain(fmt::format("\"{}\" must be a number from {} to {}", name, low, high));
    return low;
  }
  double number_at(const Json& entry, const char* key, double low, double high) {
    return number(entry.contains(key) ? entry[key] : Json(), low, high, key);
  }

  std::string text_at(const Json& entry, const char* key) {
    return entry.contains(key) && entry[key].is_string() ? entry[key].get<std::string>()
                                                         : std::string();
  }

  std::optional<OrderId> order_named(const Json& name) {
    if (name.is_string())
      for (std::size_t o = 0; o < now_.orders->size(); ++o)
        if ((*now_.orders)[o].id == name.get<std::string>())
          return OrderId{static_cast<std::uint32_t>(o)};
    complain("the edit names an order that is not in the book");
    return std::nullopt;
  }

  std::optional<MachineId> machine_of(const Json& entry) {
    const auto machine = now_.line->machine_named(text_at(entry, "machine"));
    if (!machine) complain("the edit names a machine that is not on the line");
    return machine;
  }

  void each(const std::string& key, const Json& list, void (Reader::*one)(const Json&)) {
    if (!list.is_array() || list.size() > entries_max)
      return complain(fmt::format("\"{}\" must be a list of at most {}", key, entries_max));
    if (key == "services") what_.schedule.services.clear();
    for (const auto& entry : list) {
      if (!entry.is_object()) return complain(fmt::format("\"{}\" must hold objects", key));
      (this->*one)(entry);
    }
  }

  void sequence(const Json& list) {
    if (!list.is_array() || list.size() > now_.orders->size())
      return complain("\"sequence\" must be a list of order names");
    what_.schedule.sequence.clear();
    for (const auto& name : list)
      if (const auto order = order_named(name)) what_.schedule.sequence.push_back(*order);
    if (what_.schedule.sequence != now_.active.sequence)
      what_.sentences.emplace_back("another sequence of orders");
  }

  void service(const Json& entry) {
    const auto machine = machine_of(entry);
    if (!machine) return;
    Service service;
    service.machine = *machine;
    if (entry.contains("before_order")) {
      const auto order = order_named(entry["before_order"]);
      if (!order) return;
      service.when = Service::When::before_order;
      service.order = *order;
    } else {
      service.at_s = number_at(entry, "at_s", 0, horizon_most_s);
    }
    const auto& running = now_.active.services;
    if (std::find(running.begin(), running.end(), service) == running.end())
      what_.sentences.push_back(fmt::format("a service of {}", now_.line->at(*machine).name));
    what_.schedule.services.push_back(service);
  }

  void fault(const Json& entry) {
    const auto machine = machine_of(entry);
    const auto kind = fault_kind_named(text_at(entry, "kind"));
    if (!machine) return;
    if (!kind) return complain("the edit names a fault kind that does not exist");
    if (!now_.line->at(*machine).can_have(*kind))
      return complain(fmt::format("{} has no {} in its line file", now_.line->at(*machine).name,
                                  name_of(*kind)));
    ScriptedFault fault;
    fault.id = fmt::format("what-if {}", what_.faults.size() + 1);
    fault.machine = *machine;
    fault.kind = *kind;
    const double in_s = number_at(entry, "in_s", 0, horizon_most_s);
    fault.at_s = now_.now.at_s + in_s;
    fault.fails_after_s = 1;
    fault.repair_s = number_at(entry, "repair_s", 0, horizon_most_s);
    what_.faults.push_back(fault);
    what_.sentences.push_back(fmt::format("{} of {} in {:.0f} min", name_of(*kind),
                                          now_.line->at(*machine).name, in_s / 60));
  }

  void buffer(const Json& entry) {
    const auto machine = machine_of(entry);
    if (!machine) return;
    const auto level =
        machine->index < now_.now.buffers.size() || machine->index + 1 < now_.line->machines.size()
            ? std::max<std::int64_t>(0, now_.now.buffer_level(machine->index))
            : 0;
    const auto places = number_at(entry, "places", static_cast<double>(level), 10'000);
    what_.line.machines[machine->index].buffer_after = static_cast<std::uint32_t>(places);
    what_.sentences.push_back(
        fmt::format("{:.0f} places behind {}", places, now_.line->at(*machine).name));
  }

  void speed(const Json& entry) {
    const auto machine = machine_of(entry);
    if (!machine) return;
    const double factor = number_at(entry, "factor", 0.2, 5);
    for (auto& product : what_.line.machines[machine->index].product_factor) product *= factor;
    what_.sentences.push_back(fmt::format("{} needs {:.0f} % of its time a part",
                                          now_.line->at(*machine).name, 100 * factor));
  }

  void crews(const Json& value) {
    const auto all = static_cast<std::int64_t>(number(value, 1, most_crews, "crews"));
    if (all == now_.line->crews) return;
    if (const auto done = add_crews(what_.line, {}, all - now_.line->crews); !done)
      complain(done.error().diagnostics.front().what);
    else
      what_.sentences.push_back(fmt::format("{} crews", all));
  }

  const Json& edit_;
  const plan::Request& now_;
  WhatIf what_;
  Error error_;
};

Json to_json(const plan::Estimate& estimate) {
  const auto finite = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  return {{"mean", finite(estimate.mean)},
          {"low", finite(estimate.low)},
          {"high", finite(estimate.high)}};
}

/// Two values of each future side by side, and their difference future by future.
Json beside(const std::vector<double>& keep, const std::vector<double>& edited) {
  std::vector<double> difference;
  for (std::size_t i = 0; i < keep.size(); ++i) difference.push_back(edited[i] - keep[i]);
  return {{"keep", to_json(plan::estimate_of(keep))},
          {"edited", to_json(plan::estimate_of(edited))},
          {"difference", to_json(plan::estimate_of(difference))}};
}

/// What each machine does with its time, shares of the time in which it is open.
Json machines(const plan::Request& now, const std::vector<const Outcome*>& keep,
              const std::vector<const Outcome*>& edited) {
  struct Use {
    const char* name;
    double (*spent_s)(const MachineOutcome&);
  };
  static constexpr std::array<Use, 5> uses = {{
      {"utilisation",
       [](const MachineOutcome& m) {
         return m.state_s[static_cast<std::size_t>(PackmlState::execute)];
       }},
      {"blocked", [](const MachineOutcome& m) { return m.blocked_s; }},
      {"starved", [](const MachineOutcome& m) { return m.starved_s; }},
      {"down", [](const MachineOutcome& m) { return m.down_s; }},
      {"set-up", [](const MachineOutcome& m) { return m.changeover_s + m.service_s; }},
  }};
  Json out = Json::array();
  for (std::size_t m = 0; m < now.line->machines.size(); ++m) {
    Json entry = {{"machine", now.line->machines[m].name}};
    for (const auto& use : uses) {
      const auto share = [&](const Outcome* outcome) {
        const auto& machine = outcome->machines.at(m);
        const double open_s = outcome->end_s - now.now.at_s - machine.off_shift_s;
        return open_s > 0 ? use.spent_s(machine) / open_s : 0;
      };
      std::vector<double> kept(keep.size());
      std::vector<double> changed(keep.size());
      std::transform(keep.begin(), keep.end(), kept.begin(), share);
      std::transform(edited.begin(), edited.end(), changed.begin(), share);
      entry[use.name] = beside(kept, changed);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

/// Orders that are late in some future: in how many, and means over these of how late and of what
/// they lost their time to.
Json lateness(const std::vector<Trial>& trials, std::size_t first,
              const std::vector<std::size_t>& places, const std::vector<const Outcome*>& futures) {
  struct Late {
    std::size_t futures = 0;
    double late_s = 0;
    plan::Lateness causes;
  };
  const auto& orders = *trials.at(first).orders;
  std::vector<Late> all(orders.size());
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const auto& trial = trials[places[i] + first];
    const auto ends_s = finishes_of(trial, *futures[i]);
    plan::Delays delays(trial, *futures[i]);
    for (std::uint32_t o = 0; o < orders.size(); ++o) {
      const double late_s = ends_s[o] - orders[o].due_s;
      if (!(late_s > 0) || ends_s[o] <= trial.from->at_s) continue;
      ++all[o].futures;
      all[o].late_s += late_s;
      all[o].causes += delays.of({o});
    }
  }
  Json out = Json::array();
  for (std::size_t o = 0; o < orders.size(); ++o) {
    if (all[o].futures == 0) continue;
    const auto count = static_cast<double>(all[o].futures);
    const auto& causes = all[o].causes;
    out.push_back({{"order", orders[o].id},
                   {"futures", all[o].futures},
                   {"late_s", all[o].late_s / count},
                   {"causes_s",
                    {{"turn", causes.turn_s / count},
                     {"repair", causes.breakdown_s / count},
                     {"changeover", causes.changeover_s / count},
                     {"service", causes.service_s / count},
                     {"closed", causes.closed_s / count}}}});
  }
  return out;
}

}  // namespace

Result<WhatIf> what_if_from(const Json& edit, const plan::Request& now) {
  return Reader(edit, now).read();
}

Result<Json> answer_of(const WhatIf& asked, const plan::Request& now, worker::Client& client,
                       const plan::Progress& progress) {
  std::vector<Trial> trials;
  const auto edited = std::make_shared<const Line>(asked.line);
  for (std::size_t i = 0; i < asked.futures; ++i) {
    Trial trial;
    trial.line = now.line;
    trial.orders = now.orders;
    trial.schedule = now.active;
    // A range of its own: futures that planning has searched on must not judge a person's edit.
    trial.seed = now.seed * 1'000'003 + 500'000'000 + i;
    trial.horizon_s = now.now.at_s + now.horizon_s;
    trial.from = now.now;
    trial.hazards = now.hazards;
    trial.replication = true;
    trial.want_gantt = true;
    trials.push_back(trial);
    trial.line = edited;
    trial.schedule = asked.schedule;
    trial.faults = asked.faults;
    trials.push_back(std::move(trial));
  }
  std::size_t done = 0;
  const auto outcomes =
      client.run(trials, [&](std::size_t, const Outcome&) { progress(++done, trials.size()); });
  if (!outcomes) return outcomes.error();
  std::vector<const Outcome*> keep;
  std::vector<const Outcome*> other;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < trials.size(); i += 2) {
    if (!(*outcomes)[i].valid() || !(*outcomes)[i + 1].valid()) continue;
    keep.push_back(&(*outcomes)[i]);
    other.push_back(&(*outcomes)[i + 1]);
    places.push_back(i);
  }
  if (keep.size() < 2) {
    std::string why;
    for (const auto& outcome : *outcomes)
      if (!outcome.valid() && why.empty()) why = outcome.error;
    return Error("the simulation of this edit failed: " + why);
  }
  std::vector<Measures> before;
  std::vector<Measures> after;
  std::vector<double> gain;
  std::size_t better = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    const auto& first = trials[places[i]];
    const auto& second = trials[places[i] + 1];
    before.push_back(measures_of(first, *keep[i]));
    after.push_back(measures_of(second, *other[i]));
    gain.push_back(plan::cost_of(now, before.back(), plan::service_s_of(*keep[i])) -
                   plan::cost_of(now, after.back(), plan::service_s_of(*other[i])));
    if (gain.back() > 0) ++better;
  }
  const auto chance = select::chance_of(better, gain.size());
  Json out = {{"at_s", now.now.at_s},
              {"until_s", now.now.at_s + now.horizon_s},
              {"futures", keep.size()},
              {"failed", asked.futures - keep.size()},
              {"seed", trials.front().seed},
              {"what", asked.sentences},
              {"gain", to_json(plan::estimate_of(gain))},
              {"better", better},
              {"probability_better",
               {{"mean", chance.middle()}, {"low", chance.low}, {"high", chance.high}}},
              {"measures", Json::array()}};
  for (const auto& field : measure_fields()) {
    std::vector<double> kept;
    std::vector<double> changed;
    for (std::size_t i = 0; i < before.size(); ++i) {
      kept.push_back(before[i].*field.field);
      changed.push_back(after[i].*field.field);
    }
    Json entry = {
        {"name", field.name}, {"unit", field.unit}, {"more_is_better", field.more_is_better}};
    entry.update(beside(kept, changed));
    out["measures"].push_back(std::move(entry));
  }
  out["machines"] = machines(now, keep, other);
  out["late"] = {{"keep", lateness(trials, 0, places, keep)},
                 {"edited", lateness(trials, 1, places, other)}};
  out["orders"] = {{"keep", finishes(trials[0], keep)}, {"edited", finishes(trials[1], other)}};
  const auto spans = [&](const std::vector<const Outcome*>& futures) {
    std::vector<Outcome> all;
    for (const auto* outcome : futures) all.push_back(*outcome);
    return attachment::to_json(plan::work_spans(all), *now.line, *now.orders);
  };
  out["spans"] = {{"keep", spans(keep)}, {"edited", spans(other)}};
  out["gantt"] = {{"keep", attachment::to_json(keep.front()->gantt, *now.line, *now.orders)},
                  {"edited", attachment::to_json(other.front()->gantt, *now.line, *now.orders)}};
  out["schedule"] = attachment::to_json(asked.schedule, *now.line, *now.orders);
  return out;
}

}  // namespace foreline::hmi
