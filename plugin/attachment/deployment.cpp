// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/line/schedule_block.hpp"

namespace foreline::attachment {

void Attachment::State::finish(ProposalState state, const std::string& what,
                               const std::string& text, const std::string& detail) {
  {
    const std::lock_guard lock(mutex);
    proposal.state = state;
  }
  tell(
      {EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), what, text, detail});
}

void Attachment::State::decide(const core::Decision& decision) {
  using Kind = core::Decision::Kind;
  if (decision.kind == Kind::clear) return clear_lock_out(decision.who);
  if (decision.kind == Kind::roll_back) {
    const auto& standing = kept.ledger.standing();
    if (standing && standing->proposal == decision.proposal)
      return roll_back(decision.who, "on request");
    const std::lock_guard lock(mutex);
    roll_back_state = core::RollBack::refused;
    return;
  }
  const bool overrules = can_be_overruled(proposal);
  if (decision.proposal != proposal.number ||
      (proposal.state != ProposalState::proposed && !overrules)) {
    // A SCADA that writes its decision again and again must not fill the log.
    if (const auto times = decided_in_vain.due(++vain_decisions, seconds(Clock::now() - started)))
      log(Level::warning, "attachment",
          fmt::format("{} decided on proposal {}, which is not waiting for a decision{}",
                      decision.who, decision.proposal,
                      *times > 1 ? fmt::format(" ({} such before were not told)", *times - 1)
                                 : std::string()));
    return;
  }
  if (decision.kind == Kind::reject) {
    (void)audit(decision.who, "rejected", proposal.name);
    return finish(ProposalState::rejected, "rejected",
                  fmt::format("proposal {} was rejected by {}", proposal.number, decision.who));
  }
  if (overrules && proposal.signed_by.empty()) return sign(decision.who);
  approve(decision.who, overrules);
}

void Attachment::State::sign(const std::string& who) {
  if (!audit(who, "signed", "first of two, against the gate: " + proposal.verdict.reason)) return;
  {
    const std::lock_guard lock(mutex);
    proposal.signed_by = who;
  }
  tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "signed",
        fmt::format("{} wants proposal {} against the gate; a second person must agree", who,
                    proposal.number),
        "{}"});
}

void Attachment::State::approve(const std::string& who, bool overrules) {
  const core::Approval approval{overrules ? proposal.signed_by : who, overrules ? who : "",
                                proposal.identity, proposal.made_at_s, line_s};
  const auto doubts =
      core::complaints_about(approval, proposal.verdict,
                             store::digest_of(core::identity_text(
                                 proposal.request, proposal.schedule, configuration.gate)),
                             configuration.gate);
  if (!doubts.empty()) {
    (void)audit(who, "refused", doubts.front());
    // One name twice is no second person; another may still come.
    if (overrules && approval.second == approval.who && doubts.size() == 1)
      return tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "signed",
                   doubts.front(), "{}"});
    return finish(ProposalState::lapsed, "refused", doubts.front());
  }
  if (!audit(who, "approved", proposal.name + ", " + proposal.identity))
    return finish(ProposalState::failed, "failed", "the audit cannot be written, so nothing is");
  {
    const std::lock_guard lock(mutex);
    proposal.state = ProposalState::deploying;
  }
  tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), "approved",
        fmt::format("proposal {} ({}) was approved by {}{}", proposal.number, proposal.name, who,
                    overrules ? " and " + proposal.signed_by + ", against the gate" : ""),
        "{}"});
  flush();  // heard before anything is written, whatever becomes of us then
  deploy();
}

