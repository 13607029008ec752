// SPDX-License-Identifier: Apache-2.0
#include "sim/text/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <tuple>

#include <toml++/toml.h>

namespace foreline::text {

using line::Diagnostic;
using line::Distribution;
using line::Error;
using line::Result;

namespace {

constexpr std::uintmax_t largest_file = 16U << 20U;
/// Who has made so many mistakes has mistaken the file.
constexpr std::size_t most_complaints = 1000;
constexpr std::size_t most_tables = 10'000;
/// Of a long list of names so many are told.
constexpr std::size_t most_listed = 20;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string listed(std::span<const std::string> names) {
  std::string out;
  const bool all = names.size() <= most_listed;
  for (std::size_t i = 0; i < (all ? names.size() : most_listed); ++i) {
    if (i > 0) out += all && i + 1 == names.size() ? " or " : ", ";
    out += '"' + names[i] + '"';
  }
  return all ? out : fmt::format("{} or one of {} more", out, names.size() - most_listed);
}

Place place_of(const toml::node& node) {
  return {static_cast<int>(node.source().begin.line), static_cast<int>(node.source().begin.column)};
}

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date";
  }
}

/// Length of the UTF-8 sequence that starts `text`, 0 when it is not valid.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80         ? 1
                             : (lead >> 5) == 6  ? 2
                             : (lead >> 4) == 14 ? 3
                             : (lead >> 3) == 30 ? 4
                                                 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) >> 6) != 2) return 0;
  }
  return length;
}

}  // namespace

std::optional<Quantity> parse_quantity(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  Quantity quantity;
  const auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.value);
  if (status != std::errc{} || !std::isfinite(quantity.value)) return {};
  quantity.unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
  return quantity;
}

std::optional<double> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 5> units = {
      {{"ms", 0.001}, {"min", 60}, {"s", 1}, {"h", 3600}, {"d", 86400}}};
  text = trimmed(text);
  if (text.empty()) return {};
  double seconds = 0;
  double last_unit = 1e30;
  while (!text.empty()) {
    double value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || !std::isfinite(value)) return {};
    text = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
    const auto* unit = std::find_if(units.begin(), units.end(), [&](const auto& u) {
      return text.substr(0, u.first.size()) == u.first &&
             (text.size() == u.first.size() ||
              std::isalpha(static_cast<unsigned char>(text[u.first.size()])) == 0);
    });
    if (unit == units.end() || unit->second >= last_unit) return {};
    last_unit = unit->second;
    seconds += value * unit->second;
    text = trimmed(text.substr(unit->first.size()));
  }
  return seconds;
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "never";
  if (seconds < 0) return "-" + duration_text(-seconds);
  if (seconds < 60 || seconds != std::floor(seconds)) return fmt::format("{} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  const auto h = whole / 3600;
  const auto m = whole % 3600 / 60;
  const auto s = whole % 60;
  if (s != 0) return h != 0 ? fmt::format("{}h{}min{}s", h, m, s) : fmt::format("{}min{}s", m, s);
  if (h == 0) return fmt::format("{} min", m);
  return m == 0 ? fmt::format("{} h", h) : fmt::format("{}h{}min", h, m);
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7F) {
      out += fmt::format("\\u{:04X}", code);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::optional<std::string> nearest(std::string_view name, std::span<const std::string> known) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : known) {
    const auto longer = std::max(name.size(), candidate.size());
    if (longer - std::min(name.size(), candidate.size()) >= best_distance) continue;
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < longer) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  auto refuse = [&](std::string what, std::string hint = {}) {
    return Error(std::vector<Diagnostic>{{path.string(), 0, 0, std::move(what), std::move(hint)}});
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status))
    return refuse("no such file", "check the path; it is relative to where you are");
  if (std::filesystem::is_directory(status)) return refuse("is a folder, wanted a file");
  if (std::filesystem::is_regular_file(status) &&
      std::filesystem::file_size(path, error) > largest_file) {
    return refuse("is larger than 16 MiB, which no file of this kind is");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(largest_file + 1, '\0');
  if (!in) return refuse("cannot be opened for reading", "check its permissions");
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_file)
    return refuse("is larger than 16 MiB, which no file of this kind is");
  if (text.rfind("\xEF\xBB\xBF", 0) == 0) text.erase(0, 3);
  int line = 1;
  int column = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = sequence_length(std::string_view(text).substr(i, 4));
    if (length == 0) {
      return Error(std::vector<Diagnostic>{
          {path.string(), line, column, "is not UTF-8 text", "save the file as UTF-8"}});
    }
    column = text[i] == '\n' ? 1 : column + 1;
    line += text[i] == '\n' ? 1 : 0;
    i += length;
  }
  return text;
}

