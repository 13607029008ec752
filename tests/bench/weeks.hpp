// SPDX-License-Identifier: Apache-2.0
// Weeks of a line with faults, for benches that let them pass.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "inference/forecaster.hpp"
#include "sim/line/random.hpp"
#include "sim/text/files.hpp"
#include "sim/worker/client.hpp"
#include "tests/support/lines.hpp"

namespace foreline::bench {

/// What a bench of weeks works with.
struct Opened {
  std::shared_ptr<const line::Line> line;
  std::shared_ptr<const inference::Forecaster> forecaster;
  worker::Client client;
};
/// Ends the bench with a message when one of them is not to be had.
inline Opened opened(const char* line_file, const char* model_folder) {
  auto read = text::read_line_file(line_file);
  auto model = inference::Forecaster::load(model_folder, {});
  worker::Options options;
  options.executable = tests::simulator();
  options.children = 1;
  options.trial_limit = std::chrono::hours(1);  // the bench may be stopped for a while
  auto client = worker::Client::start(options);
  if (!read || !model || !client) {
    fmt::print(stderr, "{}\n",
               !read    ? read.error().text()
               : !model ? model.error().text()
                        : client.error().text());
    std::exit(2);
  }
  return {std::make_shared<const line::Line>(std::move(*read)),
          std::make_shared<const inference::Forecaster>(std::move(*model)), std::move(*client)};
}

/// The outcome of one trial; ends the bench where there is none.
inline line::Outcome run(worker::Client& client, const line::Trial& trial) {
  auto outcomes = client.run(std::span(&trial, 1));
  if (!outcomes || !outcomes->front().valid()) {
    fmt::print(stderr, "{}\n", outcomes ? outcomes->front().error : outcomes.error().text());
    std::exit(3);
  }
  return std::move(outcomes->front());
}

constexpr double week_s = 5 * 8 * 3600.0;  ///< Five shifts.
constexpr std::size_t orders_a_week = 15;

/// Mean operating seconds to a stop by wear; 0 without wear.
inline double life_of(const line::Machine& machine) {
  double life_s = 0;
  for (const auto& mode : machine.faults)
    if (mode.onset.kind == line::Distribution::Kind::weibull)
      life_s = mode.onset.expectation() + mode.progress.expectation();
  return life_s;
}

/// A week of machines of any age, and its orders: as much work as the slowest machine has time for,
/// with due dates that leave a little (`due` times the work ahead and an hour or two), a function
/// of the seed.
inline line::Trial week_of(std::shared_ptr<const line::Line> line, std::uint64_t seed,
                           double due = 1.12) {
  double slowest_s = 0;
  for (const auto& machine : line->machines)
    slowest_s = std::max(slowest_s, machine.cycle.expectation());
  const double each_s = 0.86 * week_s / orders_a_week;
  std::vector<line::Order> orders;
  double work_s = 0;
  for (std::uint32_t o = 0; o < orders_a_week; ++o) {
    const auto draw = [&](std::uint64_t what) {
      return line::random_uniform(seed, 1000 + o, line::Purpose::scenario, what);
    };
    line::Order order;
    order.id = fmt::format("W-{:02}", o + 1);
    order.product = {
        static_cast<std::uint32_t>(draw(0) * static_cast<double>(line->products.size()))};
    const double own_s = each_s * (0.5 + draw(1));
    order.quantity = static_cast<std::uint32_t>(own_s / slowest_s);
    work_s += own_s;
    order.due_s = due * work_s + 3600 * (1 + draw(2));
    order.weight = draw(3) < 0.25 ? 2 : 1;
    orders.push_back(order);
  }
  line::LineNow monday;
  for (std::uint32_t m = 0; m < line->machines.size(); ++m) {
    auto& now = monday.machines.emplace_back();
    now.operating_s = line::random_uniform(seed, 2000 + m, line::Purpose::scenario, 0) *
                      life_of(line->machines[m]);
    now.progress.resize(orders.size());
  }
  auto trial = tests::trial_of(*line, std::move(orders), 1.5 * week_s);
  trial.from = std::move(monday);
  trial.random_faults = true;
  trial.seed = seed;
  trial.replication = true;
  return trial;
}

}  // namespace foreline::bench
