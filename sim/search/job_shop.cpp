// SPDX-License-Identifier: Apache-2.0
#include "sim/search/job_shop.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "sim/search/list_search.hpp"
#include "sim/search/shop_graph.hpp"

namespace foreline::search {

namespace {

using Node = ShopGraph::Node;
using Length = ShopGraph::Length;
constexpr Length endless = std::numeric_limits<Length>::max();

std::size_t at(Node node) {
  return static_cast<std::size_t>(node);
}

/// Until when it is forbidden to put one operation before another, or on a machine again. A hashed
/// table: two pairs that share a cell forbid each other, which costs a move now and then.
class Forbidden {
 public:
  void forbid(std::int32_t a, std::int32_t b, std::int64_t until) {
    auto& cell = cells_[slot(a, b)];
    cell = std::max(cell, until);
  }
  [[nodiscard]] bool forbids(std::int32_t a, std::int32_t b, std::int64_t now) const {
    return cells_[slot(a, b)] > now;
  }
  void forget() { std::fill(cells_.begin(), cells_.end(), 0); }

 private:
  static std::size_t slot(std::int32_t a, std::int32_t b) {
    const auto key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) * 0x9e3779b97f4a7c15ULL ^
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(b)) * 0xc2b2ae3d27d4eb4fULL;
    return static_cast<std::size_t>(key >> 48);
  }
  std::vector<std::int64_t> cells_ = std::vector<std::int64_t>(std::size_t{1} << 16, 0);
};

class TabuSearch {
 public:
  TabuSearch(const JobShop& shop, const Budget& budget, std::uint64_t seed)
      : shop_(shop), graph_(shop), meter_(budget), random_(seed), bound_(lower_bound(shop)) {
    meter_.look_every(5000);
    for (const auto& job : shop.jobs)
      for (const auto& operation : job) flexible_ = flexible_ || operation.size() > 1;
    const auto jobs = static_cast<double>(shop.jobs.size());
    const auto machines = static_cast<double>(std::max<std::size_t>(1, shop.machines));
    // Tenure of Zhang et al. 2008 (TS/SA) and Peng et al. 2015.
    tenure_ = static_cast<std::int64_t>(10 + jobs / machines);
    tenure_spread_ = static_cast<std::int64_t>(static_cast<double>(tenure_) *
                                               (jobs <= 2 * machines ? 0.4 : 0.5));
  }

  void start_with(const ShopGraph::Saved& saved) { given_ = saved; }

  JobShopAnswer search() {
    if (graph_.size() == 0) return {};
    std::vector<ShopGraph::Saved> elite;
    construct();
    keep();
    if (!given_.order.empty()) {
      graph_.restore(given_);
      keep();
    }
    const std::int64_t patience = flexible_ ? 6000 : 12'000;
    const std::size_t population = flexible_ ? 6 : 8;
    // A population first, each from a different start; then paths between its members.
    while (elite.size() < population && !over()) {
      if (!elite.empty()) construct();
      climb(elite.empty() || flexible_ ? patience : patience / 2);
      graph_.restore(local_);
      elite.push_back(local_);
    }
    while (!over() && elite.size() >= 2) {
      const auto a = random_.below(elite.size());
      auto b = random_.below(elite.size() - 1);
      if (b >= a) ++b;
      graph_.restore(elite[a]);
      walk_towards(elite[b]);
      climb(patience);
      admit(elite);
    }
    while (!over()) {  // a single operation or so: nothing to relink
      construct();
      climb(patience);
    }
    graph_.restore(best_);
    return answer();
  }

  void report(Statistics* statistics) const {
    if (statistics == nullptr) return;
    statistics->evaluations = meter_.evaluations();
    statistics->iterations = static_cast<std::uint64_t>(iteration_);
    statistics->cpu_s = meter_.cpu_s();
    statistics->proved = best_.makespan <= bound_;
  }
  [[nodiscard]] const ShopGraph& graph() const { return graph_; }

