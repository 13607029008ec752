// SPDX-License-Identifier: Apache-2.0
// Serial lines and RTU over TCP, whose frames carry no number, by the rows of the reliability table
// in docs/integrators/failure-behaviour.md.
#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/support/plain_server.hpp"
#include "tests/unit/io/device_bench.hpp"

using namespace foreline;
using namespace std::chrono_literals;
using tests::at;
using tests::Bench;
using tests::Bytes;
using tests::Outcome;
using tests::Peer;
using tests::PlainServer;
using tests::read_two;
using tests::What;

namespace {

/// A serial line: a pair of pseudo terminals, with RTU devices at the far end that do what a test
/// says to each request.
struct SerialPair {
  int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  std::string path;
  std::function<void(const SerialPair&, const Bytes&)> serve;
  std::thread thread;
  explicit SerialPair(std::function<void(const SerialPair&, const Bytes&)> far)
      : serve(std::move(far)) {
    REQUIRE(master >= 0);
    REQUIRE(::grantpt(master) == 0);
    REQUIRE(::unlockpt(master) == 0);
    path = ::ptsname(master);
    thread = std::thread([this] {
      Bytes request;
      while (true) {
        pollfd waiting{master, POLLIN, 0};
        if (::poll(&waiting, 1, 50) == 0) {
          if (stopping) return;
          request.clear();
          continue;
        }
        std::uint8_t byte = 0;
        if (::read(master, &byte, 1) != 1) {
          if (stopping) return;
          std::this_thread::sleep_for(5ms);
          continue;
        }
        request.push_back(byte);
        if (request.size() < 8) continue;
        serve(*this, std::exchange(request, {}));
      }
    });
  }
  ~SerialPair() {
    stopping = true;
    thread.join();
    ::close(master);
  }
  void send(const Bytes& bytes) const { (void)!::write(master, bytes.data(), bytes.size()); }
  /// Two registers: the address that was asked for, and the unit.
  [[nodiscard]] static Bytes good(const Bytes& request) {
    return core::rtu_frame(request[0], Bytes{3, 4, request[2], request[3], 0, request[0]});
  }
  std::atomic<bool> stopping = false;
};

/// A line whose units 2, 3 and 5 make a mistake each: a checksum, another unit, silence.
void serve_serial(const SerialPair& line, const Bytes& request) {
  const auto unit = request[0];
  Bytes answer = core::rtu_frame(unit == 3 ? std::uint8_t{4} : unit,
                                 Bytes{3, 4, request[2], request[3], 0, unit});
  if (unit == 2) answer.back() = static_cast<std::uint8_t>(answer.back() ^ 1U);
  if (unit != 5) line.send(answer);
}

core::Device serial(const std::string& path) {
  core::Device device = at(0);
  device.timeout_s = 0.5;  // the far end is a thread of ours, which may have to wait for a core
  device.transport = core::Transport::rtu;
  device.serial.path = path;
  device.serial.parity = 'N';
  return device;
}

}  // namespace

TEST_CASE("RTU over TCP carries serial frames, and never takes a late answer") {
  PlainServer server([](Peer& peer) {
    bool slow = true;
    while (true) {
      const auto request = peer.bytes(8);
      if (request.empty()) return;
      const auto words = core::rtu_frame(request[0], Bytes{3, 4, request[2], request[3], 0, 1});
      if (request[3] == 99 && std::exchange(slow, false)) std::this_thread::sleep_for(220ms);
      peer.send(words);
    }
  });
  auto settings = at(server.port());
  settings.transport = core::Transport::rtu_over_tcp;
  Bench bench(settings);
  CHECK(bench.ask(read_two(7)).reply.words == std::vector<std::uint16_t>{7, 1});
  CHECK(bench.ask(read_two(99)).what == What::timeout);
  const auto next = bench.ask_until(What::answer);
  CHECK(next.reply.words == std::vector<std::uint16_t>{10, 1});
  CHECK(server.connections() == 2);
}

