// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/plant_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <map>
#include <mutex>
#include <numeric>

#include "inference/gpt2/checkpoint.hpp"
#include "inference/plant/imagined.hpp"
#include "sim/line/random.hpp"

namespace foreline::plant {

using line::Done;
using line::Error;
using line::Result;

namespace {

constexpr double missing_share_max = 0.5;
constexpr std::size_t moments_min = 64;
constexpr std::size_t machines_to_deal = 10;  ///< Fewer cannot be held back.
constexpr std::size_t exact_bins_max = 40;
constexpr std::size_t fingerprints_max = 4096;
constexpr std::size_t imagined_max = 80'000;
constexpr std::size_t cells_max = 30'000'000;  ///< Moments times features, of either sort: 120 MB.
constexpr std::size_t untold_steps_divisor = 2;  ///< With less to learn from, more by heart.

std::uint64_t fingerprint(const float* row, std::size_t width, double at) {
  std::uint64_t hash = 1469598103934665603ULL;
  const auto mix = [&](std::uint64_t word) { hash = (hash ^ word) * 1099511628211ULL; };
  for (std::size_t c = 0; c < width; ++c) {
    std::uint32_t bits = 0;
    static_assert(sizeof bits == sizeof(float));
    std::copy_n(reinterpret_cast<const char*>(row + c), sizeof bits,
                reinterpret_cast<char*>(&bits));
    mix(bits);
  }
  mix(static_cast<std::uint64_t>(std::llround(at * 1000)));
  return hash;
}

}  // namespace

std::string name_of(Method method) {
  switch (method) {
    case Method::blend:
      return "blend";
    case Method::gpt:
      return "GPT-2";
    case Method::trees:
      return "trees";
    case Method::age:
      return "age (Weibull)";
    case Method::sensor:
      return "best threshold";
    case Method::ewma:
      return "EWMA deviation";
    case Method::persistence:
      return "persistence";
    case Method::climatology:
      return "climatology";
  }
  return {};
}

namespace {

/// Largest deviation of a short mean from the machine's own first rows, in ordinary noise (an EWMA
/// chart's statistic), or for items from the median.
std::vector<float> ewma_scores(const Samples& samples, const Status& status,
                               const std::vector<Reference>& references, const Records& schema) {
  std::vector<std::pair<std::size_t, std::size_t>> places;  // feature, channel
  for (std::size_t f = 0; f < status.features().size(); ++f)
    for (std::size_t c = 0; c < schema.channels.size(); ++c)
      if (status.features()[f].group == schema.channels[c].name &&
          schema.channels[c].categories.empty() &&
          status.features()[f].statistic == (schema.items ? "last" : "dev"))
        places.emplace_back(f, c);
  std::vector<float> scores;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double highest = 0;
    for (const auto& [f, c] : places) {
      double value = static_cast<double>(samples.status(i)[f]);
      if (schema.items) value -= references[c].median;
      const double unit = schema.items ? references[c].spread : references[c].noise;
      if (std::isfinite(value) && unit > 0) highest = std::max(highest, std::abs(value) / unit);
    }
    scores.push_back(static_cast<float>(highest));
  }
  return scores;
}

/// Events of the recent past, the more the worse.
std::vector<float> persistence_scores(const Samples& samples, const Status& status,
                                      const Records& schema) {
  std::vector<std::size_t> places;
  for (std::size_t f = 0; f < status.features().size(); ++f) {
    const auto& feature = status.features()[f];
    for (std::size_t k = 0; k < schema.codes.size(); ++k)
      if (feature.group == schema.codes[k] && !schema.maintenance[k] &&
          feature.statistic.front() == 'n')
        places.push_back(f);
  }
  std::vector<float> scores;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    float sum = 0;
    for (const auto f : places) sum += samples.status(i)[f];
    scores.push_back(sum);
  }
  return scores;
}

std::vector<double> ages(const Records& records, const Samples& samples, bool repairable) {
  std::vector<double> out;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto& machine = records.machines[samples.machine[i]];
    double from = repairable ? machine.time.front() : 0.0;
    if (repairable)
      for (const auto& failure : machine.failures)
        if (failure.at <= samples.at[i]) from = failure.at;
    out.push_back(samples.at[i] - from);
  }
  return out;
}

}  // namespace

