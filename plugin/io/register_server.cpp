// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/register_server.hpp"

#include <fmt/format.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "plugin/core/answering.hpp"
#include "plugin/io/listening.hpp"
#include "plugin/io/tls.hpp"

namespace foreline::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using line::Error;
using line::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto idle_limit = std::chrono::minutes(5);     ///< Between two requests.
constexpr auto request_limit = std::chrono::seconds(5);  ///< From a request's first byte to the
                                                         ///< last of its answer.
constexpr std::size_t header_size = 7;
constexpr std::size_t pdu_max = 253;
constexpr int backlog = 128;
constexpr auto handshake_limit = std::chrono::seconds(5);
constexpr std::uint8_t illegal_function = 1;
constexpr std::uint8_t illegal_address = 2;

using core::Bytes;

std::uint16_t get16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>((bytes[0] << 8U) | bytes[1]);
}

void put16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

/// The role in a certificate (Modbus/TCP Security v3.6): a string in an extension of its own.
std::string role_of(SSL* connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      SSL_get1_peer_certificate(connection), X509_free);
  if (!certificate) return {};
  const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> oid(
      OBJ_txt2obj("1.3.6.1.4.1.50316.802.1", 1), ASN1_OBJECT_free);
  const int position = X509_get_ext_by_OBJ(certificate.get(), oid.get(), -1);
  if (position < 0) return {};
  const auto* value = X509_EXTENSION_get_data(X509_get_ext(certificate.get(), position));
  const auto* bytes = ASN1_STRING_get0_data(value);
  const std::unique_ptr<ASN1_TYPE, decltype(&ASN1_TYPE_free)> decoded(
      d2i_ASN1_TYPE(nullptr, &bytes, ASN1_STRING_length(value)), ASN1_TYPE_free);
  if (!decoded || (decoded->type != V_ASN1_UTF8STRING && decoded->type != V_ASN1_PRINTABLESTRING &&
                   decoded->type != V_ASN1_IA5STRING))
    return {};
  const auto* text = decoded->value.asn1_string;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

}  // namespace

struct RegisterServer::State {
  class Session;

  asio::io_context context;
  tcp::acceptor acceptor{context};
  asio::steady_timer again{context};
  ServerOptions options;
  std::optional<asio::ssl::context> tls;
  Written written;
  std::mutex mutex;
  std::vector<std::uint16_t> registers;
  std::vector<bool> inputs;
  std::set<std::shared_ptr<Session>> sessions;
  std::atomic<std::size_t> session_count = 0;
  std::thread thread;

  void accept();
  /// False when all clients are at work.
  bool make_room();

  Bytes answer(const Bytes& pdu, const std::string& role) {
    core::Answering from;
    from.identity = &options.identity;
    from.refusal = tls ? illegal_function : illegal_address;
    if (written)
      from.written = [&](std::uint16_t address, std::span<const std::uint16_t> words) {
        return written(address, words, role);
      };
    const bool reads = pdu[0] >= 1 && pdu[0] <= 4;
    // Held while reading only: who takes a write may publish.
    std::unique_lock lock(mutex, std::defer_lock);
    if (reads) {
      lock.lock();
      from.registers = registers;
      from.inputs = &inputs;
    }
    return core::answer_to(pdu, from);
  }
};

