// SPDX-License-Identifier: Apache-2.0
// The historian: frames, tags and events in an embedded SQLite database of its own, so that it
// never delays the audit. What has been committed survives a kill; at most the last second is lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/telemetry.hpp"

namespace foreline::store {

struct Point {
  std::int64_t at_ns = 0;  ///< Host clock; made to grow when the clock is set back.
  double value = 0;
  line::Quality quality = line::Quality::good;
};

/// An alarm, a forecast, a decision, a link that was lost.
struct Happening {
  std::int64_t at_ns = 0;
  double at_s = 0;
  std::string kind;
  std::string subject;
  std::string what;
  std::string text;
  std::string detail;
};

class History {
 public:
  /// Opens or makes `folder`/history.db. `channels` name the samples of a frame in their order;
  /// when they differ from the last time, both meanings are kept.
  [[nodiscard]] static line::Result<History> open(const std::filesystem::path& folder,
                                                  const std::vector<std::string>& channels);
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;
  ~History();  ///< Commits.

  // What is written becomes durable with commit(). One thread at a time.
  [[nodiscard]] line::Result<line::Done> add_frame(std::int64_t at_ns,
                                                   std::span<const line::Sample> samples);
  [[nodiscard]] line::Result<line::Done> add_point(const std::string& tag, const Point& point);
  [[nodiscard]] line::Result<line::Done> add_event(const Happening& event);
  [[nodiscard]] line::Result<line::Done> commit();
  /// Drops samples before one time and events before another; the space is used again.
  [[nodiscard]] line::Result<line::Done> drop_before(std::int64_t samples_ns,
                                                     std::int64_t events_ns);

  /// A channel or tag in [from, to], oldest first. Errors: no such channel or tag.
  [[nodiscard]] line::Result<std::vector<Point>> window(const std::string& name,
                                                        std::int64_t from_ns,
                                                        std::int64_t to_ns) const;
  [[nodiscard]] line::Result<std::vector<Happening>> events(std::int64_t from_ns,
                                                            std::int64_t to_ns) const;
  /// The newest `most` alarms, happenings at machines and sums since then, oldest first. Does not
  /// read what else there is.
  [[nodiscard]] line::Result<std::vector<Happening>> of_machines(std::int64_t from_ns,
                                                                 std::size_t most) const;

 private:
  struct State;
  explicit History(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::store
