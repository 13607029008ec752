// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <thread>
#include <utility>

#include "sim/line/random.hpp"

namespace foreline::plc {

namespace {

constexpr std::size_t header_size = 7;
constexpr std::size_t pdu_max = 253;
constexpr std::uint32_t damage = 1'000'000;  ///< Beyond the places of faults, which have own draws.

Wire::Clock::duration duration_of(double s) {
  return std::chrono::duration_cast<Wire::Clock::duration>(std::chrono::duration<double>(s));
}

}  // namespace

Wire::Wire(Answer answer, Options options)
    : answer_(std::move(answer)),
      options_(std::move(options)),
      begun_(Clock::now()),
      times_(options_.faults.size()) {}

Wire::~Wire() {
  for (const auto& peer : peers_) close(peer);
  if (listener_ >= 0) ::close(listener_);
}

void Wire::close(const Peer& peer) {
  if (peer.reset) {
    const linger at_once{1, 0};
    ::setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(peer.fd);
}

std::uint16_t Wire::listen(const std::string& host, std::uint16_t port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    return 0;
  }
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 128) != 0)
    return 0;
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  begun_ = Clock::now();
  return ntohs(address.sin_port);
}

bool Wire::frozen() const {
  const double now_s = std::chrono::duration<double>(Clock::now() - begun_).count();
  return std::any_of(options_.faults.begin(), options_.faults.end(), [&](const WireFault& fault) {
    return fault.kind == WireFault::Kind::freeze && now_s >= fault.from_s && now_s < fault.until_s;
  });
}

void Wire::step(std::chrono::nanoseconds patience, bool silent) {
  if (silent) {
    for (const auto& peer : peers_) close(peer);
    peers_.clear();
    std::this_thread::sleep_for(patience);
    return;
  }
  auto now = Clock::now();
  auto wait = std::max(patience, std::chrono::nanoseconds(0));
  std::vector<pollfd> polled = {{peers_.size() < options_.clients ? listener_ : -1, POLLIN, 0}};
  for (const auto& peer : peers_) {
    polled.push_back({peer.fd, POLLIN, 0});
    for (const auto& sending : peer.sending) {
      wait =
          std::clamp<std::chrono::nanoseconds>(sending.at - now, std::chrono::nanoseconds(0), wait);
      if (sending.begun) break;  // nothing else is sent before its end
    }
  }
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  const timespec patient = {whole.count(), (wait - whole).count()};
  if (::ppoll(polled.data(), polled.size(), &patient, nullptr) < 0) return;
  now = Clock::now();
  std::size_t position = 1;
  for (auto peer = peers_.begin(); peer != peers_.end(); ++position) {
    const bool lives = polled[position].revents == 0 || receive(*peer);
    if (lives && send_due(*peer, now)) {
      ++peer;
    } else {
      close(*peer);
      peer = peers_.erase(peer);
    }
  }
  if (polled[0].revents == 0) return;
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peers_.push_back({fd, {}, {}, false});
}

bool Wire::receive(Peer& peer) {
  std::array<std::uint8_t, 4096> buffer;
  const auto n = ::recv(peer.fd, buffer.data(), buffer.size(), 0);
  if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
  auto& in = peer.received;
  in.insert(in.end(), buffer.begin(), buffer.begin() + n);
  std::size_t at = 0;
  while (in.size() - at > header_size) {
    const std::size_t length = static_cast<std::size_t>(in[at + 4] << 8U) | in[at + 5];
    if (in[at + 2] != 0 || in[at + 3] != 0 || length < 2 || length > pdu_max + 1) return false;
    if (in.size() - at < 6 + length) break;
    reply(peer, std::span(in).subspan(at, 6 + length));
    if (peer.reset) return false;
    at += 6 + length;
  }
  in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
  return in.empty() || !options_.whole_requests;
}

