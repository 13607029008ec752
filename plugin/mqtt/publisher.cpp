// SPDX-License-Identifier: Apache-2.0
#include "plugin/mqtt/publisher.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "plugin/io/device.hpp"
#include "plugin/store/outbox.hpp"

namespace foreline::mqtt {

using core::SparkplugMessage;
using core::SparkplugRecord;
using line::Error;
using line::Result;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto batch = 100ms;     ///< Changes of so long travel together.
constexpr auto fence_every = 1s;  ///< How often the broker is asked what it has.
constexpr auto births_every = 1s;
constexpr std::size_t history_at_once = 100;
constexpr std::size_t unconfirmed_most = 100'000;
constexpr auto goodbye = 2s;

struct Change {
  std::size_t device = 0;
  std::optional<std::size_t> metric;  ///< Nothing: the link.
  core::MetricValue value;
  line::Quality quality = line::Quality::good;
  std::int64_t at_ms = 0;
  bool there = false;
};

store::Parcel parcel_of(const SparkplugRecord& record) {
  return {0, record.device, record.at_ms, record.metrics};
}

}  // namespace

struct Publisher::State {
  PublisherOptions options;
  core::SparkplugNode node;
  store::Outbox outbox;
  std::unique_ptr<MqttLink> mqtt;
  io::Backoff backoff{30s, 1, 500ms};

  // Of the thread.
  bool connected = false;
  bool waiting = false;      ///< For a connection that has been begun.
  bool host_online = false;  ///< As said on this connection.
  std::int64_t host_ms = 0;  ///< When the host last said so.
  bool birth_asked = false;
  Clock::time_point next_birth{};
  Clock::time_point next_attempt{};
  Clock::time_point next_batch{};
  Clock::time_point next_fence{};
  std::deque<SparkplugRecord> unconfirmed;  ///< Sent as they happened; not known to be received.
  std::int64_t sent_number = 0;             ///< Of the outbox, on this connection.
  struct Fence {
    int ticket = -1;
    std::size_t records = 0;  ///< Of `unconfirmed`, sent before it.
    std::int64_t number = 0;
  };
  std::optional<Fence> fence;
  bool complained = false;
  bool away_told = false;  ///< That the broker is away, once.

  std::mutex mutex;
  std::vector<Change> changes;
  PublisherCounters counters;
  std::atomic<bool> stopping = false;
  std::thread thread;

  State(PublisherOptions o, std::vector<core::SparkplugDevice> devices, store::Outbox box)
      : options(std::move(o)),
        node(options.group, options.node, std::move(devices)),
        outbox(std::move(box)) {}

  void say(bool trouble, const std::string& line) const {
    if (options.log) options.log(trouble, line);
  }
  template <class Count>
  void count(Count change) {
    const std::lock_guard lock(mutex);
    change(counters);
  }

  /// Whether anybody takes what is sent.
  [[nodiscard]] bool open() const {
    return connected && (options.primary_host.empty() || host_online);
  }

  bool publish(const SparkplugMessage& message) {
    if (!open() || !mqtt->publish(message.topic, message.payload)) return false;
    count([](auto& c) { ++c.published; });
    return true;
  }

  void keep(const std::vector<SparkplugRecord>& records) {
    if (records.empty()) return;
    std::vector<store::Parcel> parcels;
    for (const auto& record : records) parcels.push_back(parcel_of(record));
    const auto done = outbox.add(parcels);
    if (!done) {
      count([&](auto& c) { c.dropped += records.size(); });
      if (!std::exchange(complained, true))
        say(true, done.error().text() + "; what cannot be sent is lost until it can");
    } else {
      complained = false;
    }
  }

  void keep_unconfirmed() {
    fence.reset();
    keep({unconfirmed.begin(), unconfirmed.end()});
    unconfirmed.clear();
  }

