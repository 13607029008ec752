// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/plan_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "plugin/report/drawing.hpp"

namespace foreline::report {

using namespace line;

namespace {

Cell seconds(double value_s) {
  if (!std::isfinite(value_s) || value_s < 0) return {};
  return std::round(value_s * 10) / 10;
}

std::string css_of(Occupation::What what) {
  return what == Occupation::What::waiting_for_crew ? "waiting" : std::string(name_of(what));
}

/// First and last work of each order of the book in the drawn future; -1: none.
std::vector<std::pair<double, double>> work_of(const Outcome& outcome, std::size_t orders) {
  std::vector<std::pair<double, double>> spans(orders, {-1, -1});
  for (const auto& bar : outcome.gantt) {
    if (bar.what != Occupation::What::work) continue;
    auto& span = spans.at(bar.order.index);
    span.first = span.first < 0 ? bar.from_s : std::min(span.first, bar.from_s);
    span.second = std::max(span.second, bar.until_s);
  }
  return spans;
}

/// A name that a row of another kind cannot have.
std::string order_row(const Order& order) {
  return "order " + order.id;
}

/// Text of a calendar (RFC 5545, 3.3.11).
std::string calendar_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == ';' || c == ',') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out;
}

/// Lines of at most 75 bytes, not within a character (3.1).
std::string folded(const std::string& line) {
  std::string out;
  std::size_t length = 0;
  for (const char c : line) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (begins && length >= 72) {
      out += "\r\n ";
      length = 1;
    }
    out += c;
    ++length;
  }
  return out + "\r\n";
}

}  // namespace

std::string plan_gantt(const plan::Request& request, const plan::Plan& plan,
                       std::optional<double> frozen_until_s) {
  const auto& line = *request.line;
  const auto& orders = *request.orders;
  const double now_s = request.now.at_s;
  const auto& outcome = plan.winner_example;
  std::vector<std::string> rows;
  std::vector<Bar> bars;
  double until_s = now_s;
  for (const auto& machine : line.machines) rows.push_back(machine.name);
  rows.emplace_back();
  for (const auto& span : plan.proof.winner_spans) {
    if (span.end_high_s <= now_s) continue;
    const auto& order = orders[span.order.index];
    for (const auto& row : {line.at(span.machine).name, order_row(order)})
      bars.push_back({row, "spread", order.id, std::max(now_s, span.begin_low_s), span.end_high_s});
    until_s = std::max(until_s, span.end_high_s);
  }
  for (const auto& bar : outcome.gantt) {
    if (bar.until_s <= now_s) continue;
    const bool of_order =
        bar.what == Occupation::What::work || bar.what == Occupation::What::changeover;
    bars.push_back({line.at(bar.machine).name, css_of(bar.what),
                    of_order ? orders[bar.order.index].id : std::string(),
                    std::max(now_s, bar.from_s), bar.until_s});
    until_s = std::max(until_s, bar.until_s);
  }
  // A date far behind the work would press it to the left, so it is left out.
  const double far_s = now_s + 1.3 * (until_s - now_s);
  const auto work = work_of(outcome, orders.size());
  for (const auto id : plan.evaluated.at(plan.winner).candidate.schedule.sequence) {
    const auto& order = orders[id.index];
    const auto [from_s, to_s] = work[id.index];
    if (to_s <= now_s) continue;
    rows.push_back(order_row(order));
    bars.push_back({rows.back(), "work", order.id, std::max(now_s, from_s), to_s});
    // A due date is a thin line on its order's row.
    if (order.due_s < now_s || order.due_s > far_s) continue;
    until_s = std::max(until_s, order.due_s);
    bars.push_back({rows.back(), "due", order.id, order.due_s, order.due_s});
  }
  std::vector<Mark> marks = {{now_s, "now", "now"}};
  if (frozen_until_s && *frozen_until_s > now_s)
    marks.push_back({*frozen_until_s, "freeze", "freeze"});
  return as_file(gantt_svg(rows, bars, until_s, marks, now_s));
}

