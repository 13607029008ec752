// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/register_server.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <set>
#include <thread>

namespace foreline::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t sessions_max = 32;
constexpr auto idle_limit = std::chrono::minutes(5);
constexpr std::size_t header_size = 7;
constexpr std::size_t pdu_max = 253;
constexpr std::uint8_t illegal_function = 1;
constexpr std::uint8_t illegal_address = 2;
constexpr std::uint8_t illegal_value = 3;

using Bytes = std::vector<std::uint8_t>;

std::uint16_t get16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>((bytes[0] << 8U) | bytes[1]);
}

void put16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

}  // namespace

struct RegisterServer::State {
  class Session;

  asio::io_context context;
  tcp::acceptor acceptor{context};
  Written written;
  std::mutex mutex;
  std::vector<std::uint16_t> registers;
  std::vector<bool> inputs;
  std::set<std::shared_ptr<Session>> sessions;
  std::thread thread;

  void accept();

  Bytes answer(const Bytes& pdu) {
    const auto refuse = [&](std::uint8_t code) {
      return Bytes{static_cast<std::uint8_t>(pdu[0] | 0x80U), code};
    };
    const auto function = pdu[0];
    const bool bits = function == 1 || function == 2;
    if (bits || function == 3 || function == 4) {
      if (pdu.size() != 5) return refuse(illegal_value);
      const std::size_t address = get16(&pdu[1]);
      const std::size_t count = get16(&pdu[3]);
      if (count == 0 || count > (bits ? 2000U : 125U)) return refuse(illegal_value);
      const std::lock_guard lock(mutex);
      if (address + count > (bits ? inputs.size() : registers.size()))
        return refuse(illegal_address);
      Bytes answer = {function};
      if (bits) {
        Bytes packed((count + 7) / 8, 0);
        for (std::size_t i = 0; i < count; ++i) {
          if (inputs[address + i])
            packed[i / 8] = static_cast<std::uint8_t>(packed[i / 8] | (1U << (i % 8)));
        }
        answer.push_back(static_cast<std::uint8_t>(packed.size()));
        answer.insert(answer.end(), packed.begin(), packed.end());
      } else {
        answer.push_back(static_cast<std::uint8_t>(2 * count));
        for (std::size_t i = 0; i < count; ++i) put16(answer, registers[address + i]);
      }
      return answer;
    }
    if (function != 6 && function != 16) return refuse(illegal_function);
    if (pdu.size() < 5) return refuse(illegal_value);
    std::vector<std::uint16_t> words;
    if (function == 6) {
      if (pdu.size() != 5) return refuse(illegal_value);
      words.push_back(get16(&pdu[3]));
    } else {
      const std::size_t count = get16(&pdu[3]);
      if (count == 0 || count > 123 || pdu.size() != 6 + 2 * count || pdu[5] != 2 * count)
        return refuse(illegal_value);
      for (std::size_t i = 0; i < count; ++i) words.push_back(get16(&pdu[6 + 2 * i]));
    }
    if (!written || !written(get16(&pdu[1]), words)) return refuse(illegal_address);
    return {pdu.begin(), pdu.begin() + 5};
  }
};

/// One client: a request, its answer, the next request.
class RegisterServer::State::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(State& state, tcp::socket socket)
      : state_(&state), socket_(std::move(socket)), idle_(state.context) {}

  void begin() {
    watch_idleness();
    read_header();
  }
  void end() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    idle_.cancel();
    state_->sessions.erase(shared_from_this());
  }

 private:
  void watch_idleness() {
    idle_.expires_after(idle_limit);
    idle_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error) self->end();
    });
  }
  void read_header() {
    asio::async_read(socket_, asio::buffer(header_),
                     [self = shared_from_this()](const auto& error, std::size_t) {
                       if (error) return self->end();
                       const std::size_t length = get16(&self->header_[4]);
                       if (get16(&self->header_[2]) != 0 || length < 2 || length > pdu_max + 1)
                         return self->end();
                       self->pdu_.resize(length - 1);
                       self->read_pdu();
                     });
  }
  void read_pdu() {
    asio::async_read(socket_, asio::buffer(pdu_),
                     [self = shared_from_this()](const auto& error, std::size_t) {
                       if (error) return self->end();
                       self->reply(self->state_->answer(self->pdu_));
                     });
  }
  void reply(const Bytes& pdu) {
    reply_.assign(header_.begin(), header_.begin() + 4);
    put16(reply_, static_cast<std::uint16_t>(pdu.size() + 1));
    reply_.push_back(header_[6]);
    reply_.insert(reply_.end(), pdu.begin(), pdu.end());
    asio::async_write(socket_, asio::buffer(reply_),
                      [self = shared_from_this()](const auto& error, std::size_t) {
                        if (error) return self->end();
                        self->watch_idleness();
                        self->read_header();
                      });
  }

  State* state_;
  tcp::socket socket_;
  asio::steady_timer idle_;
  std::array<std::uint8_t, header_size> header_{};
  Bytes pdu_;
  Bytes reply_;
};

void RegisterServer::State::accept() {
  acceptor.async_accept([this](const auto& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && sessions.size() < sessions_max) {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto session = std::make_shared<Session>(*this, std::move(socket));
      sessions.insert(session);
      session->begin();
    }
    accept();
  });
}

Result<std::unique_ptr<RegisterServer>> RegisterServer::start(const std::string& host,
                                                              std::uint16_t port, Written written) {
  auto state = std::make_unique<State>();
  state->written = std::move(written);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error)
    return Error(fmt::format("\"{}\" is no address to serve registers on", host),
                 "give an IP address, such as 127.0.0.1");
  const tcp::endpoint endpoint(address, port);
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(16, error);
  if (error)
    return Error(fmt::format("cannot serve registers on {}:{}: {}", host, port, error.message()),
                 "choose another port, or 0 for any free one");
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

void RegisterServer::publish(std::vector<std::uint16_t> registers, std::vector<bool> inputs) {
  const std::lock_guard lock(state_->mutex);
  state_->registers = std::move(registers);
  state_->inputs = std::move(inputs);
}

}  // namespace foreline::io
