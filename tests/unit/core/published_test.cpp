// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/published.hpp"

#include <bit>
#include <catch2/catch.hpp>

#include "plugin/core/quality.hpp"
#include "tests/support/lines.hpp"

using namespace foreline;
using namespace foreline::core;

namespace {

double f32(const std::vector<std::uint16_t>& words, std::size_t at) {
  return static_cast<double>(
      std::bit_cast<float>((std::uint32_t{words.at(at)} << 16U) | words.at(at + 1)));
}

}  // namespace

TEST_CASE("forecasts lie where docs/integrators/registers.md says") {
  const auto line = tests::line_of({tests::machine("a", 10, 4), tests::machine("b", 10, 0)});
  const Alarms alarms(line, {});
  std::vector<line::Forecast> forecasts(2);
  forecasts[1].available = true;
  forecasts[1].at_s = 600;
  for (const auto kind : line::all_fault_kinds) {
    line::KindForecast answer;
    answer.kind = kind;
    forecasts[1].kinds.push_back(answer);
  }
  forecasts[1].kinds[2].within = {0, 0, 0, 0.25F, 0.25F, 0.25F, 0.25F, 0.75F, 0.75F, 0.75F};
  Published values;
  values.connected = true;
  values.clock_s = 12.5;
  values.proposal = 3;
  values.proposal_state = ProposalState::proposed;
  const auto words = registers_of(values, line, alarms, forecasts);
  CHECK(words.at(0) == 17'999);
  CHECK(words.at(3) == 1);
  CHECK(f32(words, 4) == 12.5);
  CHECK(words.at(6) == 2);
  CHECK(words.at(12) == 3);
  CHECK(words.at(13) == 2);
  const std::size_t jam_of_b = 100 + 12 * (1 * 16 + 2);
  CHECK(words.at(jam_of_b) == 1);
  CHECK(f32(words, jam_of_b + 2) == 0.25);
  CHECK(f32(words, jam_of_b + 4) == 0.75);
  CHECK(f32(words, jam_of_b + 6) > 5400);
  CHECK(f32(words, jam_of_b + 6) < 7200);
  CHECK(f32(words, jam_of_b + 8) == 600);
  CHECK(words.at(100) == 0);
  CHECK(f32(words, 106) == -1);
  CHECK(words.size() == 100 + 12 * 32);
  CHECK(inputs_of(line, alarms).size() == 32);
}

TEST_CASE("a decision survives the wire, and half a decision is none") {
  const Decision decided{7, Decision::Kind::approve, "Ada Lovelace"};
  auto words = to_words(decided);
  const auto back = decision_from(words);
  REQUIRE(back);
  CHECK(back->proposal == 7);
  CHECK(back->kind == Decision::Kind::approve);
  CHECK(back->who == "Ada Lovelace");
  CHECK_FALSE(decision_from(to_words({0, Decision::Kind::approve, "x"})));
  CHECK_FALSE(decision_from(to_words({7, Decision::Kind::approve, ""})));
  CHECK(decision_from(to_words({0, Decision::Kind::clear, "x"})));
  words[1] = 5;
  CHECK_FALSE(decision_from(words));
  words.pop_back();
  CHECK_FALSE(decision_from(words));
  const auto cut = decision_from(to_words({7, Decision::Kind::reject, std::string(50, 'n')}));
  REQUIRE(cut);
  CHECK(cut->who.size() == 32);
}

TEST_CASE("acknowledge codes name alarms") {
  const auto line = tests::line_of({tests::machine("a", 10, 4), tests::machine("b", 10, 0)});
  CHECK(acknowledged_by(1, line) == "a/bearing-wear");
  CHECK(acknowledged_by(32, line) == "b/power-dip");
  CHECK(acknowledged_by(0xFFFF, line) == "plc/communication");
  CHECK(acknowledged_by(0, line).empty());
  CHECK(acknowledged_by(33, line).empty());
}

TEST_CASE("qualities are spelled as OPC spells them") {
  CHECK(opc_quality(line::Quality::good) == 192);
  CHECK(opc_quality(line::Quality::uncertain_last_known) / 64 == 1);
  CHECK(opc_quality(line::Quality::bad_sensor_failure) < 64);
}
