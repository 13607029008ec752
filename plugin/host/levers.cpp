// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/levers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace foreline::host {

namespace {

using levers::Method;

std::vector<std::size_t> ranked(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return scores[a] > scores[b]; });
  return order;
}

void show_use(const levers::LineStudy& study, std::FILE* people, nlohmann::ordered_json& json) {
  fmt::print(people, "\nWhere the machines' time goes, in % of it\n{:<16}", "");
  for (const char* head : {"working", "changeover", "broken", "service", "starved", "blocked",
                           "off shift", "idle", "active for"})
    fmt::print(people, "{:>12}", head);
  fmt::print(people, "\n");
  for (std::size_t m = 0; m < study.use.size(); ++m) {
    const auto& u = study.use[m];
    const auto& name = study.line->machines[m].name;
    fmt::print(people, "{:<16}", name);
    for (const double share :
         {u.working, u.changeover, u.down, u.serviced, u.starved, u.blocked, u.off_shift, u.idle})
      fmt::print(people, "{:>12.1f}", 100 * share);
    fmt::print(people, "{:>10.0f} s\n", u.active_period_s);
    json["machines"][name] = {{"working", u.working},
                              {"changeover", u.changeover},
                              {"broken", u.down},
                              {"service", u.serviced},
                              {"starved", u.starved},
                              {"blocked", u.blocked},
                              {"off_shift", u.off_shift},
                              {"idle", u.idle},
                              {"active_period_s", u.active_period_s}};
  }
  std::string waste;
  for (const auto& one : levers::waste_of(study.use)) {
    json["waste"][std::string(one.name)] = one.share;
    if (one.share >= 0.0005)
      waste += fmt::format("{}{} {:.1f} %", waste.empty() ? "" : ", ", one.name, 100 * one.share);
  }
  fmt::print(people, "Lost machine time: {}\n", waste.empty() ? "none" : waste);
}

}  // namespace

line::Result<line::Done> show_levers(const line::Trial& trial, const LeverOptions& options,
                                     const levers::RunTrials& run, nlohmann::ordered_json& json) {
  auto begun = levers::LeverStudy::begin(trial, options.seed, options.futures, run);
  if (!begun) return begun.error();
  const auto& study = begun->study();
  std::FILE* const people = options.people;
  show_use(study, people, json);
  auto promise = levers::scores_by(Method::active_period, study.levers, *study.line, study.use);
  const bool read = options.model != nullptr;
  if (read) {
    auto reading = options.model->read(plant::Method::blend, *study.line, study.levers, study.use);
    if (!reading) return reading.error();
    promise = std::move(reading->best);
  }
  const auto order = ranked(promise);
  const auto count = options.most == 0 ? order.size() : std::min(options.most, order.size());
  const std::span<const std::size_t> chosen(order.data(), count);
  if (auto done = begun->pull(chosen, run); !done) return done.error();

  const auto name = [&](line::MachineId machine) { return study.line->at(machine).name; };
  const auto busiest = name(levers::bottleneck_by(Method::utilisation, study.use));
  const auto longest = name(levers::bottleneck_by(Method::active_period, study.use));
  json["bottleneck"] = {{"utilisation", busiest}, {"active_period", longest}};
  fmt::print(people, "Bottleneck: {} is busiest; {} works longest without waiting", busiest,
             longest);
  if (count == order.size()) {
    json["bottleneck"]["simulated"] = name(study.bottleneck());
    fmt::print(people, "; a shorter cycle brings most on {}", name(study.bottleneck()));
  }
  fmt::print(people,
             ".\n\nWhat a lever brings, good parts an hour in % of what they are [95 %]: {} of {} "
             "simulated{}\n",
             count, order.size(),
             count == order.size() ? ""
             : read                ? ", those that the GPT-2 and its trees promise most of"
                                   : ", those that active periods promise most of");
  std::vector<std::size_t> best(chosen.begin(), chosen.end());
  std::stable_sort(best.begin(), best.end(),
                   [&](auto a, auto b) { return study.gain[a] > study.gain[b]; });
  auto list = nlohmann::ordered_json::array();
  for (const auto i : best) {
    const double gain = 100 * study.gain[i];
    const double half = 100 * study.half[i];
    fmt::print(people, "{:<44}{:>+8.2f} {:<18}{}\n", levers::text_of(study.levers[i], *study.line),
               gain, fmt::format("[{:+.2f}, {:+.2f}]", gain - half, gain + half),
               read ? fmt::format("  likely the best: {:.0f} %", 100 * promise[i]) : "");
    list.push_back({{"machine", name(study.levers[i].machine)},
                    {"lever", levers::name_of(study.levers[i].what)},
                    {"gain", study.gain[i]},
                    {"half_width", study.half[i]}});
    if (read) list.back()["likely_best"] = promise[i];
  }
  json["levers"] = std::move(list);
  return line::Done{};
}

}  // namespace foreline::host
