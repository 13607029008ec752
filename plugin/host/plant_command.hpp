// SPDX-License-Identifier: Apache-2.0
// The parts of `foreline train` and `foreline forecast` that work on a plant's own data.
#pragma once

#include <string>

#include "inference/plant/plant_model.hpp"

namespace CLI {
class App;
}

namespace foreline::host {

struct PlantOptions {
  PlantOptions();

  std::string data;
  std::string out;
  std::string recalibrate;  ///< Model whose calibration alone is fitted, here to the data.
  plant::PlantRules rules;  ///< Its own defaults, but for the threads: as many as members can use.
  bool words = false;
  bool no_trees = false;
  bool json = false;
};

/// --gpt-steps, --levels, ...: what shapes the language and the training on plant data.
void add_plant_options(CLI::App& command, PlantOptions& options);
int train_on_plant_data(const PlantOptions& options);
/// Forecasts of the last row of every machine (or of all rows) as sentences, JSON or CSV.
int forecast_plant_data(const std::string& model_folder, const std::string& data_path, bool json,
                        bool csv, bool all_rows, bool only_explain);

}  // namespace foreline::host
