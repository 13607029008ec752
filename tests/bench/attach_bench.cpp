// SPDX-License-Identifier: Apache-2.0
// Polls of 125 registers: ours, libmodbus, pymodbus and modbus-serial against the same server in
// the same run; then a thousand devices at 1 Hz on one thread. One JSON line a measurement. CPU is
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

/// Answers every request for 125 registers, on any number of connections. Never returns.
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
        for (int word = 0; word < registers; ++word) {
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

void thousand_devices(std::uint16_t port, double seconds) {
  io::Loop loop;
  std::vector<std::shared_ptr<io::Device>> devices;
  std::vector<io::PollPlan> plans;
  constexpr int count = 250;  // a plan's device is a byte: four pollers share the thread
  std::vector<std::unique_ptr<io::Poller>> pollers;
  std::vector<double> took_ms;
  std::size_t good = 0;
  double cpu = 0;
  bool measuring = false;
  for (int part = 0; part < 4; ++part) {
    devices.clear();
    plans.clear();
    for (int d = 0; d < count; ++d) {
      core::Device settings;
      settings.port = port;
      devices.push_back(std::make_shared<io::Device>(loop, settings));
      io::PollPlan plan;
      plan.device = static_cast<std::uint8_t>(d);
      plan.period_s = 1;
      plan.phase_s = (part * count + d) / (4.0 * count);
      plan.fields = {{core::RegisterTable::holding, 0, 100, plan.device},
                     {core::RegisterTable::holding, 100, 25, plan.device}};
      plan.rules.longest = registers;
      plans.push_back(plan);
    }
    pollers.push_back(std::make_unique<io::Poller>(loop, devices, plans, [&](const io::Polled& p) {
      if (!measuring) return;
      const auto ms = [](Clock::duration d) {
        return std::chrono::duration<double, std::milli>(d).count();
      };
      took_ms.push_back(ms(p.received - p.beat));
      if (p.troubles.empty()) ++good;
    }));
  }
  for (auto& poller : pollers) poller->start();
  const bool never = false;
  (void)loop.run(Clock::now() + std::chrono::seconds(2), never);
  measuring = true;
  cpu = cpu_s(RUSAGE_SELF);
  std::uint64_t overruns = 0;
  for (const auto& poller : pollers) overruns += poller->counters().overruns;
  (void)loop.run(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(seconds)),
                 never);
  cpu = cpu_s(RUSAGE_SELF) - cpu;
  std::uint64_t skipped = 0;
  for (const auto& poller : pollers) skipped += poller->counters().overruns;
  std::sort(took_ms.begin(), took_ms.end());
  const auto at = [&](double share) {
    return took_ms.empty()
               ? 0.0
               : took_ms[static_cast<std::size_t>(share * static_cast<double>(took_ms.size() - 1))];
  };
  fmt::print(
      "{{\"bench\":\"1000 devices at 1 Hz, {} registers each, one thread\",\"polls\":{},"
      "\"good\":{},\"overruns\":{},\"from_beat_to_value_ms\":{{\"p50\":{:.2f},\"p99\":{:.2f},"
      "\"max\":{:.2f}}},\"core_share\":{:.4f}}}\n",
      registers, took_ms.size(), good, skipped - overruns, at(0.5), at(0.99), at(1), cpu / seconds);
  pollers.clear();
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
  thousand_devices(port, 2 * seconds);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  return 0;
}