  void found() {
    pass_on_now();
    connected = true;
    waiting = false;
    away_told = false;
    backoff.reset();
    sent_number = 0;
    fence.reset();
    next_fence = Clock::now();
    (void)mqtt->subscribe(node.command_topic());
    (void)mqtt->subscribe(node.device_command_topic());
    host_online = false;
    if (!options.primary_host.empty())
      (void)mqtt->subscribe(core::host_state_topic(options.primary_host));
    count([](auto& c) {
      c.connected = true;
      ++c.connects;
    });
    say(false,
        fmt::format("connected to {}:{}{}", options.link.host, options.link.port,
                    options.primary_host.empty() ? std::string()
                                                 : "; waits for the host " + options.primary_host));
    if (open()) born();
  }
  /// The primary host comes and goes. What an older word says counts no more.
  void hear(const core::SparkplugHost& host) {
    if (host.at_ms < host_ms) return;
    host_ms = host.at_ms;
    if (host.online == host_online) return;
    if (host.online) {
      pass_on_now();
      host_online = true;
      say(false, fmt::format("the host {} is online", options.primary_host));
      return born();
    }
    say(true, fmt::format("the host {} is offline; values are kept", options.primary_host));
    (void)publish(node.death(options.now_ms()));
    host_online = false;
    away_told = true;
    mqtt->disconnect();
  }
  void hear(const std::string& topic, std::span<const std::uint8_t> payload) {
    if (!options.primary_host.empty() && topic == core::host_state_topic(options.primary_host)) {
      if (const auto host = core::host_state_of(payload)) hear(*host);
    } else if (topic == node.command_topic()) {
      birth_asked = birth_asked || core::SparkplugNode::asks_for_birth(payload);
    } else {
      pass_on_now();
      if (const auto message = node.birth_asked(topic, payload, options.now_ms()))
        (void)publish(*message);
    }
  }
  /// Asked for once or a thousand times: a birth a second.
  void bear_again() {
    if (!birth_asked || Clock::now() < next_birth) return;
    birth_asked = false;
    pass_on_now();
    if (open()) born();
  }
  void born() {
    next_birth = Clock::now() + births_every;
    for (const auto& message : node.birth(options.now_ms())) (void)publish(message);
    count([](auto& c) { ++c.births; });
  }
  void lost(const std::string& why) {
    connected = false;
    waiting = false;
    next_attempt = Clock::now() + backoff.next();
    keep_unconfirmed();
    count([](auto& c) { c.connected = false; });
    if (std::exchange(away_told, true) || stopping) return;
    say(true, fmt::format("the broker {}:{} is away: {}; values are kept", options.link.host,
                          options.link.port, why));
  }

  void try_connect() {
    if (connected || waiting || Clock::now() < next_attempt) return;
    auto number = outbox.count_up();
    const auto will =
        node.will(static_cast<std::uint8_t>(number ? *number % 256 : 0), options.now_ms());
    waiting = true;
    if (auto begun = mqtt->connect(will.topic, will.payload); !begun) lost(begun.error().text());
  }

  void drain() {
    std::vector<Change> taken;
    {
      const std::lock_guard lock(mutex);
      taken.swap(changes);
    }
    for (auto& change : taken) {
      if (change.metric) {
        (void)node.change(change.device, *change.metric, std::move(change.value), change.quality,
                          change.at_ms);
        continue;
      }
      if (const auto message = node.link(change.device, change.there, options.now_ms()))
        (void)publish(*message);
    }
  }

  void pass_on() {
    if (Clock::now() < next_batch && !stopping) return;
    next_batch = Clock::now() + batch;
    pass_on_now();
  }
  /// Also before each birth, which tells what there is now: whether the broker has that is not
  /// asked.
  void pass_on_now() {
    std::vector<SparkplugRecord> unsent;
    for (auto& record : node.take_changes(options.now_ms())) {
      if (publish(node.data(record)))
        unconfirmed.push_back(std::move(record));
      else
        unsent.push_back(std::move(record));
    }
    if (!unsent.empty()) {
      keep_unconfirmed();  // they are older
      keep(unsent);
    }
    if (unconfirmed.size() > unconfirmed_most) mqtt->disconnect();
  }

