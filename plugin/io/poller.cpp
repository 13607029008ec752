// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/poller.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>

namespace foreline::io {

namespace asio = boost::asio;
using core::Range;
using line::Quality;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint8_t illegal_address = 2;
constexpr std::uint8_t illegal_value = 3;  ///< What some say to more registers than they give.

/// A field that the device does not have is asked for again after so many beats, as is a request
/// that was taken apart: sixty, and not longer than a minute, as a PLC is loaded in one.
int beats_in_a_hole(double period_s) {
  return static_cast<int>(std::clamp(60 / period_s, 1.0, 60.0));
}

bool holds(const Range& range, const Range& field) {
  return range.table == field.table && range.address <= field.address &&
         range.address + range.count >= field.address + field.count;
}

}  // namespace

Quality quality_of(const Outcome& outcome) {
  // A pause between two attempts is as bad as the attempts.
  const bool unsent =
      outcome.what == Outcome::What::refused || outcome.what == Outcome::What::not_connected;
  switch (unsent ? outcome.because : outcome.what) {
    case Outcome::What::answer:
      return Quality::good;
    case Outcome::What::exception:
      switch (outcome.reply.exception) {
        case 1:
        case 2:
        case 3:
          return Quality::bad_config;
        case 5:
        case 6:
          return Quality::uncertain_last_known;
        case 10:
        case 11:
          return Quality::bad_comm_failure;
        default:
          return Quality::bad_device_failure;
      }
    case Outcome::What::timeout:
    case Outcome::What::malformed:
      return Quality::bad_comm_failure;
    case Outcome::What::lost:
    case Outcome::What::not_connected:
    case Outcome::What::refused:
      return Quality::bad_not_connected;
    case Outcome::What::invalid:
      return Quality::bad_config;
  }
  return Quality::bad_comm_failure;
}

struct Poller::State : std::enable_shared_from_this<Poller::State> {
  struct Request {
    Range range;
    int rest = 0;         ///< Beats before it is tried again.
    bool feeler = false;  ///< Asked besides its parts: does the device have all of it by now?
  };
  struct Line {
    PollPlan plan;
    std::vector<Request> requests;
    std::vector<Range> whole;  ///< As merged at first.
    int apart = 0;             ///< Beats since requests were taken apart.
    std::unique_ptr<asio::steady_timer> timer;
    Clock::time_point next{};
    bool at_work = false;
  };

  asio::io_context& context;
  std::vector<std::shared_ptr<Device>> devices;
  std::vector<Line> lines;
  std::function<void(Polled)> polled;
  bool stopped = false;
  mutable std::mutex mutex;
  PollCounters counters;

  explicit State(asio::io_context& io) : context(io) {}

  template <class Change>
  void count(Change change) {
    const std::lock_guard lock(mutex);
    change(counters);
  }

