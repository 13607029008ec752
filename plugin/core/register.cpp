// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/register.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "sim/text/escape.hpp"

namespace foreline::core {

using line::Error;
using line::Result;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct TypeName {
  std::string_view name;
  RegisterType type;
  std::uint16_t words;
};
constexpr std::array<TypeName, 16> types = {{{"u16", RegisterType::u16, 1},
                                             {"i16", RegisterType::i16, 1},
                                             {"u32", RegisterType::u32, 2},
                                             {"i32", RegisterType::i32, 2},
                                             {"f32", RegisterType::f32, 2},
                                             {"f64", RegisterType::f64, 4},
                                             {"u8", RegisterType::u8, 1},
                                             {"i8", RegisterType::i8, 1},
                                             {"u64", RegisterType::u64, 4},
                                             {"i64", RegisterType::i64, 4},
                                             {"f16", RegisterType::f16, 1},
                                             {"bcd16", RegisterType::bcd16, 1},
                                             {"bcd32", RegisterType::bcd32, 2},
                                             {"bcd64", RegisterType::bcd64, 4},
                                             {"bool", RegisterType::boolean, 1},
                                             {"string", RegisterType::string, 0}}};

constexpr std::array<std::string_view, register_table_count> short_names = {"hr", "ir", "co", "di"};

std::vector<std::string_view> words_in(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string_view::npos) {
    const auto end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::uint16_t swapped(std::uint16_t word) {
  return static_cast<std::uint16_t>((word << 8U) | (word >> 8U));
}

template <class T>
bool parse_whole(std::string_view text, T& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}
bool parse_real(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}
bool parse_pattern(std::string_view text, std::uint64_t& value) {
  return text.starts_with("0x") ? parse_whole(text.substr(2), value, 16) : parse_whole(text, value);
}
/// "0..27648"
bool parse_span(std::string_view text, double& low, double& high) {
  const auto dots = text.find("..");
  return dots != std::string_view::npos && parse_real(text.substr(0, dots), low) &&
         parse_real(text.substr(dots + 2), high) && low != high;
}

/// Which word on the wire holds the i-th most significant one.
std::size_t position_of(const Register& at, std::size_t i, std::size_t count) {
  auto position = at.low_word_first ? count - 1 - i : i;
  if (at.halves_swapped && count == 4) position = (position + 2) % 4;
  return position;
}

/// The words' bits, most significant first.
std::uint64_t bits_of(const Register& at, std::span<const std::uint16_t> words) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = words[position_of(at, i, words.size())];
    bits = (bits << 16U) | (at.bytes_swapped ? swapped(word) : word);
  }
  return bits;
}

std::uint64_t all_bits(std::size_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// IEEE 754 binary16.
double half_of(std::uint16_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const int exponent = (bits >> 10U) & 0x1F;
  const int mantissa = bits & 0x3FF;
  if (exponent == 0x1F) return mantissa != 0 ? nan : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

std::optional<std::uint16_t> half_bits(double value) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const double size = std::abs(value);
  if (size >= 65'520) return std::nullopt;  // rounds to infinity
  if (size == 0) return sign;
  int exponent = 0;
  (void)std::frexp(size, &exponent);
  // Normal numbers carry 11 bits, denormal ones end at 2^-24.
  const int scale = std::max(exponent - 11, -24);
  auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(size, -scale)));
  int biased = scale + 25;
  if (mantissa == 2048) {
    mantissa = 1024;
    ++biased;
  }
  if (mantissa < 1024) return static_cast<std::uint16_t>(sign | mantissa);
  return static_cast<std::uint16_t>(sign | (biased << 10) | (mantissa - 1024));
}

double decimal_of(std::uint64_t bits, int digits) {
  double value = 0;
  for (int i = digits - 1; i >= 0; --i) {
    const auto digit = (bits >> (4U * static_cast<unsigned>(i))) & 0xFU;
    if (digit > 9) return nan;
    value = value * 10 + static_cast<double>(digit);
  }
  return value;
}

constexpr double least_measured = 1e-20;