bool Wire::holds(std::size_t index, std::uint8_t function) {
  const auto& fault = options_.faults[index];
  if (fault.kind == WireFault::Kind::freeze) return false;
  const double now_s = std::chrono::duration<double>(Clock::now() - begun_).count();
  if (now_s < fault.from_s || now_s >= fault.until_s) return false;
  if (fault.function != 0 && fault.function != function) return false;
  if (fault.times != 0 && times_[index] >= fault.times) return false;
  if (line::random_uniform(options_.seed, static_cast<std::uint32_t>(index),
                           line::Purpose::communication, requests_) >= fault.share)
    return false;
  ++times_[index];
  ++met_.at(static_cast<std::size_t>(fault.kind));
  return true;
}

void Wire::reply(Peer& peer, std::span<const std::uint8_t> request) {
  ++requests_;
  const auto function = request[header_size];
  std::vector<const WireFault*> meets;
  for (std::size_t i = 0; i < options_.faults.size(); ++i)
    if (holds(i, function)) meets.push_back(&options_.faults[i]);
  const auto met = [&](WireFault::Kind kind) -> const WireFault* {
    const auto found = std::find_if(meets.begin(), meets.end(),
                                    [&](const WireFault* fault) { return fault->kind == kind; });
    return found == meets.end() ? nullptr : *found;
  };
  using Kind = WireFault::Kind;
  std::optional<Bytes> pdu;
  if (const auto* fault = met(Kind::exception))
    pdu = Bytes{static_cast<std::uint8_t>(function | 0x80U), fault->code};
  else
    pdu = answer_(request[6], request.subspan(header_size));
  if (met(Kind::reset)) {
    peer.reset = true;
    return;
  }
  if (!pdu || met(Kind::drop)) return;
  Bytes frame(request.begin(), request.begin() + 4);
  frame.push_back(static_cast<std::uint8_t>((pdu->size() + 1) >> 8U));
  frame.push_back(static_cast<std::uint8_t>((pdu->size() + 1) & 0xFFU));
  frame.push_back(request[6]);
  frame.insert(frame.end(), pdu->begin(), pdu->end());
  if (met(Kind::misnumber)) frame[0] = static_cast<std::uint8_t>(frame[0] ^ 0x80U);
  if (met(Kind::corrupt)) {
    const auto bits =
        line::random_word(options_.seed, damage, line::Purpose::communication, requests_);
    // From the protocol's number to the byte count.
    const auto place = 2 + bits % (std::min(frame.size(), header_size + 2) - 2);
    frame[place] = static_cast<std::uint8_t>(frame[place] ^ (1U << ((bits >> 32U) % 8)));
  }
  Sending sending{Clock::now(), std::move(frame), 0, {}, false};
  if (const auto* fault = met(Kind::delay)) sending.at += duration_of(fault->delay_s);
  if (const auto* fault = met(Kind::split)) {
    sending.piece = fault->bytes;
    sending.apart = duration_of(fault->delay_s);
  }
  peer.sending.push_back(sending);
  if (met(Kind::repeat)) peer.sending.push_back(std::move(sending));
}

bool Wire::send_due(Peer& peer, Clock::time_point now) {
  auto& all = peer.sending;
  while (!all.empty()) {
    // What has begun is sent to its end before the next begins.
    const auto next = all.front().begun
                          ? all.begin()
                          : std::find_if(all.begin(), all.end(),
                                         [&](const Sending& sending) { return sending.at <= now; });
    if (next == all.end() || next->at > now) return true;
    next->begun = true;
    all.splice(all.begin(), all, next);
    auto& bytes = next->bytes;
    const auto size = next->piece == 0 ? bytes.size() : std::min(next->piece, bytes.size());
    const auto sent = ::send(peer.fd, bytes.data(), size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    bytes.erase(bytes.begin(), bytes.begin() + std::max<std::ptrdiff_t>(sent, 0));
    if (bytes.empty())
      all.erase(next);
    else
      next->at = now + (sent < 0 ? std::chrono::milliseconds(1) : next->apart);
  }
  return true;
}

}  // namespace foreline::plc
