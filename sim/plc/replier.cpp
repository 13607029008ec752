// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/replier.hpp"

#include <modbus.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace foreline::plc {

namespace {

using Bytes = std::vector<std::uint8_t>;
using Manner = Personality::Manner;

constexpr std::uint8_t diagnostics = 8;
constexpr std::uint8_t identification = 43;
constexpr std::uint8_t mei_identification = 14;
constexpr std::size_t header_size = 7;
constexpr int readable_with_one_byte_of_count = 127;

int get16(const std::uint8_t* bytes) {
  return (bytes[0] << 8) | bytes[1];
}

bool reads_registers(int function) {
  return function == MODBUS_FC_READ_HOLDING_REGISTERS || function == MODBUS_FC_READ_INPUT_REGISTERS;
}
bool of_bits(int function) {
  return function == MODBUS_FC_READ_COILS || function == MODBUS_FC_READ_DISCRETE_INPUTS ||
         function == MODBUS_FC_WRITE_SINGLE_COIL || function == MODBUS_FC_WRITE_MULTIPLE_COILS;
}

/// Whether the PDU is as long as its function says; modbus_reply() trusts that it is.
bool complete(std::span<const std::uint8_t> pdu) {
  const auto size = pdu.size();
  switch (pdu[0]) {
    case MODBUS_FC_READ_COILS:
    case MODBUS_FC_READ_DISCRETE_INPUTS:
    case MODBUS_FC_READ_HOLDING_REGISTERS:
    case MODBUS_FC_READ_INPUT_REGISTERS:
    case MODBUS_FC_WRITE_SINGLE_COIL:
    case MODBUS_FC_WRITE_SINGLE_REGISTER:
      return size == 5;
    case MODBUS_FC_WRITE_MULTIPLE_COILS:
      return size >= 6 && size == 6U + pdu[5] && pdu[5] == (get16(&pdu[3]) + 7) / 8;
    case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
      return size >= 6 && size == 6U + pdu[5] && pdu[5] == 2 * get16(&pdu[3]);
    case MODBUS_FC_MASK_WRITE_REGISTER:
      return size == 7;
    case MODBUS_FC_WRITE_AND_READ_REGISTERS:
      return size >= 10 && size == 10U + pdu[9] && pdu[9] == 2 * get16(&pdu[7]);
    default:
      return true;
  }
}

/// Vendor, product and version, as the three basic objects.
Bytes identity(std::string_view product, std::uint8_t level) {
  const std::array<std::string_view, 3> objects = {"Foreline", product, FORELINE_VERSION};
  Bytes pdu = {identification, mei_identification, level, 0x01, 0, 0, 3};
  for (std::size_t i = 0; i < objects.size(); ++i) {
    pdu.push_back(static_cast<std::uint8_t>(i));
    pdu.push_back(static_cast<std::uint8_t>(objects.at(i).size()));
    pdu.insert(pdu.end(), objects.at(i).begin(), objects.at(i).end());
  }
  return pdu;
}

}  // namespace

