// SPDX-License-Identifier: Apache-2.0
// Small lines for tests, and the simulator that the build made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/line/trial.hpp"
#include "sim/worker/client.hpp"

namespace foreline::tests {

/// A healthy machine for `products` products: constant cycle, no changeover, no scrap, no fault.
inline line::Machine machine(const std::string& name, double cycle_s, std::uint32_t buffer_after,
                             std::size_t products = 1) {
  line::Machine machine;
  machine.name = name;
  machine.cycle = line::Distribution::constant(cycle_s);
  machine.product_factor.assign(products, 1.0);
  machine.changeover_s.assign(products, std::vector<double>(products, 0.0));
  machine.service = line::Distribution::constant(300);
  machine.buffer_after = buffer_after;
  return machine;
}

/// A line of one product.
inline line::Line line_of(std::vector<line::Machine> machines, std::uint32_t crews = 1) {
  line::Line line;
  line.name = "test";
  line.products = {"a"};
  line.machines = std::move(machines);
  line.crews = crews;
  return line;
}

/// A trial of the orders in the order of the book, without random faults.
inline line::Trial trial_of(line::Line line, std::vector<line::Order> orders,
                            double horizon_s = 1e6) {
  line::Trial trial;
  for (std::uint32_t o = 0; o < orders.size(); ++o) trial.schedule.sequence.push_back({o});
  trial.line = std::make_shared<line::Line>(std::move(line));
  trial.orders = std::make_shared<std::vector<line::Order>>(std::move(orders));
  trial.horizon_s = horizon_s;
  trial.random_faults = false;
  return trial;
}

/// One order of `quantity` parts.
inline std::vector<line::Order> one_order(std::uint32_t quantity) {
  return {{"A", {0}, quantity}};
}

/// The simulator of this build.
inline std::filesystem::path simulator() {
  return std::filesystem::path(FORELINE_BINARY_DIR) / "bin" / "foreline-sim";
}

/// A client of it; throws when the simulator cannot be had. `children` as in worker::Options.
inline worker::Client started_simulator(unsigned children = 0) {
  worker::Options options;
  options.executable = simulator();
  options.children = children;
  auto client = worker::Client::start(options);
  if (!client) throw std::runtime_error(client.error().text());
  return std::move(*client);
}

/// Runs trials on the simulator of this build; throws when the simulator cannot be had.
inline std::vector<line::Outcome> run(const std::vector<line::Trial>& trials,
                                      unsigned children = 2) {
  auto outcomes = started_simulator(children).run(trials);
  if (!outcomes) throw std::runtime_error(outcomes.error().text());
  return std::move(*outcomes);
}

inline line::Outcome run(const line::Trial& trial) {
  return run(std::vector<line::Trial>{trial}, 1).front();
}

}  // namespace foreline::tests
