// SPDX-License-Identifier: Apache-2.0
// What the plugin must still know after a restart, as lines of the audit: deployments with what
// they promised and what came of them, roll-backs, and how far forecast and simulation were right.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/attachment/details.hpp"
#include "plugin/core/ledger.hpp"
#include "plugin/core/skill.hpp"
#include "plugin/store/store.hpp"

namespace foreline::attachment {

/// What a line of the audit is about, in its `what`.
namespace kept {
inline constexpr const char* promised = "promised";
inline constexpr const char* settled = "settled";
inline constexpr const char* rolled_back = "rolled back";
inline constexpr const char* cleared = "cleared";
inline constexpr const char* ended = "run ended";
inline constexpr const char* stretch = "simulation compared";
inline constexpr const char* scores = "forecasts judged";
inline constexpr const char* out_of_service = "alarm out of service";
inline constexpr const char* in_service = "alarm in service";
inline constexpr const char* shelved = "alarm shelved";
inline constexpr const char* unshelved = "alarm unshelved";
}  // namespace kept

[[nodiscard]] Json to_json(const core::Promised& promised);
/// Throws nlohmann's exceptions for what to_json() has not written.
[[nodiscard]] core::Promised promised_from(const Json& json);
/// Whether it is about an order book and a line of these sizes.
[[nodiscard]] bool fits(const core::Promised& promised, std::size_t orders, std::size_t machines);
[[nodiscard]] Json to_json(const core::Stretch& stretch);
[[nodiscard]] Json to_json(const core::Scores& scores);

/// What came of the forecasts of some hours.
struct Period {
  std::int64_t wall_ns = 0;  ///< When they had been judged.
  double at_s = 0;           ///< Line time, likewise.
  core::Scores scores;
};

/// An alarm that a person has put out of sight.
struct Aside {
  std::string who;
  std::string reason;
  std::int64_t since_ns = 0;  ///< Host clock.
  double until_s = 0;         ///< Shelved: line time.
  std::int64_t until_ns = 0;  ///< Shelved: when that was expected to be, by the host's clock.
  double for_s = 0;           ///< Shelved: line time, at most.
};

struct Kept {
  static constexpr std::size_t stretches_most = 20;
  static constexpr std::size_t periods_most = 200;
  static constexpr std::int64_t scores_for_ns = 30LL * 86'400 * 1'000'000'000;

  core::Ledger ledger;
  std::vector<core::Stretch> stretches;         ///< The last ones, oldest first.
  core::Scores scores;                          ///< Of the last 30 days.
  std::vector<Period> periods;                  ///< Of those, the last ones, oldest first.
  std::map<std::string, Aside> out_of_service;  ///< By alarm.
  std::map<std::string, Aside> shelved;         ///< By alarm; those whose time is over may remain.
  /// Who has put this alarm aside; null when nobody has.
  [[nodiscard]] const Aside* aside(const core::AlarmRecord& record) const;
  void add(const core::Stretch& stretch);
  void add(const Period& period);
};
/// Reads the lines that this release writes; others are passed over. `orders` and `machines`: a
/// promise about another order book or line cannot be kept any more.
[[nodiscard]] Kept kept_of(const std::vector<store::AuditLine>& lines, std::int64_t now_ns,
                           std::size_t orders, std::size_t machines);

}  // namespace foreline::attachment
