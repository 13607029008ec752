// SPDX-License-Identifier: Apache-2.0
// What the commands tokenize, hidden, score and complete share: options, texts and tensors as other
// programs exchange them.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <fstream>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/gpt2/tokenizer.hpp"
#include "sim/line/result.hpp"

namespace foreline::host {

struct ModelChoice {
  std::string folder = "inference/models/small";
  std::string precision = "f32";
  int threads = 1;
};
/// --model, --precision, --threads.
void add_model_options(CLI::App& command, ModelChoice& choice);
/// By its name: f32, bf16, int8.
[[nodiscard]] std::optional<gpt2::Precision> precision_of(std::string_view name);
[[nodiscard]] line::Result<gpt2::Model> open_model(const ModelChoice& choice, gpt2::Head head);

/// One line of JSON. Strings may hold bytes that are no UTF-8, as they are or as the lone
/// surrogates \udc80 .. \udcff that Python's "surrogateescape" makes of them; text_of() gives the
/// bytes back.
[[nodiscard]] line::Result<nlohmann::json> json_of_line(std::string_view line, int number);
[[nodiscard]] std::string text_of(const std::string& json_string);
/// A JSON string literal of any bytes, ASCII only; bytes that are no UTF-8 become \udc80 .. \udcff.
[[nodiscard]] std::string json_literal(std::string_view bytes);

/// The array `key` of a record as ids below `end`.
[[nodiscard]] line::Result<std::vector<std::uint32_t>> ids_of(const nlohmann::json& record,
                                                              const char* key, std::size_t end,
                                                              int number);

/// Lines of standard input, as many at once as have arrived (at most `batch_max`): handle() returns
/// an exit status, not 0 to stop.
int for_each_batch(
    std::size_t batch_max,
    const std::function<int(std::span<const std::string> lines, int first_number)>& handle);

/// A file in NumPy's format, f32; its first dimension may grow while it is written.
class NpyFile {
 public:
  /// `shape` without the dimension that grows, which comes before or, when `batch` is 1, after it.
  NpyFile(const std::string& path, std::size_t columns, bool leading_one);
  void add(std::span<const float> rows);
  /// False when the disk did not take it all.
  [[nodiscard]] bool close();

 private:
  [[nodiscard]] std::string header() const;
  std::ofstream out_;
  std::size_t columns_;
  bool leading_one_;
  std::size_t rows_ = 0;
};

}  // namespace foreline::host
