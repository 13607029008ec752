// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "plugin/io/link.hpp"
#include "plugin/io/serial_bus.hpp"
#include "sim/line/random.hpp"

namespace foreline::io {

namespace asio = boost::asio;
using boost::system::error_code;
using core::Query;
using core::Transport;
using Clock = std::chrono::steady_clock;
using What = Outcome::What;

namespace {

constexpr std::size_t queue_limit = 65'536;  ///< A poll of a device that takes one field a request.
/// Between the numbers of two requests: odd, so that all come by, and far, so that a peer that
/// miscounts numbers does not hit another request in flight (65536 times the golden ratio).
constexpr unsigned number_step = 40'503;
constexpr std::uint32_t unasked_limit = 64;  ///< Answers in a row that nobody waits for.
constexpr std::size_t remembered = 256;      ///< Requests whose late answers are known as such.
/// Between an answer and the next request where frames have no number, as on a serial line: what
/// comes in it, such as the answer once more, is not taken for that to the next request.
constexpr double rtu_silence_s = 0.002;
/// Of the timeout: so long nothing comes behind an answer while others are awaited, then it was
/// whole.
constexpr double quiet_share = 0.1;
constexpr std::uint8_t busy = 6;
constexpr std::uint8_t no_path = 10;
constexpr std::uint8_t no_target = 11;

Clock::duration duration_of(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}
std::chrono::milliseconds ms_of(double s) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(s * 1000));
}

std::string said_by(const core::Reply& reply) {
  return fmt::format("exception {} ({})", reply.exception, core::exception_name(reply.exception));
}

struct Job {
  Query query;
  std::uint8_t unit = 0;
  Device::Handler handler;
  std::uint32_t busy_answers = 0;
  bool asked_again = false;
};

/// What an answer to a request begins with.
struct Awaited {
  std::uint8_t unit = 0;
  std::uint8_t function = 0;
  std::uint16_t pdu_size = 0;  ///< 0: varies.

  explicit Awaited(const Job& job)
      : unit(job.unit),
        function(static_cast<std::uint8_t>(job.query.function)),
        pdu_size(static_cast<std::uint16_t>(core::answer_size(job.query))) {}
  [[nodiscard]] bool fits(const core::Heading& heading, bool any_unit) const {
    if (heading.protocol != 0 || (!any_unit && heading.unit != unit)) return false;
    if (heading.function == (function | 0x80U)) return heading.pdu_size == 2;
    return heading.function == function && (pdu_size == 0 || heading.pdu_size == pdu_size);
  }
};

/// A request that has ended, whose answer, or another, may still come.
struct Past {
  std::uint16_t number = 0;
  Awaited awaited;
  bool answered = false;
};

struct Flying {
  Job job;
  Clock::time_point sent;
  Clock::time_point deadline;
};

struct Breaker {
  std::uint32_t failures = 0;
  Clock::time_point closed_until{};
  Outcome last;  ///< The failure that is said again while the unit is left alone.
};

enum class Phase : std::uint8_t { idle, connecting, pausing, ready };

}  // namespace

struct Device::State : std::enable_shared_from_this<Device::State> {
  State(Loop& loop, core::Device device, std::uint64_t seed)
      : settings(std::move(device)),
        context(loop.context()),
        reader(settings.transport == Transport::rtu_over_tcp
                   ? core::FrameReader::Framing::rtu_answers
                   : core::FrameReader::Framing::mbap),
        deadline_timer(context),
        pause_timer(context),
        connect_timer(context),
        quiet_timer(context),
        backoff(ms_of(settings.reconnect_max_s), seed, ms_of(settings.reconnect_min_s)) {
    if (settings.transport == Transport::rtu) bus = loop.bus(settings.serial);
    if (settings.transport == Transport::rtu_over_tcp || settings.transport == Transport::rtu)
      settings.in_flight = 1;  // answers carry no number
    settings.in_flight = std::clamp<std::uint32_t>(settings.in_flight, 1, 16);
  }