 private:
  struct Move {
    Node node = 0;
    std::int32_t machine = 0;
    Node behind = 0;
    Length estimate = endless;
    bool tabu = false;
  };

  bool over() { return best_.makespan <= bound_ || meter_.spent(); }

  JobShopAnswer answer() const {
    JobShopAnswer result;
    result.makespan = result.value = graph_.makespan();
    std::size_t v = 0;
    for (const auto& job : shop_.jobs) {
      auto& placed = result.jobs.emplace_back();
      for (std::size_t o = 0; o < job.size(); ++o, ++v)
        placed.push_back(
            {graph_.machine[v], graph_.head[v], Time{graph_.head[v]} + graph_.time[v]});
    }
    return result;
  }

  /// A schedule from a list: the job with most work left (blurred by a random factor) whose
  /// operation can begin first, on the machine that ends it first.
  void construct() {
    const auto jobs = shop_.jobs.size();
    std::vector<std::size_t> next(jobs, 0);
    std::vector<Node> node(jobs, 0);
    std::vector<double> left(jobs, 0);
    std::vector<Length> ready(jobs, 0);
    std::vector<Length> free(shop_.machines, 0);
    Node count = 0;
    for (std::size_t j = 0; j < jobs; ++j) {
      node[j] = count;
      count += static_cast<Node>(shop_.jobs[j].size());
      for (const auto& operation : shop_.jobs[j]) left[j] += operation.front().time;
    }
    std::vector<Node> order;
    std::vector<std::int32_t> machines(graph_.size(), 0);
    std::size_t lagging = 0;
    bool hurry = false;
    while (order.size() < graph_.size()) {
      if (order.size() % 64 == 0 && meter_.late()) hurry = true;
      if (hurry) {  // any schedule at all: one job after the other
        while (next[lagging] == shop_.jobs[lagging].size()) ++lagging;
        const auto& operation = shop_.jobs[lagging][next[lagging]];
        const auto& where = operation.front();
        const auto v = node[lagging]++;
        order.push_back(v);
        machines[at(v)] = where.machine;
        ++next[lagging];
        continue;
      }
      // Giffler and Thompson: among the jobs that could begin before the earliest possible end.
      Length earliest_end = endless;
      for (std::size_t j = 0; j < jobs; ++j) {
        if (next[j] == shop_.jobs[j].size()) continue;
        for (const auto& choice : shop_.jobs[j][next[j]])
          earliest_end =
              std::min(earliest_end, std::max(ready[j], free[at(choice.machine)]) + choice.time);
      }
      double most = -1;
      std::size_t chosen = 0;
      Choice where;
      for (std::size_t j = 0; j < jobs; ++j) {
        if (next[j] == shop_.jobs[j].size()) continue;
        const Choice* best = nullptr;
        Length end = endless;
        for (const auto& choice : shop_.jobs[j][next[j]]) {
          const Length ends = std::max(ready[j], free[at(choice.machine)]) + choice.time;
          if (ends < end || (ends == end && random_.below(2) == 0)) {
            end = ends;
            best = &choice;
          }
        }
        const Length begins = std::max(ready[j], free[at(best->machine)]);
        if (begins > earliest_end ||
            (begins == earliest_end && best->time > 0 && end > earliest_end))
          continue;
        const double priority = (left[j] + 1) * (0.5 + random_.uniform());
        if (priority > most) {
          most = priority;
          chosen = j;
          where = *best;
        }
      }
      const auto v = node[chosen]++;
      order.push_back(v);
      machines[at(v)] = where.machine;
      left[chosen] -= shop_.jobs[chosen][next[chosen]].front().time;
      ++next[chosen];
      ready[chosen] = free[at(where.machine)] =
          std::max(ready[chosen], free[at(where.machine)]) + where.time;
    }
    graph_.assign(order, machines);
    meter_.count(1);
  }

