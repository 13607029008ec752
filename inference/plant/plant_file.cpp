// SPDX-License-Identifier: Apache-2.0
// A plant model as a folder. The GPT-2 lies in Hugging Face layout; the rest in plant.json and
// trees-N.ubj beside it. Nothing read is trusted: sizes must agree before anything is used.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/gpt2/json_text.hpp"
#include "inference/plant/plant_model.hpp"

namespace foreline::plant {

using line::Done;
using line::Error;
using line::Result;
using nlohmann::ordered_json;

namespace {

constexpr int plant_version = 5;
constexpr int one_service_since = 4;  ///< Machines with one kind of service are told as then, ...
constexpr int items_since = 3;        ///< ... and items.
constexpr std::size_t members_max = 100;

/// The folder itself holds the first network, so that it loads in transformers.
std::filesystem::path folder_of(const std::filesystem::path& folder, std::size_t member) {
  return member == 0 ? folder : folder / fmt::format("member-{}", member);
}

ordered_json steps_json(const std::vector<Steps>& all) {
  auto j = ordered_json::array();
  for (const auto& steps : all) j.push_back({{"edges", steps.edges()}, {"shares", steps.shares()}});
  return j;
}

ordered_json reference_json(const Reference& r) {
  return {{"median", r.median},   {"spread", r.spread}, {"noise", r.noise},
          {"repeats", r.repeats}, {"least", r.low},     {"greatest", r.high}};
}

Reference reference_of(const nlohmann::json& j) {
  return {j.at("median").get<double>(), j.at("spread").get<double>(),
          j.at("noise").get<double>(),  j.at("repeats").get<double>(),
          j.at("least").get<double>(),  j.at("greatest").get<double>()};
}

std::vector<Steps> steps_from(const nlohmann::json& j) {
  std::vector<Steps> all;
  for (const auto& one : j)
    all.push_back(Steps::restored(one.at("edges").get<std::vector<float>>(),
                                  one.at("shares").get<std::vector<float>>()));
  return all;
}

}  // namespace

Result<Done> PlantModel::save(const std::filesystem::path& folder) const {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error(fmt::format("cannot make {}: {}", folder.string(), error.message()));
  ordered_json j{{"plant", plant_version},
                 {"name", schema_.name},
                 {"time_unit", schema_.time_unit},
                 {"step", schema_.step},
                 {"items", schema_.items},
                 {"repairable", schema_.repairable},
                 {"dated", schema_.dated},
                 {"codes", schema_.codes},
                 {"maintenance", schema_.maintenance},
                 {"kinds", schema_.kinds},
                 {"horizon", bins_.horizon},
                 {"bins", bins_.count},
                 {"band", Words::band},
                 {"horizons", horizons_},
                 {"packing", words_.packing() == Packing::group ? "group" : "word"},
                 {"temperature", temperature_},
                 {"blend", blend_},
                 {"blend_time", blend_time_},
                 {"tail", tail_},
                 {"widening", widening_},
                 {"thresholds", thresholds_},
                 {"base", base_},
                 {"base_any", base_any_},
                 {"life", {{"shape", life_.shape}, {"scale", life_.scale}}},
                 {"sensor", sensor_},
                 {"sensor_sign", sensor_sign_},
                 {"seed", seed_}};
  j["channels"] = ordered_json::array();
  for (std::size_t c = 0; c < schema_.channels.size(); ++c) {
    const auto& channel = schema_.channels[c];
    ordered_json one = reference_json(references_.raw[c]);
    one.update({{"name", channel.name},
                {"unit", channel.unit},
                {"categories", channel.categories},
                {"attribute", channel.attribute}});
    if (!references_.regimes.none()) one["common"] = reference_json(references_.common[c]);
    if (channel.low) one["low"] = *channel.low;
    if (channel.high) one["high"] = *channel.high;
    j["channels"].push_back(std::move(one));
  }
  if (!references_.regimes.none()) {
    j["regimes"] = {{"known", references_.regimes.known}};
    for (const auto& setting : references_.regimes.settings)
      j["regimes"]["settings"].push_back({{"channel", setting.channel}, {"edges", setting.edges}});
    for (const auto& scale : references_.regimes.scales)
      j["regimes"]["scales"].push_back({scale.own, scale.centre, scale.stretch});
  }
  j["edges"] = words_.edges();
  j["level_shares"] = level_shares_;
  j["sensor_steps"] = steps_json(sensor_steps_);
  j["ewma_steps"] = steps_json(ewma_steps_);
  j["persistence_steps"] = steps_json(persistence_steps_);
  j["fingerprints"] = fingerprints_;
  j["members"] = networks_.size();
  for (const auto& network : networks_) j["repeated"].push_back(network.repeated);
  j["trees"] = groves_.empty() ? 0 : groves_.front().within.size();
  j["time_trees"] = !groves_.empty() && groves_.front().time.has_value();
  ordered_json vocabulary;
  const auto all = words_.vocabulary_words();
  for (std::size_t w = 0; w < all.size(); ++w) vocabulary[all[w]] = w;
  for (std::size_t member = 0; member < networks_.size(); ++member) {
    const auto place = folder_of(folder, member);
    auto config = networks_[member].config;
    config.foreline = ordered_json{{"plant", plant_version}}.dump();
    if (auto saved = gpt2::save_checkpoint(place, config, networks_[member].weights); !saved)
      return saved.error();
    if (auto saved = gpt2::write_file(place / "vocab.json", vocabulary.dump()); !saved)
      return saved.error();
    if (groves_.empty()) continue;
    const auto& grove = groves_[member];
    for (std::size_t t = 0; t < grove.within.size() + (grove.time ? 1 : 0); ++t) {
      const auto& trees = t < grove.within.size() ? grove.within[t] : *grove.time;
      const auto bytes = trees.bytes();
      j["tree_sums"].push_back(gpt2::checksum(bytes));
      if (auto saved = gpt2::write_file(place / fmt::format("trees-{}.ubj", t), bytes); !saved)
        return saved.error();
    }
  }
  // Last, so that a folder with plant.json is complete.
  return gpt2::write_file(folder / "plant.json", j.dump(1) + "\n");
}

Result<PlantModel> PlantModel::load(const std::filesystem::path& folder, int threads) {
  const auto file = (folder / "plant.json").string();
  const auto wrong = [&](const std::string& what) {
    return Error({{file, 0, 0, what, "use a folder that `foreline train --data` has written"}});
  };
  auto text = gpt2::read_file(folder / "plant.json");
  if (!text) return wrong("there is no such file: this is no plant model");
  const auto parsed = gpt2::json_from(*text, file);
  if (!parsed) return parsed.error();
  const auto& j = *parsed;
  PlantModel model;
  std::size_t trees = 0;
  std::size_t members = 0;
  std::vector<double> repeated;
  std::vector<std::uint64_t> sums;
  std::size_t summed = 0;
  bool time_trees = false;
  try {
    const int version = j.at("plant").get<int>();
    const auto services = j.value("maintenance", std::vector<bool>{});
    const int since = j.at("items").get<bool>()                                 ? items_since
                      : std::count(services.begin(), services.end(), true) <= 1 ? one_service_since
                                                                                : plant_version;
    if (version < since || version > plant_version)
      return wrong(fmt::format("is of version {}, this build reads {}", j.at("plant").get<int>(),
                               plant_version));
    auto& s = model.schema_;
    s.name = j.at("name").get<std::string>();
    s.time_unit = j.at("time_unit").get<std::string>();
    s.step = j.at("step").get<double>();
    s.items = j.at("items").get<bool>();
    s.repairable = j.at("repairable").get<bool>();
    s.dated = j.at("dated").get<bool>();
    s.codes = j.at("codes").get<std::vector<std::string>>();
    s.maintenance = j.at("maintenance").get<std::vector<bool>>();
    s.kinds = j.at("kinds").get<std::vector<std::string>>();
    for (const auto& one : j.at("channels")) {
      Channel channel;
      channel.name = one.at("name").get<std::string>();
      channel.unit = one.at("unit").get<std::string>();
      channel.categories = one.at("categories").get<std::vector<std::string>>();
      channel.attribute = one.at("attribute").get<bool>();
      if (one.contains("low")) channel.low = one.at("low").get<double>();
      if (one.contains("high")) channel.high = one.at("high").get<double>();
      s.channels.push_back(std::move(channel));
      model.references_.raw.push_back(reference_of(one));
      model.references_.common.push_back(reference_of(one.value("common", one)));
    }
    if (j.contains("regimes")) {
      auto& regimes = model.references_.regimes;
      const auto& of = j.at("regimes");
      regimes.known = of.at("known").get<std::vector<std::uint32_t>>();
      for (const auto& setting : of.at("settings"))
        regimes.settings.push_back({setting.at("channel").get<std::size_t>(),
                                    setting.at("edges").get<std::vector<float>>()});
      for (const auto& scale : of.at("scales"))
        regimes.scales.push_back(
            {scale.at(0).get<float>(), scale.at(1).get<float>(), scale.at(2).get<float>()});
      if (regimes.known.empty() || regimes.settings.empty() ||
          !std::is_sorted(regimes.known.begin(), regimes.known.end()) ||
          regimes.scales.size() != regimes.known.size() * s.channels.size() ||
          std::any_of(regimes.settings.begin(), regimes.settings.end(),
                      [&](const auto& setting) { return setting.channel >= s.channels.size(); }))
        return wrong("its operating regimes do not fit its channels");
    }
    model.bins_ = {j.at("horizon").get<double>(), j.at("bins").get<std::size_t>()};
    model.horizons_ = j.at("horizons").get<std::vector<double>>();
    if (!(s.step > 0) || !(model.bins_.horizon > 0) || model.bins_.count == 0 ||
        model.bins_.count > 1000 || model.horizons_.empty() || model.horizons_.size() > 1000 ||
        s.kinds.empty() || s.maintenance.size() != s.codes.size() || s.channels.empty())
      return wrong("its numbers cannot be: a step, horizon, kind or channel is missing");
    model.status_ = std::make_shared<const Status>(s, model.bins_.horizon);
    const auto edges = j.at("edges").get<std::vector<std::vector<float>>>();
    if (edges.size() != model.status_->features().size())
      return wrong(fmt::format("holds levels of {} features, its channels make {}", edges.size(),
                               model.status_->features().size()));
    model.words_ = Words::restored(
        model.status_->features(), edges, s.kinds, model.bins_.words(),
        j.at("packing").get<std::string>() == "word" ? Packing::word : Packing::group);
    model.level_shares_ = j.at("level_shares").get<std::vector<std::vector<float>>>();
    if (model.level_shares_.size() != edges.size())
      return wrong("does not say how often each level was met in training");
    model.temperature_ = j.at("temperature").get<double>();
    model.blend_ = j.at("blend").get<double>();
    model.tail_ = j.value("tail", model.tail_);
    model.widening_ = j.at("widening").get<double>();
    model.thresholds_ = j.at("thresholds").get<std::vector<std::vector<double>>>();
    for (const auto& row : model.thresholds_)
      if (row.size() != model.horizons_.size())
        return wrong("its thresholds are not one a horizon");
    model.base_ = j.at("base").get<std::vector<double>>();
    model.base_any_ = j.at("base_any").get<std::vector<double>>();
    model.life_ = {j.at("life").at("shape").get<double>(), j.at("life").at("scale").get<double>()};
    model.sensor_ = j.at("sensor").get<std::vector<std::size_t>>();
    model.sensor_sign_ = j.at("sensor_sign").get<std::vector<double>>();
    model.sensor_steps_ = steps_from(j.at("sensor_steps"));
    model.ewma_steps_ = steps_from(j.at("ewma_steps"));
    model.persistence_steps_ = steps_from(j.at("persistence_steps"));
    model.fingerprints_ = j.at("fingerprints").get<std::vector<std::uint64_t>>();
    model.seed_ = j.at("seed").get<std::uint64_t>();
    model.blend_time_ = j.at("blend_time").get<double>();
    members = j.at("members").get<std::size_t>();
    repeated = j.at("repeated").get<std::vector<double>>();
    if (repeated.size() != members ||
        std::any_of(repeated.begin(), repeated.end(), [](double r) { return !(r >= 1); }))
      return wrong("does not say how often each network met failing items");
    if (members == 0 || members > members_max)
      return wrong(fmt::format("has {} networks, wanted 1 to {}", members, members_max));
    trees = j.at("trees").get<std::size_t>();
    time_trees = j.at("time_trees").get<bool>();
    if (trees != 0) sums = j.at("tree_sums").get<std::vector<std::uint64_t>>();
    if (sums.size() != (trees == 0 ? 0 : members * (trees + (time_trees ? 1 : 0))))
      return wrong("does not have the sum of each file of trees");
    const auto n = model.horizons_.size();
    const auto k = s.kinds.size();
    if (model.base_.size() != n * k || model.base_any_.size() != n || model.sensor_.size() != n ||
        model.sensor_sign_.size() != n || model.sensor_steps_.size() != n ||
        model.ewma_steps_.size() != n || model.persistence_steps_.size() != n ||
        (trees != 0 && trees != n * k))
      return wrong("its parts are of different models: their sizes do not agree");
    for (const auto f : model.sensor_)
      if (f >= model.status_->features().size()) return wrong("names a feature that there is not");
  } catch (const nlohmann::json::exception& exception) {
    return wrong(exception.what());
  }
  for (std::size_t member = 0; member < members; ++member) {
    const auto place = folder_of(folder, member);
    auto checkpoint = gpt2::load_checkpoint(place);
    if (!checkpoint) return checkpoint.error();
    if (checkpoint->config.vocab_size != model.words_.vocabulary() ||
        checkpoint->config.n_positions < model.words_.positions())
      return wrong(fmt::format("speaks {} words in {} positions, the GPT-2 in {} has {} and {}",
                               model.words_.vocabulary(), model.words_.positions(), place.string(),
                               checkpoint->config.vocab_size, checkpoint->config.n_positions));
    model.networks_.push_back(
        {checkpoint->config, std::move(checkpoint->weights), repeated[member]});
    if (trees == 0) continue;
    Grove grove;
    for (std::size_t t = 0; t < trees + (time_trees ? 1 : 0); ++t) {
      auto bytes = gpt2::read_file(place / fmt::format("trees-{}.ubj", t));
      if (!bytes) return bytes.error();
      // XGBoost believes whatever lengths a damaged file says: it must be what was written.
      if (gpt2::checksum(*bytes) != sums[summed++])
        return Error({{(place / fmt::format("trees-{}.ubj", t)).string(), 0, 0,
                       "is not the file that was written with this model",
                       "copy the whole folder again, or train anew"}});
      auto restored = Trees::restore(*bytes);
      if (!restored) return restored.error();
      if (t < trees)
        grove.within.push_back(std::move(*restored));
      else
        grove.time = std::move(*restored);
    }
    model.groves_.push_back(std::move(grove));
  }
  if (auto opened = model.open(threads); !opened) return opened.error();
  return model;
}

}  // namespace foreline::plant