struct Document::State {
  std::string name;
  toml::table root;
  std::vector<Diagnostic> diagnostics;
};

struct Table::State {
  std::shared_ptr<Document::State> document;
  const toml::table* table = nullptr;
  std::set<std::string, std::less<>> asked;
  std::map<std::string, std::vector<Place>, std::less<>> entries;  ///< Of lists, as returned.

  const toml::node* find(std::string_view key) {
    asked.emplace(key);
    return table->get(key);
  }
  [[nodiscard]] bool heard_enough() const {
    return document->diagnostics.size() >= most_complaints;
  }
  void note(Place place, std::string what, std::string hint) {
    if (heard_enough()) return;
    document->diagnostics.push_back(
        {document->name, place.line, place.column, std::move(what), std::move(hint)});
  }
  /// The node, or a complaint that the key is missing.
  const toml::node* demand(std::string_view key, bool required, std::string_view example) {
    const auto* node = find(key);
    if (node == nullptr && required) {
      note(place_of(*table), fmt::format("\"{}\" is missing", key),
           fmt::format("add {} = {}", key, example));
    }
    return node;
  }
  [[nodiscard]] Table within(const toml::table& inner) const {
    auto state = std::make_shared<State>();
    state->document = document;
    state->table = &inner;
    return Table(std::move(state));
  }
};

Place Table::place() const {
  return place_of(*state_->table);
}

Place Table::place(std::string_view key) const {
  const auto* node = state_->table->get(key);
  return node != nullptr ? place_of(*node) : place();
}

Place Table::place(std::string_view key, std::size_t entry) const {
  const auto list = state_->entries.find(key);
  return list != state_->entries.end() && entry < list->second.size() ? list->second[entry]
                                                                      : place(key);
}

bool Table::has(std::string_view key) const {
  return state_->find(key) != nullptr;
}

bool Table::is_list(std::string_view key) const {
  const auto* node = state_->find(key);
  return node != nullptr && node->is_array();
}

bool Table::is_table(std::string_view key) const {
  const auto* node = state_->find(key);
  return node != nullptr && node->is_table();
}

std::size_t Table::complaints() const {
  return state_->document->diagnostics.size();
}

void Table::complain(std::string_view key, std::string what, std::string hint) const {
  state_->note(key.empty() ? place() : place(key), std::move(what), std::move(hint));
}

void Table::complain(std::string_view key, std::size_t entry, std::string what,
                     std::string hint) const {
  state_->note(place(key, entry), std::move(what), std::move(hint));
}

std::string Table::string(std::string_view key, std::optional<std::string> fallback) {
  const auto* node = state_->demand(key, !fallback, "\"…\"");
  if (node == nullptr) return fallback.value_or("");
  if (const auto* value = node->as_string()) return value->get();
  complain(key, fmt::format("\"{}\" is {}, wanted a string", key, kind_of(*node)),
           "put it in quotes");
  return fallback.value_or("");
}

bool Table::boolean(std::string_view key, std::optional<bool> fallback) {
  const auto* node = state_->demand(key, !fallback, "true");
  if (node == nullptr) return fallback.value_or(false);
  if (const auto* value = node->as_boolean()) return value->get();
  complain(key, fmt::format("\"{}\" is {}, wanted true or false", key, kind_of(*node)));
  return fallback.value_or(false);
}

