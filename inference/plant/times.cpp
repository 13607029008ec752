// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/times.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <map>

#include "inference/plant/csv.hpp"

namespace foreline::plant {

namespace {

constexpr std::array<std::string_view, 12> months = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

/// What is left to read of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) { blanks(); }

  [[nodiscard]] bool done() {
    blanks();
    return text_.empty();
  }
  bool blanks() {
    const auto before = text_.size();
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
    return text_.size() < before;
  }
  /// How many digits come next.
  [[nodiscard]] std::size_t digits() const {
    const auto end =
        std::find_if(text_.begin(), text_.end(), [](char c) { return c < '0' || c > '9'; });
    return static_cast<std::size_t>(end - text_.begin());
  }
  /// A whole number of 1 to `most` digits.
  bool number(std::size_t most, int& value) {
    const auto n = std::min(digits(), most);
    value = 0;
    for (const char c : text_.substr(0, n)) value = 10 * value + (c - '0');
    text_.remove_prefix(n);
    return n > 0;
  }
  bool one_of(std::string_view characters) {
    if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view wanted) {
    if (text_.substr(0, wanted.size()) != wanted) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  /// The name of a month in English, of three letters at least, with or without a full stop.
  bool month(int& value) {
    const auto end = std::find_if(text_.begin(), text_.end(),
                                  [](unsigned char c) { return std::isalpha(c) == 0; });
    const auto n = static_cast<std::size_t>(end - text_.begin());
    for (std::size_t m = 0; m < months.size() && n >= 3; ++m) {
      if (n > months[m].size() ||
          !std::equal(text_.begin(), end, months[m].begin(),
                      [](unsigned char a, char b) { return std::tolower(a) == b; }))
        continue;
      value = static_cast<int>(m) + 1;
      text_.remove_prefix(n);
      (void)one_of(".");
      return true;
    }
    return false;
  }
  /// ".25" behind whole seconds.
  double fraction() {
    double part = 0;
    if (!one_of(".,")) return part;
    for (double scale = 0.1; digits() > 0; scale /= 10) {
      part += scale * (text_.front() - '0');
      text_.remove_prefix(1);
    }
    return part;
  }
  /// "am" or "pm" in small or large letters.
  bool half_of_day(char letter) {
    if (text_.size() < 2 || std::tolower(static_cast<unsigned char>(text_[0])) != letter ||
        std::tolower(static_cast<unsigned char>(text_[1])) != 'm')
      return false;
    text_.remove_prefix(2);
    return true;
  }

 private:
  std::string_view text_;
};

struct Day {
  int year = 0;
  int month = 0;
  int day = 0;
};

bool read_day(Reader& in, TimeFormat format, Day& day) {
  const std::string_view separators = "-/.";
  if (format != TimeFormat::iso) {
    auto& first = format == TimeFormat::day_month_year ? day.day : day.month;
    auto& second = format == TimeFormat::day_month_year ? day.month : day.day;
    return in.number(2, first) && in.one_of(separators) && in.number(2, second) &&
           in.one_of(separators) && in.number(4, day.year);
  }
  if (in.month(day.month))
    return in.blanks() && in.number(2, day.day) && (in.one_of(","), in.blanks()) &&
           in.number(4, day.year);
  if (in.digits() <= 2) {
    if (!in.number(2, day.day)) return false;
    (void)in.one_of(separators);
    in.blanks();
    if (!in.month(day.month)) return false;
    (void)in.one_of("-/");
    in.blanks();
    return in.number(4, day.year);
  }
  if (in.digits() == 8 || in.digits() == 14)
    return in.number(4, day.year) && in.number(2, day.month) && in.number(2, day.day);
  if (!in.number(4, day.year)) return false;
  if (in.word("年"))
    return (in.blanks(), in.number(2, day.month)) && in.word("月") &&
           (in.blanks(), in.number(2, day.day)) && in.word("日");
  return in.one_of(separators) && in.number(2, day.month) && in.one_of(separators) &&
         in.number(2, day.day);
}

/// Seconds since midnight, the zone's distance from UTC taken off.
bool read_time_of_day(Reader& in, double& seconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  double part = 0;
  bool morning = in.word("上午");
  bool afternoon = !morning && in.word("下午");
  in.blanks();
  if (in.digits() == 4 || in.digits() == 6) {
    (void)in.number(2, hour);
    (void)in.number(2, minute);
    if (in.number(2, second)) part = in.fraction();
  } else {
    if (!in.number(2, hour)) return false;
    if (in.word("时") || in.word("時") || in.word("点")) {
      if (!in.number(2, minute) || !in.word("分")) return false;
      if (in.number(2, second) && !in.word("秒")) return false;
    } else {
      if (!in.one_of(":") || !in.number(2, minute)) return false;
      if (in.one_of(":")) {
        if (!in.number(2, second)) return false;
        part = in.fraction();
      }
    }
  }
  in.blanks();
  morning = morning || in.half_of_day('a');
  afternoon = afternoon || (!morning && in.half_of_day('p'));
  if (hour > 24 || minute > 59 || second > 60) return false;
  if (afternoon && hour < 12) hour += 12;
  if (morning && hour == 12) hour = 0;
  seconds = hour * 3600.0 + minute * 60.0 + second + part;
  in.blanks();
  if (in.one_of("Z")) return true;
  const bool east = in.one_of("+");
  if (!east && !in.one_of("-")) return true;
  int off_hour = 0;
  int off_minute = 0;
  if (!in.number(2, off_hour)) return false;
  (void)in.one_of(":");
  (void)in.number(2, off_minute);
  seconds -= (east ? 1 : -1) * (off_hour * 3600.0 + off_minute * 60.0);
  return true;
}

}  // namespace

double seconds_of(const std::string& unit) {
  static const std::map<std::string, double> known = {
      {"ms", 1e-3}, {"s", 1},       {"min", 60},     {"h", 3600},
      {"d", 86400}, {"day", 86400}, {"days", 86400}, {"w", 7 * 86400.0}};
  const auto found = known.find(unit);
  return found == known.end() ? 0 : found->second;
}

std::optional<double> parse_time(std::string_view text, TimeFormat format,
                                 const std::string& unit) {
  if (format == TimeFormat::number) return parse_number(text);
  Reader in(text);
  Day day;
  if (!read_day(in, format, day)) return {};
  if (day.year < 100) day.year += 2000;
  const std::chrono::year_month_day date{std::chrono::year(day.year),
                                         std::chrono::month(static_cast<unsigned>(day.month)),
                                         std::chrono::day(static_cast<unsigned>(day.day))};
  if (!date.ok() || day.year < 1900 || day.year > 2200) return {};
  double seconds =
      86400.0 * static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  if (!in.done()) {
    (void)(in.one_of("T,") && in.blanks());
    double of_day = 0;
    if (!read_time_of_day(in, of_day) || !in.done()) return {};
    seconds += of_day;
  }
  const double scale = seconds_of(unit);
  return seconds / (scale > 0 ? scale : 1);
}

}  // namespace foreline::plant
