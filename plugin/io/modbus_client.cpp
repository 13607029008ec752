// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/modbus_client.hpp"

#include <fmt/format.h>

#include <future>

namespace foreline::io {

using core::Function;
using core::Query;
using core::Reply;
using line::Done;
using line::Error;
using line::Result;
using Clock = std::chrono::steady_clock;

namespace {

/// Deadlines end every wait; this only keeps a defect from hanging its caller.
constexpr auto grace = std::chrono::seconds(30);

core::Device over_tcp(std::string host, std::uint16_t port, std::uint8_t unit,
                      std::chrono::milliseconds timeout) {
  core::Device device;
  device.host = std::move(host);
  device.port = port;
  device.unit = unit;
  device.timeout_s = std::chrono::duration<double>(timeout).count();
  device.silences = 1;
  return device;
}

}  // namespace

ModbusClient::ModbusClient(std::string host, std::uint16_t port, std::uint8_t unit,
                           std::chrono::milliseconds timeout)
    : ModbusClient(over_tcp(std::move(host), port, unit, timeout)) {}

ModbusClient::ModbusClient(core::Device settings)
    : loop_(std::make_unique<Loop>()),
      device_(std::make_shared<Device>(*loop_, std::move(settings))) {}

ModbusClient::ModbusClient(std::shared_ptr<Device> device) : device_(std::move(device)) {}

ModbusClient::~ModbusClient() = default;

Result<Done> ModbusClient::connect() {
  std::string trouble;
  if (loop_) {
    device_->close();
    bool finished = false;
    device_->open([&](std::string text) {
      trouble = std::move(text);
      finished = true;
    });
    if (!finished) (void)loop_->run(Clock::now() + grace, finished);
  } else {
    auto said = std::make_shared<std::promise<std::string>>();
    auto heard = said->get_future();
    device_->loop().post([device = device_, said] {
      device->open([said](std::string text) { said->set_value(std::move(text)); });
    });
    trouble =
        heard.wait_for(grace) == std::future_status::ready ? heard.get() : "the loop has stopped";
  }
  if (!trouble.empty()) return Error(trouble);
  return Done{};
}

bool ModbusClient::connected() const {
  return device_->settings().transport == core::Transport::rtu || device_->connected();
}

void ModbusClient::close() {
  device_->close();
}

Outcome ModbusClient::wait_for(const Query& query) {
  Outcome outcome;
  outcome.text = "the loop has stopped";
  if (loop_) {
    bool finished = false;
    device_->submit(query, [&](Outcome got) {
      outcome = std::move(got);
      finished = true;
    });
    (void)loop_->run(Clock::now() + grace, finished);
  } else {
    auto said = std::make_shared<std::promise<Outcome>>();
    auto heard = said->get_future();
    device_->submit(query, [said](Outcome got) { said->set_value(std::move(got)); });
    if (heard.wait_for(grace) == std::future_status::ready) outcome = heard.get();
  }
  last_ = outcome.what;
  last_exception_ = outcome.reply.exception;
  return outcome;
}

Result<Reply> ModbusClient::ask(const Query& query) {
  if (loop_ && !connected()) {
    last_ = Outcome::What::not_connected;
    last_exception_ = 0;
    return Error(
        fmt::format("{}:{}: not connected", device_->settings().host, device_->settings().port));
  }
  auto outcome = wait_for(query);
  if (outcome.what == Outcome::What::answer || outcome.what == Outcome::What::exception)
    return std::move(outcome.reply);
  return Error(outcome.text);
}

Result<std::vector<std::uint16_t>> ModbusClient::read(const core::Range& range) {
  auto reply = ask(core::read_query(range));
  if (!reply) return reply.error();
  if (reply->exception != 0)
    return Error(fmt::format("{}:{}: exception {} ({})", device_->settings().host,
                             device_->settings().port, reply->exception,
                             exception_name(reply->exception)));
  if (core::is_bits(range.table))
    return std::vector<std::uint16_t>(reply->bits.begin(), reply->bits.end());
  return std::move(reply->words);
}

Result<Done> ModbusClient::write(std::uint16_t address, std::span<const std::uint16_t> words) {
  std::vector<Query> queries;
  if (device_->settings().only_single) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      auto& query = queries.emplace_back();
      query.function = Function::write_register;
      query.address = static_cast<std::uint16_t>(address + i);
      query.words = {words[i]};
    }
  } else {
    auto& query = queries.emplace_back();
    query.function = Function::write_registers;
    query.address = address;
    query.words.assign(words.begin(), words.end());
  }
  return ask_all(queries);
}

Result<Done> ModbusClient::write_bit(std::uint16_t address, bool on) {
  Query query;
  query.function = Function::write_coil;
  query.address = address;
  query.bits = {on};
  return ask_all({query});
}

Result<Done> ModbusClient::ask_all(const std::vector<Query>& queries) {
  for (const auto& query : queries) {
    auto reply = ask(query);
    if (!reply) return reply.error();
    if (reply->exception != 0)
      return Error(fmt::format("{}:{}: exception {} ({})", device_->settings().host,
                               device_->settings().port, reply->exception,
                               exception_name(reply->exception)));
  }
  return Done{};
}

DeviceCounters ModbusClient::counters() const {
  return device_->counters();
}

}  // namespace foreline::io