TEST_CASE("row 5: RTU over TCP asks nothing anew while a late answer may be on its way") {
  // A serial server that keeps no books: what its line says goes to whoever is connected.
  std::optional<std::pair<Bytes, std::chrono::steady_clock::time_point>> owed;
  PlainServer server([&](Peer& peer) {
    while (true) {
      const auto request = peer.bytes(8);
      if (request.empty()) return;
      const auto words = core::rtu_frame(request[0], Bytes{3, 4, request[2], request[3], 0, 1});
      if (request[3] == 99) {
        owed.emplace(words, std::chrono::steady_clock::now() + 280ms);
        continue;
      }
      if (owed) {
        if (std::chrono::steady_clock::now() < owed->second) {
          peer.send(owed->first);
          std::this_thread::sleep_for(20ms);
        }
        owed.reset();
      }
      peer.send(words);
    }
  });
  auto settings = at(server.port());
  settings.transport = core::Transport::rtu_over_tcp;
  settings.timeout_s = 0.2;
  Bench bench(settings);
  CHECK(bench.ask(read_two(7)).reply.words == std::vector<std::uint16_t>{7, 1});
  CHECK(bench.ask(read_two(99)).what == What::timeout);
  CHECK(bench.ask_until(What::answer).reply.words == std::vector<std::uint16_t>{10, 1});
}

TEST_CASE("row 5: RTU over TCP first listens to what was meant for a former connection") {
  PlainServer server([](Peer& peer) {
    std::this_thread::sleep_for(40ms);
    peer.send(core::rtu_frame(1, Bytes{3, 4, 0, 99, 0, 1}));
    for (auto request = peer.bytes(8); !request.empty(); request = peer.bytes(8)) {
      std::this_thread::sleep_for(60ms);
      peer.send(SerialPair::good(request));
    }
  });
  auto settings = at(server.port());
  settings.transport = core::Transport::rtu_over_tcp;
  Bench bench(settings);
  CHECK(bench.ask(read_two(7)).reply.words == std::vector<std::uint16_t>{7, 1});
  CHECK(bench.device->counters().strangers == 1);
}

TEST_CASE("row 6: on RTU an answer has the silence between two frames to come twice") {
  using Clock = std::chrono::steady_clock;
  std::mutex mutex;
  std::vector<Clock::duration> gaps;
  std::optional<Clock::time_point> sent;
  const auto twice = [&](const Bytes& request, const auto& send) {
    const std::lock_guard lock(mutex);
    if (sent) gaps.push_back(Clock::now() - *std::exchange(sent, {}));
    auto answer = SerialPair::good(request);
    answer.insert(answer.end(), answer.begin(), answer.end());
    sent = Clock::now();
    send(answer);
  };
  const auto three = [&](const core::Device& settings) {
    Bench bench(settings);
    {
      const std::lock_guard lock(mutex);
      sent.reset();
      gaps.clear();
    }
    const auto outcomes = bench.ask_all({read_two(1), read_two(2), read_two(3)});
    for (std::uint16_t i = 0; i < 3; ++i) {
      INFO(outcomes[i].text);
      CHECK(outcomes[i].reply.words == std::vector<std::uint16_t>{std::uint16_t(i + 1), 1});
    }
    const std::lock_guard lock(mutex);
    REQUIRE(gaps.size() == 2);
    for (const auto gap : gaps) CHECK(gap >= 1750us);
  };
  {
    PlainServer server([&](Peer& peer) {
      for (auto request = peer.bytes(8); !request.empty(); request = peer.bytes(8))
        twice(request, [&](const Bytes& bytes) { peer.send(bytes); });
    });
    auto settings = at(server.port());
    settings.transport = core::Transport::rtu_over_tcp;
    three(settings);
  }
  SerialPair line([&](const SerialPair& far, const Bytes& request) {
    twice(request, [&](const Bytes& bytes) { far.send(bytes); });
  });
  three(serial(line.path));
}

