// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or all the diagnostics that explain why there is none. It has the spelling of
// std::expected so that C++23 can replace it. Reading a file collects every mistake before it
// returns; nothing is half applied.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace foreline::line {

/// One complaint about an input, addressed to the person who wrote that input.
struct Diagnostic {
  std::string file;  ///< As the user named it; empty when the input is not a file.
  int line = 0;      ///< 1-based; 0 when the input has no lines.
  int column = 0;    ///< 1-based; 0 when unknown.
  std::string what;  ///< What is wrong and what was wanted.
  std::string hint;  ///< How to mend it; may be empty.

  /// "file:line:column: what (hint)"; parts that are unknown are left out.
  [[nodiscard]] std::string text() const;
};

/// All diagnostics of one failed operation, in the order of the input. Never empty in use.
struct Error {
  std::vector<Diagnostic> diagnostics;

  Error() = default;
  /// An error that no file position explains (a socket, a process).
  explicit Error(std::string what, std::string hint = {}) {
    diagnostics.push_back({{}, 0, 0, std::move(what), std::move(hint)});
  }
  explicit Error(std::vector<Diagnostic> all) : diagnostics(std::move(all)) {}

  /// One diagnostic a line, without a trailing newline.
  [[nodiscard]] std::string text() const;
};

/// A T, or an Error. Dereferencing a Result without a value is a bug and throws
/// std::bad_variant_access.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] T& operator*() & { return std::get<0>(state_); }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value.
struct Done {};

}  // namespace foreline::line
