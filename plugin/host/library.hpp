// SPDX-License-Identifier: Apache-2.0
// libforeline.so as any host has it: dlopen, one symbol, a table of functions.
#pragma once

#include <filesystem>
#include <string>

#include "foreline/foreline.h"
#include "sim/line/result.hpp"

namespace foreline::host {

class Library {
 public:
  /// Empty: beside this program, then ../lib*, then where the system looks.
  [[nodiscard]] static line::Result<Library> open(const std::filesystem::path& path);
  Library(Library&& other) noexcept;
  Library& operator=(Library&& other) noexcept;
  ~Library();
  [[nodiscard]] const foreline_api& api() const { return *api_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Library() = default;
  void* handle_ = nullptr;
  const foreline_api* api_ = nullptr;
  std::string path_;
};

}  // namespace foreline::host
