// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace foreline::attachment {

namespace {

/// Line time as people read it: "1:17:31".
std::string clock_text(double at_s) {
  const auto whole = static_cast<long>(std::max(0.0, at_s));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

struct Cancelled {};

}  // namespace

void Attachment::State::tell_plan(const std::string& what, const std::string& text,
                                  const std::string& detail) {
  tell(
      {EventKind::plan, line_s,
       proposal.number == 0 ? std::string("planning") : fmt::format("proposal {}", proposal.number),
       what, text, detail});
}

bool Attachment::State::waits_for_second() const {
  return proposal.state == ProposalState::refused && !proposal.signed_by.empty() &&
         line_s - proposal.made_at_s <= configuration.gate.approval_expires_s;
}

bool Attachment::State::occupied() const {
  return planning || proposal.state == ProposalState::proposed ||
         proposal.state == ProposalState::deploying || waits_for_second();
}

void Attachment::State::want_plan(const std::string& because) {
  if (occupied()) return;
  planned_at_s = line_s;
  Schedule active;
  auto now = connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
  if (!now) {
    tell_plan("failed", fmt::format("no plan for {}: {}", because, now.error().text()));
    return;
  }
  if (!worker) {
    worker::Options options;
    options.given_up = [this] { return stopping.load(); };
    auto started_worker = worker::Client::start(options);
    if (!started_worker) {
      tell_plan("failed",
                fmt::format("no plan for {}: {}", because, started_worker.error().text()));
      return;
    }
    worker.emplace(std::move(*started_worker));
  }
  plan::Request request;
  double forecast_at_s = 0;
  double missing_share = 0;
  const auto booked_then = booked;
  {
    const std::lock_guard lock(mutex);
    request = request_from(std::move(*now), std::move(active), forecast_at_s, missing_share);
    progress = {};
    proposal.state = ProposalState::planning;
  }
  planning = true;
  tell_plan("started", fmt::format("planning because of {}, from the line's state at {}", because,
                                   clock_text(request.now.at_s)));
  if (planner.joinable()) planner.join();
  planner = std::thread([this, because, polled_at_s = line_s, asked = std::move(request),
                         forecast_at_s, missing_share, booked_then] {
    std::optional<Result<plan::Plan>> planned;
    std::size_t told = 0;
    try {
      planned = plan::make_plan(asked, *worker, [&](std::size_t done, std::size_t all) {
        if (stopping) throw Cancelled{};
        if (10 * done / all == told) return;
        told = 10 * done / all;
        post(PlanProgress{done, all});
      });
    } catch (const Cancelled&) {
      worker.reset();
      return;
    } catch (const std::exception& error) {
      planned = Error(fmt::format("planning failed: {}", error.what()));
    }
    post(Planned{because, polled_at_s, asked, booked_then, forecast_at_s, missing_share,
                 std::move(*planned)});
  });
}

void Attachment::State::take(Planned& planned) {
  planner.join();
  planning = false;
  if (!planned.plan) {
    worker.reset();
    const std::lock_guard lock(mutex);
    proposal.state = ProposalState::failed;
    tell_plan("failed", planned.plan.error().text());
    return;
  }
  const auto& winner = planned.plan->evaluated.at(planned.plan->winner).candidate;
  reacting.expect(planned.plan->proof.keep_finishes);
  {
    const std::lock_guard lock(mutex);
    proposal.number = static_cast<std::uint16_t>(proposal.number + 1U);
    proposal.request = planned.request;
    proposal.schedule = winner.schedule;
    proposal.name = winner.name;
    proposal.gain_lower_95 = planned.plan->proof.gain_lower_95;
    proposal.made_at_s = line_s;
    proposal.finishes = planned.plan->proof.winner_finishes;
    proposal.promised =
        core::promise_of(planned.request, *planned.plan, proposal.number, planned.booked);
    proposal.signed_by.clear();
  }
  core::GateInput input;
  input.request = &planned.request;
  input.plan = &*planned.plan;
  input.connected = connected;
  // The state was read behind a poll. Before the next one it is the latest that is known; a clock
  // that goes back since then shows as a negative age.
  input.now_s = line_s == planned.polled_at_s ? std::max(line_s, planned.request.now.at_s) : line_s;
  input.forecast_at_s = planned.forecast_at_s;
  input.missing_share = planned.missing_share;
  input.deployed_at_s = deployed_at_s;
  input.may_write = configuration.may_write;
  input.audit_works = store.has_value();
  input.forecast = forecast_record();
  input.twin = core::twin_record_of(kept.stretches, configuration.gate.least_stretches,
                                    planned.request.horizon_s);
  input.locked_out = kept.ledger.locked_out();
  input.ledger = kept.ledger.promises();
  input.identity = input.identity_now =
      store::digest_of(core::identity_text(planned.request, winner.schedule, configuration.gate));
  auto verdict = core::judge(input, configuration.gate);
  auto detail = to_json(*planned.plan, planned.request, verdict);
  detail["proposal"] = proposal.number;
  detail["because"] = planned.because;
  detail["identity"] = input.identity;
  detail["can_be_overruled"] =
      !verdict.passed && verdict.can_be_overruled() && !(winner.schedule == planned.request.active);
  if (verdict.passed &&
      !audit("foreline", "proposed", text_of(detail["after"]) + " because " + verdict.reason)) {
    verdict.passed = false;
    verdict.check = "audit";
    verdict.found = {"the audit cannot be written", {}};
    verdict.reason = verdict.found.text();
    detail["passed"] = false;
    detail["reason"] = verdict.reason;
    detail["said"] = said(verdict);
  }
  {
    const std::lock_guard lock(mutex);
    proposal.state = verdict.passed ? ProposalState::proposed : ProposalState::refused;
    proposal.identity = input.identity;
    proposal.verdict = verdict;
    if (!verdict.passed) ++gate_refusals;
  }
  tell_plan(verdict.passed ? "proposed" : "refused",
            fmt::format("proposal {}: {}", proposal.number, verdict.reason), text_of(detail));
}

void Attachment::State::look_after_proposal() {
  const auto& rules = configuration.planning;
  if (proposal.state == ProposalState::proposed && line_s - proposal.made_at_s > rules.expires_s) {
    (void)audit("foreline", "lapsed", proposal.name);
    {
      const std::lock_guard lock(mutex);
      proposal.state = ProposalState::lapsed;
    }
    tell_plan("lapsed", fmt::format("proposal {} has lapsed: nobody decided within {:.0f} min",
                                    proposal.number, rules.expires_s / 60));
  }
  const bool rested = planned_at_s < 0 || line_s - planned_at_s >= rules.again_after_s;
  if (!reason_kept.empty() && rested && connected && !occupied())
    want_plan(std::exchange(reason_kept, {}));
  const bool idle =
      proposal.state == ProposalState::refused || proposal.state == ProposalState::lapsed ||
      proposal.state == ProposalState::failed || proposal.state == ProposalState::none;
  if (!rules.on_alarm || !idle || planning || waits_for_second() || !connected ||
      planned_at_s < 0 || line_s - planned_at_s < rules.again_after_s)
    return;
  std::string standing;
  {
    const std::lock_guard lock(mutex);
    for (const auto& record : watch->alarms().standing())
      if (record.active && record.event.alarm_class == AlarmClass::forecast &&
          record.state != AlarmState::out_of_service && record.state != AlarmState::shelved)
        standing = record.event.id;
  }
  if (!standing.empty()) want_plan(standing + " (again)");
}

}  // namespace foreline::attachment
