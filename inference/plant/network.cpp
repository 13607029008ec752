// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/network.hpp"

#include <algorithm>
#include <cmath>

#include "inference/gpt2/trainer.hpp"
#include "sim/line/random.hpp"

namespace foreline::plant {

namespace {

constexpr std::size_t answer_batch = 64;
constexpr double failing_share = 0.25;  ///< Of what training meets, for items.

double normal_below(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

/// What an answer says of the time words: shares `q` that sum to 1, each of a set of words that
/// count in part (parts x words). The likelihood is sum q log(sum part p).
struct Target {
  std::vector<double> q;
  std::vector<double> part;
  void clear() {
    q.clear();
    part.clear();
  }
};

/// A failure at a known time: one share a word, spread by `soft`; or the words still possible.
void target_of(const Truth& truth, const Bins& bins, double soft, Target& target) {
  const auto n = bins.count;
  const auto words = bins.words();
  target.clear();
  const double t = static_cast<double>(truth.after) / bins.width();  // in bins
  if (!truth.happened) {
    // Censored: every later word is still possible, the one in which the view ended in proportion.
    target.q.assign(1, 1.0);
    target.part.resize(words);
    target.part[n] = 1;
    for (std::size_t b = 0; b < n; ++b)
      target.part[b] = std::clamp(static_cast<double>(b + 1) - t, 0.0, 1.0);
    return;
  }
  const auto put = [&](std::size_t word, double share) {
    target.q.push_back(share);
    target.part.resize(target.part.size() + words);
    target.part[target.part.size() - words + word] = 1;
  };
  if (t > static_cast<double>(n)) return put(n, 1);
  if (soft <= 0) {
    const auto bin = t <= 0 ? 0 : static_cast<std::size_t>(std::ceil(t)) - 1;
    return put(std::min(bin, n), 1);
  }
  double sum = 0;
  for (std::size_t b = 0; b < n; ++b) {
    const double share = normal_below((static_cast<double>(b + 1) - t) / soft) -
                         normal_below((static_cast<double>(b) - t) / soft);
    put(b, share);
    sum += share;
  }
  const double later = 1 - normal_below((static_cast<double>(n) - t) / soft);
  put(n, later);
  for (auto& share : target.q) share /= sum + later;
}

/// What a teacher says: the share of every span between horizons.
void target_of(std::span<const float> within, std::span<const double> horizons, const Bins& bins,
               Target& target) {
  target.clear();
  const auto words = bins.words();
  double from = 0;
  double before = 0;
  for (std::size_t h = 0; h <= horizons.size(); ++h) {
    const bool last = h == horizons.size();
    const double until = last ? static_cast<double>(words) : horizons[h] / bins.width();
    const double by = last ? 1.0 : static_cast<double>(within[h]);
    target.q.push_back(std::max(0.0, by - before));
    for (std::size_t b = 0; b < words; ++b)
      target.part.push_back(std::clamp(until - static_cast<double>(b), 0.0, 1.0) -
                            std::clamp(from - static_cast<double>(b), 0.0, 1.0));
    from = until;
    before = by;
  }
}

}  // namespace

double Bins::within(std::span<const float> shares, double h) const {
  const double at = h / width();
  double sum = 0;
  for (std::size_t b = 0; b < count; ++b)
    sum += static_cast<double>(shares[b]) * std::clamp(at - static_cast<double>(b), 0.0, 1.0);
  return std::min(sum, 1.0);
}

double Bins::expected(std::span<const float> shares) const {
  double sum = static_cast<double>(shares[count]) * horizon;
  for (std::size_t b = 0; b < count; ++b)
    sum += static_cast<double>(shares[b]) * (static_cast<double>(b) + 0.5) * width();
  return sum;
}

double Bins::quantile(std::span<const float> shares, double p) const {
  double sum = 0;
  for (std::size_t b = 0; b < count; ++b) {
    const double share = static_cast<double>(shares[b]);
    if (sum + share >= p)
      return width() * (static_cast<double>(b) + (share > 0 ? (p - sum) / share : 0));
    sum += share;
  }
  return horizon;
}

double surprise(const Truth& truth, std::span<const float> shares, const Bins& bins) {
  Target target;
  target_of(truth, bins, 0, target);
  double p = 0;
  for (std::size_t b = 0; b < shares.size(); ++b)
    p += target.part[b] * static_cast<double>(shares[b]);
  return -std::log(std::max(p, 1e-6));
}

line::Result<gpt2::Model> open_network(const Network& network, const Words& words, int threads) {
  return gpt2::Model::create(
      network.config, network.weights,
      {.threads = threads, .first_answer = words.answer(0), .answers = words.answers()});
}

Network train_network(const Words& words, const Samples& samples, const Told& told,
                      const Bins& bins, const NetworkRules& rules, const Progress& progress) {
  using line::Purpose;
  Network network;
  auto& config = network.config;
  config.vocab_size = words.vocabulary();
  config.n_positions = (words.positions() + 7) / 8 * 8;
  config.n_embd = rules.width;
  config.n_layer = rules.layers;
  config.n_head = rules.heads;
  config.n_inner = 4 * rules.width;
  config.eos_token_id = words.vocabulary() - 1;
  auto weights = gpt2::initial_weights(config, rules.seed);
  // Levels are ordered: their embeddings start along one random direction a feature, so that a word
  // seen rarely leans on its neighbours from the first step.
  const auto ordered = [&](std::size_t f, double at, std::size_t i) {
    const double direction = line::random_uniform(rules.seed, static_cast<std::uint32_t>(f),
                                                  Purpose::training, 1000 + i) -
                             0.5;
    return static_cast<float>(0.12 * at * direction);
  };
  for (std::size_t f = 0; f < words.features().size(); ++f) {
    const auto levels = words.level_count(f);
    if (levels == 0) continue;
    for (std::size_t level = 0; level < levels; ++level) {
      const double at = 2.0 * (static_cast<double>(level) + 0.5) / static_cast<double>(levels) - 1;
      float* row = &weights.wte[(words.first_token(f) + level) * config.n_embd];
      for (std::size_t i = 0; i < config.n_embd; ++i) row[i] = 0.25F * row[i] + ordered(f, at, i);
    }
    for (std::size_t b = 0; b < words.band_count(f); ++b) {
      const double at =
          2.0 * (static_cast<double>(b) + 0.5) / static_cast<double>(words.band_count(f)) - 1;
      float* row = &weights.wte[(words.first_band(f) + b) * config.n_embd];
      for (std::size_t i = 0; i < config.n_embd; ++i) row[i] = 0.25F * row[i] + ordered(f, at, i);
    }
  }
  gpt2::TrainRules train;
  train.weight_decay = rules.weight_decay;
  train.beta2 = 0.99F;
  train.threads = rules.threads;
  train.dropout.residual = rules.dropout;
  train.average_decay = static_cast<float>(rules.average);
  train.bf16 = rules.bf16;
  train.seed = rules.seed;
  train.first_answer = words.answer(0);
  train.answers = words.answers();
  gpt2::Trainer trainer(config, std::move(weights), train);
  std::vector<std::vector<std::uint16_t>> sentences;
  for (const auto* some : {&samples, &told.samples})
    for (std::size_t i = 0; i < some->size(); ++i)
      sentences.push_back(words.levels(some->status(i)));
  const auto kinds = samples.kinds;
  std::uint64_t draw = 0;
  const auto uniform = [&] {
    return line::random_uniform(rules.seed, 9, Purpose::training, draw++);
  };
  std::vector<std::size_t> order(sentences.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (bins.count == 1 && told.samples.size() == 0) {
    // Items fail rarely: those that do are met more often, and the answers set right afterwards.
    std::vector<std::size_t> failing;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples.of(i, 0).happened) failing.push_back(i);
    if (!failing.empty()) {
      const auto wanted = failing_share / (1 - failing_share) *
                          static_cast<double>(samples.size() - failing.size()) /
                          static_cast<double>(failing.size());
      const auto times = static_cast<std::size_t>(std::clamp(std::round(wanted), 1.0, 20.0));
      for (std::size_t more = 1; more < times; ++more)
        order.insert(order.end(), failing.begin(), failing.end());
      network.repeated = static_cast<double>(times);
    }
  }
  std::size_t next = order.size();
  double running = 0;
  Target target;
  for (std::size_t step = 0; step < rules.steps; ++step) {
    std::vector<gpt2::Sequence> batch;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < rules.batch; ++i) {
      if (next >= order.size()) {
        for (std::size_t j = order.size(); j > 1; --j)
          std::swap(order[j - 1],
                    order[static_cast<std::size_t>(uniform() * static_cast<double>(j))]);
        next = 0;
      }
      const auto sample = order[next++];
      auto levels = sentences[sample];
      // What is told is as various as need be; its answer holds for just these words.
      for (const auto& group : words.groups()) {
        if (sample >= samples.size()) break;
        const bool hide = uniform() < rules.group_drop;
        for (const auto f : group) {
          const auto count = words.level_count(f);
          if (hide || uniform() < rules.word_drop) {
            levels[f] = static_cast<std::uint16_t>(count);
          } else if (levels[f] < count && words.continuous(f)) {
            const double jitter =
                words.features()[f].group == "age" ? rules.age_jitter : rules.jitter;
            const double moved = static_cast<double>(levels[f]) + jitter * (2 * uniform() - 1);
            levels[f] = static_cast<std::uint16_t>(
                std::clamp(std::lround(moved), 0L, static_cast<long>(count) - 1));
          }
        }
      }
      batch.push_back(words.sequence(levels));
      chosen.push_back(sample);
    }
    const gpt2::Loss loss = [&](std::span<const float> logits, std::span<float> slope) {
      std::fill(slope.begin(), slope.end(), 0.0F);
      const auto rows = chosen.size() * kinds;
      double sum = 0;
      std::vector<double> p(bins.words());
      for (std::size_t r = 0; r < rows; ++r) {
        const auto which = chosen[r / kinds];
        const bool is_told = which >= samples.size();
        if (is_told)
          target_of(
              std::span(told.within)
                  .subspan(((which - samples.size()) * kinds + r % kinds) * told.horizons.size(),
                           told.horizons.size()),
              told.horizons, bins, target);
        else
          target_of(samples.of(which, r % kinds), bins, rules.soft, target);
        const float* x = &logits[r * words.answers()];
        float* dx = &slope[r * words.answers()];
        const double highest = *std::max_element(x, x + p.size());
        double all = 0;
        for (std::size_t b = 0; b < p.size(); ++b)
          all += p[b] = std::exp(static_cast<double>(x[b]) - highest);
        for (auto& share : p) share /= all;
        const double weight = 1.0 / static_cast<double>(rows);
        for (std::size_t b = 0; b < p.size(); ++b) dx[b] = static_cast<float>(weight * p[b]);
        for (std::size_t j = 0; j < target.q.size(); ++j) {
          if (target.q[j] <= 0) continue;
          const double* part = &target.part[j * p.size()];
          double possible = 0;
          for (std::size_t b = 0; b < p.size(); ++b) possible += part[b] * p[b];
          possible = std::max(possible, 1e-12);
          sum -= weight * target.q[j] * std::log(possible);
          for (std::size_t b = 0; b < p.size(); ++b)
            dx[b] -= static_cast<float>(weight * target.q[j] * part[b] * p[b] / possible);
        }
        if (rules.point_weight <= 0 || bins.count == 1) continue;
        double seen = bins.horizon;
        if (is_told) {
          if (told.expected.empty() || kinds > 1) continue;  // a teacher's time is of any kind
          seen = static_cast<double>(told.expected[which - samples.size()]);
        } else {
          const auto& truth = samples.of(which, r % kinds);
          seen = std::min(static_cast<double>(truth.after), bins.horizon);
          if (!truth.happened && seen < bins.horizon) continue;
        }
        double expected = p[bins.count] * bins.horizon;
        for (std::size_t b = 0; b < bins.count; ++b)
          expected += p[b] * (static_cast<double>(b) + 0.5) * bins.width();
        const double unit = 0.12 * bins.horizon;
        const double error = (expected - seen) / unit;
        sum += weight * rules.point_weight * 0.5 * error * error;
        for (std::size_t b = 0; b < p.size(); ++b) {
          const double centre =
              b == bins.count ? bins.horizon : (static_cast<double>(b) + 0.5) * bins.width();
          dx[b] += static_cast<float>(weight * rules.point_weight * error * p[b] *
                                      (centre - expected) / unit);
        }
      }
      return sum;
    };
    const double value = trainer.step(
        batch, loss, gpt2::learning_rate(step, rules.steps, rules.steps / 20 + 1, rules.peak_rate));
    running = step == 0 ? value : 0.98 * running + 0.02 * value;
    if (progress) progress(step + 1, rules.steps, running);
  }
  network.weights = trainer.averaged();
  return network;
}

std::vector<float> answer(const gpt2::Model& model, double repeated, const Words& words,
                          const Bins& bins, std::span<const std::vector<std::uint16_t>> sentences) {
  const auto kinds = words.kinds().size();
  std::vector<float> shares;
  shares.reserve(sentences.size() * kinds * bins.words());
  for (std::size_t from = 0; from < sentences.size(); from += answer_batch) {
    std::vector<gpt2::Sequence> batch;
    for (std::size_t i = from; i < std::min(sentences.size(), from + answer_batch); ++i)
      batch.push_back(words.sequence(sentences[i]));
    const auto logits = model.logits(batch);
    for (std::size_t r = 0; r < batch.size() * kinds; ++r) {
      const float* x = &logits[r * words.answers()];
      const float highest = *std::max_element(x, x + bins.words());
      double sum = 0;
      for (std::size_t b = 0; b < bins.words(); ++b)
        sum += std::exp(static_cast<double>(x[b] - highest));
      for (std::size_t b = 0; b < bins.words(); ++b)
        shares.push_back(static_cast<float>(std::exp(static_cast<double>(x[b] - highest)) / sum));
    }
  }
  if (repeated > 1) {
    // With failing items met r times, P'(kind) = r P(kind) / (1 + (r - 1) P(any)); any is first.
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      float* row = &shares[i * kinds * 2];
      const double met = static_cast<double>(row[0]);
      const double any = met / (repeated - (repeated - 1) * met);
      for (std::size_t k = 0; k < kinds; ++k) {
        const double p = static_cast<double>(row[2 * k]) * (1 + (repeated - 1) * any) / repeated;
        row[2 * k] = static_cast<float>(std::min(p, 1.0));
        row[2 * k + 1] = 1 - row[2 * k];
      }
    }
  }
  return shares;
}

std::vector<float> answer(const gpt2::Model& model, double repeated, const Words& words,
                          const Bins& bins, const Samples& samples) {
  std::vector<std::vector<std::uint16_t>> sentences;
  for (std::size_t i = 0; i < samples.size(); ++i)
    sentences.push_back(words.levels(samples.status(i)));
  return answer(model, repeated, words, bins, sentences);
}

}  // namespace foreline::plant