double raw_number(const Register& at, std::uint64_t bits) {
  if (at.bit_count > 0) return static_cast<double>((bits >> at.first_bit) & all_bits(at.bit_count));
  switch (at.type) {
    case RegisterType::u16:
    case RegisterType::u32:
    case RegisterType::u64:
      return static_cast<double>(bits);
    case RegisterType::i16:
      return static_cast<std::int16_t>(bits);
    case RegisterType::i32:
      return static_cast<std::int32_t>(bits);
    case RegisterType::i64:
      return static_cast<double>(static_cast<std::int64_t>(bits));
    case RegisterType::f32:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case RegisterType::f64:
      return std::bit_cast<double>(bits);
    case RegisterType::u8:
      return static_cast<double>(bits & 0xFFU);
    case RegisterType::i8:
      return static_cast<std::int8_t>(bits & 0xFFU);
    case RegisterType::f16:
      return half_of(static_cast<std::uint16_t>(bits));
    case RegisterType::bcd16:
      return decimal_of(bits, 4);
    case RegisterType::bcd32:
      return decimal_of(bits, 8);
    case RegisterType::bcd64:
      return decimal_of(bits, 16);
    case RegisterType::boolean:
      return bits != 0 ? 1 : 0;
    case RegisterType::string:
      break;
  }
  return nan;
}

/// Where the words of `at` begin in the newest block that holds them all: where requests overlap, a
/// value is not put together from two. Null: no block does.
template <class Blocks>
const std::uint16_t* whole_in(const Blocks& blocks, const Register& at) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    const auto& range = block->range;
    if (range.device != at.device || range.table != at.table || at.address < range.address)
      continue;
    const auto from = static_cast<std::size_t>(at.address - range.address);
    if (from + at.words() <= block->words.size()) return &block->words[from];
  }
  return nullptr;
}

std::string letters_of(const Register& at) {
  const std::size_t count = at.words();
  std::string letters(2 * count, '?');
  for (std::size_t i = 0; i < count; ++i) {
    const auto high = static_cast<char>('A' + 2 * i);
    const auto low = static_cast<char>(high + 1);
    const auto position = 2 * position_of(at, i, count);
    letters[position] = at.bytes_swapped ? low : high;
    letters[position + 1] = at.bytes_swapped ? high : low;
  }
  return letters;
}

}  // namespace

std::string_view short_name(RegisterTable table) {
  return short_names.at(static_cast<std::size_t>(table));
}

bool is_bits(RegisterTable table) {
  return table == RegisterTable::coil || table == RegisterTable::discrete;
}

std::optional<RegisterType> register_type_named(std::string_view name) {
  for (const auto& type : types)
    if (type.name == name) return type.type;
  return std::nullopt;
}

std::string_view name_of(RegisterType type) {
  return types.at(static_cast<std::size_t>(type)).name;
}