  core::Device settings;
  asio::io_context& context;
  std::shared_ptr<SerialBus> bus;
  std::shared_ptr<Link> link;
  core::FrameReader reader;
  asio::steady_timer deadline_timer;
  asio::steady_timer pause_timer;
  asio::steady_timer connect_timer;
  asio::steady_timer quiet_timer;
  Backoff backoff;
  Clock::time_point next_attempt{};
  std::string last_trouble = "not connected";
  What last_end = What::not_connected;  ///< How the last connection ended.
  bool on_backup = false;
  bool tried_backup = false;
  std::uint64_t generation = 0;  ///< Of the connection; handlers of an older one are deaf.
  Phase phase = Phase::idle;
  std::deque<Job> urgent;  ///< Writes.
  std::deque<Job> queue;
  std::map<std::uint16_t, Flying> flying;
  std::vector<core::Bytes> outbox;
  bool writing = false;
  bool armed = false;
  std::uint16_t transaction = 0;
  std::deque<Past> past;
  std::optional<core::FrameIn> unproven;  ///< May have been filled up; see believe().
  Clock::time_point unproven_since{};
  std::array<std::uint8_t, 2048> buffer{};
  std::uint32_t silent = 0;
  std::uint32_t unasked = 0;
  bool has_answered = false;  ///< On this connection.
  bool listened = false;      ///< Before the first request.
  std::map<std::uint8_t, Breaker> breakers;
  std::vector<std::function<void(std::string)>> openers;
  Clock::time_point not_before{};
  bool retiring = false;

  mutable std::mutex counters_mutex;
  DeviceCounters counters;

  [[nodiscard]] std::string peer() const {
    return on_backup ? core::where_of(settings.backup_host, settings.backup_port)
                     : settings.where();
  }
  template <class Change>
  void count(Change change) {
    const std::lock_guard lock(counters_mutex);
    change(counters);
  }
  void show() {
    const std::lock_guard lock(counters_mutex);
    counters.connected = bus ? counters.connected : phase == Phase::ready;
    counters.queued = urgent.size() + queue.size();
  }

  static void tell(Job& job, Outcome outcome) {
    if (!job.handler) return;
    std::exchange(job.handler, nullptr)(std::move(outcome));
  }
  static void finish(Job& job, What what, std::string text, core::Reply reply = {},
                     Clock::duration took = {}) {
    tell(job, {what, std::move(reply), std::move(text), took});
  }

  // --- Queue ----------------------------------------------------------------------------------

  void enqueue(Job job) {
    if (retiring) return finish(job, What::not_connected, peer() + ": closed");
    if (core::pdu_of(job.query).empty())
      return finish(job, What::invalid,
                    peer() + ": the counts or addresses are beyond what Modbus allows");
    auto& breaker = breakers[job.unit];
    const auto now = Clock::now();
    if (breaker.failures >= settings.breaker_failures && now < breaker.closed_until) {
      count([](auto& c) { ++c.refused; });
      return tell(job, {What::refused,
                        breaker.last.reply,
                        fmt::format("{}: {}; unit {} is left alone for a while", peer(),
                                    breaker.last.text, job.unit),
                        {},
                        breaker.last.what});
    }
    // Open again for this one request; its failure closes the way for the next ones.
    if (breaker.failures >= settings.breaker_failures)
      breaker.closed_until = now + duration_of(settings.breaker_pause_s);
    if (urgent.size() + queue.size() >= queue_limit) {
      count([](auto& c) { ++c.refused; });
      return finish(job, What::refused, peer() + ": too many requests wait for this device");
    }
    if (bus) return ask_bus(std::move(job));
    (core::writes(job.query.function) ? urgent : queue).push_back(std::move(job));
    if (phase == Phase::idle) {
      if (now < next_attempt) return fail_waiting();
      connect();
    }
    pump();
  }

  void fail_waiting() {
    auto waiting = std::exchange(urgent, {});
    auto reads = std::exchange(queue, {});
    std::move(reads.begin(), reads.end(), std::back_inserter(waiting));
    for (auto& job : waiting)
      tell(job,
           {What::not_connected, {}, fmt::format("{}: {}", peer(), last_trouble), {}, last_end});
    show();
  }

