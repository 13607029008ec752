// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/course.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Error;
using line::Result;
using nlohmann::json;

namespace {

using Clock = std::chrono::steady_clock;

/// Share of the last loss in the running mean.
constexpr double freshness = 0.01;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

std::string time_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

/// Numbers as text, exactly: JSON has no NaN, and decimal digits must not round.
std::string exact(double x) {
  return fmt::format("{:a}", x);
}

/// What the loop itself carries from step to step.
struct Progress {
  double running = 0;
  double best_loss = 0;
  std::uint64_t best_step = 0;
  std::uint64_t worse = 0;  ///< Validations since the best one.

  [[nodiscard]] std::string note(const Course& course) const {
    json options = json::object();
    for (const auto& [name, value] : identity_of(course)) options[name] = value;
    return json{{"options", options},
                {"running", exact(running)},
                {"best_loss", exact(best_loss)},
                {"best_step", best_step},
                {"worse", worse}}
        .dump(-1, ' ', false, json::error_handler_t::replace);
  }

  static std::map<std::string, std::string> identity_of(const Course& course) {
    auto options = course.identity;
    options["steps"] = std::to_string(course.steps);
    options["warmup"] = std::to_string(course.warmup);
    options["rate"] = fmt::format("{}", course.peak_rate);
    options["parts"] = std::to_string(course.parts);
    options["validate every"] = std::to_string(course.validate_every);
    options["patience"] = std::to_string(course.patience);
    return options;
  }

  [[nodiscard]] Result<line::Done> read(const std::string& note, const Course& course) {
    const auto file = course.state.string();
    const json all = json::parse(note, nullptr, false);
    const auto text = [&](const char* key) {
      return all.is_object() && all.contains(key) && all[key].is_string()
                 ? all[key].get<std::string>()
                 : std::string();
    };
    const auto whole = [&](const char* key) {
      return all.is_object() && all.contains(key) && all[key].is_number_unsigned();
    };
    if (text("running").empty() || text("best_loss").empty() || !whole("best_step") ||
        !whole("worse") || !all.contains("options") || !all["options"].is_object())
      return Error(std::vector<Diagnostic>{
          {file, 0, 0, "its note is not that of a course", "it belongs to another program"}});
    std::vector<Diagnostic> diagnostics;
    for (const auto& [name, wanted] : identity_of(course)) {
      const auto& options = all["options"];
      const auto found = options.contains(name) && options[name].is_string()
                             ? options[name].get<std::string>()
                             : std::string("nothing");
      if (found == wanted) continue;
      diagnostics.push_back({file, 0, 0,
                             fmt::format("the run had {} = {}, now it is {}", name, found, wanted),
                             "resume with the options of the run, or begin another one"});
    }
    if (!diagnostics.empty()) return Error(std::move(diagnostics));
    running = std::strtod(text("running").c_str(), nullptr);
    best_loss = std::strtod(text("best_loss").c_str(), nullptr);
    best_step = all["best_step"].get<std::uint64_t>();
    worse = all["worse"].get<std::uint64_t>();
    return line::Done{};
  }
};

std::size_t tokens_of(const Lesson& lesson) {
  std::size_t tokens = 0;
  for (const auto& sequence : lesson.batch) tokens += sequence.tokens.size();
  return tokens;
}

}  // namespace

