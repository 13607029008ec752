// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/modbus_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "sim/line/random.hpp"

namespace foreline::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using line::Done;
using line::Error;
using line::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t header_size = 7;
constexpr std::size_t pdu_max = 253;
constexpr std::uint8_t read_holding = 3;
constexpr std::uint8_t read_input = 4;
constexpr std::uint8_t write_multiple = 16;
constexpr std::uint8_t exception_bit = 0x80;

void put16(std::vector<std::uint8_t>& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xFFU));
}

std::uint16_t get16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>((bytes[0] << 8U) | bytes[1]);
}

}  // namespace

struct ModbusClient::State {
  std::string host;
  std::uint16_t port;
  std::uint8_t unit;
  std::chrono::milliseconds timeout;
  asio::io_context context;
  std::optional<tcp::socket> socket;
  std::uint16_t transaction = 0;
  ClientCounters counters;

  std::string peer() const { return fmt::format("{}:{}", host, port); }

  void drop() {
    if (!socket) return;
    boost::system::error_code ignored;
    socket->close(ignored);
    context.restart();
    context.poll();
    socket.reset();
  }

  /// Runs what has been started until it has said `finished` or the deadline passes.
  bool run(Clock::time_point deadline, const bool& finished) {
    context.restart();
    while (!finished && Clock::now() < deadline) {
      if (context.run_one_until(deadline) == 0 && context.stopped()) break;
    }
    return finished;
  }

  Error failed(const std::string& what) {
    drop();
    return Error(fmt::format("{}: {}", peer(), what));
  }

  Error timed_out(std::string_view during) {
    ++counters.timeouts;
    return failed(fmt::format("no {} within {} ms", during, timeout.count()));
  }

  /// Bytes of a PDU in answer to `pdu`. The connection is closed on every error.
  Result<std::vector<std::uint8_t>> transact(const std::vector<std::uint8_t>& pdu) {
    if (!socket) return Error(fmt::format("{}: not connected", peer()));
    const auto deadline = Clock::now() + timeout;
    ++counters.requests;
    ++transaction;
    std::vector<std::uint8_t> request;
    put16(request, transaction);
    put16(request, 0);
    put16(request, static_cast<std::uint16_t>(pdu.size() + 1));
    request.push_back(unit);
    request.insert(request.end(), pdu.begin(), pdu.end());
    bool finished = false;
    boost::system::error_code error;
    asio::async_write(*socket, asio::buffer(request), [&](const auto& e, std::size_t) {
      error = e;
      finished = true;
    });
    if (!run(deadline, finished)) return timed_out("room to write");
    if (error) return failed(error.message());
    std::vector<std::uint8_t> answer;
    while (true) {
      std::array<std::uint8_t, header_size> header{};
      if (auto got = receive(asio::buffer(header), deadline); !got) return got.error();
      const auto length = get16(&header[4]);
      if (get16(&header[2]) != 0 || length < 3 || length > pdu_max + 1) {
        ++counters.malformed;
        return failed("the peer does not speak Modbus TCP");
      }
      answer.resize(length - 1U);
      if (auto got = receive(asio::buffer(answer), deadline); !got) return got.error();
      if (get16(header.data()) != transaction) {
        ++counters.late;
        continue;
      }
      if (header[6] != unit) {
        ++counters.malformed;
        return failed(fmt::format("unit {} answered for unit {}", header[6], unit));
      }
      break;
    }
    if (answer[0] == (pdu[0] | exception_bit) && answer.size() == 2) {
      ++counters.exceptions;
      return Error(
          fmt::format("{}: exception {} ({})", peer(), answer[1], exception_name(answer[1])));
    }
    if (answer[0] != pdu[0]) {
      ++counters.malformed;
      return failed(fmt::format("function {} was answered with function {}", pdu[0], answer[0]));
    }
    return answer;
  }

  Result<Done> receive(asio::mutable_buffer into, Clock::time_point deadline) {
    bool finished = false;
    boost::system::error_code error;
    asio::async_read(*socket, into, [&](const auto& e, std::size_t) {
      error = e;
      finished = true;
    });
    if (!run(deadline, finished)) return timed_out("answer");
    if (error == asio::error::eof) return failed("the peer has closed the connection");
    if (error) return failed(error.message());
    return Done{};
  }
};

