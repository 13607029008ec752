// SPDX-License-Identifier: Apache-2.0
#include "inference/hazard_trees.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "inference/train/growth.hpp"
#include "sim/line/random.hpp"

using namespace foreline;
using namespace foreline::inference;
using line::FaultKind;

namespace {

constexpr auto bearing = FaultKind::bearing_wear;
constexpr std::size_t bearings = static_cast<std::size_t>(bearing);

TreeNode split(std::uint16_t column, float value, bool unknown_below = false) {
  return {value, static_cast<std::uint16_t>(column | (unknown_below ? 0x8000 : 0))};
}
TreeNode leaf(float value) {
  return {value};
}

/// Of bearings: a split on column 0 at 1 whose upper side splits on column 1 at 2; and one leaf.
HazardTrees::Ensembles two_trees() {
  HazardTrees::Ensembles all;
  all[bearings].margin = -1;
  all[bearings].nodes = {split(0, 1), leaf(0.25F), split(1, 2, true),
                         leaf(0.5F),  leaf(4),     leaf(0.125F)};
  return all;
}

HazardTrees read(const std::string& bytes) {
  auto trees = HazardTrees::read(bytes, "trees.bin");
  if (!trees) FAIL(trees.error().text());
  return std::move(*trees);
}

std::string complaint(const std::string& bytes) {
  const auto trees = HazardTrees::read(bytes, "trees.bin");
  return trees ? "" : trees.error().text();
}

/// What two_trees() says of the first two columns.
double said(const HazardTrees& trees, float first, float second) {
  TreeRow row;
  row.fill(unknown_statistic);
  row[0] = first;
  row[1] = second;
  return trees.log_odds(bearing, row).value();
}

Window window_of(float vibration, float temperature) {
  Window window;
  window.operating_h = 5;
  window.execute_share = 1;
  window.missing_share = 0;
  window.ready = true;
  window.kinds.set(bearings);
  for (const auto& [kind, level] : {std::pair(line::SignalKind::vibration, vibration),
                                    std::pair(line::SignalKind::temperature, temperature)}) {
    auto& signal = window.signals.emplace_back();
    signal.kind = kind;
    signal.known = true;
    signal.last = signal.mean_short = signal.mean_long = level;
    signal.good_share = 1;
  }
  return window;
}

}  // namespace

TEST_CASE(
    "a tree sends what is less below, what is not less above, and the unknown where it says") {
  const auto trees = *HazardTrees::of(two_trees());
  CHECK(trees.trees() == 2);
  CHECK(said(trees, 0.5F, 9) == -1 + 0.25 + 0.125);
  CHECK(said(trees, 1, 1.5F) == -1 + 0.5 + 0.125);
  CHECK(said(trees, unknown_statistic, 2) == -1 + 4 + 0.125);
  CHECK(said(trees, 1, unknown_statistic) == -1 + 0.5 + 0.125);
  CHECK_FALSE(trees.log_odds(FaultKind::jam, {}));
}

TEST_CASE("trees read back from their file say the same") {
  const auto trees = *HazardTrees::of(two_trees());
  const auto again = read(trees.bytes());
  CHECK(again.bytes() == trees.bytes());
  for (const float first : {-1.0F, 1.0F, 3.0F})
    for (const float second : {1.0F, 2.0F, unknown_statistic})
      CHECK(said(again, first, second) == said(trees, first, second));
}

