// SPDX-License-Identifier: Apache-2.0
#include "sim/search/sequence_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace foreline::search {

namespace {

constexpr Time endless = std::numeric_limits<Time>::max();
constexpr std::size_t jobs_removed = 4;
constexpr double temperature_factor = 0.5;
/// So many iterations for each pair of jobs without a new best, and the search begins elsewhere:
/// few jobs may have optima that no insertion leads to.
constexpr std::uint64_t patience = 20;

class SequenceSearch {
 public:
  SequenceSearch(const FlowShop& shop, const Budget& budget, std::uint64_t seed)
      : shop_(shop), m_(shop.machines), meter_(budget), random_(seed), bound_(lower_bound(shop)) {
    const auto n = shop.jobs;
    if (!shop.setups.empty()) {
      setups_.resize(n * n * m_);
      for (std::size_t k = 0; k < m_; ++k)
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j)
            setups_[(i * n + j) * m_ + k] = shop.setups.at(k, i, j);
    }
    none_.assign(m_, 0);
    for (std::size_t j = 0; j < n; ++j) {
      release_.push_back(static_cast<std::int32_t>(shop.dates.release_of(j)));
      due_.push_back(shop.dates.due.empty() ? no_due : shop.dates.due[j]);
      weight_.push_back(shop.dates.weight.empty() ? 1 : shop.dates.weight[j]);
    }
    heads_.assign((n + 1) * m_, 0);
    tails_.assign((n + 1) * m_, 0);
    late_.assign(n + 1, 0);
    sums_.assign(n + 1, 0);
    row_.assign(2 * m_, 0);
    accelerated_ = shop.objective == Objective::makespan && !shop.blocking;
    meter_.look_every(accelerated_ ? 2000 : std::max<std::size_t>(1, 40'000 / (n * m_ + 1)));
  }

  FlowShopAnswer search(bool construct_only) {
    const auto n = shop_.jobs;
    Time now = construct();
    keep(now);
    if (!construct_only && n >= 2 && best_value_ > bound_) {
      now = improve(now);
      keep(now);
      auto incumbent = sequence_;
      const double temperature = temperature_of();
      const auto removed = std::min(jobs_removed, n - 1);
      std::vector<std::int32_t> taken;
      std::uint64_t renewed = 0;
      while (!meter_.spent() && best_value_ > bound_) {
        if (++iterations_ - renewed > patience * n * n) {
          renewed = iterations_;
          for (std::size_t i = n; i > 1; --i)
            std::swap(sequence_[i - 1], sequence_[random_.below(i)]);
          known_ = 0;
          tails_known_ = false;
          now = improve(endless);
          keep(now);
          incumbent = sequence_;
        }
        taken.clear();
        for (std::size_t i = 0; i < removed; ++i) {
          const auto place = random_.below(sequence_.size());
          taken.push_back(sequence_[place]);
          remove(place);
        }
        Time value = 0;
        for (const auto job : taken) value = insert_best(job);
        value = improve(value);
        if (keep(value)) renewed = iterations_;
        if (value <= now ||
            random_.uniform() <= std::exp(static_cast<double>(now - value) / temperature)) {
          now = value;
          incumbent = sequence_;
        } else {
          assign(incumbent);
        }
      }
    }
    FlowShopAnswer answer;
    answer.permutation = best_;
    answer.value = best_value_;
    assign(best_);
    refresh();
    for (std::size_t i = 1; i <= n; ++i)
      answer.makespan = std::max<Time>(answer.makespan, heads_[i * m_ + m_ - 1]);
    return answer;
  }

  void report(Statistics* statistics) const {
    if (statistics == nullptr) return;
    statistics->evaluations = meter_.evaluations();
    statistics->iterations = iterations_;
    statistics->cpu_s = meter_.cpu_s();
    statistics->proved = best_value_ <= bound_;
  }

 private:
  [[nodiscard]] std::size_t at(std::int32_t job) const { return static_cast<std::size_t>(job); }
  [[nodiscard]] const std::int32_t* times(std::int32_t job) const {
    return &shop_.time[at(job) * m_];
  }
  [[nodiscard]] const std::int32_t* setup(std::int32_t before, std::int32_t job) const {
    return setups_.empty() || before < 0 ? none_.data()
                                         : &setups_[(at(before) * shop_.jobs + at(job)) * m_];
  }

  /// When `job` leaves each machine behind `before`, which left them at `heads`.
  std::int32_t step(const std::int32_t* heads, std::int32_t before, std::int32_t job,
                    std::int32_t* row) const {
    const auto* const time = times(job);
    const auto* const change = setup(before, job);
    std::int32_t ready = release_[at(job)];
    for (std::size_t k = 0; k < m_; ++k) {
      ready = std::max(ready, heads[k] + change[k]) + time[k];
      if (shop_.blocking && k + 1 < m_) ready = std::max(ready, heads[k + 1] + change[k + 1]);
      row[k] = ready;
    }
    return ready;
  }

  /// The objective of those before and this job.
  [[nodiscard]] Time add(Time sum, std::int32_t job, std::int32_t end) const {
    switch (shop_.objective) {
      case Objective::makespan:
        return std::max<Time>(sum, end);
      case Objective::tardiness:
        return end > due_[at(job)] ? sum + weight_[at(job)] * (end - due_[at(job)]) : sum;
      case Objective::flowtime:
        return sum + weight_[at(job)] * (end - release_[at(job)]);
    }
    return sum;
  }

  void assign(const std::vector<std::int32_t>& sequence) {
    std::size_t same = 0;
    while (same < std::min(sequence.size(), sequence_.size()) && sequence[same] == sequence_[same])
      ++same;
    sequence_ = sequence;
    known_ = std::min(known_, same);
    tails_known_ = false;
  }
  void remove(std::size_t place) {
    sequence_.erase(sequence_.begin() + static_cast<std::ptrdiff_t>(place));
    known_ = std::min(known_, place);
    tails_known_ = false;
  }
  void insert(std::size_t place, std::int32_t job) {
    sequence_.insert(sequence_.begin() + static_cast<std::ptrdiff_t>(place), job);
    known_ = std::min(known_, place);
    tails_known_ = false;
  }

  /// Heads, and tails where they help, up to the sequence.
  void refresh() {
    const auto size = sequence_.size();
    for (; known_ < size; ++known_) {
      const auto job = sequence_[known_];
      const auto before = known_ == 0 ? -1 : sequence_[known_ - 1];
      const auto end = step(&heads_[known_ * m_], before, job, &heads_[(known_ + 1) * m_]);
      sums_[known_ + 1] = add(sums_[known_], job, end);
    }
    if (!accelerated_ || tails_known_) return;
    tails_known_ = true;
    std::fill_n(&tails_[size * m_], m_, 0);
    late_[size] = 0;
    for (std::size_t i = size; i-- > 0;) {
      const auto job = sequence_[i];
      const auto* const time = times(job);
      const auto* const change = i + 1 < size ? setup(job, sequence_[i + 1]) : none_.data();
      const auto* const behind = &tails_[(i + 1) * m_];
      auto* const row = &tails_[i * m_];
      std::int32_t tail = 0;
      for (std::size_t k = m_; k-- > 0;)
        row[k] = tail = std::max(tail, behind[k] + change[k]) + time[k];
      late_[i] = std::max(late_[i + 1], release_[at(job)] + tail);
    }
  }

  /// The value of inserting the job, `limit` or more when it is not below that.
  Time inserted(std::size_t place, std::int32_t job, Time limit) {
    const auto size = sequence_.size();
    const auto before = place == 0 ? -1 : sequence_[place - 1];
    if (accelerated_) {
      const auto* const time = times(job);
      const auto* const change = setup(before, job);
      const auto* const heads = &heads_[place * m_];
      const auto* const next = place < size ? setup(job, sequence_[place]) : none_.data();
      const auto* const tails = &tails_[place * m_];
      std::int32_t end = release_[at(job)];
      std::int32_t longest = late_[place];
      for (std::size_t k = 0; k < m_; ++k) {
        end = std::max(end, heads[k] + change[k]) + time[k];
        longest = std::max(longest, end + next[k] + tails[k]);
      }
      return longest;
    }
    auto* row = row_.data();
    auto* other = row + m_;
    Time sum = add(sums_[place], job, step(&heads_[place * m_], before, job, row));
    auto last = job;
    for (std::size_t i = place; i < size && sum < limit; ++i) {
      const auto end = step(row, last, sequence_[i], other);
      last = sequence_[i];
      sum = add(sum, last, end);
      std::swap(row, other);
    }
    return sum;
  }

  /// Puts the job where it costs least, a random one of equal places; the value, which is that of a
  /// part of the places when the budget ends.
  Time insert_best(std::int32_t job) {
    refresh();
    const auto places = sequence_.size() + 1;
    Time least = endless;
    std::size_t place = sequence_.size();
    std::size_t equals = 0;
    for (std::size_t i = places; i-- > 0;) {
      if (i + 1 < places && meter_.spent()) break;
      const Time limit = least == endless ? endless : least + 1;
      const Time value = inserted(i, job, limit);
      meter_.count(1);
      if (value < least) {
        least = value;
        place = i;
        equals = 1;
      } else if (value == least && random_.below(++equals) == 0) {
        place = i;
      }
    }
    insert(place, job);
    return least;
  }

  /// Insertion local search to a local optimum; returns the value.
  Time improve(Time value) {
    const auto size = sequence_.size();
    if (size < 2) return value;
    order_ = sequence_;
    for (std::size_t i = size; i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
    std::size_t since = 0;
    for (std::size_t next = 0; since < size && !meter_.spent() && value > bound_;
         next = next + 1 == size ? 0 : next + 1) {
      const auto job = order_[next];
      const auto place = static_cast<std::size_t>(
          std::find(sequence_.begin(), sequence_.end(), job) - sequence_.begin());
      remove(place);
      const auto found = insert_best(job);
      ++since;
      if (found < value) {
        value = found;
        since = 1;
      } else if (found > value) {
        // Stopped before its own place was tried.
        remove(static_cast<std::size_t>(std::find(sequence_.begin(), sequence_.end(), job) -
                                        sequence_.begin()));
        insert(place, job);
      }
    }
    return value;
  }

  Time construct() {
    std::vector<std::int32_t> order(shop_.jobs);
    std::iota(order.begin(), order.end(), 0);
    std::vector<Time> total(shop_.jobs, 0);
    for (std::size_t j = 0; j < shop_.jobs; ++j)
      for (std::size_t k = 0; k < m_; ++k) total[j] += shop_.at(j, k);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      const auto key = [&](std::int32_t j) {
        switch (shop_.objective) {
          case Objective::makespan:
            return -total[at(j)];
          case Objective::tardiness:
            return due_[at(j)];
          case Objective::flowtime:
            return total[at(j)] / std::max<Time>(1, weight_[at(j)]);
        }
        return Time{0};
      };
      return key(a) < key(b);
    });
    sequence_.clear();
    Time value = 0;
    for (const auto job : order) {
      if (meter_.late())
        insert(sequence_.size(), job);
      else
        value = insert_best(job);
    }
    refresh();
    value = sums_[sequence_.size()];
    return value;
  }

