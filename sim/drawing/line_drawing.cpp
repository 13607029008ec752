// SPDX-License-Identifier: Apache-2.0
#include "sim/drawing/line_drawing.hpp"
#include "sim/text/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace foreline::drawing {

using namespace line;

namespace {

std::string time_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.3g} s", seconds);
  if (seconds < 7200) return fmt::format("{:.3g} min", seconds / 60);
  return fmt::format("{:.3g} h", seconds / 3600);
}

std::string cycle_text(const Machine& machine) {
  auto out = time_text(machine.cycle.expectation());
  if (machine.cycle.kind != Distribution::Kind::deterministic)
    out += fmt::format(" {}", name_of(machine.cycle.kind));
  if (machine.batch > 1) out += fmt::format(", batches of {}", machine.batch);
  return out;
}

/// What is between a machine and those behind it.
std::string behind_text(const Line& line, std::uint32_t m) {
  const auto& machine = line.machines[line.buffer_of(m)];
  if (line.takers()[line.buffer_of(m)] == 0) return "parts leave the line";
  auto out = machine.buffer_after == 0 ? std::string("no buffer")
                                       : fmt::format("buffer of {}", machine.buffer_after);
  if (machine.conveyor.travel_s > 0)
    out = fmt::format("belt of {} places, {}{}", machine.buffer_after,
                      time_text(machine.conveyor.travel_s),
                      machine.conveyor.accumulating ? ", accumulating" : "");
  if (line.machines[m].transporter)
    out += fmt::format(", by {} in {}", line.transporters[*line.machines[m].transporter].name,
                       time_text(line.machines[m].carry_s));
  return out;
}

std::vector<std::string> abilities(const Line& line, const Machine& machine) {
  std::vector<std::string> out;
  if (machine.gives > 1) out.push_back(fmt::format("makes {} of one", machine.gives));
  if (machine.scrap_share > 0)
    out.push_back(fmt::format("scraps {:.3g} %", 100 * machine.scrap_share));
  if (machine.defect_share > 0)
    out.push_back(fmt::format("{:.3g} % defects", 100 * machine.defect_share));
  if (machine.inspection.detects > 0 || machine.inspection.false_alarms > 0) {
    auto text = fmt::format("finds {:.3g} % of defects", 100 * machine.inspection.detects);
    if (machine.inspection.rework_to)
      text += fmt::format(", {:.3g} % back to {}", 100 * machine.inspection.rework_share,
                          line.machines[*machine.inspection.rework_to].name);
    out.push_back(text);
  }
  if (!machine.makes.empty()) {
    std::string products;
    for (std::size_t p = 0; p < machine.makes.size(); ++p)
      if (machine.makes[p] != 0) products += (products.empty() ? "" : ", ") + line.products[p];
    out.push_back("only " + products);
  }
  if (const auto* calendar = line.calendar_of(machine)) out.push_back("works by " + calendar->name);
  for (const auto& fault : machine.faults)
    out.push_back(fmt::format("{} after {}", name_of(fault.kind),
                              time_text(fault.onset.expectation() + fault.progress.expectation())));
  return out;
}

}  // namespace

std::vector<std::size_t> columns_of(const Line& line) {
  std::vector<std::size_t> column(line.machines.size(), 0);
  // As many rounds as machines settle every graph without a cycle, and end for one with.
  for (std::size_t round = 0; round < line.machines.size(); ++round) {
    bool changed = false;
    for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
      for (const auto input : line.inputs_of(m)) {
        if (column[m] > column[input] || column[input] >= line.machines.size()) continue;
        column[m] = column[input] + 1;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return column;
}

std::string as_text(const Line& line) {
  std::string out =
      fmt::format("{}: {} machine{}, product{}", line.name, line.machines.size(),
                  line.machines.size() == 1 ? "" : "s", line.products.size() == 1 ? "" : "s");
  for (std::size_t p = 0; p < line.products.size(); ++p)
    out += fmt::format("{}{}", p == 0 ? " " : ", ", line.products[p]);
  if (line.crew_groups.empty()) {
    out += fmt::format("; {} crew{}\n", line.crews, line.crews == 1 ? "" : "s");
  } else {
    for (std::size_t i = 0; i < line.crew_groups.size(); ++i)
      out += fmt::format("{}{} {}", i == 0 ? "; " : ", ", line.crew_groups[i].count,
                         line.crew_groups[i].name);
    out += '\n';
  }
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    const auto inputs = line.inputs_of(m);
    std::string from;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      from += i == 0 ? "" : machine.takes.empty() ? " or " : " and ";
      if (!machine.takes.empty()) from += fmt::format("{} x ", machine.takes[i]);
      from += line.machines[inputs[i]].name;
    }
    out += fmt::format("  {} -> {} ({}) -> {}\n", from.empty() ? "orders" : from, machine.name,
                       cycle_text(machine), behind_text(line, m));
    for (const auto& ability : abilities(line, machine)) out += fmt::format("      {}\n", ability);
  }
  return out;
}