  void blame(std::uint8_t unit, What what, const std::string& why, core::Reply reply = {}) {
    auto& breaker = breakers[unit];
    breaker.last = {what, std::move(reply), why};
    if (++breaker.failures >= settings.breaker_failures)
      breaker.closed_until = Clock::now() + duration_of(settings.breaker_pause_s);
  }

  // --- Connection -----------------------------------------------------------------------------

  void connect() {
    phase = Phase::connecting;
    const auto mine = ++generation;
    reader.clear();
    unproven.reset();
    link = make_link(context, settings);
    auto self = shared_from_this();
    connect_timer.expires_after(duration_of(settings.timeout_s));
    connect_timer.async_wait([self, mine](const error_code& error) {
      if (error || mine != self->generation || self->phase != Phase::connecting) return;
      self->unconnected(fmt::format("no {} within {} ms", self->link->awaited(),
                                    ms_of(self->settings.timeout_s).count()));
    });
    link->open(on_backup ? settings.backup_host : settings.host,
               on_backup ? settings.backup_port : settings.port,
               [self, mine](const error_code& error, std::size_t) {
                 if (mine != self->generation || self->phase != Phase::connecting) return;
                 if (error) return self->unconnected(self->link->why(error));
                 self->established();
               });
  }

  void unconnected(const std::string& why) {
    ++generation;
    link->close();
    connect_timer.cancel();
    phase = Phase::idle;
    count([](auto& c) { ++c.connect_failures; });
    last_trouble = why;
    last_end = What::not_connected;
    if (!settings.backup_host.empty()) {
      on_backup = !on_backup;
      if (!std::exchange(tried_backup, true)) return connect();
    }
    tried_backup = false;
    next_attempt = Clock::now() + backoff.next();
    tell_openers(fmt::format("{}: {}", peer(), why));
    fail_waiting();
  }

  void tell_openers(const std::string& trouble) {
    for (auto& opener : std::exchange(openers, {})) opener(trouble);
  }

  void established() {
    connect_timer.cancel();
    tried_backup = false;
    silent = 0;
    unasked = 0;
    has_answered = false;
    past.clear();
    count([](auto& c) { ++c.connects; });
    read_on();
    double pause_s = settings.connect_pause_s;
    // Serial servers hand a late answer to whoever is connected next: that to a former instance,
    // too.
    if (settings.transport == Transport::rtu_over_tcp && !std::exchange(listened, true))
      pause_s = std::max(pause_s, settings.timeout_s);
    if (pause_s > 0) {
      phase = Phase::pausing;
      auto self = shared_from_this();
      pause_timer.expires_after(duration_of(pause_s));
      pause_timer.async_wait([self, mine = generation](const error_code& error) {
        if (error || mine != self->generation) return;
        self->ready();
      });
    } else {
      ready();
    }
  }

  void ready() {
    phase = Phase::ready;
    show();
    tell_openers({});
    pump();
  }

  /// The peer has ended the connection. Some do after each answer, or when nobody asks for a while:
  /// where there was an answer before, what was to be read is asked for once more, at once.
  void hang_up(const std::string& why) {
    if (!has_answered || retiring) return drop(What::lost, why);
    for (auto it = flying.rbegin(); it != flying.rend();) {
      auto& job = it->second.job;
      if (core::writes(job.query.function) || job.asked_again) {
        ++it;
        continue;
      }
      job.asked_again = true;
      queue.push_front(std::move(job));
      it = std::make_reverse_iterator(flying.erase(std::next(it).base()));
    }
    drop(What::lost, why, false);
  }

