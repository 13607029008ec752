// SPDX-License-Identifier: Apache-2.0
// Our codec against libmodbus over random requests: our client on its server, its client on ours,
// and both clients on the same server.
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/io/modbus_client.hpp"
#include "plugin/io/register_server.hpp"

using namespace foreline;
using core::Function;
using namespace std::chrono_literals;

namespace {

constexpr int size = 300;

struct Free {
  void operator()(modbus_t* context) const {
    modbus_close(context);
    modbus_free(context);
  }
  void operator()(modbus_mapping_t* mapping) const { modbus_mapping_free(mapping); }
};
using Context = std::unique_ptr<modbus_t, Free>;
using Mapping = std::unique_ptr<modbus_mapping_t, Free>;

/// libmodbus's own server, two clients at most.
class TheirServer {
 public:
  TheirServer()
      : context_(modbus_new_tcp("127.0.0.1", 0)),
        mapping_(modbus_mapping_new(size, size, size, size)) {
    listener_ = modbus_tcp_listen(context_.get(), 4);
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < size; ++i) {
      mapping_->tab_registers[i] = static_cast<std::uint16_t>(1000 + i);
      mapping_->tab_input_registers[i] = static_cast<std::uint16_t>(2000 + i);
      mapping_->tab_bits[i] = i % 3 == 0;
      mapping_->tab_input_bits[i] = i % 5 == 0;
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~TheirServer() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve() {
    std::vector<int> clients;
    while (!stopping_) {
      std::vector<pollfd> waiting = {{listener_, POLLIN, 0}};
      for (const int fd : clients) waiting.push_back({fd, POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), 20) <= 0) continue;
      if ((waiting[0].revents & POLLIN) != 0)
        clients.push_back(::accept(listener_, nullptr, nullptr));
      for (std::size_t i = 1; i < waiting.size(); ++i) {
        if (waiting[i].revents == 0) continue;
        modbus_set_socket(context_.get(), waiting[i].fd);
        std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        const int n = modbus_receive(context_.get(), query);
        if (n > 0) {
          modbus_reply(context_.get(), query, n, mapping_.get());
        } else if (n < 0) {
          ::close(waiting[i].fd);
          clients.erase(std::remove(clients.begin(), clients.end(), waiting[i].fd), clients.end());
        }
      }
    }
    for (const int fd : clients) ::close(fd);
    modbus_set_socket(context_.get(), -1);
  }

  Context context_;
  Mapping mapping_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct Draw {
  std::uint64_t state = 88172645463325252ULL;
  std::size_t below(std::size_t limit) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    return static_cast<std::size_t>(state >> 20U) % limit;
  }
};

Context connected(std::uint16_t port) {
  Context context(modbus_new_tcp("127.0.0.1", port));
  modbus_set_response_timeout(context.get(), 2, 0);
  REQUIRE(modbus_connect(context.get()) == 0);
  return context;
}

/// Exception code of the last call of libmodbus.
int exception_now() {
  return errno > MODBUS_ENOBASE ? errno - MODBUS_ENOBASE : -1;
}

}  // namespace

