// SPDX-License-Identifier: Apache-2.0
// A TCP client on loopback that sends what a test wants, well formed or not.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace foreline::tests {

class PlainClient {
 public:
  explicit PlainClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    timeval limit{2, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~PlainClient() { ::close(fd_); }
  PlainClient(const PlainClient&) = delete;
  PlainClient& operator=(const PlainClient&) = delete;

  void send(const std::vector<std::uint8_t>& bytes) const {
    (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// The PDU that answers this PDU; empty when there is none within two seconds.
  [[nodiscard]] std::vector<std::uint8_t> ask(const std::vector<std::uint8_t>& pdu) const {
    std::vector<std::uint8_t> request = {0, 1, 0, 0, 0, static_cast<std::uint8_t>(pdu.size() + 1),
                                         1};
    request.insert(request.end(), pdu.begin(), pdu.end());
    send(request);
    std::vector<std::uint8_t> answer;
    while (answer.size() < 7 || answer.size() < 6U + answer[5]) {
      std::uint8_t byte = 0;
      if (::recv(fd_, &byte, 1, 0) != 1) return {};
      answer.push_back(byte);
    }
    return {answer.begin() + 7, answer.end()};
  }
  /// So many bytes, or fewer when the peer closes or two seconds pass.
  [[nodiscard]] std::vector<std::uint8_t> bytes(std::size_t size) const {
    std::vector<std::uint8_t> in;
    std::uint8_t byte = 0;
    while (in.size() < size && ::recv(fd_, &byte, 1, 0) == 1) in.push_back(byte);
    return in;
  }
  /// Everything until the peer closes.
  [[nodiscard]] std::string all() const {
    std::string text;
    for (char c = 0; ::recv(fd_, &c, 1, 0) == 1;) text += c;
    return text;
  }
  [[nodiscard]] bool closed_within(std::chrono::milliseconds limit) const {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return false;
    std::uint8_t byte = 0;
    return ::recv(fd_, &byte, 1, 0) <= 0;
  }

 private:
  int fd_;
};

}  // namespace foreline::tests
