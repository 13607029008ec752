// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/store.hpp"
#include "plugin/store/statement.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace foreline::store {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr const char* schema =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS audit ("
    " number INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, at_s REAL NOT NULL,"
    " who TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;"
    "CREATE TRIGGER IF NOT EXISTS audit_keeps BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;"
    "CREATE TABLE IF NOT EXISTS journal ("
    " number INTEGER PRIMARY KEY, what TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS hour ("
    " number INTEGER NOT NULL, signal TEXT NOT NULL, from_s REAL NOT NULL, samples REAL NOT NULL,"
    " sum REAL NOT NULL, PRIMARY KEY (number, signal)) WITHOUT ROWID;";

std::string hash_of(const std::string& before, const AuditLine& line) {
  // Lengths keep one field from passing for the end of another.
  return digest_of(fmt::format("{}|{}|{}|{:.6f}|{}:{}|{}:{}|{}:{}", before, line.number,
                               line.wall_ns, line.at_s, line.who.size(), line.who, line.what.size(),
                               line.what, line.detail.size(), line.detail));
}

}  // namespace

std::string digest_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return {};
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

Result<std::unique_ptr<StoreLock>> StoreLock::take(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const auto file = folder / "foreline.lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return Error(
        fmt::format("cannot write to the store {}: {}", folder.string(), std::strerror(errno)));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> holder{};
    (void)!::read(fd, holder.data(), holder.size() - 1);
    ::close(fd);
    return Error(fmt::format("the store {} is in use by another plugin (process {})",
                             folder.string(), std::atoi(holder.data())),
                 "give each plugin a store of its own");
  }
  const auto own = fmt::format("{}\n", ::getpid());
  (void)!::ftruncate(fd, 0);
  (void)!::write(fd, own.data(), own.size());
  return std::unique_ptr<StoreLock>(new StoreLock(fd));
}

StoreLock::~StoreLock() {
  ::close(fd_);
}

struct Store::State : DatabaseFile {
  std::int64_t last_number = 0;
  std::string last_hash;
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return Error(
        fmt::format("cannot make the store's folder {}: {}", folder.string(), error.message()));
  auto state = std::make_unique<State>();
  state->file = folder / "foreline.db";
  if (sqlite3_open(state->file.c_str(), &state->database) != SQLITE_OK)
    return state->failed("open the store");
  sqlite3_busy_timeout(state->database, 1000);
  if (sqlite3_exec(state->database, schema, nullptr, nullptr, nullptr) != SQLITE_OK)
    return state->failed("prepare the store");
  Store store(std::move(state));
  auto lines = store.audit();
  if (!lines) return lines.error();
  if (!lines->empty()) {
    store.state_->last_number = lines->back().number;
    store.state_->last_hash = lines->back().hash;
  }
  return store;
}

Result<std::vector<AuditLine>> Store::read_audit(const std::filesystem::path& folder) {
  auto state = std::make_unique<State>();
  state->file = folder / "foreline.db";
  if (sqlite3_open_v2(state->file.c_str(), &state->database, SQLITE_OPEN_READONLY, nullptr) !=
      SQLITE_OK)
    return state->failed("open the store");
  sqlite3_busy_timeout(state->database, 1000);
  return Store(std::move(state)).audit();
}

Result<Done> Store::append(std::int64_t wall_ns, double at_s, const std::string& who,
                           const std::string& what, const std::string& detail) {
  auto& s = *state_;
  AuditLine line{s.last_number + 1, wall_ns, at_s, who, what, detail, {}};
  line.hash = hash_of(s.last_hash, line);
  if (line.hash.empty()) return Error("SHA-256 is not available");
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(s.database, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", -1, &raw,
                         nullptr) != SQLITE_OK)
    return s.failed("write the audit");
  const Statement statement(raw);
  sqlite3_bind_int64(raw, 1, line.number);
  sqlite3_bind_int64(raw, 2, line.wall_ns);
  sqlite3_bind_double(raw, 3, line.at_s);
  int column = 4;
  for (const auto* text : {&line.who, &line.what, &line.detail, &line.hash})
    sqlite3_bind_text(raw, column++, text->c_str(), static_cast<int>(text->size()), SQLITE_STATIC);
  if (sqlite3_step(raw) != SQLITE_DONE) return s.failed("write the audit");
  s.last_number = line.number;
  s.last_hash = line.hash;
  return Done{};
}

