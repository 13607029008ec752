// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/losses.hpp"

#include <cmath>
#include <stdexcept>

#include "inference/gpt2/training_kernels.hpp"

namespace foreline::gpt2 {

namespace {

/// Weights divided by their sum.
std::vector<double> parts_of(std::size_t rows, const std::vector<float>& weights) {
  if (!weights.empty() && weights.size() != rows)
    throw std::invalid_argument("a loss has as many weights as labels, or none");
  double total = 0;
  for (const auto weight : weights) {
    if (!(weight >= 0)) throw std::invalid_argument("a weight of a loss is at least 0");
    total += static_cast<double>(weight);
  }
  std::vector<double> parts(rows, rows == 0 ? 0 : 1 / static_cast<double>(rows));
  for (std::size_t i = 0; i < weights.size(); ++i)
    parts[i] = total > 0 ? static_cast<double>(weights[i]) / total : 0;
  return parts;
}

void check(std::size_t row, std::size_t rows, std::uint32_t token, std::size_t vocabulary) {
  if (row >= rows) throw std::invalid_argument("more positions are asked than have a label");
  if (token >= vocabulary) throw std::invalid_argument("a label is beyond the vocabulary");
}

}  // namespace

RowLoss cross_entropy(std::vector<std::uint32_t> labels, const std::vector<float>& weights,
                      float smoothing) {
  if (!(smoothing >= 0 && smoothing < 1))
    throw std::invalid_argument("label smoothing is at least 0 and below 1");
  auto parts = parts_of(labels.size(), weights);
  return [labels = std::move(labels), parts = std::move(parts),
          smoothing = static_cast<double>(smoothing)](std::size_t row, std::span<float> x) {
    check(row, labels.size(), row < labels.size() ? labels[row] : 0, x.size());
    if (parts[row] == 0) {
      for (auto& slope : x) slope = 0;
      return 0.0;
    }
    const auto size = static_cast<double>(x.size());
    const auto label = labels[row];
    double logits = 0;
    if (smoothing > 0) {
      for (const auto logit : x) logits += static_cast<double>(logit);
    }
    const auto wanted = static_cast<double>(x[label]);
    const double all = training_kernels().softmax(x.data(), x.size());
    const auto part = static_cast<float>(parts[row]);
    const auto even = static_cast<float>(smoothing / size);
    for (auto& slope : x) slope = part * (slope - even);
    x[label] -= part * static_cast<float>(1 - smoothing);
    return parts[row] * (all - (1 - smoothing) * wanted - smoothing * logits / size);
  };
}

RowLoss soft_cross_entropy(std::vector<std::vector<Share>> labels,
                           const std::vector<float>& weights) {
  auto parts = parts_of(labels.size(), weights);
  return
      [labels = std::move(labels), parts = std::move(parts)](std::size_t row, std::span<float> x) {
        check(row, labels.size(), 0, x.size());
        double total = 0;
        double wanted = 0;
        for (const auto& label : labels[row]) {
          check(row, labels.size(), label.token, x.size());
          total += static_cast<double>(label.share);
          wanted += static_cast<double>(label.share) * static_cast<double>(x[label.token]);
        }
        if (parts[row] == 0) {
          for (auto& slope : x) slope = 0;
          return 0.0;
        }
        const double all = training_kernels().softmax(x.data(), x.size());
        const auto part = static_cast<float>(parts[row]);
        const auto scale = part * static_cast<float>(total);
        for (auto& slope : x) slope *= scale;
        for (const auto& label : labels[row]) x[label.token] -= part * label.share;
        return parts[row] * (total * all - wanted);
      };
}

}  // namespace foreline::gpt2
