// SPDX-License-Identifier: Apache-2.0
// Ranks levers by what it has read of other lines: the state of a line in words in, how likely each
// lever is to bring the most out. Learned from simulated counterfactuals, and shown beside the
// arithmetic only where it is better on lines that it has not met.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "inference/plant/plant_model.hpp"
#include "sim/levers/study.hpp"

namespace foreline::inference {

class LeverModel {
 public:
  /// Learns from studies that tell something. Errors as PlantModel::train().
  [[nodiscard]] static line::Result<LeverModel> train(std::span<const levers::LineStudy> studies,
                                                      const plant::PlantRules& rules,
                                                      const plant::PlantModel::Say& say);
  [[nodiscard]] line::Result<line::Done> save(const std::filesystem::path& folder) const;
  [[nodiscard]] static line::Result<LeverModel> load(const std::filesystem::path& folder,
                                                     int threads = 1);
  struct Reading {
    std::vector<double> best;  ///< By lever: how likely it is to bring the most ...
    std::vector<double> pace;  ///< ... and, of cycle levers, that its machine is the bottleneck.
  };
  [[nodiscard]] line::Result<Reading> read(plant::Method method, const line::Line& line,
                                           std::span<const levers::Lever> levers,
                                           std::span<const levers::MachineUse> use) const;

 private:
  explicit LeverModel(plant::PlantModel model) : model_(std::move(model)) {}
  plant::PlantModel model_;
};

}  // namespace foreline::inference
