// SPDX-License-Identifier: Apache-2.0
// What `write_file` has done and does, for those who must end in its midst.
#pragma once

namespace foreline::gpt2 {

struct WrittenFiles {
  unsigned whole = 0;
  const char* last = "";       ///< Path of the last whole one, as far as there was room to note it.
  const char* part = nullptr;  ///< The temporary file that is being written.
};

/// Of this process; async-signal-safe.
[[nodiscard]] WrittenFiles written_so_far();

}  // namespace foreline::gpt2
