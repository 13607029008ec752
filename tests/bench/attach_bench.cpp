// SPDX-License-Identifier: Apache-2.0
// Polls of 125 registers: ours, libmodbus, pymodbus and modbus-serial against the same server in
// the same run; then a thousand devices at 1 Hz and two hundred at 10 Hz on one thread, the time
// from an answer's last byte to the callback, and tags decoded. One JSON line a measurement. CPU is
// that of the client alone.
//   bench_attach [SECONDS] [PYTHON] [NODE_MODULES]
#include <arpa/inet.h>
#include <fmt/format.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/tags.hpp"
#include "plugin/io/device.hpp"
#include "plugin/io/loop.hpp"
#include "plugin/io/poller.hpp"

namespace {

using namespace foreline;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t registers = 125;

double cpu_s(int who) {
  rusage use{};
  ::getrusage(who, &use);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return s(use.ru_utime) + s(use.ru_stime);
}

/// Nanoseconds of a clock that all processes share.
std::uint64_t shared_clock_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
          .count());
}

/// Answers every request for 125 registers, on any number of connections; the first four say when
/// the answer was sent. Never returns.
[[noreturn]] void serve(int listener) {
  const int poll = ::epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::map<int, std::vector<unsigned char>> held;
  std::array<epoll_event, 256> ready{};
  std::array<unsigned char, 8192> buffer{};
  std::vector<unsigned char> out;
  while (true) {
    const int n = ::epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int client = ::accept(listener, nullptr, nullptr);
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.fd = client;
        ::epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      const auto size = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (size <= 0) {
        ::close(fd);
        held.erase(fd);
        continue;
      }
      auto& bytes = held[fd];
      bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + size);
      out.clear();
      std::size_t at = 0;
      for (; bytes.size() - at >= 12; at += 12) {
        const std::array<unsigned char, 9> head = {bytes[at],
                                                   bytes[at + 1],
                                                   0,
                                                   0,
                                                   0,
                                                   static_cast<unsigned char>(3 + 2 * registers),
                                                   bytes[at + 6],
                                                   3,
                                                   static_cast<unsigned char>(2 * registers)};
        out.insert(out.end(), head.begin(), head.end());
        const auto now = shared_clock_ns();
        for (int shift = 56; shift >= 0; shift -= 8)
          out.push_back(static_cast<unsigned char>(now >> static_cast<unsigned>(shift)));
        for (int word = 4; word < registers; ++word) {
          out.push_back(0x12);
          out.push_back(static_cast<unsigned char>(word));
        }
      }
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
      (void)!::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
    }
  }
}

void tell(const std::string& who, double polls, double wall_s, double used_s) {
  fmt::print(
      "{{\"bench\":\"polls of {} registers\",\"client\":\"{}\",\"polls_per_s\":{:.0f},"
      "\"cpu_s_per_1000\":{:.5f}}}\n",
      registers, who, polls / wall_s, 1000 * used_s / polls);
  std::fflush(stdout);
}

void with_libmodbus(std::uint16_t port, double seconds) {
  modbus_t* context = modbus_new_tcp("127.0.0.1", port);
  if (modbus_connect(context) != 0) std::exit(3);
  std::array<std::uint16_t, registers> words{};
  const auto begun = Clock::now();
  const double cpu = cpu_s(RUSAGE_SELF);
  double polls = 0;
  double wall = 0;
  do {
    for (int i = 0; i < 100; ++i, ++polls)
      if (modbus_read_registers(context, 0, registers, words.data()) != registers) std::exit(3);
    wall = std::chrono::duration<double>(Clock::now() - begun).count();
  } while (wall < seconds);
  tell("libmodbus, blocking", polls, wall, cpu_s(RUSAGE_SELF) - cpu);
  modbus_close(context);
  modbus_free(context);
}

void with_ours(std::uint16_t port, double seconds, std::uint32_t in_flight) {
  io::Loop loop;
  core::Device settings;
  settings.port = port;
  settings.in_flight = in_flight;
  io::Device device(loop, settings);
  const auto begun = Clock::now();
  const double cpu = cpu_s(RUSAGE_SELF);
  double polls = 0;
  bool finished = false;
  core::Query query;
  query.count = registers;
  std::uint32_t open = 0;
  const std::function<void()> ask = [&] {
    ++open;
    device.submit(query, [&](const io::Outcome& outcome) {
      if (outcome.what != io::Outcome::What::answer) std::exit(3);
      --open;
      ++polls;
      const bool over = std::chrono::duration<double>(Clock::now() - begun).count() >= seconds;
      if (!over) return ask();
      finished = open == 0;
    });
  };
  for (std::uint32_t i = 0; i < in_flight; ++i) ask();
  (void)loop.run(Clock::now() + std::chrono::minutes(5), finished);
  const double wall = std::chrono::duration<double>(Clock::now() - begun).count();
  tell(fmt::format("foreline, {} in flight", in_flight), polls, wall, cpu_s(RUSAGE_SELF) - cpu);
}