  /// Tabu search from the graph's schedule until `patience` iterations bring no better one; the
  /// best of this climb is in local_.
  void climb(std::int64_t patience) {
    forbidden_.forget();
    local_ = graph_.saved();
    keep();
    std::int64_t since = 0;
    while (since < patience && !over()) {
      ++iteration_;
      ++since;
      find_moves();
      if (moves_.empty()) break;  // one critical job: optimal
      if (!apply_best()) {
        scatter();
        continue;
      }
      graph_.refresh();
      if (graph_.makespan() < local_.makespan) {
        local_ = graph_.saved();
        since = 0;
        keep();
      }
    }
  }

  void keep() {
    if (!best_.order.empty() && graph_.makespan() >= best_.makespan) return;
    best_ = graph_.saved();
    meter_.improved(best_.makespan);
  }

  /// Some random moves when every sensible one closes a cycle.
  void scatter() {
    if (!moves_.empty()) {
      const auto& move = moves_[random_.below(moves_.size())];
      (void)graph_.move(move.node, move.machine, move.behind);
    }
    graph_.refresh();
  }

  /// A random critical path, in moves_ all moves of its blocks and reassignments of its operations.
  void find_moves() {
    const auto& g = graph_;
    path_.clear();
    Node v = g.nobody();
    std::size_t equals = 0;
    for (const auto first : firsts())
      if (g.head[at(first)] == 0 && g.tail[at(first)] + g.time[at(first)] == g.makespan() &&
          random_.below(++equals) == 0)
        v = first;
    while (v != g.nobody()) {
      path_.push_back(v);
      const auto j = g.job_after[at(v)];
      const auto m = g.machine_after[at(v)];
      const Length rest = g.tail[at(v)];
      const bool job = j != g.nobody() && g.tail[at(j)] + g.time[at(j)] == rest;
      const bool machine = m != g.nobody() && g.tail[at(m)] + g.time[at(m)] == rest;
      if (!job && !machine) break;
      v = job && machine ? (random_.below(2) == 0 ? j : m) : job ? j : m;
    }
    moves_.clear();
    for (std::size_t from = 0; from < path_.size();) {
      auto until = from + 1;
      while (until < path_.size() && g.machine[at(path_[until])] == g.machine[at(path_[from])] &&
             g.machine_after[at(path_[until - 1])] == path_[until])
        ++until;
      if (until - from >= 2) block_moves(from, until, until == path_.size());
      from = until;
    }
    if (flexible_)
      for (const auto u : path_) reassignments(u);
    meter_.count(moves_.size());
  }

  const std::vector<Node>& firsts() {
    if (firsts_.empty())
      for (std::size_t v = 0; v < graph_.size(); ++v)
        if (graph_.job_before[v] == graph_.nobody()) firsts_.push_back(static_cast<Node>(v));
    return firsts_;
  }

  void block_moves(std::size_t from, std::size_t until, bool last) {
    if (until - from == 2) {
      add_forward(from, until - 1);
      return;
    }
    // N7: inner operations to either end, and either end to every inner place. In the first block
    // nothing is gained at its front, in the last nothing at its back.
    if (!last) {
      for (std::size_t i = from; i + 1 < until; ++i) add_forward(i, until - 1);
      for (std::size_t i = from + 1; i + 1 < until; ++i)
        if (from > 0) add_backward(until - 1, i);
    }
    if (from > 0) {
      for (std::size_t i = from + 1; i < until; ++i)
        if (last || i + 1 < until) add_backward(i, from);
      if (!last) add_backward(until - 1, from);
      for (std::size_t i = from + 1; i + 1 < until; ++i) add_forward(from, i);
    }
  }

