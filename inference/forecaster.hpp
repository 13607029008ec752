// SPDX-License-Identifier: Apache-2.0
// The one door to inference: windows in, forecasts out. The rest of the product includes this
// header and inference/history.hpp, and nothing else of the room.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "inference/history.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/result.hpp"

namespace foreline::inference {

struct ForecasterOptions {
  int threads = 1;                 ///< 1 is the good neighbour; 2 for batches of many machines.
  bool reasons = false;            ///< Also compute signed occlusion per signal (one more batch).
  double max_missing_share = 0.5;  ///< More missing input than this: no forecast.
};

class Forecaster {
 public:
  /// Loads a GPT-2 directory in Hugging Face layout whose config carries our language version, and
  /// the trees beside it if its config names some. Errors name file and tensor.
  [[nodiscard]] static line::Result<Forecaster> load(const std::filesystem::path& directory,
                                                     const ForecasterOptions& options);
  Forecaster(Forecaster&&) noexcept;
  Forecaster& operator=(Forecaster&&) noexcept;
  ~Forecaster();

  /// One forecast a window, same order. Deterministic; independent of the batch around it to 1e-3
  /// of probability. A window that is too short or too incomplete gives available = false.
  [[nodiscard]] std::vector<line::Forecast> forecast(std::span<const Window> windows) const;

  /// The forecasts, and what the GPT-2 and the trees (none: empty) say each alone.
  struct Voices {
    std::vector<line::Forecast> model, network, trees;
  };
  [[nodiscard]] Voices voices(std::span<const Window> windows) const;

  /// For the thread that forecasts beside busy programs: asks the kernel to wake it at once, for
  /// turns of a fifth of a millisecond (Linux 6.12 and later).
  static void take_short_turns();

  /// "GPT-2 3 layers x 96, 0.4 M parameters, oneDNN brg:avx512_core f32": for logs.
  [[nodiscard]] std::string description() const;

 private:
  struct State;
  [[nodiscard]] Voices voices(std::span<const Window> windows, bool apart) const;
  explicit Forecaster(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::inference
