// SPDX-License-Identifier: Apache-2.0
#include "inference/plant/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreline::plant {

namespace {

/// Items have few numbers and no history: what two of them make together is worth a word.
constexpr std::size_t pair_channels_max = 10;

const std::string any_service = "any service";

/// Running sums of one channel: known values, their number, and moments against the row number.
struct Sums {
  std::vector<double> n, y, yy, x, xx, xy;
  explicit Sums(std::size_t rows)
      : n(rows + 1), y(rows + 1), yy(rows + 1), x(rows + 1), xx(rows + 1), xy(rows + 1) {}
};

}  // namespace

Status::Status(const Records& records, double horizon)
    : channels_(records.channels),
      codes_(records.codes.size()),
      kinds_(records.kinds.size()),
      maintenance_(records.maintenance),
      items_(records.items),
      repairable_(records.repairable),
      dated_(records.dated),
      told_age_(!records.repairable || !records.dated),
      step_(records.step) {
  if (!items_) {
    const double rows = horizon / step_;
    const std::size_t least[] = {1, 3, 7, 14};
    const double shares[] = {0.04, 0.08, 0.24, 0.48};
    for (std::size_t i = 0; i < 4; ++i)
      spans_.push_back(std::max(
          least[i], static_cast<std::size_t>(std::llround(std::min(shares[i] * rows, 1e5)))));
    baseline_ = std::max<std::size_t>(10, spans_[1]);
    if (told_age_) features_.push_back({"age", "now"});
    if (repairable_)
      for (const auto& kind : records.kinds) {
        features_.push_back({"failure " + kind, "since"});
        features_.push_back({"failure " + kind, fmt::format("n{}", spans_[3])});
      }
  }
  for (const auto& channel : channels_) {
    features_.push_back({channel.name, "last"});
    if (items_ || channel.attribute || !channel.categories.empty()) continue;
    for (const auto span : spans_) features_.push_back({channel.name, fmt::format("m{}", span)});
    features_.push_back({channel.name, fmt::format("sd{}", spans_[2])});
    features_.push_back({channel.name, fmt::format("slope{}", spans_[2])});
    features_.push_back({channel.name, "dev"});
  }
  for (const auto& code : records.codes) {
    features_.push_back({code, "since"});
    for (const auto span : spans_) features_.push_back({code, fmt::format("n{}", span)});
  }
  any_service_ =
      !items_ && std::count(maintenance_.begin(), maintenance_.end(), true) > 1 &&
      std::find(records.codes.begin(), records.codes.end(), any_service) == records.codes.end();
  if (any_service_) {
    features_.push_back({any_service, "since"});
    features_.push_back({any_service, "before"});
  }
  if (items_) {
    std::vector<std::size_t> numbers;
    for (std::size_t c = 0; c < channels_.size(); ++c)
      if (channels_[c].categories.empty()) numbers.push_back(c);
    if (numbers.size() <= pair_channels_max)
      for (std::size_t a = 0; a < numbers.size(); ++a)
        for (std::size_t b = a + 1; b < numbers.size(); ++b) {
          pairs_.emplace_back(numbers[a], numbers[b]);
          const auto both = channels_[numbers[a]].name + " with " + channels_[numbers[b]].name;
          features_.push_back({both, "product"});
          features_.push_back({both, "difference"});
        }
  }
}

