// SPDX-License-Identifier: Apache-2.0
#include "sim/text/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sim/text/reading.hpp"

namespace foreline::text {

namespace fs = std::filesystem;
using namespace line;

namespace {

struct Cell {
  std::string text;
  int column = 1;
  bool whole = true;  ///< False: a quote that does not end, or with something behind it.
};

/// Fields of one CSV row; double quotes may enclose a field.
std::vector<Cell> cells_of(std::string_view row) {
  std::vector<Cell> cells;
  std::size_t i = 0;
  while (true) {
    Cell cell{{}, static_cast<int>(i) + 1};
    if (i < row.size() && row[i] == '"') {
      for (++i; i < row.size(); ++i) {
        if (row[i] == '"') {
          if (i + 1 >= row.size() || row[i + 1] != '"') break;
          ++i;
        }
        cell.text += row[i];
      }
      const auto behind = std::min(row.find(',', i), row.size());
      cell.whole =
          i < row.size() && row.substr(i + 1, behind - i - 1).find_first_not_of(" \t") == row.npos;
      i = behind;
    } else {
      while (i < row.size() && row[i] != ',') cell.text += row[i++];
    }
    const auto first = cell.text.find_first_not_of(" \t");
    const auto last = cell.text.find_last_not_of(" \t");
    cell.text = first == std::string::npos ? "" : cell.text.substr(first, last - first + 1);
    cells.push_back(std::move(cell));
    if (i >= row.size()) return cells;
    ++i;
  }
}

/// "A; B" apart. A name may have semicolons itself, at most `semicolons`: of the pieces from one
/// on, as many as together are `known` are one name.
template <class Known>
std::vector<std::string_view> names_in(std::string_view cell, const Known& known,
                                       std::size_t semicolons) {
  std::vector<std::size_t> ends;
  for (auto at = cell.find(';'); at != cell.npos; at = cell.find(';', at + 1)) ends.push_back(at);
  ends.push_back(cell.size());
  std::vector<std::string_view> names;
  std::size_t begin = 0;
  for (std::size_t piece = 0; piece < ends.size(); ++piece) {
    auto last = std::min(piece + semicolons, ends.size() - 1);
    const auto name_to = [&](std::size_t end) {
      auto name = cell.substr(begin, ends[end] - begin);
      name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
      while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
      return name;
    };
    while (last > piece && !known(name_to(last))) --last;
    names.push_back(name_to(last));
    piece = last;
    begin = ends[piece] + 1;
  }
  return names;
}

template <class Names>
std::size_t most_semicolons(const Names& names) {
  std::size_t most = 0;
  for (const auto& name : names)
    most = std::max(most, static_cast<std::size_t>(std::count(name.begin(), name.end(), ';')));
  return most;
}

/// The cell `after` of one order.
struct Waits {
  std::size_t order = 0;
  int row = 0;
  Cell cell;
};

/// An order that goes through the line several times, as one that waits for another for each pass.
/// The last of them has the due date, and its lateness counts.
std::vector<Order> passes_of(const Order& order, const std::vector<ProductId>& products,
                             std::size_t place) {
  std::vector<Order> passes(products.size(), order);
  for (std::size_t i = 0; i < passes.size(); ++i) {
    passes[i].id = fmt::format("{}/{}", order.id, i + 1);
    passes[i].product = products[i];
    if (i > 0) passes[i].after = {{static_cast<std::uint32_t>(place + i - 1)}};
    if (i + 1 == passes.size()) continue;
    passes[i].due_s = std::numeric_limits<double>::infinity();
    passes[i].weight = 0;
  }
  return passes;
}

/// Turns the names of orders that others come after into their places.
std::vector<Diagnostic> read_precedence(const fs::path& path, const std::vector<Waits>& waits,
                                        const std::unordered_map<std::string, std::size_t>& last,
                                        std::vector<Order>& orders) {
  std::vector<Diagnostic> mistakes;
  if (waits.empty()) return mistakes;
  const auto names = order_names(orders);
  std::unordered_map<std::string_view, std::size_t> known(last.begin(), last.end());
  for (std::size_t i = 0; i < names.size(); ++i) known.emplace(names[i], i);
  const auto is_known = [&](std::string_view name) { return known.find(name) != known.end(); };
  const auto semicolons = most_semicolons(names);
  for (const auto& one : waits) {
    auto& order = orders[one.order];
    const auto complain = [&](std::string what, std::string hint) {
      if (mistakes.size() < wrong_rows_max)
        mistakes.push_back(
            {path.string(), one.row, one.cell.column, std::move(what), std::move(hint)});
    };
    for (const auto name : names_in(one.cell.text, is_known, semicolons)) {
      const auto found = known.find(name);
      if (found == known.end()) {
        const auto meant = nearest(name, names);
        complain(fmt::format("no order \"{}\" in the order book", name),
                 meant ? fmt::format("did you mean \"{}\"?", *meant)
                       : "several are written \"A-1; A-2\"");
        continue;
      }
      const OrderId other{static_cast<std::uint32_t>(found->second)};
      if (std::find(order.after.begin(), order.after.end(), other) != order.after.end())
        complain(fmt::format("order \"{}\" is there twice", name), "");
      else
        order.after.push_back(other);
    }
  }
  auto open = orders;
  for (auto circle = circle_in(open); !circle.empty() && mistakes.size() < wrong_rows_max;
       circle = circle_in(open)) {
    constexpr std::size_t told_most = 8;
    std::string way = names[circle.front().index];
    for (std::size_t i = 1; i < std::min(circle.size(), told_most); ++i)
      way += fmt::format(" after {}", names[circle[i].index]);
    if (circle.size() > told_most) way += fmt::format(" ... ({})", circle.size() - 1);
    // Passes wait for one another without being told to; somebody in the circle was told.
    const auto begins = std::find_if(waits.begin(), waits.end(), [&](const Waits& one) {
      return std::any_of(circle.begin(), circle.end(),
                         [&](OrderId id) { return id.index == one.order; });
    });
    mistakes.push_back({path.string(), begins->row, begins->cell.column,
                        fmt::format("orders wait for one another: {}", way),
                        "one of them must be able to begin"});
    open[begins->order].after.clear();
  }
  return mistakes;
}

}  // namespace

Result<std::vector<Order>> read_orders_file(const fs::path& path, const Line& line) {
  auto text = read_text_file(path);
  if (!text) return text.error();
  static const std::vector<std::string> columns = {"id",  "product", "quantity", "release",
                                                   "due", "weight",  "after"};
  std::vector<Diagnostic> diagnostics;
  int row_number = 0;
  auto complain = [&](int column, std::string what, std::string hint = {}) {
    diagnostics.push_back({path.string(), row_number, column, std::move(what), std::move(hint)});
  };
  std::vector<std::size_t> position(columns.size(), SIZE_MAX);
  std::vector<Order> orders;
  std::vector<Waits> waits;
  std::unordered_map<std::string, std::size_t> last_passes;  // by the id of the whole order
  std::set<std::string> ids;
  const auto is_product = [&](std::string_view name) {
    return line.product_named(name).has_value();
  };
  const auto semicolons = most_semicolons(line.products);
  bool header = false;
  std::size_t width = 0;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    std::string_view row = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    ++row_number;
    if (diagnostics.size() >= wrong_rows_max) {
      complain(0, "the rows from here on were not looked at", "mend those above first");
      break;
    }
    if (row.find_first_not_of(" \t") == std::string_view::npos) continue;
    const auto cells = cells_of(row);
    if (row.front() == '#') {
      if (header && cells.size() == width && row.find_first_of("# \t", 1) != 1)
        complain(1, fmt::format("order \"{}\" or a comment?", cells.front().text),
                 "put an order's id in quotes, and a blank behind the # of a comment");
      continue;
    }
    const auto torn =
        std::find_if(cells.begin(), cells.end(), [](const Cell& c) { return !c.whole; });
    if (torn != cells.end()) {
      complain(torn->column, "a quote must end where its cell ends",
               "close it with \", and write \"\" for a quote inside");
      continue;
    }
    if (header && cells.size() != width) {
      complain(1, fmt::format("{} cells, but the first row names {} columns", cells.size(), width));
      continue;
    }
    if (!header) {
      header = true;
      width = cells.size();
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto found = std::find(columns.begin(), columns.end(), cells[i].text);
        if (found == columns.end()) {
          const auto meant = nearest(cells[i].text, columns);
          complain(cells[i].column, fmt::format("unknown column \"{}\"", cells[i].text),
                   meant ? fmt::format("did you mean \"{}\"?", *meant)
                   : cells.size() == 1
                       ? "commas part the cells, no semicolons, tabs or blanks"
                       : "known: id, product, quantity, release, due, weight, after");
        } else if (auto& at = position[static_cast<std::size_t>(found - columns.begin())];
                   at != SIZE_MAX) {
          complain(cells[i].column, fmt::format("column \"{}\" is there twice", cells[i].text));
        } else {
          at = i;
        }
      }
      for (std::size_t i = 0; i < 3; ++i) {
        if (position[i] == SIZE_MAX)
          complain(1, fmt::format("column \"{}\" is missing", columns[i]),
                   "the first row names the columns");
      }
      if (!diagnostics.empty()) return Error(std::move(diagnostics));
      continue;
    }
    auto cell = [&](std::size_t column) -> Cell {
      return position[column] == SIZE_MAX ? Cell{{}, 1} : cells[position[column]];
    };
    Order order;
    order.id = cell(0).text;
    if (order.id.empty()) complain(cell(0).column, "the order has no id");
    if (!order.id.empty() && !ids.insert(order.id).second)
      complain(cell(0).column, fmt::format("order \"{}\" is there twice", order.id));
    std::vector<ProductId> passes;
    const auto product_text = cell(1).text;
    const auto names = names_in(product_text, is_product, semicolons);
    if (names.size() > passes_max)
      complain(cell(1).column,
               fmt::format("the order goes through the line {} times, wanted at most {}",
                           names.size(), passes_max));
    for (std::size_t i = 0; i < std::min(names.size(), passes_max); ++i) {
      const auto name = names[i];
      if (const auto product = line.product_named(name)) {
        passes.push_back(*product);
        continue;
      }
      const auto meant = nearest(name, line.products);
      complain(cell(1).column, fmt::format("line {} has no product \"{}\"", line.name, name),
               meant ? fmt::format("did you mean \"{}\"?", *meant) : "");
    }
    const auto quantity_text = cell(2).text;
    const auto [end_of_number, status] = std::from_chars(
        quantity_text.data(), quantity_text.data() + quantity_text.size(), order.quantity);
    if (status != std::errc{} || end_of_number != quantity_text.data() + quantity_text.size() ||
        order.quantity == 0 || order.quantity > 65'535) {
      complain(cell(2).column,
               fmt::format("quantity \"{}\" is not a whole number from 1 to 65535", quantity_text));
    }
    auto time = [&](std::size_t column, double otherwise) {
      const auto given = cell(column);
      if (given.text.empty()) return otherwise;
      const auto value = parse_duration(given.text);
      if (!value || *value < 0) {
        complain(given.column, fmt::format("{} \"{}\" is no time", columns[column], given.text),
                 "write \"2h15min\" or \"90 min\"");
      }
      return value.value_or(otherwise);
    };
    order.release_s = time(3, 0);
    order.due_s = time(4, std::numeric_limits<double>::infinity());
    if (order.due_s < order.release_s)
      complain(cell(4).column, "the order is due before its release");
    if (const auto weight = cell(5); !weight.text.empty()) {
      const auto value = parse_quantity(weight.text);
      if (!value || !value->unit.empty() || value->value < 0) {
        complain(weight.column, fmt::format("weight \"{}\" is not a number from 0", weight.text));
      } else {
        order.weight = value->value;
      }
    }
    if (const auto after = cell(6); !after.text.empty())
      waits.push_back({orders.size(), row_number, after});
    if (passes.size() < 2) {
      if (!passes.empty()) order.product = passes.front();
      orders.push_back(std::move(order));
      continue;
    }
    for (auto& pass : passes_of(order, passes, orders.size())) {
      if (!ids.insert(pass.id).second)
        complain(cell(0).column, fmt::format("order \"{}\" is there twice", pass.id));
      orders.push_back(std::move(pass));
    }
    last_passes.emplace(order.id, orders.size() - 1);
  }
  for (auto& mistake : read_precedence(path, waits, last_passes, orders))
    diagnostics.push_back(mistake);
  if (orders.empty() && diagnostics.empty())
    complain(0, "there is no order",
             "the first row names the columns, each further row is an order");
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return orders;
}

}  // namespace foreline::text
