// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/outbox.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "plugin/store/statement.hpp"

namespace foreline::store {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr const char* schema =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS parcels (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " address TEXT NOT NULL, at_ms INTEGER NOT NULL, content BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);";

}  // namespace

struct Outbox::State : DatabaseFile {
  std::size_t most = 0;
  std::size_t size = 0;
  std::uint64_t dropped = 0;

  std::int64_t number(const char* sql) const {
    const auto statement = prepare(sql);
    return statement && sqlite3_step(statement.get()) == SQLITE_ROW
               ? sqlite3_column_int64(statement.get(), 0)
               : 0;
  }
  bool delete_where(const char* sql, std::int64_t value) {
    const auto statement = prepare(sql);
    if (!statement) return false;
    sqlite3_bind_int64(statement.get(), 1, value);
    if (sqlite3_step(statement.get()) != SQLITE_DONE) return false;
    size -= static_cast<std::size_t>(sqlite3_changes(database));
    return true;
  }
};

Outbox::Outbox(std::unique_ptr<State> state) : state_(std::move(state)) {}
Outbox::Outbox(Outbox&&) noexcept = default;
Outbox& Outbox::operator=(Outbox&&) noexcept = default;
Outbox::~Outbox() = default;

Result<Outbox> Outbox::open(const std::filesystem::path& folder, std::size_t most) {
  auto state = std::make_unique<State>();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  state->file = folder / "outbox.db";
  state->most = most;
  if (sqlite3_open(state->file.c_str(), &state->database) != SQLITE_OK)
    return state->failed("open the outbox");
  sqlite3_busy_timeout(state->database, 2000);
  if (!state->run(schema)) return state->failed("make the outbox");
  state->size = static_cast<std::size_t>(state->number("SELECT COUNT(*) FROM parcels"));
  return Outbox(std::move(state));
}

Result<Done> Outbox::add(const std::vector<Parcel>& parcels) {
  auto& s = *state_;
  if (parcels.empty()) return Done{};
  if (!s.run("BEGIN")) return s.failed("keep what could not be sent");
  const auto insert = s.prepare("INSERT INTO parcels (address, at_ms, content) VALUES (?, ?, ?)");
  bool done = insert != nullptr;
  for (const auto& parcel : parcels) {
    if (!done) break;
    sqlite3_bind_text(insert.get(), 1, parcel.address.c_str(), -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert.get(), 2, parcel.at_ms);
    sqlite3_bind_blob(insert.get(), 3, parcel.content.data(),
                      static_cast<int>(parcel.content.size()), SQLITE_STATIC);
    done = sqlite3_step(insert.get()) == SQLITE_DONE;
    sqlite3_reset(insert.get());
  }
  done = done && s.run("COMMIT");
  if (!done) {
    auto error = s.failed("keep what could not be sent");
    (void)s.run("ROLLBACK");
    return error;
  }
  s.size += parcels.size();
  if (s.size <= s.most) return Done{};
  const auto before = s.size;
  (void)s.delete_where(
      "DELETE FROM parcels WHERE number IN (SELECT number FROM parcels ORDER BY number LIMIT ?)",
      static_cast<std::int64_t>(s.size - s.most));
  s.dropped += before - s.size;
  return Done{};
}

Result<std::vector<Parcel>> Outbox::after(std::int64_t number, std::size_t count) const {
  const auto& s = *state_;
  const auto select = s.prepare(
      "SELECT number, address, at_ms, content FROM parcels WHERE number > ? ORDER BY number "
      "LIMIT ?");
  if (!select) return s.failed("read what is kept");
  sqlite3_bind_int64(select.get(), 1, number);
  sqlite3_bind_int64(select.get(), 2, static_cast<std::int64_t>(count));
  std::vector<Parcel> parcels;
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(select.get())) == SQLITE_ROW) {
    const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(select.get(), 3));
    parcels.push_back({sqlite3_column_int64(select.get(), 0),
                       text_at(select.get(), 1),
                       sqlite3_column_int64(select.get(), 2),
                       {bytes, bytes + sqlite3_column_bytes(select.get(), 3)}});
  }
  if (step != SQLITE_DONE) return s.failed("read what is kept");
  return parcels;
}

Result<Done> Outbox::received(std::int64_t number) {
  if (!state_->delete_where("DELETE FROM parcels WHERE number <= ?", number))
    return state_->failed("forget what was received");
  return Done{};
}

std::size_t Outbox::size() const {
  return state_->size;
}

std::uint64_t Outbox::dropped() const {
  return state_->dropped;
}

Result<std::uint64_t> Outbox::count_up() {
  auto& s = *state_;
  if (!s.run("INSERT INTO counters VALUES ('births', 0)"
             " ON CONFLICT (name) DO UPDATE SET value = value + 1"))
    return s.failed("count");
  return static_cast<std::uint64_t>(s.number("SELECT value FROM counters WHERE name = 'births'"));
}

}  // namespace foreline::store
