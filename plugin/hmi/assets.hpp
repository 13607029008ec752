// SPDX-License-Identifier: Apache-2.0
// The pages' files, built into the library (see web/ and CMakeLists.txt).
#pragma once

#include <span>
#include <string_view>

namespace foreline::hmi {

struct Asset {
  std::string_view path;  ///< "/app.js".
  std::string_view type;
  std::string_view tag;  ///< Changes when the bytes do.
  std::string_view plain;
  std::string_view gzip;
};

/// Empty in a build without pages (foreline_HMI=OFF).
[[nodiscard]] std::span<const Asset> assets();

}  // namespace foreline::hmi