TEST_CASE("rows 9 and 10: noise between answers of RTU over TCP costs none") {
  PlainServer server([](Peer& peer) {
    while (true) {
      const auto request = peer.bytes(8);
      if (request.empty()) return;
      peer.send(core::rtu_frame(request[0], Bytes{3, 4, request[2], request[3], 0, 1}));
      peer.send({0x00});
    }
  });
  auto settings = at(server.port());
  settings.transport = core::Transport::rtu_over_tcp;
  Bench bench(settings);
  for (std::uint16_t i = 0; i < 5; ++i) {
    const auto outcome = bench.ask(read_two(i));
    INFO(outcome.text);
    CHECK(outcome.reply.words == std::vector<std::uint16_t>{i, 1});
    bench.wait(20ms);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a serial line is read, and its mistakes are no values") {
  SerialPair line(serve_serial);
  Bench bench(serial(line.path));
  CHECK(bench.ask(read_two(77), 1).reply.words == std::vector<std::uint16_t>{77, 1});
  CHECK(bench.ask(read_two(), 2).what == What::malformed);  // a checksum that does not fit
  const auto stranger = bench.ask(read_two(), 3);
  CHECK(stranger.what == What::timeout);
  CHECK(stranger.text.find("; 9 bytes came that were no answer") != std::string::npos);
  CHECK(bench.ask(read_two(), 5).what == What::timeout);
  CHECK(bench.ask(read_two(78), 1).reply.words == std::vector<std::uint16_t>{78, 1});
}

TEST_CASE("row 5: a late answer on a serial line is never taken for the next one") {
  std::atomic<int> slow = 3;
  SerialPair line([&](const SerialPair& far, const Bytes& request) {
    if (request[3] == 99 && slow-- > 0) std::this_thread::sleep_for(250ms);
    far.send(SerialPair::good(request));
  });
  auto settings = serial(line.path);
  settings.timeout_s = 0.2;
  settings.breaker_failures = 100;
  Bench bench(settings);
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.ask(read_two(99), 1).what == What::timeout);
    const auto next = bench.ask(read_two(static_cast<std::uint16_t>(i)), 1);
    CHECK(next.what == What::answer);
    CHECK(next.reply.words == std::vector<std::uint16_t>{static_cast<std::uint16_t>(i), 1});
  }
}

TEST_CASE("row 5: a serial line is first listened to, and what was meant for others is dropped") {
  std::atomic<bool> asked = false;
  SerialPair line([&](const SerialPair& far, const Bytes& request) {
    asked = true;
    std::this_thread::sleep_for(100ms);
    far.send(SerialPair::good(request));
  });
  const auto settings = serial(line.path);
  {
    Bench former(settings);
    former.device->submit(
        read_two(99), [](const Outcome&) {}, 1);
    for (int i = 0; i < 500 && !asked; ++i) former.wait(10ms);
  }
  Bench bench(settings);
  CHECK(bench.ask(read_two(7), 1).reply.words == std::vector<std::uint16_t>{7, 1});
}