Result<PlantModel> PlantModel::train(const Records& raw, const std::vector<std::size_t>& machines,
                                     double until, const PlantRules& rules, const Say& say) {
  PlantModel model;
  model.schema_ = raw;
  model.schema_.machines.clear();
  model.seed_ = rules.seed;
  std::size_t failures = 0;
  std::vector<double> lives;
  for (const auto m : machines) {
    for (const auto& failure : raw.machines[m].failures) failures += failure.at <= until ? 1 : 0;
    if (!raw.machines[m].failures.empty())
      lives.push_back(raw.machines[m].failures.front().at - raw.machines[m].time.front());
  }
  if (failures < 2)
    return Error(
        fmt::format("{}: {} among the machines to learn from", raw.name,
                    failures == 0 ? "there is no failure" : "there is one failure only"),
        "nothing can be learned of failures without failures: add records that end in one, "
        "or describe where they are ([[events]] kind = \"failure\", [[label]], end = \"failure\")");

  model.references_ = learn_references(raw, machines, until);
  QualityReport report;
  const Records records = clean(raw, model.references_, report);
  if (report.regimes > 1)
    say(fmt::format("{} operating regimes, told by {}", report.regimes,
                    fmt::join(report.told_by, ", ")));

  // The horizon and where it is judged.
  if (raw.items) {
    model.bins_ = {1, 1};
    model.horizons_ = {1};
  } else {
    double horizon = rules.horizon;
    if (horizon <= 0 && !lives.empty() && !raw.repairable) {
      std::nth_element(lives.begin(), lives.begin() + static_cast<std::ptrdiff_t>(lives.size() / 2),
                       lives.end());
      horizon = std::max(0.6 * lives[lives.size() / 2], 5 * raw.step);
    }
    if (horizon <= 0) horizon = 20 * raw.step;
    const auto steps =
        static_cast<std::size_t>(std::max(1.0, std::round(std::min(horizon / raw.step, 1e6))));
    // A word for every step as long as there are few; else the words are wider.
    model.bins_ = {horizon, steps <= exact_bins_max ? steps : rules.bins};
    model.horizons_ = rules.horizons;
    if (model.horizons_.empty())
      model.horizons_ = {0.12 * horizon, 0.24 * horizon, 0.4 * horizon, horizon};
    std::sort(model.horizons_.begin(), model.horizons_.end());
    if (model.horizons_.back() > horizon)
      return Error(fmt::format("the horizon {} is beyond the longest one, {}",
                               model.horizons_.back(), horizon),
                   "give a longer `horizon`");
  }
  model.status_ = std::make_shared<const Status>(records, model.bins_.horizon);

  // Calibration: other machines; or, when there are few, the last part of the time.
  bool by_time =
      rules.split.value_or(raw.repairable ? Split::time : Split::machine) == Split::time &&
      machines.size() < machines_to_deal && !raw.items;
  std::vector<std::size_t> shuffled = machines;
  for (std::size_t i = shuffled.size(); i > 1; --i)
    std::swap(shuffled[i - 1],
              shuffled[line::random_word(rules.seed, 3, line::Purpose::training, i) % i]);
  Choice learn{machines};
  Choice calibrate{machines};
  const auto rows_max = cells_max / std::max<std::size_t>(1, model.status_->features().size());
  learn.most = calibrate.most = std::min(learn.most, rows_max);
  learn.until = calibrate.until = until;
  if (by_time) {
    double first = std::numeric_limits<double>::infinity();
    double last = -first;
    for (const auto m : machines) {
      first = std::min(first, records.machines[m].time.front());
      last = std::max(last, std::min(until, records.machines[m].time.back()));
    }
    const double cut =
        last - std::max(rules.calibration_share * (last - first), 1.5 * model.bins_.horizon);
    if (cut > first + model.bins_.horizon) {
      learn.until = cut;
      calibrate.from = cut;
    } else {
      by_time = false;
    }
  }
  std::size_t members = std::max<std::size_t>(1, rules.members);
  // Which member is held back from a machine; `members`: from none.
  std::vector<std::size_t> keeper(records.machines.size(), members);
  if (!by_time) {
    if (shuffled.size() < 3)
      return Error(
          fmt::format("{} machines are too few to learn from and to calibrate on", shuffled.size()),
          "give at least three, or split = \"time\"");
    if (raw.items)  // as many failures in all parts
      std::stable_partition(shuffled.begin(), shuffled.end(),
                            [&](auto m) { return !raw.machines[m].failures.empty(); });
    const double share = std::min(rules.calibration_share, 1 / static_cast<double>(members));
    const auto every = std::min(
        shuffled.size(), std::max<std::size_t>(2, static_cast<std::size_t>(std::round(1 / share))));
    members = std::min(members, every);
    for (std::size_t i = 0; i < shuffled.size(); ++i)
      keeper[shuffled[i]] = i % every < members ? i % every : members;
  }
  const Samples learned = take_samples(records, *model.status_, learn);
  std::vector<Samples> held_parts;
  if (by_time) {
    held_parts.push_back(take_samples(records, *model.status_, calibrate));
  } else {
    for (std::size_t member = 0; member < members; ++member) {
      std::vector<std::size_t> which;
      for (std::size_t i = 0; i < learned.size(); ++i)
        if (keeper[learned.machine[i]] == member) which.push_back(i);
      held_parts.push_back(learned.picked(which));
    }
  }
  std::size_t held_size = 0;
  for (const auto& part : held_parts) held_size += part.size();
  if (learned.size() < moments_min || held_size == 0)
    return Error(fmt::format("{} moments to learn from and {} to calibrate on are too few",
                             learned.size(), held_size),
                 {});
  say(fmt::format("{} moments of {} machines to learn from, {} to calibrate on; {} features",
                  learned.size(), learn.machines.size(), held_size, learned.width));

  // A signal that gives the answer away is a label in disguise: no plant has such a sensor.
  const std::size_t kinds = learned.kinds;
  for (std::size_t h = 0; h < model.horizons_.size(); ++h) {
    const auto known = known_at(learned, kinds, model.horizons_[h]);
    const auto positives =
        static_cast<std::size_t>(std::accumulate(known.truth.begin(), known.truth.end(), 0U));
    if (positives < 20 || known.truth.size() - positives < 20) continue;
    for (std::size_t f = 0; f < learned.width; ++f) {
      const auto& feature = model.status_->features()[f];
      if (feature.statistic != "last") continue;
      std::vector<float> scores;
      std::vector<std::uint8_t> truth;
      for (std::size_t i = 0; i < known.samples.size(); ++i) {
        const float value = learned.status(known.samples[i])[f];
        if (std::isnan(value)) continue;
        scores.push_back(value);
        truth.push_back(known.truth[i]);
      }
      if (scores.size() * 2 < known.samples.size()) continue;
      const double area = auroc(scores, truth);
      if (std::max(area, 1 - area) > 0.99999)
        return Error(
            fmt::format("the signal \"{}\" alone tells every failure within {} {} (AUROC {:.4f}): "
                        "it holds the answer",
                        feature.group, model.horizons_[h], raw.time_unit, std::max(area, 1 - area)),
            "a column made from the future is a leak: remove it from the signals");
    }
  }

  // A signal that counts down to the failure is the answer itself; wear shows late and with noise.
  for (std::size_t f = 0; f < learned.width && !raw.items; ++f) {
    const auto& feature = model.status_->features()[f];
    if (feature.statistic != "last") continue;
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < learned.size(); ++i) {
      const auto truth = learned.any(i);
      const auto value = static_cast<double>(learned.status(i)[f]);
      if (!truth.happened || std::isnan(value)) continue;
      const auto left = static_cast<double>(truth.after);
      n += 1, x += value, y += left, xx += value * value, yy += left * left, xy += value * left;
    }
    const double varying = (xx - x * x / n) * (yy - y * y / n);
    if (n < 40 || !(varying > 0)) continue;
    const double correlation = (xy - x * y / n) / std::sqrt(varying);
    if (std::abs(correlation) > 0.999)
      return Error(
          fmt::format("the signal \"{}\" counts down to the failure (correlation {:.5f}): it "
                      "holds the answer",
                      feature.group, correlation),
          "a column made from the future is a leak: remove it from the signals");
  }

  // The words and the GPT-2.
  const double imagined_each = rules.imagined.value_or(raw.items ? 12 : 8);
  const bool told_more = rules.trees && imagined_each > 0;
  const std::size_t levels = rules.levels > 0 ? rules.levels
                             : raw.items      ? (told_more ? 256 : 64)
                             : raw.repairable ? 96
                                              : 32;
  model.words_ = Words(model.status_->features(), learned.features, levels, raw.kinds,
                       model.bins_.words(), rules.packing);
  if (model.words_.groups().empty())
    return Error(
        fmt::format("{}: every signal is constant: there is nothing to learn from", raw.name),
        "add signals that change");
  auto network_rules = rules.network;
  // Half as many moments a step teach as much together, and the network moves twice as often.
  if (network_rules.batch == 0) network_rules.batch = raw.items ? 64 : 32;
  if (network_rules.steps == 0)
    network_rules.steps = raw.items ? 2000 : raw.repairable ? 8000 : 4000;
  if (model.bins_.width() <= 1.5 * raw.step) network_rules.soft = 0;
  if (!told_more)
    network_rules.steps = std::max<std::size_t>(1, network_rules.steps / untold_steps_divisor);
  if (raw.repairable && told_more) {
    // What is planned by the calendar comes to the day, and one level is a day.
    network_rules.jitter = 0;
  } else if (raw.items && told_more) {
    network_rules.jitter = std::min(network_rules.jitter, 1.0);
  } else if (raw.items) {
    // Items fail so rarely that a network would soon know each of them by heart.
    network_rules.dropout = std::max(network_rules.dropout, 0.3F);
    network_rules.jitter = std::max(network_rules.jitter, 2.0);
    network_rules.group_drop = std::max(network_rules.group_drop, 0.2);
  }
  // Members are taught side by side, each on threads of its own.
  const auto side_by_side =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::max(1, rules.threads)), 1, members);
  auto member_rules = rules;
  member_rules.threads = std::max(1, rules.threads / static_cast<int>(side_by_side));
  network_rules.threads = member_rules.threads;
  const auto every = std::max<std::size_t>(1, network_rules.steps / 5);
  std::mutex saying;
  const auto tell = [&](const std::string& text) {
    const std::lock_guard lock(saying);
    say(text);
  };
  const auto teach = [&](std::size_t member) -> Result<Member> {
    auto own_rules = network_rules;
    own_rules.seed = rules.seed * 1000 + member;
    Samples mine;
    if (!by_time) {
      std::vector<std::size_t> which;
      for (std::size_t i = 0; i < learned.size(); ++i)
        if (keeper[learned.machine[i]] != member) which.push_back(i);
      mine = learned.picked(which);
    }
    const Samples& taught = by_time ? learned : mine;
    Member out;
    Told told;
    if (rules.trees) {
      auto grove = model.grow(taught, member_rules, own_rules.seed);
      if (!grove) return grove.error();
      out.grove = std::move(*grove);
      const auto count =
          std::min({imagined_max, rows_max,
                    static_cast<std::size_t>(imagined_each * static_cast<double>(taught.size()))});
      if (count > 0) {
        told.horizons = model.horizons_;
        told.samples = raw.items
                           ? model.telling_items(records, taught, out.grove, count, own_rules.seed)
                           : imagined_moments(taught, model.words_.groups(),
                                              model.horizons_.front(), count, own_rules.seed);
        auto said = model.from_trees(std::span(&out.grove, 1), told.samples);
        told.within = std::move(said.within);
        told.expected = std::move(said.expected);
      }
      tell(fmt::format("trees {} of {} are grown", member + 1, members));
    }
    out.network = train_network(model.words_, taught, told, model.bins_, own_rules,
                                [&](std::size_t step, std::size_t steps, double loss) {
                                  if (step % every == 0)
                                    tell(fmt::format("network {} of {}: step {} of {}, loss {:.4f}",
                                                     member + 1, members, step, steps, loss));
                                });
    if (by_time) return out;
    // Each member answers what it has not seen.
    const auto& part = held_parts[member];
    auto one = open_network(out.network, model.words_, member_rules.threads);
    if (!one) return one.error();
    out.shares = answer(*one, out.network.repeated, model.words_, model.bins_, part);
    if (rules.trees) out.trees = model.from_trees(std::span(&out.grove, 1), part);
    return out;
  };
  std::vector<std::optional<Result<Member>>> taught(members);
  std::atomic<std::size_t> next = 0;
  const auto teach_on = [&] {
    for (auto member = next++; member < members; member = next++) taught[member] = teach(member);
  };
  std::vector<std::future<void>> others;
  for (std::size_t t = 1; t < side_by_side; ++t)
    others.push_back(std::async(std::launch::async, teach_on));
  teach_on();
  for (auto& other : others) other.get();

  Samples held;
  std::vector<float> held_shares;
  Answers held_trees;
  const auto join = [](auto& all, const auto& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (std::size_t member = 0; member < members; ++member) {
    auto& one = *taught[member];
    if (!one) return one.error();
    if (rules.trees) model.groves_.push_back(std::move(one->grove));
    model.networks_.push_back(std::move(one->network));
    if (by_time) continue;
    join(held_shares, one->shares);
    join(held_trees.within, one->trees.within);
    join(held_trees.any, one->trees.any);
    join(held_trees.expected, one->trees.expected);
    held.append(held_parts[member]);
  }
  if (auto opened = model.open(rules.threads); !opened) return opened.error();
  if (by_time) {
    held = std::move(held_parts.front());
    held_shares = model.gpt_shares(held);
    if (rules.trees) held_trees = model.from_trees(model.groves_, held);
  }

  // The simple methods.
  for (std::size_t k = 0; k <= kinds; ++k)
    for (const double h : model.horizons_) {
      const auto known = known_at(learned, k, h);
      const double share =
          known.truth.empty()
              ? 0
              : (std::accumulate(known.truth.begin(), known.truth.end(), 0.0) + 0.5) /
                    (static_cast<double>(known.truth.size()) + 1);
      (k == kinds ? model.base_any_ : model.base_).push_back(share);
    }
  if (!raw.items) {
    std::vector<double> lengths;
    std::vector<std::uint8_t> failed;
    for (const auto m : learn.machines) {
      const auto& machine = records.machines[m];
      double from = raw.repairable ? machine.time.front() : 0.0;
      const double end = std::min(learn.until, machine.until);
      for (const auto& failure : machine.failures) {
        if (failure.at > end) break;
        lengths.push_back(std::max(failure.at - from, 0.5 * raw.step));
        failed.push_back(1);
        from = failure.at;
      }
      if (end > from) {
        lengths.push_back(end - from);
        failed.push_back(0);
      }
    }
    model.life_ = Weibull::fit(lengths, failed);
  }
  const auto ewma = ewma_scores(learned, *model.status_, model.references_.common, model.schema_);
  const auto persistence = persistence_scores(learned, *model.status_, model.schema_);
  for (const double h : model.horizons_) {
    const auto known = known_at(learned, kinds, h);
    const auto pick = [&](const std::vector<float>& all) {
      std::vector<float> scores;
      for (const auto i : known.samples) scores.push_back(all[i]);
      return scores;
    };
    model.ewma_steps_.emplace_back(pick(ewma), known.truth);
    model.persistence_steps_.emplace_back(pick(persistence), known.truth);
    double highest = 0;
    std::size_t chosen = 0;
    double sign = 1;
    std::vector<float> column(known.samples.size());
    // The best sensor is chosen on a part: areas under the curve need sorting.
    const auto stride = known.samples.size() / 3000 + 1;
    std::vector<std::uint8_t> some;
    for (std::size_t i = 0; i < known.truth.size(); i += stride) some.push_back(known.truth[i]);
    std::vector<float> part(some.size());
    for (std::size_t f = 0; f < learned.width; ++f) {
      if (model.status_->features()[f].group == "age") continue;
      if (model.words_.level_count(f) == 0) continue;
      for (std::size_t i = 0; i < part.size(); ++i) {
        const float value = learned.status(known.samples[i * stride])[f];
        part[i] = std::isnan(value) ? 0.0F : value;
      }
      const double area = auroc(part, some);
      if (std::max(area, 1 - area) > highest) {
        highest = std::max(area, 1 - area);
        chosen = f;
        sign = area >= 0.5 ? 1 : -1;
      }
    }
    for (std::size_t i = 0; i < known.samples.size(); ++i) {
      const float value = learned.status(known.samples[i])[chosen];
      column[i] = std::isnan(value) ? 0.0F : static_cast<float>(sign) * value;
    }
    model.sensor_.push_back(chosen);
    model.sensor_sign_.push_back(sign);
    model.sensor_steps_.emplace_back(column, known.truth);
  }

  model.calibrate(held, held_shares, rules.trees ? &held_trees : nullptr, say);
  model.level_shares_ = model.shares_of_levels(learned);
  for (const auto m : machines) {
    const auto& machine = raw.machines[m];
    for (std::size_t i = 0; i < machine.time.size() && machine.time[i] <= until; ++i) {
      const auto hash = fingerprint(&machine.values[i * raw.channels.size()], raw.channels.size(),
                                    raw.items ? 0 : machine.time[i]);
      model.fingerprints_.push_back(hash);
    }
  }
  std::sort(model.fingerprints_.begin(), model.fingerprints_.end());
  model.fingerprints_.erase(std::unique(model.fingerprints_.begin(), model.fingerprints_.end()),
                            model.fingerprints_.end());
  if (model.fingerprints_.size() > fingerprints_max)
    model.fingerprints_.resize(fingerprints_max);  // the smallest: a fair sample
  return model;
}