std::int64_t Table::integer(std::string_view key, std::int64_t low, std::int64_t high,
                            std::optional<std::int64_t> fallback) {
  const auto* node = state_->demand(key, !fallback, std::to_string(low));
  if (node == nullptr) return fallback.value_or(low);
  const auto* value = node->as_integer();
  if (value == nullptr) {
    complain(key, fmt::format("\"{}\" is {}, wanted a whole number", key, kind_of(*node)));
  } else if (value->get() < low || value->get() > high) {
    complain(key, fmt::format("\"{}\" is {}, wanted {} to {}", key, value->get(), low, high));
  } else {
    return value->get();
  }
  return fallback.value_or(low);
}

double Table::number(std::string_view key, double low, double high,
                     std::optional<double> fallback) {
  const auto* node = state_->demand(key, !fallback, fmt::format("{}", low));
  if (node == nullptr) return fallback.value_or(low);
  const auto value = node->value<double>();
  if (!node->is_number() || !value) {
    complain(key, fmt::format("\"{}\" is {}, wanted a number without unit", key, kind_of(*node)));
  } else if (!(*value >= low && *value <= high)) {
    complain(key, fmt::format("\"{}\" is {}, wanted {} to {}", key, *value, low, high));
  } else {
    return *value;
  }
  return fallback.value_or(low);
}

double Table::duration(std::string_view key, double low, std::optional<double> fallback) {
  const auto* node = state_->demand(key, !fallback, "\"35 min\"");
  if (node == nullptr) return fallback.value_or(low);
  const char* hint =
      "write a time with its unit: \"90 s\", \"35 min\", \"2h15min\" (ms, s, min, h, d)";
  if (const auto* text = node->as_string()) {
    const auto value = parse_duration(text->get());
    if (!value) {
      complain(key, fmt::format("\"{}\" is \"{}\", wanted a time", key, text->get()), hint);
    } else if (*value < low) {
      complain(key, fmt::format("\"{}\" is {}, wanted at least {}", key, text->get(),
                                duration_text(low)));
    } else {
      return *value;
    }
  } else if (node->is_number()) {
    complain(key, fmt::format("\"{}\" has no unit", key), hint);
  } else {
    complain(key, fmt::format("\"{}\" is {}, wanted a time", key, kind_of(*node)), hint);
  }
  return fallback.value_or(low);
}

double Table::share(std::string_view key, std::optional<double> fallback) {
  const auto* node = state_->demand(key, !fallback, "\"5 %\"");
  if (node == nullptr) return fallback.value_or(0);
  std::optional<double> value;
  if (const auto* text = node->as_string()) {
    const auto quantity = parse_quantity(text->get());
    if (quantity && quantity->unit == "%") value = quantity->value / 100;
  } else if (node->is_number()) {
    value = node->value<double>();
  }
  if (value && *value >= 0 && *value <= 1) return *value;
  complain(key, fmt::format("\"{}\" is not a share", key), "write \"5 %\" or 0.05");
  return fallback.value_or(0);
}

Quantity Table::quantity(std::string_view key, std::optional<Quantity> fallback,
                         std::string_view example) {
  const auto* node = state_->demand(key, !fallback, fmt::format("\"{}\"", example));
  if (node == nullptr) return fallback.value_or(Quantity{});
  if (const auto* text = node->as_string()) {
    const auto value = parse_quantity(text->get());
    if (value && !value->unit.empty()) return *value;
    complain(key, fmt::format("\"{}\" is \"{}\", wanted a number with its unit", key, text->get()),
             fmt::format("for example \"{}\"", example));
  } else if (node->is_number()) {
    complain(key, fmt::format("\"{}\" has no unit", key),
             fmt::format("write it as a string with its unit, for example \"{}\"", example));
  } else {
    complain(key, fmt::format("\"{}\" is {}, wanted a number with its unit", key, kind_of(*node)));
  }
  return fallback.value_or(Quantity{});
}