std::string register_type_names() {
  std::string names;
  for (const auto& type : types) names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

std::uint16_t Register::words() const {
  if (type == RegisterType::string) return static_cast<std::uint16_t>((length + 1) / 2);
  return types.at(static_cast<std::size_t>(type)).words;
}

std::string Register::order() const {
  if (type == RegisterType::string) return bytes_swapped ? "BA" : "AB";
  return letters_of(*this);
}

bool Register::set_order(std::string_view letters) {
  if (type == RegisterType::string) {
    bytes_swapped = letters == "BA";
    return bytes_swapped || letters == "AB";
  }
  for (unsigned choice = 0; choice < 8; ++choice) {
    auto tried = *this;
    tried.low_word_first = (choice & 1U) != 0;
    tried.bytes_swapped = (choice & 2U) != 0;
    tried.halves_swapped = (choice & 4U) != 0;
    if (tried.halves_swapped && words() != 4) break;
    if (letters_of(tried) != letters) continue;
    *this = tried;
    return true;
  }
  return false;
}

std::optional<Place> parse_place(std::string_view text, int base) {
  for (std::size_t i = 0; i < short_names.size(); ++i) {
    if (!text.starts_with(short_names[i]) || text.size() < 4 || text[2] != ':') continue;
    unsigned address = 0;
    if (!parse_whole(text.substr(3), address) || address < static_cast<unsigned>(base) ||
        address - static_cast<unsigned>(base) > 65'535)
      return std::nullopt;
    return Place{static_cast<RegisterTable>(i),
                 static_cast<std::uint16_t>(address - static_cast<unsigned>(base))};
  }
  if (text.size() != 5 && text.size() != 6) return std::nullopt;
  unsigned number = 0;
  if (!parse_whole(text.substr(1), number) || number < 1 || number > 65'536) return std::nullopt;
  const auto address = static_cast<std::uint16_t>(number - 1);
  switch (text[0]) {
    case '0':
      return Place{RegisterTable::coil, address};
    case '1':
      return Place{RegisterTable::discrete, address};
    case '3':
      return Place{RegisterTable::input, address};
    case '4':
      return Place{RegisterTable::holding, address};
    default:
      return std::nullopt;
  }
}

std::string place_text(RegisterTable table, std::uint16_t address) {
  constexpr std::array<char, register_table_count> digits = {'4', '3', '0', '1'};
  return fmt::format("{}:{} ({}{:05})", short_name(table), address,
                     digits.at(static_cast<std::size_t>(table)), address + 1);
}

Result<Register> parse_register(std::string_view text, int base) {
  const std::string hint =
      "write ADDRESS [TYPE] [ORDER] [bits A-B] [raw A..B to C..D] [* FACTOR] [+ OFFSET] [not "
      "PATTERN], for example \"120 f32\", \"hr:120 f32 CDAB\", \"input 3 u32 * 0.1\" or \"400121 "
      "u16 bits 4-7\"";
  const auto wrong = [&](const std::string& what) { return Error(what, hint); };
  const auto words = words_in(text);
  Register at;
  std::size_t next = 0;
  bool table_said = false;
  if (next < words.size() && (words[next] == "input" || words[next] == "holding")) {
    at.table = words[next++] == "input" ? RegisterTable::input : RegisterTable::holding;
    table_said = true;
  }
  if (next >= words.size()) return wrong(fmt::format("\"{}\" names no register", text));
  const auto word = words[next++];
  const bool model = word.size() == 6 || word.find(':') != std::string_view::npos;
  if (const auto place = model && !table_said ? parse_place(word, base) : std::nullopt) {
    at.table = place->table;
    at.address = place->address;
  } else {
    unsigned address = 0;
    if (!parse_whole(word, address) || address < static_cast<unsigned>(base) ||
        address - static_cast<unsigned>(base) > 65'535)
      return wrong(fmt::format("\"{}\" is no address from {} to {}", word, base, 65'535 + base));
    // Five digits are how the data model was written before six, and an address as well.
    if (!table_said && word.size() == 5 && (word[0] == '3' || word[0] == '4') &&
        address % 10'000 != 0)
      return Error(
          fmt::format("\"{}\" may be {} or register {} counted from {}", word,
                      place_text(word[0] == '4' ? RegisterTable::holding : RegisterTable::input,
                                 static_cast<std::uint16_t>(address % 10'000 - 1)),
                      address, base),
          fmt::format("write {}{:05}, or hr:{}", word[0], address % 10'000, address));
    at.address = static_cast<std::uint16_t>(address - static_cast<unsigned>(base));
  }
  if (is_bits(at.table)) at.type = RegisterType::boolean;
  std::string_view order;
  std::optional<std::array<double, 4>> spans;
  for (; next < words.size(); ++next) {
    const auto token = words[next];
    const auto following = [&]() -> std::string_view {
      return next + 1 < words.size() ? words[++next] : std::string_view();
    };
    if (const auto type = register_type_named(token)) {
      at.type = *type;
      if (at.type == RegisterType::string) {
        unsigned length = 0;
        const auto count = following();
        if (!parse_whole(count, length) || length < 1 || length > 250)
          return wrong(fmt::format("\"{}\" is no length of a string from 1 to 250", count));
        at.length = static_cast<std::uint16_t>(length);
      }
    } else if (token == "low-word-first") {
      at.low_word_first = true;
    } else if (token == "bytes-swapped") {
      at.bytes_swapped = true;
    } else if (token == "bit" || token == "bits") {
      const auto which = following();
      const auto dash = which.find('-');
      unsigned first = 0;
      unsigned last = 0;
      const bool fine = dash == std::string_view::npos
                            ? parse_whole(which, first)
                            : parse_whole(which.substr(0, dash), first) &&
                                  parse_whole(which.substr(dash + 1), last);
      if (dash == std::string_view::npos) last = first;
      if (!fine || last < first || last > 63)
        return wrong(fmt::format("\"{}\" names no bits (0 is the lowest)", which));
      at.first_bit = static_cast<std::uint8_t>(first);
      at.bit_count = static_cast<std::uint8_t>(last - first + 1);
    } else if (token == "not") {
      std::uint64_t pattern = 0;
      const auto which = following();
      if (!parse_pattern(which, pattern))
        return wrong(fmt::format("\"{}\" is no pattern such as 0x8000", which));
      at.sentinels.push_back(pattern);
    } else if (token == "raw") {
      std::array<double, 4> s{};
      const auto from = following();
      const auto to = following();
      const auto unit = following();
      if (to != "to" || !parse_span(from, s[0], s[1]) || !parse_span(unit, s[2], s[3]))
        return wrong(fmt::format("\"raw {} {} {}\" is no range such as \"raw 0..27648 to 0..10\"",
                                 from, to, unit));
      spans = s;
    } else if (token == "*") {
      const auto factor = following();
      if (!parse_real(factor, at.factor) || at.factor == 0)
        return wrong(fmt::format("\"{}\" is no factor", factor));
    } else if (token == "+" || token == "-") {
      const auto offset = following();
      if (!parse_real(offset, at.offset)) return wrong(fmt::format("\"{}\" is no offset", offset));
      if (token == "-") at.offset = -at.offset;
    } else if (token.find_first_not_of("ABCDEFGH") == std::string_view::npos) {
      order = token;
    } else {
      return wrong(fmt::format("\"{}\" is not known in \"{}\"", token, text));
    }
  }
  if (spans) {
    if (at.factor != 1 || at.offset != 0)
      return wrong("a raw range and a factor or offset exclude each other");
    at.factor = ((*spans)[3] - (*spans)[2]) / ((*spans)[1] - (*spans)[0]);
    at.offset = (*spans)[2] - (*spans)[0] * at.factor;
  }
  if (!order.empty() && !at.set_order(order))
    return wrong(fmt::format("\"{}\" is no byte order of {}", order, name_of(at.type)));
  if (at.type == RegisterType::string && at.low_word_first)
    return wrong("the letters of a string come in the order of its words");
  const auto widest = all_bits(16U * std::min<std::size_t>(at.words(), 4));
  for (const auto pattern : at.sentinels)
    if (pattern > widest)
      return wrong(fmt::format("0x{:X} has more bits than {}", pattern, name_of(at.type)));
  if (is_bits(at.table) && at.type != RegisterType::boolean)
    return wrong(fmt::format("\"{}\": coils and discrete inputs are bool", text));
  if (at.bit_count > 0 && at.first_bit + at.bit_count > 16 * at.words())
    return wrong(
        fmt::format("\"{}\" has no bit {}", name_of(at.type), at.first_bit + at.bit_count - 1));
  if (at.address + at.words() > 65'536) return wrong(fmt::format("\"{}\" ends beyond 65535", text));
  return at;
}

Range range_of(const Register& at) {
  return {at.table, at.address, at.words(), at.device};
}

Query read_query(const Range& range) {
  constexpr std::array<Function, register_table_count> functions = {
      Function::read_holding_registers, Function::read_input_registers, Function::read_coils,
      Function::read_discrete_inputs};
  Query query;
  query.function = functions.at(static_cast<std::size_t>(range.table));
  query.address = range.address;
  query.count = range.count;
  return query;
}

std::vector<Range> ranges_of(std::vector<Range> wanted, const MergeRules& rules) {
  const auto key = [](const Range& r) {
    return std::tuple(r.device, r.table, r.address, -r.count);
  };
  std::sort(wanted.begin(), wanted.end(),
            [&](const Range& a, const Range& b) { return key(a) < key(b); });
  const auto crosses_hole = [&](const Range& last, int end) {
    return std::any_of(rules.holes.begin(), rules.holes.end(), [&](const Range& hole) {
      return hole.table == last.table && hole.device == last.device && hole.address < end &&
             hole.address + hole.count > last.address;
    });
  };
  std::vector<Range> ranges;
  for (const auto& range : wanted) {
    if (range.count == 0) continue;
    const int end = range.address + range.count;
    const int longest = is_bits(range.table) ? rules.longest_bits : rules.longest;
    const int gap = is_bits(range.table) ? 16 * rules.gap : rules.gap;
    if (!ranges.empty() && ranges.back().table == range.table &&
        ranges.back().device == range.device) {
      auto& last = ranges.back();
      const int last_end = last.address + last.count;
      if (end <= last_end) continue;  // read already, as a part of another
      if (!rules.one_field && range.address <= last_end + gap && end - last.address <= longest &&
          !crosses_hole(last, end)) {
        last.count = static_cast<std::uint16_t>(end - last.address);
        continue;
      }
    }
    // A block longer than any request is read in pieces.
    for (int from = range.address; from < end; from += longest) {
      ranges.push_back({range.table, static_cast<std::uint16_t>(from),
                        static_cast<std::uint16_t>(std::min(longest, end - from)), range.device});
    }
  }
  return ranges;
}

std::vector<Range> ranges_of(std::vector<Range> wanted, std::uint16_t longest, std::uint16_t gap) {
  MergeRules rules;
  rules.longest = longest;
  rules.gap = gap;
  return ranges_of(std::move(wanted), rules);
}

void Image::put(const Range& range, std::span<const std::uint16_t> words) {
  const auto same = std::find_if(blocks_.begin(), blocks_.end(),
                                 [&](const Block& block) { return block.range == range; });
  Block block;
  if (same != blocks_.end()) {
    block = std::move(*same);
    blocks_.erase(same);
  }
  block.range = range;
  block.words.assign(words.begin(), words.end());
  blocks_.push_back(std::move(block));
}

void Image::merge(const Image& other) {
  for (const auto& block : other.blocks_) put(block.range, block.words);
}

void Image::forget(DeviceIndex device) {
  std::erase_if(blocks_, [&](const Block& block) { return block.range.device == device; });
}

const std::uint16_t* Image::find(DeviceIndex device, RegisterTable table,
                                 std::uint16_t address) const {
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    const auto& range = block->range;
    if (range.device != device || range.table != table || address < range.address) continue;
    const auto at = static_cast<std::size_t>(address - range.address);
    if (at < block->words.size()) return &block->words[at];
  }
  return nullptr;
}

std::uint16_t Image::word(RegisterTable table, std::uint16_t address, DeviceIndex device) const {
  const auto* found = find(device, table, address);
  return found == nullptr ? std::uint16_t{0} : *found;
}

bool Image::has(const Register& at) const {
  for (std::uint16_t i = 0; i < at.words(); ++i)
    if (find(at.device, at.table, static_cast<std::uint16_t>(at.address + i)) == nullptr)
      return false;
  return true;
}

double Image::number(const Register& at) const {
  std::array<std::uint16_t, 4> words{};
  const std::size_t count = at.words();
  if (count > words.size()) return nan;
  const auto* whole = whole_in(blocks_, at);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* found = whole != nullptr
                            ? whole + i
                            : find(at.device, at.table, static_cast<std::uint16_t>(at.address + i));
    if (found == nullptr) return nan;
    words[i] = *found;
  }
  const std::span<const std::uint16_t> read(words.data(), count);
  if (!at.sentinels.empty()) {
    const auto bits = bits_of(at, read);
    if (std::find(at.sentinels.begin(), at.sentinels.end(), bits) != at.sentinels.end()) return nan;
  }
  // A float read in another order than it was sent is mostly of a size that nothing in a plant has.
  const bool is_float = at.type == RegisterType::f32 || at.type == RegisterType::f64;
  const double size = is_float ? std::abs(raw_number(at, bits_of(at, read))) : 1;
  if (size != 0 && size < least_measured) return nan;
  return number_of(at, read);
}

std::optional<std::string> Image::text(const Register& at) const {
  std::string text;
  const auto* whole = whole_in(blocks_, at);
  for (std::uint16_t i = 0; i < at.words(); ++i) {
    const auto* found = whole != nullptr
                            ? whole + i
                            : find(at.device, at.table, static_cast<std::uint16_t>(at.address + i));
    if (found == nullptr) return std::nullopt;
    const auto word = at.bytes_swapped ? swapped(*found) : *found;
    text += static_cast<char>(word >> 8U);
    text += static_cast<char>(word & 0xFFU);
  }
  text.resize(std::min<std::size_t>(text.size(), at.length));
  text.resize(std::min(text.find('\0'), text.size()));
  for (const auto c : text)
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
  return text::as_utf8(text);
}

double number_of(const Register& at, std::span<const std::uint16_t> words) {
  return raw_number(at, bits_of(at, words)) * at.factor + at.offset;
}

std::optional<std::vector<std::uint16_t>> words_of(const Register& at, double value) {
  if (!std::isfinite(value) || at.bit_count > 0 || at.type == RegisterType::string)
    return std::nullopt;
  const double number = (value - at.offset) / at.factor;
  const double whole = std::nearbyint(number);
  std::uint64_t bits = 0;
  const auto unsigned_within = [&](double limit) {
    if (whole < 0 || whole >= limit) return false;
    bits = static_cast<std::uint64_t>(whole);
    return true;
  };
  const auto signed_within = [&](double limit) {
    if (whole < -limit || whole >= limit) return false;
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(whole));
    return true;
  };
  const auto decimal_within = [&](double limit) {
    if (!unsigned_within(limit)) return false;
    std::uint64_t packed = 0;
    for (unsigned shift = 0; bits > 0; shift += 4, bits /= 10) packed |= (bits % 10) << shift;
    bits = packed;
    return true;
  };
  bool fits = false;
  switch (at.type) {
    case RegisterType::u8:
      fits = unsigned_within(256);
      break;
    case RegisterType::i8:
      fits = signed_within(128);
      bits &= 0xFFU;
      break;
    case RegisterType::u16:
      fits = unsigned_within(65'536);
      break;
    case RegisterType::i16:
      fits = signed_within(32'768);
      break;
    case RegisterType::u32:
      fits = unsigned_within(4'294'967'296.0);
      break;
    case RegisterType::i32:
      fits = signed_within(2'147'483'648.0);
      break;
    case RegisterType::u64:
      fits = unsigned_within(18'446'744'073'709'551'616.0);
      break;
    case RegisterType::i64:
      fits = signed_within(9'223'372'036'854'775'808.0);
      break;
    case RegisterType::f16:
      if (const auto half = half_bits(number)) {
        bits = *half;
        fits = true;
      }
      break;
    case RegisterType::f32:
      fits = std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max());
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(number));
      break;
    case RegisterType::f64:
      fits = true;
      bits = std::bit_cast<std::uint64_t>(number);
      break;
    case RegisterType::bcd16:
      fits = decimal_within(1e4);
      break;
    case RegisterType::bcd32:
      fits = decimal_within(1e8);
      break;
    case RegisterType::bcd64:
      fits = decimal_within(1e16);
      break;
    case RegisterType::boolean:
      fits = whole == 0 || whole == 1;
      bits = whole != 0 ? 1 : 0;
      break;
    case RegisterType::string:
      break;
  }
  const std::size_t count = at.words();
  bits &= all_bits(16 * count);
  if (!fits || std::find(at.sentinels.begin(), at.sentinels.end(), bits) != at.sentinels.end())
    return std::nullopt;
  std::vector<std::uint16_t> words(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = static_cast<std::uint16_t>(bits >> (16U * (count - 1 - i)));
    words[position_of(at, i, count)] = at.bytes_swapped ? swapped(word) : word;
  }
  return words;
}

}  // namespace foreline::core