  /// path_[i] to right behind path_[j], i < j, in one block.
  void add_forward(std::size_t i, std::size_t j) {
    const auto& g = graph_;
    const auto u = path_[i];
    const auto v = path_[j];
    const auto next = g.job_after[at(u)];
    if (next != g.nobody() && g.tail[at(v)] + g.time[at(v)] < g.tail[at(next)] + g.time[at(next)])
      return;
    // Heads of what moves ahead, then of u; tails from u backwards.
    auto before = g.machine_before[at(u)];
    Length end = g.head[at(before)] + g.time[at(before)];
    heads_.clear();
    bool tabu = false;
    for (auto k = i + 1; k <= j; ++k) {
      const auto x = path_[k];
      const Length head = std::max(g.job_head(x), end);
      heads_.push_back(head);
      end = head + g.time[at(x)];
      tabu = tabu || forbidden_.forbids(x, u, iteration_);
    }
    const Length u_head = std::max(g.job_head(u), end);
    const auto after = g.machine_after[at(v)];
    Length behind = std::max(g.job_tail(u), g.tail[at(after)] + g.time[at(after)]);
    Length longest = u_head + g.time[at(u)] + behind;
    behind += g.time[at(u)];
    for (auto k = j; k > i; --k) {
      const auto x = path_[k];
      const Length tail = std::max(g.job_tail(x), behind);
      longest = std::max(longest, heads_[k - i - 1] + g.time[at(x)] + tail);
      behind = tail + g.time[at(x)];
    }
    moves_.push_back({u, g.machine[at(u)], v, longest, tabu});
  }

  /// path_[j] to right before path_[i], i < j.
  void add_backward(std::size_t j, std::size_t i) {
    const auto& g = graph_;
    const auto u = path_[i];
    const auto v = path_[j];
    const auto prior = g.job_before[at(v)];
    if (prior != g.nobody() &&
        g.head[at(u)] + g.time[at(u)] < g.head[at(prior)] + g.time[at(prior)])
      return;
    const auto before = g.machine_before[at(u)];
    Length end = std::max(g.job_head(v), g.head[at(before)] + g.time[at(before)]);
    const Length v_head = end;
    end += g.time[at(v)];
    heads_.clear();
    bool tabu = false;
    for (auto k = i; k < j; ++k) {
      const auto x = path_[k];
      const Length head = std::max(g.job_head(x), end);
      heads_.push_back(head);
      end = head + g.time[at(x)];
      tabu = tabu || forbidden_.forbids(v, x, iteration_);
    }
    const auto after = g.machine_after[at(v)];
    Length behind = g.tail[at(after)] + g.time[at(after)];
    Length longest = 0;
    for (auto k = j; k > i; --k) {
      const auto x = path_[k - 1];
      const Length tail = std::max(g.job_tail(x), behind);
      longest = std::max(longest, heads_[k - 1 - i] + g.time[at(x)] + tail);
      behind = tail + g.time[at(x)];
    }
    longest = std::max(longest, v_head + g.time[at(v)] + std::max(g.job_tail(v), behind));
    moves_.push_back({v, g.machine[at(v)], before, longest, tabu});
  }

  /// u to every place of every other machine that can do it, where no cycle is certain.
  void reassignments(Node u) {
    const auto& g = graph_;
    const auto& choices = *g.choices[at(u)];
    if (choices.size() < 2) return;
    const Length job_head = g.job_head(u);
    const Length job_tail = g.job_tail(u);
    const auto prior = g.job_before[at(u)];
    const Length prior_head = prior == g.nobody() ? -1 : g.head[at(prior)];
    const auto next = g.job_after[at(u)];
    const Length next_end = next == g.nobody() ? endless : g.head[at(next)] + g.time[at(next)];
    for (const auto& choice : choices) {
      if (choice.machine == g.machine[at(u)]) continue;
      const bool tabu = forbidden_.forbids(~u, choice.machine, iteration_);
      Node behind = g.nobody();
      Node ahead = g.first[at(choice.machine)];
      Length least = endless;
      Node least_behind = g.nobody();
      std::size_t equals = 0;
      while (true) {
        // What ends before the job's operation before begins may lead to it: too early a place.
        const bool possible =
            ahead == g.nobody() || g.head[at(ahead)] + g.time[at(ahead)] > prior_head;
        if (behind != g.nobody() && g.head[at(behind)] >= next_end) break;
        if (possible) {
          // u itself still counts in the lengths of what follows it; what it adds there is known.
          const Length estimate = std::max(job_head, g.head[at(behind)] + g.time[at(behind)]) +
                                  choice.time +
                                  std::max(job_tail, g.tail[at(ahead)] + g.time[at(ahead)]);
          if (estimate < least) {
            least = estimate;
            least_behind = behind;
            equals = 1;
          } else if (estimate == least && random_.below(++equals) == 0) {
            least_behind = behind;
          }
        }
        if (ahead == g.nobody()) break;
        behind = ahead;
        ahead = g.machine_after[at(ahead)];
      }
      if (least != endless) moves_.push_back({u, choice.machine, least_behind, least, tabu});
    }
  }