double Table::quantity_in(std::string_view key, std::string_view unit,
                          std::optional<double> fallback) {
  if (!has(key) && fallback) return *fallback;
  const auto before = complaints();
  const auto value = quantity(key);
  if (complaints() != before) return fallback.value_or(0);
  if (value.unit == unit || unit.empty()) return value.value;
  complain(key, fmt::format("\"{}\" is in {}, wanted {}", key, value.unit, unit));
  return fallback.value_or(0);
}

std::size_t Table::one_of(std::string_view key, std::span<const std::string> names,
                          std::optional<std::size_t> fallback) {
  if (!has(key) && fallback) return *fallback;
  const auto before = state_->document->diagnostics.size();
  const auto value = string(key);
  if (state_->document->diagnostics.size() != before) return fallback.value_or(0);
  const auto found = std::find(names.begin(), names.end(), value);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const auto meant = nearest(value, names);
  complain(key,
           fmt::format("\"{}\" is \"{}\", wanted {}", key, value,
                       names.empty() ? "a name, but there are none" : listed(names)),
           meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
  return fallback.value_or(0);
}

Distribution Table::distribution(std::string_view key, std::optional<Distribution> fallback) {
  const auto* node = state_->demand(key, !fallback, "\"35 min\"");
  if (node == nullptr) return fallback.value_or(Distribution{});
  if (!node->is_table()) return Distribution::constant(duration(key, 0));
  using Kind = Distribution::Kind;
  static const std::vector<std::string> names = {"deterministic", "exponential", "normal",
                                                 "lognormal",     "weibull",     "triangular",
                                                 "uniform",       "gamma",       "empirical"};
  Table table = *this->table(key);
  Distribution result;
  result.kind = static_cast<Kind>(table.one_of("distribution", names));
  switch (result.kind) {
    case Kind::deterministic:
    case Kind::exponential:
      result.mean = table.duration("mean", 0);
      break;
    case Kind::normal:
      result.mean = table.duration("mean", 0);
      result.spread = table.duration("deviation", 0);
      break;
    case Kind::lognormal:
    case Kind::gamma:
      result.mean = table.duration("mean", 0);
      result.spread = table.duration("deviation", 0);
      if (result.mean <= 0 && table.has("mean")) table.complain("mean", "\"mean\" must be above 0");
      break;
    case Kind::empirical:
      result = Distribution::of_measured(table.measured());
      break;
    case Kind::weibull:
      result.mean = table.duration("mean", 0);
      result.spread = table.number("shape", 0.1, 100);
      if (result.mean <= 0 && table.has("mean")) table.complain("mean", "\"mean\" must be above 0");
      break;
    case Kind::triangular:
      result.mean = table.duration("mode", 0);
      [[fallthrough]];
    case Kind::uniform:
      result.low = table.duration("low", 0);
      result.high = table.duration("high", 0);
      if (result.high < result.low) table.complain("high", "\"high\" is below \"low\"");
      if (result.kind == Kind::triangular && result.high >= result.low &&
          (result.mean < result.low || result.mean > result.high))
        table.complain("mode", "\"mode\" must lie between \"low\" and \"high\"");
      break;
  }
  table.finish();
  return result;
}

std::vector<double> Table::measured() {
  constexpr std::size_t values_max = 100'000;
  std::vector<double> values;
  if (has("file") == has("values")) {
    complain("", "measured values stand either in \"values\" or in a \"file\"",
             "write file = \"cycle-times.csv\" or values = [\"4.1 s\", \"3.9 s\"]");
    return {0};
  }
  if (has("values")) {
    for (const auto& text : strings("values", true)) {
      const auto value = parse_duration(text);
      if (!value || *value < 0)
        complain("values", fmt::format("\"{}\" is no time", text), "write \"4.1 s\"");
      values.push_back(value.value_or(0));
    }
    if (values.empty()) complain("values", "\"values\" is empty, wanted at least one time");
    if (values.empty()) values = {0};
    return values;
  }
  const auto name = string("file");
  const auto column = string("column", "");
  const auto path = std::filesystem::path(name).is_absolute()
                        ? std::filesystem::path(name)
                        : std::filesystem::path(state_->document->name).parent_path() / name;
  auto text = read_text_file(path);
  if (!text) {
    complain("file", fmt::format("the file \"{}\" cannot be used", name));
    for (const auto& diagnostic : text.error().diagnostics)
      state_->document->diagnostics.push_back(diagnostic);
    return {0};
  }
  // The first row names the columns when its cell is no time.
  std::size_t position = 0;
  int row_number = 0;
  int wrong = 0;
  bool first = true;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    std::string_view row = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    ++row_number;
    if (row.empty() || row.front() == '#') continue;
    std::vector<std::string_view> cells;
    for (std::size_t from = 0; from <= row.size();) {
      const auto comma = std::min(row.find(',', from), row.size());
      cells.push_back(trimmed(row.substr(from, comma - from)));
      from = comma + 1;
    }
    if (first && !column.empty()) {
      const auto found = std::find(cells.begin(), cells.end(), column);
      if (found == cells.end()) {
        complain("column", fmt::format("{} has no column \"{}\"", name, column));
        return {0};
      }
      position = static_cast<std::size_t>(found - cells.begin());
      first = false;
      continue;
    }
    const auto cell = position < cells.size() ? cells[position] : std::string_view{};
    auto value = parse_duration(cell);
    if (!value) {
      if (const auto number = parse_quantity(cell); number && number->unit.empty())
        value = number->value;
    }
    const bool header = first && !value;
    first = false;
    if (header) continue;
    if (!value || *value < 0) {
      if (++wrong <= 10)
        state_->document->diagnostics.push_back(
            {path.string(), row_number, 1, fmt::format("\"{}\" is no time from 0", cell),
             "write seconds as a number, or a time with its unit"});
      continue;
    }
    values.push_back(*value);
    if (values.size() > values_max) {
      complain("file", fmt::format("{} has more than {} values", name, values_max));
      return {0};
    }
  }
  if (values.empty() && wrong == 0) complain("file", fmt::format("{} has no value", name));
  if (values.empty()) values = {0};
  return values;
}

