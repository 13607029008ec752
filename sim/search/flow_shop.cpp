// SPDX-License-Identifier: Apache-2.0
#include "sim/search/flow_shop.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/search/insertion.hpp"
#include "sim/search/sequence_search.hpp"

namespace foreline::search {

namespace {

// As tuned by Dubois-Lacoste, Pagnozzi and Stuetzle.
constexpr std::size_t jobs_removed = 2;
constexpr double temperature_factor = 0.7;

template <class T>
class IteratedGreedy {
 public:
  IteratedGreedy(const FlowShop& shop, const Budget& budget, std::uint64_t seed)
      : shop_(shop), board_(shop), meter_(budget), random_(seed) {
    // Looks at the clock cost a system call: about every 0.2 ms at 100 M evaluations a second.
    meter_.look_every(20'000);
  }

  Time construct() {
    std::vector<std::int32_t> order(shop_.jobs);
    std::iota(order.begin(), order.end(), 0);
    std::vector<Time> total(shop_.jobs, 0);
    for (std::size_t j = 0; j < shop_.jobs; ++j)
      for (std::size_t k = 0; k < shop_.machines; ++k) total[j] += shop_.at(j, k);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return total[static_cast<std::size_t>(a)] > total[static_cast<std::size_t>(b)];
    });
    board_.assign({});
    Time makespan = 0;
    bool hurry = false;
    for (const auto job : order) {
      if (!hurry && meter_.late()) hurry = true;
      if (hurry) {
        board_.insert(board_.size(), job);
        continue;
      }
      const auto found = best_place(job, Ties::first);
      board_.insert(found.place, job);
      makespan = found.makespan;
    }
    return hurry ? makespan_of_board() : makespan;
  }

  FlowShopAnswer search() {
    const Time bound = lower_bound(shop_);
    Time now = construct();
    best_ = board_.sequence();
    best_makespan_ = now;
    meter_.improved(best_makespan_);
    const auto n = shop_.jobs;
    const double sum = std::accumulate(shop_.time.begin(), shop_.time.end(), 0.0);
    const double temperature =
        temperature_factor * sum / (10.0 * static_cast<double>(n * shop_.machines));
    std::vector<std::int32_t> incumbent = board_.sequence();
    if (n >= 2 && best_makespan_ > bound) {
      now = improve(now);
      incumbent = board_.sequence();
      keep(now);
      const auto removed = std::min(jobs_removed, n - 1);
      std::vector<std::int32_t> taken;
      while (!meter_.spent() && best_makespan_ > bound) {
        ++iterations_;
        taken.clear();
        for (std::size_t i = 0; i < removed; ++i) {
          const auto place = random_.below(board_.size());
          taken.push_back(board_.sequence()[place]);
          board_.remove(place);
        }
        improve(std::numeric_limits<Time>::max());
        Time makespan = 0;
        for (const auto job : taken) {
          const auto found = best_place(job, Ties::idle);
          board_.insert(found.place, job);
          makespan = found.makespan;
        }
        makespan = improve(makespan);
        keep(makespan);
        if (makespan <= now ||
            random_.uniform() <= std::exp(static_cast<double>(now - makespan) / temperature)) {
          now = makespan;
          incumbent = board_.sequence();
        } else {
          board_.assign(incumbent);
        }
      }
    }
    return {best_, best_makespan_, best_makespan_};
  }

  void report(Statistics* statistics) const {
    if (statistics == nullptr) return;
    statistics->evaluations = meter_.evaluations();
    statistics->iterations = iterations_;
    statistics->cpu_s = meter_.cpu_s();
    statistics->proved = best_makespan_ == lower_bound(shop_);
  }
  [[nodiscard]] const std::vector<std::int32_t>& sequence() const { return board_.sequence(); }

 private:
  enum class Ties { first, idle };
  struct Found {
    std::size_t place = 0;
    Time makespan = 0;
  };

  Found best_place(std::int32_t job, Ties ties) {
    const T* const makespans = board_.evaluate(job);
    const std::size_t places = board_.size() + 1;
    meter_.count(places);
    T least = makespans[0];
    for (std::size_t i = 1; i < places; ++i) least = std::min(least, makespans[i]);
    tied_.clear();
    for (std::size_t i = 0; i < places; ++i)
      if (makespans[i] == least) tied_.push_back(i);
    std::size_t place = tied_.front();
    if (tied_.size() > 1 && ties == Ties::idle) {
      Time least_idle = std::numeric_limits<Time>::max();
      for (const auto at : tied_) {
        const Time idle = idle_time(job, at);
        if (idle >= least_idle) continue;
        least_idle = idle;
        place = at;
      }
    }
    return {place, least};
  }