  /// Makes the best move that is allowed; false when none can be made.
  bool apply_best() {
    while (!moves_.empty()) {
      std::size_t chosen = moves_.size();
      Length least = endless;
      std::size_t equals = 0;
      for (std::size_t i = 0; i < moves_.size(); ++i) {
        const auto& move = moves_[i];
        if (move.tabu && move.estimate >= local_.makespan) continue;
        if (move.estimate < least) {
          least = move.estimate;
          chosen = i;
          equals = 1;
        } else if (move.estimate == least && random_.below(++equals) == 0) {
          chosen = i;
        }
      }
      if (chosen == moves_.size()) chosen = random_.below(moves_.size());
      const auto move = moves_[chosen];
      if (make(move)) return true;
      moves_[chosen] = moves_.back();
      moves_.pop_back();
    }
    return false;
  }

  bool make(const Move& move) {
    const auto& g = graph_;
    const auto u = move.node;
    const auto old_machine = g.machine[at(u)];
    const std::int64_t until =
        iteration_ + tenure_ +
        static_cast<std::int64_t>(random_.below(static_cast<std::size_t>(tenure_spread_) + 1));
    if (old_machine != move.machine) {
      if (!graph_.move(u, move.machine, move.behind)) return false;
      forbidden_.forbid(~u, old_machine, until);
      return true;
    }
    // The pairs whose order turns: walk between the old and the new place.
    passed_.clear();
    const bool forward = move.behind != g.nobody() && g.place(move.behind) > g.place(u);
    if (forward) {
      for (auto x = g.machine_after[at(u)];; x = g.machine_after[at(x)]) {
        passed_.push_back(x);
        if (x == move.behind) break;
      }
    } else {
      for (auto x = g.machine_before[at(u)]; x != move.behind; x = g.machine_before[at(x)])
        passed_.push_back(x);
    }
    if (!graph_.move(u, move.machine, move.behind)) return false;
    for (const auto x : passed_) {
      if (forward)
        forbidden_.forbid(u, x, until);
      else
        forbidden_.forbid(x, u, until);
    }
    return true;
  }

