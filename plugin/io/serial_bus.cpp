// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/serial_bus.hpp"

#include <fmt/format.h>
#include <modbus.h>
#include <sys/select.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace foreline::io {

namespace {

constexpr std::size_t queue_limit = 65'536;

struct Job {
  std::uint8_t unit = 0;
  core::Bytes pdu;
  std::chrono::milliseconds timeout{};
  SerialBus::Answered answered;
};

struct FreeModbus {
  void operator()(modbus_t* context) const {
    modbus_close(context);
    modbus_free(context);
  }
};

}  // namespace

struct SerialBus::State {
  core::SerialLine line;
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Job> jobs;
  bool stopping = false;
  std::unique_ptr<modbus_t, FreeModbus> context;
  std::thread thread;

  std::string open() {
    if (context) return {};
    std::unique_ptr<modbus_t, FreeModbus> fresh(
        modbus_new_rtu(line.path.c_str(), line.baud, line.parity, line.data_bits, line.stop_bits));
    if (!fresh) return fmt::format("{}: {}", line.path, modbus_strerror(errno));
    if (modbus_connect(fresh.get()) != 0)
      return fmt::format("{}: {}", line.path, modbus_strerror(errno));
    // libmodbus waits with select(), which writes beyond its set from this number on.
    if (const int fd = modbus_get_socket(fresh.get()); fd < 0 || fd >= FD_SETSIZE)
      return fmt::format(
          "{}: refused, its descriptor is {} and libmodbus can only wait for those below {}",
          line.path, fd, FD_SETSIZE);
    // Without a timeout between bytes, the response timeout covers the whole answer.
    modbus_set_byte_timeout(fresh.get(), 0, 0);
    context = std::move(fresh);
    return {};
  }

  void serve(Job& job) {
    if (auto trouble = open(); !trouble.empty()) {
      job.answered({}, std::move(trouble), false);
      return;
    }
    const auto ms = job.timeout.count();
    modbus_set_response_timeout(context.get(), static_cast<std::uint32_t>(ms / 1000),
                                static_cast<std::uint32_t>(ms % 1000 * 1000));
    modbus_set_slave(context.get(), job.unit);
    modbus_flush(context.get());  // the tail of an earlier, late answer
    core::Bytes request = {job.unit};
    request.insert(request.end(), job.pdu.begin(), job.pdu.end());
    std::array<std::uint8_t, MODBUS_RTU_MAX_ADU_LENGTH + 8> answer{};
    if (modbus_send_raw_request(context.get(), request.data(), static_cast<int>(request.size())) <
        0) {
      const int error = errno;
      context.reset();
      job.answered({}, fmt::format("{}: {}", line.path, modbus_strerror(error)), false);
      return;
    }
    const int size = modbus_receive_confirmation(context.get(), answer.data());
    if (size >= 4) {
      job.answered({answer.begin() + 1, answer.begin() + size - 2},
                   answer[0] == job.unit
                       ? std::string()
                       : fmt::format("unit {} answered for unit {}", answer[0], job.unit),
                   false);
      return;
    }
    const int error = errno;
    const bool silence = error == ETIMEDOUT;
    // A line that is gone (a pulled adapter) must be opened again.
    if (!silence && error < MODBUS_ENOBASE) context.reset();
    job.answered({},
                 silence ? fmt::format("no answer within {} ms", ms)
                         : fmt::format("{}: {}", line.path, modbus_strerror(error)),
                 silence);
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      filled.wait(lock, [&] { return stopping || !jobs.empty(); });
      if (stopping) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      serve(job);
      job = {};
      lock.lock();
    }
  }
};

SerialBus::SerialBus(core::SerialLine line) : state_(std::make_unique<State>()) {
  state_->line = std::move(line);
  state_->thread = std::thread([state = state_.get()] { state->work(); });
}

SerialBus::~SerialBus() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->filled.notify_one();
  state_->thread.join();
}

void SerialBus::ask(std::uint8_t unit, core::Bytes pdu, std::chrono::milliseconds timeout,
                    Answered answered) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->jobs.size() < queue_limit) {
      state_->jobs.push_back({unit, std::move(pdu), timeout, std::move(answered)});
      answered = nullptr;
    }
  }
  if (answered)
    answered({}, "too many requests wait for this line", false);
  else
    state_->filled.notify_one();
}

}  // namespace foreline::io
