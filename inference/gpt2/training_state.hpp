// SPDX-License-Identifier: Apache-2.0
// A training run on disk: one file in the layout of safetensors (other programs
// can look inside) with the tensors of the optimizer, a number of steps and the
// caller's note as metadata.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::gpt2 {

/// One f32 tensor, row-major.
struct StateTensor {
  std::string name;
  std::vector<std::size_t> shape;
  std::span<const float> data;
};

struct StateFile {
  std::uint64_t steps = 0;
  std::string note;
  std::vector<StateTensor> tensors;
};

/// Writes beside the file, flushes to the disk, and moves into place: whoever
/// dies at whatever moment, the file is the old one or the new one. An error
/// names the file, the reason and what is there now.
[[nodiscard]] line::Result<line::Done> write_state(const std::filesystem::path& file,
                                                   const StateFile& state);

/// A state file, checked: its length, its checksum, and that it holds the
/// wanted tensors.
class OpenState {
 public:
  [[nodiscard]] static line::Result<OpenState> open(const std::filesystem::path& file,
                                                    const std::vector<StateTensor>& wanted);
  [[nodiscard]] std::uint64_t steps() const;
  [[nodiscard]] const std::string& note() const;
  [[nodiscard]] bool has(const std::string& name, const std::vector<std::size_t>& shape) const;
  /// Copies a tensor that is there.
  void copy(const std::string& name, float* to) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// The note alone; for deciding what to build before the tensors are read.
[[nodiscard]] line::Result<std::string> note_of_state(const std::filesystem::path& file);

}  // namespace foreline::gpt2
