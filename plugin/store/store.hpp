// SPDX-License-Identifier: Apache-2.0
// What must be kept: the audit of everything that was decided and written, each line chained to the
// one before by SHA-256, in SQLite. No audit, no write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::store {

/// SHA-256 in hexadecimal.
[[nodiscard]] std::string digest_of(const std::string& text);

struct AuditLine {
  std::int64_t number = 0;
  std::int64_t wall_ns = 0;  ///< Host clock, ns since the Unix epoch.
  double at_s = 0;           ///< Line time.
  std::string who;
  std::string what;  ///< "proposed", "approved", "staged", ...
  std::string detail;
  std::string hash;  ///< SHA-256 (hex) over the former hash and all fields above.
};

/// A sum over one hour of line time, kept over restarts (core::HourlySum).
struct HourRow {
  std::string signal;
  std::int64_t number = 0;
  double from_s = 0;
  double samples = 0;
  double sum = 0;
};

/// Something begun whose end has not been written.
struct JournalEntry {
  std::int64_t number = 0;
  std::string what;
  std::string detail;
};

/// Held by the one instance that writes to a store: two would break each other's chain. A kill
/// frees it.
class StoreLock {
 public:
  /// Makes the folder. Errors: another instance holds it; not writable.
  [[nodiscard]] static line::Result<std::unique_ptr<StoreLock>> take(
      const std::filesystem::path& folder);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  int fd_;
};

class Store {
 public:
  /// Opens or makes `folder`/foreline.db. Errors: not writable, not a database, broken chain.
  [[nodiscard]] static line::Result<Store> open(const std::filesystem::path& folder);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// Durable when it returns. One thread at a time.
  [[nodiscard]] line::Result<line::Done> append(std::int64_t wall_ns, double at_s,
                                                const std::string& who, const std::string& what,
                                                const std::string& detail);
  /// All lines, oldest first; an error names the first line that does not follow from its past.
  [[nodiscard]] line::Result<std::vector<AuditLine>> audit() const;
  /// The same of a store that somebody else may be writing to; changes nothing.
  [[nodiscard]] static line::Result<std::vector<AuditLine>> read_audit(
      const std::filesystem::path& folder);

  /// The journal: begin() before a thing that must not be left half done, end() after. Durable
  /// when they return.
  [[nodiscard]] line::Result<std::int64_t> begin(const std::string& what,
                                                 const std::string& detail);
  [[nodiscard]] line::Result<line::Done> end(std::int64_t number);
  /// What was begun and never ended, oldest first.
  [[nodiscard]] line::Result<std::vector<JournalEntry>> unfinished() const;

  /// Writes these hours over what is there of them, and drops all before `oldest`. Durable when it
  /// returns.
  [[nodiscard]] line::Result<line::Done> keep_hours(const std::vector<HourRow>& rows,
                                                    std::int64_t oldest);
  [[nodiscard]] line::Result<std::vector<HourRow>> hours() const;
  [[nodiscard]] const std::filesystem::path& file() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::store