Result<Done> PlantModel::open(int threads) {
  models_.clear();
  for (const auto& network : networks_) {
    auto model = open_network(network, words_, threads);
    if (!model) return model.error();
    models_.push_back(std::make_shared<const gpt2::Model>(std::move(*model)));
  }
  return Done{};
}

std::vector<float> PlantModel::gpt_shares(const Samples& samples) const {
  std::vector<std::vector<std::uint16_t>> sentences;
  for (std::size_t i = 0; i < samples.size(); ++i)
    sentences.push_back(words_.levels(samples.status(i)));
  std::vector<float> mean;
  for (std::size_t member = 0; member < models_.size(); ++member) {
    const auto shares =
        answer(*models_[member], networks_[member].repeated, words_, bins_, sentences);
    mean.resize(shares.size());
    for (std::size_t i = 0; i < shares.size(); ++i)
      mean[i] += shares[i] / static_cast<float>(models_.size());
  }
  return mean;
}

Answers PlantModel::from_shares(std::vector<float> shares, std::size_t count) const {
  const auto kinds = schema_.kinds.size();
  const auto n = bins_.words();
  Answers answers;
  std::vector<float> any(n);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < kinds; ++k) {
      const auto row = std::span(shares).subspan((i * kinds + k) * n, n);
      if (temperature_ != 1) {
        double total = 0;
        for (auto& share : row)
          total += static_cast<double>(
              share = std::pow(std::max(share, 1e-9F), static_cast<float>(1 / temperature_)));
        for (auto& share : row) share = static_cast<float>(static_cast<double>(share) / total);
      }
      for (const double h : horizons_)
        answers.within.push_back(static_cast<float>(bins_.within(row, h)));
    }
    // The first of independent kinds: none so far means none of each.
    if (schema_.items) {
      answers.any.push_back(answers.within[i * kinds]);  // of several, the first is "any"
      continue;
    }
    double left = 1;
    for (std::size_t b = 0; b < n; ++b) {
      double none = 1;
      for (std::size_t k = 0; k < kinds; ++k) {
        double later = 0;
        for (std::size_t c = b + 1; c < n; ++c)
          later += static_cast<double>(shares[(i * kinds + k) * n + c]);
        none *= later;
      }
      if (b + 1 == n) none = 0;
      any[b] = static_cast<float>(std::max(0.0, left - none));
      left = none;
    }
    for (const double h : horizons_)
      answers.any.push_back(static_cast<float>(bins_.within(any, h)));
    answers.expected.push_back(static_cast<float>(bins_.expected(any)));
    answers.q05.push_back(static_cast<float>(bins_.quantile(any, tail_)));
    answers.q50.push_back(static_cast<float>(bins_.quantile(any, 0.5)));
    answers.q95.push_back(static_cast<float>(bins_.quantile(any, 1 - tail_)));
  }
  return answers;
}