std::vector<float> Status::at(const Machine& machine, std::span<const std::size_t> rows) const {
  const std::size_t width = channels_.size();
  const std::size_t all = machine.time.size();
  std::vector<float> out(rows.size() * features_.size(), unknown);
  std::size_t f = 0;
  const auto put = [&](std::size_t r, std::size_t feature, double value) {
    out[r * features_.size() + feature] = static_cast<float>(value);
  };
  if (!items_) {
    if (told_age_) {
      for (std::size_t r = 0; r < rows.size(); ++r)
        put(r, f, machine.time[rows[r]] - (dated_ ? machine.time.front() : 0));
      ++f;
    }
    if (repairable_) {
      for (std::uint32_t kind = 0; kind < kinds_; ++kind, f += 2) {
        for (std::size_t r = 0; r < rows.size(); ++r) {
          const double now = machine.time[rows[r]];
          double count = 0;
          double last = machine.time.front() - step_;
          for (const auto& failure : machine.failures) {
            if (failure.at > now) break;
            if (failure.code != kind) continue;
            count += failure.at > now - static_cast<double>(spans_[3]) * step_ ? 1 : 0;
            last = failure.at;
          }
          put(r, f, std::log2(1 + std::max(0.0, now - last) / step_));
          put(r, f + 1, count);
        }
      }
    }
  }
  for (std::size_t c = 0; c < width; ++c) {
    const auto value = [&](std::size_t i) { return machine.values[i * width + c]; };
    const bool plain = items_ || channels_[c].attribute || !channels_[c].categories.empty();
    if (plain) {
      for (std::size_t r = 0; r < rows.size(); ++r) {
        auto i = rows[r];
        // A category holds until it is said anew; an item's missing value is missing.
        while (!items_ && i > 0 && std::isnan(value(i)) && rows[r] - i < spans_[3]) --i;
        put(r, f, static_cast<double>(value(i)));
      }
      ++f;
      continue;
    }
    Sums s(all);
    double shift = 0;  // keeps sums of squares small against their difference
    for (std::size_t i = 0; i < all; ++i)
      if (!std::isnan(value(i))) {
        shift = static_cast<double>(value(i));
        break;
      }
    for (std::size_t i = 0; i < all; ++i) {
      const bool known = !std::isnan(value(i));
      const double y = known ? static_cast<double>(value(i)) - shift : 0;
      const double x = static_cast<double>(i);
      s.n[i + 1] = s.n[i] + (known ? 1 : 0);
      s.y[i + 1] = s.y[i] + y;
      s.yy[i + 1] = s.yy[i] + y * y;
      s.x[i + 1] = s.x[i] + (known ? x : 0);
      s.xx[i + 1] = s.xx[i] + (known ? x * x : 0);
      s.xy[i + 1] = s.xy[i] + x * y;
    }
    const auto mean = [&](std::size_t from, std::size_t until) {
      const double n = s.n[until] - s.n[from];
      // A third of the span must be known, or the word would speak of something else.
      if (n < 1 || 3 * n < static_cast<double>(until - from)) return static_cast<double>(unknown);
      return shift + (s.y[until] - s.y[from]) / n;
    };
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const auto end = rows[r] + 1;
      const auto start = [&](std::size_t span) { return end > span ? end - span : std::size_t{0}; };
      auto i = rows[r];
      while (i > start(spans_[1]) && std::isnan(value(i))) --i;
      put(r, f, static_cast<double>(value(i)));
      for (std::size_t w = 0; w < spans_.size(); ++w)
        put(r, f + 1 + w, mean(start(spans_[w]), end));
      const auto from = start(spans_[2]);
      const double n = s.n[end] - s.n[from];
      if (n >= 3 && 3 * n >= static_cast<double>(end - from)) {
        const double sy = s.y[end] - s.y[from];
        const double sx = s.x[end] - s.x[from];
        const double varying = (s.yy[end] - s.yy[from]) - sy * sy / n;
        put(r, f + 5, std::sqrt(std::max(0.0, varying / (n - 1))));
        const double xx = (s.xx[end] - s.xx[from]) - sx * sx / n;
        if (xx > 0)
          put(r, f + 6,
              ((s.xy[end] - s.xy[from]) - sx * sy / n) / xx * static_cast<double>(spans_[2]));
      }
      const auto own = std::min(baseline_, end);
      put(r, f + 7, mean(start(spans_[0]), end) - mean(0, own));
    }
    f += 8;
  }
  for (std::uint32_t code = 0; code < codes_; ++code) {
    std::vector<double> times;
    for (const auto& event : machine.events)
      if (event.code == code) times.push_back(event.at);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double now = machine.time[rows[r]];
      const auto next = std::upper_bound(times.begin(), times.end(), now);
      if (next != times.begin()) put(r, f, std::log2(1 + (now - *(next - 1)) / step_));
      for (std::size_t w = 0; w < spans_.size(); ++w) {
        const double since = now - static_cast<double>(spans_[w]) * step_;
        put(r, f + 1 + w, static_cast<double>(next - std::upper_bound(times.begin(), next, since)));
      }
    }
    f += 1 + spans_.size();
  }
  if (any_service_) {
    std::vector<double> visits;
    for (const auto& event : machine.events)
      if (maintenance_[event.code] && (visits.empty() || event.at > visits.back() + step_))
        visits.push_back(event.at);
    const auto told = [&](double time) { return std::log2(1 + time / step_); };
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double now = machine.time[rows[r]];
      const auto next = std::upper_bound(visits.begin(), visits.end(), now);
      if (next == visits.begin()) continue;
      put(r, f, told(now - *(next - 1)));
      if (next - visits.begin() > 1) put(r, f + 1, told(*(next - 1) - *(next - 2)));
    }
    f += 2;
  }
  for (const auto& [a, b] : pairs_) {
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double x = static_cast<double>(machine.values[rows[r] * width + a]);
      const double y = static_cast<double>(machine.values[rows[r] * width + b]);
      put(r, f, x * y);
      put(r, f + 1, x - y);
    }
    f += 2;
  }
  return out;
}

std::vector<float> Status::missing(const Machine& machine,
                                   std::span<const std::size_t> rows) const {
  const std::size_t width = channels_.size();
  const std::size_t span = items_ ? 1 : spans_[2];
  std::vector<std::size_t> counted(machine.time.size() + 1);
  std::size_t wanted = 0;
  for (std::size_t c = 0; c < width; ++c) wanted += channels_[c].attribute ? 0 : 1;
  for (std::size_t i = 0; i < machine.time.size(); ++i) {
    counted[i + 1] = counted[i];
    for (std::size_t c = 0; c < width; ++c)
      if (!channels_[c].attribute && std::isnan(machine.values[i * width + c])) ++counted[i + 1];
  }
  std::vector<float> shares;
  for (const auto row : rows) {
    const auto from = row + 1 > span ? row + 1 - span : std::size_t{0};
    const auto cells = (row + 1 - from) * wanted;
    shares.push_back(cells == 0 ? 0.0F
                                : static_cast<float>(counted[row + 1] - counted[from]) /
                                      static_cast<float>(cells));
  }
  return shares;
}

}  // namespace foreline::plant
