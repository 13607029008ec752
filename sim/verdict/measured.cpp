// SPDX-License-Identifier: Apache-2.0
// The measured block of a scenario file: what a run gave when a person last accepted it, as
// comments that the reader of scenario files does not see.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/verdict/verdict.hpp"

namespace foreline::verdict {

namespace {

constexpr std::string_view head = "# [measured]";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> block_of(const Verdict& verdict) {
  std::vector<std::string> block = {
      fmt::format("{} by foreline run --accept: mean and 95 % interval of {} {}{}", head,
                  verdict.seeds, verdict.seeds == 1 ? "seed" : "seeds",
                  verdict.warm_up_s > 0 ? fmt::format(", after {:.0f} s", verdict.warm_up_s) : "")};
  for (const auto& measure : verdict.measures) {
    auto line = fmt::format("#   {:<12} {:.6g}", measure.name, measure.interval.mean);
    if (std::isfinite(measure.interval.half_width))
      line += fmt::format(" +- {:.3g}", measure.interval.half_width);
    block.push_back(measure.unit.empty() ? line : line + " " + measure.unit);
  }
  for (const auto& e : verdict.expectations)
    block.push_back(
        fmt::format("#   line {}: held on {} of {} seeds", e.line, e.held, verdict.seeds));
  return block;
}

/// Where the block begins and ends in the file's lines; both at the end when there is none.
std::pair<std::size_t, std::size_t> find_block(const std::vector<std::string>& lines) {
  const auto first = std::find_if(lines.begin(), lines.end(),
                                  [](const std::string& line) { return line.starts_with(head); });
  auto last = first;
  if (last != lines.end()) ++last;
  while (last != lines.end() && last->starts_with("#   ")) ++last;
  return {static_cast<std::size_t>(first - lines.begin()),
          static_cast<std::size_t>(last - lines.begin())};
}

}  // namespace

std::string with_measured_block(std::string_view file, const Verdict& verdict) {
  const auto lines = lines_of(file);
  const auto [first, last] = find_block(lines);
  std::string out;
  for (std::size_t i = 0; i < first; ++i) out += lines[i] + "\n";
  if (first == lines.size()) out += "\n";
  for (const auto& line : block_of(verdict)) out += line + "\n";
  for (std::size_t i = last; i < lines.size(); ++i) out += lines[i] + "\n";
  return out;
}

std::vector<std::string> measured_differences(std::string_view file, const Verdict& verdict) {
  const auto lines = lines_of(file);
  const auto [first, last] = find_block(lines);
  std::vector<std::string> differences;
  if (first == lines.size()) return differences;
  const auto block = block_of(verdict);
  for (std::size_t i = 0; i < std::max(last - first, block.size()); ++i) {
    const std::string was = first + i < last ? lines[first + i] : "nothing";
    const std::string is = i < block.size() ? block[i] : "nothing";
    if (was != is)
      differences.push_back(fmt::format("line {}: was \"{}\", is \"{}\"", first + i + 1, was, is));
  }
  return differences;
}

}  // namespace foreline::verdict
