// SPDX-License-Identifier: Apache-2.0
// The public instances, where they lie beside the checkout; without them these tests say so.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/search/flow_shop.hpp"
#include "sim/search/instance_file.hpp"
#include "sim/search/job_shop.hpp"
#include "tests/support/public_sets.hpp"
#include "tests/unit/search/shops.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using namespace foreline::search;

namespace {

const fs::path data = fs::path(FORELINE_SOURCE_DIR) / ".." / "shared" / "data";

Instance instance(const fs::path& path, Kind kind) {
  auto read = foreline::tests::instances_of(path, kind);
  INFO((read ? "" : read.error().text()));
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  return read->front();
}

}  // namespace

TEST_CASE("NEH is 3.33 % above the best known on Taillard's 120 flow shops") {
  if (!fs::exists(data / "flowshop")) {
    WARN("skipped: no public instances beside the checkout");
    return;
  }
  double sum = 0;
  std::size_t count = 0;
  for (const auto& row : foreline::tests::table(data / "flowshop" / "best_known.csv")) {
    const auto file = data / "flowshop" / "taillard" / fs::path(row.at(2)).filename();
    const auto shop = std::get<FlowShop>(instance(file, Kind::flowshop));
    const auto answer = neh(shop);
    REQUIRE(complaints_about(shop, answer).empty());
    sum += 100.0 * static_cast<double>(answer.makespan) / std::stod(row.at(3)) - 100;
    ++count;
  }
  REQUIRE(count == 120);
  CHECK(sum / static_cast<double>(count) == Approx(3.33).margin(0.02));
}

TEST_CASE("every public job shop is read, and a short search is near the best known") {
  if (!fs::exists(data / "jobshop")) {
    WARN("skipped: no public instances beside the checkout");
    return;
  }
  std::size_t count = 0;
  for (const auto& [folder, kind] :
       {std::pair{"jobshop", Kind::jobshop}, {"flexible_jobshop", Kind::flexible}}) {
    for (const auto& row : foreline::tests::table(data / folder / "best_known.csv")) {
      const auto file = data / folder / "instances" / (row.at(0) + ".txt");
      if (!fs::exists(file)) continue;
      const auto shop = std::get<JobShop>(instance(file, kind));
      const auto answer = solve(shop, foreline::tests::evaluations(20'000), 1);
      const auto complaints = complaints_about(shop, answer);
      INFO(row.at(0) << " " << (complaints.empty() ? "" : complaints.front()));
      CHECK(complaints.empty());
      CHECK(answer.makespan >= std::stoll(row.at(3)));
      CHECK(lower_bound(shop) <= std::stoll(row.at(4)));
      CHECK(static_cast<double>(answer.makespan) <= 1.25 * std::stod(row.at(4)));
      ++count;
    }
  }
  CHECK(count > 90);
}
