// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <set>
#include <thread>

namespace foreline::hmi {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using line::Error;
using line::Result;

namespace {

/// Nothing but our own files, no other site around or behind us.
constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A proxy would buffer a stream that says nothing; browsers tell a dead one by its silence.
constexpr auto stream_silence_max = std::chrono::seconds(1);

struct Shared;

/// What the server asks of a connection, plain or TLS.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual void wake() = 0;
  virtual void close() = 0;
};

struct Shared {
  ServerOptions options;
  Handler handler;
  std::set<Connection*> open;
};

template <class Stream>
class Session final : public Connection, public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(Stream stream, std::shared_ptr<Shared> shared)
      : stream_(std::move(stream)), shared_(std::move(shared)) {
    error_code ignored;
    remote_ = tcp_stream().socket().remote_endpoint(ignored).address().to_string();
    shared_->open.insert(this);
  }
  ~Session() override { shared_->open.erase(this); }

  void run() {
    if constexpr (secure) {
      tcp_stream().expires_after(limits().request);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (!error) self->read();
                              });
    } else {
      read();
    }
  }

  void wake() override {
    if (!feed_) return;
    missed_ = writing_;
    if (writing_) return;
    auto news = feed_();
    if (!news) return close();
    const auto now = std::chrono::steady_clock::now();
    if (news->empty()) {
      if (now - last_write_ < stream_silence_max) return;
      news = ": still here\n\n";
    }
    last_write_ = now;
    send_stream(std::move(*news));
  }

  void close() override {
    feed_ = nullptr;
    error_code ignored;
    tcp_stream().socket().close(ignored);
  }

 private:
  static constexpr bool secure = !std::is_same_v<Stream, beast::tcp_stream>;

  beast::tcp_stream& tcp_stream() { return beast::get_lowest_layer(stream_); }
  const ServerLimits& limits() const { return shared_->options.limits; }

  void read() {
    parser_.emplace();
    parser_->header_limit(limits().header_bytes);
    parser_->body_limit(limits().body_bytes);
    tcp_stream().expires_after(limits().request);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) { self->heard(error); });
  }

  void heard(error_code error) {
    if (error == http::error::end_of_stream) return end();
    if (error == http::error::body_limit) return refuse(413, "the request is too large");
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return refuse(431, "the request's head is too large");
    if (error) {
      // Not HTTP, gone, or too slow: nothing to say to it.
      if (error.category() == http::make_error_code(http::error::bad_method).category())
        return refuse(400, "this is no HTTP request");
      return;
    }
    const auto message = parser_->release();
    keep_alive_ = message.keep_alive() && ++served_ < limits().requests_a_connection;
    head_only_ = message.method() == http::verb::head;
    const auto text = [&](auto name) { return std::string(message[name]); };
    Request request;
    request.method = std::string(message.method_string());
    const std::string target(message.target());
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos) request.query = target.substr(question + 1);
    request.cookie = text(http::field::cookie);
    request.token = text("X-Foreline-Token");
    request.content_type = text(http::field::content_type);
    request.origin = text(http::field::origin);
    request.host = text(http::field::host);
    request.accept_encoding = text(http::field::accept_encoding);
    request.if_none_match = text(http::field::if_none_match);
    request.body = message.body();
    request.remote = remote_;
    request.secure = secure;
    if (!host_is_ours(request.host, shared_->options.names))
      return refuse(421, "this server is not reached by that name; see [hmi] names");
    tcp_stream().expires_never();  // the handler has its own deadlines
    shared_->handler(request, [self = this->shared_from_this(),
                               once = std::make_shared<bool>()](Response response) {
      asio::post(self->tcp_stream().get_executor(),
                 [self, once, answer = std::move(response)]() mutable {
                   if (!std::exchange(*once, true)) self->answer(std::move(answer));
                 });
    });
  }

  void refuse(int status, const std::string& why) {
    keep_alive_ = false;
    Response response;
    response.status = status;
    response.body = fmt::format("{{\"error\":\"{}\"}}", why);
    answer(std::move(response));
  }

  void answer(Response response) {
    message_.emplace();
    auto& message = *message_;
    message.version(11);
    message.result(static_cast<unsigned>(response.status));
    message.set(http::field::content_type, response.type);
    message.set("Content-Security-Policy", content_security_policy);
    message.set("X-Content-Type-Options", "nosniff");
    message.set("X-Frame-Options", "DENY");
    message.set("Referrer-Policy", "no-referrer");
    message.set("Cross-Origin-Opener-Policy", "same-origin");
    message.set("Cross-Origin-Resource-Policy", "same-origin");
    message.set("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    if constexpr (secure) message.set("Strict-Transport-Security", "max-age=31536000");
    message.set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : response.headers) message.set(name, value);
    feed_ = std::move(response.feed);
    if (feed_) {
      message.keep_alive(false);
      head_.emplace(message);
      tcp_stream().expires_after(limits().write);
      http::async_write_header(stream_, *head_,
                               [self = this->shared_from_this()](error_code error, std::size_t) {
                                 if (!error) self->open_stream();
                               });
      return;
    }
    message.keep_alive(keep_alive_);
    message.body() = std::move(response.body);
    message.prepare_payload();
    tcp_stream().expires_after(limits().write);
    if (head_only_) {
      head_.emplace(message);
      http::async_write_header(
          stream_, *head_,
          [self = this->shared_from_this()](error_code error, std::size_t) { self->sent(error); });
      return;
    }
    http::async_write(
        stream_, message,
        [self = this->shared_from_this()](error_code error, std::size_t) { self->sent(error); });
  }

  void sent(error_code error) {
    if (error) return;
    if (!keep_alive_) return end();
    read();
  }

  void open_stream() {
    tcp_stream().expires_never();
    // A client of a stream says nothing more; what comes is its end.
    stream_.async_read_some(
        asio::buffer(&byte_, 1),
        [self = this->shared_from_this()](error_code, std::size_t) { self->close(); });
    wake();
  }

  void send_stream(std::string text) {
    writing_ = true;
    outgoing_ = std::move(text);
    tcp_stream().expires_after(limits().write);
    asio::async_write(stream_, asio::buffer(outgoing_),
                      [self = this->shared_from_this()](error_code error, std::size_t) {
                        self->writing_ = false;
                        if (error) return self->close();
                        if (self->missed_) self->wake();
                      });
  }

  void end() {
    tcp_stream().expires_after(limits().write);
    if constexpr (secure) {
      stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->close(); });
    } else {
      error_code ignored;
      tcp_stream().socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
  }

  Stream stream_;
  std::shared_ptr<Shared> shared_;
  std::string remote_;
  beast::flat_buffer buffer_{64 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> message_;
  std::optional<http::response_serializer<http::string_body>> head_;
  Feed feed_;
  std::string outgoing_;
  std::chrono::steady_clock::time_point last_write_{};
  std::size_t served_ = 0;
  char byte_ = 0;
  bool writing_ = false;
  bool missed_ = false;  ///< Woken while it wrote: there may be news.
  bool keep_alive_ = false;
  bool head_only_ = false;
};

}  // namespace

