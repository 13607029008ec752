// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/soft_plc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "sim/factory/simulation.hpp"
#include "sim/plc/journal.hpp"
#include "sim/plc/personality.hpp"
#include "sim/plc/registers.hpp"
#include "sim/plc/replier.hpp"
#include "sim/plc/wire.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::plc {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto scan_period = std::chrono::milliseconds(10);

volatile std::sig_atomic_t stopping = 0;

struct Options {
  std::string trial;
  std::string host = "127.0.0.1";
  int port = 0;
  double speed = 1;
  std::string journal;
  std::string outcome;
  double for_s = 0;  ///< 0: until a signal.
  std::string personality = "foreline";
  bool json = false;  ///< What is said is one JSON object a line.
  Wire::Options wire;
};

int fail(int status, const std::string& why) {
  fmt::print(stderr, "foreline-sim: {}\n", why);
  return status;
}

void write_outcome(const std::string& path, const line::Outcome& outcome) {
  if (path.empty()) return;
  const auto bytes = worker::to_bytes(outcome);
  const std::string unfinished = path + ".part";
  std::ofstream(unfinished, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::error_code error;
  std::filesystem::rename(unfinished, path, error);
}

}  // namespace

int serve(const std::vector<std::string>& arguments) {
  Options options;
  options.trial = arguments.at(0);
  std::vector<std::string> faults;
  for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
    const auto& name = arguments[i];
    const auto& value = arguments[i + 1];
    if (name == "--host")
      options.host = value;
    else if (name == "--port")
      options.port = std::atoi(value.c_str());
    else if (name == "--speed")
      options.speed = std::atof(value.c_str());
    else if (name == "--journal")
      options.journal = value;
    else if (name == "--outcome")
      options.outcome = value;
    else if (name == "--for")
      options.for_s = std::atof(value.c_str());
    else if (name == "--personality")
      options.personality = value;
    else if (name == "--say")
      options.json = value == "json";
    else if (name == "--fault")
      faults.push_back(value);
    else
      return fail(2, fmt::format("unknown option {}", name));
  }
  std::ifstream in(options.trial, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  auto trial = worker::trial_from(bytes.str());
  if (!in || !trial) return fail(2, fmt::format("{} holds no trial of this build", options.trial));
  const auto* personality = personality_named(options.personality);
  if (personality == nullptr)
    return fail(2, fmt::format("there is no personality \"{}\"", options.personality));
  options.wire.whole_requests = personality->whole_requests;
  options.wire.seed = trial->seed;
  for (const auto& text : faults) {
    const auto fault = wire_fault_of(text);
    if (!fault) return fail(2, fmt::format("\"{}\" is no fault of a wire", text));
    options.wire.faults.push_back(*fault);
  }
  if (!(options.speed > 0 && options.speed <= 100'000))
    return fail(2, "the speed must be above 0 and at most 100000");
  if (trial->line->machines.size() > contract::machines_max ||
      trial->orders->size() > contract::orders_max) {
    return fail(2, fmt::format("the register contract has room for {} machines and {} orders",
                               contract::machines_max, contract::orders_max));
  }
  Journal journal;
  if (!options.journal.empty()) {
    auto opened = Journal::open(options.journal);
    if (!opened) return fail(3, opened.error().text());
    journal = std::move(*opened);
  }
  trial->want_gantt = true;
  std::signal(SIGPIPE, SIG_IGN);

  Registers registers(*trial);
  Replier replier(registers, *personality);
  Wire wire([&](std::uint8_t unit,
                std::span<const std::uint8_t> pdu) { return replier.answer(unit, pdu); },
            options.wire);
  const int port = wire.listen(options.host, static_cast<std::uint16_t>(options.port));
  if (port == 0) {
    return fail(
        3, fmt::format("cannot listen on {}:{}: {} (choose another --port, or 0 for any free one)",
                       options.host, options.port, std::strerror(errno)));
  }
  factory::Simulation simulation(*trial, true);
  // SimGrid has installed handlers of its own.
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { stopping = 1; });
  for (const auto& accepted : journal.accepted()) {
    simulation.run_until(accepted.at_s);
    registers.restore(simulation, accepted.block, accepted.sequence);
  }
  simulation.run_until(journal.clock_s());
  registers.at(contract::pace) =
      static_cast<std::uint16_t>(std::clamp(options.speed, 1.0, 65'535.0));
  registers.publish(simulation);
  if (options.json)
    fmt::print("{{\"event\":\"listening\",\"host\":\"{}\",\"port\":{},\"seed\":{}}}\n",
               options.host, port, trial->seed);
  else
    fmt::print("listening {}:{}\n", options.host, port);
  std::fflush(stdout);

  auto last = Clock::now();
  auto journalled = last;
  double due_s = simulation.now_s();
  auto pace = registers.at(contract::pace);
  double speed = options.speed;
  bool told = false;
  const auto begun = last;
  auto until = last;
  while (stopping == 0) {
    const auto now = Clock::now();
    if (options.for_s > 0 && now - begun > std::chrono::duration<double>(options.for_s)) break;
    // After a pause of the whole machine the line goes on from where it was; it does not leap.
    const double elapsed_s = std::min(0.5, std::chrono::duration<double>(now - last).count());
    last = now;
    if (registers.at(contract::pace) != pace && registers.at(contract::pace) > 0) {
      pace = registers.at(contract::pace);
      speed = pace;
    }
    if (wire.frozen()) {
      wire.step(scan_period);
      continue;
    }
    due_s += elapsed_s * speed;
    simulation.run_until(std::min(due_s, trial->horizon_s));
    if (registers.scan(simulation)) {
      journal.append({simulation.now_s(), registers.active_sequence(), registers.active()});
      if (options.json)
        fmt::print("{{\"event\":\"schedule\",\"sequence\":{},\"at_s\":{}}}\n",
                   registers.active_sequence(), simulation.now_s());
      else
        fmt::print("schedule {} is active from {:.0f} s\n", registers.active_sequence(),
                   simulation.now_s());
      std::fflush(stdout);
    }
    registers.publish(simulation);
    const bool over =
        simulation.done() || simulation.runaway() || simulation.now_s() >= trial->horizon_s;
    if (over) registers.at(contract::finished) = 1;
    if (over && !told) {
      told = true;
      write_outcome(options.outcome, simulation.outcome());
      if (options.json)
        fmt::print("{{\"event\":\"finished\",\"at_s\":{}}}\n", simulation.now_s());
      else
        fmt::print("finished at {:.0f} s\n", simulation.now_s());
      std::fflush(stdout);
    }
    if (now - journalled > std::chrono::milliseconds(200)) {
      journalled = now;
      journal.append_clock(simulation.now_s());
    }
    const bool silent =
        std::any_of(trial->communication_losses.begin(), trial->communication_losses.end(),
                    [&](const auto& loss) {
                      return simulation.now_s() >= loss.from_s && simulation.now_s() < loss.until_s;
                    });
    // The beat is kept; one that was missed is not made up for.
    until = std::max(until + scan_period, now);
    do {
      wire.step(until - Clock::now(), silent);
    } while (Clock::now() < until && stopping == 0);
  }
  return 0;
}

}  // namespace foreline::plc