  void send_history() {
    if (!open() || fence || outbox.size() == 0) return;
    const auto parcels = outbox.after(sent_number, history_at_once);
    if (!parcels) return;
    for (const auto& parcel : *parcels) {
      for (const auto& message :
           node.history({parcel.address, parcel.at_ms, parcel.content}, options.now_ms()))
        if (!publish(message)) return;
      sent_number = parcel.number;
      count([](auto& c) { ++c.history; });
    }
    if (!parcels->empty()) next_fence = Clock::now();
  }

  void raise_fence() {
    if (!open() || fence || Clock::now() < next_fence) return;
    if (unconfirmed.empty() && outbox.size() == 0) return;
    next_fence = Clock::now() + fence_every;
    const int ticket = mqtt->subscribe(node.command_topic());
    if (ticket >= 0) fence = Fence{ticket, unconfirmed.size(), sent_number};
  }
  void passed(int ticket) {
    if (!fence || fence->ticket != ticket) return;
    unconfirmed.erase(unconfirmed.begin(),
                      unconfirmed.begin() + static_cast<std::ptrdiff_t>(fence->records));
    if (fence->number > 0) (void)outbox.received(fence->number);
    fence.reset();
  }

  void round(std::chrono::milliseconds patience) {
    drain();
    bear_again();
    pass_on();
    send_history();
    raise_fence();
    try_connect();
    mqtt->step(patience);
    count([this](auto& c) { c.kept = outbox.size(); });
  }

  void live() {
    // A broken connection is an error of write(), not a signal to somebody's process.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (!stopping) round(20ms);
    const auto until = Clock::now() + goodbye;
    drain();
    pass_on();
    if (connected) {
      next_fence = Clock::now();
      fence.reset();
      raise_fence();
      while (connected && fence && Clock::now() < until) mqtt->step(10ms);
      (void)publish(node.death(options.now_ms()));
      mqtt->disconnect();
      while (connected && Clock::now() < until) mqtt->step(10ms);
    }
    keep({unconfirmed.begin(), unconfirmed.end()});
  }
};

Result<std::unique_ptr<Publisher>> Publisher::start(PublisherOptions options,
                                                    std::vector<core::SparkplugDevice> devices) {
  auto outbox = store::Outbox::open(options.folder, options.most_kept);
  if (!outbox) return outbox.error();
  auto settings = options.link;
  auto state = std::make_unique<State>(std::move(options), std::move(devices), std::move(*outbox));
  auto& s = *state;
  MqttLink::Heard heard;
  heard.connected = [&s] { s.found(); };
  heard.lost = [&s](const std::string& why) { s.lost(why); };
  heard.subscribed = [&s](int ticket) { s.passed(ticket); };
  heard.message = [&s](const std::string& topic, std::span<const std::uint8_t> payload) {
    s.hear(topic, payload);
  };
  auto link = MqttLink::make(settings, std::move(heard));
  if (!link) return link.error();
  s.mqtt = std::move(*link);
  s.thread = std::thread([&s] { s.live(); });
  return std::unique_ptr<Publisher>(new Publisher(std::move(state)));
}

Publisher::Publisher(std::unique_ptr<State> state) : state_(std::move(state)) {}

Publisher::~Publisher() {
  state_->stopping = true;
  if (state_->thread.joinable()) state_->thread.join();
}

void Publisher::change(std::size_t device, std::size_t metric, core::MetricValue value,
                       line::Quality quality, std::int64_t at_ms) {
  const std::lock_guard lock(state_->mutex);
  state_->changes.push_back({device, metric, std::move(value), quality, at_ms, false});
}

void Publisher::link(std::size_t device, bool there) {
  const std::lock_guard lock(state_->mutex);
  state_->changes.push_back({device, std::nullopt, {}, line::Quality::good, 0, there});
}

PublisherCounters Publisher::counters() const {
  const std::lock_guard lock(state_->mutex);
  auto counters = state_->counters;
  return counters;
}

}  // namespace foreline::mqtt
