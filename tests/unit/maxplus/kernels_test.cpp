// SPDX-License-Identifier: Apache-2.0
// The inner loop for each instruction set gives the same bits.
#include <catch2/catch.hpp>
#include <vector>

#include "sim/line/random.hpp"
#include "sim/maxplus/board.hpp"

using namespace foreline::maxplus;

namespace {

constexpr std::size_t machines = 4;
constexpr std::size_t orders = 60;

/// A line of four machines with stops in every lane, followed by one copy of the kernels.
struct Day {
  std::vector<Stage> stages{machines};
  std::vector<Gear> gears{machines};
  std::vector<Row> ended{orders};
  std::vector<Row> ring{2};
  std::vector<double> work_s{7, 11, 5};
  std::vector<double> changeover_s{0, 3, 0, 4, 0, 1, 0, 2, 0};
  std::vector<std::uint32_t> products;
  std::vector<std::vector<Stop>> stops{machines * lanes};
  std::vector<Row> cycles{orders};
  Board board;
  Sums sums;
  std::size_t given_back = 0;

  explicit Day(const Kernels& kernels) {
    auto draw = [n = std::uint64_t{0}]() mutable {
      return foreline::line::random_uniform(5, 1, foreline::line::Purpose::scenario, n++);
    };
    for (std::size_t o = 0; o < orders; ++o) {
      products.push_back(static_cast<std::uint32_t>(3 * draw()));
      for (std::size_t l = 0; l < lanes; ++l) cycles[o].values[l] = 0.5 + draw();
    }
    for (std::size_t m = 0; m < machines; ++m) {
      gears[m].work_s = work_s.data();
      gears[m].changeover_s = changeover_s.data();
      if (m == 2) gears[m].cycles = cycles.data();
      if (m == 1) gears[m].places = 2;
      if (m == 2) gears[m].ring = ring.data();
      if (m == 2) gears[m].ring_size = 2;
      for (std::size_t l = 0; l < lanes; ++l) {
        auto& own = stops[m * lanes + l];
        double at = 0;
        for (int i = 0; i < 40; ++i) own.push_back({at += 60 * draw(), 30 * draw(), 0, false});
        own.emplace_back();
        auto& stage = stages[m];
        stage.order[l] = -1;
        stage.date.values[l] = l == 3 ? 400 : 1e9;
        stage.coming[l] = own.data();
        stage.next.values[l] = own[0].at;
        stage.repair_s.values[l] = own[0].repair_s;
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
    board.careful = [](void* self, std::size_t m, std::size_t l, std::uint32_t, double, Row&, Row&,
                       Row& done, double operating) {
      auto& day = *static_cast<Day*>(self);
      ++day.given_back;
      done.values[l] += 1;
      day.stages[m].operating.values[l] = operating;
    };
    for (std::uint32_t o = 0; o < orders; ++o) kernels.follow(board, o, 2.0 * o);
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
  if (kernels("avx2").follow == nullptr) return;
  const Day a(kernels("portable"));
  const Day b(kernels("avx2"));
  CHECK(a.given_back > 0);
  CHECK(a.given_back == b.given_back);
  for (std::size_t m = 0; m < machines; ++m) {
    CHECK(same(a.stages[m].free, b.stages[m].free));
    CHECK(same(a.stages[m].operating, b.stages[m].operating));
    for (std::size_t l = 0; l < lanes; ++l)
      CHECK(a.stages[m].coming[l] - a.stops[m * lanes + l].data() ==
            b.stages[m].coming[l] - b.stops[m * lanes + l].data());
  }
  for (std::size_t o = 0; o < orders; ++o) CHECK(same(a.ended[o], b.ended[o]));
  CHECK(a.board.down.values[0] > 0);
  CHECK(same(a.board.down, b.board.down));
  CHECK(same(a.board.breakdowns, b.board.breakdowns));
  CHECK(same(a.board.changeover, b.board.changeover));
  CHECK(same(a.board.good, b.board.good));
  CHECK(same(a.sums.makespan, b.sums.makespan));
  CHECK(same(a.sums.tardiness, b.sums.tardiness));
  CHECK(same(a.sums.late, b.sums.late));
}
