// SPDX-License-Identifier: Apache-2.0
// How near the search comes to the best known values of public instances in a given CPU time, and
// how many makespans a second it evaluates. One JSON object an instance, one a set.
//
//   bench_search DATA SET SECONDS [SEED]
//
// DATA holds the folders flowshop, jobshop and flexible_jobshop. SET: flowshop, flowshop-NxM,
// blocking-NxM, neh, jobshop-PREFIX, flexible-PREFIX. SECONDS: CPU seconds an instance; "t15" for
// the usual jobs * machines / 2 * 15 ms of flow shops.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sim/search/checker.hpp"
#include "sim/search/flow_shop.hpp"
#include "sim/search/instance_file.hpp"
#include "sim/search/job_shop.hpp"
#include "tests/support/public_sets.hpp"

namespace fs = std::filesystem;
using namespace foreline::search;

namespace {

Instance instance(const fs::path& path, Kind kind) {
  auto read = foreline::tests::instances_of(path, kind);
  if (!read) {
    fmt::print(stderr, "{}\n", read.error().text());
    std::exit(2);
  }
  return read->front();
}

struct Sum {
  double gap = 0;
  double cpu_s = 0;
  double evaluations = 0;
  std::size_t count = 0;
  std::size_t at_best = 0;
};

void report(const std::string& name, const std::string& group, Time makespan, double best,
            const Statistics& statistics, const std::vector<std::string>& complaints,
            std::map<std::string, Sum>& sums) {
  if (!complaints.empty()) {
    fmt::print(stderr, "{}: {}\n", name, complaints.front());
    std::exit(4);
  }
  const double gap = 100.0 * static_cast<double>(makespan) / best - 100;
  for (const auto& key : {group, std::string("all")}) {
    auto& sum = sums[key];
    sum.gap += gap;
    sum.cpu_s += statistics.cpu_s;
    sum.evaluations += static_cast<double>(statistics.evaluations);
    sum.at_best += static_cast<double>(makespan) <= best ? 1 : 0;
    ++sum.count;
  }
  fmt::print(
      "{{\"instance\":\"{}\",\"makespan\":{},\"best_known\":{},\"gap_percent\":{:.3f},"
      "\"cpu_s\":{:.2f},\"iterations\":{},\"evaluations_a_second\":{:.0f}}}\n",
      name, makespan, best, gap, statistics.cpu_s, statistics.iterations,
      static_cast<double>(statistics.evaluations) / std::max(1e-9, statistics.cpu_s));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: bench_search DATA SET SECONDS [SEED]\n");
    return 2;
  }
  const fs::path data = argv[1];
  const std::string set = argv[2];
  const std::string seconds = argv[3];
  const auto seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
  const auto dash = set.find('-');
  const auto problem = set.substr(0, dash);
  const auto wanted = dash == std::string::npos ? std::string() : set.substr(dash + 1);
  std::map<std::string, Sum> sums;
  if (problem == "flowshop" || problem == "blocking" || problem == "neh") {
    std::map<std::string, double> blocking_best;
    for (const auto& row :
         foreline::tests::table(data / "flowshop" / "best_known_blocking_2011.csv"))
      blocking_best[row.at(0)] = std::strtod(row.at(1).c_str(), nullptr);
    for (const auto& row : foreline::tests::table(data / "flowshop" / "best_known.csv")) {
      auto group = row.at(1);
      if (const auto at = group.find('_'); at != std::string::npos) group[at] = 'x';
      if (!wanted.empty() && wanted != group) continue;
      auto shop = std::get<FlowShop>(
          instance(data / "flowshop" / "taillard" / fs::path(row.at(2)).filename(),
                   problem == "blocking" ? Kind::blocking : Kind::flowshop));
      Budget budget;
      budget.cpu_seconds = seconds.front() == 't'
                               ? static_cast<double>(shop.jobs * shop.machines) / 2 *
                                     std::strtod(seconds.c_str() + 1, nullptr) / 1000
                               : std::strtod(seconds.c_str(), nullptr);
      Statistics statistics;
      const auto answer =
          problem == "neh" ? neh(shop, &statistics) : solve(shop, budget, seed, &statistics);
      report(row.at(0), group, answer.makespan,
             problem == "blocking" ? blocking_best[row.at(0)]
                                   : std::strtod(row.at(3).c_str(), nullptr),
             statistics, complaints_about(shop, answer), sums);
    }
  } else {
    const bool flexible = problem == "flexible";
    const auto folder = data / (flexible ? "flexible_jobshop" : "jobshop");
    for (const auto& row : foreline::tests::table(folder / "best_known.csv")) {
      const auto file = folder / "instances" / (row.at(0) + ".txt");
      if (row.at(0).compare(0, wanted.size(), wanted) != 0 || !fs::exists(file)) continue;
      const auto shop =
          std::get<JobShop>(instance(file, flexible ? Kind::flexible : Kind::jobshop));
      Budget budget;
      budget.cpu_seconds = std::strtod(seconds.c_str(), nullptr);
      Statistics statistics;
      const auto answer = solve(shop, budget, seed, &statistics);
      report(row.at(0), row.at(2), answer.makespan, std::strtod(row.at(4).c_str(), nullptr),
             statistics, complaints_about(shop, answer), sums);
    }
  }
  for (const auto& [group, sum] : sums)
    fmt::print(
        "{{\"set\":\"{}\",\"group\":\"{}\",\"seconds\":\"{}\",\"seed\":{},\"instances\":{},"
        "\"mean_gap_percent\":{:.3f},\"at_best_known\":{},\"evaluations_a_second\":{:.0f}}}\n",
        set, group, seconds, seed, sum.count, sum.gap / static_cast<double>(sum.count), sum.at_best,
        sum.evaluations / std::max(1e-9, sum.cpu_s));
  return sums.empty() ? 2 : 0;
}