/// A program that polls and prints how many polls it did in how many seconds.
void with_program(const std::string& who, const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  double polls = 0;
  double wall = 0;
  double own_cpu = 0;
  const int read = pipe == nullptr ? 0 : std::fscanf(pipe, "%lf %lf %lf", &polls, &wall, &own_cpu);
  if (pipe != nullptr) ::pclose(pipe);
  if (read < 3 || polls <= 0) {
    fmt::print(
        "{{\"bench\":\"polls of {} registers\",\"client\":\"{}\",\"skipped\":\"not "
        "installed\"}}\n",
        registers, who);
    return;
  }
  tell(who, polls, wall, own_cpu);
}

double share_of(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

/// The first `dead` devices are behind `mute`, which takes connections and never answers.
void many_devices(std::uint16_t port, double seconds, int count, double period_s, int dead = 0,
                  std::uint16_t mute = 0) {
  io::Loop loop;
  std::vector<std::shared_ptr<io::Device>> devices;
  std::vector<io::PollPlan> plans;
  for (int d = 0; d < count; ++d) {
    core::Device settings;
    settings.port = d < dead ? mute : port;
    devices.push_back(std::make_shared<io::Device>(loop, settings));
    io::PollPlan plan;
    plan.device = static_cast<core::DeviceIndex>(d);
    plan.period_s = period_s;
    plan.phase_s = period_s * d / count;
    plan.fields = {{core::RegisterTable::holding, 0, 100, plan.device},
                   {core::RegisterTable::holding, 100, 25, plan.device}};
    plan.rules.longest = registers;
    plans.push_back(plan);
  }
  std::vector<double> took_ms;
  std::size_t good = 0;
  bool measuring = false;
  io::Poller poller(loop, devices, plans, [&](const io::Polled& p) {
    if (!measuring || p.device < dead) return;
    took_ms.push_back(std::chrono::duration<double, std::milli>(p.received - p.beat).count());
    if (p.troubles.empty()) ++good;
  });
  poller.start();
  const bool never = false;
  (void)loop.run(Clock::now() + std::chrono::seconds(2), never);
  measuring = true;
  const auto before = poller.counters().overruns;
  const double cpu = cpu_s(RUSAGE_SELF);
  (void)loop.run(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(seconds)),
                 never);
  const double used = cpu_s(RUSAGE_SELF) - cpu;
  fmt::print(
      "{{\"bench\":\"{} devices at {:.0f} Hz, {} registers each, {} dead, one "
      "thread\",\"polls\":{},"
      "\"good\":{},\"overruns\":{},\"from_beat_to_value_ms\":{{\"p50\":{:.2f},\"p99\":{:.2f},"
      "\"max\":{:.2f}}},\"core_share\":{:.4f}}}\n",
      count, 1 / period_s, registers, dead, took_ms.size(), good,
      poller.counters().overruns - before, share_of(took_ms, 0.5), share_of(took_ms, 0.99),
      share_of(took_ms, 1), used / seconds);
  std::fflush(stdout);
}

/// From the server's send() to a tag's new value in the callback.
void to_the_callback(std::uint16_t port, double seconds) {
  io::Loop loop;
  core::Device settings;
  settings.port = port;
  std::vector<core::Tag> tags(40);
  for (std::size_t i = 0; i < tags.size(); ++i) {
    tags[i].name = std::to_string(i);
    tags[i].at.address = static_cast<std::uint16_t>(3 * i);
  }
  core::TagTable table(tags);
  io::PollPlan plan;
  plan.period_s = 0.002;
  plan.fields = {{core::RegisterTable::holding, 0, registers, 0}};
  plan.rules.longest = registers;
  std::vector<double> took_ms;
  io::Poller poller(loop, {std::make_shared<io::Device>(loop, settings)}, {plan},
                    [&](const io::Polled& p) {
                      (void)table.update(0, 0, p.image, p.troubles, 1, 0);
                      std::uint64_t sent = 0;
                      for (std::uint16_t i = 0; i < 4; ++i)
                        sent = sent << 16U | p.image.word(core::RegisterTable::holding, i);
                      took_ms.push_back(static_cast<double>(shared_clock_ns() - sent) / 1e6);
                    });
  poller.start();
  const bool never = false;
  (void)loop.run(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(seconds)),
                 never);
  fmt::print(
      "{{\"bench\":\"from send() to the callback, 40 tags decoded\",\"values\":{},\"ms\":{{\"p50\":"
      "{:.3f},\"p99\":{:.3f},\"max\":{:.2f}}}}}\n",
      took_ms.size(), share_of(took_ms, 0.5), share_of(took_ms, 0.99), share_of(took_ms, 1));
  std::fflush(stdout);
}

