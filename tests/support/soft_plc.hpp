// SPDX-License-Identifier: Apache-2.0
// The soft PLC of this build as a process of its own, on an ephemeral port.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/worker/wire.hpp"
#include "tests/support/lines.hpp"

namespace foreline::tests {

class SoftPlc {
 public:
  /// `name` keeps the files of several apart.
  SoftPlc(const line::Trial& trial, const std::string& name, double speed, int port = 0,
          const std::string& journal = "", const std::vector<std::string>& more = {}) {
    const auto file = std::filesystem::path(FORELINE_BINARY_DIR) / (name + ".trial");
    std::ofstream(file, std::ios::binary) << worker::to_bytes(trial);
    std::vector<std::string> arguments = {
        simulator().string(),  "--plc", file.string(), "--port", std::to_string(port), "--speed",
        std::to_string(speed), "--for", "120"};
    if (!journal.empty()) arguments.insert(arguments.end(), {"--journal", journal});
    arguments.insert(arguments.end(), more.begin(), more.end());
    int output[2];
    if (::pipe(output) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(output[1], STDOUT_FILENO);
      ::dup2(output[1], STDERR_FILENO);
      ::close(output[0]);
      ::close(output[1]);
      std::vector<char*> raw;
      for (auto& argument : arguments) raw.push_back(argument.data());
      raw.push_back(nullptr);
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    ::close(output[1]);
    output_ = output[0];
    for (char c = 0; ::read(output_, &c, 1) == 1 && c != '\n';) said_ += c;
    if (const auto colon = said_.rfind(':'); said_.starts_with("listening "))
      port_ = std::atoi(said_.c_str() + colon + 1);
  }
  ~SoftPlc() {
    kill(SIGKILL);
    ::close(output_);
  }
  SoftPlc(const SoftPlc&) = delete;
  SoftPlc& operator=(const SoftPlc&) = delete;

  /// 0 when it does not listen; said() tells why.
  [[nodiscard]] std::uint16_t port() const { return static_cast<std::uint16_t>(port_); }
  [[nodiscard]] const std::string& said() const { return said_; }
  /// Sends a signal and waits for the end; the exit status as a shell shows it.
  int kill(int number) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, number);
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
  }

 private:
  int pid_ = -1;
  int output_ = -1;
  int port_ = 0;
  int status_ = -1;
  std::string said_;
};

}  // namespace foreline::tests