std::vector<std::string> Table::strings(std::string_view key, bool required) {
  std::vector<std::string> out;
  const auto* node = state_->demand(key, required, "[\"…\"]");
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) {
    complain(key, fmt::format("\"{}\" is {}, wanted a list of strings", key, kind_of(*node)));
    return out;
  }
  auto& places = state_->entries[std::string(key)];
  places.clear();
  for (const auto& entry : *list) {
    if (const auto* text = entry.as_string()) {
      out.push_back(text->get());
      places.push_back(place_of(entry));
    } else {
      state_->note(place_of(entry),
                   fmt::format("an entry of \"{}\" is {}, wanted a string", key, kind_of(entry)),
                   "put it in quotes");
    }
  }
  return out;
}

std::vector<std::vector<std::string>> Table::rows(std::string_view key) {
  std::vector<std::vector<std::string>> out;
  const auto* node = state_->find(key);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) {
    complain(key, fmt::format("\"{}\" is {}, wanted a list of lists", key, kind_of(*node)));
    return out;
  }
  for (const auto& entry : *list) {
    auto& row = out.emplace_back();
    const auto* inner = entry.as_array();
    if (inner == nullptr) {
      state_->note(place_of(entry),
                   fmt::format("a row of \"{}\" is {}, wanted a list", key, kind_of(entry)), "");
      continue;
    }
    for (const auto& cell : *inner) {
      if (const auto* text = cell.as_string()) {
        row.push_back(text->get());
      } else {
        state_->note(place_of(cell),
                     fmt::format("an entry of \"{}\" is {}, wanted a string with a unit", key,
                                 kind_of(cell)),
                     "");
        row.emplace_back();
      }
    }
  }
  return out;
}

