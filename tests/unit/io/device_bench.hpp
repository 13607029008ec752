// SPDX-License-Identifier: Apache-2.0
// A device on the test's own thread, to be asked one thing after another.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"

namespace foreline::tests {

using io::Outcome;
using What = Outcome::What;

inline core::Query read_two(std::uint16_t address = 10) {
  core::Query query;
  query.address = address;
  query.count = 2;
  return query;
}

inline core::Device at(std::uint16_t port) {
  core::Device device;
  device.port = port;
  device.timeout_s = 0.15;
  device.reconnect_min_s = 0.02;
  device.reconnect_max_s = 0.05;
  return device;
}

/// A device on this thread's loop.
struct Bench {
  io::Loop loop;
  std::shared_ptr<io::Device> device;

  explicit Bench(core::Device settings)
      : device(std::make_shared<io::Device>(loop, std::move(settings))) {}
  ~Bench() { device.reset(); }

  Outcome ask(const core::Query& query, std::optional<std::uint8_t> unit = std::nullopt) {
    bool finished = false;
    Outcome outcome;
    device->submit(
        query,
        [&](Outcome got) {
          outcome = std::move(got);
          finished = true;
        },
        unit);
    REQUIRE(loop.run(std::chrono::steady_clock::now() + std::chrono::seconds(5), finished));
    return outcome;
  }
  /// All at once.
  std::vector<Outcome> ask_all(const std::vector<core::Query>& queries) {
    std::vector<Outcome> outcomes(queries.size());
    std::size_t open = queries.size();
    bool finished = false;
    for (std::size_t i = 0; i < queries.size(); ++i)
      device->submit(queries[i], [&, i](Outcome got) {
        outcomes[i] = std::move(got);
        finished = --open == 0;
      });
    REQUIRE(loop.run(std::chrono::steady_clock::now() + std::chrono::seconds(5), finished));
    return outcomes;
  }
  Outcome ask_until(What wanted, double patience_s = 3) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(patience_s);
    Outcome outcome;
    do {
      outcome = ask(read_two());
      if (outcome.what == wanted) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    } while (std::chrono::steady_clock::now() < until);
    return outcome;
  }
  void wait(std::chrono::milliseconds time) {
    const bool never = false;
    (void)loop.run(std::chrono::steady_clock::now() + time, never);
  }
};

}  // namespace foreline::tests
