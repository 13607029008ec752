// SPDX-License-Identifier: Apache-2.0
// The parts of `foreline train` and `foreline forecast` that work on a plant's own data.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace foreline::host {

struct PlantOptions {
  std::string data;
  std::string out;
  std::string recalibrate;  ///< Model whose calibration alone is fitted to the data.
  std::size_t steps = 500;
  std::size_t batch = 64;
  std::size_t layers = 2;
  std::size_t heads = 2;
  std::size_t width = 64;
  float rate = 4e-3F;
  float decay = 0.1F;
  double jitter = 1.5;
  double group_drop = 0.1;
  double soft = 0.8;
  float dropout = 0.1F;
  bool bf16 = false;
  std::size_t members = 3;
  bool no_trees = false;
  std::size_t levels = 0;
  bool words = false;
  int threads = 1;
  std::uint64_t seed = 1;
};

/// --gpt-steps, --levels, ...: what shapes the language and the training on plant data.
void add_plant_options(CLI::App& command, PlantOptions& options);
int train_on_plant_data(const PlantOptions& options);
/// Forecasts of the last row of every machine (or of all rows) as sentences, JSON or CSV.
int forecast_plant_data(const std::string& model_folder, const std::string& data_path, bool json,
                        bool csv, bool all_rows, bool only_explain);

}  // namespace foreline::host