Answers PlantModel::mixed(Answers gpt, const Answers& trees) const {
  const auto mix = [&](std::vector<float>& a, const std::vector<float>& b, double share) {
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
      a[i] = static_cast<float>(share * static_cast<double>(a[i]) +
                                (1 - share) * static_cast<double>(b[i]));
  };
  const auto alone = gpt.expected;
  mix(gpt.within, trees.within, blend_);
  mix(gpt.any, trees.any, blend_);
  mix(gpt.expected, trees.expected, blend_time_);
  const auto horizon = static_cast<float>(bins_.horizon);
  for (std::size_t i = 0; i < gpt.q05.size(); ++i) {  // the interval follows the blended middle
    const float shift = gpt.expected[i] - alone[i];
    for (auto* q : {&gpt.q05[i], &gpt.q50[i], &gpt.q95[i]})
      if (*q < horizon) *q = std::clamp(*q + shift, 0.0F, horizon);  // else it has no end
  }
  return gpt;
}

Answers PlantModel::answers(Method method, const Records& prepared, const Samples& samples) const {
  const auto n = horizons_.size();
  const auto kinds = schema_.kinds.size();
  if (method == Method::gpt) {
    auto answers = from_shares(gpt_shares(samples), samples.size());
    widen(answers);
    return answers;
  }
  if (method == Method::trees && !groves_.empty()) return from_trees(groves_, samples);
  if (method == Method::blend) {
    auto answers = from_shares(gpt_shares(samples), samples.size());
    if (!groves_.empty()) answers = mixed(std::move(answers), from_trees(groves_, samples));
    widen(answers);
    return answers;
  }
  Answers answers;
  std::vector<double> age;
  std::vector<float> scores;
  if (method == Method::age) age = ages(prepared, samples, schema_.repairable);
  if (method == Method::ewma) scores = ewma_scores(samples, *status_, references_.common, schema_);
  if (method == Method::persistence) scores = persistence_scores(samples, *status_, schema_);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (std::size_t h = 0; h < n; ++h) {
      double p = base_any_[h];
      if (method == Method::age && !schema_.items) p = life_.within(age[i], horizons_[h]);
      if (method == Method::sensor) {
        const float value = samples.status(i)[sensor_[h]];
        p = static_cast<double>(sensor_steps_[h].probability(
            std::isnan(value) ? 0.0F : static_cast<float>(sensor_sign_[h]) * value));
      }
      if (method == Method::ewma) p = static_cast<double>(ewma_steps_[h].probability(scores[i]));
      if (method == Method::persistence)
        p = static_cast<double>(persistence_steps_[h].probability(scores[i]));
      answers.any.push_back(static_cast<float>(p));
    }
    for (std::size_t k = 0; k < kinds; ++k)
      for (std::size_t h = 0; h < n; ++h)
        answers.within.push_back(static_cast<float>(base_[k * n + h]));
    if (!schema_.items && (method == Method::age || method == Method::climatology)) {
      double expected = 0;
      constexpr int parts = 50;
      for (int part = 0; part < parts; ++part)
        expected +=
            bins_.horizon / parts *
            (method == Method::age ? 1 - life_.within(age[i], (part + 0.5) * bins_.horizon / parts)
                                   : 1.0);
      if (method == Method::age) answers.expected.push_back(static_cast<float>(expected));
    }
  }
  return answers;
}