ModbusClient::ModbusClient(std::string host, std::uint16_t port, std::uint8_t unit,
                           std::chrono::milliseconds timeout)
    : state_(std::make_unique<State>()) {
  state_->host = std::move(host);
  state_->port = port;
  state_->unit = unit;
  state_->timeout = timeout;
}

ModbusClient::~ModbusClient() {
  state_->drop();
}

Result<Done> ModbusClient::connect() {
  auto& s = *state_;
  s.drop();
  const auto deadline = Clock::now() + s.timeout;
  bool finished = false;
  boost::system::error_code error;
  std::vector<tcp::endpoint> endpoints;
  const auto literal = asio::ip::make_address(s.host, error);
  if (!error) {
    endpoints.emplace_back(literal, s.port);
  } else {
    tcp::resolver resolver(s.context);
    resolver.async_resolve(s.host, std::to_string(s.port), [&](const auto& e, const auto& found) {
      error = e;
      for (const auto& entry : found) endpoints.push_back(entry.endpoint());
      finished = true;
    });
    if (!s.run(deadline, finished)) {
      resolver.cancel();
      s.context.restart();
      s.context.run();  // the handler refers to this frame
      return Error(fmt::format("{}: the name was not resolved in time", s.peer()));
    }
    if (error) return Error(fmt::format("{}: {}", s.peer(), error.message()));
    finished = false;
  }
  s.socket.emplace(s.context);
  asio::async_connect(*s.socket, endpoints, [&](const auto& e, const tcp::endpoint&) {
    error = e;
    finished = true;
  });
  if (!s.run(deadline, finished)) return s.timed_out("connection");
  if (error) return s.failed(error.message());
  s.socket->set_option(tcp::no_delay(true), error);
  s.socket->set_option(asio::socket_base::keep_alive(true), error);
  return Done{};
}

bool ModbusClient::connected() const {
  return state_->socket.has_value();
}

void ModbusClient::close() {
  state_->drop();
}

Result<std::vector<std::uint16_t>> ModbusClient::read(const core::Range& range) {
  std::vector<std::uint8_t> pdu = {range.table == core::RegisterTable::holding ? read_holding
                                                                               : read_input};
  put16(pdu, range.address);
  put16(pdu, range.count);
  auto answer = state_->transact(pdu);
  if (!answer) return answer.error();
  if (answer->size() != 2U + 2U * range.count || (*answer)[1] != 2 * range.count) {
    ++state_->counters.malformed;
    return state_->failed(fmt::format("{} registers were asked for, the answer has {} bytes",
                                      range.count, answer->size()));
  }
  std::vector<std::uint16_t> words;
  for (std::size_t i = 0; i < range.count; ++i) words.push_back(get16(&(*answer)[2 + 2 * i]));
  return words;
}

Result<Done> ModbusClient::write(std::uint16_t address, std::span<const std::uint16_t> words) {
  std::vector<std::uint8_t> pdu = {write_multiple};
  put16(pdu, address);
  put16(pdu, static_cast<std::uint16_t>(words.size()));
  pdu.push_back(static_cast<std::uint8_t>(2 * words.size()));
  for (const auto word : words) put16(pdu, word);
  auto answer = state_->transact(pdu);
  if (!answer) return answer.error();
  if (answer->size() != 5 || get16(&(*answer)[1]) != address ||
      get16(&(*answer)[3]) != words.size()) {
    ++state_->counters.malformed;
    return state_->failed("the answer to a write names other registers");
  }
  return Done{};
}

const ClientCounters& ModbusClient::counters() const {
  return state_->counters;
}

std::string exception_name(std::uint8_t code) {
  switch (code) {
    case 1:
      return "illegal function";
    case 2:
      return "illegal data address";
    case 3:
      return "illegal data value";
    case 4:
      return "server device failure";
    case 5:
      return "acknowledge: try later";
    case 6:
      return "server device busy";
    case 8:
      return "memory parity error";
    case 10:
      return "gateway path unavailable";
    case 11:
      return "gateway target does not respond";
    default:
      return "unknown exception";
  }
}

std::chrono::milliseconds Backoff::next() {
  constexpr double first_ms = 100;
  const double full = std::min(first_ms * static_cast<double>(1ULL << std::min(attempts_++, 20U)),
                               static_cast<double>(highest_.count()));
  const double shorter = line::random_uniform(seed_, 0, line::Purpose::scenario, draws_++) / 3;
  return std::chrono::milliseconds(static_cast<std::int64_t>(full * (1 - shorter)));
}

}  // namespace foreline::io