  /// The connection ends. Requests in flight end as `what`, those not yet sent wait for the next
  /// connection if one may be tried at once.
  void drop(What what, const std::string& why, bool with_pause = true) {
    if (phase == Phase::idle) return;
    ++generation;
    link->close();
    connect_timer.cancel();
    pause_timer.cancel();
    quiet_timer.cancel();
    phase = Phase::idle;
    outbox.clear();
    writing = false;
    last_trouble = why;
    last_end = silent > 0 ? What::timeout : what;  // it was silent before it went
    if (with_pause) {
      next_attempt = Clock::now() + backoff.next();
      // As at the first connection.
      if (settings.transport == Transport::rtu_over_tcp)
        next_attempt = std::max(next_attempt, Clock::now() + duration_of(settings.timeout_s));
      if (!settings.backup_host.empty()) on_backup = !on_backup;
    }
    show();
    auto ended = std::exchange(flying, {});
    for (auto& [number, flight] : ended)
      finish(flight.job, what, fmt::format("{}: {}", peer(), why));
    tell_openers(fmt::format("{}: {}", peer(), why));
    if (phase != Phase::idle) return;  // a handler has begun anew
    if (with_pause || retiring) return fail_waiting();
    if (!urgent.empty() || !queue.empty()) connect();
  }

  // --- Sending --------------------------------------------------------------------------------

  void pump() {
    if (phase != Phase::ready) return show();
    while ((!urgent.empty() || !queue.empty()) && flying.size() < settings.in_flight) {
      const auto now = Clock::now();
      if (now < not_before) {
        auto self = shared_from_this();
        pause_timer.expires_at(not_before);
        pause_timer.async_wait([self, mine = generation](const error_code& error) {
          if (!error && mine == self->generation) self->pump();
        });
        break;
      }
      // What is written alone in flight cannot be overtaken by what it must come after.
      auto& from = urgent.empty() ? queue : urgent;
      auto job = std::move(from.front());
      from.pop_front();
      send(std::move(job), now);
    }
    show();
  }

  void send(Job job, Clock::time_point now) {
    do {
      transaction = static_cast<std::uint16_t>(transaction + number_step);
    } while (flying.count(transaction) != 0);
    const auto pdu = core::pdu_of(job.query);
    Flying flight{std::move(job), now, now + duration_of(settings.timeout_s)};
    if (settings.transport == Transport::rtu_over_tcp) {
      outbox.push_back(core::rtu_frame(flight.job.unit, pdu));
      reader.expect(outbox.back(), settings.any_unit);
    } else {
      outbox.push_back(core::mbap_frame(transaction, flight.job.unit, pdu));
    }
    flying.emplace(transaction, std::move(flight));
    count([](auto& c) { ++c.requests; });
    arm();
    write_on();
  }

  void write_on() {
    if (writing || outbox.empty()) return;
    writing = true;
    auto kept = std::make_shared<core::Bytes>();
    if (link->datagrams()) {
      *kept = std::move(outbox.front());
      outbox.erase(outbox.begin());
    } else if (outbox.size() == 1) {
      *kept = std::move(outbox.front());
      outbox.clear();
    } else {
      for (const auto& frame : outbox) kept->insert(kept->end(), frame.begin(), frame.end());
      outbox.clear();
    }
    auto self = shared_from_this();
    link->write(*kept, [self, kept, mine = generation](const error_code& error, std::size_t) {
      if (mine != self->generation) return;
      self->writing = false;
      if (error) return self->hang_up(error.message());
      self->write_on();
    });
  }

  /// One timer for all deadlines: set to the earliest, looked at again when it rings.
  void arm() {
    if (armed || flying.empty()) return;
    armed = true;
    auto earliest = Clock::time_point::max();
    for (const auto& [number, flight] : flying) earliest = std::min(earliest, flight.deadline);
    deadline_timer.expires_at(earliest);
    std::weak_ptr<State> weak = shared_from_this();
    deadline_timer.async_wait([weak](const error_code& error) {
      const auto self = weak.lock();
      if (!self) return;
      self->armed = false;
      if (!error) self->expire();
    });
  }

  void expire() {
    const auto now = Clock::now();
    std::vector<Flying> expired;
    for (auto it = flying.begin(); it != flying.end();) {
      if (it->second.deadline > now) {
        ++it;
        continue;
      }
      if (unproven && unproven->transaction == it->first) unproven.reset();
      remember(it->first, it->second.job, false);
      expired.push_back(std::move(it->second));
      it = flying.erase(it);
    }
    const auto text = silence_text(ms_of(settings.timeout_s), reader.passed_over());
    for (auto& flight : expired) {
      count([](auto& c) { ++c.timeouts; });
      blame(flight.job.unit, What::timeout, text);
      ++silent;
    }
    // Without numbers a late answer would be taken for that to the next request.
    const bool give_up = !expired.empty() && (silent >= settings.silences ||
                                              settings.transport == Transport::rtu_over_tcp);
    if (give_up && settings.transport != Transport::udp) drop(What::lost, text);
    for (auto& flight : expired)
      finish(flight.job, What::timeout, fmt::format("{}: {}", peer(), text), {}, now - flight.sent);
    arm();
    pump();
  }