Result<Records> PlantModel::prepare(Records raw, QualityReport& report) const {
  Records out;
  out.name = raw.name;
  out.time_unit = schema_.time_unit;
  out.step = schema_.step;
  out.items = schema_.items;
  out.run_to_failure = raw.run_to_failure;
  out.repairable = schema_.repairable;
  out.dated = schema_.dated;
  out.channels = schema_.channels;
  out.codes = schema_.codes;
  out.maintenance = schema_.maintenance;
  out.kinds = schema_.kinds;
  if (raw.items != schema_.items)
    return Error(fmt::format("the model was trained on {}, this data is {}",
                             schema_.items ? "single items" : "histories",
                             raw.items ? "single items" : "histories"),
                 "use the description that the model was trained with");
  if (!raw.items && raw.time_unit != schema_.time_unit && !raw.time_unit.empty())
    return Error(fmt::format("the model counts time in \"{}\", this data in \"{}\"",
                             schema_.time_unit, raw.time_unit),
                 "set time_unit alike");
  const auto place = [](const auto& names, const std::string& name) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return i;
    return {};
  };
  std::vector<std::string> names;
  for (const auto& channel : raw.channels) names.push_back(channel.name);
  std::vector<std::optional<std::size_t>> from;
  std::size_t found = 0;
  for (const auto& channel : out.channels) {
    from.push_back(place(names, channel.name));
    if (from.back())
      ++found;
    else
      report.warnings.push_back(
          fmt::format("the signal \"{}\" of the model is not in this data", channel.name));
  }
  if (found == 0)
    return Error("none of the model's signals is in this data",
                 fmt::format("the model knows {}{}", out.channels.front().name,
                             out.channels.size() > 1 ? ", " + out.channels[1].name + " ..." : ""));
  const auto width = out.channels.size();
  for (auto& machine : raw.machines) {
    Machine mapped;
    mapped.id = machine.id;
    mapped.time = machine.time;
    mapped.until = machine.until;
    mapped.values.assign(machine.time.size() * width, unknown);
    for (std::size_t c = 0; c < width; ++c) {
      if (!from[c]) continue;
      const auto& theirs = raw.channels[*from[c]];
      for (std::size_t i = 0; i < machine.time.size(); ++i) {
        float value = machine.values[i * raw.channels.size() + *from[c]];
        if (!theirs.categories.empty() && !std::isnan(value)) {
          const auto known =
              place(out.channels[c].categories, theirs.categories[static_cast<std::size_t>(value)]);
          value = known ? static_cast<float>(*known) : unknown;
        }
        mapped.values[i * width + c] = value;
      }
    }
    for (const auto& event : machine.events)
      if (const auto code = place(out.codes, raw.codes[event.code]))
        mapped.events.push_back({event.at, static_cast<std::uint32_t>(*code)});
    for (const auto& failure : machine.failures)
      if (const auto kind = place(out.kinds, raw.kinds[failure.code]))
        mapped.failures.push_back({failure.at, static_cast<std::uint32_t>(*kind)});
    out.machines.push_back(std::move(mapped));
  }
  return clean(std::move(out), references_, report);
}

