// SPDX-License-Identifier: Apache-2.0
// Boosted trees on the statistics that the GPT-2 reads as words: how likely a fault of each kind is
// within two hours. Grown by XGBoost in training; here they are only read, and cost microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/history.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

/// What the trees are asked: a fault within this time, the alarms' horizon.
inline constexpr double tree_horizon_s = 7200;

/// Beside config.json, whose notes name its sum.
inline constexpr const char* tree_file = "trees.bin";

/// Statistics of each kind of signal, the machine's own, and the faults that it can have.
inline constexpr std::size_t tree_signal_columns = 9;
inline constexpr std::size_t tree_columns =
    line::signal_kind_count * tree_signal_columns + 4 + line::fault_kind_count;
using TreeRow = std::array<float, tree_columns>;

/// A window as trees read it: of several signals of a kind, the one farthest from its baseline. NaN
/// is not known. `hidden` >= 0: as if that signal were not known.
[[nodiscard]] TreeRow tree_row(const Window& window, std::ptrdiff_t hidden = -1);

/// Trees stand one after the other, each node before those below it, its lower branch next to it.
struct TreeNode {
  static constexpr std::uint16_t leaf = 0xffff;
  static constexpr std::uint16_t unknown_below = 0x8000;
  /// Splits: what is less than this goes to the lower branch. Leaves: log odds.
  float value = 0;
  /// The column asked, perhaps with `unknown_below`; or `leaf`.
  std::uint16_t column = leaf;
  std::uint16_t upper = 0;  ///< Nodes from here to the upper branch; 0 for leaves.
};

class HazardTrees {
 public:
  /// One kind's trees: the log odds of a fault are `margin` and one leaf of each tree.
  struct Ensemble {
    float margin = 0;
    std::vector<TreeNode> nodes;
    std::vector<std::uint32_t> roots = {};
  };
  using Ensembles = std::array<Ensemble, line::fault_kind_count>;

  HazardTrees() = default;
  /// `upper` and `roots` are found here. An error when the nodes are not whole trees of our
  /// columns.
  [[nodiscard]] static line::Result<HazardTrees> of(Ensembles ensembles);
  /// Reads what bytes() wrote, of anyone: whatever is no whole tree is refused.
  [[nodiscard]] static line::Result<HazardTrees> read(std::string_view bytes,
                                                      const std::string& file);
  /// A line of JSON (columns, nodes a kind), then the kinds' nodes: columns as 16-bit integers,
  /// values as 32-bit floats, little-endian.
  [[nodiscard]] std::string bytes() const;

  /// Log odds of a fault of this kind within the horizon; nothing when there are no trees for it.
  [[nodiscard]] std::optional<double> log_odds(line::FaultKind kind, const TreeRow& row) const;
  [[nodiscard]] std::size_t trees() const { return trees_; }

 private:
  Ensembles ensembles_;
  std::size_t trees_ = 0;
};

}  // namespace foreline::inference
