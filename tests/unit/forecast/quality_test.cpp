// SPDX-License-Identifier: Apache-2.0
// The shipped model on days that nobody has used before: not to learn, not to calibrate, not for
// the card. The protocol is the card's; the days are 3,000,001 to 3,000,040, and were fixed before
// they were looked at.
#include <catch2/catch.hpp>
#include <memory>

#include "inference/train/training.hpp"
#include "tests/property/days.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;

TEST_CASE("the shipped model sees more faults coming than vibration or age at equal false alarms") {
  const auto simulate = [](std::span<const line::Trial> trials) {
    return line::Result<std::vector<line::Outcome>>(tests::run({trials.begin(), trials.end()}));
  };
  const auto compared =
      inference::compare(std::string(FORELINE_SOURCE_DIR) + "/inference/models/small",
                         tests::population(), 3'000'001, 40, 0.25, simulate);
  if (!compared) FAIL(compared.error().text());
  WARN(inference::as_markdown(*compared));
  CHECK(compared->model.false_alarms_a_day() <= 0.25);
  CHECK(compared->vibration.false_alarms_a_day() <= 0.25);
  CHECK(compared->model.recall() > compared->vibration.recall());
  CHECK(compared->over_age.low > 0);
  CHECK(compared->brier < compared->brier_climatology);
}