TEST_CASE("ten thousand random requests: our client and libmodbus's read and write the same") {
  TheirServer server;
  io::ModbusClient ours("127.0.0.1", server.port(), 1, 2s);
  REQUIRE(ours.connect());
  const auto theirs = connected(server.port());
  Draw draw;
  int exceptions = 0;
  for (int i = 0; i < 10'000; ++i) {
    core::Query query;
    constexpr Function functions[] = {Function::read_coils,
                                      Function::read_discrete_inputs,
                                      Function::read_holding_registers,
                                      Function::read_input_registers,
                                      Function::write_coil,
                                      Function::write_register,
                                      Function::write_coils,
                                      Function::write_registers,
                                      Function::mask_write_register,
                                      Function::read_write_registers};
    query.function = functions[draw.below(std::size(functions))];
    query.address = static_cast<std::uint16_t>(draw.below(size + 20));
    query.count = static_cast<std::uint16_t>(1 + draw.below(100));
    query.write_address = static_cast<std::uint16_t>(draw.below(size + 20));
    query.and_mask = static_cast<std::uint16_t>(draw.below(65'536));
    query.or_mask = static_cast<std::uint16_t>(draw.below(65'536));
    const bool single =
        query.function == Function::write_coil || query.function == Function::write_register;
    const auto written = single ? 1 : 1 + draw.below(50);
    for (std::size_t w = 0; w < written; ++w) {
      query.words.push_back(static_cast<std::uint16_t>(draw.below(65'536)));
      query.bits.push_back(draw.below(2) == 1);
    }
    INFO("request " << i << ", function " << static_cast<int>(query.function) << " at "
                    << query.address);
    const auto reply = ours.ask(query);
    REQUIRE(reply);
    if (reply->exception != 0) {
      ++exceptions;
      REQUIRE(reply->exception == 2);
    }
    // What it did, seen through the other's eyes.
    const auto seen_at = [&](bool bits, int address, int count) {
      if (address + count > size) return;
      if (bits) {
        std::vector<std::uint8_t> raw(static_cast<std::size_t>(count));
        REQUIRE(modbus_read_bits(theirs.get(), address, count, raw.data()) == count);
        for (int k = 0; k < count; ++k)
          REQUIRE((raw[static_cast<std::size_t>(k)] != 0) ==
                  query.bits[static_cast<std::size_t>(k)]);
      } else {
        std::vector<std::uint16_t> raw(static_cast<std::size_t>(count));
        REQUIRE(modbus_read_registers(theirs.get(), address, count, raw.data()) == count);
        REQUIRE(raw == query.words);
      }
    };
    const int n = static_cast<int>(written);
    const int asked = query.count;
    std::vector<std::uint16_t> words(200);
    std::vector<std::uint8_t> bits(200);
    int got = 0;
    switch (query.function) {
      case Function::read_holding_registers:
      case Function::read_input_registers:
        got = query.function == Function::read_holding_registers
                  ? modbus_read_registers(theirs.get(), query.address, asked, words.data())
                  : modbus_read_input_registers(theirs.get(), query.address, asked, words.data());
        if (got < 0) {
          REQUIRE(reply->exception == exception_now());
        } else {
          words.resize(static_cast<std::size_t>(got));
          REQUIRE(reply->words == words);
        }
        break;
      case Function::read_coils:
      case Function::read_discrete_inputs:
        got = query.function == Function::read_coils
                  ? modbus_read_bits(theirs.get(), query.address, asked, bits.data())
                  : modbus_read_input_bits(theirs.get(), query.address, asked, bits.data());
        if (got < 0) {
          REQUIRE(reply->exception == exception_now());
        } else {
          REQUIRE(reply->bits.size() == static_cast<std::size_t>(got));
          for (std::size_t k = 0; k < reply->bits.size(); ++k)
            REQUIRE(reply->bits[k] == (bits[k] != 0));
        }
        break;
      case Function::write_coil:
      case Function::write_coils:
        if (reply->exception == 0) seen_at(true, query.address, n);
        break;
      case Function::write_register:
      case Function::write_registers:
        if (reply->exception == 0) seen_at(false, query.address, n);
        break;
      case Function::read_write_registers:
        if (reply->exception == 0) {
          REQUIRE(reply->words.size() == query.count);
          seen_at(false, query.write_address, n);
        }
        break;
      default:
        break;
    }
  }
  CHECK(exceptions > 500);
}

TEST_CASE("libmodbus's client reads and writes our server as ours does") {
  std::vector<std::uint16_t> last;
  auto started = io::RegisterServer::start(
      {}, [&](std::uint16_t address, std::span<const std::uint16_t> words, const std::string&) {
        last.assign(words.begin(), words.end());
        return address == 60 ? core::Taken::yes : core::Taken::no;
      });
  REQUIRE(started);
  std::vector<std::uint16_t> registers;
  std::vector<bool> inputs;
  for (int i = 0; i < size; ++i) {
    registers.push_back(static_cast<std::uint16_t>(7 * i));
    inputs.push_back(i % 3 == 1);
  }
  (*started)->publish(registers, inputs);
  const auto theirs = connected((*started)->port());
  Draw draw;
  for (int i = 0; i < 2'000; ++i) {
    const int address = static_cast<int>(draw.below(size + 10));
    const int count = static_cast<int>(1 + draw.below(120));
    const bool inside = address + count <= size;
    std::vector<std::uint16_t> words(200);
    std::vector<std::uint8_t> bits(200);
    const int got = modbus_read_registers(theirs.get(), address, count, words.data());
    REQUIRE((got == count) == inside);
    if (!inside) REQUIRE(exception_now() == 2);
    for (int k = 0; inside && k < count; ++k)
      REQUIRE(words[static_cast<std::size_t>(k)] ==
              registers[static_cast<std::size_t>(address + k)]);
    const int seen = modbus_read_input_bits(theirs.get(), address, count, bits.data());
    REQUIRE((seen == count) == inside);
    for (int k = 0; inside && k < count; ++k)
      REQUIRE((bits[static_cast<std::size_t>(k)] != 0) ==
              inputs[static_cast<std::size_t>(address + k)]);
  }
  const std::vector<std::uint16_t> words = {5, 6, 7};
  CHECK(modbus_write_registers(theirs.get(), 60, 3, words.data()) == 3);
  CHECK(last == words);
  CHECK(modbus_write_register(theirs.get(), 61, 9) == -1);
  CHECK(exception_now() == 2);
}
