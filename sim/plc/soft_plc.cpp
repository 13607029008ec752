// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/soft_plc.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <sstream>

#include "sim/factory/simulation.hpp"
#include "sim/plc/journal.hpp"
#include "sim/plc/registers.hpp"
#include "sim/worker/wire.hpp"

namespace foreline::plc {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t clients_max = 32;
constexpr auto scan_period = std::chrono::milliseconds(10);
constexpr std::size_t header_size = 7;

volatile std::sig_atomic_t stopping = 0;

struct Options {
  std::string trial;
  std::string host = "127.0.0.1";
  int port = 0;
  double speed = 1;
  std::string journal;
  std::string outcome;
  double for_s = 0;  ///< 0: until a signal.
};

struct Peer {
  int fd = -1;
  std::vector<std::uint8_t> received;
};

struct FreeModbus {
  void operator()(modbus_t* context) const { modbus_free(context); }
};

/// Whether the PDU is as long as its function says; modbus_reply() trusts that it is.
bool complete(const std::uint8_t* pdu, std::size_t size) {
  switch (pdu[0]) {
    case MODBUS_FC_READ_HOLDING_REGISTERS:
    case MODBUS_FC_READ_INPUT_REGISTERS:
    case MODBUS_FC_WRITE_SINGLE_REGISTER:
      return size == 5;
    case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
      return size >= 6 && size == 6U + pdu[5] && pdu[5] == 2 * ((pdu[3] << 8) | pdu[4]);
    default:
      return true;
  }
}

class Server {
 public:
  Server(Registers& registers, const Options& options)
      : registers_(&registers), context_(modbus_new_tcp(options.host.c_str(), options.port)) {
    mapping_.nb_registers = contract::register_count;
    mapping_.tab_registers = registers.words();
    mapping_.nb_input_registers = contract::register_count;
    mapping_.tab_input_registers = registers.words();
  }
  ~Server() {
    for (auto& peer : peers_) ::close(peer.fd);
    if (listener_ >= 0) ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The port, or 0 when the address cannot be had.
  int listen(const Options& options) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options.port));
    if (::inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) {
      errno = EINVAL;
      return 0;
    }
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 16) != 0)
      return 0;
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  /// Serves requests for at most `patience`. Silent while the line's network is down.
  void step(std::chrono::milliseconds patience, bool silent) {
    if (silent) {
      for (auto& peer : peers_) ::close(peer.fd);
      peers_.clear();
      ::poll(nullptr, 0, static_cast<int>(patience.count()));
      return;
    }
    std::vector<pollfd> polled = {{peers_.size() < clients_max ? listener_ : -1, POLLIN, 0}};
    for (const auto& peer : peers_) polled.push_back({peer.fd, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), static_cast<int>(patience.count())) <= 0) return;
    std::size_t position = 1;
    for (auto peer = peers_.begin(); peer != peers_.end(); ++position) {
      if (polled[position].revents != 0 && !serve(*peer)) {
        ::close(peer->fd);
        peer = peers_.erase(peer);
      } else {
        ++peer;
      }
    }
    if (polled[0].revents == 0) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers_.push_back({fd, {}});
  }

 private:
  /// False when the peer is gone or speaks no Modbus.
  bool serve(Peer& peer) {
    std::array<std::uint8_t, 4096> buffer;
    const auto n = ::recv(peer.fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
    peer.received.insert(peer.received.end(), buffer.begin(), buffer.begin() + n);
    while (peer.received.size() >= header_size + 1) {
      const auto& in = peer.received;
      const std::size_t length = static_cast<std::size_t>(in[4] << 8) | in[5];
      if (in[2] != 0 || in[3] != 0 || length < 2 || length > 254) return false;
      if (in.size() < 6 + length) return true;
      if (!answer(peer.fd, in.data(), 6 + length)) return false;
      peer.received.erase(peer.received.begin(),
                          peer.received.begin() + static_cast<std::ptrdiff_t>(6 + length));
    }
    return true;
  }

  bool answer(int fd, const std::uint8_t* request, std::size_t size) {
    modbus_set_socket(context_.get(), fd);
    const auto* pdu = request + header_size;
    const int function = pdu[0];
    auto refuse = [&](unsigned code) {
      return modbus_reply_exception(context_.get(), request, code) >= 0;
    };
    if (const auto unit = request[6]; unit != 1 && unit != 0 && unit != 255)
      return refuse(MODBUS_EXCEPTION_GATEWAY_TARGET);
    const bool reads =
        function == MODBUS_FC_READ_HOLDING_REGISTERS || function == MODBUS_FC_READ_INPUT_REGISTERS;
    const bool writes = function == MODBUS_FC_WRITE_SINGLE_REGISTER ||
                        function == MODBUS_FC_WRITE_MULTIPLE_REGISTERS;
    if (!reads && !writes) return refuse(MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
    if (!complete(pdu, size - header_size)) return refuse(MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
    const int address = (pdu[1] << 8) | pdu[2];
    const int count = function == MODBUS_FC_WRITE_SINGLE_REGISTER ? 1 : (pdu[3] << 8) | pdu[4];
    if (writes && !Registers::writable(address, count))
      return refuse(MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
    return modbus_reply(context_.get(), request, static_cast<int>(size), &mapping_) >= 0;
  }

  Registers* registers_;
  std::unique_ptr<modbus_t, FreeModbus> context_;
  modbus_mapping_t mapping_{};
  int listener_ = -1;
  std::list<Peer> peers_;
};

int fail(int status, const std::string& why) {
  fmt::print(stderr, "foreline-sim: {}\n", why);
  return status;
}

void write_outcome(const std::string& path, const line::Outcome& outcome) {
  if (path.empty()) return;
  const auto bytes = worker::to_bytes(outcome);
  const std::string unfinished = path + ".part";
  std::ofstream(unfinished, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::error_code error;
  std::filesystem::rename(unfinished, path, error);
}

}  // namespace

int serve(const std::vector<std::string>& arguments) {
  Options options;
  options.trial = arguments.at(0);
  for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
    const auto& name = arguments[i];
    const auto& value = arguments[i + 1];
    if (name == "--host")
      options.host = value;
    else if (name == "--port")
      options.port = std::atoi(value.c_str());
    else if (name == "--speed")
      options.speed = std::atof(value.c_str());
    else if (name == "--journal")
      options.journal = value;
    else if (name == "--outcome")
      options.outcome = value;
    else if (name == "--for")
      options.for_s = std::atof(value.c_str());
    else
      return fail(2, fmt::format("unknown option {}", name));
  }
  std::ifstream in(options.trial, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  auto trial = worker::trial_from(bytes.str());
  if (!in || !trial) return fail(2, fmt::format("{} holds no trial of this build", options.trial));
  if (!(options.speed > 0 && options.speed <= 100'000))
    return fail(2, "the speed must be above 0 and at most 100000");
  if (trial->line->machines.size() > contract::machines_max ||
      trial->orders->size() > contract::orders_max) {
    return fail(2, fmt::format("the register contract has room for {} machines and {} orders",
                               contract::machines_max, contract::orders_max));
  }
  Journal journal;
  if (!options.journal.empty()) {
    auto opened = Journal::open(options.journal);
    if (!opened) return fail(3, opened.error().text());
    journal = std::move(*opened);
  }
  trial->want_gantt = true;
  std::signal(SIGPIPE, SIG_IGN);

  Registers registers(*trial);
  Server server(registers, options);
  const int port = server.listen(options);
  if (port == 0) {
    return fail(
        3, fmt::format("cannot listen on {}:{}: {} (choose another --port, or 0 for any free one)",
                       options.host, options.port, std::strerror(errno)));
  }
  factory::Simulation simulation(*trial, true);
  // SimGrid has installed handlers of its own.
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { stopping = 1; });
  for (const auto& accepted : journal.accepted()) {
    simulation.run_until(accepted.at_s);
    registers.restore(simulation, accepted.block, accepted.sequence);
  }
  simulation.run_until(journal.clock_s());
  registers.at(contract::pace) =
      static_cast<std::uint16_t>(std::clamp(options.speed, 1.0, 65'535.0));
  registers.publish(simulation);
  fmt::print("listening {}:{}\n", options.host, port);
  std::fflush(stdout);

  auto last = Clock::now();
  auto journalled = last;
  double due_s = simulation.now_s();
  auto pace = registers.at(contract::pace);
  double speed = options.speed;
  bool told = false;
  const auto begun = last;
  while (stopping == 0) {
    const auto now = Clock::now();
    if (options.for_s > 0 && now - begun > std::chrono::duration<double>(options.for_s)) break;
    // After a pause of the whole machine the line goes on from where it was; it does not leap.
    const double elapsed_s = std::min(0.5, std::chrono::duration<double>(now - last).count());
    last = now;
    if (registers.at(contract::pace) != pace && registers.at(contract::pace) > 0) {
      pace = registers.at(contract::pace);
      speed = pace;
    }
    due_s += elapsed_s * speed;
    simulation.run_until(std::min(due_s, trial->horizon_s));
    if (registers.scan(simulation)) {
      journal.append({simulation.now_s(), registers.active_sequence(), registers.active()});
      fmt::print("schedule {} is active from {:.0f} s\n", registers.active_sequence(),
                 simulation.now_s());
      std::fflush(stdout);
    }
    registers.publish(simulation);
    const bool over =
        simulation.done() || simulation.runaway() || simulation.now_s() >= trial->horizon_s;
    if (over) registers.at(contract::finished) = 1;
    if (over && !told) {
      told = true;
      write_outcome(options.outcome, simulation.outcome());
      fmt::print("finished at {:.0f} s\n", simulation.now_s());
      std::fflush(stdout);
    }
    if (now - journalled > std::chrono::milliseconds(200)) {
      journalled = now;
      journal.append_clock(simulation.now_s());
    }
    const bool silent =
        std::any_of(trial->communication_losses.begin(), trial->communication_losses.end(),
                    [&](const auto& loss) {
                      return simulation.now_s() >= loss.from_s && simulation.now_s() < loss.until_s;
                    });
    const auto until = Clock::now() + scan_period;
    do {
      server.step(std::chrono::duration_cast<std::chrono::milliseconds>(
                      std::max(until - Clock::now(), Clock::duration::zero())),
                  silent);
    } while (Clock::now() < until && stopping == 0);
  }
  return 0;
}

}  // namespace foreline::plc
