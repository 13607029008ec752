// SPDX-License-Identifier: Apache-2.0
// A GPT-2 on disk in the Hugging Face layout: config.json beside model.safetensors, in one file or
// in shards with model.safetensors.index.json. Files are read where they lie, a piece at a time;
// headers are not trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string_view>

#include "inference/gpt2/config.hpp"
#include "inference/gpt2/stored.hpp"
#include "inference/gpt2/weights.hpp"
#include "sim/line/result.hpp"

namespace foreline::gpt2 {

struct Checkpoint {
  Config config;
  Weights weights;
};

/// Whether a model without a head of its own is good enough: for hidden states it is.
enum class Head { wanted, unwanted };

/// A checkpoint's tensors in its open files, all there and of the right shapes; values are not
/// looked at yet. Replacing a file by renaming does not matter to it.
struct StoredCheckpoint {
  Config config;
  StoredTensors tensors;
};

/// Opens model.safetensors, or the shards that model.safetensors.index.json names, or, without an
/// index, the shards model-00001-of-N.safetensors. F32, F16 and BF16 tensors, with or without the
/// prefix "transformer."; tensors that GPT-2 does not need (attn.bias, attn.masked_bias, other
/// heads) are ignored. Errors name the file and the tensor: missing, wrong shape, unknown type,
/// overlapping another, beyond the end of a truncated file.
[[nodiscard]] line::Result<StoredCheckpoint> open_checkpoint(const std::filesystem::path& directory,
                                                             Head head = Head::wanted);
/// The same, all of it copied into memory as f32; refuses NaN and infinity by the tensor's name.
[[nodiscard]] line::Result<Checkpoint> load_checkpoint(const std::filesystem::path& directory);

/// What is said of a tensor that StoredTensor::read() refused: NaN or infinity, or a file that is
/// no longer as long as it was.
[[nodiscard]] line::Diagnostic not_finite(const std::string& name, const StoredTensor& tensor);

/// Writes config.json and model.safetensors (F32) so that transformers' GPT2LMHeadModel loads them.
/// Each file is complete under its name or not there at all.
[[nodiscard]] line::Result<line::Done> save_checkpoint(const std::filesystem::path& directory,
                                                       const Config& config,
                                                       const Weights& weights);

/// Writes a file under a temporary name and moves it into place.
[[nodiscard]] line::Result<line::Done> write_file(const std::filesystem::path& path,
                                                  std::string_view bytes);
[[nodiscard]] line::Result<line::Done> write_file(const std::filesystem::path& path,
                                                  const std::function<void(std::ostream&)>& write);
/// A text file of at most 256 MB.
[[nodiscard]] line::Result<std::string> read_file(const std::filesystem::path& path);
/// FNV-1a, to notice a file that is not the one which was written; no protection from forgers.
[[nodiscard]] std::uint64_t checksum(std::string_view bytes);

}  // namespace foreline::gpt2