struct Replier::State {
  State(Registers& of, const Personality& like)
      : registers(&of), personality(&like), context(modbus_new_tcp(nullptr, 0)) {
    mapping.nb_registers = contract::register_count;
    mapping.tab_registers = registers->words();
    mapping.nb_input_registers = contract::register_count;
    mapping.tab_input_registers = registers->words();
    // libmodbus writes its answers to a socket; here it is one that we read.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) pair = {-1, -1};
    modbus_set_socket(context, pair[0]);
    // It sleeps for so long before it refuses a request.
    modbus_set_response_timeout(context, 0, 1);
  }
  ~State() {
    modbus_free(context);
    for (const int fd : pair) ::close(fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] Bytes by_libmodbus(std::uint8_t unit, std::span<const std::uint8_t> pdu) {
    const auto length = pdu.size() + 1;
    Bytes request = {0,
                     0,
                     0,
                     0,
                     static_cast<std::uint8_t>(length >> 8U),
                     static_cast<std::uint8_t>(length & 0xFFU),
                     unit};
    request.insert(request.end(), pdu.begin(), pdu.end());
    modbus_reply(context, request.data(), static_cast<int>(request.size()), &mapping);
    std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> answer{};
    const auto size = ::recv(pair[1], answer.data(), answer.size(), MSG_DONTWAIT);
    if (size < static_cast<std::ptrdiff_t>(header_size + 2)) return {};
    return {answer.begin() + header_size, answer.begin() + size};
  }

  Registers* registers;
  const Personality* personality;
  modbus_t* context;
  modbus_mapping_t mapping{};
  std::array<int, 2> pair{};
};

Replier::Replier(Registers& registers, const Personality& personality)
    : state_(std::make_unique<State>(registers, personality)) {}

Replier::~Replier() = default;

std::optional<Bytes> Replier::answer(std::uint8_t unit, std::span<const std::uint8_t> pdu) {
  const auto& like = *state_->personality;
  const auto function = pdu[0];
  const auto refuse = [&](unsigned code) -> std::optional<Bytes> {
    return Bytes{static_cast<std::uint8_t>(function | 0x80U), static_cast<std::uint8_t>(code)};
  };
  if (unit != 1 && unit != 0 && unit != 255) {
    if (like.foreign_unit == Manner::is_silent) return std::nullopt;
    if (like.foreign_unit == Manner::refuses) return refuse(MODBUS_EXCEPTION_GATEWAY_TARGET);
  }
  if (function == identification && like.identifies && pdu.size() == 4)
    return identity(like.name, pdu[2]);
  if (function == diagnostics && like.echoes) return Bytes(pdu.begin(), pdu.end());
  if (function == MODBUS_FC_READ_EXCEPTION_STATUS || function == MODBUS_FC_REPORT_SLAVE_ID) {
    const bool id = function == MODBUS_FC_REPORT_SLAVE_ID;
    const auto manner = id ? like.reports_id : like.status;
    if (manner == Manner::is_silent) return std::nullopt;
    if (manner == Manner::refuses) return refuse(MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
    return id ? state_->by_libmodbus(unit, pdu) : Bytes{function, 0};
  }
  const bool combined =
      function == MODBUS_FC_MASK_WRITE_REGISTER || function == MODBUS_FC_WRITE_AND_READ_REGISTERS;
  const bool writes =
      function == MODBUS_FC_WRITE_SINGLE_REGISTER || function == MODBUS_FC_WRITE_MULTIPLE_REGISTERS;
  if (!reads_registers(function) && !writes && !(like.bits && of_bits(function)) &&
      !(like.combined && combined))
    return refuse(MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
  if (!complete(pdu)) return refuse(MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
  const int address = get16(&pdu[1]);
  const int count = function == MODBUS_FC_WRITE_SINGLE_REGISTER ? 1 : get16(&pdu[3]);
  if (reads_registers(function)) {
    if (count == 0 && !like.reads_nothing) return Bytes{function, 0};
    if (count == 0) return refuse(*like.reads_nothing);
    const bool too_many = count > MODBUS_MAX_READ_REGISTERS;
    if (too_many && like.reads_too_many && count <= readable_with_one_byte_of_count &&
        address + count <= contract::register_count) {
      Bytes answer = {function, static_cast<std::uint8_t>(2 * count)};
      for (int i = 0; i < count; ++i) {
        const auto word = state_->registers->at(address + i);
        answer.push_back(static_cast<std::uint8_t>(word >> 8U));
        answer.push_back(static_cast<std::uint8_t>(word & 0xFFU));
      }
      return answer;
    }
  }
  const bool may = function == MODBUS_FC_MASK_WRITE_REGISTER ? Registers::writable(address, 1)
                   : function == MODBUS_FC_WRITE_AND_READ_REGISTERS
                       ? Registers::writable(get16(&pdu[5]), get16(&pdu[7]))
                       : !writes || Registers::writable(address, count);
  if (!may) return refuse(MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
  auto answer = state_->by_libmodbus(unit, pdu);
  if (answer.empty()) return std::nullopt;
  return answer;
}

}  // namespace foreline::plc
