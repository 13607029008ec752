// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace foreline::attachment {

void Attachment::State::put_aside() {
  auto& alarms = watch->alarms();
  for (const auto& [id, aside] : kept.out_of_service) alarms.take_out_of_service(id, line_s);
  for (const auto& [id, aside] : kept.shelved) alarms.keep_shelved(id, line_s, aside.until_s);
}

void Attachment::State::bound_shelving() {
  for (auto& [id, aside] : kept.shelved) {
    if (aside.until_s <= line_s + aside.for_s) continue;
    aside.until_s = line_s + aside.for_s;
    watch->alarms().keep_shelved(id, line_s, aside.until_s);
  }
}

void Attachment::State::note_alarm(const std::string& who, const char* what, const Json& detail) {
  (void)note(who, what, text_of(detail));
}

Result<Done> Attachment::State::note_unseen(const std::string& who, const char* what,
                                            const Json& detail) {
  if (!store) return Done{};
  return store->append(wall_ns(), line_s, who, what, text_of(detail));
}

void Attachment::State::acknowledge(const Acknowledged& wanted) {
  bool done = false;
  AlarmEvent event;
  {
    const std::lock_guard lock(mutex);
    done = watch->alarms().acknowledge(wanted.subject, line_s);
    event = watch->alarms().record(wanted.subject).event;
  }
  if (!done) return;
  note_alarm(wanted.who, "acknowledged", {{"alarm", wanted.subject}});
  tell({EventKind::alarm, line_s, wanted.subject, "acknowledged", wanted.subject + " acknowledged",
        "{}", static_cast<double>(event.probability), event.expected_in_s});
}

void Attachment::State::shelve(Shelved wanted) {
  wanted.for_s = std::min(wanted.for_s, shelve_most_s);
  const bool hide = wanted.for_s > 0;
  const double wall_s = wanted.for_s / std::max(pace, 1e-3);
  const Aside aside{wanted.who,
                    wanted.reason,
                    wall_ns(),
                    line_s + wanted.for_s,
                    wall_ns() + static_cast<std::int64_t>(1e9 * wall_s),
                    wanted.for_s};
  Json detail = {{"alarm", wanted.subject}};
  if (hide) {
    detail["for_s"] = aside.for_s;
    detail["until_s"] = aside.until_s;
    detail["until_ms"] = aside.until_ns / 1'000'000;
    detail["reason"] = wanted.reason;
  }
  Result<Done> noted = Done{};
  {
    const std::lock_guard lock(mutex);
    auto& alarms = watch->alarms();
    if (!(hide ? alarms.shelve(wanted.subject, line_s, wanted.for_s)
               : alarms.unshelve(wanted.subject, line_s)))
      return;
    kept.shelved.erase(wanted.subject);
    if (hide) kept.shelved.emplace(wanted.subject, aside);
    noted = note_unseen(wanted.who, hide ? kept::shelved : kept::unshelved, detail);
  }
  (void)logged(noted);
  tell({EventKind::alarm, line_s, wanted.subject, hide ? "shelved" : "unshelved",
        hide ? fmt::format("{} shelved for {:.0f} min by {}", wanted.subject, wanted.for_s / 60,
                           wanted.who)
             : fmt::format("{} is no longer shelved", wanted.subject),
        "{}"});
}

void Attachment::State::service(const Serviced& wanted) {
  Result<Done> noted = Done{};
  {
    const std::lock_guard lock(mutex);
    auto& alarms = watch->alarms();
    if (!(wanted.in_service ? alarms.return_to_service(wanted.subject, line_s)
                            : alarms.take_out_of_service(wanted.subject, line_s)))
      return;
    kept.shelved.erase(wanted.subject);
    kept.out_of_service.erase(wanted.subject);
    if (!wanted.in_service)
      kept.out_of_service.emplace(wanted.subject, Aside{wanted.who, wanted.reason, wall_ns()});
    noted = note_unseen(wanted.who, wanted.in_service ? kept::in_service : kept::out_of_service,
                        {{"alarm", wanted.subject}, {"reason", wanted.reason}});
  }
  (void)logged(noted);
  tell({EventKind::alarm, line_s, wanted.subject,
        wanted.in_service ? "in-service" : "out-of-service",
        fmt::format("{} {} by {}", wanted.subject,
                    wanted.in_service ? "returned to service" : "taken out of service", wanted.who),
        "{}"});
}

}  // namespace foreline::attachment
