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

bool looks_numeric(std::string_view token) {
  if (!token.empty() && (token.front() == '-' || token.front() == '+')) token.remove_prefix(1);
  return !token.empty() && token.front() >= '0' && token.front() <= '9';
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
      if (!instance) skip_numbers();
      if (at_ == before) ++at_;
    }
    if (diagnostics_.empty() && instances.empty())
      complain(0, 0, "there is no instance in this file",
               kind_ == Kind::hybrid ? "it begins with the number of jobs and of stages"
                                     : "it begins with the number of jobs and of machines");
    if (!diagnostics_.empty()) return line::Error(std::move(diagnostics_));
    return instances;
  }

 private:
  [[nodiscard]] bool good() const { return diagnostics_.size() < most_diagnostics; }

  void complain(int row, int column, std::string what, std::string hint = {}) {
    if (!good()) return;
    diagnostics_.push_back({file_, row, column, std::move(what), std::move(hint)});
    if (!good())
      diagnostics_.push_back({file_, row, 0, "more than 20 mistakes, the rest is not listed",
                              "is --problem " + std::string(name_of(kind_)) + " the right kind?"});
  }

  [[nodiscard]] bool is_text(const Row& row) const {
    return !looks_numeric(row.tokens.front().text);
  }

  /// Words between instances; "instance NAME" gives the next one its name.
  void skip_text() {
    for (; at_ < rows_.size() && is_text(rows_[at_]); ++at_) {
      const auto& tokens = rows_[at_].tokens;
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
        if (tokens[i].text == "instance" || tokens[i].text == "Instance" ||
            tokens[i].text == "INSTANCE")
          name_ = std::string(tokens[i + 1].text);
    }
  }
  void skip_numbers() {
    while (at_ < rows_.size() && !is_text(rows_[at_])) ++at_;
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
    if (header.tokens.size() < 2) {
      complain(header.number, header.end_column,
               fmt::format("one number only, wanted the number of jobs and {}", second));
      return {};
    }
    const auto jobs = number(header, header.tokens[0], "the number of jobs", 1, 1'000'000);
    const auto machines = number(header, header.tokens[1], second, 1, 1'000'000);
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
    switch (kind_) {
      case Kind::flowshop:
      case Kind::blocking:
        return read_flow_shop(std::move(name), n, m);
      case Kind::hybrid:
        return read_hybrid(std::move(name), n, m);
      case Kind::jobshop:
        return read_job_shop(std::move(name), n, m);
      case Kind::flexible:
        return read_flexible(std::move(name), n, m);
    }
    return {};
  }

  /// Text rows that may stand between a header and its numbers, as in Taillard's files.
  bool skip_caption(std::string_view first_word) {
    bool found = false;
    while (at_ < rows_.size() && is_text(rows_[at_])) {
      std::string word(rows_[at_].tokens.front().text);
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
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
    bool pairs = width == 2 * m && (m > 1 || n != 2);
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
      if (width != n && width != m) {
        if (auto wrapped = read_wrapped(n, m, times)) {
          if (!*wrapped || !fits(times, header)) return {};
          machine_rows = true;
          store(times, machine_rows, shop);
          return shop;
        }
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

  /// Numbers broken over lines at will: only when their count is right. None: it is not.
  std::optional<bool> read_wrapped(std::size_t n, std::size_t m, std::vector<std::int32_t>& times) {
    std::size_t count = 0;
    auto end = at_;
    while (end < rows_.size() && !is_text(rows_[end]) && count < n * m)
      count += rows_[end++].tokens.size();
    if (count != n * m) return {};
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
    const Row* counts = next_row(fmt::format("the number of machines of each of the {} stages", m));
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
    if (skip_caption("times")) {  // Taillard: a matrix of times, then one of machines
      std::vector<std::int32_t> times;
      right = read_times(n, m, "job", "operation", times);
      if (!right) return {};
      if (!skip_caption("machines")) {
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
      for (std::size_t j = 0; j < n && good(); ++j) {
        const Row* row =
            next_row(fmt::format("the operations of job {} (machine and time, in turn)", j));
        if (row == nullptr) return {};
        if (row->tokens.size() % 2 != 0) {
          complain(row->number, row->end_column,
                   fmt::format("job {} has {} numbers, wanted pairs of machine and time", j,
                               row->tokens.size()));
          right = false;
        }
        auto& job = jobs.emplace_back();
        for (std::size_t i = 0; i + 1 < row->tokens.size(); i += 2) {
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

const std::string& name_of(const Instance& instance) {
  return std::visit([](const auto& shop) -> const std::string& { return shop.name; }, instance);
}

line::Result<std::vector<Instance>> read_instances(std::string_view text, const std::string& file,
                                                   Kind kind, Rows rows) {
  return Reader(text, file, kind, rows).read();
}

}  // namespace foreline::search
