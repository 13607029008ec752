// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/metrics_server.hpp"
#include "plugin/io/listening.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <set>
#include <thread>

namespace foreline::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t head_max = 4096;
constexpr std::size_t clients_max = 16;
constexpr auto patience = std::chrono::seconds(5);

}  // namespace

struct MetricsServer::State {
  struct Session : std::enable_shared_from_this<Session> {
    Session(State& owner, tcp::socket connected)
        : state(&owner), socket(std::move(connected)), timer(owner.context), head(head_max) {}
    void begin() {
      auto self = shared_from_this();
      timer.expires_after(patience);
      timer.async_wait([self](const auto& error) {
        if (!error) self->end();
      });
      asio::async_read_until(socket, head, "\r\n\r\n", [self](const auto& error, std::size_t) {
        if (error) return self->end();
        self->answer();
      });
    }
    void answer() {
      const std::string text(asio::buffers_begin(head.data()), asio::buffers_end(head.data()));
      const bool found = text.starts_with("GET /metrics ") || text.starts_with("GET / ");
      const auto body = found ? state->text() : std::string("only GET /metrics\n");
      reply = fmt::format(
          "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
          "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
          found ? "200 OK" : "404 Not Found", body.size(), body);
      asio::async_write(socket, asio::buffer(reply),
                        [self = shared_from_this()](const auto&, std::size_t) {
                          boost::system::error_code ignored;
                          self->socket.shutdown(tcp::socket::shutdown_send, ignored);
                          self->end();
                        });
    }
    void end() {
      boost::system::error_code ignored;
      socket.close(ignored);
      timer.cancel();
      state->sessions.erase(shared_from_this());
    }
    State* state;
    tcp::socket socket;
    asio::steady_timer timer;
    asio::streambuf head;
    std::string reply;
  };

  void accept() {
    accept_all(acceptor, again, [this](tcp::socket socket) {
      if (sessions.size() >= clients_max) return;
      const auto session = std::make_shared<Session>(*this, std::move(socket));
      sessions.insert(session);
      session->begin();
    });
  }

  asio::io_context context;
  tcp::acceptor acceptor{context};
  asio::steady_timer again{context};
  std::function<std::string()> text;
  std::set<std::shared_ptr<Session>> sessions;
  std::thread thread;
};

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(std::uint16_t port,
                                                            std::function<std::string()> text) {
  auto state = std::make_unique<State>();
  state->text = std::move(text);
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  if (auto listening = listen(state->acceptor, endpoint, 16, "metrics"); !listening)
    return listening.error();
  state->accept();
  state->thread = std::thread([raw = state.get()] { raw->context.run(); });
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(state)));
}

MetricsServer::MetricsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

MetricsServer::~MetricsServer() {
  asio::post(state_->context, [this] {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    state_->again.cancel();
    for (const auto& session : std::set(state_->sessions)) session->end();
  });
  state_->thread.join();
}

std::uint16_t MetricsServer::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace foreline::io