Samples PlantModel::samples(const Records& prepared, const Choice& choice) const {
  return take_samples(prepared, *status_, choice);
}

double PlantModel::overlap(const Records& raw) const {
  if (fingerprints_.empty()) return 0;
  const auto largest = fingerprints_.size() < fingerprints_max
                           ? std::numeric_limits<std::uint64_t>::max()
                           : fingerprints_.back();
  // The model's channels, by name, as the fingerprint was taken.
  std::vector<std::size_t> from;
  for (const auto& channel : schema_.channels) {
    const auto found = std::find_if(raw.channels.begin(), raw.channels.end(),
                                    [&](const auto& other) { return other.name == channel.name; });
    if (found == raw.channels.end()) return 0;
    from.push_back(static_cast<std::size_t>(found - raw.channels.begin()));
  }
  std::size_t compared = 0;
  std::size_t met = 0;
  std::vector<float> row(from.size());
  for (const auto& machine : raw.machines)
    for (std::size_t i = 0; i < machine.time.size(); ++i) {
      for (std::size_t c = 0; c < from.size(); ++c)
        row[c] = machine.values[i * raw.channels.size() + from[c]];
      const auto hash = fingerprint(row.data(), row.size(), raw.items ? 0 : machine.time[i]);
      if (hash > largest) continue;
      ++compared;
      met += std::binary_search(fingerprints_.begin(), fingerprints_.end(), hash) ? 1 : 0;
    }
  return compared == 0 ? 0 : static_cast<double>(met) / static_cast<double>(compared);
}

