// SPDX-License-Identifier: Apache-2.0
// Where a line's time goes and what would help: waste, bottleneck, and levers ranked by what they
// bring on simulated futures.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "inference/levers/lever_model.hpp"
#include "sim/levers/study.hpp"

namespace foreline::host {

struct LeverOptions {
  std::uint64_t seed = 1;
  std::size_t futures = 24;
  std::size_t most = 0;        ///< Levers to simulate, the most promising first; 0: all.
  std::FILE* people = stdout;  ///< Where the text for people goes.
  const inference::LeverModel* model = nullptr;  ///< Who says which those are; null: arithmetic.
};

/// Prints the futures' account of the line, then the levers, and adds the same to `json`.
[[nodiscard]] line::Result<line::Done> show_levers(const line::Trial& trial,
                                                   const LeverOptions& options,
                                                   const levers::RunTrials& run,
                                                   nlohmann::ordered_json& json);

}  // namespace foreline::host