/// A hundred thousand float tags in ten groups on ten devices, each value new each time.
void decode_tags(double seconds) {
  constexpr int devices = 10;
  constexpr int groups = 10;
  constexpr int in_group = 1000;
  std::vector<core::Tag> tags;
  for (int d = 0; d < devices; ++d)
    for (int g = 0; g < groups; ++g)
      for (int i = 0; i < in_group; ++i) {
        core::Tag tag;
        tag.name = fmt::format("{}/{}/{}", d, g, i);
        tag.group = static_cast<std::size_t>(g);
        tag.at.type = core::RegisterType::f32;
        tag.at.device = static_cast<core::DeviceIndex>(d);
        tag.at.address = static_cast<std::uint16_t>(2 * (g * in_group + i));
        tags.push_back(tag);
      }
  std::vector<core::Range> ranges;
  for (int i = 0; i < in_group; ++i)
    ranges.push_back({core::RegisterTable::holding, static_cast<std::uint16_t>(2 * i), 2, 0});
  core::MergeRules rules;
  rules.longest = 124;
  const auto requests = core::ranges_of(ranges, rules);
  core::TagTable table(std::move(tags));
  std::vector<std::uint16_t> words(registers, 0x4120);
  const double cpu = cpu_s(RUSAGE_SELF);
  double used = 0;
  double decoded = 0;
  double changed = 0;
  do {
    for (int d = 0; d < devices; ++d)
      for (int g = 0; g < groups; ++g) {
        for (auto& word : words) ++word;
        core::Image image;
        for (auto range : requests) {
          range.device = static_cast<core::DeviceIndex>(d);
          range.address = static_cast<std::uint16_t>(range.address + 2 * g * in_group);
          image.put(range, std::span(words).first(range.count));
        }
        changed += static_cast<double>(table
                                           .update(static_cast<core::DeviceIndex>(d),
                                                   static_cast<std::size_t>(g), image, {}, 1, 0)
                                           .size());
        decoded += in_group;
      }
    used = cpu_s(RUSAGE_SELF) - cpu;
  } while (used < seconds);
  fmt::print(
      "{{\"bench\":\"100000 float tags decoded\",\"tags_per_cpu_s\":{:.0f},\"changed\":{:.2f}}}\n",
      decoded / used, changed / decoded);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const std::string python = argc > 2 ? argv[2] : "/usr/bin/python3";
  const std::string modules = argc > 3 ? argv[3] : "";
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(listener, 1024);
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const auto port = ntohs(address.sin_port);
  const auto server = ::fork();
  if (server == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(listener);
  }
  for (int round = 0; round < 2; ++round) {
    with_libmodbus(port, seconds);
    with_ours(port, seconds, 1);
    with_ours(port, seconds, 8);
  }
  const std::string here = FORELINE_BENCH_DIR;
  with_program("pymodbus", fmt::format("{} {}/pymodbus_polls.py {} {} 2>/dev/null", python, here,
                                       port, seconds));
  with_program("modbus-serial",
               fmt::format("NODE_PATH={} node {}/modbus_serial_polls.cjs {} {} 2>/dev/null",
                           modules, here, port, seconds));
  many_devices(port, 2 * seconds, 1000, 1);
  many_devices(port, 2 * seconds, 200, 0.1);
  const int mute = ::socket(AF_INET, SOCK_STREAM, 0);
  address.sin_port = 0;
  ::bind(mute, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(mute, 64);
  ::getsockname(mute, reinterpret_cast<sockaddr*>(&address), &size);
  for (const int dead : {0, 1, 5})
    many_devices(port, 2 * seconds, 50, 0.1, dead, ntohs(address.sin_port));
  to_the_callback(port, seconds);
  decode_tags(seconds);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  return 0;
}