  /// Turns pairs of neighbours, and machines, to how the guide has them, about half of the way.
  void walk_towards(const ShopGraph::Saved& guide) {
    auto& g = graph_;
    guide_place_.assign(g.size() + 1, 0);
    for (std::size_t i = 0; i < guide.order.size(); ++i)
      guide_place_[at(guide.order[i])] = static_cast<std::int32_t>(i);
    std::size_t distance = 0;
    if (flexible_) {
      std::vector<Node> other;
      for (std::size_t v = 0; v < g.size(); ++v)
        if (g.machine[v] != guide.machine[v]) other.push_back(static_cast<Node>(v));
      for (std::size_t i = other.size(); i > 1; --i)
        std::swap(other[i - 1], other[random_.below(i)]);
      const auto some = other.size() * (30 + random_.below(41)) / 100;
      for (std::size_t i = 0; i < some; ++i) {
        const auto v = other[i];
        const auto m = guide.machine[at(v)];
        // Behind the last one there that the guide, too, has before v; any cycle refuses it.
        Node behind = g.nobody();
        for (auto x = g.first[at(m)]; x != g.nobody(); x = g.machine_after[at(x)])
          if (guide_place_[at(x)] < guide_place_[at(v)]) behind = x;
        (void)g.move(v, m, behind);
      }
    }
    for (const auto first : g.first)
      for (auto x = first; x != g.nobody(); x = g.machine_after[at(x)])
        for (auto y = g.machine_after[at(x)]; y != g.nobody(); y = g.machine_after[at(y)])
          distance += guide_place_[at(x)] > guide_place_[at(y)] ? 1 : 0;
    auto wanted = distance * (35 + random_.below(31)) / 100;
    std::vector<Node> turned;
    while (wanted > 0 && !meter_.late()) {
      turned.clear();
      for (const auto first : g.first)
        for (auto x = first; x != g.nobody(); x = g.machine_after[at(x)]) {
          const auto y = g.machine_after[at(x)];
          if (y != g.nobody() && guide_place_[at(x)] > guide_place_[at(y)]) turned.push_back(x);
        }
      if (turned.empty()) break;
      // Several at once: collecting them costs more than turning them.
      bool any = false;
      for (std::size_t tries = std::max<std::size_t>(1, turned.size() / 3); tries > 0 && wanted > 0;
           --tries) {
        const auto x = turned[random_.below(turned.size())];
        const auto y = g.machine_after[at(x)];
        if (y == g.nobody() || guide_place_[at(x)] < guide_place_[at(y)]) continue;
        if (!g.move(x, g.machine[at(x)], y)) continue;
        any = true;
        --wanted;
      }
      if (!any) break;
    }
    if (distance == 0 || flexible_) {
      // Twins, or shops whose schedules differ in machines most: shake as well.
      for (int i = 0; i < 6; ++i) {
        g.refresh();
        find_moves();
        if (moves_.empty()) break;
        const auto& move = moves_[random_.below(moves_.size())];
        (void)g.move(move.node, move.machine, move.behind);
      }
    }
    g.refresh();
    meter_.count(1);
  }

  /// The new schedule takes the place of the worst when it is better and not there already.
  void admit(std::vector<ShopGraph::Saved>& elite) {
    for (const auto& known : elite)
      if (known.makespan == local_.makespan && known == local_) return;
    auto worst = elite.begin();
    std::size_t equals = 0;
    for (auto i = elite.begin(); i != elite.end(); ++i) {
      if (i->makespan > worst->makespan) {
        worst = i;
        equals = 1;
      } else if (i->makespan == worst->makespan && random_.below(++equals) == 0) {
        worst = i;
      }
    }
    if (local_.makespan <= worst->makespan) *worst = local_;
  }

  const JobShop& shop_;
  ShopGraph graph_;
  Meter meter_;
  Random random_;
  Time bound_ = 0;
  bool flexible_ = false;
  std::int64_t tenure_ = 10;
  std::int64_t tenure_spread_ = 4;
  std::int64_t iteration_ = 0;
  Forbidden forbidden_;
  ShopGraph::Saved given_;
  ShopGraph::Saved local_;
  ShopGraph::Saved best_;
  std::vector<Node> firsts_;
  std::vector<Node> path_;
  std::vector<Move> moves_;
  std::vector<Length> heads_;
  std::vector<Node> passed_;
  std::vector<std::int32_t> guide_place_;
};

/// The machine that does it in no time, which is then in nobody's way.
Operation::const_iterator no_time(const Operation& operation) {
  return std::find_if(operation.begin(), operation.end(),
                      [](const Choice& choice) { return choice.time == 0; });
}

