// SPDX-License-Identifier: Apache-2.0
#include "sim/search/list_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace foreline::search {

namespace {

constexpr Time endless = std::numeric_limits<Time>::max();
/// Cycles of annealing begin hot and warm in turn, as a share of what a move costs on average, and
/// end cold: hot enough to leave what a small shop with long set-ups would be caught in.
constexpr double hot = 4;
constexpr double warm = 0.5;
constexpr double cold = 0.002;
/// Moves of an operation in the longest cycle.
constexpr std::uint64_t patience = 5000;
constexpr std::uint64_t moves_a_look = 64;

class ListSearch {
 public:
  ListSearch(const JobShop& shop, const Budget& budget, std::uint64_t seed)
      : shop_(shop), meter_(budget), random_(seed), bound_(lower_bound(shop)) {
    for (std::size_t j = 0; j < shop.jobs.size(); ++j) {
      first_.push_back(nodes_.size());
      for (std::size_t o = 0; o < shop.jobs[j].size(); ++o) {
        Node node;
        node.job = j;
        node.first = o == 0;
        node.last = o + 1 == shop.jobs[j].size();
        node.choices = &shop.jobs[j][o];
        if (node.choices->size() > 1) flexible_.push_back(nodes_.size());
        node.kind = shop.setups.of_operations ? nodes_.size() : j;
        nodes_.push_back(node);
      }
    }
    first_.push_back(nodes_.size());
    job_ready_.resize(shop.jobs.size());
    last_on_.resize(shop.machines);
    meter_.look_every(std::max<std::size_t>(1, 200'000 / (nodes_.size() + 1)));
    place_.resize(nodes_.size());
    spans_.resize(nodes_.size());
    known_.resize(nodes_.size());
  }

  JobShopAnswer search() {
    construct();
    accept(decode(endless));
    remember();
    if (nodes_.size() < 2) return answer();
    double step = 0;
    // Warm by what moves cost; the first ones are made whatever they cost.
    std::size_t counted = 0;
    for (std::size_t i = 0; i < 100 && !over(); ++i) {
      const auto before = now_;
      if (!change()) continue;
      const Time value = decode(endless);
      step += std::abs(static_cast<double>(value - before));
      ++counted;
      if (value < best_value_) {
        accept(value);
        remember();
      } else {
        undo();
      }
    }
    step = counted > 0 ? std::max(1.0, step / static_cast<double>(counted)) : 1;
    // Each cycle takes twice as long as the one before, until it is long enough for the shop.
    const auto longest = patience * nodes_.size();
    double heat = hot;
    for (double length = 0.06; !over(); length *= 2, heat = heat == hot ? warm : hot) {
      restore();
      const double from = meter_.share_spent();
      const double until = std::min(1.0, from + length);
      double temperature = heat * step;
      for (std::uint64_t i = 0; i < longest && !over(); ++i) {
        if (i % std::min<std::uint64_t>(moves_a_look, 1 + 200'000 / (nodes_.size() + 1)) == 0) {
          const double share = meter_.share_spent();
          if (share >= until && until < 1) break;
          const double by_time = until > from ? std::min(1.0, (share - from) / (until - from)) : 1;
          const double through =
              std::max(by_time, static_cast<double>(i) / static_cast<double>(longest));
          temperature = heat * step * std::pow(cold / heat, through);
        }
        anneal(temperature);
      }
    }
    restore();
    return answer();
  }

  void report(Statistics* statistics) const {
    if (statistics == nullptr) return;
    statistics->evaluations = meter_.evaluations();
    statistics->iterations = meter_.evaluations();
    statistics->cpu_s = meter_.cpu_s();
    statistics->proved = best_value_ <= bound_;
  }

 private:
  struct Node {
    std::size_t job = 0;
    bool first = false;
    bool last = false;
    const Operation* choices = nullptr;
    std::size_t choice = 0;
    std::size_t kind = 0;  ///< Row of the machine's set-ups.
  };
  /// When a node is worked on, and which one was on its machine before.
  struct Span {
    Time start = 0;
    Time end = 0;
    std::size_t before = none;
  };
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] bool over() { return best_value_ <= bound_ || meter_.spent(); }
  [[nodiscard]] const Choice& chosen(const Node& node) const {
    return (*node.choices)[node.choice];
  }
  [[nodiscard]] Time due_of(std::size_t job) const {
    return shop_.dates.due.empty() ? no_due : shop_.dates.due[job];
  }
  [[nodiscard]] Time weight_of(std::size_t job) const {
    return shop_.dates.weight.empty() ? 1 : shop_.dates.weight[job];
  }

  /// Work of no length is in nobody's way, unless a machine is set up for it.
  [[nodiscard]] bool takes_machine(const Choice& choice) const {
    return choice.time > 0 || !shop_.setups.empty();
  }
  /// Earliest start on a machine behind what is there so far.
  [[nodiscard]] Time start_of(const Node& node, const Choice& choice) const {
    if (!takes_machine(choice)) return job_ready_[node.job];
    const auto machine = static_cast<std::size_t>(choice.machine);
    const auto before = last_on_[machine];
    Time start = job_ready_[node.job];
    if (before != none)
      start = std::max(
          start, spans_[before].end + shop_.setups.at(machine, nodes_[before].kind, node.kind));
    return start;
  }

  void begin() {
    for (std::size_t j = 0; j < shop_.jobs.size(); ++j) job_ready_[j] = shop_.dates.release_of(j);
    std::fill(last_on_.begin(), last_on_.end(), none);
  }
  void put(std::size_t v) {
    const auto& node = nodes_[v];
    const auto& choice = chosen(node);
    const auto machine = static_cast<std::size_t>(choice.machine);
    auto& span = spans_[v];
    span.start = start_of(node, choice);
    span.before = takes_machine(choice) ? last_on_[machine] : none;
    span.end = span.start + choice.time;
    job_ready_[node.job] = span.end;
    if (takes_machine(choice)) last_on_[machine] = v;
  }

  /// Times of the list; the value, or more than `limit` where it is given up.
  Time decode(Time limit) {
    begin();
    Time sum = 0;
    for (const auto v : list_) {
      put(v);
      const auto& node = nodes_[v];
      if (!node.last) continue;
      const Time share = share_of(node.job, spans_[v].end);
      sum = shop_.objective == Objective::makespan ? std::max(sum, share) : sum + share;
      if (sum > limit) break;
    }
    meter_.count(1);
    return sum;
  }

  /// What of the value is a job's that ends at `end`.
  [[nodiscard]] Time share_of(std::size_t job, Time end) const {
    switch (shop_.objective) {
      case Objective::makespan:
        return end;
      case Objective::tardiness:
        return end > due_of(job) ? weight_of(job) * (end - due_of(job)) : 0;
      case Objective::flowtime:
        return weight_of(job) * (end - shop_.dates.release_of(job));
    }
    return 0;
  }
  /// With the times of the list.
  [[nodiscard]] Time share_of(std::size_t job) const {
    return first_[job] == first_[job + 1] ? 0 : share_of(job, known_[first_[job + 1] - 1].end);
  }
  /// The times that were decoded last are those of the list.
  void accept(Time value) {
    now_ = value;
    known_.swap(spans_);
  }

  /// Of the jobs that can begin before any could end, the most urgent one next.
  void construct() {
    begin();
    std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
    std::vector<Time> left(shop_.jobs.size(), 0);
    for (const auto& node : nodes_) left[node.job] += node.choices->front().time;
    std::size_t lagging = 0;
    while (list_.size() < nodes_.size()) {
      std::size_t chosen_job = none;
      if (list_.size() % moves_a_look == 0 && meter_.late()) hurry_ = true;
      if (hurry_) {
        while (next[lagging] == first_[lagging + 1]) ++lagging;
        chosen_job = lagging;
      } else {
        Time earliest_end = endless;
        for (std::size_t j = 0; j < next.size(); ++j)
          if (next[j] < first_[j + 1]) {
            const auto& node = nodes_[next[j]];
            const auto& choice = (*node.choices)[best_choice(node)];
            earliest_end = std::min(earliest_end, start_of(node, choice) + choice.time);
          }
        double most = -std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < next.size(); ++j) {
          if (next[j] == first_[j + 1]) continue;
          const auto& node = nodes_[next[j]];
          const auto& choice = (*node.choices)[best_choice(node)];
          const Time start = start_of(node, choice);
          if (start > earliest_end || (start == earliest_end && choice.time > 0)) continue;
          const double urgency = urgency_of(j, left[j], start);
          if (urgency > most) {
            most = urgency;
            chosen_job = j;
          }
        }
      }
      const auto v = next[chosen_job]++;
      nodes_[v].choice = best_choice(nodes_[v]);
      left[chosen_job] -= nodes_[v].choices->front().time;
      list_.push_back(v);
      put(v);
    }
  }

  [[nodiscard]] double urgency_of(std::size_t job, Time left, Time start) const {
    const auto weight = static_cast<double>(std::max<Time>(1, weight_of(job)));
    switch (shop_.objective) {
      case Objective::makespan:
        return static_cast<double>(left);
      case Objective::tardiness:
        return -static_cast<double>(std::min(due_of(job), Time{1} << 40) - left - start) / weight;
      case Objective::flowtime:
        return -static_cast<double>(left) / weight;
    }
    return 0;
  }

  [[nodiscard]] std::size_t best_choice(const Node& node) const {
    std::size_t best = 0;
    Time least = endless;
    for (std::size_t c = 0; c < node.choices->size(); ++c) {
      const auto& choice = (*node.choices)[c];
      const Time end = start_of(node, choice) + choice.time;
      if (end >= least) continue;
      least = end;
      best = c;
    }
    return best;
  }

  void anneal(double temperature) {
    if (!change()) {
      meter_.count(1);
      return;
    }
    // Metropolis' draw first, so that what is worse than it allows can be given up.
    const double worse = -temperature * std::log(std::max(1e-300, random_.uniform()));
    const Time limit = now_ + static_cast<Time>(std::min(worse, 1e17));
    const Time value = decode(limit);
    if (value > limit) {
      undo();
      return;
    }
    accept(value);
    if (value < best_value_) remember();
  }

  /// A random change of list_ or of a machine. False when nothing changed.
  bool change() {
    const double kind = random_.uniform();
    if (!flexible_.empty() && kind < 0.3) return reassign();
    return kind < 0.85 ? turn_pair() : displace();
  }

  /// A job that costs, more likely one that costs more; then the path of reasons why it ends so
  /// late; of the pairs on a machine there, a random one.
  bool turn_pair() {
    std::size_t job = none;
    Time most = -1;
    for (int i = 0; i < 3; ++i) {
      const auto j = random_.below(shop_.jobs.size());
      const Time share = share_of(j);
      if (share > most) {
        most = share;
        job = j;
      }
    }
    if (shop_.objective == Objective::makespan) {
      for (std::size_t j = 0; j < shop_.jobs.size(); ++j)
        if (share_of(j) > most) {
          most = share_of(j);
          job = j;
        }
    }
    if (job == none || most <= 0 || first_[job] == first_[job + 1]) return displace();
    std::size_t v = first_[job + 1] - 1;
    std::size_t pair = none;
    std::size_t count = 0;
    while (true) {
      const auto& node = nodes_[v];
      const auto& span = known_[v];
      const bool by_machine =
          span.before != none &&
          span.start == known_[span.before].end +
                            shop_.setups.at(static_cast<std::size_t>(chosen(node).machine),
                                            nodes_[span.before].kind, node.kind);
      const bool by_job = !node.first && span.start == known_[v - 1].end;
      if (by_machine && nodes_[span.before].job != node.job && random_.below(++count) == 0)
        pair = v;
      if (by_machine && (!by_job || random_.below(2) == 0))
        v = span.before;
      else if (by_job)
        --v;
      else
        break;
    }
    if (pair == none) return displace();
    const auto u = known_[pair].before;
    index();
    const auto from = place_[u];
    const auto to = place_[pair];
    // The later one ahead of the other where its job lets it; else the other behind it.
    if (nodes_[pair].first || place_[pair - 1] < from) return shift(to, from);
    if (nodes_[u].last || place_[u + 1] > to) return shift(from, to);
    return false;
  }

  /// Another place in the list, between the job's neighbours.
  bool displace() {
    index();
    const auto v = list_[random_.below(list_.size())];
    const auto low = nodes_[v].first ? 0 : place_[v - 1] + 1;
    const auto high = nodes_[v].last ? list_.size() - 1 : place_[v + 1] - 1;
    if (low >= high) return false;
    // Near by as a rule: far places change more than they mend.
    const std::size_t reach = 2 * shop_.machines + 2;
    const auto from = std::max(low, place_[v] > reach ? place_[v] - reach : 0);
    const auto until = std::min(high, place_[v] + reach);
    return shift(place_[v], from + random_.below(until - from + 1));
  }

  bool reassign() {
    const auto v = flexible_[random_.below(flexible_.size())];
    auto& node = nodes_[v];
    undo_node_ = v;
    undo_choice_ = node.choice;
    auto choice = random_.below(node.choices->size() - 1);
    if (choice >= node.choice) ++choice;
    node.choice = choice;
    undo_from_ = undo_to_ = none;
    return true;
  }

  bool shift(std::size_t from, std::size_t to) {
    if (from == to) return false;
    rotate(from, to);
    undo_from_ = from;
    undo_to_ = to;
    undo_node_ = none;
    return true;
  }
  void rotate(std::size_t from, std::size_t to) {
    const auto begin = list_.begin();
    const auto at = [&](std::size_t i) { return begin + static_cast<std::ptrdiff_t>(i); };
    if (from < to)
      std::rotate(at(from), at(from) + 1, at(to) + 1);
    else
      std::rotate(at(to), at(from), at(from) + 1);
  }
  void undo() {
    if (undo_node_ != none)
      nodes_[undo_node_].choice = undo_choice_;
    else
      rotate(undo_to_, undo_from_);
  }
  void index() {
    for (std::size_t i = 0; i < list_.size(); ++i) place_[list_[i]] = i;
  }

  void remember() {
    best_value_ = now_;
    best_list_ = list_;
    best_choices_.clear();
    for (const auto& node : nodes_) best_choices_.push_back(node.choice);
    meter_.improved(best_value_);
  }
  void restore() {
    list_ = best_list_;
    for (std::size_t v = 0; v < nodes_.size(); ++v) nodes_[v].choice = best_choices_[v];
    accept(decode(endless));
  }

  JobShopAnswer answer() const {
    JobShopAnswer result;
    result.value = best_value_;
    std::size_t v = 0;
    for (const auto& job : shop_.jobs) {
      auto& placed = result.jobs.emplace_back();
      for (std::size_t o = 0; o < job.size(); ++o, ++v) {
        placed.push_back({chosen(nodes_[v]).machine, known_[v].start, known_[v].end});
        result.makespan = std::max(result.makespan, known_[v].end);
      }
    }
    return result;
  }

  const JobShop& shop_;
  Meter meter_;
  Random random_;
  Time bound_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> first_;  ///< By job: its first node; then the number of nodes.
  std::vector<std::size_t> flexible_;
  std::vector<std::size_t> list_;  ///< All nodes, each job's in their turn.
  std::vector<std::size_t> place_;
  std::vector<Span> spans_;  ///< Of the last decoding.
  std::vector<Span> known_;  ///< Of the list.
  std::vector<Time> job_ready_;
  std::vector<std::size_t> last_on_;  ///< By machine.
  bool hurry_ = false;                ///< The budget ended during the construction.
  Time now_ = endless;
  Time best_value_ = endless;
  std::vector<std::size_t> best_list_;
  std::vector<std::size_t> best_choices_;
  std::size_t undo_from_ = 0;
  std::size_t undo_to_ = 0;
  std::size_t undo_node_ = none;
  std::size_t undo_choice_ = 0;
};

}  // namespace

JobShopAnswer solve_general(const JobShop& shop, const Budget& budget, std::uint64_t seed,
                            Statistics* statistics) {
  ListSearch search(shop, budget, seed);
  auto answer = search.search();
  search.report(statistics);
  return answer;
}

}  // namespace foreline::search
