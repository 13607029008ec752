// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/link.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "plugin/io/listening.hpp"
#include "plugin/io/name_lookup.hpp"
#include "plugin/io/tls.hpp"

namespace foreline::io {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto lookup_every = std::chrono::milliseconds(5);

/// Calls `found` with the endpoints of a literal address or a name.
template <class Protocol>
class Lookup {
 public:
  using Endpoints = std::vector<typename Protocol::endpoint>;
  explicit Lookup(asio::io_context& context) : timer_(context) {}
  template <class Found>
  void start(const std::string& host, std::uint16_t port, Found found) {
    names_.emplace(host);
    look(++round_, port, std::move(found));
  }
  void cancel() {
    ++round_;
    names_.reset();
    timer_.cancel();
  }

 private:
  template <class Found>
  void look(std::uint64_t round, std::uint16_t port, Found found) {
    if (round != round_) return found(asio::error::operation_aborted, Endpoints{});
    if (const auto answer = names_->answer()) {
      Endpoints endpoints;
      for (const auto& literal : *answer) {
        error_code error;
        const auto address = asio::ip::make_address(literal, error);
        if (!error) endpoints.push_back({address, port});
      }
      names_.reset();
      return found(endpoints.empty() ? error_code(asio::error::host_not_found) : error_code{},
                   endpoints);
    }
    timer_.expires_after(lookup_every);
    timer_.async_wait([this, round, port, found](const error_code&) { look(round, port, found); });
  }