/// The search among operations that take time; the others begin when their job gets there.
JobShopAnswer search_shop(const JobShop& shop, const Budget& budget, std::uint64_t seed,
                          Statistics* statistics, const ShopGraph::Saved& start) {
  JobShop working = shop;
  for (auto& job : working.jobs)
    job.erase(std::remove_if(
                  job.begin(), job.end(),
                  [](const Operation& operation) { return no_time(operation) != operation.end(); }),
              job.end());
  TabuSearch search(working, budget, seed);
  search.start_with(start);
  auto answer = search.search();
  search.report(statistics);
  answer.jobs.resize(shop.jobs.size());
  for (std::size_t j = 0; j < shop.jobs.size(); ++j) {
    auto& placed = answer.jobs[j];
    for (std::size_t o = 0; o < shop.jobs[j].size(); ++o) {
      const auto free = no_time(shop.jobs[j][o]);
      if (free == shop.jobs[j][o].end()) continue;
      const Time now = o == 0 ? 0 : placed[o - 1].end;
      placed.insert(placed.begin() + static_cast<std::ptrdiff_t>(o), {free->machine, now, now});
    }
  }
  return answer;
}

}  // namespace

JobShopAnswer solve(const JobShop& shop, const Budget& budget, std::uint64_t seed,
                    Statistics* statistics) {
  if (!is_classic(shop)) return solve_general(shop, budget, seed, statistics);
  return search_shop(shop, budget, seed, statistics, {});
}

namespace {

/// Sequences for a hybrid flow shop: the first stage takes the jobs in turn, every later stage as
/// they arrive, each on the machine that is free first.
class Dispatch {
 public:
  explicit Dispatch(const HybridFlowShop& shop) : shop_(shop), ready_(shop.jobs, 0), queue_() {}

  Time makespan(const std::vector<std::int32_t>& sequence) {
    std::fill(ready_.begin(), ready_.end(), 0);
    queue_ = sequence;
    Time last = 0;
    for (std::size_t s = 0; s < shop_.machines_a_stage.size(); ++s) {
      if (s > 0)
        std::stable_sort(queue_.begin(), queue_.end(), [&](std::int32_t a, std::int32_t b) {
          return ready_[at(a)] < ready_[at(b)];
        });
      free_.assign(at(shop_.machines_a_stage[s]), 0);
      for (const auto job : queue_) {
        const auto time = shop_.time[at(job) * shop_.machines_a_stage.size() + s];
        if (time == 0) continue;
        const auto machine = std::min_element(free_.begin(), free_.end());
        const Time start = std::max(*machine, ready_[at(job)]);
        if (starts_ != nullptr)
          starts_->push_back({start, s, job, static_cast<std::int32_t>(machine - free_.begin())});
        *machine = start + time;
        ready_[at(job)] = *machine;
        last = std::max(last, *machine);
      }
    }
    return last;
  }

  struct Start {
    Time at = 0;
    std::size_t stage = 0;
    std::int32_t job = 0;
    std::int32_t machine = 0;  ///< Of the stage.
  };
  std::vector<Start> starts(const std::vector<std::int32_t>& sequence) {
    std::vector<Start> result;
    starts_ = &result;
    (void)makespan(sequence);
    starts_ = nullptr;
    std::stable_sort(result.begin(), result.end(), [](const Start& a, const Start& b) {
      return a.at != b.at ? a.at < b.at : a.stage < b.stage;
    });
    return result;
  }

 private:
  const HybridFlowShop& shop_;
  std::vector<Time> ready_;
  std::vector<Time> free_;
  std::vector<std::int32_t> queue_;
  std::vector<Start>* starts_ = nullptr;
};

}  // namespace

