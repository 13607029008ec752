// SPDX-License-Identifier: Apache-2.0
#include "sim/search/instance_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace foreline::search {

using line::Diagnostic;

namespace {

constexpr std::array<std::string_view, 5> kind_names = {"flowshop", "blocking", "hybrid", "jobshop",
                                                        "flexible"};
constexpr std::size_t most_diagnostics = 20;
constexpr std::int64_t largest_time = 1'000'000'000;
constexpr std::int64_t largest_weight = 1'000'000;
constexpr std::int64_t largest_weights = 4'000'000'000;

struct Token {
  std::string_view text;
  int column = 0;
};

/// A line that has something on it.
struct Row {
  int number = 0;
  int end_column = 0;
  std::vector<Token> tokens;
  std::string_view text;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r' || c == '\v' || c == '\f';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool looks_numeric(std::string_view token) {
  if (!token.empty() && (token.front() == '-' || token.front() == '+')) token.remove_prefix(1);
  if (token.empty() || !is_digit(token.front())) return false;
  // "20x15" is a word about the size.
  const auto behind = std::find_if_not(token.begin(), token.end(), is_digit);
  return behind == token.end() || (*behind != 'x' && *behind != 'X') || behind + 1 == token.end() ||
         !is_digit(behind[1]);
}

std::string in_small_letters(std::string_view word) {
  std::string small(word);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return small;
}

std::vector<Row> rows_of(std::string_view text) {
  std::vector<Row> rows;
  int number = 0;
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark)
    text.remove_prefix(byte_order_mark.size());
  // Files of old machines end their lines with a carriage return alone.
  const char ending = text.find('\n') == std::string_view::npos ? '\r' : '\n';
  while (!text.empty()) {
    const auto newline = text.find(ending);
    const auto whole = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    ++number;
    auto content = whole.substr(0, whole.find('#'));
    Row row;
    row.number = number;
    row.text = content;
    for (std::size_t i = 0; i < content.size();) {
      if (is_blank(content[i])) {
        ++i;
        continue;
      }
      const auto from = i;
      while (i < content.size() && !is_blank(content[i])) ++i;
      row.tokens.push_back({content.substr(from, i - from), static_cast<int>(from) + 1});
      row.end_column = static_cast<int>(i) + 1;
    }
    if (!row.tokens.empty()) rows.push_back(std::move(row));
  }
  return rows;
}

