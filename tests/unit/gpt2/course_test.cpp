// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/course.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "tests/unit/gpt2/small_model.hpp"

using namespace foreline::gpt2;
using namespace foreline::gpt2::test;

namespace {

const Config& shape() {
  static const Config config = small_config(1, 16, 2, 29);
  return config;
}

/// Next words of texts that depend on the step and the part alone.
Lesson lesson_of(std::uint64_t step, std::size_t part) {
  Lesson lesson;
  std::vector<std::uint32_t> labels;
  for (std::size_t i = 0; i < 2; ++i) {
    Sequence sequence{some_tokens(shape(), 12, 10 * step + 5 * part + i), {}};
    for (std::uint32_t t = 0; t + 1 < 12; ++t) {
      sequence.asked.push_back(t);
      labels.push_back(sequence.tokens[t + 1]);
    }
    lesson.batch.push_back(sequence);
  }
  lesson.loss = cross_entropy(labels);
  return lesson;
}

Course course_in(const std::filesystem::path& folder) {
  Course course;
  course.steps = 12;
  course.warmup = 2;
  course.peak_rate = 5e-3F;
  course.parts = 2;
  course.state = folder / "training.state";
  course.save_every = 3;
  course.identity = {{"seed", "1"}};
  return course;
}

TrainRules rules() {
  TrainRules rules;
  rules.dropout = {0.1F, 0.1F, 0.1F};
  rules.average_decay = 0.8F;
  return rules;
}

}  // namespace

TEST_CASE("a course that was stopped continues bit for bit as if it had not been") {
  const auto folder = fresh_folder("course");
  auto course = course_in(folder);
  course.validate_every = 2;
  const Validate validate = [](const Weights& weights) {
    return std::abs(static_cast<double>(weights.wte[3]) - 0.01);
  };
  Trainer whole(shape(), initial_weights(shape(), 1), rules());
  auto without = course;
  without.state.clear();
  const auto unbroken = teach(whole, without, lesson_of, {validate, {}, {}});
  REQUIRE(unbroken);
  CHECK(unbroken->steps == 12);

  std::size_t asked = 0;
  Trainer first(shape(), initial_weights(shape(), 1), rules());
  const auto stopped =
      teach(first, course, lesson_of, {validate, {}, [&] { return ++asked == 5; }});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().text().find("stopped after step 5 of 12") != std::string::npos);
  CHECK(stopped.error().text().find("continue with --resume") != std::string::npos);

  Trainer second(shape(), initial_weights(shape(), 2), rules());
  const auto refused = teach(second, course, lesson_of, {validate, {}, {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("earlier run") != std::string::npos);
  course.resume = true;
  std::vector<std::string> said;
  const auto resumed =
      teach(second, course, lesson_of,
            {validate, [&](const std::string& line) { said.push_back(line); }, {}});
  REQUIRE(resumed);
  REQUIRE_FALSE(said.empty());
  CHECK(said.front() == "continuing after step 5 of 12");
  CHECK(resumed->weights.wte == unbroken->weights.wte);
  CHECK(resumed->weights.layers[0].fc_weight == unbroken->weights.layers[0].fc_weight);
  CHECK(resumed->loss == unbroken->loss);
  CHECK(resumed->best_step == unbroken->best_step);
  CHECK(second.weights().wpe == whole.weights().wpe);
}

TEST_CASE("a course resumes only with its own options, and says which differ") {
  auto course = course_in(fresh_folder("course-options"));
  Trainer first(shape(), initial_weights(shape(), 1), rules());
  REQUIRE(teach(first, course, lesson_of));
  course.resume = true;
  course.steps = 20;
  course.identity["seed"] = "2";
  Trainer second(shape(), initial_weights(shape(), 1), rules());
  const auto refused = teach(second, course, lesson_of);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("the run had seed = 1, now it is 2") != std::string::npos);
  CHECK(refused.error().text().find("the run had steps = 12, now it is 20") != std::string::npos);
}

TEST_CASE("a loss that is not a number ends a course and says where the last state is") {
  auto course = course_in(fresh_folder("course-nan"));
  const Teach broken = [](std::uint64_t step, std::size_t part) {
    auto lesson = lesson_of(step, part);
    if (step == 7)
      lesson.loss = RowLoss(
          [](std::size_t, std::span<float>) { return std::numeric_limits<double>::quiet_NaN(); });
    return lesson;
  };
  Trainer trainer(shape(), initial_weights(shape(), 1), rules());
  const auto ended = teach(trainer, course, broken);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().text().find("the loss of step 8 is not a number") != std::string::npos);
  CHECK(ended.error().text().find("the state after step 6 is in ") != std::string::npos);
}

TEST_CASE("a full disk ends a course and says what is where") {
  auto course = course_in(fresh_folder("course-full"));
  std::filesystem::create_symlink("/dev/full", course.state.string() + ".part");
  Trainer trainer(shape(), initial_weights(shape(), 1), rules());
  const auto ended = teach(trainer, course, lesson_of);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().text().find("No space left on device") != std::string::npos);
  CHECK(ended.error().text().find("training ended at step 3") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(course.state));
}

TEST_CASE("a course without progress ends early with its best weights") {
  auto course = course_in(fresh_folder("course-early"));
  course.validate_every = 1;
  course.patience = 3;
  std::size_t validations = 0;
  std::vector<float> at_best;
  Trainer trainer(shape(), initial_weights(shape(), 1), rules());
  const auto taught =
      teach(trainer, course, lesson_of,
            {[&](const Weights& weights) {
               ++validations;
               if (validations == 4) at_best = weights.wte;
               return validations <= 4 ? 10.0 - static_cast<double>(validations) : 20.0;
             },
             {},
             {}});
  REQUIRE(taught);
  CHECK(taught->steps == 7);
  CHECK(taught->best_step == 4);
  CHECK(taught->best_loss == 6);
  CHECK(taught->weights.wte == at_best);
}
