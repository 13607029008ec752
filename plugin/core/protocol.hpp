// SPDX-License-Identifier: Apache-2.0
// Modbus as values: requests to bytes, bytes to answers, and the frames that carry them over TCP
// (MBAP) and serial lines (RTU). Pure. Every length that arrives is checked before it is used.
// Source: Modbus Application Protocol 1.1b3, Modbus Messaging on TCP/IP 1.0b, Modbus over Serial
// Line 1.02.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace foreline::core {

using Bytes = std::vector<std::uint8_t>;

enum class Function : std::uint8_t {
  read_coils = 1,
  read_discrete_inputs = 2,
  read_holding_registers = 3,
  read_input_registers = 4,
  write_coil = 5,
  write_register = 6,
  write_coils = 15,
  write_registers = 16,
  mask_write_register = 22,
  read_write_registers = 23,
  device_identification = 43,  ///< MEI type 14.
};
[[nodiscard]] bool writes(Function function);

inline constexpr std::size_t pdu_max = 253;
inline constexpr std::uint16_t read_registers_max = 125;
inline constexpr std::uint16_t write_registers_max = 123;
inline constexpr std::uint16_t read_bits_max = 2000;
inline constexpr std::uint16_t write_bits_max = 1968;
inline constexpr std::uint16_t read_write_max = 121;  ///< Registers written by function 23.

/// One request. Fields that its function does not use are ignored.
struct Query {
  Function function = Function::read_holding_registers;
  std::uint16_t address = 0;
  std::uint16_t count = 0;           ///< Bits or registers to read.
  std::vector<std::uint16_t> words;  ///< To write: functions 6, 16, 23.
  std::vector<bool> bits;            ///< To write: functions 5, 15.
  std::uint16_t write_address = 0;   ///< Function 23.
  std::uint16_t and_mask = 0xFFFF;   ///< Function 22: (current & and) | (or & ~and).
  std::uint16_t or_mask = 0;
  std::uint8_t id_level = 1;  ///< Function 43: 1 basic, 2 regular, 3 extended, 4 one object.
  std::uint8_t object = 0;    ///< Function 43: the first object wanted.
};

/// The PDU of a query. Empty when its counts are outside what Modbus allows.
[[nodiscard]] Bytes pdu_of(const Query& query);

/// What a device said.
struct Reply {
  std::uint8_t exception = 0;        ///< Not 0: an exception answer, and nothing else is set.
  std::vector<std::uint16_t> words;  ///< `count` of them.
  std::vector<bool> bits;
  std::vector<std::pair<std::uint8_t, std::string>> objects;  ///< Function 43.
  std::uint8_t next_object = 0;                               ///< Not 0: more follows from here.
};

/// The reply to `query` that `pdu` holds. Nothing when it is no answer to it (another function,
/// a byte count or length that lies, another echo); `why` then says so.
[[nodiscard]] std::optional<Reply> reply_of(const Query& query, std::span<const std::uint8_t> pdu,
                                            std::string& why);

/// Bytes of the PDU that answers `query`, if it is no exception; 0 where that varies.
[[nodiscard]] std::size_t answer_size(const Query& query);

/// The name of a Modbus exception code: "illegal data address".
[[nodiscard]] std::string exception_name(std::uint8_t code);

[[nodiscard]] std::uint16_t crc16(std::span<const std::uint8_t> bytes);

/// One frame taken off a line.
struct FrameIn {
  std::uint16_t transaction = 0;  ///< 0 on serial lines, which know none.
  std::uint8_t unit = 0;
  Bytes pdu;
};

[[nodiscard]] Bytes mbap_frame(std::uint16_t transaction, std::uint8_t unit,
                               std::span<const std::uint8_t> pdu);
[[nodiscard]] Bytes rtu_frame(std::uint8_t unit, std::span<const std::uint8_t> pdu);

/// How an MBAP frame begins.
struct Heading {
  static constexpr std::size_t size = 8;  ///< Bytes that tell it.
  std::uint16_t transaction = 0;
  std::uint16_t protocol = 0;
  std::size_t pdu_size = 0;
  std::uint8_t unit = 0;
  std::uint8_t function = 0;
};
/// Nothing when there are too few bytes.
[[nodiscard]] std::optional<Heading> heading_of(std::span<const std::uint8_t> bytes);

/// Cuts a stream of bytes into frames. Holds at most one frame and what the caller pushed; after
/// `broken` the stream cannot be trusted any more and must be closed.
class FrameReader {
 public:
  enum class Framing : std::uint8_t { mbap, rtu_answers };
  enum class Step : std::uint8_t { more, frame, broken };

  explicit FrameReader(Framing framing) : framing_(framing) {}
  void push(std::span<const std::uint8_t> bytes);
  /// The next frame, if whole.
  [[nodiscard]] Step next(FrameIn& out);
  [[nodiscard]] std::size_t held() const { return rest().size(); }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return std::span(held_).subspan(at_); }
  void clear();
  /// What is held is forgotten, and from now on nothing is looked for but the answer to this RTU
  /// frame: noise and frames of others before it are passed over, as is the frame itself, which
  /// some adapters of two-wire lines echo. Not where the answer is the same frame.
  void expect(std::span<const std::uint8_t> request, bool any_unit = false);
  [[nodiscard]] std::size_t passed_over() const { return passed_over_; }  ///< Bytes, since then.

 private:
  [[nodiscard]] Step next_mbap(FrameIn& out);
  [[nodiscard]] Step next_rtu(FrameIn& out);
  [[nodiscard]] bool may_begin(std::span<const std::uint8_t> bytes) const;
  Framing framing_;
  Bytes held_;
  std::size_t at_ = 0;
  Bytes request_;  ///< Whose answer is expected; empty: any.
  bool any_unit_ = false;
  bool echoed_ = false;
  std::size_t passed_over_ = 0;
};

/// Bytes of the RTU answer that begins here (unit, PDU, CRC); 0: not known yet; nothing: no answer
/// begins like this.
[[nodiscard]] std::optional<std::size_t> rtu_answer_size(std::span<const std::uint8_t> bytes);

}  // namespace foreline::core
