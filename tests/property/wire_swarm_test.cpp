// SPDX-License-Identifier: Apache-2.0
// Plant time with random faults of the wire: whatever is called Good was in the PLC between the
// beat and its end. A beat stands for a second of the plant; FORELINE_SWARM_BEATS=86400 is a day.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/tags.hpp"
#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "plugin/io/poller.hpp"
#include "sim/line/random.hpp"
#include "tests/support/wire_thread.hpp"

using namespace foreline;
using core::Register;
using core::Tag;
using line::Quality;
using plc::WireFault;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr int registers = 400;

/// Tags of all sizes and orders, some neighbours, some far from each other.
std::vector<Tag> some_tags() {
  const std::vector<std::string> places = {
      "0 u16",   "1 i16",           "2 u32",       "4 u32 CDAB",      "6 i32 BADC",   "8 f64",
      "12 u64",  "16 u64 GHEFCDAB", "20 f32 DCBA", "22 u16 bits 3-9", "40 u32 * 0.1", "42 i16 + 5",
      "43 u16",  "44 f64 BADCFEHG", "100 u64",     "104 u64",         "108 u32",      "150 u16",
      "180 f32", "182 f32 CDAB",    "200 u64",     "220 u64",         "240 u64",      "260 u64",
      "300 u16", "320 u32",         "322 bcd32",   "340 u16",         "350 f64",      "380 u64"};
  std::vector<Tag> tags;
  for (const auto& place : places) {
    auto at = core::parse_register(place);
    if (!at) FAIL(at.error().text());
    Tag tag;
    tag.name = place;
    tag.at = *at;
    tags.push_back(std::move(tag));
  }
  return tags;
}

/// What the tag holds in the version-th scan: another number in each, never one that floats or
/// decimal digits cannot say.
double held(std::size_t tag, std::uint64_t version) {
  return static_cast<double>(1 + (version * 37 + tag * 1009) % 9973);
}

class Plant {
 public:
  explicit Plant(const std::vector<Tag>& tags) : tags_(tags), words_(registers) {}
  std::atomic<std::uint64_t> version{0};

  /// Each request meets a scan of its own.
  std::optional<plc::Wire::Bytes> answer(std::span<const std::uint8_t> pdu) {
    const auto now = ++version;
    for (std::size_t i = 0; i < tags_.size(); ++i) put(tags_[i].at, held(i, now));
    const int address = (pdu[1] << 8) | pdu[2];
    const int count = (pdu[3] << 8) | pdu[4];
    if (address + count > registers) return plc::Wire::Bytes{0x83, 2};
    plc::Wire::Bytes out = {pdu[0], static_cast<std::uint8_t>(2 * count)};
    for (int i = address; i < address + count; ++i) {
      const auto word = words_[static_cast<std::size_t>(i)];
      out.push_back(static_cast<std::uint8_t>(word >> 8U));
      out.push_back(static_cast<std::uint8_t>(word & 0xFFU));
    }
    return out;
  }
  /// What a reader of these words sees: bit fields show a part.
  static double shown(const Register& at, double value) {
    if (at.bit_count == 0) return value;
    return static_cast<double>((static_cast<std::uint64_t>(value) >> at.first_bit) &
                               ((1U << at.bit_count) - 1));
  }

 private:
  void put(const Register& at, double value) {
    auto whole = at;
    whole.bit_count = 0;
    // Scaled tags hold the raw number.
    const auto words = core::words_of(whole, value * at.factor + at.offset);
    if (!words) throw std::logic_error("not to be said");
    std::copy(words->begin(), words->end(), words_.begin() + at.address);
  }
  std::vector<Tag> tags_;
  std::vector<std::uint16_t> words_;
};

