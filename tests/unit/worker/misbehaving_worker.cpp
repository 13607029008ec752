// SPDX-License-Identifier: Apache-2.0
// A worker whose trials do what their seed says.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/worker/zygote.hpp"

int main(int argc, char** argv) {
  using namespace foreline::line;
  unsigned children = 1;
  long limit_ms = 1000;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) == "--children")
      children = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (std::string(argv[i]) == "--limit-ms") limit_ms = std::atol(argv[i + 1]);
  }
  return foreline::worker::serve_trials(
      children, {std::chrono::milliseconds(limit_ms), 1ULL << 30U}, [](const Trial& trial) {
        if (trial.seed == 1) std::abort();
        if (trial.seed == 2) ::pause();
        if (trial.seed == 3) ::_exit(7);
        if (trial.seed == 4) throw std::runtime_error("seed 4 is unlucky");
        if (trial.seed == 5) ::kill(::getppid(), SIGKILL);  // takes the whole worker down
        if (trial.seed == 6) {                              // takes all the addresses there are
          std::vector<std::vector<char>> taken;
          while (true) taken.emplace_back().reserve(1U << 26U);
        }
        Outcome outcome;
        outcome.events = trial.seed;
        return outcome;
      });
}
