// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/register_server.hpp"

#include <fmt/format.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "plugin/core/answering.hpp"
#include "plugin/io/listening.hpp"

namespace foreline::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using line::Error;
using line::Result;

namespace {

constexpr auto idle_limit = std::chrono::minutes(5);
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

  void begin() {
    if (!stream_) {
      watch_idleness();
      return read_header();
    }
    idle_.expires_after(handshake_limit);
    idle_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error) self->end();
    });
    stream_->async_handshake(asio::ssl::stream_base::server,
                             [self = shared_from_this()](const auto& error) {
                               if (error) return self->end();
                               self->role_ = role_of(self->stream_->native_handle());
                               self->watch_idleness();
                               self->read_header();
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
  void watch_idleness() {
    idle_.expires_after(idle_limit);
    idle_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error) self->end();
    });
  }
  template <class Buffer, class Handler>
  void read(Buffer buffer, Handler handler) {
    if (stream_)
      asio::async_read(*stream_, buffer, std::move(handler));
    else
      asio::async_read(socket_, buffer, std::move(handler));
  }
  void read_header() {
    read(asio::buffer(header_), [self = shared_from_this()](const auto& error, std::size_t) {
      if (error) return self->end();
      const std::size_t length = get16(&self->header_[4]);
      if (get16(&self->header_[2]) != 0 || length < 2 || length > pdu_max + 1) return self->end();
      self->pdu_.resize(length - 1);
      self->read_pdu();
    });
  }
  void read_pdu() {
    read(asio::buffer(pdu_), [self = shared_from_this()](const auto& error, std::size_t) {
      if (error) return self->end();
      self->reply(self->state_->answer(self->pdu_, self->role_));
    });
  }
  void reply(const Bytes& pdu) {
    reply_.assign(header_.begin(), header_.begin() + 4);
    put16(reply_, static_cast<std::uint16_t>(pdu.size() + 1));
    reply_.push_back(header_[6]);
    reply_.insert(reply_.end(), pdu.begin(), pdu.end());
    auto next = [self = shared_from_this()](const auto& error, std::size_t) {
      if (error) return self->end();
      self->watch_idleness();
      self->read_header();
    };
    if (stream_)
      asio::async_write(*stream_, asio::buffer(reply_), std::move(next));
    else
      asio::async_write(socket_, asio::buffer(reply_), std::move(next));
  }

  State* state_;
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> stream_;
  std::string role_;
  asio::steady_timer idle_;
  std::array<std::uint8_t, header_size> header_{};
  Bytes pdu_;
  Bytes reply_;
};

void RegisterServer::State::accept() {
  acceptor.async_accept([this](const auto& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && sessions.size() < options.clients) {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto session = std::make_shared<Session>(*this, std::move(socket));
      sessions.insert(session);
      session_count = sessions.size();
      session->begin();
    }
    accept();
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
    boost::system::error_code failed;
    auto& tls = state->tls.emplace(asio::ssl::context::tls_server);
    tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                    asio::ssl::context::no_tlsv1_1);
    tls.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    const auto try_file = [&](const std::string& what, const std::string& file,
                              auto load) -> std::optional<Error> {
      load(failed);
      if (!failed) return std::nullopt;
      return Error(fmt::format("the {} {} cannot be used: {}", what, file, failed.message()),
                   "give a PEM file");
    };
    if (auto e = try_file("authorities", options.tls->authorities, [&](auto& error) {
          tls.load_verify_file(options.tls->authorities, error);
        }))
      return *e;
    if (auto e = try_file("certificate", options.tls->certificate, [&](auto& error) {
          tls.use_certificate_chain_file(options.tls->certificate, error);
        }))
      return *e;
    if (auto e = try_file("key", options.tls->key, [&](auto& error) {
          tls.use_private_key_file(options.tls->key, asio::ssl::context::pem, error);
        }))
      return *e;
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
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
