// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/tags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sim/text/document.hpp"
#include "sim/text/escape.hpp"

namespace foreline::core {

using line::Diagnostic;
using line::Error;
using line::Quality;
using line::Result;

namespace {

const std::vector<std::string>& columns() {
  static const std::vector<std::string> names = {
      "name",   "device", "area",     "address", "type",    "order",      "bits",
      "length", "scale",  "offset",   "raw_min", "raw_max", "eu_min",     "eu_max",
      "not",    "unit",   "deadband", "group",   "access",  "description"};
  return names;
}

struct Cell {
  std::string text;
  int column = 1;
};

std::string trimmed(std::string text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Fields of one row (RFC 4180). False when a quote does not end.
bool split(std::string_view row, char separator, std::vector<Cell>& cells) {
  std::size_t at = 0;
  while (true) {
    Cell cell{{}, static_cast<int>(at) + 1};
    if (at < row.size() && row[at] == '"') {
      for (++at;; ++at) {
        if (at >= row.size()) return false;
        if (row[at] != '"') {
          cell.text += row[at];
        } else if (at + 1 < row.size() && row[at + 1] == '"') {
          cell.text += '"';
          ++at;
        } else {
          ++at;
          break;
        }
      }
      if (at < row.size() && row[at] != separator) return false;
    } else {
      const auto end = std::min(row.find(separator, at), row.size());
      cell.text = trimmed(std::string(row.substr(at, end - at)));
      at = end;
    }
    cells.push_back(std::move(cell));
    if (at >= row.size()) return true;
    ++at;
  }
}

class TagReader {
 public:
  TagReader(const std::string& file, const TagContext& context) : file_(file), context_(context) {}

  Result<std::vector<Tag>> read(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      auto row = text.substr(at, end - at);
      at = end + 1;
      ++line_;
      if (row.ends_with('\r')) row.remove_suffix(1);
      if (trimmed(std::string(row)).empty() || row.starts_with('#')) continue;
      take(row);
    }
    if (header_.empty() && diagnostics_.empty())
      complain(1, "the file has no header line", "begin with name,address,type");
    if (!diagnostics_.empty()) return Error(std::move(diagnostics_));
    return std::move(tags_);
  }

 private:
  void complain(int column, std::string what, std::string hint = {}) {
    diagnostics_.push_back({file_, line_, column, std::move(what), std::move(hint)});
  }

  void take(std::string_view row) {
    cells_.clear();
    // Spreadsheets of some countries separate with semicolons.
    if (header_.empty() && row.find(';') != std::string_view::npos) separator_ = ';';
    if (!split(row, separator_, cells_)) {
      complain(1, "a quotation mark is not closed, or something follows it",
               "a cell is one line: take line breaks out of it");
      return;
    }
    // Spreadsheets write rows that were emptied as separators.
    if (std::all_of(cells_.begin(), cells_.end(), [](const Cell& one) { return one.text.empty(); }))
      return;
    if (header_.empty()) return take_header();
    if (cells_.size() != header_.size()) {
      complain(1, fmt::format("{} fields, but the header has {}", cells_.size(), header_.size()));
      return;
    }
    take_tag();
  }

  void take_header() {
    for (const auto& cell : cells_) {
      const auto& known = columns();
      if (std::find(known.begin(), known.end(), cell.text) == known.end()) {
        const auto meant = text::nearest(cell.text, known);
        complain(cell.column, fmt::format("there is no column \"{}\"", cell.text),
                 meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
      } else if (std::find(header_.begin(), header_.end(), cell.text) != header_.end()) {
        complain(cell.column, fmt::format("the column \"{}\" is there twice", cell.text));
      }
      header_.push_back(cell.text);
    }
    for (const char* needed : {"name", "address"})
      if (std::find(header_.begin(), header_.end(), needed) == header_.end())
        complain(1, fmt::format("the column \"{}\" is missing", needed));
  }

  [[nodiscard]] const Cell& cell(std::string_view name) const {
    static const Cell none;
    for (std::size_t i = 0; i < header_.size(); ++i)
      if (header_[i] == name) return cells_[i];
    return none;
  }

  double number(std::string_view name, double otherwise) {
    const auto& found = cell(name);
    if (found.text.empty()) return otherwise;
    double value = 0;
    const auto* end = found.text.data() + found.text.size();
    const auto read = std::from_chars(found.text.data(), end, value);
    if (read.ec != std::errc{} || read.ptr != end || !std::isfinite(value)) {
      complain(found.column, fmt::format("\"{}\" is no number for {}", found.text, name),
               found.text.find(',') == std::string::npos ? "" : "write a decimal point");
      return otherwise;
    }
    return value;
  }

  std::size_t one_of(std::string_view name, const std::vector<std::string>& known,
                     std::size_t otherwise) {
    const auto& found = cell(name);
    if (found.text.empty()) return otherwise;
    const auto position = std::find(known.begin(), known.end(), found.text);
    if (position == known.end()) {
      const auto meant = text::nearest(found.text, known);
      complain(found.column, fmt::format("there is no {} \"{}\"", name, found.text),
               meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
      return otherwise;
    }
    return static_cast<std::size_t>(position - known.begin());
  }

  void take_tag() {
    Tag tag;
    const auto before = diagnostics_.size();
    tag.name = cell("name").text;
    if (tag.name.empty()) complain(cell("name").column, "the tag has no name");
    if (const auto first = lines_.find(tag.name); first != lines_.end())
      complain(cell("name").column,
               fmt::format("\"{}\" is already the tag of line {}", tag.name, first->second));
    lines_.emplace(tag.name, line_);
    const auto device = one_of("device", context_.devices, 0);
    tag.group = one_of("group", context_.groups, 0);
    const auto& address = cell("address");
    const int base = device < context_.bases.size() ? context_.bases[device] : 0;
    const auto place = parse_place(address.text, base);
    if (!place) {
      complain(address.column, fmt::format("\"{}\" is no address", address.text),
               fmt::format("write hr:100 (counting from {}) or 400101 (counting from 1); also ir, "
                           "co, di and 3xxxxx, 0xxxxx, 1xxxxx",
                           base));
      return;
    }
    tag.at.table = place->table;
    tag.at.address = place->address;
    tag.at.device = static_cast<DeviceIndex>(device);
    const auto& type = cell("type");
    if (is_bits(tag.at.table)) tag.at.type = RegisterType::boolean;
    if (!type.text.empty()) {
      if (const auto named = register_type_named(type.text)) {
        tag.at.type = *named;
      } else {
        complain(type.column, fmt::format("there is no type \"{}\"", type.text),
                 "one of " + register_type_names());
        return;
      }
    }
    if (is_bits(tag.at.table) && tag.at.type != RegisterType::boolean)
      complain(type.column, "coils and discrete inputs are bool");
    if (tag.at.type == RegisterType::string) {
      const double length = number("length", 0);
      if (length < 1 || length > 250 || length != std::floor(length))
        complain(cell("length").column, "a string needs its length, 1 to 250 characters");
      else
        tag.at.length = static_cast<std::uint16_t>(length);
    }
    if (const auto& order = cell("order"); !order.text.empty() && !tag.at.set_order(order.text))
      complain(order.column,
               fmt::format("\"{}\" is no byte order of {}", order.text, name_of(tag.at.type)),
               "for example ABCD, CDAB, BADC, DCBA; 16 bit and strings: AB, BA");
    if (const auto& bits = cell("bits"); !bits.text.empty()) {
      const auto parsed =
          parse_register("0 " + std::string(name_of(tag.at.type)) + " bits " + bits.text);
      if (parsed) {
        tag.at.first_bit = parsed->first_bit;
        tag.at.bit_count = parsed->bit_count;
      } else {
        complain(bits.column,
                 fmt::format("\"{}\" names no bits of {}", bits.text, name_of(tag.at.type)));
      }
    }
    if (const auto& pattern = cell("not"); !pattern.text.empty()) {
      // "0x8000 0xFFFF"
      std::string expression = "0 " + std::string(name_of(tag.at.type));
      std::size_t at = 0;
      while ((at = pattern.text.find_first_not_of(' ', at)) != std::string::npos) {
        const auto end = std::min(pattern.text.find(' ', at), pattern.text.size());
        expression += " not " + pattern.text.substr(at, end - at);
        at = end;
      }
      const auto parsed = parse_register(expression);
      if (parsed)
        tag.at.sentinels = parsed->sentinels;
      else
        complain(pattern.column, fmt::format("\"{}\" is no pattern of {} such as 0x8000",
                                             pattern.text, name_of(tag.at.type)));
    }
    tag.at.factor = number("scale", 1);
    if (tag.at.factor == 0) complain(cell("scale").column, "a scale of 0 hides every value");
    tag.at.offset = number("offset", 0);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    tag.low = number("eu_min", -infinity);
    tag.high = number("eu_max", infinity);
    if (!(tag.low < tag.high)) complain(cell("eu_min").column, "eu_min must be below eu_max");
    const bool raw = !cell("raw_min").text.empty() || !cell("raw_max").text.empty();
    if (raw) {
      const double raw_low = number("raw_min", 0);
      const double raw_high = number("raw_max", 0);
      if (raw_low == raw_high || !std::isfinite(tag.low) || !std::isfinite(tag.high) ||
          !cell("scale").text.empty() || !cell("offset").text.empty())
        complain(cell("raw_min").column,
                 "a raw range needs raw_min, raw_max, eu_min and eu_max, and neither scale nor "
                 "offset");
      else {
        tag.at.factor = (tag.high - tag.low) / (raw_high - raw_low);
        tag.at.offset = tag.low - raw_low * tag.at.factor;
      }
    }
    if (auto deadband = cell("deadband"); deadband.text.ends_with('%')) {
      const auto share = text::parse_quantity(deadband.text);
      tag.deadband = share ? share->value / 100 : -1;
      tag.deadband_share = true;
      if (!share || !std::isfinite(tag.low) || !std::isfinite(tag.high))
        complain(deadband.column, "a dead band in % needs eu_min and eu_max");
    } else {
      tag.deadband = number("deadband", 0);
      if (tag.deadband < 0) complain(cell("deadband").column, "a dead band is not negative");
    }
    tag.unit = cell("unit").text;
    tag.description = cell("description").text;
    if (tag.at.address + tag.at.words() > 65'536)
      complain(address.column, fmt::format("\"{}\" ends beyond the last address", address.text));
    if (device < context_.longest_reads.size() && !is_bits(tag.at.table) &&
        tag.at.words() > context_.longest_reads[device])
      complain(
          address.column,
          fmt::format("{} registers do not fit in one request to {} (longest_read is {}), and "
                      "a value is never read in two",
                      tag.at.words(), context_.devices[device], context_.longest_reads[device]));
    if (diagnostics_.size() == before) tags_.push_back(std::move(tag));
  }

  std::string file_;
  const TagContext& context_;
  int line_ = 0;
  char separator_ = ',';
  std::vector<std::string> header_;
  std::vector<Cell> cells_;
  std::map<std::string, int> lines_;
  std::vector<Tag> tags_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace

Result<std::vector<Tag>> parse_tags(std::string_view text, const std::string& file,
                                    const TagContext& context) {
  return TagReader(file, context).read(text);
}

std::string tags_text(const std::vector<Tag>& tags, const TagContext& context) {
  std::string out =
      "name,device,address,type,order,bits,length,scale,offset,eu_min,eu_max,not,unit,deadband,"
      "group,description\n";
  const auto number = [](double value, double otherwise) {
    return value == otherwise || !std::isfinite(value) ? std::string() : fmt::format("{}", value);
  };
  for (const auto& tag : tags) {
    const auto& at = tag.at;
    const bool ordered = at.low_word_first || at.bytes_swapped || at.halves_swapped;
    std::string patterns;
    for (const auto sentinel : at.sentinels)
      patterns += fmt::format("{}0x{:X}", patterns.empty() ? "" : " ", sentinel);
    const int base = at.device < context.bases.size() ? context.bases[at.device] : 0;
    out += fmt::format(
        "{},{},{}:{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", text::csv_field(tag.name),
        text::csv_field(at.device < context.devices.size() ? context.devices[at.device] : ""),
        short_name(at.table), at.address + base, name_of(at.type), ordered ? at.order() : "",
        at.bit_count == 0 ? ""
                          : fmt::format("{}-{}", at.first_bit, at.first_bit + at.bit_count - 1),
        at.type == RegisterType::string ? fmt::format("{}", at.length) : "", number(at.factor, 1),
        number(at.offset, 0), number(tag.low, -1e308), number(tag.high, 1e308), patterns,
        text::csv_field(tag.unit),
        tag.deadband == 0    ? ""
        : tag.deadband_share ? fmt::format("{} %", 100 * tag.deadband)
                             : fmt::format("{}", tag.deadband),
        text::csv_field(tag.group < context.groups.size() ? context.groups[tag.group] : ""),
        text::csv_field(tag.description));
  }
  return out;
}

TagValue value_of(const Tag& tag, const Image& image) {
  TagValue value;
  if (!image.has(tag.at)) return value;
  if (tag.at.type == RegisterType::string) {
    const auto text = image.text(tag.at);
    value.text = text.value_or("");
    value.quality = text ? Quality::good : Quality::bad_sensor_failure;
    return value;
  }
  value.value = image.number(tag.at);
  value.quality = !std::isfinite(value.value) ? Quality::bad_sensor_failure
                  : value.value < tag.low || value.value > tag.high
                      ? Quality::uncertain_out_of_range
                      : Quality::good;
  return value;
}

TagTable::TagTable(std::vector<Tag> tags)
    : tags_(std::move(tags)), values_(tags_.size()), reported_(tags_.size()) {
  for (std::size_t i = 0; i < tags_.size(); ++i) {
    names_.emplace(tags_[i].name, i);
    polled_[{tags_[i].at.device, tags_[i].group}].push_back(i);
  }
}

std::optional<std::size_t> TagTable::find(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

void TagTable::take_over(const TagTable& former) {
  for (std::size_t i = 0; i < tags_.size(); ++i) {
    const auto found = former.find(tags_[i].name);
    if (!found || !(former.tags_[*found] == tags_[i])) continue;
    values_[i] = former.values_[*found];
    reported_[i] = former.reported_[*found];
  }
}

std::vector<std::size_t> TagTable::update(DeviceIndex device, std::size_t group, const Image& image,
                                          const std::vector<std::pair<Range, Quality>>& troubles,
                                          std::int64_t now_ns, double now_s) {
  std::vector<std::size_t> changed;
  const auto members = polled_.find({device, group});
  if (members == polled_.end()) return changed;
  for (const auto i : members->second) {
    const auto& tag = tags_[i];
    auto& shown = values_[i];
    auto seen = value_of(tag, image);
    for (const auto& [range, quality] : troubles) {
      if (range.table == tag.at.table && range.address <= tag.at.address &&
          tag.at.address < range.address + range.count) {
        seen.value = shown.value;  // the last one, marked as such
        seen.text = shown.text;
        seen.quality = quality;
      }
    }
    // A clock that is set back must not make times run backwards.
    seen.received_ns = std::max(now_ns, shown.received_ns);
    seen.received_s = now_s;
    const bool is_good = seen.quality == Quality::good;
    seen.source_ns = is_good ? seen.received_ns : shown.source_ns;
    shown = seen;
    auto& told = reported_[i];
    const double band = tag.deadband_share ? tag.deadband * (tag.high - tag.low) : tag.deadband;
    const bool moved = std::isfinite(seen.value) != std::isfinite(told.value) ||
                       std::abs(seen.value - told.value) > band || seen.text != told.text;
    if (seen.quality == told.quality && !moved) continue;
    told = seen;
    changed.push_back(i);
  }
  return changed;
}

}  // namespace foreline::core
