// SPDX-License-Identifier: Apache-2.0
// A GPT-2 on disk in the Hugging Face layout: config.json beside model.safetensors, in one file or
// in shards with model.safetensors.index.json. Files are memory-mapped while they are read; headers
// are not trusted.
#pragma once

#include <filesystem>

#include "inference/gpt2/config.hpp"
#include "inference/gpt2/weights.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

struct Checkpoint {
  Config config;
  Weights weights;
};

/// F32, F16 and BF16 tensors, with or without the prefix "transformer.". Errors name the file and
/// the tensor: missing, wrong shape, unknown type, beyond the end of a truncated file.
[[nodiscard]] line::Result<Checkpoint> load_checkpoint(const std::filesystem::path& directory);

/// Writes config.json and model.safetensors (F32) so that transformers' GPT2LMHeadModel loads them.
/// Each file is complete under its name or not there at all.
[[nodiscard]] line::Result<line::Done> save_checkpoint(const std::filesystem::path& directory,
                                                       const Config& config,
                                                       const Weights& weights);

/// Writes a file under a temporary name and moves it into place.
[[nodiscard]] line::Result<line::Done> write_file(const std::filesystem::path& path,
                                                  std::string_view bytes);
[[nodiscard]] line::Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace foreline::gpt2