std::vector<Table> plan_tables(const plan::Request& request, const plan::Plan& plan) {
  const auto& orders = *request.orders;
  const auto& line = *request.line;
  const auto& winner = plan.evaluated.at(plan.winner).candidate;
  Table sequence{"orders",
                 {"place", "order", "product", "quantity", "due [s]", "begins P10 [s]",
                  "begins P50 [s]", "begins P90 [s]", "ends P10 [s]", "ends P50 [s]",
                  "ends P90 [s]", "on time as it is", "on time planned"},
                 {}};
  double place = 0;
  // The first machine begins an order, the last to end ends it.
  std::vector<const plan::WorkSpan*> begins(orders.size(), nullptr);
  std::vector<const plan::WorkSpan*> ends(orders.size(), nullptr);
  for (const auto& span : plan.proof.winner_spans) {
    auto& begin = begins.at(span.order.index);
    auto& end = ends[span.order.index];
    if (begin == nullptr || span.begin_s < begin->begin_s) begin = &span;
    if (end == nullptr || span.end_s > end->end_s) end = &span;
  }
  std::vector<const plan::OnTime*> chances(orders.size(), nullptr);
  for (const auto& one : plan.proof.on_time) chances.at(one.order.index) = &one;
  for (const auto id : winner.schedule.sequence) {
    const auto& order = orders[id.index];
    const auto* const first = begins[id.index];
    const auto* const last = ends[id.index];
    auto& row = sequence.rows.emplace_back();
    row = {++place, order.id, line.products.at(order.product.index),
           static_cast<double>(order.quantity), seconds(order.due_s)};
    for (const auto at :
         {&plan::WorkSpan::begin_low_s, &plan::WorkSpan::begin_s, &plan::WorkSpan::begin_high_s})
      row.push_back(first != nullptr ? seconds(first->*at) : Cell());
    for (const auto at :
         {&plan::WorkSpan::end_low_s, &plan::WorkSpan::end_s, &plan::WorkSpan::end_high_s})
      row.push_back(last != nullptr ? seconds(last->*at) : Cell());
    const auto* const chance = chances[id.index];
    row.push_back(chance != nullptr ? Cell(chance->keep.middle()) : Cell());
    row.push_back(chance != nullptr ? Cell(chance->winner.middle()) : Cell());
  }
  Table work{"work",
             {"machine", "order", "begins P10 [s]", "begins P50 [s]", "begins P90 [s]",
              "ends P10 [s]", "ends P50 [s]", "ends P90 [s]"},
             {}};
  for (const auto& span : plan.proof.winner_spans)
    work.rows.push_back({line.at(span.machine).name, orders[span.order.index].id,
                         seconds(span.begin_low_s), seconds(span.begin_s),
                         seconds(span.begin_high_s), seconds(span.end_low_s), seconds(span.end_s),
                         seconds(span.end_high_s)});
  Table services{"services", {"machine", "not before [s]", "in the changeover to"}, {}};
  for (const auto& service : winner.schedule.services) {
    const bool timed = service.when == Service::When::at_time;
    services.rows.push_back({line.at(service.machine).name, timed ? seconds(service.at_s) : Cell(),
                             timed ? Cell() : Cell(orders.at(service.order.index).id)});
  }
  Table weighed{"schedules", {"schedule", "why", "cost: mean", "low", "high"}, {}};
  for (const auto& one : plan.evaluated)
    weighed.rows.push_back({one.candidate.name, one.candidate.why, one.mean_cost.mean,
                            one.mean_cost.low, one.mean_cost.high});
  return {sequence, work, services, weighed};
}

std::optional<std::chrono::sys_seconds> moment_of(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int read = 0;
  if (text.size() != 16 ||
      std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &read) != 5 ||
      read != 16)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute);
}

std::string calendar_of(const std::vector<Occupation>& gantt, const Line& line,
                        const std::string& what, std::chrono::sys_seconds zero) {
  const auto stamp = [&](double at_s) {
    const auto at = zero + std::chrono::seconds(std::llround(at_s));
    const auto days = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(days);
    const auto s = (at - days).count();
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), s / 3600, s / 60 % 60, s % 60);
  };
  std::string out = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Foreline//plan//EN\r\n";
  std::size_t number = 0;
  for (const auto& bar : gantt) {
    if (bar.what != Occupation::What::service) continue;
    const auto& machine = line.at(bar.machine).name;
    out += "BEGIN:VEVENT\r\n";
    out += folded(
        fmt::format("UID:{}-{}-{}@foreline", ++number, stamp(bar.from_s), calendar_text(machine)));
    out += fmt::format("DTSTAMP:{}Z\r\nDTSTART:{}\r\nDTEND:{}\r\n", stamp(0), stamp(bar.from_s),
                       stamp(bar.until_s));
    out += folded("SUMMARY:" + calendar_text(what + "service of " + machine));
    out += "END:VEVENT\r\n";
  }
  return out + "END:VCALENDAR\r\n";
}

}  // namespace foreline::report