  void wait(std::size_t index) {
    auto& line = lines[index];
    line.timer->expires_at(line.next);
    line.timer->async_wait([self = shared_from_this(), index](const auto& error) {
      if (error || self->stopped) return;
      auto& due = self->lines[index];
      const auto period = std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(due.plan.period_s));
      const auto beat = due.next;
      due.next += period;
      if (const auto now = Clock::now(); due.next <= now) {
        const auto missed = (now - due.next) / period + 1;
        due.next += missed * period;
        self->count([&](auto& c) { c.overruns += static_cast<std::uint64_t>(missed); });
      }
      if (due.at_work)
        self->count([](auto& c) { ++c.overruns; });
      else
        self->poll(index, beat, {});
      self->wait(index);
    });
  }

  /// The requests of one beat, and what they have brought so far.
  struct Beat {
    Polled polled;
    std::size_t open = 0;
    std::vector<Request> next;
    std::vector<Range> joined;  ///< Answered as one again.
    std::function<void()> done;
  };

  void poll(std::size_t index, Clock::time_point when, std::function<void()> done) {
    auto& line = lines[index];
    line.at_work = true;
    auto beat = std::make_shared<Beat>();
    beat->polled.plan = index;
    beat->polled.device = line.plan.device;
    beat->polled.group = line.plan.group;
    beat->polled.beat = when;
    beat->done = std::move(done);
    beat->open = 1;  // kept open until all are sent
    auto requests = line.requests;
    const auto is_apart = [&](const Range& range) {
      return std::none_of(requests.begin(), requests.end(),
                          [&](const Request& request) { return request.range == range; });
    };
    // A PLC that was being loaded said "illegal address" to everything; it has it all again.
    if (std::any_of(line.whole.begin(), line.whole.end(), is_apart) &&
        ++line.apart % beats_in_a_hole(line.plan.period_s) == 0)
      for (const auto& range : line.whole)
        if (is_apart(range)) requests.push_back({range, 0, true});
    for (auto& request : requests) {
      if (request.rest > 0) {
        --request.rest;
        beat->polled.troubles.emplace_back(request.range, Quality::bad_config);
        beat->next.push_back(request);
        continue;
      }
      ++beat->open;
      devices[line.plan.device]->submit(
          core::read_query(request.range),
          [self = shared_from_this(), index, beat, request](const Outcome& outcome) {
            if (!request.feeler)
              self->take(index, *beat, request.range, outcome);
            else if (outcome.what == Outcome::What::answer)
              beat->joined.push_back(request.range);
            self->close(index, beat);
          });
    }
    close(index, beat);
  }

  void take(std::size_t index, Beat& beat, const Range& range, const Outcome& outcome) {
    if (outcome.what == Outcome::What::answer) {
      if (core::is_bits(range.table)) {
        std::vector<std::uint16_t> words(outcome.reply.bits.begin(), outcome.reply.bits.end());
        beat.polled.image.put(range, words);
      } else {
        beat.polled.image.put(range, outcome.reply.words);
      }
      beat.next.push_back({range});
      return;
    }
    beat.polled.troubles.emplace_back(range, quality_of(outcome));
    if (beat.polled.text.empty()) beat.polled.text = outcome.text;
    const bool no_such =
        outcome.what == Outcome::What::exception &&
        (outcome.reply.exception == illegal_address || outcome.reply.exception == illegal_value);
    if (!no_such) {
      beat.next.push_back({range});
      return;
    }
    // One of its fields, or a gap between them, is not there: find out which, by halves.
    std::vector<Range> inside;
    for (const auto& field : lines[index].plan.fields)
      if (holds(range, field)) inside.push_back(field);
    auto rules = lines[index].plan.rules;
    rules.gap = 0;
    auto tight = core::ranges_of(inside, rules);
    if (tight.size() == 1) {
      std::sort(inside.begin(), inside.end(),
                [](const Range& a, const Range& b) { return a.address < b.address; });
      const auto middle = inside.begin() + static_cast<std::ptrdiff_t>(inside.size() / 2);
      tight = core::ranges_of({inside.begin(), middle}, rules);
      for (auto& more : core::ranges_of({middle, inside.end()}, rules)) tight.push_back(more);
    }
    if (inside.size() <= 1) {
      beat.next.push_back({range, beats_in_a_hole(lines[index].plan.period_s)});
      return;
    }
    count([](auto& c) { ++c.splits; });
    for (const auto& part : tight) beat.next.push_back({part});
  }

  void close(std::size_t index, const std::shared_ptr<Beat>& beat) {
    if (--beat->open > 0) return;
    auto& line = lines[index];
    line.at_work = false;
    for (const auto& range : beat->joined) {
      std::erase_if(beat->next, [&](const Request& part) { return holds(range, part.range); });
      beat->next.push_back({range});
    }
    if (!beat->joined.empty()) line.apart = 0;
    line.requests = std::move(beat->next);
    beat->polled.received = Clock::now();
    count([](auto& c) { ++c.polls; });
    const auto device = line.plan.device;
    if (!stopped && polled) polled(std::move(beat->polled));
    const bool others = std::any_of(lines.begin(), lines.end(), [&](const Line& other) {
      return other.plan.device == device && other.at_work;
    });
    if (!others && !stopped) devices[device]->rest();
    if (beat->done) beat->done();
  }
};

Poller::Poller(Loop& loop, std::vector<std::shared_ptr<Device>> devices,
               std::vector<PollPlan> plans, std::function<void(Polled)> polled)
    : loop_(&loop), state_(std::make_shared<State>(loop.context())) {
  state_->devices = std::move(devices);
  state_->polled = std::move(polled);
  for (auto& plan : plans) {
    State::Line line;
    line.whole = core::ranges_of(plan.fields, plan.rules);
    for (const auto& range : line.whole) line.requests.push_back({range});
    line.plan = std::move(plan);
    line.timer = std::make_unique<asio::steady_timer>(loop.context());
    state_->lines.push_back(std::move(line));
  }
}

Poller::~Poller() {
  auto end = [state = state_] {
    state->stopped = true;
    for (auto& line : state->lines) line.timer->cancel();
    // Handlers that never run again hold this state; the devices must not wait for their end.
    state->devices.clear();
  };
  if (loop_->threaded())
    loop_->post(end);
  else
    end();
}

void Poller::start() {
  loop_->post([state = state_] {
    const auto now = Clock::now();
    for (std::size_t i = 0; i < state->lines.size(); ++i) {
      state->lines[i].next = now + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(state->lines[i].plan.phase_s));
      state->wait(i);
    }
  });
}

void Poller::once(std::function<void()> done) {
  loop_->post([state = state_, done = std::move(done)] {
    auto open = std::make_shared<std::size_t>(state->lines.size());
    if (*open == 0) return done();
    for (std::size_t i = 0; i < state->lines.size(); ++i)
      state->poll(i, Clock::now(), [open, done] {
        if (--*open == 0) done();
      });
  });
}

PollCounters Poller::counters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counters;
}

}  // namespace foreline::io