  [[nodiscard]] double temperature_of() const {
    const double cells = static_cast<double>(shop_.jobs * m_);
    const double mean =
        std::accumulate(shop_.time.begin(), shop_.time.end(), 0.0) / std::max(1.0, cells);
    const double weight = std::accumulate(weight_.begin(), weight_.end(), 0.0) /
                          std::max<double>(1, static_cast<double>(shop_.jobs));
    // A place further moves every job behind it in a sum.
    const double moved =
        shop_.objective == Objective::makespan ? 1 : weight * static_cast<double>(shop_.jobs) / 10;
    return std::max(1e-9, temperature_factor * mean / 10 * moved);
  }

  bool keep(Time value) {
    if (!best_.empty() && value >= best_value_) return false;
    best_value_ = value;
    best_ = sequence_;
    meter_.improved(value);
    return true;
  }

  const FlowShop& shop_;
  std::size_t m_;
  Meter meter_;
  Random random_;
  Time bound_;
  bool accelerated_ = false;
  std::vector<std::int32_t> setups_;  ///< (jobs x jobs x machines).
  std::vector<std::int32_t> none_;    ///< No set-up.
  std::vector<std::int32_t> release_;
  std::vector<Time> due_;
  std::vector<Time> weight_;
  std::vector<std::int32_t> sequence_;
  std::size_t known_ = 0;  ///< Rows of heads that are valid, besides the first.
  bool tails_known_ = false;
  std::vector<std::int32_t> heads_;  ///< (jobs + 1 x machines): row i, before place i.
  std::vector<std::int32_t> tails_;  ///< (jobs + 1 x machines): row i, from the job at place i on.
  std::vector<std::int32_t> late_;  ///< Longest path from the release of a job at place i or later.
  std::vector<Time> sums_;          ///< Of the jobs before place i.
  std::vector<std::int32_t> row_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> best_;
  Time best_value_ = endless;
  std::uint64_t iterations_ = 0;
};

}  // namespace

FlowShopAnswer solve_general(const FlowShop& shop, const Budget& budget, std::uint64_t seed,
                             Statistics* statistics, bool construct) {
  SequenceSearch search(shop, budget, seed);
  auto answer = search.search(construct);
  search.report(statistics);
  return answer;
}

}  // namespace foreline::search