  void remember(std::uint16_t number, const Job& job, bool answered) {
    past.push_back({number, Awaited(job), answered});
    if (past.size() > remembered) past.pop_front();
  }

  // --- Receiving ------------------------------------------------------------------------------

  void read_on() {
    auto self = shared_from_this();
    link->read(buffer, [self, mine = generation](const error_code& error, std::size_t size) {
      if (mine != self->generation) return;
      if (error)
        return self->hang_up(error == asio::error::eof
                                 ? std::string("the peer has closed the connection")
                                 : error.message());
      self->take({self->buffer.data(), size}, mine);
      if (mine == self->generation) self->read_on();
    });
  }

  void take(std::span<const std::uint8_t> bytes, std::uint64_t mine) {
    core::FrameIn frame;
    if (link->datagrams()) {
      reader.clear();
      reader.push(bytes);
      if (reader.next(frame) == core::FrameReader::Step::frame && reader.held() == 0) {
        take(frame, Clock::now());
        if (mine != generation) return;
      } else {
        count([](auto& c) { ++c.malformed; });
      }
      return pump();
    }
    const auto now = Clock::now();
    quiet_timer.expires_at(Clock::time_point::max());
    auto came = unproven ? unproven_since : now;
    reader.push(bytes);
    while (true) {
      const bool in_parts = reader.held() > bytes.size();
      auto step = core::FrameReader::Step::frame;
      if (unproven)
        frame = *std::exchange(unproven, std::nullopt);
      else
        step = reader.next(frame);
      if (step == core::FrameReader::Step::more) break;
      const auto belief = step == core::FrameReader::Step::broken         ? Belief::none
                          : settings.transport == Transport::rtu_over_tcp ? Belief::full
                                                                          : believe(frame, came);
      if (belief == Belief::none) {
        count([](auto& c) { ++c.malformed; });
        return drop(What::malformed, "the peer does not speak Modbus");
      }
      if (belief == Belief::later) {
        unproven = std::move(frame);
        unproven_since = came;
        if (!in_parts && reader.held() == 0) await_quiet();
        break;
      }
      take(frame, came);
      if (mine != generation) return;
      came = now;
    }
    pump();
  }

  void await_quiet() {
    quiet_timer.expires_after(duration_of(quiet_share * settings.timeout_s));
    quiet_timer.async_wait([self = shared_from_this(), mine = generation](const error_code& error) {
      if (error || mine != self->generation || !self->unproven ||
          self->quiet_timer.expiry() > Clock::now())
        return;
      self->take(*std::exchange(self->unproven, std::nullopt), self->unproven_since);
      if (mine == self->generation) self->pump();
    });
  }

  enum class Belief : std::uint8_t { full, later, none };

  /// Whether the answer is whole. One that was cut short is filled up from what comes behind it:
  /// from the next answer, whose own beginning is then inside it, or out of step.
  [[nodiscard]] Belief believe(const core::FrameIn& frame, Clock::time_point came) const {
    if (flying.count(frame.transaction) == 0) return Belief::full;
    const auto rest = reader.rest();
    const auto behind = core::heading_of(rest);
    if (behind && !is_awaited(*behind)) return Belief::none;
    if (!behind && !rest.empty()) return Belief::later;
    const bool alone = std::none_of(flying.begin(), flying.end(), [&](const auto& other) {
      return other.first != frame.transaction && other.second.sent < came;
    });
    if (alone) return Belief::full;
    for (std::span<const std::uint8_t> inside(frame.pdu); inside.size() >= core::Heading::size;
         inside = inside.subspan(1))
      if (inside[2] == 0 && inside[3] == 0 && is_in_flight(*core::heading_of(inside)))
        return Belief::none;
    return rest.empty() ? Belief::later : Belief::full;
  }

