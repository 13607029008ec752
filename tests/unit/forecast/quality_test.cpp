// SPDX-License-Identifier: Apache-2.0
// The shipped model on days that nobody has used before: not to learn, not to calibrate, not for
// the card. The protocol is the card's; the days are 3,000,001 to 3,000,030, and were fixed before
// they were looked at.
#include <catch2/catch.hpp>
#include <memory>

#include "inference/train/comparison.hpp"
#include "tests/property/days.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

TEST_CASE(
    "the shipped model is nearer to the truth than trees, and sees more than a threshold or age") {
  const auto simulate = [](std::span<const line::Trial> trials) {
    return line::Result<std::vector<line::Outcome>>(tests::run({trials.begin(), trials.end()}));
  };
  inference::JudgeOptions options;
  options.first_seed = 3'000'001;
  options.days = 30;
  options.tree_days = 60;
  options.false_alarms_a_day = 0.25;
  options.threads = 2;
  const auto compared =
      inference::compare(std::string(FORELINE_SOURCE_DIR) + "/inference/models/small",
                         tests::population(), options, simulate);
  if (!compared) FAIL(compared.error().text());
  WARN(inference::as_markdown(*compared));
  const auto& model = compared->rivals.at(0);
  for (const auto& rival : compared->rivals) {
    INFO(rival.name);
    CHECK(rival.detection.false_alarms_a_day() <= options.false_alarms_a_day);
    if (rival.name == "boosted trees") CHECK(model.brier < rival.brier);
    if (rival.name == "signal threshold")
      CHECK(model.detection.recall() > rival.detection.recall());
  }
  CHECK(compared->rivals.back().model_is_better.low > 0);
  CHECK(compared->brier < compared->brier_climatology);
  CHECK(compared->calibration_error() < 0.03);
}