std::string as_svg(const Line& line) {
  constexpr int width = 190;
  constexpr int gap = 110;
  constexpr int margin = 20;
  constexpr int row_gap = 30;
  struct Box {
    int x = 0;
    int y = 0;
    int height = 0;
    std::vector<std::string> rows;
  };
  const auto column = columns_of(line);
  std::vector<Box> boxes(line.machines.size());
  std::vector<int> filled;
  int right = 0;
  int bottom = 0;
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    auto& box = boxes[m];
    box.rows = abilities(line, line.machines[m]);
    box.rows.insert(box.rows.begin(), cycle_text(line.machines[m]));
    box.height = 34 + 16 * static_cast<int>(box.rows.size());
    if (filled.size() <= column[m]) filled.resize(column[m] + 1, 60);
    box.x = margin + static_cast<int>(column[m]) * (width + gap);
    box.y = filled[column[m]];
    filled[column[m]] += box.height + row_gap;
    right = std::max(right, box.x + width + gap);
    bottom = std::max(bottom, filled[column[m]]);
  }
  bottom += 40;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<title>{2}</title>\n"
      "<defs><marker id=\"tip\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" "
      "orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#345\"/></marker></defs>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      "<text x=\"{3}\" y=\"32\" font-size=\"20\" fill=\"#123\">{2}</text>\n",
      right + margin, bottom, text::xml_escaped(line.name), margin);
  const auto takers = line.takers();
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto inputs = line.inputs_of(m);
    const auto& to = boxes[m];
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (std::uint32_t from = 0; from < line.machines.size(); ++from) {
        if (line.buffer_of(from) != inputs[i]) continue;
        const auto& box = boxes[from];
        const int y0 = box.y + 20;
        const int y1 = to.y + 20;
        out += fmt::format(
            "<path d=\"M{} {} C{} {} {} {} {} {}\" fill=\"none\" stroke=\"#345\" "
            "stroke-width=\"{}\" marker-end=\"url(#tip)\"/>\n",
            box.x + width, y0, box.x + width + gap / 2, y0, to.x - gap / 2, y1, to.x, y1,
            line.machines[inputs[i]].conveyor.travel_s > 0 ? 4 : 1.5);
        if (from == inputs[i])
          out += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#567\" font-size=\"10\">{}</text>\n",
                             box.x + width + 6, y0 - 6,
                             line.machines[from].buffer_after == 0
                                 ? "no buffer"
                                 : fmt::format("{} places", line.machines[from].buffer_after));
      }
      if (!line.machines[m].takes.empty())
        out += fmt::format(
            "<text x=\"{}\" y=\"{}\" fill=\"#a50\" text-anchor=\"end\">{} x</text>\n", to.x - 8,
            to.y + 16 + 14 * static_cast<int>(i + 1), line.machines[m].takes[i]);
    }
    if (inputs.empty())
      out +=
          fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#567\" text-anchor=\"end\">orders</text>\n",
                      to.x + 45, to.y - 6);
    if (takers[line.buffer_of(m)] == 0)
      out += fmt::format(
          "<path d=\"M{0} {1} h40\" stroke=\"#345\" stroke-width=\"1.5\" "
          "marker-end=\"url(#tip)\"/><text x=\"{2}\" y=\"{1}\" fill=\"#567\">out</text>\n",
          to.x + width, to.y + 20, to.x + width + 46);
    if (const auto back = line.machines[m].inspection.rework_to) {
      const auto& there = boxes[*back];
      out += fmt::format(
          "<path d=\"M{} {} v12 H{} V{}\" fill=\"none\" stroke=\"#a50\" stroke-dasharray=\"5 3\" "
          "marker-end=\"url(#tip)\"/>\n",
          to.x + width / 2, to.y + to.height, there.x + width / 3, there.y + there.height);
    }
  }
  for (std::uint32_t m = 0; m < line.machines.size(); ++m) {
    const auto& box = boxes[m];
    out += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"#eef3f8\" "
        "stroke=\"#345\"/>\n<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n",
        box.x, box.y, width, box.height, box.x + 10, box.y + 20,
        text::xml_escaped(line.machines[m].name));
    for (std::size_t i = 0; i < box.rows.size(); ++i)
      out += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"#345\">{}</text>\n",
                         box.x + 10, box.y + 38 + 16 * static_cast<int>(i),
                         text::xml_escaped(box.rows[i]));
  }
  return out + "</svg>\n";
}

}  // namespace foreline::drawing
