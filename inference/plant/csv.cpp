// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/csv.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

namespace foreline::plant {

using line::Diagnostic;
using line::Error;
using line::Result;

namespace {

constexpr std::size_t text_max = 0xFFFFFF00U;
constexpr std::size_t complaints_max = 20;
constexpr std::size_t columns_max = 4096;

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// A unit without the brackets that people put around it.
std::string_view unbracketed(std::string_view unit) {
  if (unit.size() > 2 &&
      ((unit.front() == '[' && unit.back() == ']') || (unit.front() == '(' && unit.back() == ')')))
    unit = unit.substr(1, unit.size() - 2);
  return unit;
}

/// Bytes of a well-formed UTF-8 sequence at the front; 0 when there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0U) == 0x80U; };
  if (byte(0) < 0x80) return byte(0) == 0 ? 0 : 1;
  if (byte(0) >= 0xC2 && byte(0) < 0xE0) return tail(1) ? 2 : 0;
  if ((byte(0) & 0xF0U) == 0xE0) return tail(1) && tail(2) ? 3 : 0;
  if (byte(0) >= 0xF0 && byte(0) < 0xF5) return tail(1) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

/// Complaints up to a limit, then only their number.
class Complaints {
 public:
  void add(Diagnostic diagnostic) {
    ++count_;
    if (all_.size() < complaints_max) all_.push_back(std::move(diagnostic));
  }
  [[nodiscard]] bool any() const { return count_ > 0; }
  [[nodiscard]] Error error(const std::string& file) {
    if (count_ > all_.size())
      all_.push_back(
          {file, 0, 0, fmt::format("and {} more of the kind", count_ - all_.size()), {}});
    return Error(std::move(all_));
  }