TEST_CASE("nodes that are no whole trees are refused") {
  const auto refused = [](std::vector<TreeNode> nodes) {
    HazardTrees::Ensembles all;
    all[bearings].nodes = std::move(nodes);
    return !HazardTrees::of(std::move(all));
  };
  CHECK(refused({split(0, 1)}));
  CHECK(refused({split(0, 1), leaf(1)}));
  CHECK(refused({leaf(1), split(0, 1), split(0, 2), leaf(1), leaf(2)}));
  CHECK(refused({split(tree_columns, 1), leaf(1), leaf(2)}));
  CHECK(refused({split(0, std::numeric_limits<float>::quiet_NaN()), leaf(1), leaf(2)}));
  CHECK(refused({leaf(std::numeric_limits<float>::infinity())}));
  CHECK(refused(std::vector<TreeNode>(1'000'000, split(0, 1))));
  // An upper branch too far away to be noted.
  std::vector<TreeNode> far(70'000, split(0, 1));
  far.insert(far.end(), 70'001, leaf(0));
  CHECK(refused(far));
  CHECK_FALSE(refused({split(0, 1), leaf(1), leaf(2)}));
}

TEST_CASE(
    "a file of trees that is cut off, goes on, or lies is refused, and no byte of it is trusted") {
  const auto whole = HazardTrees::of(two_trees())->bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    CHECK_THAT(complaint(whole.substr(0, length)), Catch::Contains("trees.bin"));
  }
  CHECK_THAT(complaint(whole + "x"), Catch::Contains("1 bytes after its end"));
  const auto with = [&](const std::string& what, const std::string& instead) {
    auto changed = whole;
    const auto at = changed.find(what);
    REQUIRE(at != std::string::npos);
    return complaint(changed.replace(at, what.size(), instead));
  };
  CHECK_THAT(with("\"nodes\":6", "\"nodes\":18446744073709551615"), Catch::Contains("cut off"));
  CHECK_THAT(with("\"nodes\":6", "\"nodes\":0"), Catch::Contains("cut off"));
  CHECK_THAT(with("\"nodes\":6", "\"nodes\":5"), Catch::Contains("after its end"));
  CHECK_THAT(with("vibration.last", "vibration.lost"), Catch::Contains("other columns"));
  CHECK_THAT(with("7200", "3600"), Catch::Contains("another time"));
  CHECK_THAT(with("\"foreline_trees\":1", "\"foreline_trees\":7"), Catch::Contains("version 7"));
  CHECK_THAT(with("\"kind\":\"bearing-wear\"", "\"kind\":\"rust\""), Catch::Contains("rust"));
  // Whatever byte is another: an error, or trees that can be walked.
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {1, 0x80}) {
      auto changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      const auto trees = HazardTrees::read(changed, "trees.bin");
      if (!trees) continue;
      TreeRow row;
      for (const float value : {-1e9F, 1e9F, unknown_statistic}) {
        row.fill(value);
        for (const auto kind : line::all_fault_kinds) (void)trees->log_odds(kind, row);
      }
    }
  }
}

TEST_CASE("of several signals of a kind trees read the farthest, and hidden ones not") {
  auto window = window_of(3, 1);
  window.signals.push_back(window.signals[0]);
  window.signals.back().mean_short = -8;
  const std::size_t short_mean = 1;
  CHECK(tree_row(window)[short_mean] == -8);
  CHECK(tree_row(window, 2)[short_mean] == 3);
  window.signals.pop_back();
  CHECK(std::isnan(tree_row(window, 0)[short_mean]));
  window.signals[0].known = false;
  CHECK(std::isnan(tree_row(window)[short_mean]));
}

TEST_CASE("trees learn which level comes before a fault, and leave out views that end too soon") {
  TreeLessons lessons;
  const auto lesson = [&](float vibration, bool fails, double view_s) {
    Example example;
    example.window = window_of(vibration, 0);
    example.truth[bearings] = {fails ? 3600.0F : static_cast<float>(view_s), fails};
    example.view_s[bearings] = static_cast<float>(view_s);
    lessons.add(example);
  };
  for (std::uint64_t i = 0; i < 600; ++i) {
    const auto level =
        static_cast<float>(6 * line::random_uniform(3, 0, line::Purpose::training, i));
    lesson(level, level > 4, 9000);
    // Seen to fail within the hour that was left of the day: the others like it were not seen.
    lesson(0.5F, true, 4000);
  }
  const auto trees = lessons.grow(1, 1);
  REQUIRE(trees);
  const auto at = [&](float level) {
    return trees->log_odds(bearing, tree_row(window_of(level, 0))).value();
  };
  CHECK(at(5) > 1);
  CHECK(at(0.5F) < -1);
  CHECK_FALSE(trees->log_odds(FaultKind::jam, tree_row(window_of(5, 0))));
  CHECK(read(trees->bytes()).bytes() == trees->bytes());
}
