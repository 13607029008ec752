// SPDX-License-Identifier: Apache-2.0
#include "inference/hazard_trees.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "inference/gpt2/json_text.hpp"

namespace foreline::inference {

using namespace line;

namespace {

constexpr int trees_version = 1;
constexpr std::size_t header_max = 64 * 1024;
constexpr std::array<const char*, tree_signal_columns> signal_statistics = {
    "last",        "short_mean",   "long_mean",   "slope",     "trend",
    "last_spread", "short_spread", "long_spread", "good_share"};

/// What stands in which column; a file of other columns is of another version.
std::vector<std::string> column_names() {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < signal_kind_count; ++k)
    for (const auto* statistic : signal_statistics)
      names.push_back(fmt::format("{}.{}", name_of(static_cast<SignalKind>(k)), statistic));
  names.insert(names.end(), {"operating_h", "execute_share", "missing_share", "own_baseline"});
  for (const auto kind : all_fault_kinds) names.push_back(fmt::format("can.{}", name_of(kind)));
  return names;
}

/// Finds where trees and upper branches begin; false when the nodes are not whole trees.
bool join(HazardTrees::Ensemble& ensemble) {
  ensemble.roots.clear();
  bool inside = false;
  std::vector<std::size_t> waiting;  // splits whose lower branch is not over
  for (std::size_t i = 0; i < ensemble.nodes.size(); ++i) {
    if (!inside) ensemble.roots.push_back(static_cast<std::uint32_t>(i));
    inside = true;
    auto& node = ensemble.nodes[i];
    node.upper = 0;
    if (!std::isfinite(node.value)) return false;
    if (node.column != TreeNode::leaf) {
      if ((node.column & ~TreeNode::unknown_below) >= tree_columns) return false;
      waiting.push_back(i);
    } else if (waiting.empty()) {
      inside = false;
    } else {
      const auto far = i + 1 - waiting.back();
      if (far > std::numeric_limits<decltype(node.upper)>::max()) return false;
      ensemble.nodes[waiting.back()].upper = static_cast<std::uint16_t>(far);
      waiting.pop_back();
    }
  }
  return !inside && std::isfinite(ensemble.margin);
}

}  // namespace

TreeRow tree_row(const Window& window, std::ptrdiff_t hidden) {
  TreeRow row;
  row.fill(unknown_statistic);
  std::array<float, signal_kind_count> farthest{};
  farthest.fill(-1);
  for (std::size_t i = 0; i < window.signals.size(); ++i) {
    const auto& signal = window.signals[i];
    if (!signal.known || static_cast<std::ptrdiff_t>(i) == hidden) continue;
    const auto kind = static_cast<std::size_t>(signal.kind);
    const float far = std::isfinite(signal.mean_short) ? std::abs(signal.mean_short) : 0;
    if (far <= farthest[kind]) continue;
    farthest[kind] = far;
    const std::array<float, tree_signal_columns> columns = {
        signal.last,         signal.mean_short,   signal.mean_long,
        signal.slope_long,   signal.trend,        signal.spread_last,
        signal.spread_short, signal.spread_ratio, signal.good_share};
    std::copy(columns.begin(), columns.end(),
              row.begin() + static_cast<std::ptrdiff_t>(kind * tree_signal_columns));
  }
  auto at = signal_kind_count * tree_signal_columns;
  row[at++] = window.operating_h;
  row[at++] = window.execute_share;
  row[at++] = window.missing_share;
  row[at++] = window.own_baseline ? 1 : 0;
  for (std::size_t k = 0; k < fault_kind_count; ++k) row[at++] = window.kinds[k] ? 1 : 0;
  return row;
}

Result<HazardTrees> HazardTrees::of(Ensembles ensembles) {
  HazardTrees trees;
  for (const auto kind : all_fault_kinds) {
    auto& ensemble = ensembles[static_cast<std::size_t>(kind)];
    if (!join(ensemble)) return Error(fmt::format("the trees of {} are not whole", name_of(kind)));
    trees.trees_ += ensemble.roots.size();
  }
  trees.ensembles_ = std::move(ensembles);
  return trees;
}

