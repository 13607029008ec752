// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/serial_bus.hpp"

#include <fmt/format.h>
#include <modbus.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace foreline::io {

using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t queue_limit = 65'536;
constexpr std::chrono::milliseconds glance(50);  ///< So often a wait is looked up from.

struct Job {
  std::uint8_t unit = 0;
  core::Query query;
  std::chrono::milliseconds timeout{};
  bool any_unit = false;
  SerialBus::Answered answered;
};

struct FreeModbus {
  void operator()(modbus_t* context) const {
    modbus_close(context);
    modbus_free(context);
  }
};

}  // namespace

std::string silence_text(std::chrono::milliseconds timeout, std::size_t others) {
  auto text = fmt::format("no answer within {} ms", timeout.count());
  if (others > 0) text += fmt::format("; {} bytes came that were no answer", others);
  return text;
}

struct SerialBus::State {
  core::SerialLine line;
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Job> jobs;
  std::atomic<bool> stopping = false;
  bool listened = false;  ///< To what was meant for who had the line before.
  std::unique_ptr<modbus_t, FreeModbus> context;
  /// An answer does not say to which request it belongs. A unit that owes one is not asked again
  /// before this time, so that it is not taken for that to the next; others are, meanwhile.
  std::map<std::uint8_t, Clock::time_point> late;
  Clock::time_point heard{};  ///< The last byte.
  std::thread thread;

  /// What the specification wants between two frames: three and a half characters, of 11 bits.
  [[nodiscard]] Clock::duration silence() const {
    return line.baud > 19'200 ? std::chrono::microseconds(1750)
                              : std::chrono::microseconds(38'500'000 / line.baud);
  }

  std::string open() {
    if (context) return {};
    std::unique_ptr<modbus_t, FreeModbus> fresh(
        modbus_new_rtu(line.path.c_str(), line.baud, line.parity, line.data_bits, line.stop_bits));
    if (!fresh || modbus_connect(fresh.get()) != 0) return modbus_strerror(errno);
    context = std::move(fresh);
    return {};
  }

  void serve(Job& job) {
    if (auto trouble = open(); !trouble.empty())
      return job.answered(End::unsent, {}, std::move(trouble));
    if (!std::exchange(listened, true)) {
      std::unique_lock lock(mutex);
      filled.wait_for(lock, job.timeout, [&] { return stopping.load(); });
    }
    std::this_thread::sleep_until(heard + silence());
    modbus_flush(context.get());  // the tail of an earlier, late answer
    const auto pdu = core::pdu_of(job.query);
    core::Bytes request = {job.unit};
    request.insert(request.end(), pdu.begin(), pdu.end());
    const auto sent = Clock::now();
    if (modbus_send_raw_request(context.get(), request.data(), static_cast<int>(request.size())) <
        0) {
      std::string why = modbus_strerror(errno);
      context.reset();
      return job.answered(End::unsent, {}, std::move(why));
    }
    core::FrameReader reader(core::FrameReader::Framing::rtu_answers);
    reader.expect(core::rtu_frame(job.unit, pdu), job.any_unit);
    late[job.unit] = sent + job.timeout;
    const auto deadline = sent + job.timeout;
    const int fd = modbus_get_socket(context.get());
    std::string why;
    while (Clock::now() < deadline && !stopping) {
      pollfd waiting{fd, POLLIN, 0};
      const auto left =
          std::min(glance, std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
      if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
      std::array<std::uint8_t, MODBUS_RTU_MAX_ADU_LENGTH> bytes{};
      const auto size = ::read(fd, bytes.data(), bytes.size());
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (size <= 0) {  // a pulled adapter: to be opened again
        why = size < 0 ? modbus_strerror(errno) : "the line has ended";
        context.reset();
        return job.answered(End::garbled, {}, std::move(why));
      }
      reader.push({bytes.data(), static_cast<std::size_t>(size)});
      heard = Clock::now();
      core::FrameIn frame;
      auto step = reader.next(frame);
      for (; step == core::FrameReader::Step::frame; step = reader.next(frame)) {
        // What was meant for another request, a late answer perhaps, is not the end of this one.
        auto reply = core::reply_of(job.query, frame.pdu, why);
        if (!reply) continue;
        late.erase(job.unit);
        return job.answered(End::answered, std::move(*reply), {});
      }
      if (step == core::FrameReader::Step::broken)
        return job.answered(End::garbled, {}, "an answer whose checksum or length is wrong");
    }
    late[job.unit] = Clock::now() + job.timeout;
    if (!why.empty()) return job.answered(End::garbled, {}, std::move(why));
    job.answered(End::silent, {}, silence_text(job.timeout, reader.passed_over()));
  }

  void work() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      const auto now = Clock::now();
      auto next = Clock::time_point::max();
      const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const Job& waiting) {
        const auto until = late.find(waiting.unit);
        if (until == late.end() || until->second <= now) return true;
        next = std::min(next, until->second);
        return false;
      });
      if (found == jobs.end()) {
        if (jobs.empty())
          filled.wait(lock);
        else
          filled.wait_until(lock, next);
        continue;
      }
      auto job = std::move(*found);
      jobs.erase(found);
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

void SerialBus::ask(std::uint8_t unit, core::Query query, std::chrono::milliseconds timeout,
                    bool any_unit, Answered answered) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->jobs.size() < queue_limit) {
      state_->jobs.push_back({unit, std::move(query), timeout, any_unit, std::move(answered)});
      answered = nullptr;
    }
  }
  if (answered)
    answered(End::unsent, {}, "too many requests wait for this line");
  else
    state_->filled.notify_one();
}

}  // namespace foreline::io