  asio::steady_timer timer_;
  std::optional<NameLookup> names_;
  std::uint64_t round_ = 0;  ///< Which start() it is about.
};

/// Connects to the first of `endpoints` that takes it. Says why no socket can be opened, which
/// async_connect() calls cancelled.
template <class Socket, class Endpoints>
void connect_to(Socket& socket, Endpoints endpoints, Link::Done done) {
  error_code error;
  socket.open(endpoints.front().protocol(), error);
  if (error) return done(error, 0);
  auto kept = std::make_shared<Endpoints>(std::move(endpoints));
  asio::async_connect(socket, *kept, [&socket, kept, done](const error_code& e, const auto&) {
    if (!e) keep_from_children(socket);
    done(e, 0);
  });
}

void prepare(asio::ip::tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

class TcpLink final : public Link {
 public:
  explicit TcpLink(asio::io_context& context) : lookup_(context), socket_(context) {}
  void open(const std::string& host, std::uint16_t port, Done done) override {
    auto self = shared_from_this();
    lookup_.start(host, port, [this, self, done](const error_code& error, auto endpoints) {
      if (error) return done(error, 0);
      connect_to(socket_, std::move(endpoints), [this, self, done](const error_code& e, auto) {
        if (!e) prepare(socket_);
        done(e, 0);
      });
    });
  }
  void write(std::span<const std::uint8_t> bytes, Done done) override {
    asio::async_write(
        socket_, asio::buffer(bytes.data(), bytes.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void read(std::span<std::uint8_t> into, Done done) override {
    socket_.async_read_some(
        asio::buffer(into.data(), into.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void close() override {
    lookup_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Lookup<asio::ip::tcp> lookup_;
  asio::ip::tcp::socket socket_;
};

class UdpLink final : public Link {
 public:
  explicit UdpLink(asio::io_context& context) : lookup_(context), socket_(context) {}
  void open(const std::string& host, std::uint16_t port, Done done) override {
    auto self = shared_from_this();
    lookup_.start(host, port, [this, self, done](const error_code& error, auto endpoints) {
      if (error) return done(error, 0);
      // Connected, so that datagrams of strangers are not taken and a closed port is heard of.
      connect_to(socket_, std::move(endpoints),
                 [self, done](const error_code& e, auto) { done(e, 0); });
    });
  }
  void write(std::span<const std::uint8_t> bytes, Done done) override {
    socket_.async_send(
        asio::buffer(bytes.data(), bytes.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void read(std::span<std::uint8_t> into, Done done) override {
    socket_.async_receive(
        asio::buffer(into.data(), into.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void close() override {
    lookup_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }
  [[nodiscard]] bool datagrams() const override { return true; }

 private:
  Lookup<asio::ip::udp> lookup_;
  asio::ip::udp::socket socket_;
};

/// Modbus/TCP Security: TLS 1.2 or later, both sides show a certificate.
class TlsLink final : public Link {
 public:
  TlsLink(asio::io_context& context, const core::TlsFiles& files)
      : files_(files), lookup_(context), context_(asio::ssl::context::tls_client) {
    context_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                         asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1);
    context_.set_verify_mode(asio::ssl::verify_peer);
    unusable_ = use_files(context_, files_);
    stream_.emplace(context, context_);
  }
  void open(const std::string& host, std::uint16_t port, Done done) override {
    auto self = shared_from_this();
    if (!unusable_.empty()) {
      asio::post(stream_->get_executor(), [self, done] { done(asio::error::invalid_argument, 0); });
      return;
    }
    wanted_ = files_.peer_name.empty() ? host : files_.peer_name;
    stream_->set_verify_callback([names_it = asio::ssl::host_name_verification(wanted_)](
                                     bool believed, asio::ssl::verify_context& context) {
      if (names_it(believed, context)) return true;
      if (believed) X509_STORE_CTX_set_error(context.native_handle(), X509_V_ERR_HOSTNAME_MISMATCH);
      return false;
    });
    lookup_.start(host, port, [this, self, done](const error_code& error, auto endpoints) {
      if (error) return done(error, 0);
      connect_to(stream_->next_layer(), std::move(endpoints),
                 [this, self, done](const error_code& e, auto) {
                   if (e) return done(e, 0);
                   prepare(stream_->next_layer());
                   shaking_ = true;
                   stream_->async_handshake(
                       asio::ssl::stream_base::client,
                       [self, done](const error_code& shaken) { done(shaken, 0); });
                 });
    });
  }
  void write(std::span<const std::uint8_t> bytes, Done done) override {
    asio::async_write(
        *stream_, asio::buffer(bytes.data(), bytes.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void read(std::span<std::uint8_t> into, Done done) override {
    stream_->async_read_some(
        asio::buffer(into.data(), into.size()),
        [self = shared_from_this(), done](const error_code& e, std::size_t n) { done(e, n); });
  }
  void close() override {
    lookup_.cancel();
    error_code ignored;
    stream_->next_layer().close(ignored);
  }
  [[nodiscard]] std::string awaited() const override {
    return shaking_ ? "TLS handshake" : "connection";
  }
  [[nodiscard]] std::string why(const error_code& error) override {
    if (!unusable_.empty()) return unusable_;
    if (shaking_ && error == asio::ssl::error::stream_truncated)
      return "the TLS handshake was broken off: it speaks no TLS, or does not believe our "
             "certificate";
    const auto verdict = shaking_ ? SSL_get_verify_result(stream_->native_handle()) : X509_V_OK;
    if (error.category() != asio::error::get_ssl_category() || verdict == X509_V_OK)
      return words_of(error);
    return verdict == X509_V_ERR_HOSTNAME_MISMATCH
               ? fmt::format("its certificate does not name \"{}\" (peer_name)", wanted_)
               : fmt::format("its certificate is not believed: {}",
                             X509_verify_cert_error_string(verdict));
  }

 private:
  core::TlsFiles files_;
  Lookup<asio::ip::tcp> lookup_;
  asio::ssl::context context_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket>> stream_;
  std::string unusable_;  ///< Which file, and why.
  std::string wanted_;    ///< What its certificate must name.
  bool shaking_ = false;
};

}  // namespace

std::shared_ptr<Link> make_link(asio::io_context& context, const core::Device& device) {
  switch (device.transport) {
    case core::Transport::udp:
      return std::make_shared<UdpLink>(context);
    case core::Transport::tls:
      return std::make_shared<TlsLink>(context, device.tls);
    default:
      return std::make_shared<TcpLink>(context);
  }
}

}  // namespace foreline::io
