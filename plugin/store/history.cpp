// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/history.hpp"
#include "plugin/store/statement.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

namespace foreline::store {

using line::Done;
using line::Error;
using line::Quality;
using line::Result;

namespace {

// A frame is one row: four bytes of value and one of quality for each channel.
constexpr const char* schema =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS layouts (id INTEGER PRIMARY KEY, channels TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS frames ("
    " at_ns INTEGER PRIMARY KEY, layout INTEGER NOT NULL, samples BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS points ("
    " tag INTEGER NOT NULL, at_ns INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,"
    " PRIMARY KEY (tag, at_ns)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS events ("
    " number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, at_s REAL NOT NULL, kind TEXT NOT NULL,"
    " subject TEXT NOT NULL, what TEXT NOT NULL, text TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (at_ns);"
    "CREATE INDEX IF NOT EXISTS events_of_machines ON events (at_ns)"
    " WHERE kind IN ('alarm', 'machine', 'sums');";
constexpr std::size_t sample_size = 5;

void bind(sqlite3_stmt* statement, int column, const std::string& text) {
  sqlite3_bind_text(statement, column, text.c_str(), static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Quality quality_from(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(Quality::bad_out_of_service) ? static_cast<Quality>(raw)
                                                                       : Quality::bad_config;
}

}  // namespace

struct History::State : DatabaseFile {
  Statement add_frame;
  Statement add_point;
  Statement add_event;
  bool open = false;  ///< A transaction.
  std::int64_t layout = 0;
  std::int64_t last_ns = 0;
  std::map<std::string, std::int64_t> tags;
  std::map<std::int64_t, std::int64_t> last_of_tag;

  ~State() {
    if (open) run("COMMIT");
  }
  bool begin() {
    if (!open) open = run("BEGIN");
    return open;
  }
  /// At most so many; negative: all.
  Result<std::vector<Happening>> events(const std::string& which, std::int64_t from_ns,
                                        std::int64_t to_ns, std::int64_t most) const {
    const auto read = prepare(
        ("SELECT at_ns, at_s, kind, subject, what, text, detail FROM events " + which + " LIMIT ?")
            .c_str());
    if (!read) return failed("read the historian");
    sqlite3_bind_int64(read.get(), 1, from_ns);
    sqlite3_bind_int64(read.get(), 2, to_ns);
    sqlite3_bind_int64(read.get(), 3, most);
    std::vector<Happening> out;
    while (sqlite3_step(read.get()) == SQLITE_ROW)
      out.push_back({sqlite3_column_int64(read.get(), 0), sqlite3_column_double(read.get(), 1),
                     text_at(read.get(), 2), text_at(read.get(), 3), text_at(read.get(), 4),
                     text_at(read.get(), 5), text_at(read.get(), 6)});
    return out;
  }
  bool step(const Statement& statement) const {
    const bool done = sqlite3_step(statement.get()) == SQLITE_DONE;
    sqlite3_reset(statement.get());
    return done;
  }
  /// The id of a name in a table of names, made when need be.
  std::optional<std::int64_t> id_of(const char* insert, const char* select,
                                    const std::string& name) const {
    const auto made = prepare(insert);
    if (!made) return std::nullopt;
    bind(made.get(), 1, name);
    if (sqlite3_step(made.get()) != SQLITE_DONE) return std::nullopt;
    const auto found = prepare(select);
    bind(found.get(), 1, name);
    if (sqlite3_step(found.get()) != SQLITE_ROW) return std::nullopt;
    return sqlite3_column_int64(found.get(), 0);
  }
};

History::History(std::unique_ptr<State> state) : state_(std::move(state)) {}
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;
History::~History() = default;

Result<History> History::open(const std::filesystem::path& folder,
                              const std::vector<std::string>& channels) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  auto state = std::make_unique<State>();
  state->file = folder / "history.db";
  if (error || sqlite3_open(state->file.c_str(), &state->database) != SQLITE_OK)
    return state->failed("open the historian");
  sqlite3_busy_timeout(state->database, 1000);
  if (!state->run(schema)) return state->failed("prepare the historian");
  std::string joined;
  for (const auto& channel : channels) joined += channel + "\n";
  const auto layout = state->id_of("INSERT OR IGNORE INTO layouts (channels) VALUES (?)",
                                   "SELECT id FROM layouts WHERE channels = ?", joined);
  if (!layout) return state->failed("prepare the historian");
  state->layout = *layout;
  const auto last = state->prepare("SELECT max(at_ns) FROM frames");
  if (last && sqlite3_step(last.get()) == SQLITE_ROW)
    state->last_ns = sqlite3_column_int64(last.get(), 0);
  state->add_frame = state->prepare("INSERT INTO frames VALUES (?, ?, ?)");
  state->add_point = state->prepare("INSERT INTO points VALUES (?, ?, ?, ?)");
  state->add_event = state->prepare(
      "INSERT INTO events (at_ns, at_s, kind, subject, what, text, detail) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  if (!state->add_frame || !state->add_point || !state->add_event)
    return state->failed("prepare the historian");
  return History(std::move(state));
}

Result<Done> History::add_frame(std::int64_t at_ns, std::span<const line::Sample> samples) {
  auto& s = *state_;
  if (!s.begin()) return s.failed("write the historian");
  std::vector<std::uint8_t> bytes(sample_size * samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::memcpy(&bytes[sample_size * i], &samples[i].value, 4);
    bytes[sample_size * i + 4] = static_cast<std::uint8_t>(samples[i].quality);
  }
  s.last_ns = std::max(at_ns, s.last_ns + 1);
  sqlite3_bind_int64(s.add_frame.get(), 1, s.last_ns);
  sqlite3_bind_int64(s.add_frame.get(), 2, s.layout);
  sqlite3_bind_blob(s.add_frame.get(), 3, bytes.data(), static_cast<int>(bytes.size()),
                    SQLITE_STATIC);
  if (!s.step(s.add_frame)) return s.failed("write the historian");
  return Done{};
}

Result<Done> History::add_point(const std::string& tag, const Point& point) {
  auto& s = *state_;
  if (!s.begin()) return s.failed("write the historian");
  auto known = s.tags.find(tag);
  if (known == s.tags.end()) {
    const auto id = s.id_of("INSERT OR IGNORE INTO tags (name) VALUES (?)",
                            "SELECT id FROM tags WHERE name = ?", tag);
    if (!id) return s.failed("write the historian");
    known = s.tags.emplace(tag, *id).first;
    const auto last = s.prepare("SELECT max(at_ns) FROM points WHERE tag = ?");
    sqlite3_bind_int64(last.get(), 1, *id);
    if (sqlite3_step(last.get()) == SQLITE_ROW)
      s.last_of_tag[*id] = sqlite3_column_int64(last.get(), 0);
  }
  auto& last_ns = s.last_of_tag[known->second];
  last_ns = std::max(point.at_ns, last_ns + 1);
  auto* statement = s.add_point.get();
  sqlite3_bind_int64(statement, 1, known->second);
  sqlite3_bind_int64(statement, 2, last_ns);
  sqlite3_bind_double(statement, 3, point.value);  // NaN becomes NULL
  sqlite3_bind_int(statement, 4, static_cast<int>(point.quality));
  if (!s.step(s.add_point)) return s.failed("write the historian");
  return Done{};
}

Result<Done> History::add_event(const Happening& event) {
  auto& s = *state_;
  if (!s.begin()) return s.failed("write the historian");
  auto* statement = s.add_event.get();
  sqlite3_bind_int64(statement, 1, event.at_ns);
  sqlite3_bind_double(statement, 2, event.at_s);
  int column = 3;
  for (const auto* text : {&event.kind, &event.subject, &event.what, &event.text, &event.detail})
    bind(statement, column++, *text);
  if (!s.step(s.add_event)) return s.failed("write the historian");
  return Done{};
}

Result<Done> History::commit() {
  auto& s = *state_;
  if (!s.open) return Done{};
  if (!s.run("COMMIT")) {
    auto error = s.failed("write the historian");
    (void)s.run("ROLLBACK");
    s.open = false;
    return error;
  }
  s.open = false;
  return Done{};
}

Result<Done> History::drop_before(std::int64_t samples_ns, std::int64_t events_ns) {
  auto& s = *state_;
  if (!s.begin()) return s.failed("write the historian");
  for (const auto& [sql, bound] : {std::pair("DELETE FROM frames WHERE at_ns < ?", samples_ns),
                                   std::pair("DELETE FROM points WHERE at_ns < ?", samples_ns),
                                   std::pair("DELETE FROM events WHERE at_ns < ?", events_ns)}) {
    const auto statement = s.prepare(sql);
    if (!statement) return s.failed("drop old samples");
    sqlite3_bind_int64(statement.get(), 1, bound);
    if (sqlite3_step(statement.get()) != SQLITE_DONE) return s.failed("drop old samples");
  }
  return commit();
}

Result<std::vector<Point>> History::window(const std::string& name, std::int64_t from_ns,
                                           std::int64_t to_ns) const {
  const auto& s = *state_;
  std::vector<Point> points;
  const auto tag = s.prepare("SELECT id FROM tags WHERE name = ?");
  if (!tag) return s.failed("read the historian");
  bind(tag.get(), 1, name);
  if (sqlite3_step(tag.get()) == SQLITE_ROW) {
    const auto read = s.prepare(
        "SELECT at_ns, value, quality FROM points WHERE tag = ? AND at_ns BETWEEN ? AND ?");
    if (!read) return s.failed("read the historian");
    sqlite3_bind_int64(read.get(), 1, sqlite3_column_int64(tag.get(), 0));
    sqlite3_bind_int64(read.get(), 2, from_ns);
    sqlite3_bind_int64(read.get(), 3, to_ns);
    while (sqlite3_step(read.get()) == SQLITE_ROW)
      points.push_back(
          {sqlite3_column_int64(read.get(), 0),
           sqlite3_column_type(read.get(), 1) == SQLITE_NULL
               ? std::numeric_limits<double>::quiet_NaN()
               : sqlite3_column_double(read.get(), 1),
           quality_from(static_cast<std::uint8_t>(sqlite3_column_int(read.get(), 2)))});
    return points;
  }
  // Where the channel lies in each layout that was ever used.
  std::map<std::int64_t, std::size_t> places;
  const auto layouts = s.prepare("SELECT id, channels FROM layouts");
  if (!layouts) return s.failed("read the historian");
  while (sqlite3_step(layouts.get()) == SQLITE_ROW) {
    const auto channels = lines_of(text_at(layouts.get(), 1));
    const auto found = std::find(channels.begin(), channels.end(), name);
    if (found != channels.end())
      places[sqlite3_column_int64(layouts.get(), 0)] =
          static_cast<std::size_t>(found - channels.begin());
  }
  if (places.empty())
    return Error(fmt::format("{}: nothing is named \"{}\"", s.file.string(), name));
  const auto read =
      s.prepare("SELECT at_ns, layout, samples FROM frames WHERE at_ns BETWEEN ? AND ?");
  if (!read) return s.failed("read the historian");
  sqlite3_bind_int64(read.get(), 1, from_ns);
  sqlite3_bind_int64(read.get(), 2, to_ns);
  while (sqlite3_step(read.get()) == SQLITE_ROW) {
    const auto place = places.find(sqlite3_column_int64(read.get(), 1));
    if (place == places.end()) continue;
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(read.get(), 2));
    const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(read.get(), 2));
    const auto at = sample_size * place->second;
    if (bytes == nullptr || at + sample_size > size) continue;
    float value = 0;
    std::memcpy(&value, bytes + at, 4);
    points.push_back({sqlite3_column_int64(read.get(), 0), static_cast<double>(value),
                      quality_from(bytes[at + 4])});
  }
  return points;
}

Result<std::vector<Happening>> History::events(std::int64_t from_ns, std::int64_t to_ns) const {
  return state_->events("WHERE at_ns BETWEEN ? AND ? ORDER BY number", from_ns, to_ns, -1);
}

Result<std::vector<Happening>> History::of_machines(std::int64_t from_ns, std::size_t most) const {
  // As the index is written: all else are forecasts, which are many.
  auto newest_first = state_->events(
      "WHERE kind IN ('alarm', 'machine', 'sums') AND at_ns BETWEEN ? AND ? ORDER BY at_ns DESC, "
      "number DESC",
      from_ns, std::numeric_limits<std::int64_t>::max(), static_cast<std::int64_t>(most));
  if (newest_first) std::reverse(newest_first->begin(), newest_first->end());
  return newest_first;
}

}  // namespace foreline::store