  [[nodiscard]] bool is_in_flight(const core::Heading& heading) const {
    const auto found = flying.find(heading.transaction);
    return found != flying.end() && Awaited(found->second.job).fits(heading, settings.any_unit);
  }
  [[nodiscard]] bool is_awaited(const core::Heading& heading) const {
    return is_in_flight(heading) || std::any_of(past.begin(), past.end(), [&](const auto& ended) {
             return ended.number == heading.transaction &&
                    ended.awaited.fits(heading, settings.any_unit);
           });
  }

  void take(const core::FrameIn& frame, Clock::time_point came) {
    auto found = settings.transport == Transport::rtu_over_tcp ? flying.begin()
                                                               : flying.find(frame.transaction);
    if (found == flying.end()) {
      const auto known = std::find_if(past.rbegin(), past.rend(), [&](const auto& entry) {
        return entry.number == frame.transaction;
      });
      count([&](auto& c) {
        ++(known == past.rend() ? c.strangers : known->answered ? c.duplicates : c.late);
      });
      if (++unasked > unasked_limit)
        drop(What::malformed, fmt::format("{} answers in a row that nobody asked for", unasked));
      return;
    }
    if (!settings.any_unit && frame.unit != found->second.job.unit) {
      count([](auto& c) { ++c.malformed; });
      const auto asked = found->second.job.unit;
      const auto why = fmt::format("unit {} answered for unit {}", frame.unit, asked);
      blame(asked, What::malformed, why);
      return drop(What::malformed, why);
    }
    std::string why;
    auto reply = core::reply_of(found->second.job.query, frame.pdu, why);
    if (!reply) {
      count([](auto& c) { ++c.malformed; });
      blame(found->second.job.unit, What::malformed, why);
      return drop(What::malformed, why);
    }
    unasked = 0;
    has_answered = true;
    auto flight = std::move(found->second);
    flying.erase(found);
    remember(frame.transaction, flight.job, true);
    const double pause_s = settings.transport == Transport::rtu_over_tcp
                               ? std::max(settings.request_pause_s, rtu_silence_s)
                               : settings.request_pause_s;
    if (pause_s > 0) not_before = came + duration_of(pause_s);
    silent = 0;
    backoff.reset();
    answered(flight.job, std::move(*reply), came - flight.sent);
  }

  void answered(Job& job, core::Reply reply, Clock::duration took) {
    const double took_s = std::chrono::duration<double>(took).count();
    count([&](auto& c) {
      ++c.answers;
      c.round_trips_s += took_s;
      std::size_t bucket = 0;
      while (bucket < DeviceCounters::bounds_s.size() && took_s > DeviceCounters::bounds_s[bucket])
        ++bucket;
      ++c.round_trips[bucket];
      if (reply.exception != 0) {
        ++c.exceptions;
        ++c.exceptions_by_code[reply.exception];
      }
    });
    if (reply.exception == no_path || reply.exception == no_target)
      blame(job.unit, What::exception, said_by(reply), reply);
    else
      breakers[job.unit] = {};
    if (reply.exception == 0) return finish(job, What::answer, {}, std::move(reply), took);
    if (reply.exception == busy && job.busy_answers < settings.busy_retries) {
      // Busy means: not done. So this, alone among failed writes, may be sent again.
      count([](auto& c) { ++c.busy_retries; });
      const double wait_s = settings.busy_wait_s * static_cast<double>(1U << job.busy_answers);
      ++job.busy_answers;
      auto timer = std::make_shared<asio::steady_timer>(context, duration_of(wait_s));
      auto kept = std::make_shared<Job>(std::move(job));
      timer->async_wait([self = shared_from_this(), timer, kept](const error_code&) {
        self->enqueue(std::move(*kept));
      });
      return;
    }
    const auto text = fmt::format("{}: {}", peer(), said_by(reply));
    finish(job, What::exception, text, std::move(reply), took);
  }

  // --- Serial lines ---------------------------------------------------------------------------

