// SPDX-License-Identifier: Apache-2.0
#include "inference/levers/lever_model.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace foreline::inference {

using levers::Lever;
using levers::What;

namespace {

plant::Records without_items() {
  plant::Records records;
  records.name = "levers";
  records.items = true;
  for (const auto& name : levers::status_names()) {
    plant::Channel channel;
    channel.name = name;
    records.channels.push_back(channel);
  }
  for (std::size_t w = 0; w < levers::what_count; ++w)
    records.channels.front().categories.emplace_back(levers::name_of(static_cast<What>(w)));
  records.kinds = {"any", "best", "bottleneck"};
  return records;
}

plant::Machine item(const Lever& lever, const line::Line& line,
                    std::span<const levers::MachineUse> use, std::size_t number) {
  plant::Machine machine;
  machine.id = std::to_string(number + 1);
  machine.time = {0};
  machine.values = levers::status_of(lever, line, use);
  return machine;
}

double gain_of(const levers::LineStudy& study, const Lever& lever) {
  const auto found = std::find(study.levers.begin(), study.levers.end(), lever);
  return study.gain[static_cast<std::size_t>(found - study.levers.begin())];
}

}  // namespace

line::Result<LeverModel> LeverModel::train(std::span<const levers::LineStudy> studies,
                                           const plant::PlantRules& rules,
                                           const plant::PlantModel::Say& say) {
  auto records = without_items();
  for (const auto& study : studies) {
    if (!study.tells()) continue;
    const double most = study.gain[study.best()];
    const auto bottleneck = study.bottleneck();
    const double pace = gain_of(study, {What::cycle, bottleneck});
    for (std::size_t i = 0; i < study.levers.size(); ++i) {
      records.machines.push_back(
          item(study.levers[i], *study.line, study.use, records.machines.size()));
      auto& failures = records.machines.back().failures;
      const bool best = levers::is_as_good(study.gain[i], most);
      const bool paces = study.has_bottleneck() && study.levers[i].what == What::cycle &&
                         levers::is_as_good(study.gain[i], pace);
      if (best || paces) failures.push_back({0, 0});
      if (best) failures.push_back({0, 1});
      if (paces) failures.push_back({0, 2});
    }
  }
  std::vector<std::size_t> all(records.machines.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  auto model =
      plant::PlantModel::train(records, all, std::numeric_limits<double>::infinity(), rules, say);
  if (!model) return model.error();
  return LeverModel(std::move(*model));
}

line::Result<line::Done> LeverModel::save(const std::filesystem::path& folder) const {
  return model_.save(folder);
}

line::Result<LeverModel> LeverModel::load(const std::filesystem::path& folder, int threads) {
  auto model = plant::PlantModel::load(folder, threads);
  if (!model) return model.error();
  return LeverModel(std::move(*model));
}

line::Result<LeverModel::Reading> LeverModel::read(plant::Method method, const line::Line& line,
                                                   std::span<const Lever> levers,
                                                   std::span<const levers::MachineUse> use) const {
  auto records = without_items();
  for (const auto& lever : levers)
    records.machines.push_back(item(lever, line, use, records.machines.size()));
  plant::QualityReport report;
  auto prepared = model_.prepare(std::move(records), report);
  if (!prepared) return prepared.error();
  plant::Choice choice;
  choice.machines.resize(levers.size());
  std::iota(choice.machines.begin(), choice.machines.end(), std::size_t{0});
  const auto samples = model_.samples(*prepared, choice);
  const auto answers = model_.answers(method, *prepared, samples);
  const auto horizons = model_.horizons().size();
  Reading reading;
  for (std::size_t i = 0; i < levers.size(); ++i) {
    const auto* within = &answers.within[i * 3 * horizons];
    reading.best.push_back(within[horizons]);
    reading.pace.push_back(levers[i].what == What::cycle ? within[2 * horizons] : 0);
  }
  return reading;
}

}  // namespace foreline::inference