TEST_CASE("row 25: a serial line with a long timeout is left at once") {
  SerialPair line([](const SerialPair&, const Bytes&) {});
  auto settings = serial(line.path);
  settings.timeout_s = 20;
  auto bench = std::make_unique<Bench>(settings);
  bench->device->submit(
      read_two(), [](const Outcome&) {}, 1);
  bench->wait(20ms);
  const auto begun = std::chrono::steady_clock::now();
  bench.reset();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("row 18: a mute unit of a serial line takes no time of the others but its timeout") {
  std::mutex mutex;
  Bytes asked;
  SerialPair line([&](const SerialPair& far, const Bytes& request) {
    const std::lock_guard lock(mutex);
    asked.push_back(request[0]);
    if (request[0] != 5) far.send(SerialPair::good(request));
  });
  auto settings = serial(line.path);
  settings.timeout_s = 0.2;
  io::Loop loop;
  io::Device device(loop, settings);
  bool finished = false;
  int open = 6;
  for (const auto unit : Bytes{5, 5, 1, 1, 1, 1})
    device.submit(
        read_two(), [&](const Outcome&) { finished = --open == 0; }, unit);
  CHECK(loop.run(std::chrono::steady_clock::now() + 5s, finished));
  const std::lock_guard lock(mutex);
  CHECK(asked == Bytes{5, 1, 1, 1, 1, 5});
}

TEST_CASE("row 7: a frame of another unit or request does not cost the answer behind it") {
  SerialPair line([](const SerialPair& far, const Bytes& request) {
    far.send(core::rtu_frame(9, Bytes{3, 4, 7, 7, 7, 7}));
    far.send(core::rtu_frame(request[0], Bytes{3, 2, 7, 7}));
    far.send(SerialPair::good(request));
  });
  Bench bench(serial(line.path));
  for (std::uint16_t i = 0; i < 3; ++i)
    CHECK(bench.ask(read_two(i), 1).reply.words == std::vector<std::uint16_t>{i, 1});
}

TEST_CASE("two devices share one serial line") {
  SerialPair line(serve_serial);
  io::Loop loop;
  io::Device first(loop, serial(line.path));
  io::Device second(loop, serial(line.path));
  int answers = 0;
  bool finished = false;
  for (int i = 0; i < 10; ++i) {
    (i % 2 == 0 ? first : second).submit(read_two(), [&](Outcome got) {
      if (got.what == What::answer) ++answers;
      finished = answers == 10;
    });
  }
  CHECK(loop.run(std::chrono::steady_clock::now() + 5s, finished));
}

TEST_CASE("a serial line is read whatever the number of its descriptor") {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 1100) {
    WARN("skipped: only " << limit.rlim_cur << " descriptors are allowed here");
    return;
  }
  SerialPair line(serve_serial);
  std::vector<int> taken;
  while (taken.empty() || taken.back() < 1030) taken.push_back(::open("/dev/null", O_RDONLY));
  {
    Bench bench(serial(line.path));
    CHECK(bench.ask(read_two(7), 1).reply.words == std::vector<std::uint16_t>{7, 1});
  }
  for (const int fd : taken) ::close(fd);
}

TEST_CASE("a serial line that echoes what is sent is read and written all the same") {
  SerialPair line([](const SerialPair& far, const Bytes& request) {
    far.send(request);
    std::this_thread::sleep_for(5ms);
    far.send(SerialPair::good(request));
  });
  Bench bench(serial(line.path));
  for (std::uint16_t i = 0; i < 3; ++i) {
    const auto address = static_cast<std::uint16_t>(0x0401 + i);
    const auto low = static_cast<std::uint16_t>(0x0400 | (1 + i));
    CHECK(bench.ask(read_two(address), 1).reply.words == std::vector<std::uint16_t>{low, 1});
  }
}

TEST_CASE("row 15: a serial line that goes away is opened again") {
  auto line = std::make_unique<SerialPair>(serve_serial);
  const auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "scratch";
  std::filesystem::create_directories(folder);
  const auto path = folder / "tty-that-goes";
  std::filesystem::remove(path);
  std::filesystem::create_symlink(line->path, path);
  Bench bench(serial(path.string()));
  CHECK(bench.ask(read_two(1), 1).what == What::answer);
  line.reset();
  CHECK(bench.ask(read_two(2), 1).what != What::answer);
  std::filesystem::remove(path);
  line = std::make_unique<SerialPair>(serve_serial);
  std::filesystem::create_symlink(line->path, path);
  (void)bench.ask(read_two(3), 1);
  CHECK(bench.ask_until(What::answer).reply.words.at(1) == 1);
}

TEST_CASE("a line that is not there is an error with its path") {
  Bench bench(serial("/dev/no-such-line"));
  const auto outcome = bench.ask(read_two());
  CHECK(outcome.what == What::not_connected);
  CHECK(outcome.text.find("/dev/no-such-line") != std::string::npos);
}
