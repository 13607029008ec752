// SPDX-License-Identifier: Apache-2.0
// A prepared statement of SQLite that ends itself.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

namespace foreline::store {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

/// Text of a column of the current row; empty when it is null.
inline std::string text_at(sqlite3_stmt* statement, int column) {
  const auto* text = sqlite3_column_text(statement, column);
  return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

}  // namespace foreline::store
