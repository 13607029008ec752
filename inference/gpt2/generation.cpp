// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/generation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "sim/line/random.hpp"

namespace foreline::gpt2 {

void log_softmax(std::span<float> rows, std::size_t vocab_size) {
  for (std::size_t from = 0; from < rows.size(); from += vocab_size) {
    const auto row = rows.subspan(from, vocab_size);
    const float highest = *std::max_element(row.begin(), row.end());
    double total = 0;
    for (const float value : row) total += static_cast<double>(std::exp(value - highest));
    const auto offset = static_cast<float>(std::log(total)) + highest;
    for (float& value : row) value -= offset;
  }
}

std::vector<std::vector<float>> score(const Model& model, std::span<const Sequence> batch,
                                      const std::function<void(std::span<const float>)>& rows) {
  constexpr std::size_t rows_max = 64;
  const auto e = model.config().n_embd;
  const auto v = model.config().vocab_size;
  const auto hidden = model.hidden(batch);
  std::vector<std::vector<float>> scores;
  std::size_t from = 0;
  for (const auto& sequence : batch) {
    const auto tokens = sequence.tokens.size();
    auto& own = scores.emplace_back();
    // The last row speaks of a token that is not there.
    const auto wanted = rows ? tokens : tokens - 1;
    for (std::size_t t = 0; t < wanted; t += rows_max) {
      const auto count = std::min(rows_max, wanted - t);
      auto logits = model.project(std::span(hidden).subspan((from + t) * e, count * e));
      log_softmax(logits, v);
      for (std::size_t i = 0; i < count && t + i + 1 < tokens; ++i)
        own.push_back(logits[i * v + sequence.tokens[t + i + 1]]);
      if (rows) rows(logits);
    }
    from += tokens;
  }
  return scores;
}

std::uint32_t draw(std::span<const float> logits, const Sampling& sampling, std::uint64_t place) {
  if (sampling.temperature <= 0)
    return static_cast<std::uint32_t>(std::max_element(logits.begin(), logits.end()) -
                                      logits.begin());
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto likelier = [&](std::uint32_t a, std::uint32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  if (sampling.top_k > 0 && sampling.top_k < order.size()) {
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(sampling.top_k),
                     order.end(), likelier);
    order.resize(sampling.top_k);
  }
  std::sort(order.begin(), order.end(), likelier);
  std::vector<double> shares(order.size());
  const double highest = logits[order.front()];
  double total = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    shares[i] = std::exp((logits[order[i]] - highest) / sampling.temperature);
    total += shares[i];
  }
  double kept = total;
  std::size_t count = shares.size();
  if (sampling.top_p < 1) {
    kept = 0;
    count = 0;
    while (count < shares.size() && (count == 0 || kept < sampling.top_p * total))
      kept += shares[count++];
  }
  double left = line::random_uniform(sampling.seed, 1, line::Purpose::training, place) * kept;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    left -= shares[i];
    if (left < 0) return order[i];
  }
  return order[count - 1];
}

const char* name_of(Ended ended) {
  switch (ended) {
    case Ended::eos:
      return "eos";
    case Ended::stop:
      return "stop";
    case Ended::count:
      return "count";
    case Ended::positions:
      return "positions";
  }
  return "";
}

Continuation continue_text(const Model& model, std::span<const std::uint32_t> prompt,
                           std::size_t count, const Sampling& sampling,
                           const std::function<bool(std::span<const std::uint32_t>)>& stop) {
  Model::Session session(model);
  Continuation text;
  auto logits = session.append(prompt);
  while (text.ids.size() < count) {
    const auto next = draw(logits, sampling, text.ids.size());
    if (next == model.config().eos_token_id) {
      text.ended = Ended::eos;
      return text;
    }
    text.ids.push_back(next);
    if (stop && stop(text.ids)) {
      text.ended = Ended::stop;
      return text;
    }
    if (text.ids.size() == count) break;
    if (session.length() == model.config().n_positions) {
      text.ended = Ended::positions;
      return text;
    }
    logits = session.append(std::span(&next, 1));
  }
  return text;
}

std::vector<double> weigh(const Model& model, std::span<const std::uint32_t> prompt,
                          std::span<const std::vector<std::uint32_t>> continuations) {
  if (prompt.empty()) throw std::invalid_argument("the prompt is empty");
  std::vector<double> weights;
  for (const auto& continuation : continuations) {
    if (continuation.empty()) throw std::invalid_argument("a continuation is empty");
    Sequence sequence{{prompt.begin(), prompt.end()}, {}};
    for (std::size_t i = 0; i < continuation.size(); ++i)
      sequence.asked.push_back(static_cast<std::uint32_t>(prompt.size() - 1 + i));
    sequence.tokens.insert(sequence.tokens.end(), continuation.begin(), continuation.end());
    auto logits = model.logits(std::span(&sequence, 1));
    log_softmax(logits, model.config().vocab_size);
    double sum = 0;
    for (std::size_t i = 0; i < continuation.size(); ++i)
      sum += static_cast<double>(logits[i * model.config().vocab_size + continuation[i]]);
    weights.push_back(sum);
  }
  return weights;
}

}  // namespace foreline::gpt2
