// SPDX-License-Identifier: Apache-2.0
// A folder in memory, where the system has one, for the files that a target reads.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace foreline::fuzz {

inline const std::filesystem::path& folder() {
  static const std::filesystem::path made = [] {
    std::error_code ignored;
    std::string name = std::filesystem::is_directory("/dev/shm", ignored) ? "/dev/shm" : "/tmp";
    name += "/foreline-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    static std::string kept = name;
    std::atexit([] {
      std::error_code error;
      std::filesystem::remove_all(kept, error);
    });
    return std::filesystem::path(name);
  }();
  return made;
}

inline void put(const char* file, std::string_view bytes) {
  std::ofstream out(folder() / file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline void drop(const char* file) {
  std::error_code ignored;
  std::filesystem::remove(folder() / file, ignored);
}

}  // namespace foreline::fuzz