void Attachment::State::deploy() {
  Schedule active;
  auto now = read_state(active);
  if (!now) {
    (void)audit("foreline", "failed", now.error().text());
    return finish(ProposalState::failed, "failed", now.error().text());
  }
  const auto complaints = core::complaints_now(proposal.schedule, proposal.request, *now, active);
  if (!complaints.empty()) {
    (void)audit("foreline", "refused", complaints.front());
    return finish(ProposalState::lapsed, "refused",
                  fmt::format("the line has moved on: {}", complaints.front()));
  }
  if (!audit("foreline", "writing", "staging block, then commit")) {
    return finish(ProposalState::failed, "failed", "the audit cannot be written, so nothing is");
  }
  if (leftovers) {
    (void)audit("foreline", "refused", "an earlier deployment is not settled");
    return finish(ProposalState::failed, "refused", "an earlier deployment is not settled yet");
  }
  const auto written = write_schedule(proposal.schedule, {{"promise", to_json(proposal.promised)}});
  if (!written.why_not.empty()) {
    alarm_deployment(true, written.why_not);
    return finish(ProposalState::failed, "failed", written.why_not);
  }
  in_force(proposal.promised, true);
  (void)store->end(written.entry);
  reacting.expect(proposal.finishes);
  finish(ProposalState::confirmed, "confirmed",
         fmt::format("{} is active: the PLC's block, read back, equals the approved schedule",
                     proposal.name),
         text_of({{"registers", written.registers}}));
}

Json Attachment::State::registers_json(const std::vector<core::StagedRegister>& staged,
                                       const io::ScheduleNow& now) {
  const auto& map = *configuration.map.schedule;
  Json out = Json::array();
  for (const auto& one : staged) {
    const bool commit = one.what == core::StagedRegister::What::commit;
    const auto place = static_cast<std::size_t>(one.address - map.staging);
    out.push_back({{"address", one.address},
                   {"what", core::name_of(one.what)},
                   {"number", one.number},
                   {"word", one.word},
                   {"low", one.low},
                   {"high", one.high},
                   {"by", core::name_of(one.by)},
                   {"held", commit ? now.committed : now.staging.at(place)},
                   {"active_address", commit ? map.active_sequence : map.active + place},
                   {"active", commit ? now.active_sequence : now.active.at(place)}});
  }
  return out;
}

Result<std::string> Attachment::State::staging_of(const StagingWanted& wanted) {
  const Error late("the PLC was not read in time");
  if (Clock::now() >= wanted.until) return late;
  const auto& standing = kept.ledger.standing();
  if (wanted.back && (!standing || standing->proposal != wanted.proposal))
    return Error("no deployed schedule stands to be taken back");
  if (!wanted.back && (proposal.number == 0 || wanted.proposal != proposal.number))
    return Error(fmt::format("proposal {} does not wait for a decision", wanted.proposal));
  Schedule active;
  const auto now =
      connected ? read_state(active) : Result<LineNow>(Error("the PLC does not answer"));
  if (!now) return now.error();
  auto frozen = now->frozen_prefix(active);
  const auto schedule =
      wanted.back ? core::way_back(standing->before, active, frozen) : proposal.schedule;
  if (!wanted.back) frozen = std::max(frozen, plan::frozen_of(proposal.request));
  if (Clock::now() >= wanted.until) return late;
  const auto& map = *configuration.map.schedule;
  const auto held = io::read_schedule(*plc, map);
  if (!held) return held.error();
  const auto number = io::number_after(held->committed);
  const auto staged =
      core::staged_registers(map, schedule, line(), *configuration.orders, active, frozen, number);
  const Json back = {
      {{"address", map.staging}, {"words", block_size}, {"what", "what was staged"}},
      {{"address", map.echo}, {"words", 1}, {"what", "the commit number"}},
      {{"address", map.reject}, {"words", 1}, {"what", "0, for accepted"}},
      {{"address", map.active_sequence}, {"words", 1}, {"what", "the commit number"}},
      {{"address", map.active}, {"words", block_size}, {"what", "what was staged"}}};
  return text_of({{"at_s", line_s}, {"registers", registers_json(staged, *held)}, {"back", back}});
}

Attachment::State::Written Attachment::State::write_schedule(const Schedule& schedule,
                                                             Json meaning) {
  std::int64_t entry = 0;
  const auto block = to_block(schedule);
  const auto done = io::deploy(
      *plc, *configuration.map.schedule, block,
      std::chrono::duration_cast<std::chrono::milliseconds>(deploy_patience),
      [&](const std::string& what, const std::string& text) {
        (void)audit("foreline", what, text);
        if (what == "confirmed") return;
        tell({EventKind::deploy, line_s, fmt::format("proposal {}", proposal.number), what, text,
              "{}"});
        flush();
      },
      [&](std::uint16_t sequence) {
        meaning["sequence"] = sequence;
        meaning["block"] = block;
        auto begun = store->begin("deployment", text_of(meaning));
        if (!begun) {
          log(Level::error, "store", begun.error().text());
          return false;
        }
        entry = *begun;
        return true;
      });
  if (!done) {
    leftovers = entry != 0;  // looked into at the next poll
    (void)audit("foreline", "failed", done.error().text());
    return {done.error().text(), entry};
  }
  Schedule active;
  (void)from_block(done->active, active);
  const auto staged = core::staged_registers(*configuration.map.schedule, schedule, line(),
                                             *configuration.orders, active, 0, done->committed);
  return {{}, entry, registers_json(staged, *done)};
}

