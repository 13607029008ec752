// SPDX-License-Identifier: Apache-2.0
// A TCP server on an ephemeral loopback port whose behaviour a test writes itself, to play peers
// that misbehave.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace foreline::tests {

using Bytes = std::vector<std::uint8_t>;

/// One accepted connection.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  /// The next request, or nothing once the client has gone.
  [[nodiscard]] Bytes request() const {
    Bytes bytes(6);
    if (!read(bytes.data(), 6)) return {};
    const std::size_t length = static_cast<std::size_t>(bytes[4] << 8U) | bytes[5];
    bytes.resize(6 + length);
    if (!read(bytes.data() + 6, length)) return {};
    return bytes;
  }
  /// So many bytes, or nothing.
  [[nodiscard]] Bytes bytes(std::size_t size) const {
    Bytes in(size);
    if (!read(in.data(), size)) return {};
    return in;
  }
  void send(const Bytes& bytes) const {
    (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// An answer to `request` with this PDU.
  [[nodiscard]] static Bytes answer(const Bytes& request, const Bytes& pdu) {
    Bytes out(request.begin(), request.begin() + 4);
    out.push_back(0);
    out.push_back(static_cast<std::uint8_t>(pdu.size() + 1));
    out.push_back(request[6]);
    out.insert(out.end(), pdu.begin(), pdu.end());
    return out;
  }

 private:
  bool read(std::uint8_t* into, std::size_t size) const {
    while (size > 0) {
      const auto n = ::recv(fd_, into, size, 0);
      if (n <= 0) return false;
      into += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  }
  int fd_;
};

class PlainServer {
 public:
  /// `serve` is called for each connection in turn.
  explicit PlainServer(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 4);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (!stopping_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 20) <= 0) continue;
        const int fd = ::accept(listener_, nullptr, nullptr);
        connections_ = connections_ + 1;
        // A client that never speaks, or never listens, must not hold the test.
        timeval limit{2, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (!hold(fd)) break;
        Peer peer(fd);
        serve_(peer);
        (void)hold(-1);
        ::close(fd);
      }
    });
  }
  ~PlainServer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      // Nor one that speaks for ever.
      if (served_ >= 0) ::shutdown(served_, SHUT_RDWR);
    }
    thread_.join();
    ::close(listener_);
  }
  PlainServer(const PlainServer&) = delete;
  PlainServer& operator=(const PlainServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  /// The connection that is served; false, and it is closed, when the server ends.
  bool hold(int fd) {
    const std::lock_guard lock(mutex_);
    served_ = fd;
    if (!stopping_ || fd < 0) return true;
    ::close(std::exchange(served_, -1));
    return false;
  }
  std::function<void(Peer&)> serve_;
  std::mutex mutex_;
  int served_ = -1;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace foreline::tests
