// SPDX-License-Identifier: Apache-2.0
// One value in a device: where it lies, how its bits are to be read, and how it is written back.
// Pure: words come and go as values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/core/protocol.hpp"
#include "sim/line/result.hpp"

namespace foreline::core {

/// Position among the devices.
using DeviceIndex = std::uint16_t;
inline constexpr std::size_t devices_max = 4096;

/// The four tables of Modbus.
enum class RegisterTable : std::uint8_t { holding, input, coil, discrete };
inline constexpr std::size_t register_table_count = 4;
/// "hr", "ir", "co", "di".
[[nodiscard]] std::string_view short_name(RegisterTable table);
[[nodiscard]] bool is_bits(RegisterTable table);

enum class RegisterType : std::uint8_t {
  u16,
  i16,
  u32,
  i32,
  f32,
  f64,
  u8,  ///< The low byte of a register; with `bytes_swapped` the high one.
  i8,
  u64,  ///< Exact up to 2^53, as all values are doubles.
  i64,
  f16,
  bcd16,  ///< Four decimal digits, one a nibble.
  bcd32,
  bcd64,
  boolean,  ///< A coil or discrete input; a register is true when it is not zero.
  string,   ///< `length` characters, two a register, the first in the high byte.
};

/// One value in a device. Addresses count from 0, as they travel.
struct Register {
  RegisterTable table = RegisterTable::holding;
  std::uint16_t address = 0;
  RegisterType type = RegisterType::u16;
  bool low_word_first = false;  ///< 32 bit: CDAB; 64 bit: GHEFCDAB.
  bool bytes_swapped = false;   ///< BADC (with low_word_first: DCBA).
  double factor = 1;            ///< Value = number * factor + offset.
  double offset = 0;
  bool halves_swapped = false;  ///< 64 bit: the two 32-bit halves change places besides.
  std::uint8_t first_bit = 0;   ///< Of a bit field, 0 the lowest.
  std::uint8_t bit_count = 0;   ///< 0: all bits.
  std::uint16_t length = 0;     ///< Characters of a string.
  DeviceIndex device = 0;
  std::vector<std::uint64_t> sentinels = {};  ///< Bit patterns that mean: no value.

  [[nodiscard]] std::uint16_t words() const;  ///< Registers (or bits, in a table of bits).
  /// "ABCD", "CDAB", "GHEFCDAB": the bytes on the wire, A the most significant.
  [[nodiscard]] std::string order() const;
  /// False when the type has no such order.
  [[nodiscard]] bool set_order(std::string_view letters);
  friend bool operator==(const Register&, const Register&) = default;
};

[[nodiscard]] std::optional<RegisterType> register_type_named(std::string_view name);
[[nodiscard]] std::string_view name_of(RegisterType type);
/// "bool, u8, ..." for messages.
[[nodiscard]] std::string register_type_names();

/// "hr:100", "ir:7", "co:3", "di:0" (counting from `base`, 0 or 1), "400101" or "40101" (always the
/// data model's numbers, counting from 1). Nothing when it is neither, or out of range.
struct Place {
  RegisterTable table = RegisterTable::holding;
  std::uint16_t address = 0;
};
[[nodiscard]] std::optional<Place> parse_place(std::string_view text, int base = 0);
/// Both notations: "hr:100 (400101)".
[[nodiscard]] std::string place_text(RegisterTable table, std::uint16_t address);

/// "120 f32", "3 u32 * 0.1", "input 40 i16 * 0.01", "hr:7 f32 CDAB", "400011 u16 bits 4-7",
/// "12 i16 * 0.1 + 5 not 0x8000", "20 u16 raw 0..27648 to 0..10", "30 string 16". Plain numbers and
/// "hr:" count from `base`.
[[nodiscard]] line::Result<Register> parse_register(std::string_view text, int base = 0);

/// A range of one table of one device.
struct Range {
  RegisterTable table = RegisterTable::holding;
  std::uint16_t address = 0;
  std::uint16_t count = 0;
  DeviceIndex device = 0;
  friend bool operator==(const Range&, const Range&) = default;
};
[[nodiscard]] Range range_of(const Register& at);
/// The request that reads it.
[[nodiscard]] Query read_query(const Range& range);

/// How fields of one device are joined to requests.
struct MergeRules {
  std::uint16_t longest = 120;
  std::uint16_t longest_bits = 1920;
  std::uint16_t gap = 16;    ///< Registers (times 16: bits) read in vain to save a request.
  bool one_field = false;    ///< Join nothing.
  std::vector<Range> holes;  ///< Never read.
};

/// Ranges that cover all fields, joining neighbours under the rules; no field is split over two
/// ranges, unless it alone is longer than a request may be.
[[nodiscard]] std::vector<Range> ranges_of(std::vector<Range> wanted, const MergeRules& rules);
[[nodiscard]] std::vector<Range> ranges_of(std::vector<Range> wanted, std::uint16_t longest,
                                           std::uint16_t gap);

/// Words (bits: 0 or 1) that have been read.
class Image {
 public:
  void put(const Range& range, std::span<const std::uint16_t> words);
  void merge(const Image& other);
  void forget(DeviceIndex device);
  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] std::uint16_t word(RegisterTable table, std::uint16_t address,
                                   DeviceIndex device = 0) const;
  [[nodiscard]] bool has(const Register& at) const;
  /// NaN when not all its words have been read, when they are a sentinel, or no number; a float
  /// below 1e-20 is none (denormal, or its bytes come in another order).
  [[nodiscard]] double number(const Register& at) const;
  /// Up to the first zero; nothing when not all has been read or it holds control characters.
  [[nodiscard]] std::optional<std::string> text(const Register& at) const;

 private:
  struct Block {
    Range range;
    std::vector<std::uint16_t> words;
  };
  [[nodiscard]] const std::uint16_t* find(DeviceIndex device, RegisterTable table,
                                          std::uint16_t address) const;
  std::vector<Block> blocks_;  ///< The newest last; it says what its addresses hold.
};

/// The number that these words (as many as at.words()) are, before sentinels: see Image::number.
[[nodiscard]] double number_of(const Register& at, std::span<const std::uint16_t> words);
/// The words that say `value`. Nothing when the type cannot hold it (out of range, not finite, a
/// sentinel, a string or a bit field, whose other bits would have to be known).
[[nodiscard]] std::optional<std::vector<std::uint16_t>> words_of(const Register& at, double value);

}  // namespace foreline::core