std::vector<std::variant<std::string, Table>> Table::strings_or_tables(std::string_view key) {
  std::vector<std::variant<std::string, Table>> out;
  const auto* node = state_->find(key);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) {
    complain(key, fmt::format("\"{}\" is {}, wanted a list", key, kind_of(*node)));
    return out;
  }
  if (list->size() > most_tables)
    complain(key, fmt::format("{} entries of \"{}\", wanted at most {}", list->size(), key,
                              most_tables));
  auto& places = state_->entries[std::string(key)];
  places.clear();
  for (const auto& entry : *list) {
    if (out.size() == most_tables) break;
    if (const auto* text = entry.as_string()) {
      out.emplace_back(text->get());
    } else if (const auto* table = entry.as_table()) {
      out.emplace_back(state_->within(*table));
    } else {
      state_->note(
          place_of(entry),
          fmt::format("an entry of \"{}\" is {}, wanted a string or a table", key, kind_of(entry)),
          "");
      continue;
    }
    places.push_back(place_of(entry));
  }
  return out;
}

std::vector<Table> Table::tables(std::string_view key) {
  std::vector<Table> out;
  const auto* node = state_->find(key);
  if (node == nullptr) return out;
  if (const auto* list = node->as_array()) {
    if (list->size() > most_tables)
      complain(key,
               fmt::format("{} tables [[{}]], wanted at most {}", list->size(), key, most_tables));
    for (const auto& entry : *list) {
      if (out.size() == most_tables) break;
      if (const auto* table = entry.as_table()) {
        out.push_back(state_->within(*table));
      } else {
        state_->note(place_of(entry),
                     fmt::format("an entry of \"{}\" is {}, wanted a table", key, kind_of(entry)),
                     "");
      }
    }
  } else {
    complain(key, fmt::format("\"{}\" is {}, wanted tables", key, kind_of(*node)),
             fmt::format("write [[{}]]", key));
  }
  return out;
}

std::optional<Table> Table::table(std::string_view key) {
  const auto* node = state_->find(key);
  if (node == nullptr) return {};
  if (const auto* table = node->as_table()) return state_->within(*table);
  complain(key, fmt::format("\"{}\" is {}, wanted a table", key, kind_of(*node)),
           fmt::format("write [{}]", key));
  return {};
}

std::vector<std::string> Table::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, node] : *state_->table) out.emplace_back(key.str());
  return out;
}

void Table::finish() const {
  const std::vector<std::string> known(state_->asked.begin(), state_->asked.end());
  for (const auto& [key, node] : *state_->table) {
    if (state_->asked.count(key.str()) != 0) continue;
    if (state_->heard_enough()) return;
    const auto meant = nearest(key.str(), known);
    const auto& source = key.source().begin;
    state_->note({static_cast<int>(source.line), static_cast<int>(source.column)},
                 fmt::format("unknown key \"{}\"", key.str()),
                 meant ? fmt::format("did you mean \"{}\"?", *meant)
                       : fmt::format("known here: {}", listed(known)));
  }
}

Result<Document> Document::open(const std::filesystem::path& path) {
  auto text = read_text_file(path);
  if (!text) return text.error();
  return parse(std::move(*text), path.string());
}

Result<Document> Document::parse(std::string text, std::string name) {
  auto state = std::make_shared<State>();
  try {
    state->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return Error(std::vector<Diagnostic>{
        {name, static_cast<int>(at.line), static_cast<int>(at.column),
         "not TOML: " + std::string(error.description()), "see https://toml.io"}});
  }
  state->name = std::move(name);
  return Document(std::move(state));
}

Table Document::root() const {
  auto state = std::make_shared<Table::State>();
  state->document = state_;
  state->table = &state_->root;
  return Table(std::move(state));
}

void Document::add(Diagnostic diagnostic) {
  state_->diagnostics.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Document::diagnostics() const {
  auto sorted = state_->diagnostics;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic& a, const Diagnostic& b) {
    // Complaints about files that this one names come after its own.
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  std::stable_partition(sorted.begin(), sorted.end(), [&](const Diagnostic& diagnostic) {
    return diagnostic.file == state_->name;
  });
  return sorted;
}

}  // namespace foreline::text
