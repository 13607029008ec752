// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <utility>

namespace foreline::attachment {

namespace {

constexpr double judged_every_s = 4 * 3600;  ///< Line time between audit lines about forecasts.
constexpr std::size_t least_forecasts = 100;

}  // namespace

void Attachment::State::tell_deployment(const std::string& what, const std::string& text,
                                        const std::string& detail) {
  tell({EventKind::deploy, line_s, "deployment", what, text, detail});
}

void Attachment::State::react(const LineNow& now) {
  for (const auto& reason : reacting.step(line(), *configuration.orders, now, stops.open())) {
    tell_plan("reason", reason);
    reason_kept = reason;
  }
}

void Attachment::State::follow(const LineNow& now) {
  if (!following) return;
  const auto news = following->step(line(), *configuration.orders, now, booked);
  if (!news.window.empty()) {
    const std::lock_guard lock(mutex);
    followed = news.window;
  }
  if (news.back_due) return roll_back("foreline", news.text);
  if (news.over) settle(news.realised, news.text);
}

void Attachment::State::settle(std::optional<double> realised, const std::string& text) {
  following.reset();
  const Json detail = {{"proposal", kept.ledger.standing()->proposal},
                       {"realised", realised ? Json(*realised) : Json()},
                       {"text", text}};
  (void)note("foreline", kept::settled, text_of(detail));
  {
    const std::lock_guard lock(mutex);
    kept.ledger.settled(realised);
    followed.clear();
  }
  tell_deployment("settled", text, text_of(detail));
}

void Attachment::State::judge_forecasts() {
  if (!judged || line_s - scored_at_s < judged_every_s) return;
  const bool first = scored_at_s < 0;
  scored_at_s = line_s;
  if (first || judged->scores().forecasts() == 0) return;
  const std::lock_guard lock(mutex);
  if (!note("foreline", kept::scores, text_of(to_json(judged->scores())))) return;
  kept.add(Period{wall_ns(), line_s, judged->scores()});
  judged->clear();
}

std::optional<core::ForecastRecord> Attachment::State::forecast_record() const {
  auto here = kept.scores;
  if (judged) here.add(judged->scores());
  const auto record = here.record(least_forecasts, configuration.gate.least_failures);
  return record ? record : evaluation;
}

void Attachment::State::take(Compared& compared) {
  if (!compared.stretch)
    return log(Level::warning, "attachment",
               "a stretch of time was not compared with the simulation: " +
                   compared.stretch.error().text());
  const auto& stretch = *compared.stretch;
  (void)note("foreline", kept::stretch, text_of(to_json(stretch)));
  const std::lock_guard lock(mutex);
  kept.add(stretch);
  log(Level::info, "attachment",
      fmt::format("{:.0f} parts left the line in {:.0f} min; simulated with the stops as they "
                  "were {:.1f}, without knowing them {:.0f} to {:.0f}",
                  stretch.came, (stretch.until_s - stretch.from_s) / 60, stretch.replayed,
                  stretch.low, stretch.high));
}

void Attachment::State::roll_back(const std::string& who, const std::string& because) {
  const auto end = [&](core::RollBack state, const std::string& what, const std::string& text) {
    {
      const std::lock_guard lock(mutex);
      roll_back_state = state;
    }
    if (state != core::RollBack::done) (void)note(who, "roll-back " + what, text);
    tell_deployment(what, text);
  };
  const auto standing = kept.ledger.standing();
  if (!standing)
    return end(core::RollBack::refused, "refused", "no deployed schedule stands to be taken back");
  if (proposal.state == ProposalState::deploying || leftovers)
    return end(core::RollBack::refused, "refused", "an earlier deployment is not settled yet");
  if (!configuration.may_write)
    return end(core::RollBack::refused, "refused", "writing schedules is switched off");
  Schedule active;
  auto now = connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
  if (!now) return end(core::RollBack::failed, "failed", now.error().text());
  if (to_block(active) != to_block(standing->after))
    return end(core::RollBack::refused, "refused",
               "the PLC runs another schedule than the one that was deployed");
  auto frozen = now->frozen_prefix(active);
  const auto back = core::way_back(standing->before, active, frozen);
  const auto complaints =
      line::complaints_about(back, line(), *configuration.orders, active, frozen);
  if (!complaints.empty()) return end(core::RollBack::refused, "refused", complaints.front());
  const Json detail = {{"proposal", standing->proposal}, {"because", because}};
  Json meaning = {{"back", detail}};
  meaning["back"]["who"] = who;
  if (!note(who, "rolling back", text_of(detail)))
    return end(core::RollBack::failed, "failed", "the audit cannot be written, so nothing is");
  {
    const std::lock_guard lock(mutex);
    roll_back_state = core::RollBack::under_way;
  }
  bool changes = !(back == active);
  auto written = changes ? write_schedule(back, meaning) : Written{};
  // An order that starts meanwhile makes the PLC refuse the way back; from there is another one.
  for (int again = 0; again < 3 && !written.why_not.empty(); ++again) {
    settle_leftovers();
    if (!kept.ledger.standing()) return;  // it is in force after all, and that is told
    now = leftovers ? Result<LineNow>(Error(written.why_not)) : read_state(active);
    if (!now || to_block(active) != to_block(standing->after) ||
        now->frozen_prefix(active) <= frozen)
      break;
    frozen = now->frozen_prefix(active);
    const auto other = core::way_back(standing->before, active, frozen);
    if (!line::complaints_about(other, line(), *configuration.orders, active, frozen).empty())
      break;
    changes = !(other == active);
    written = changes ? write_schedule(other, meaning) : Written{};
  }
  if (!written.why_not.empty()) return end(core::RollBack::failed, "failed", written.why_not);
  rolled_back(who, because, changes, std::move(written.registers));
  if (written.entry != 0) (void)store->end(written.entry);
}

void Attachment::State::rolled_back(const std::string& who, const std::string& because,
                                    bool changes, Json registers) {
  const auto standing = kept.ledger.standing();
  (void)note(who, kept::rolled_back,
             text_of({{"proposal", standing->proposal}, {"because", because}}));
  following.reset();
  reacting.expect({});
  if (twin_check) twin_check->forget();
  {
    const std::lock_guard lock(mutex);
    kept.ledger.rolled_back();
    roll_back_state = core::RollBack::done;
    followed.clear();
    if (proposal.state == ProposalState::proposed) proposal.state = ProposalState::lapsed;
  }
  const auto text =
      fmt::format("{} rolled \"{}\" back: {}; {}. Nothing is deployed before a person clears this",
                  who, standing->name, because,
                  changes ? "the former schedule is active again, read back"
                          : "all that it changed has happened already, so nothing was written");
  alarm_deployment(true, text);
  Json detail = {{"proposal", standing->proposal}};
  if (registers.is_array()) detail["registers"] = std::move(registers);
  tell_deployment("rolled-back", text, text_of(detail));
}

void Attachment::State::clear_lock_out(const std::string& who) {
  if (!kept.ledger.locked_out() || !note(who, kept::cleared, "{}")) return;
  {
    const std::lock_guard lock(mutex);
    kept.ledger.cleared();
  }
  alarm_deployment(false, fmt::format("{} has cleared the roll-back", who));
  tell_deployment("cleared", fmt::format("{} has cleared the roll-back: schedules may be deployed "
                                         "again",
                                         who));
}

void Attachment::State::in_force(const core::Promised& promised, bool seen) {
  alarm_deployment(false, "the last deployment has ended well");
  deployed_at_s = line_s;
  if (following) settle(std::nullopt, "another schedule followed before its time was over");
  (void)note("foreline", kept::promised, text_of(to_json(promised)));
  {
    const std::lock_guard lock(mutex);
    kept.ledger.promised(promised);
  }
  following.emplace(promised, configuration.gate, seen);
  glanced_at = {};
  if (twin_check) twin_check->forget();
}

}  // namespace foreline::attachment