struct Server::State {
  asio::io_context context{1};
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::optional<asio::ssl::context> tls;
  tcp::acceptor acceptor{context};
  asio::steady_timer again{context};
  std::vector<std::unique_ptr<asio::steady_timer>> timers;
  std::uint16_t port = 0;
  std::thread thread;

  void accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (error) {
        // Out of descriptors, for example: wait, do not spin.
        again.expires_after(std::chrono::milliseconds(100));
        again.async_wait([this](error_code stopped) {
          if (!stopped) accept();
        });
        return;
      }
      if (shared->open.size() < shared->options.limits.connections) {
        error_code ignored;
        (void)::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
        socket.set_option(tcp::no_delay(true), ignored);
        beast::tcp_stream stream(std::move(socket));
        if (tls)
          std::make_shared<Session<beast::ssl_stream<beast::tcp_stream>>>(
              beast::ssl_stream<beast::tcp_stream>(std::move(stream), *tls), shared)
              ->run();
        else
          std::make_shared<Session<beast::tcp_stream>>(std::move(stream), shared)->run();
      }
      accept();
    });
  }

  /// A mistake of ours must not end the host: what shows it is that the pages grow old.
  static void guarded(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception&) {
      return;
    }
  }

  void repeat(asio::steady_timer& timer, std::chrono::milliseconds period,
              const std::function<void()>& work) {
    timer.expires_after(period);
    timer.async_wait([this, &timer, period, work](error_code stopped) {
      if (stopped) return;
      guarded(work);
      repeat(timer, period, work);
    });
  }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::listen(const ServerOptions& options) {
  auto state = std::make_unique<State>();
  auto& s = *state;
  s.shared->options = options;
  error_code error;
  if (!options.certificate.empty()) {
    s.tls.emplace(asio::ssl::context::tls_server);
    s.tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                           asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1,
                       error);
    s.tls->use_certificate_chain_file(options.certificate.string(), error);
    if (error)
      return Error(fmt::format("the certificate {} cannot be used: {}",
                               options.certificate.string(), error.message()),
                   "give a PEM file with the server's certificate first");
    s.tls->use_private_key_file(options.key.string(), asio::ssl::context::pem, error);
    if (error)
      return Error(
          fmt::format("the key {} cannot be used: {}", options.key.string(), error.message()),
          "give the PEM file of the key that belongs to the certificate");
  }
  const auto address = options.host == "localhost"
                           ? asio::ip::address(asio::ip::address_v4::loopback())
                           : asio::ip::make_address(options.host, error);
  if (error)
    return Error(fmt::format("\"{}\" is no address to listen on", options.host),
                 "write 127.0.0.1, ::1 or an address of this computer");
  const tcp::endpoint endpoint(address, options.port);
  s.acceptor.open(endpoint.protocol(), error);
  if (!error) s.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) s.acceptor.bind(endpoint, error);
  if (!error) s.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return Error(fmt::format("the pages cannot be served on {} port {}: {}", options.host,
                             options.port, error.message()),
                 "choose another [hmi] port; 0 takes any free one");
  s.port = s.acceptor.local_endpoint().port();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