std::vector<PlantForecast> PlantModel::forecast(const Records& prepared, bool all_rows,
                                                bool reasons) const {
  Choice choice;
  choice.machines.resize(prepared.machines.size());
  std::iota(choice.machines.begin(), choice.machines.end(), std::size_t{0});
  choice.last_only = !all_rows;
  choice.most = std::numeric_limits<std::size_t>::max();
  const auto samples = take_samples(prepared, *status_, choice);
  const auto answered = answers(Method::blend, prepared, samples);
  const auto kinds = schema_.kinds.size();
  const auto n = horizons_.size();
  std::vector<PlantForecast> forecasts;
  const auto middle = n / 2;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto& f = forecasts.emplace_back();
    f.machine = prepared.machines[samples.machine[i]].id;
    f.at = samples.at[i];
    f.missing_share = samples.missing[i];
    if (static_cast<double>(f.missing_share) > missing_share_max) {
      f.why_not = fmt::format("{:.0f} % of the input is missing", 100 * f.missing_share);
      f.sentence = fmt::format("{}: no forecast, {}.", f.machine, f.why_not);
      continue;
    }
    f.available = true;
    for (std::size_t k = 0; k < kinds; ++k) {
      const auto* row = &answered.within[(i * kinds + k) * n];
      f.within.emplace_back(row, row + n);
    }
    f.any.assign(&answered.any[i * n], &answered.any[i * n] + n);
    if (!answered.expected.empty()) {
      f.expected = answered.expected[i];
      f.q05 = answered.q05[i];
      f.q50 = answered.q50[i];
      f.q95 = answered.q95[i];
    }
    const auto levels = words_.levels(samples.status(i));
    f.words = words_.text(levels);
    if (reasons) {
      // Occlusion: the same moment with one group of words unknown, to both halves of the blend.
      Samples hidden;
      hidden.width = samples.width;
      hidden.kinds = samples.kinds;
      std::vector<std::string> names;
      for (const auto& group : words_.groups()) {
        std::vector<float> row(samples.status(i).begin(), samples.status(i).end());
        for (const auto feature : group) row[feature] = unknown;
        hidden.features.insert(hidden.features.end(), row.begin(), row.end());
        hidden.machine.push_back(samples.machine[i]);
        hidden.at.push_back(samples.at[i]);
        names.push_back(words_.features()[group.front()].group);
      }
      const auto without = answers(Method::blend, prepared, hidden);
      for (std::size_t g = 0; g < names.size(); ++g)
        f.reasons.push_back({names[g], static_cast<double>(f.any[middle]) -
                                           static_cast<double>(without.any[g * n + middle])});
      std::stable_sort(f.reasons.begin(), f.reasons.end(), [](const Reason& a, const Reason& b) {
        return std::abs(a.change) > std::abs(b.change);
      });
    }
    const auto& unit = schema_.time_unit;
    f.sentence =
        schema_.items
            ? fmt::format("{}: {:.1f} % {}", f.machine, 100 * f.any[0], schema_.kinds.front())
            : fmt::format(
                  "{}: failure within {:g} {} with {:.0f} %, within {:g} {} with {:.0f} %; 90 % "
                  "interval {:.0f} to {}{:.0f} {}",
                  f.machine, horizons_[middle], unit, 100 * f.any[middle], horizons_.back(), unit,
                  100 * f.any.back(), f.q05,
                  static_cast<double>(f.q95) >= bins_.horizon ? "more than " : "", f.q95, unit);
    std::string because;
    for (std::size_t r = 0; r < std::min<std::size_t>(3, f.reasons.size()); ++r)
      if (std::abs(f.reasons[r].change) >= 0.01)
        because += fmt::format("{}{} {:+.0f}", because.empty() ? "" : ", ", f.reasons[r].signal,
                               100 * f.reasons[r].change);
    if (!because.empty()) f.sentence += "; speaks for it: " + because;
    if (f.missing_share > 0.05F)
      f.sentence += fmt::format("; {:.0f} % of the input is missing", 100 * f.missing_share);
    f.sentence += ".";
  }
  return forecasts;
}

double PlantModel::threshold(Method method, std::size_t horizon) const {
  const auto place = static_cast<std::size_t>(method);
  return place < thresholds_.size() ? thresholds_[place][horizon] : 0.5;
}

std::string PlantModel::description() const {
  return fmt::format("{} x {}; {} words in {} positions; blend {:.0f} % GPT-2", models_.size(),
                     models_.front()->description(), words_.vocabulary(), words_.positions(),
                     100 * blend_);
}

}  // namespace foreline::plant