std::string shown(std::string_view token) {
  std::string result;
  for (const char c : token.substr(0, 40))
    result += c >= ' ' && c != '\x7f' ? std::string(1, c)
                                      : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  if (token.size() > 40) result += "...";
  return result;
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, Kind kind, Rows orientation)
      : file_(file), kind_(kind), orientation_(orientation), rows_(rows_of(text)) {
    for (const auto& row : rows_) numbers_left_ += row.tokens.size();
    auto stem =
        file.substr(file.find_last_of('/') == std::string::npos ? 0 : file.find_last_of('/') + 1);
    stem_ = stem.substr(0, stem.find_last_of('.'));
  }

  line::Result<std::vector<Instance>> read() {
    std::vector<Instance> instances;
    while (good()) {
      skip_text();
      if (at_ >= rows_.size()) break;
      const auto before = at_;
      auto name = !name_.empty()      ? name_
                  : instances.empty() ? stem_
                                      : fmt::format("{}-{}", stem_, instances.size() + 1);
      name_.clear();
      auto instance = read_one(std::move(name));
      if (instance) instances.push_back(std::move(*instance));
      // After a mistake the rest of the numbers cannot be told apart; text begins the next one.
      if (!instance) skip_rest();
      if (at_ == before) ++at_;
    }
    if (diagnostics_.empty() && instances.empty())
      complain(0, 0, "there is no instance in this file",
               kind_ == Kind::hybrid ? "it begins with the number of jobs and of stages"
                                     : "it begins with the number of jobs and of machines");
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                     [](const Diagnostic& a, const Diagnostic& b) {
                       return a.line != b.line ? a.line < b.line : a.column < b.column;
                     });
    if (!good())
      diagnostics_.push_back({file_, 0, 0, "more than 20 mistakes, the rest is not listed",
                              "is --problem " + std::string(name_of(kind_)) + " the right kind?"});
    if (!diagnostics_.empty()) return line::Error(std::move(diagnostics_));
    return instances;
  }

 private:
  [[nodiscard]] bool good() const { return diagnostics_.size() < most_diagnostics; }

  void complain(int row, int column, std::string what, std::string hint = {}) {
    if (!good()) return;
    diagnostics_.push_back({file_, row, column, std::move(what), std::move(hint)});
  }

  [[nodiscard]] bool is_text(const Row& row) const {
    return !looks_numeric(row.tokens.front().text);
  }

  /// Words between instances; "instance NAME" gives the next one its name. A row that begins with
  /// it says so, in others, such as "10x10 instance (Table 1, instance 5)", it is only a word.
  void skip_text() {
    bool named = false;
    for (; at_ < rows_.size() && is_text(rows_[at_]); ++at_) {
      const auto& tokens = rows_[at_].tokens;
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (in_small_letters(tokens[i].text) != "instance" || (named && i > 0)) continue;
        named = named || i == 0;
        name_ = std::string(tokens[i + 1].text);
      }
    }
  }
  /// The numbers of an instance, and the sections that may follow them.
  void skip_rest() {
    while (at_ < rows_.size() && (!is_text(rows_[at_]) || is_section(rows_[at_]))) ++at_;
  }
  [[nodiscard]] static bool is_section(const Row& row) {
    const auto word = in_small_letters(row.tokens.front().text);
    return word.substr(0, 3) == "ssd" || word.substr(0, 5) == "setup" ||
           word.substr(0, 6) == "reldue" || word.substr(0, 7) == "machine" ||
           (word.size() > 1 && word[0] == 'm' && is_digit(word[1]));
  }

  /// A whole number low .. high at a token; complains otherwise.
  std::optional<std::int64_t> number(const Row& row, const Token& token, std::string_view meaning,
                                     std::int64_t low, std::int64_t high) {
    std::int64_t value = 0;
    auto text = token.text;
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) {
      if (value >= low && value <= high) return value;
      complain(row.number, token.column,
               fmt::format("{} is {}, wanted {} to {}", meaning, value, low, high));
      return {};
    }
    if (error == std::errc::result_out_of_range)
      complain(row.number, token.column,
               fmt::format("{} is too large: {}", meaning, shown(token.text)));
    else
      complain(row.number, token.column,
               fmt::format("{} is \"{}\", wanted a whole number", meaning, shown(token.text)),
               text.find('.') != std::string_view::npos
                   ? "choose a finer unit, so that times are whole"
                   : "");
    return {};
  }

  /// The next row of numbers; complains and gives none at the end of the file or at text.
  const Row* next_row(std::string_view what) {
    if (at_ >= rows_.size()) {
      const int last = rows_.empty() ? 1 : rows_.back().number;
      complain(last, rows_.empty() ? 1 : rows_.back().end_column,
               fmt::format("the file ends, wanted {}", what));
      return nullptr;
    }
    if (is_text(rows_[at_])) {
      complain(rows_[at_].number, rows_[at_].tokens.front().column,
               fmt::format("\"{}\" here, wanted {}", shown(rows_[at_].tokens.front().text), what));
      return nullptr;
    }
    return &rows_[at_++];
  }

  std::optional<Instance> read_one(std::string name) {
    const auto& header = rows_[at_++];
    const char* const second =
        kind_ == Kind::hybrid ? "the number of stages" : "the number of machines";
    // Naderi, Ruiz, Roshanaei (2023) give each size a line of its own; a row is then a job.
    const bool apart = header.tokens.size() == 1 && at_ < rows_.size() && !is_text(rows_[at_]) &&
                       rows_[at_].tokens.size() == 1;
    if (header.tokens.size() < 2 && !apart) {
      complain(header.number, header.end_column,
               fmt::format("one number only, wanted the number of jobs and {}", second));
      return {};
    }
    const auto& other = apart ? rows_[at_++] : header;
    const auto jobs = number(header, header.tokens[0], "the number of jobs", 1, 1'000'000);
    const auto machines = number(other, other.tokens[apart ? 0 : 1], second, 1, 1'000'000);
    if (!jobs || !machines) return {};
    const auto n = static_cast<std::size_t>(*jobs);
    const auto m = static_cast<std::size_t>(*machines);
    // A file can lie about its sizes: nothing is allocated for numbers that are not there.
    const std::size_t least = kind_ == Kind::jobshop || kind_ == Kind::flexible ? n : n * m;
    if (least > numbers_left_) {
      complain(header.number, header.tokens[0].column,
               fmt::format("{} jobs and {} {} need more numbers than the file has", n, m,
                           kind_ == Kind::hybrid ? "stages" : "machines"));
      return {};
    }
    if (apart) return read_apart(std::move(name), n, m);
    switch (kind_) {
      case Kind::flowshop:
      case Kind::blocking:
        return with_extras(read_flow_shop(std::move(name), n, m), n, m, header.number);
      case Kind::hybrid:
        return with_extras(read_hybrid(std::move(name), n, m), n, m, header.number);
      case Kind::jobshop:
        return with_extras(read_job_shop(std::move(name), n, m), n, m, header.number);
      case Kind::flexible:
        return with_extras(read_flexible(std::move(name), n, m), n, m, header.number);
    }
    return {};
  }

  /// Rows of numbers from here to the next text.
  [[nodiscard]] std::size_t rows_of_numbers() const {
    auto end = at_;
    while (end < rows_.size() && !is_text(rows_[end])) ++end;
    return end - at_;
  }

  /// After sizes in lines of their own: times, a row a job, with due dates before or set-ups behind
  /// for flow shops; times and machines for job shops; for flexible ones the operations of each
  /// job, then a row an operation with its time on every machine, 0 where it cannot run.
  std::optional<Instance> read_apart(std::string name, std::size_t n, std::size_t m) {
    const int header = rows_[at_ - 1].number;
    const auto rows = orientation_;
    orientation_ = Rows::jobs;
    std::optional<Instance> instance;
    std::vector<Time> due;
    switch (kind_) {
      case Kind::flowshop:
      case Kind::blocking:
        if (rows_of_numbers() == n + 1) {
          const Row* row = next_row("due dates");
          for (const auto& token : row->tokens)
            due.push_back(number(*row, token, "the due date", 0, largest_time).value_or(0));
          if (due.size() != n)
            complain(row->number, row->end_column,
                     fmt::format("{} due dates for {} jobs", due.size(), n));
        }
        instance = read_flow_shop(std::move(name), n, m);
        break;
      case Kind::hybrid:
        instance = read_hybrid(std::move(name), n, m);
        break;
      case Kind::jobshop:
        instance = read_job_shop(std::move(name), n, m);
        break;
      case Kind::flexible:
        instance = read_flexible_matrix(std::move(name), n, m);
        break;
    }
    orientation_ = rows;
    if (instance && due.size() == n) {
      auto& shop = std::get<FlowShop>(*instance);
      shop.dates.due = std::move(due);
    }
    return with_extras(std::move(instance), n, m, header);
  }

  std::optional<Instance> read_flexible_matrix(std::string name, std::size_t n, std::size_t m) {
    const int header = rows_[at_ - 1].number;
    JobShop shop;
    shop.name = std::move(name);
    const Row* counts = next_row(fmt::format("the number of operations of each of the {} jobs", n));
    if (counts == nullptr) return {};
    bool right = true;
    if (counts->tokens.size() != n) {
      complain(counts->number, counts->end_column,
               fmt::format("{} numbers of operations for {} jobs", counts->tokens.size(), n));
      return {};
    }
    std::vector<std::vector<std::vector<Written>>> jobs;
    for (std::size_t j = 0; j < n && good(); ++j) {
      const auto count = number(*counts, counts->tokens[j], "the number of operations", 0,
                                static_cast<std::int64_t>(rows_.size()));
      right = right && count.has_value();
      auto& job = jobs.emplace_back();
      for (std::int64_t o = 0; o < count.value_or(0) && good(); ++o) {
        const Row* row = next_row(fmt::format("the {} times of operation {} of job {}", m, o, j));
        if (row == nullptr) return {};
        if (row->tokens.size() != m) {
          complain(row->number, row->end_column,
                   fmt::format("operation {} of job {} has {} times, wanted {} (one a machine, 0 "
                               "where it cannot run)",
                               o, j, row->tokens.size(), m));
          right = false;
          continue;
        }
        auto& operation = job.emplace_back();
        for (std::size_t k = 0; k < m; ++k) {
          const auto time = number(*row, row->tokens[k], "the time", 0, largest_time);
          right = right && time.has_value();
          if (time.value_or(0) > 0)
            operation.push_back({static_cast<std::int64_t>(k), static_cast<std::int32_t>(*time),
                                 row->number, row->tokens[k].column});
        }
        if (operation.empty() && right) {
          complain(row->number, 1, fmt::format("no machine can do operation {} of job {}", o, j),
                   "a time above 0 names a machine");
          right = false;
        }
      }
    }
    const bool settled = right && settle(m, false, jobs, shop, header);
    if (!settled) return {};
    return shop;
  }

  // --- What may follow the times --------------------------------------------------------------

  /// Whether every time of a schedule, and every sum over the jobs, can be held.
  template <class Shop>
  bool fits_with_extras(const Shop& shop, std::size_t n, std::size_t groups, int header) {
    if (shop.setups.empty() && shop.dates.release.empty() && shop.dates.weight.empty()) return true;
    Time sum = 0;
    if constexpr (std::is_same_v<Shop, JobShop>) {
      for (const auto& job : shop.jobs)
        for (const auto& operation : job) {
          Time longest = 0;
          for (const auto& choice : operation) longest = std::max<Time>(longest, choice.time);
          sum += longest;
        }
    } else {
      for (const auto time : shop.time) sum += time;
    }
    if (!shop.setups.empty()) {
      const Time longest = *std::max_element(shop.setups.time.begin(), shop.setups.time.end());
      sum += longest * static_cast<Time>(shop.setups.size) * static_cast<Time>(groups);
    }
    if (!shop.dates.release.empty())
      sum += *std::max_element(shop.dates.release.begin(), shop.dates.release.end());
    if (!fits(sum, header)) return false;
    Time weights = static_cast<Time>(n);
    for (const auto weight : shop.dates.weight) weights += weight;
    if (weights <= largest_weights) return true;
    complain(header, 1,
             fmt::format("all weights together are {}, {} at most", weights, largest_weights),
             "choose smaller weights in the same proportions");
    return false;
  }

  /// Set-ups ("SSD", then for each machine "M0" and a matrix) and dates ("Reldue", then for each
  /// job release, due date, and weight last), in either order; -1 says that there is none.
  std::optional<Instance> with_extras(std::optional<Instance> instance, std::size_t n,
                                      std::size_t m, int header) {
    if (!instance) return {};
    Setups setups;
    Dates dates;
    bool right = true;
    if (auto* shop = std::get_if<FlowShop>(&*instance)) dates.due = shop->dates.due;
    std::size_t operations = 0;
    if (const auto* shop = std::get_if<JobShop>(&*instance)) operations = shop->operations();
    // Without a caption: matrices of jobs behind a flow shop, of operations behind a job shop.
    for (const std::size_t size : {kind_ == Kind::hybrid ? std::size_t{0} : n, operations}) {
      const bool theirs = size == operations ? kind_ == Kind::jobshop || kind_ == Kind::flexible
                                             : kind_ == Kind::flowshop || kind_ == Kind::blocking;
      if (!theirs || size < 3 || !setups.empty() || rows_of_numbers() < m * size) continue;
      const auto from = rows_.begin() + static_cast<std::ptrdiff_t>(at_);
      if (!std::all_of(from, from + static_cast<std::ptrdiff_t>(m * size),
                       [&](const Row& row) { return row.tokens.size() == size; }))
        continue;
      right = read_setups(m, size, false, setups) && right;
      setups.of_operations = size == operations;
    }
    while (at_ < rows_.size() && is_text(rows_[at_]) && right && good()) {
      const auto word = in_small_letters(rows_[at_].tokens.front().text);
      if (word.substr(0, 3) == "ssd" || word.substr(0, 5) == "setup") {
        ++at_;
        std::size_t size = n;
        for (auto row = at_; row < rows_.size() && row < at_ + 2; ++row)
          if (!is_text(rows_[row])) {
            if (operations > 0 && rows_[row].tokens.size() == operations) size = operations;
            break;
          }
        right = read_setups(m, size, true, setups);
        setups.of_operations = size == operations && size != n;
      } else if (word.substr(0, 6) == "reldue") {
        ++at_;
        right = read_dates(n, dates);
      } else {
        break;
      }
    }
    if (!right || !good()) return {};
    return std::visit(
        [&](auto& shop) -> std::optional<Instance> {
          shop.setups = std::move(setups);
          shop.dates = std::move(dates);
          if (!fits_with_extras(shop, n, m, header)) return {};
          return std::move(shop);
        },
        *instance);
  }

  bool read_setups(std::size_t groups, std::size_t size, bool captions, Setups& setups) {
    bool right = true;
    const char* const group = kind_ == Kind::hybrid ? "stage" : "machine";
    setups.size = size;
    setups.time.clear();
    for (std::size_t k = 0; k < groups && good(); ++k) {
      if (captions && at_ < rows_.size() && is_text(rows_[at_])) ++at_;
      for (std::size_t i = 0; i < size && good(); ++i) {
        const Row* row =
            next_row(fmt::format("the {} set-up times of {} {} behind {}", size, group, k, i));
        if (row == nullptr) return false;
        if (row->tokens.size() != size) {
          complain(row->number,
                   row->tokens.size() < size ? row->end_column : row->tokens[size].column,
                   fmt::format("set-ups of {} {} behind {}: {} numbers, wanted {}", group, k, i,
                               row->tokens.size(), size));
          right = false;
        }
        for (std::size_t j = 0; j < std::min(size, row->tokens.size()); ++j) {
          // Files write what they like where a job would follow itself.
          const auto time = number(*row, row->tokens[j], "the set-up time",
                                   i == j ? -largest_time : 0, largest_time);
          right = right && time.has_value();
          setups.time.push_back(
              i == j ? 0 : static_cast<std::int32_t>(std::max<std::int64_t>(0, time.value_or(0))));
        }
      }
    }
    return right && good();
  }

  bool read_dates(std::size_t n, Dates& dates) {
    bool right = true;
    dates = {std::vector<Time>(n, 0), std::vector<Time>(n, no_due), std::vector<Time>(n, 1)};
    for (std::size_t j = 0; j < n && good(); ++j) {
      const Row* row = next_row(fmt::format("release, due date and weight of job {}", j));
      if (row == nullptr) return false;
      const auto count = row->tokens.size();
      if (count < 2 || count > 4) {
        complain(row->number, row->end_column,
                 fmt::format("job {} has {} dates, wanted release, due date and weight", j, count),
                 "two numbers: release and due date; three: and a weight; four: the third is not "
                 "used; -1: none");
        right = false;
        continue;
      }
      const auto read = [&](std::size_t i, const char* meaning, std::int64_t high, Time none,
                            Time& to) {
        const auto value = number(*row, row->tokens[i], meaning, -1, high);
        right = right && value.has_value();
        to = value.value_or(-1) < 0 ? none : *value;
      };
      read(0, "the release", largest_time, 0, dates.release[j]);
      read(1, "the due date", largest_time, no_due, dates.due[j]);
      if (count > 2) read(count - 1, "the weight", largest_weight, 1, dates.weight[j]);
      if (right && dates.due[j] < dates.release[j]) {
        complain(row->number, row->tokens[1].column,
                 fmt::format("job {} is due at {}, before its release at {}", j, dates.due[j],
                             dates.release[j]));
        right = false;
      }
    }
    const auto all = [](const std::vector<Time>& values, Time value) {
      return std::all_of(values.begin(), values.end(), [&](Time one) { return one == value; });
    };
    if (all(dates.release, 0)) dates.release.clear();
    if (all(dates.due, no_due)) dates.due.clear();
    if (all(dates.weight, 1)) dates.weight.clear();
    return right && good();
  }

  /// Text rows that may stand between a header and its numbers, as in Taillard's files.
  bool skip_caption(std::string_view first_word) {
    bool found = false;
    while (at_ < rows_.size() && is_text(rows_[at_])) {
      const auto word = in_small_letters(rows_[at_].tokens.front().text);
      if (word.substr(0, first_word.size()) != first_word) return found;
      found = true;
      ++at_;
    }
    return found;
  }

  /// `count` rows of `width` times each. False after complaints; goes on to find more of them.
  bool read_times(std::size_t count, std::size_t width, const char* row_name, const char* cell_name,
                  std::vector<std::int32_t>& times) {
    bool right = true;
    times.reserve(count * width);
    for (std::size_t r = 0; r < count && good(); ++r) {
      const Row* row = next_row(fmt::format("the {} times of {} {}", width, row_name, r));
      if (row == nullptr) return false;
      if (row->tokens.size() != width) {
        complain(row->number,
                 row->tokens.size() < width ? row->end_column : row->tokens[width].column,
                 fmt::format("{} {} has {} numbers, wanted {} (one a {})", row_name, r,
                             row->tokens.size(), width, cell_name));
        right = false;
      }
      for (std::size_t i = 0; i < std::min(width, row->tokens.size()); ++i) {
        const auto time = number(*row, row->tokens[i], "the time", 0, largest_time);
        right = right && time.has_value();
        times.push_back(static_cast<std::int32_t>(time.value_or(0)));
      }
    }
    return right;
  }

  bool fits(const std::vector<std::int32_t>& times, int row) {
    Time sum = 0;
    for (const auto time : times) sum += time;
    return fits(sum, row);
  }
  bool fits(Time sum, int row) {
    if (sum <= largest_makespan) return true;
    complain(row, 1, fmt::format("all times together are {}, {} at most", sum, largest_makespan),
             "choose a coarser unit of time");
    return false;
  }

  std::optional<Instance> read_flow_shop(std::string name, std::size_t n, std::size_t m) {
    const int header = rows_[at_ - 1].number;
    skip_caption("processing");
    FlowShop shop;
    shop.name = std::move(name);
    shop.jobs = n;
    shop.machines = m;
    shop.blocking = kind_ == Kind::blocking;
    if (at_ >= rows_.size() || is_text(rows_[at_])) {
      (void)next_row("processing times");
      return {};
    }
    const auto& first = rows_[at_];
    const auto width = first.tokens.size();
    // OR-Library and Vallada, Ruiz, Framinan: a row a job, "machine time" pairs in order.
    bool pairs = width == 2 * m && (m > 1 || n != 2 || rows_of_numbers() == n);
    for (std::size_t k = 0; pairs && k < m; ++k)
      pairs = first.tokens[2 * k].text == std::to_string(k);
    if (width == n && orientation_ != Rows::automatic && n == 2 * m) pairs = false;
    std::vector<std::int32_t> times;
    if (pairs) {
      shop.time.assign(n * m, 0);
      bool right = true;
      for (std::size_t j = 0; j < n && good(); ++j) {
        const Row* row = next_row(fmt::format("the machines and times of job {}", j));
        if (row == nullptr) return {};
        if (row->tokens.size() != 2 * m) {
          complain(row->number, row->end_column,
                   fmt::format("job {} has {} numbers, wanted {} (machine and time, {} times)", j,
                               row->tokens.size(), 2 * m, m));
          right = false;
          continue;
        }
        for (std::size_t k = 0; k < m; ++k) {
          const auto at = static_cast<std::int64_t>(k);
          right = number(*row, row->tokens[2 * k], "the machine", at, at).has_value() && right;
          const auto time = number(*row, row->tokens[2 * k + 1], "the time", 0, largest_time);
          right = right && time.has_value();
          shop.time[j * m + k] = static_cast<std::int32_t>(time.value_or(0));
        }
      }
      if (!right || !fits(shop.time, header)) return {};
      return shop;
    }
    bool machine_rows = orientation_ == Rows::machines;
    if (orientation_ == Rows::automatic) {
      // Rows that are broken at will may begin with one that is as long as a whole one.
      if (auto wrapped = read_wrapped(n, m, times)) {
        if (!*wrapped || !fits(times, header)) return {};
        store(times, true, shop);
        return shop;
      }
      if (width != n && width != m) {
        // Nearer guess, for a complaint that helps.
        const auto off = [&](std::size_t wanted) {
          return wanted > width ? wanted - width : width - wanted;
        };
        machine_rows = off(n) <= off(m);
      } else {
        machine_rows = width == n;  // also when square, as in Taillard's files
      }
    }
    const bool right = machine_rows ? read_times(m, n, "machine", "job", times)
                                    : read_times(n, m, "job", "machine", times);
    if (!right || !fits(times, header)) return {};
    store(times, machine_rows, shop);
    return shop;
  }

  static void store(const std::vector<std::int32_t>& times, bool machine_rows, FlowShop& shop) {
    shop.time.resize(shop.jobs * shop.machines);
    for (std::size_t j = 0; j < shop.jobs; ++j)
      for (std::size_t k = 0; k < shop.machines; ++k)
        shop.time[j * shop.machines + k] =
            machine_rows ? times[k * shop.jobs + j] : times[j * shop.machines + k];
  }

  /// Numbers broken over lines at will, machine after machine: only when their count is right and
  /// the lines are not whole rows. None: it is not so.
  std::optional<bool> read_wrapped(std::size_t n, std::size_t m, std::vector<std::int32_t>& times) {
    std::size_t count = 0;
    auto end = at_;
    while (end < rows_.size() && !is_text(rows_[end]) && count < n * m)
      count += rows_[end++].tokens.size();
    const auto width = rows_[at_].tokens.size();
    const auto lines = end - at_;
    // A first row as long as one of a job: the numbers may as well be job after job.
    if (count != n * m || (width == n && lines == m) || (width == m && m != n)) return {};
    bool right = true;
    for (; at_ < end; ++at_)
      for (const auto& token : rows_[at_].tokens) {
        const auto time = number(rows_[at_], token, "the time", 0, largest_time);
        right = right && time.has_value();
        times.push_back(static_cast<std::int32_t>(time.value_or(0)));
      }
    return right;
  }

  std::optional<Instance> read_hybrid(std::string name, std::size_t n, std::size_t m) {
    HybridFlowShop shop;
    shop.name = std::move(name);
    shop.jobs = n;
    const int header = rows_[at_ - 1].number;
    // The numbers of machines stand behind the sizes or in a row of their own.
    Row behind;
    const Row* counts = nullptr;
    if (rows_[at_ - 1].tokens.size() == m + 2 &&
        (rows_of_numbers() == n || rows_of_numbers() == m)) {
      behind = rows_[at_ - 1];
      behind.tokens.erase(behind.tokens.begin(), behind.tokens.begin() + 2);
      counts = &behind;
    } else {
      counts = next_row(fmt::format("the number of machines of each of the {} stages", m));
    }
    if (counts == nullptr) return {};
    bool right = true;
    if (counts->tokens.size() != m) {
      complain(counts->number, counts->end_column,
               fmt::format("{} stages need {} numbers of machines, here are {}", m, m,
                           counts->tokens.size()));
      right = false;
    }
    std::int64_t all = 0;
    for (const auto& token : counts->tokens) {
      const auto count = number(*counts, token, "the number of machines of the stage", 1, 10'000);
      right = right && count.has_value();
      shop.machines_a_stage.push_back(static_cast<std::int32_t>(count.value_or(1)));
      all += shop.machines_a_stage.back();
    }
    // Every job may run on every machine of a stage, and the search keeps a table of that.
    if (static_cast<std::int64_t>(n) * all > 50'000'000) {
      complain(counts->number, 1, fmt::format("{} jobs on {} machines are too many", n, all));
      return {};
    }
    if (at_ >= rows_.size() || is_text(rows_[at_])) {
      (void)next_row("processing times");
      return {};
    }
    const auto width = rows_[at_].tokens.size();
    bool stage_rows = orientation_ == Rows::machines;
    if (orientation_ == Rows::automatic) stage_rows = width == n && n != m;
    std::vector<std::int32_t> times;
    right = (stage_rows ? read_times(m, n, "stage", "job", times)
                        : read_times(n, m, "job", "stage", times)) &&
            right;
    if (!right || !fits(times, header)) return {};
    shop.time.resize(n * m);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t s = 0; s < m; ++s)
        shop.time[j * m + s] = stage_rows ? times[s * n + j] : times[j * m + s];
    return shop;
  }

  struct Written {
    std::int64_t machine = 0;
    std::int32_t time = 0;
    int row = 0;
    int column = 0;
  };

  /// Machines count from 0 or from 1: from 1 when that fits and 0 does not.
  bool settle(std::size_t m, bool from_one_first,
              std::vector<std::vector<std::vector<Written>>>& jobs, JobShop& shop, int header) {
    std::int64_t least = largest_time;
    std::int64_t most = 0;
    for (const auto& job : jobs)
      for (const auto& operation : job)
        for (const auto& choice : operation) {
          if (choice.machine < 0) continue;
          least = std::min(least, choice.machine);
          most = std::max(most, choice.machine);
        }
    const auto machines = static_cast<std::int64_t>(m);
    const std::int64_t from =
        from_one_first ? (least == 0 ? 0 : 1) : (most >= machines && least >= 1 ? 1 : 0);
    bool right = true;
    Time sum = 0;
    shop.machines = m;
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      std::vector<Operation> operations;
      for (const auto& written : jobs[j]) {
        Operation operation;
        std::int32_t longest = 0;
        for (const auto& choice : written) {
          if (choice.machine < 0) continue;  // complained about already
          if (choice.machine < from || choice.machine >= from + machines) {
            complain(choice.row, choice.column,
                     fmt::format("machine {} is unknown, there are {} to {}", choice.machine, from,
                                 from + machines - 1));
            right = false;
            continue;
          }
          const auto machine = static_cast<std::int32_t>(choice.machine - from);
          if (std::any_of(operation.begin(), operation.end(),
                          [&](const Choice& known) { return known.machine == machine; })) {
            complain(choice.row, choice.column,
                     fmt::format("machine {} is listed twice for one operation", choice.machine));
            right = false;
            continue;
          }
          operation.push_back({machine, choice.time});
          longest = std::max(longest, choice.time);
        }
        sum += longest;
        operations.push_back(std::move(operation));
      }
      shop.jobs.push_back(std::move(operations));
    }
    return right && fits(sum, header);
  }

  std::optional<Instance> read_job_shop(std::string name, std::size_t n, std::size_t m) {
    const int header = rows_[at_ - 1].number;
    JobShop shop;
    shop.name = std::move(name);
    std::vector<std::vector<std::vector<Written>>> jobs;
    bool right = true;
    const bool captions = skip_caption("times");
    // Taillard: a matrix of times, then one of machines.
    if (captions || two_matrices(n, m)) {
      std::vector<std::int32_t> times;
      right = read_times(n, m, "job", "operation", times);
      if (!right) return {};
      if (!skip_caption("machines") && captions) {
        (void)next_row("\"Machines\" and the machines of job 0");
        return {};
      }
      for (std::size_t j = 0; j < n && good(); ++j) {
        const Row* row = next_row(fmt::format("the {} machines of job {}", m, j));
        if (row == nullptr) return {};
        if (row->tokens.size() != m) {
          complain(row->number, row->end_column,
                   fmt::format("job {} has {} machines, wanted {}", j, row->tokens.size(), m));
          right = false;
        }
        auto& job = jobs.emplace_back();
        for (std::size_t o = 0; o < std::min(m, row->tokens.size()); ++o) {
          const auto machine = number(*row, row->tokens[o], "the machine", 0, 1'000'000);
          right = right && machine.has_value();
          job.push_back(
              {{machine.value_or(-1), times[j * m + o], row->number, row->tokens[o].column}});
        }
      }
    } else {
      join_rows(n, 2 * m);
      // Some files begin a row with the number of its operations.
      bool counted = rows_of_numbers() >= n;
      for (std::size_t i = at_; counted && i < at_ + n; ++i) {
        const auto& tokens = rows_[i].tokens;
        counted =
            tokens.size() % 2 == 1 && tokens.front().text == std::to_string(tokens.size() / 2);
      }
      for (std::size_t j = 0; j < n && good(); ++j) {
        const Row* row =
            next_row(fmt::format("the operations of job {} (machine and time, in turn)", j));
        if (row == nullptr) return {};
        if (row->tokens.size() % 2 != (counted ? 1 : 0)) {
          complain(row->number, row->end_column,
                   fmt::format("job {} has {} numbers, wanted pairs of machine and time", j,
                               row->tokens.size()));
          right = false;
        }
        auto& job = jobs.emplace_back();
        for (std::size_t i = counted ? 1 : 0; i + 1 < row->tokens.size(); i += 2) {
          const auto machine = number(*row, row->tokens[i], "the machine", 0, 1'000'000);
          const auto time = number(*row, row->tokens[i + 1], "the time", 0, largest_time);
          right = right && machine && time;
          job.push_back({{machine.value_or(-1), static_cast<std::int32_t>(time.value_or(0)),
                          row->number, row->tokens[i].column}});
        }
      }
    }
    // Both, so that all mistakes are told at once.
    const bool settled = settle(m, false, jobs, shop, header);
    if (!right || !settled) return {};
    return shop;
  }

  /// Whether 2n rows of m numbers follow, of which the latter n hold each machine once.
  [[nodiscard]] bool two_matrices(std::size_t n, std::size_t m) const {
    if (rows_of_numbers() < 2 * n) {
      // Between them there may be a caption.
      if (rows_of_numbers() != n || at_ + n >= rows_.size() ||
          in_small_letters(rows_[at_ + n].tokens.front().text).substr(0, 7) != "machine")
        return false;
      return rows_[at_].tokens.size() == m;
    }
    for (std::size_t i = at_; i < at_ + 2 * n; ++i)
      if (rows_[i].tokens.size() != m) return false;
    for (std::size_t i = at_ + n; i < at_ + 2 * n; ++i) {
      std::vector<std::string_view> machines;
      for (const auto& token : rows_[i].tokens) machines.push_back(token.text);
      std::sort(machines.begin(), machines.end());
      if (std::adjacent_find(machines.begin(), machines.end()) != machines.end()) return false;
    }
    return true;
  }

  std::optional<Instance> read_flexible(std::string name, std::size_t n, std::size_t m) {
    const int header = rows_[at_ - 1].number;
    JobShop shop;
    shop.name = std::move(name);
    std::vector<std::vector<std::vector<Written>>> jobs;
    bool right = true;
    for (std::size_t j = 0; j < n && good(); ++j) {
      const Row* row = next_row(fmt::format("the operations of job {}", j));
      if (row == nullptr) return {};
      auto& job = jobs.emplace_back();
      std::size_t i = 0;
      const auto next = [&](const std::string& meaning, std::int64_t low,
                            std::int64_t high) -> std::optional<std::int64_t> {
        if (i < row->tokens.size()) return number(*row, row->tokens[i++], meaning, low, high);
        complain(row->number, row->end_column, fmt::format("job {} ends, wanted {}", j, meaning),
                 "a row is: operations, then for each the number of machines and the pairs of "
                 "machine and time");
        return {};
      };
      const auto operations =
          next("the number of operations", 0, static_cast<std::int64_t>(row->tokens.size()));
      bool whole = operations.has_value();
      for (std::int64_t o = 0; whole && o < *operations; ++o) {
        const auto choices = next(fmt::format("the number of machines of operation {}", o), 1,
                                  static_cast<std::int64_t>(m));
        whole = choices.has_value();
        auto& operation = job.emplace_back();
        for (std::int64_t c = 0; whole && c < *choices; ++c) {
          const int column = i < row->tokens.size() ? row->tokens[i].column : row->end_column;
          const auto machine = next(fmt::format("a machine of operation {}", o), 0, 1'000'000);
          const auto time = machine ? next("its time", 0, largest_time) : std::nullopt;
          whole = machine && time;
          operation.push_back({machine.value_or(-1), static_cast<std::int32_t>(time.value_or(0)),
                               row->number, column});
        }
      }
      if (whole && i < row->tokens.size()) {
        complain(row->number, row->tokens[i].column,
                 fmt::format("job {} has {} numbers after its last operation", j,
                             row->tokens.size() - i));
        whole = false;
      }
      right = right && whole;
    }
    const bool settled = settle(m, true, jobs, shop, header);
    if (!right || !settled) return {};
    return shop;
  }

  /// Jobs whose numbers are broken over lines at will become one row each, where `count` of `width`
  /// numbers are all there is up to the next text.
  void join_rows(std::size_t count, std::size_t width) {
    auto end = at_;
    std::size_t numbers = 0;
    for (; end < rows_.size() && !is_text(rows_[end]); ++end) numbers += rows_[end].tokens.size();
    if (numbers != count * width || end - at_ == count) return;
    std::vector<Row> joined;
    std::size_t next = 0;
    for (auto row = at_; row < end; ++row)
      for (const auto& token : rows_[row].tokens) {
        if (next++ % width == 0) joined.emplace_back().number = rows_[row].number;
        joined.back().tokens.push_back(token);
        joined.back().end_column = rows_[row].end_column;
      }
    const auto from = rows_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto at = rows_.erase(from, rows_.begin() + static_cast<std::ptrdiff_t>(end));
    rows_.insert(at, std::make_move_iterator(joined.begin()),
                 std::make_move_iterator(joined.end()));
  }

  const std::string& file_;
  Kind kind_;
  Rows orientation_;
  std::vector<Row> rows_;
  std::size_t numbers_left_ = 0;
  std::size_t at_ = 0;
  std::string name_;
  std::string stem_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace

std::string_view name_of(Kind kind) {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::optional<Kind> kind_named(std::string_view name) {
  const auto found = std::find(kind_names.begin(), kind_names.end(), name);
  if (found == kind_names.end()) return {};
  return static_cast<Kind>(found - kind_names.begin());
}

std::optional<Objective> objective_named(std::string_view name) {
  constexpr std::array<std::string_view, 3> names = {"makespan", "tardiness", "flowtime"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return {};
  return static_cast<Objective>(found - names.begin());
}

const std::string& name_of(const Instance& instance) {
  return std::visit([](const auto& shop) -> const std::string& { return shop.name; }, instance);
}

line::Result<std::vector<Instance>> read_instances(std::string_view text, const std::string& file,
                                                   Kind kind, Rows rows) {
  return Reader(text, file, kind, rows).read();
}

}  // namespace foreline::search