void Attachment::State::alarm_deployment(bool failed, const std::string& why) {
  const std::lock_guard lock(mutex);
  for (const auto& alarm : watch->alarms().update_deployment(line_s, failed, why))
    tell({EventKind::alarm, alarm.at_s, alarm.id, std::string(name_of(alarm.what)),
          fmt::format("{} {}: {}", alarm.id, name_of(alarm.what), alarm.why),
          text_of(to_json(watch->alarms().record(alarm.id)))});
}

void Attachment::State::settle_leftovers() {
  if (!leftovers || !connected || !configuration.map.schedule) return;
  auto entries = store->unfinished();
  if (!entries) return;
  leftovers = false;
  for (const auto& entry : *entries) {
    const auto detail = Json::parse(entry.detail, nullptr, false);
    Block block{};
    if (entry.what != "deployment" || !detail.is_object() || !detail.contains("block")) continue;
    const auto words = detail["block"].get<std::vector<std::uint16_t>>();
    if (words.size() != block.size()) continue;
    std::copy(words.begin(), words.end(), block.begin());
    const auto& registers = *configuration.map.schedule;
    const auto number = detail.value("sequence", std::uint16_t{0});
    auto found = io::leftover(*plc, registers, block, number);
    if (!found || *found == io::Leftover::waiting) {
      leftovers = true;  // asked again at the next poll
      continue;
    }
    std::string text = "it is neither staged nor in force";
    if (*found == io::Leftover::active) {
      text = "it is in force: the active block equals it";
      catch_up(detail);
    } else if (*found == io::Leftover::refused) {
      text =
          fmt::format("the PLC refused its number {}; the running schedule is unchanged", number);
    } else if (*found == io::Leftover::replaced) {
      text = fmt::format("the PLC accepted its number {}, and runs another schedule since", number);
    } else if (*found == io::Leftover::staged && !configuration.may_write) {
      text = "it lies in the staging block, and writing is off: clear it by hand";
    } else if (*found == io::Leftover::staged) {
      if (!note("foreline", "clearing", "a schedule that was staged and never committed")) {
        leftovers = true;
        continue;
      }
      const auto cleared = io::clear_staging(*plc, registers);
      if (!cleared) {
        leftovers = true;
        continue;
      }
      text = "it was staged and never committed; the staging block has been cleared";
    }
    (void)note("foreline", "recovered", "an unfinished deployment: " + text);
    (void)store->end(entry.number);
    tell({EventKind::deploy, line_s, "an earlier deployment", "recovered",
          "an unfinished deployment was found: " + text, "{}"});
  }
}

void Attachment::State::catch_up(const Json& detail) {
  try {
    if (const auto back = detail.find("back"); back != detail.end()) {
      if (kept.ledger.standing())
        rolled_back(back->at("who").get<std::string>(), back->at("because").get<std::string>(),
                    true);
      return;
    }
    const auto promise = detail.find("promise");
    if (promise == detail.end()) return;  // of an older release
    const auto promised = promised_from(*promise);
    if (!fits(promised, configuration.orders->size(), line().machines.size())) return;
    const auto& standing = kept.ledger.standing();
    if (standing && standing->proposal == promised.proposal && standing->from_s == promised.from_s)
      return;  // killed behind the note
    in_force(promised, false);
    if (proposal.number == promised.proposal && proposal.state == ProposalState::failed) {
      const std::lock_guard lock(mutex);
      proposal.state = ProposalState::confirmed;
    }
  } catch (const Json::exception& error) {
    log(Level::error, "store", fmt::format("a journal entry is not understood: {}", error.what()));
  }
}

}  // namespace foreline::attachment
