// SPDX-License-Identifier: Apache-2.0
// The addresses of a host's name. The C library may block for many seconds over a name server that
// is silent, and cannot be interrupted, so it is asked on a thread that nobody waits for: who gives
// a lookup up goes on at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace foreline::io {

/// Our code stays in memory though a host unloads it: a detached thread still runs in it.
void stay_loaded();

class NameLookup {
 public:
  explicit NameLookup(std::string host);
  ~NameLookup();  ///< Gives it up; never waits.
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// Literal addresses, in the order in which they should be tried; none when the name has none.
  /// Nothing while that is not known: ask again. A literal address is its own answer, at once.
  [[nodiscard]] std::optional<std::vector<std::string>> answer();

 private:
  struct Asked;
  std::shared_ptr<Asked> asked_;
  bool begun_ = false;
};

}  // namespace foreline::io