Result<Taught> teach(Trainer& trainer, const Course& course, const Teach& lesson,
                     const Surroundings& around) {
  const auto say = [&](const std::string& line) {
    if (around.say) around.say(line);
  };
  const bool keeps = !course.state.empty() && course.save_every > 0;
  const bool validates = around.validate && course.validate_every > 0;
  Progress progress;
  Weights best;
  std::uint64_t step = trainer.steps();
  std::uint64_t saved = 0;  ///< Step of the state on disk; 0: none.
  std::error_code ignored;
  if (!course.state.empty() && std::filesystem::exists(course.state, ignored)) {
    if (!course.resume)
      return Error(std::vector<Diagnostic>{{course.state.string(), 0, 0,
                                            "is the state of an earlier run that did not end",
                                            "continue it with --resume, or remove the file"}});
    auto note = trainer.restore(course.state, &best);
    if (!note) return note.error();
    if (auto read = progress.read(*note, course); !read) return read.error();
    if (progress.best_step > 0 && best.wte.empty())
      return Error(std::vector<Diagnostic>{
          {course.state.string(), 0, 0, "its best weights are missing", "it is damaged"}});
    step = saved = trainer.steps();
    say(fmt::format("continuing after step {} of {}", step, course.steps));
  } else if (course.resume) {
    say(fmt::format("there is no {}: beginning at the first step", course.state.string()));
  }

  const auto where = [&]() -> std::string {
    if (saved > 0)
      return fmt::format("the state after step {} is in {}; continue with --resume", saved,
                         course.state.string());
    return "nothing was written";
  };
  const auto save = [&]() -> Result<line::Done> {
    auto done =
        trainer.save(course.state, progress.note(course), progress.best_step > 0 ? &best : nullptr);
    if (done) {
      saved = step;
      return done;
    }
    auto error = done.error();
    error.diagnostics.push_back(
        {{}, 0, 0, fmt::format("training ended at step {}", step), where()});
    return error;
  };

  const auto began = Clock::now();
  const auto first_step = step;
  auto said = began;
  std::size_t tokens = 0;
  std::size_t tokens_said = 0;
  bool early = false;
  while (step < course.steps && !early) {
    double loss = 0;
    const auto parts = std::max<std::size_t>(1, course.parts);
    for (std::size_t part = 0; part < parts; ++part) {
      const auto taught = lesson(step, part);
      tokens += tokens_of(taught);
      const float share = 1 / static_cast<float>(parts);
      loss +=
          std::visit([&](const auto& of) { return trainer.accumulate(taught.batch, of, share); },
                     taught.loss) /
          static_cast<double>(parts);
    }
    if (!std::isfinite(loss))
      return Error(fmt::format("the loss of step {} is not a number", step + 1),
                   fmt::format("try a lower learning rate; {}", where()));
    const auto descent =
        trainer.descend(learning_rate(step, course.steps, course.warmup, course.peak_rate));
    if (!descent.applied) {
      // The weights are as they were; the same lesson would fail again, so there is no other way
      // on.
      return Error(fmt::format("the gradient of step {} is not finite", step + 1),
                   fmt::format("try a lower learning rate; {}", where()));
    }
    ++step;
    progress.running = step == 1 ? loss : (1 - freshness) * progress.running + freshness * loss;

    if (validates && (step % course.validate_every == 0 || step == course.steps)) {
      auto weights = trainer.averaged();
      const double held_out = around.validate(weights);
      if (std::isfinite(held_out) && (progress.best_step == 0 || held_out < progress.best_loss)) {
        progress.best_loss = held_out;
        progress.best_step = step;
        progress.worse = 0;
        best = std::move(weights);
      } else {
        ++progress.worse;
      }
      early = course.patience > 0 && progress.worse >= course.patience;
      say(fmt::format("step {}, validation loss {:.5f}{}", step, held_out,
                      progress.worse == 0 ? ", the best so far" : ""));
    }
    const bool stop = around.stop && around.stop();
    if (keeps && (step % course.save_every == 0 || stop)) {
      if (auto done = save(); !done) return done.error();
    }
    if (stop) return Error(fmt::format("stopped after step {} of {}", step, course.steps), where());

    const double since = seconds_since(said);
    const auto twentieth = std::max<std::uint64_t>(1, course.steps / 20);
    if (since >= 10 || step % twentieth == 0 || step == course.steps) {
      const double pace = seconds_since(began) / static_cast<double>(step - first_step);
      say(fmt::format("step {} of {}, loss {:.4f}, {:.0f} tokens/s, {} left", step, course.steps,
                      progress.running,
                      static_cast<double>(tokens - tokens_said) / std::max(since, 1e-6),
                      time_text(pace * static_cast<double>(course.steps - step))));
      said = Clock::now();
      tokens_said = tokens;
    }
  }
  if (early)
    say(fmt::format("no better validation loss in {} validations: ending early at step {}",
                    course.patience, step));
  Taught taught;
  taught.steps = step;
  taught.loss = progress.running;
  taught.best_loss = progress.best_loss;
  taught.best_step = progress.best_step;
  taught.weights = progress.best_step > 0 ? std::move(best) : trainer.averaged();
  return taught;
}

}  // namespace foreline::gpt2
