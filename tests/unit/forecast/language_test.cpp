// SPDX-License-Identifier: Apache-2.0
#include "inference/language/language.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <limits>
#include <numeric>
#include <set>

#include "inference/language/answers.hpp"

using namespace foreline;
using namespace foreline::inference;
using line::SignalKind;

namespace {

SignalStatistics statistics(SignalKind kind, float level) {
  SignalStatistics s;
  s.kind = kind;
  s.known = true;
  s.last = level;
  s.mean_short = level + 0.2F;
  s.mean_long = level - 0.7F;
  s.slope_long = level / 2;
  s.trend = level / 3;
  s.spread_last = 0.5F;
  s.spread_short = 0.3F;
  s.spread_ratio = 0.1F;
  s.good_share = 1;
  return s;
}

Window window_of(std::vector<SignalStatistics> signals) {
  Window window;
  window.operating_h = 12;
  window.execute_share = 0.9F;
  window.missing_share = 0;
  window.ready = true;
  window.signals = std::move(signals);
  return window;
}

}  // namespace

TEST_CASE("Every word is of letters only and is there once") {
  const Language language;
  std::set<std::string> seen;
  for (const auto& word : language.words()) {
    CHECK(std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isalpha(c); }));
    CHECK(seen.insert(word).second);
    CHECK_FALSE(language.meaning(static_cast<std::uint16_t>(seen.size() - 1)).empty());
  }
}

TEST_CASE("A sentence round-trips through its text") {
  const Language language;
  const auto sentence = language.say(
      window_of({statistics(SignalKind::vibration, 4), statistics(SignalKind::temperature, -3)}));
  const auto words = language.read(language.text(sentence));
  REQUIRE(words);
  CHECK(*words == sentence.words);
  CHECK(language.text(sentence).find("vibrationLastN") != std::string::npos);
}

TEST_CASE("A sentence ends with a question for each kind of fault") {
  const Language language;
  const auto sentence = language.say(window_of({statistics(SignalKind::vibration, 4)}));
  const auto questions = sentence.words.size() - line::fault_kind_count;
  for (const auto kind : line::all_fault_kinds) {
    const auto word = sentence.words.at(questions + static_cast<std::size_t>(kind));
    CHECK(word == language.question(kind));
    CHECK(language.meaning(word).find(name_of(kind)) != std::string::npos);
  }
}

TEST_CASE("What is said of one subject shares a position, and each question has its own") {
  const Language language;
  std::vector<std::uint32_t> tokens(language.words().size());
  std::iota(tokens.begin(), tokens.end(), 0U);
  auto window =
      window_of({statistics(SignalKind::vibration, 4), statistics(SignalKind::vibration, 4)});
  window.kinds.set(static_cast<std::size_t>(line::FaultKind::tool_wear));
  window.kinds.set(static_cast<std::size_t>(line::FaultKind::power_dip));
  const auto sentence = language.say(window);
  const auto sequence = sequence_of(sentence, window.kinds, tokens);
  std::vector<std::uint32_t> shared = {4, 8, 8};
  shared.insert(shared.end(), line::fault_kind_count, 1);
  CHECK(sequence.summed == shared);
  CHECK(sequence.asked == std::vector<std::uint32_t>{4, 18});
  CHECK(std::equal(sequence.tokens.begin(), sequence.tokens.end(), sentence.words.begin(),
                   sentence.words.end()));
  window.signals.assign(40, statistics(SignalKind::current, 1));
  CHECK(sequence_of(language.say(window), window.kinds, tokens).positions() ==
        Language::most_positions());
}

TEST_CASE("Levels grow with the value and end at the open ends") {
  const Language language;
  std::uint16_t previous = 0;
  for (float level = -200; level < 200; level += 0.5F) {
    const auto sentence = language.say(window_of({statistics(SignalKind::vibration, level)}));
    const auto first = std::find(sentence.signal.begin(), sentence.signal.end(), 0);
    const auto word = sentence.words[static_cast<std::size_t>(first - sentence.signal.begin())];
    CHECK(word >= previous);
    previous = word;
  }
  CHECK(language.words()[previous] == "vibrationLastX");
}

TEST_CASE("What is not known is said so") {
  const Language language;
  auto signal = statistics(SignalKind::current, 2);
  signal.slope_long = unknown_statistic;
  CHECK(language.text(language.say(window_of({signal}))).find("currentSlopeZ") !=
        std::string::npos);
  signal.known = false;
  const auto text = language.text(language.say(window_of({signal})));
  CHECK(
      text.find(
          "currentLastZ currentShortZ currentLongZ currentSlopeZ currentTrendZ currentFlutterZ") !=
      std::string::npos);
}

TEST_CASE("Hiding a signal is the same as not knowing it") {
  const Language language;
  auto vibration = statistics(SignalKind::vibration, 5);
  const auto current = statistics(SignalKind::current, 1);
  const auto hidden = language.hide(language.say(window_of({vibration, current})), 0);
  vibration.known = false;
  CHECK(hidden == language.say(window_of({vibration, current})));
}

TEST_CASE("The order of signals in the line file does not matter") {
  const Language language;
  const auto a = statistics(SignalKind::vibration, 5);
  const auto b = statistics(SignalKind::temperature, 2);
  const auto c = statistics(SignalKind::cycle_time, 1);
  CHECK(language.say(window_of({a, b, c})).words == language.say(window_of({c, a, b})).words);
}

TEST_CASE("A machine with very many signals still fits, and its loudest signal is told") {
  const Language language;
  std::vector<SignalStatistics> signals(40, statistics(SignalKind::current, 0.1F));
  signals[33] = statistics(SignalKind::current, 30);
  const auto sentence = language.say(window_of(signals));
  CHECK(sentence.words.size() == Language::longest());
  CHECK(std::count(sentence.signal.begin(), sentence.signal.end(), 33) == 8);
}

TEST_CASE("An unknown word is named with a near one") {
  const auto words = Language().read("ageA vibrationLostM runB nonsense");
  REQUIRE_FALSE(words);
  REQUIRE(words.error().diagnostics.size() == 2);
  CHECK(words.error().diagnostics[0].what ==
        "'vibrationLostM' is not a word of the telemetry language");
  CHECK(words.error().diagnostics[0].hint == "did you mean 'vibrationLastM'?");
  CHECK(words.error().diagnostics[0].column == 6);
}

TEST_CASE("Answers are bins that end at the forecast horizons") {
  CHECK(answer_of(1) == 0);
  CHECK(answer_of(300) == 0);
  CHECK(answer_of(301) == 1);
  CHECK(answer_of(14400) == 9);
  CHECK(answer_of(14401) == answer_count - 1);
}