std::vector<WireFault> some_faults() {
  const auto of = [](WireFault::Kind kind, double share, double delay_s = 0.3) {
    WireFault fault;
    fault.kind = kind;
    fault.share = share;
    fault.delay_s = delay_s;
    return fault;
  };
  using Kind = WireFault::Kind;
  auto split = of(Kind::split, 0.02, 0.001);
  split.bytes = 23;
  auto busy = of(Kind::exception, 0.01);
  busy.code = 6;
  auto illegal = of(Kind::exception, 0.004);
  illegal.code = 2;
  return {of(Kind::delay, 0.004, 0.03),
          of(Kind::delay, 0.002, 0.08),
          of(Kind::drop, 0.002),
          split,
          of(Kind::corrupt, 0.01),
          of(Kind::exception, 0.01),
          busy,
          illegal,
          of(Kind::reset, 0.005),
          of(Kind::repeat, 0.02),
          of(Kind::misnumber, 0.003)};
}

}  // namespace

TEST_CASE("wire swarm: every value called Good was in the PLC at that time") {
  const char* wanted = std::getenv("FORELINE_SWARM_BEATS");
  const int beats = wanted != nullptr ? std::atoi(wanted) : 4000;
  const char* given = std::getenv("FORELINE_SWARM_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'128;
  INFO("seed " << seed << " (FORELINE_SWARM_SEED)");
  const auto tags = some_tags();
  Plant plant(tags);
  tests::WireThread wire([&](std::uint8_t, auto pdu) { return plant.answer(pdu); },
                         {some_faults(), seed, 4, false});
  io::Loop loop;
  core::Device settings;
  settings.port = wire.port();
  settings.timeout_s = 0.02;
  settings.reconnect_min_s = settings.reconnect_max_s = 0.002;
  settings.busy_wait_s = 0.001;
  settings.breaker_failures = 1'000'000;
  settings.in_flight = 3;
  std::vector<std::shared_ptr<io::Device>> devices = {
      std::make_shared<io::Device>(loop, settings, seed)};
  io::PollPlan plan;
  for (const auto& tag : tags) plan.fields.push_back(core::range_of(tag.at));
  core::TagTable table(tags);
  std::uint64_t good = 0;
  std::uint64_t not_good = 0;
  std::uint64_t before = 0;
  std::vector<std::string> wrong;
  io::Poller poller(loop, devices, {plan}, [&](const io::Polled& polled) {
    (void)table.update(0, 0, polled.image, polled.troubles, 1, 0);
    const auto after = plant.version.load();
    for (std::size_t i = 0; i < tags.size(); ++i) {
      const auto& value = table.value(i);
      if (value.quality != Quality::good) {
        ++not_good;
        continue;
      }
      ++good;
      bool was_held = false;
      const auto& at = tags[i].at;
      for (auto v = before + 1; v <= after && !was_held; ++v) {
        const double number = Plant::shown(at, held(i, v));
        was_held = value.value == number * at.factor + at.offset;
      }
      if (!was_held && wrong.size() < 5)
        wrong.push_back(
            fmt::format("{} = {} in scans {} to {}", tags[i].name, value.value, before + 1, after));
    }
  });
  for (int beat = 0; beat < beats && wrong.empty(); ++beat) {
    before = plant.version.load();
    bool finished = false;
    poller.once([&] { finished = true; });
    REQUIRE(loop.run(Clock::now() + 10s, finished));
    if (!devices[0]->connected()) {
      const bool never = false;
      (void)loop.run(Clock::now() + 2ms, never);
    }
  }
  CHECK(wrong == std::vector<std::string>{});
  const auto counters = devices[0]->counters();
  const auto& met = wire.stop();
  for (std::size_t kind = 0; kind < WireFault::names.size(); ++kind) {
    if (WireFault::names.at(kind) == "freeze") continue;
    INFO(WireFault::names.at(kind));
    CHECK(met.met(static_cast<WireFault::Kind>(kind)) > 0);
  }
  CHECK(counters.late > 0);
  CHECK(counters.duplicates > 0);
  CHECK(counters.malformed > 0);
  // Faults cost values, and not many more than they meet.
  CHECK(not_good > 0);
  CHECK(static_cast<double>(good) > 0.6 * static_cast<double>(good + not_good));
  WARN(beats << " beats, " << good << " Good values compared, " << not_good << " not Good");
}
