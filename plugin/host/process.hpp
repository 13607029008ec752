// SPDX-License-Identifier: Apache-2.0
// Child processes of a command. A child dies with its parent, however the parent ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::host {

/// A running program whose standard output (and error) is read as lines. For single-threaded
/// parents: the child is tied to the thread that starts it.
class Process {
 public:
  /// Starts argv[0]. Standard input is empty.
  [[nodiscard]] static line::Result<Process> start(const std::vector<std::string>& argv);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  ///< Ends the child: SIGTERM, and SIGKILL after two seconds.

  /// The descriptor to poll for reading; -1 once the output has ended.
  [[nodiscard]] int output() const { return output_; }
  [[nodiscard]] int pid() const { return pid_; }
  /// Complete lines that have arrived. Never blocks.
  [[nodiscard]] std::vector<std::string> lines();
  /// Whether the child still runs; if not, status() is known.
  [[nodiscard]] bool running();
  /// Exit status as a shell shows it: 128 + signal number when killed.
  [[nodiscard]] int status() const { return status_; }
  void signal(int number) const;
  /// Sends SIGTERM and waits at most `patience`, then kills.
  void end(std::chrono::milliseconds patience);

 private:
  Process() = default;
  int pid_ = -1;
  int output_ = -1;
  int status_ = -1;
  std::string rest_;
};

/// The file that runs now; its folder holds the other programs of a build or an installation.
[[nodiscard]] std::filesystem::path own_executable();

}  // namespace foreline::host