  /// Of the whole sequence.
  [[nodiscard]] Time makespan_of_board() const {
    const auto m = shop_.machines;
    std::vector<Time> free(m, 0);
    for (const auto job : board_.sequence()) {
      Time ready = 0;
      for (std::size_t k = 0; k < m; ++k) {
        ready = std::max(ready, free[k]) + shop_.at(static_cast<std::size_t>(job), k);
        if (shop_.blocking && k + 1 < m) ready = std::max(ready, free[k + 1]);
        free[k] = ready;
      }
    }
    return m == 0 ? 0 : free[m - 1];
  }

  /// The estimate of front and back idle time by which Fernandez-Viagas and Framinan (2014) break
  /// ties.
  Time idle_time(std::int32_t job, std::size_t place) const {
    const T* const times = board_.times(job);
    // Rows of the blocking shop begin with the start on the first machine.
    const std::size_t first = shop_.blocking ? 1 : 0;
    const T* const before = board_.head_row(place) + first;
    const std::size_t m = shop_.machines;
    Time idle = 0;
    Time end = before[0] + times[0];
    if (place == board_.size()) {
      for (std::size_t k = 1; k < m; ++k) {
        idle += std::max<Time>(0, end - before[k]);
        end = std::max<Time>(end, before[k]) + times[k];
      }
      return idle;
    }
    const auto next = board_.sequence()[place];
    const T* const next_times = board_.times(next);
    const T* const next_ends = board_.head_row(place + 1) + first;
    Time next_end = end + next_times[0];
    for (std::size_t k = 1; k < m; ++k) {
      end = std::max<Time>(end, before[k]) + times[k];
      idle += end - next_ends[k] + next_times[k] - times[k] + std::max<Time>(0, next_end - end);
      next_end = std::max(next_end, end) + next_times[k];
    }
    return idle;
  }

  /// Insertion local search to a local optimum; returns the makespan.
  Time improve(Time makespan) {
    const auto k = board_.size();
    if (k < 2) return makespan == std::numeric_limits<Time>::max() ? 0 : makespan;
    order_ = board_.sequence();
    for (std::size_t i = k; i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
    std::size_t since = 0;
    std::size_t at = 0;
    while (since < k) {
      if (meter_.spent() && makespan != std::numeric_limits<Time>::max()) break;
      const auto job = order_[at];
      at = at + 1 == k ? 0 : at + 1;
      const auto& sequence = board_.sequence();
      const auto place = static_cast<std::size_t>(std::find(sequence.begin(), sequence.end(), job) -
                                                  sequence.begin());
      board_.remove(place);
      const auto found = best_place(job, Ties::idle);
      if (found.makespan < makespan) {
        makespan = found.makespan;
        board_.insert(found.place, job);
        since = 1;
      } else if (found.makespan == makespan) {
        board_.insert(found.place, job);
        ++since;
      } else {
        board_.insert(place, job);
        ++since;
      }
    }
    return makespan;
  }

  void keep(Time makespan) {
    if (makespan >= best_makespan_) return;
    best_makespan_ = makespan;
    best_ = board_.sequence();
    meter_.improved(makespan);
  }

  const FlowShop& shop_;
  InsertionBoard<T> board_;
  Meter meter_;
  Random random_;
  std::vector<std::int32_t> best_;
  Time best_makespan_ = std::numeric_limits<Time>::max();
  std::uint64_t iterations_ = 0;
  std::vector<std::int32_t> order_;
  std::vector<std::size_t> tied_;
};

template <class T>
FlowShopAnswer neh_as(const FlowShop& shop, Statistics* statistics) {
  Budget endless;
  endless.cpu_seconds = std::numeric_limits<double>::infinity();
  IteratedGreedy<T> search(shop, endless, 0);
  const Time makespan = search.construct();
  search.report(statistics);
  return {search.sequence(), makespan, makespan};
}

template <class T>
FlowShopAnswer solve_as(const FlowShop& shop, const Budget& budget, std::uint64_t seed,
                        Statistics* statistics) {
  IteratedGreedy<T> search(shop, budget, seed);
  auto answer = search.search();
  search.report(statistics);
  return answer;
}

}  // namespace

FlowShopAnswer neh(const FlowShop& shop, Statistics* statistics) {
  if (!is_classic(shop)) {
    Budget endless;
    endless.cpu_seconds = std::numeric_limits<double>::infinity();
    return solve_general(shop, endless, 0, statistics, true);
  }
  return InsertionBoard<std::int16_t>::fits(shop) ? neh_as<std::int16_t>(shop, statistics)
                                                  : neh_as<std::int32_t>(shop, statistics);
}

FlowShopAnswer solve(const FlowShop& shop, const Budget& budget, std::uint64_t seed,
                     Statistics* statistics) {
  if (!is_classic(shop)) return solve_general(shop, budget, seed, statistics, false);
  return InsertionBoard<std::int16_t>::fits(shop)
             ? solve_as<std::int16_t>(shop, budget, seed, statistics)
             : solve_as<std::int32_t>(shop, budget, seed, statistics);
}

}  // namespace foreline::search