Result<HazardTrees> HazardTrees::read(std::string_view bytes, const std::string& file) {
  const auto wrong = [&](const std::string& what) {
    return Error({{file, 0, 0, what, "copy the whole folder again, or train anew"}});
  };
  const auto end = bytes.substr(0, header_max).find('\n');
  if (end == std::string_view::npos) return wrong("is no file of trees: it has no first line");
  const auto header = gpt2::json_from(bytes.substr(0, end), file);
  if (!header) return header.error();
  auto rest = bytes.substr(end + 1);
  Ensembles ensembles;
  try {
    const int version = header->at("foreline_trees").get<int>();
    if (version != trees_version)
      return wrong(fmt::format("is of version {}, this build reads {}", version, trees_version));
    if (header->at("columns").get<std::vector<std::string>>() != column_names() ||
        header->at("horizon_s").get<double>() != tree_horizon_s)
      return wrong("its trees ask for other columns, or for another time, than this build has");
    for (const auto& one : header->at("kinds")) {
      const auto name = one.at("kind").get<std::string>();
      const auto kind = fault_kind_named(name);
      if (!kind) return wrong(fmt::format("names the unknown kind of fault \"{}\"", name));
      auto& ensemble = ensembles[static_cast<std::size_t>(*kind)];
      if (!ensemble.nodes.empty()) return wrong(fmt::format("has {} twice", name));
      ensemble.margin = one.at("margin").get<float>();
      const auto count = one.at("nodes").get<std::uint64_t>();
      constexpr std::size_t node_bytes = sizeof(TreeNode::column) + sizeof(TreeNode::value);
      if (count == 0 || count > rest.size() / node_bytes)
        return wrong(fmt::format("is cut off, or lies about the {} nodes of {}", count, name));
      ensemble.nodes.resize(count);
      for (std::size_t i = 0; i < count; ++i) {
        auto& node = ensemble.nodes[i];
        std::memcpy(&node.column, rest.data() + i * sizeof node.column, sizeof node.column);
        std::memcpy(&node.value, rest.data() + count * sizeof node.column + i * sizeof node.value,
                    sizeof node.value);
      }
      rest.remove_prefix(count * node_bytes);
    }
  } catch (const nlohmann::json::exception& exception) {
    return wrong(exception.what());
  }
  if (!rest.empty()) return wrong(fmt::format("goes on for {} bytes after its end", rest.size()));
  auto trees = of(std::move(ensembles));
  if (!trees) return wrong(trees.error().diagnostics.front().what);
  return trees;
}

std::string HazardTrees::bytes() const {
  nlohmann::ordered_json header = {{"foreline_trees", trees_version},
                                   {"horizon_s", tree_horizon_s},
                                   {"columns", column_names()},
                                   {"kinds", nlohmann::ordered_json::array()}};
  std::string body;
  for (const auto kind : all_fault_kinds) {
    const auto& [margin, nodes, roots] = ensembles_[static_cast<std::size_t>(kind)];
    if (nodes.empty()) continue;
    header["kinds"].push_back(
        {{"kind", name_of(kind)}, {"margin", margin}, {"nodes", nodes.size()}});
    for (const auto& node : nodes)
      body.append(reinterpret_cast<const char*>(&node.column), sizeof node.column);
    for (const auto& node : nodes)
      body.append(reinterpret_cast<const char*>(&node.value), sizeof node.value);
  }
  return header.dump() + "\n" + body;
}

std::optional<double> HazardTrees::log_odds(FaultKind kind, const TreeRow& row) const {
  const auto& [margin, nodes, roots] = ensembles_[static_cast<std::size_t>(kind)];
  if (nodes.empty()) return std::nullopt;
  float sum = margin;
  for (const auto root : roots) {
    const auto* node = &nodes[root];
    while (node->column != TreeNode::leaf) {
      const float value = row[node->column & ~TreeNode::unknown_below];
      const bool below =
          std::isnan(value) ? (node->column & TreeNode::unknown_below) != 0 : value < node->value;
      node += below ? 1 : node->upper;
    }
    sum += node->value;
  }
  return sum;
}

}  // namespace foreline::inference
