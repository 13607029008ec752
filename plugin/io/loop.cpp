// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <optional>
#include <thread>

#include "plugin/io/serial_bus.hpp"

namespace foreline::io {

namespace asio = boost::asio;

struct Loop::State {
  asio::io_context context{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::map<std::string, std::shared_ptr<SerialBus>> buses;
  std::thread thread;
};

Loop::Loop() : state_(std::make_unique<State>()) {}

Loop::~Loop() {
  stop();
}

void Loop::start() {
  if (state_->thread.joinable()) return;
  state_->context.restart();
  state_->work.emplace(state_->context.get_executor());
  state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

void Loop::stop() {
  state_->work.reset();
  state_->context.stop();
  if (state_->thread.joinable()) state_->thread.join();
  state_->buses.clear();
}

bool Loop::threaded() const {
  return state_->thread.joinable();
}

bool Loop::run(std::chrono::steady_clock::time_point deadline, const bool& finished) {
  state_->context.restart();
  // What waits for a serial line is not yet the context's own work.
  const auto work = asio::make_work_guard(state_->context);
  while (!finished && std::chrono::steady_clock::now() < deadline) {
    if (state_->context.run_one_until(deadline) == 0 && state_->context.stopped()) break;
  }
  return finished;
}

void Loop::post(std::function<void()> task) {
  asio::post(state_->context, std::move(task));
}

asio::io_context& Loop::context() {
  return state_->context;
}

std::shared_ptr<SerialBus> Loop::bus(const core::SerialLine& line) {
  auto& bus = state_->buses[line.path];
  if (!bus) bus = std::make_shared<SerialBus>(line);
  return bus;
}

}  // namespace foreline::io