 private:
  std::vector<Diagnostic> all_;
  std::size_t count_ = 0;
};

struct Row {
  std::uint32_t line = 0;
  std::size_t from = 0;  // cells of this row
  std::size_t until = 0;
};

/// The file cut into cells.
struct Cut {
  std::vector<std::uint32_t> starts, ends;
  std::vector<Row> rows;
};

/// Doubled quotes inside of quotes become one, in place: what a cell loses lies behind its end.
Cut cut(std::string& text, const std::string& name, char separator, std::size_t rows_max,
        Complaints& complaints) {
  Cut cut;
  std::uint32_t line = 1;
  std::size_t i = 0;
  const std::size_t n = text.size();
  while (i < n && cut.rows.size() < rows_max) {
    Row row{line, cut.starts.size(), 0};
    const std::size_t line_start = i;
    bool ended = false;
    while (!ended) {
      if (separator == ' ') {
        while (i < n && blank(text[i])) ++i;
        if (i >= n || text[i] == '\n') break;
      } else {
        while (i < n && blank(text[i]) && text[i] != separator) ++i;
      }
      std::size_t start = i;
      std::size_t end = 0;
      if (i < n && text[i] == '"') {
        const auto opened = line;
        const auto opened_at = i - line_start + 1;
        start = end = ++i;
        while (i < n && !(text[i] == '"' && (i + 1 >= n || text[i + 1] != '"'))) {
          if (text[i] == '"') ++i;
          if (text[i] == '\n') ++line;
          text[end++] = text[i++];
        }
        if (i >= n) {
          complaints.add({name, static_cast<int>(opened), static_cast<int>(opened_at),
                          "a quote begins here and never ends", "close it with \""});
        } else {
          ++i;
        }
        bool more = false;
        for (; i < n && text[i] != separator && text[i] != '\n'; ++i) more |= !blank(text[i]);
        if (more)
          complaints.add({name, static_cast<int>(opened), static_cast<int>(opened_at),
                          "a quoted cell goes on behind its quote",
                          "write \"\" for a quote inside it"});
      } else {
        while (i < n && text[i] != separator && text[i] != '\n' &&
               !(separator == ' ' && blank(text[i])))
          ++i;
        end = i;
        while (end > start && blank(text[end - 1])) --end;
      }
      cut.starts.push_back(static_cast<std::uint32_t>(start));
      cut.ends.push_back(static_cast<std::uint32_t>(end));
      if (i >= n || text[i] == '\n')
        ended = true;
      else if (separator != ' ')
        ++i;
    }
    ++i;
    ++line;
    row.until = cut.starts.size();
    const bool empty = row.until == row.from ||
                       (row.until == row.from + 1 && cut.starts[row.from] == cut.ends[row.from]);
    if (empty) {
      cut.starts.resize(row.from);
      cut.ends.resize(row.from);
    } else {
      cut.rows.push_back(row);
    }
  }
  return cut;
}

/// The separator with which the first lines fall into the same number of cells, the more the
/// better.
char separator_of(const std::string& text) {
  std::size_t end = 0;
  for (int lines = 0; lines < 20 && end != std::string::npos; ++lines)
    end = text.find('\n', end == 0 ? 0 : end + 1);
  const std::string head = text.substr(0, end);
  std::string changing;
  char best = ',';
  double best_score = 0;
  for (const char separator : {',', ';', '\t', '|', ' '}) {
    Complaints unheard;
    changing = head;
    const auto cells = cut(changing, {}, separator, 20, unheard);
    std::map<std::size_t, std::size_t> widths;
    for (const auto& row : cells.rows) ++widths[row.until - row.from];
    double score = 0;
    for (const auto& [width, count] : widths) {
      if (width > 1)
        score =
            std::max(score, static_cast<double>(count) / static_cast<double>(cells.rows.size()) +
                                1e-3 * static_cast<double>(std::min<std::size_t>(width, 99)));
    }
    // Blanks part dates from times and words from words: only when nothing else does as well.
    if (separator == ' ') score -= 0.2;
    if (score > best_score) {
      best_score = score;
      best = separator;
    }
  }
  return best;
}

/// The number as programs write it, in `out`; nothing where a group is not of three digits.
std::optional<std::string_view> in_plain_style(std::string_view text, NumberStyle style,
                                               std::array<char, 64>& out) {
  const char point = style.decimal_comma ? ',' : '.';
  std::size_t n = 0;
  std::size_t digits = 0;  // of the group under way
  bool grouped = false;
  bool whole = true;  // the part before the point
  while (!text.empty()) {
    std::size_t wide = text.front() == style.thousands ? 1 : 0;
    for (const std::string_view blank : {"\u00A0", "\u202F"})  // such as do not break a line
      if (style.thousands == ' ' && text.substr(0, blank.size()) == blank) wide = blank.size();
    if (whole && wide > 0) {
      if (grouped ? digits != 3 : digits < 1 || digits > 3) return {};
      grouped = true;
      digits = 0;
      text.remove_prefix(wide);
      continue;
    }
    const char c = text.front();
    const bool digit = c >= '0' && c <= '9';
    if (whole && !digit && n > 0 && grouped && digits != 3) return {};
    if (c == point) {
      out[n++] = '.';
    } else if (c == '.' || c == ',') {
      return {};
    } else {
      out[n++] = c;
    }
    whole = whole && (digit || n == 1);
    if (digit) ++digits;
    text.remove_prefix(1);
  }
  if (whole && grouped && digits != 3) return {};
  return std::string_view(out.data(), n);
}

Result<std::string> inflated(const std::filesystem::path& path) {
  const auto refuse = [&](std::string what, std::string hint) {
    return Error(std::vector<Diagnostic>{{path.string(), 0, 0, std::move(what), std::move(hint)}});
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    return refuse("no such file", "check the path; it is relative to the description's folder");
  if (std::filesystem::is_directory(status)) return refuse("is a folder, wanted a file", {});
  // zlib reads plain files as they are.
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return refuse("cannot be opened for reading", "check its permissions");
  (void)gzbuffer(file, 1U << 18U);
  std::string text;
  std::vector<char> chunk(1U << 20U);
  int got = 0;
  while ((got = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0) {
    if (text.size() + static_cast<std::size_t>(got) > text_max) {
      gzclose(file);
      return refuse("is larger than 4 GiB of text", "split it by machine or by time");
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  int code = Z_OK;
  const std::string why = gzerror(file, &code);
  const int closed = gzclose(file);
  if (got < 0 || (code != Z_OK && code != Z_STREAM_END) || closed != Z_OK)
    return refuse(fmt::format("is damaged after {} bytes: {}", text.size(),
                              why.empty() ? "the file ends early" : why),
                  "transfer it again");
  return text;
}

}  // namespace

std::optional<double> parse_number(std::string_view text, NumberStyle style) {
  text = trimmed(text);
  if (text.size() > 1 && text.front() == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 63) return {};
  std::array<char, 64> changed{};
  if (style.decimal_comma || style.thousands != 0) {
    const auto plain = in_plain_style(text, style, changed);
    if (!plain) return {};
    text = *plain;
  }
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

Result<Csv> Csv::read(const std::filesystem::path& path, const CsvRules& rules) {
  auto text = inflated(path);
  if (!text) return text.error();
  return parse(std::move(*text), path.string(), rules);
}

Result<Csv> Csv::parse(std::string text, std::string name, const CsvRules& rules) {
  Csv csv;
  Complaints complaints;
  if (text.rfind("\xEF\xBB\xBF", 0) == 0) text.replace(0, 3, "   ");
  // Lines may end as old Macs end them.
  if (text.find('\n') == std::string::npos) std::replace(text.begin(), text.end(), '\r', '\n');
  std::uint32_t line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80 && byte != 0) {
      if (text[i] == '\n') {
        ++line;
        line_start = i + 1;
      }
      ++i;
      continue;
    }
    const auto length = utf8_length(std::string_view(text).substr(i, 4));
    if (length == 0)
      complaints.add({name, static_cast<int>(line), static_cast<int>(i - line_start + 1),
                      fmt::format("the byte 0x{:02X} is no text", byte),
                      "save the file as UTF-8, or remove the byte"});
    i += std::max<std::size_t>(length, 1);
  }
  if (complaints.any()) return complaints.error(name);
  const char separator = rules.separator ? *rules.separator : separator_of(text);
  auto cells = cut(text, name, separator, static_cast<std::size_t>(-1), complaints);
  if (complaints.any()) return complaints.error(name);
  if (cells.rows.empty())
    return Error({{name, 0, 0, "holds no rows", "export it again, with data"}});

  const auto cell_of = [&](std::size_t i) {
    return trimmed(std::string_view(text).substr(cells.starts[i], cells.ends[i] - cells.starts[i]));
  };
  const auto& first = cells.rows.front();
  bool header = rules.columns.empty();
  if (rules.header) {
    header = *rules.header;
  } else if (header) {
    // A header has no numbers in it.
    for (std::size_t i = first.from; i < first.until; ++i)
      if (parse_number(cell_of(i), rules.numbers)) header = false;
  }
  const auto width = first.until - first.from;
  if (width > columns_max)
    return Error({{name, static_cast<int>(first.line), 0,
                   fmt::format("has {} columns, at most {} are read", width, columns_max),
                   "check the separator"}});
  for (std::size_t c = 0; c < width; ++c) {
    std::string title;
    if (!rules.columns.empty() && c < rules.columns.size())
      title = rules.columns[c];
    else if (header)
      title = std::string(cell_of(first.from + c));
    if (title.empty()) title = fmt::format("column{}", c + 1);
    if (std::find(csv.names_.begin(), csv.names_.end(), title) != csv.names_.end()) {
      if (header && rules.columns.empty())
        complaints.add({name, static_cast<int>(first.line),
                        static_cast<int>(cells.starts[first.from + c]) + 1,
                        fmt::format("there are two columns \"{}\"", title), "rename one"});
      title += fmt::format("_{}", c + 1);
    }
    csv.names_.push_back(std::move(title));
  }
  if (!rules.columns.empty() && rules.columns.size() != width)
    complaints.add(
        {name, static_cast<int>(first.line), 0,
         fmt::format("has {} columns, the description names {}", width, rules.columns.size()),
         "name every column in order"});
  std::size_t skip = header ? 1 : 0;
  if (rules.unit_row && skip < cells.rows.size()) {
    const auto& row = cells.rows[skip++];
    for (std::size_t i = row.from; i < row.until; ++i)
      csv.units_.emplace_back(unbracketed(cell_of(i)));
    csv.units_.resize(width);
  }
  csv.lines_.reserve(cells.rows.size());
  csv.starts_.reserve(cells.starts.size());
  csv.ends_.reserve(cells.ends.size());
  for (std::size_t r = skip; r < cells.rows.size(); ++r) {
    const auto& row = cells.rows[r];
    if (row.until - row.from != width) {
      complaints.add(
          {name, static_cast<int>(row.line), 0,
           fmt::format("this row has {} cells, the first has {}", row.until - row.from, width),
           separator == ',' ? "a comma in a text needs quotes" : "complete the row"});
      continue;
    }
    csv.lines_.push_back(row.line);
    csv.starts_.insert(csv.starts_.end(),
                       cells.starts.begin() + static_cast<std::ptrdiff_t>(row.from),
                       cells.starts.begin() + static_cast<std::ptrdiff_t>(row.until));
    csv.ends_.insert(csv.ends_.end(), cells.ends.begin() + static_cast<std::ptrdiff_t>(row.from),
                     cells.ends.begin() + static_cast<std::ptrdiff_t>(row.until));
  }
  if (complaints.any()) return complaints.error(name);
  if (csv.lines_.empty())
    return Error({{name, 0, 0, "holds a header and no rows", "export it again, with data"}});
  csv.text_ = std::make_shared<const std::string>(std::move(text));
  csv.name_ = std::move(name);
  csv.separator_ = separator;
  csv.header_ = header;
  csv.numbers_ = rules.numbers;
  return csv;
}

std::optional<std::size_t> Csv::column(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) return {};
  return static_cast<std::size_t>(found - names_.begin());
}

std::string_view Csv::cell(std::size_t row, std::size_t column) const {
  const auto i = row * names_.size() + column;
  return std::string_view(*text_).substr(starts_[i], ends_[i] - starts_[i]);
}

bool Csv::missing(std::size_t row, std::size_t column) const {
  const auto text = cell(row, column);
  if (text.empty()) return true;
  if (text.size() > 4) return false;
  for (const std::string_view word :
       {"NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "none", "?", "-", "--"})
    if (text == word) return true;
  return false;
}

std::optional<double> Csv::number(std::size_t row, std::size_t column) const {
  return parse_number(cell(row, column), numbers_);
}

Diagnostic Csv::complaint(std::size_t row, std::size_t column, std::string what,
                          std::string hint) const {
  int place = 0;
  if (column != whole_row) {
    const auto start = starts_[row * names_.size() + column];
    const auto before = text_->rfind('\n', start == 0 ? 0 : start - 1);
    place =
        static_cast<int>(before == std::string::npos || start == 0 ? start + 1 : start - before);
  }
  return {name_, static_cast<int>(lines_[row]), place, std::move(what), std::move(hint)};
}

}  // namespace foreline::plant