Result<std::vector<AuditLine>> Store::audit() const {
  const auto& s = *state_;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(
          s.database,
          "SELECT number, wall_ns, at_s, who, what, detail, hash FROM audit ORDER BY number", -1,
          &raw, nullptr) != SQLITE_OK)
    return s.failed("read the audit");
  const Statement statement(raw);
  std::vector<AuditLine> lines;
  std::string before;
  int step = 0;
  while ((step = sqlite3_step(raw)) == SQLITE_ROW) {
    AuditLine line{sqlite3_column_int64(raw, 0),
                   sqlite3_column_int64(raw, 1),
                   sqlite3_column_double(raw, 2),
                   text_at(raw, 3),
                   text_at(raw, 4),
                   text_at(raw, 5),
                   text_at(raw, 6)};
    if (line.number != static_cast<std::int64_t>(lines.size()) + 1 ||
        line.hash != hash_of(before, line))
      return Error(fmt::format("{}: audit line {} does not follow from the lines before it",
                               s.file.string(), line.number),
                   "the audit has been altered; keep the file and start a new store");
    before = line.hash;
    lines.push_back(std::move(line));
  }
  if (step != SQLITE_DONE) return s.failed("read the audit");
  return lines;
}

Result<std::int64_t> Store::begin(const std::string& what, const std::string& detail) {
  auto& s = *state_;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(s.database, "INSERT INTO journal (what, detail) VALUES (?, ?)", -1, &raw,
                         nullptr) != SQLITE_OK)
    return s.failed("write the journal");
  const Statement statement(raw);
  sqlite3_bind_text(raw, 1, what.c_str(), static_cast<int>(what.size()), SQLITE_STATIC);
  sqlite3_bind_text(raw, 2, detail.c_str(), static_cast<int>(detail.size()), SQLITE_STATIC);
  if (sqlite3_step(raw) != SQLITE_DONE) return s.failed("write the journal");
  return std::int64_t{sqlite3_last_insert_rowid(s.database)};
}

Result<Done> Store::end(std::int64_t number) {
  auto& s = *state_;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(s.database, "DELETE FROM journal WHERE number = ?", -1, &raw, nullptr) !=
      SQLITE_OK)
    return s.failed("write the journal");
  const Statement statement(raw);
  sqlite3_bind_int64(raw, 1, number);
  if (sqlite3_step(raw) != SQLITE_DONE) return s.failed("write the journal");
  return Done{};
}

Result<std::vector<JournalEntry>> Store::unfinished() const {
  const auto& s = *state_;
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(s.database, "SELECT number, what, detail FROM journal ORDER BY number", -1,
                         &raw, nullptr) != SQLITE_OK)
    return s.failed("read the journal");
  const Statement statement(raw);
  std::vector<JournalEntry> entries;
  int step = 0;
  while ((step = sqlite3_step(raw)) == SQLITE_ROW)
    entries.push_back({sqlite3_column_int64(raw, 0), text_at(raw, 1), text_at(raw, 2)});
  if (step != SQLITE_DONE) return s.failed("read the journal");
  return entries;
}

Result<Done> Store::keep_hours(const std::vector<HourRow>& rows, std::int64_t oldest) {
  const auto& s = *state_;
  const auto failed = [&] {
    auto error = s.failed("keep the hours");
    (void)s.run("ROLLBACK");
    return error;
  };
  if (!s.run("BEGIN")) return s.failed("keep the hours");
  {
    const auto put = s.prepare("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)");
    const auto drop = s.prepare("DELETE FROM hour WHERE number < ?");
    if (!put || !drop) return failed();
    for (const auto& row : rows) {
      sqlite3_reset(put.get());
      sqlite3_bind_int64(put.get(), 1, row.number);
      sqlite3_bind_text(put.get(), 2, row.signal.c_str(), static_cast<int>(row.signal.size()),
                        SQLITE_STATIC);
      int column = 3;
      for (const double value : {row.from_s, row.samples, row.sum})
        sqlite3_bind_double(put.get(), column++, value);
      if (sqlite3_step(put.get()) != SQLITE_DONE) return failed();
    }
    sqlite3_bind_int64(drop.get(), 1, oldest);
    if (sqlite3_step(drop.get()) != SQLITE_DONE) return failed();
  }
  if (!s.run("COMMIT")) return failed();
  return Done{};
}

Result<std::vector<HourRow>> Store::hours() const {
  const auto& s = *state_;
  const auto read =
      s.prepare("SELECT signal, number, from_s, samples, sum FROM hour ORDER BY number");
  if (!read) return s.failed("read the hours");
  std::vector<HourRow> rows;
  int step = 0;
  while ((step = sqlite3_step(read.get())) == SQLITE_ROW)
    rows.push_back({text_at(read.get(), 0), sqlite3_column_int64(read.get(), 1),
                    sqlite3_column_double(read.get(), 2), sqlite3_column_double(read.get(), 3),
                    sqlite3_column_double(read.get(), 4)});
  if (step != SQLITE_DONE) return s.failed("read the hours");
  return rows;
}

const std::filesystem::path& Store::file() const {
  return state_->file;
}

}  // namespace foreline::store
