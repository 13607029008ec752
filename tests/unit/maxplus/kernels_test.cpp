// SPDX-License-Identifier: Apache-2.0
// The inner loop for each instruction set gives the same bits.
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/maxplus/board.hpp"

using namespace foreline::maxplus;

namespace {

constexpr std::size_t machines = 4;
constexpr std::size_t orders = 60;
constexpr double endless = std::numeric_limits<double>::infinity();

/// A line of four machines with stops in every lane, followed by one copy of the kernels.
struct Day {
  std::vector<Stage> stages{machines};
  std::vector<Gear> gears{machines};
  std::vector<Row> ended{orders};
  std::vector<Row> ring{2, Row::of(-endless)};
  std::vector<double> work_s{7, 11, 5};
  std::vector<double> changeover_s{0, 3, 0, 4, 0, 1, 0, 2, 0};
  std::vector<std::uint32_t> products;
  std::vector<std::vector<Row>> stops_at{machines}, repairs_s{machines};
  std::vector<Row> cycles{orders};
  Board board;
  Sums sums;
  std::size_t given_back = 0;

  Day(const Kernels& kernels, bool each) {
    auto draw = [n = std::uint64_t{0}]() mutable {
      return foreline::line::random_uniform(5, 1, foreline::line::Purpose::scenario, n++);
    };
    for (std::size_t o = 0; o < orders; ++o) {
      products.push_back(static_cast<std::uint32_t>(3 * draw()));
      for (std::size_t l = 0; l < lanes; ++l) {
        cycles[o].values[l] = 0.5 + draw();
        if (each && draw() < 0.1) cycles[o].values[l] *= -1;
      }
    }
    for (std::size_t m = 0; m < machines; ++m) {
      for (int i = 0; i < 40; ++i) {
        auto& at = stops_at[m].emplace_back();
        auto& repair_s = repairs_s[m].emplace_back();
        for (std::size_t l = 0; l < lanes; ++l) {
          at.values[l] =
              (i > 0 ? stops_at[m][static_cast<std::size_t>(i) - 1].values[l] : 0.0) + 150 * draw();
          repair_s.values[l] = 30 * draw();
        }
      }
      stops_at[m].push_back(Row::of(-endless));
      repairs_s[m].push_back(Row::of(endless));
      auto& gear = gears[m];
      gear.work_s = work_s.data();
      gear.changeover_s = changeover_s.data();
      gear.stops_at = stops_at[m].data();
      gear.repairs_s = repairs_s[m].data();
      if (m == 2) gear.cycles = cycles.data();
      if (m == 1) gear.places = 2;
      if (m == 1) gear.fills_up = true;
      if (m == 2) gear.ring = ring.data();
      if (m == 2) gear.ring_mask = 1;
      auto& stage = stages[m];
      stage.next = stops_at[m][0];
      stage.repair_s = repairs_s[m][0];
      for (std::size_t l = 0; l < lanes; ++l) {
        stage.order[l] = -1;
        stage.date.values[l] = l == 3 ? 400 : 1e9;
      }
    }
    board.stages = stages.data();
    board.gears = gears.data();
    board.machines = machines;
    board.products = 3;
    board.product_of = products.data();
    board.horizon_s = 500;
    board.ended = ended.data();
    board.evaluator = this;
    board.careful = [](void* self, std::size_t m, std::size_t l, std::uint32_t o, double, Row&,
                       Row&, Row& done, double operating) {
      auto& day = *static_cast<Day*>(self);
      ++day.given_back;
      done.values[l] += 1;
      day.stages[m].operating.values[l] = operating;
      return o % 7 == 0;
    };
    for (std::uint32_t o = 0; o < orders; ++o)
      (each ? kernels.follow_each : kernels.follow)(board, o, Row::of(2.0 * o));
    std::vector<OrderRow> rows(orders);
    for (std::size_t o = 0; o < orders; ++o) rows[o] = {10.0 * static_cast<double>(o), 2, 0};
    kernels.finish(rows.data(), orders, 0, 800, ended.data(), sums);
    kernels.judge(rows.data(), orders, 0, sums.last, ended.data(), sums);
  }
};

bool same(const Row& a, const Row& b) {
  for (std::size_t l = 0; l < lanes; ++l)
    if (a.values[l] != b.values[l]) return false;
  return true;
}

}  // namespace

TEST_CASE("kernels of all instruction sets give the same bits") {
  const bool each = GENERATE(false, true);
  const auto* const set = GENERATE("avx2", "avx512");
  if (kernels(set).follow == nullptr) return;
  const Day a(kernels("portable"), each);
  const Day b(kernels(set), each);
  CHECK(a.given_back > 0);
  CHECK(a.given_back == b.given_back);
  for (std::size_t m = 0; m < machines; ++m) {
    CHECK(same(a.stages[m].free, b.stages[m].free));
    CHECK(same(a.stages[m].operating, b.stages[m].operating));
    for (std::size_t l = 0; l < lanes; ++l) {
      CHECK(a.stages[m].number[l] == b.stages[m].number[l]);
      CHECK(a.stages[m].parts[l] == b.stages[m].parts[l]);
    }
  }
  for (std::size_t o = 0; o < orders; ++o) CHECK(same(a.ended[o], b.ended[o]));
  CHECK(a.stages[0].number[0] > 0);
  CHECK(a.board.down.values[0] > 0);
  CHECK((a.board.scrapped.values[0] > 0) == each);
  CHECK(same(a.board.down, b.board.down));
  CHECK(same(a.board.breakdowns, b.board.breakdowns));
  CHECK(same(a.board.changeover, b.board.changeover));
  CHECK(same(a.board.good, b.board.good));
  CHECK(same(a.board.scrapped, b.board.scrapped));
  CHECK(same(a.sums.makespan, b.sums.makespan));
  CHECK(same(a.sums.tardiness, b.sums.tardiness));
  CHECK(same(a.sums.late, b.sums.late));
}