  void ask_bus(Job job) {
    count([](auto& c) { ++c.requests; });
    auto kept = std::make_shared<Job>(std::move(job));
    const auto sent = Clock::now();
    const auto unit = kept->unit;
    auto query = kept->query;
    // The bus's thread must never be the last to hold this device, or the bus would end itself.
    std::weak_ptr<State> weak = shared_from_this();
    bus->ask(unit, std::move(query), ms_of(settings.timeout_s), settings.any_unit,
             [weak, io = &context, kept = std::move(kept), sent](
                 SerialBus::End end, core::Reply reply, std::string trouble) mutable {
               asio::post(*io, [weak, kept = std::move(kept), sent, end, reply = std::move(reply),
                                trouble = std::move(trouble)]() mutable {
                 if (const auto self = weak.lock())
                   self->take_from_bus(*kept, end, std::move(reply), trouble, Clock::now() - sent);
                 else
                   finish(*kept, What::lost, "closed");
               });
             });
  }

  void take_from_bus(Job& job, SerialBus::End end, core::Reply reply, const std::string& trouble,
                     Clock::duration took) {
    if (end == SerialBus::End::answered) {
      count([](auto& c) { c.connected = true; });
      return answered(job, std::move(reply), took);
    }
    const auto what = end == SerialBus::End::silent   ? What::timeout
                      : end == SerialBus::End::unsent ? What::not_connected
                                                      : What::malformed;
    count([&](auto& c) {
      c.connected = false;
      if (what == What::timeout) ++c.timeouts;
      if (what == What::malformed) ++c.malformed;
    });
    blame(job.unit, what, trouble);
    finish(job, what, fmt::format("{}: {}", peer(), trouble), {}, took);
  }
};

Device::Device(Loop& loop, core::Device settings, std::uint64_t seed)
    : loop_(&loop), state_(std::make_shared<State>(loop, std::move(settings), seed)) {}

Device::~Device() {
  retire();
}

void Device::retire() {
  auto end = [state = state_] {
    state->retiring = true;
    state->drop(What::lost, "closed", false);
    state->fail_waiting();
    state->deadline_timer.cancel();
  };
  if (loop_->threaded())
    loop_->post(end);
  else
    end();
}

void Device::open(std::function<void(std::string)> handler) {
  auto& s = *state_;
  if (s.retiring) return handler(s.peer() + ": closed");
  if (s.bus || s.phase == Phase::ready) return handler({});
  s.openers.push_back(std::move(handler));
  if (s.phase == Phase::idle) s.connect();
}

void Device::submit(Query query, Handler handler, std::optional<std::uint8_t> unit) {
  asio::dispatch(state_->context, [state = state_, query = std::move(query),
                                   handler = std::move(handler), unit]() mutable {
    state->enqueue({std::move(query), unit.value_or(state->settings.unit), std::move(handler)});
  });
}

void Device::rest() {
  asio::dispatch(state_->context, [state = state_] {
    if (!state->settings.close_after_poll || state->phase != Phase::ready) return;
    if (state->flying.empty() && state->queue.empty() && state->urgent.empty())
      state->drop(What::lost, "closed after the poll", false);
  });
}

void Device::close() {
  auto end = [state = state_] { state->drop(What::lost, "closed", false); };
  if (loop_->threaded())
    asio::dispatch(state_->context, end);
  else
    end();
}

const core::Device& Device::settings() const {
  return state_->settings;
}

bool Device::connected() const {
  const std::lock_guard lock(state_->counters_mutex);
  return state_->counters.connected;
}

DeviceCounters Device::counters() const {
  const std::lock_guard lock(state_->counters_mutex);
  return state_->counters;
}

Loop& Device::loop() const {
  return *loop_;
}

std::chrono::milliseconds Backoff::next() {
  const double full = std::min(static_cast<double>(lowest_.count()) *
                                   static_cast<double>(1ULL << std::min(attempts_++, 20U)),
                               static_cast<double>(highest_.count()));
  const double shorter = line::random_uniform(seed_, 0, line::Purpose::scenario, draws_++) / 3;
  return std::chrono::milliseconds(static_cast<std::int64_t>(full * (1 - shorter)));
}

}  // namespace foreline::io
