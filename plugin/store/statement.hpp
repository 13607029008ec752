// SPDX-License-Identifier: Apache-2.0
// SQLite: a database file and its prepared statements, each of which ends itself.
#pragma once

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>

#include "sim/line/result.hpp"

namespace foreline::store {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

/// Text of a column of the current row; empty when it is null.
inline std::string text_at(sqlite3_stmt* statement, int column) {
  const auto* text = sqlite3_column_text(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text), size);
}

/// An open database; what derives from it ends its statements first.
struct DatabaseFile {
  std::filesystem::path file;
  sqlite3* database = nullptr;

  DatabaseFile() = default;
  DatabaseFile(const DatabaseFile&) = delete;
  DatabaseFile& operator=(const DatabaseFile&) = delete;
  ~DatabaseFile() { sqlite3_close(database); }
  [[nodiscard]] line::Error failed(const std::string& doing) const {
    return line::Error(
        fmt::format("{}: cannot {}: {}", file.string(), doing,
                    database != nullptr ? sqlite3_errmsg(database) : "out of memory"));
  }
  bool run(const char* sql) const {
    return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  [[nodiscard]] Statement prepare(const char* sql) const {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v2(database, sql, -1, &raw, nullptr);
    return Statement(raw);
  }
};

}  // namespace foreline::store