void Server::serve(Handler handler) {
  auto& s = *state_;
  s.shared->handler = std::move(handler);
  s.accept();
  s.thread = std::thread([&s] { s.context.run(); });
}

Server::~Server() {
  auto& s = *state_;
  asio::post(s.context, [&s] {
    error_code ignored;
    s.acceptor.close(ignored);
    s.context.stop();
  });
  if (s.thread.joinable()) s.thread.join();
}

std::uint16_t Server::port() const {
  return state_->port;
}

void Server::post(std::function<void()> work) {
  asio::post(state_->context, [work = std::move(work)] { State::guarded(work); });
}

void Server::every(std::chrono::milliseconds period, std::function<void()> work) {
  post([this, period, work = std::move(work)] {
    auto& s = *state_;
    s.timers.push_back(std::make_unique<asio::steady_timer>(s.context));
    s.repeat(*s.timers.back(), period, work);
  });
}

void Server::wake_streams() {
  // A connection may go while it is woken.
  const std::vector<Connection*> open(state_->shared->open.begin(), state_->shared->open.end());
  for (auto* connection : open)
    if (state_->shared->open.count(connection) != 0) connection->wake();
}

std::size_t Server::connections() const {
  return state_->shared->open.size();
}

bool host_is_ours(const std::string& host, const std::vector<std::string>& names) {
  if (host.empty()) return false;
  auto name = host;
  if (name.front() == '[') {
    const auto end = name.find(']');
    if (end == std::string::npos) return false;
    name = name.substr(1, end - 1);
  } else if (const auto colon = name.rfind(':'); colon != std::string::npos) {
    name.resize(colon);
  }
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  error_code no_address;
  (void)asio::ip::make_address(name, no_address);
  return !no_address || name == "localhost" ||
         std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace foreline::hmi