/// One client: a request, its answer, the next request.
class RegisterServer::State::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(State& state, tcp::socket socket)
      : state_(&state), socket_(std::move(socket)), idle_(state.context) {
    if (state.tls) stream_.emplace(socket_, *state.tls);
  }

  /// Since when it has asked nothing; the end of time while it is at work.
  [[nodiscard]] Clock::time_point quiet_since() const { return quiet_since_; }

  void begin() {
    if (!stream_) {
      end_after(idle_limit);
      return read();
    }
    end_after(handshake_limit);
    stream_->async_handshake(asio::ssl::stream_base::server,
                             [self = shared_from_this()](const auto& error) {
                               if (error) return self->end();
                               self->role_ = role_of(self->stream_->native_handle());
                               self->end_after(idle_limit);
                               self->read();
                             });
  }
  void end() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    idle_.cancel();
    state_->sessions.erase(shared_from_this());
    state_->session_count = state_->sessions.size();
  }

 private:
  template <class Duration>
  void end_after(Duration limit) {
    idle_.expires_after(limit);
    idle_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error) self->end();
    });
  }
  void read() {
    auto next = [self = shared_from_this()](const auto& error, std::size_t size) {
      if (error) return self->end();
      // Bytes that drip do not buy time: the limit counts from the first.
      if (self->held_.empty()) self->end_after(request_limit);
      self->quiet_since_ = Clock::time_point::max();
      self->held_.insert(self->held_.end(), self->buffer_.begin(),
                         self->buffer_.begin() + static_cast<std::ptrdiff_t>(size));
      self->answer();
    };
    if (stream_)
      stream_->async_read_some(asio::buffer(buffer_), std::move(next));
    else
      socket_.async_read_some(asio::buffer(buffer_), std::move(next));
  }
  /// Whether a request can begin at this place of what is held, of which six bytes are there.
  [[nodiscard]] bool may_begin(std::size_t at) const {
    const std::size_t length = get16(&held_[at + 4]);
    return get16(&held_[at + 2]) == 0 && length >= 2 && length <= pdu_max + 1;
  }
  /// Answers whole requests among what is held, then reads on.
  void answer() {
    replies_.clear();
    std::size_t at = 0;
    while (held_.size() - at >= header_size) {
      if (!may_begin(at)) return end();
      const std::size_t length = get16(&held_[at + 4]);
      if (held_.size() - at < 6 + length) break;
      // One that was cut short is filled up from the next, which then is out of step behind it.
      const auto next = at + 6 + length;
      if (next < held_.size() && held_.size() < next + 6) break;
      if (next < held_.size() && !may_begin(next)) return end();
      const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(at);
      const auto pdu = state_->answer(
          Bytes(begin + header_size, begin + static_cast<std::ptrdiff_t>(6 + length)), role_);
      replies_.insert(replies_.end(), begin, begin + 4);
      put16(replies_, static_cast<std::uint16_t>(pdu.size() + 1));
      replies_.push_back(held_[at + 6]);
      replies_.insert(replies_.end(), pdu.begin(), pdu.end());
      at = next;
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at));
    if (replies_.empty()) return read();
    end_after(request_limit);
    auto next = [self = shared_from_this()](const auto& error, std::size_t) {
      if (error) return self->end();
      if (self->held_.empty()) {
        self->quiet_since_ = Clock::now();
        self->end_after(idle_limit);
      }
      self->read();
    };
    if (stream_)
      asio::async_write(*stream_, asio::buffer(replies_), std::move(next));
    else
      asio::async_write(socket_, asio::buffer(replies_), std::move(next));
  }

  State* state_;
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> stream_;
  std::string role_;
  asio::steady_timer idle_;
  Clock::time_point quiet_since_ = Clock::now();
  std::array<std::uint8_t, 1024> buffer_{};
  Bytes held_;  ///< Received and not yet answered; less than a request and a buffer.
  Bytes replies_;
};

bool RegisterServer::State::make_room() {
  if (sessions.size() < options.clients) return true;
  const auto quiet = std::min_element(
      sessions.begin(), sessions.end(),
      [](const auto& a, const auto& b) { return a->quiet_since() < b->quiet_since(); });
  if ((*quiet)->quiet_since() > Clock::now() - options.quiet_least) return false;
  std::shared_ptr(*quiet)->end();
  return true;
}

void RegisterServer::State::accept() {
  accept_all(acceptor, again, [this](tcp::socket socket) {
    if (!make_room()) return;
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    auto session = std::make_shared<Session>(*this, std::move(socket));
    sessions.insert(session);
    session_count = sessions.size();
    session->begin();
  });
}

Result<std::unique_ptr<RegisterServer>> RegisterServer::start(const ServerOptions& options,
                                                              Written written) {
  auto state = std::make_unique<State>();
  state->written = std::move(written);
  state->options = options;
  const auto& host = options.host;
  const auto port = options.port;
  if (options.tls) {
    auto& tls = state->tls.emplace(asio::ssl::context::tls_server);
    tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                    asio::ssl::context::no_tlsv1_1);
    tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    if (auto trouble = use_files(tls, *options.tls); !trouble.empty())
      return Error(trouble, "give a PEM file");
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error)
    return Error(fmt::format("\"{}\" is no address to serve registers on", host),
                 "give an IP address, such as 127.0.0.1");
  const tcp::endpoint endpoint(address, port);
  if (auto listening = listen(state->acceptor, endpoint, backlog, "registers"); !listening)
    return listening.error();
  state->accept();
  state->thread = std::thread([raw = state.get()] { raw->context.run(); });
  return std::unique_ptr<RegisterServer>(new RegisterServer(std::move(state)));
}

RegisterServer::RegisterServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

RegisterServer::~RegisterServer() {
  asio::post(state_->context, [this] {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    state_->again.cancel();
    for (const auto& session : std::set(state_->sessions)) session->end();
  });
  state_->thread.join();
}

std::uint16_t RegisterServer::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

std::size_t RegisterServer::clients() const {
  return state_->session_count;
}

void RegisterServer::publish(std::vector<std::uint16_t> registers, std::vector<bool> inputs) {
  const std::lock_guard lock(state_->mutex);
  state_->registers = std::move(registers);
  state_->inputs = std::move(inputs);
}

}  // namespace foreline::io