JobShopAnswer solve(const HybridFlowShop& shop, const Budget& budget, std::uint64_t seed,
                    Statistics* statistics) {
  const auto as_job_shop = job_shop_of(shop);
  if (!is_classic(shop)) return solve_general(as_job_shop, budget, seed, statistics);
  const auto bound = lower_bound(as_job_shop);
  const auto stages = shop.machines_a_stage.size();
  Dispatch dispatch(shop);
  Random random(seed);
  // A third of the budget for the sequence, the rest for machines and every stage's own sequence.
  Budget first = budget;
  first.cpu_seconds = budget.cpu_seconds / 3;
  if (budget.evaluations != std::numeric_limits<std::uint64_t>::max()) first.evaluations /= 3;
  Meter meter(first);
  meter.look_every(50);
  std::vector<std::int32_t> order(shop.jobs);
  std::iota(order.begin(), order.end(), 0);
  std::vector<Time> total(shop.jobs, 0);
  for (std::size_t j = 0; j < shop.jobs; ++j)
    for (std::size_t s = 0; s < stages; ++s) total[j] += shop.time[j * stages + s];
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return total[at(a)] > total[at(b)]; });
  std::vector<std::int32_t> now;
  Time makespan = 0;
  const auto insert = [&](std::int32_t job) {
    Time least = std::numeric_limits<Time>::max();
    std::size_t place = 0;
    std::size_t equals = 0;
    for (std::size_t i = 0; i <= now.size(); ++i) {
      if (meter.spent() && i > 0) break;
      now.insert(now.begin() + static_cast<std::ptrdiff_t>(i), job);
      const Time value = dispatch.makespan(now);
      meter.count(1);
      now.erase(now.begin() + static_cast<std::ptrdiff_t>(i));
      if (value < least) {
        least = value;
        place = i;
        equals = 1;
      } else if (value == least && random.below(++equals) == 0) {
        place = i;
      }
    }
    now.insert(now.begin() + static_cast<std::ptrdiff_t>(place), job);
    makespan = least;
  };
  for (const auto job : order) insert(job);
  auto best = now;
  Time best_makespan = dispatch.makespan(best);
  meter.improved(best_makespan);
  auto incumbent = now;
  Time incumbent_makespan = best_makespan;
  while (best_makespan > bound && !meter.spent() && shop.jobs > 1) {
    std::vector<std::int32_t> taken;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, shop.jobs - 1); ++i) {
      const auto place = random.below(now.size());
      taken.push_back(now[place]);
      now.erase(now.begin() + static_cast<std::ptrdiff_t>(place));
    }
    for (const auto job : taken) insert(job);
    makespan = dispatch.makespan(now);
    if (makespan < best_makespan) {
      best_makespan = makespan;
      best = now;
      meter.improved(makespan);
    }
    if (makespan <= incumbent_makespan) {
      incumbent = now;
      incumbent_makespan = makespan;
    } else {
      now = incumbent;
    }
  }
  // Nodes of the search: operations that take time.
  std::vector<std::size_t> node_of;
  std::size_t nodes = 0;
  for (const auto time : shop.time) node_of.push_back(time > 0 ? nodes++ : nodes);
  ShopGraph::Saved start;
  start.machine.resize(nodes);
  std::vector<std::int32_t> first_machine(stages, 0);
  for (std::size_t s = 1; s < stages; ++s)
    first_machine[s] = first_machine[s - 1] + shop.machines_a_stage[s - 1];
  for (const auto& placed : dispatch.starts(best)) {
    const auto node = node_of[at(placed.job) * stages + placed.stage];
    start.order.push_back(static_cast<Node>(node));
    start.machine[node] = first_machine[placed.stage] + placed.machine;
  }
  Budget rest = budget;
  rest.cpu_seconds = std::max(0.0, budget.cpu_seconds - meter.cpu_s());
  if (budget.evaluations != std::numeric_limits<std::uint64_t>::max())
    rest.evaluations -= std::min(rest.evaluations, meter.evaluations());
  // What does not beat the sequences is no news.
  Time known = best_makespan;
  rest.improved = [&](Time value, double cpu_s) {
    if (value >= known || !budget.improved) return;
    known = value;
    budget.improved(value, cpu_s + meter.cpu_s());
  };
  auto answer = search_shop(as_job_shop, rest, seed, statistics, start);
  if (statistics != nullptr) {
    statistics->evaluations += meter.evaluations();
    statistics->cpu_s = meter.cpu_s();
    statistics->proved = answer.makespan <= bound;
  }
  return answer;
}

}  // namespace foreline::search
