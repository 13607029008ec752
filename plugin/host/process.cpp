// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace foreline::host {

line::Result<Process> Process::start(const std::vector<std::string>& argv) {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) {
    return line::Error(fmt::format("cannot open a pipe: {}", std::strerror(errno)));
  }
  std::vector<char*> arguments;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int parent = ::getpid();
  const int pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(3);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(output[1], STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execv(arguments[0], arguments.data());
    ::dprintf(STDERR_FILENO, "cannot run %s: %s\n", arguments[0], std::strerror(errno));
    ::_exit(127);
  }
  ::close(output[1]);
  if (pid < 0) {
    ::close(output[0]);
    return line::Error(fmt::format("cannot start {}: {}", argv[0], std::strerror(errno)));
  }
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  Process process;
  process.pid_ = pid;
  process.output_ = output[0];
  return process;
}

Process::Process(Process&& other) noexcept {
  *this = std::move(other);
}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    end(std::chrono::seconds(2));
    pid_ = std::exchange(other.pid_, -1);
    output_ = std::exchange(other.output_, -1);
    status_ = other.status_;
    rest_ = std::move(other.rest_);
  }
  return *this;
}

Process::~Process() {
  end(std::chrono::seconds(2));
}

std::vector<std::string> Process::lines() {
  char buffer[65536];
  while (output_ >= 0) {
    const auto n = ::read(output_, buffer, sizeof buffer);
    if (n > 0) {
      rest_.append(buffer, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      if (n == 0) {
        ::close(output_);
        output_ = -1;
        if (!rest_.empty() && rest_.back() != '\n') rest_ += '\n';
      }
      break;
    }
  }
  std::vector<std::string> complete;
  std::size_t from = 0;
  for (auto to = rest_.find('\n'); to != std::string::npos; to = rest_.find('\n', from)) {
    complete.push_back(rest_.substr(from, to - from));
    from = to + 1;
  }
  rest_.erase(0, from);
  return complete;
}

bool Process::running() {
  if (pid_ < 0) return false;
  int status = 0;
  const int waited = ::waitpid(pid_, &status, WNOHANG);
  if (waited == 0) return true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return false;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

void Process::end(std::chrono::milliseconds patience) {
  signal(SIGTERM);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (running() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (pid_ > 0) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    status_ = 128 + SIGKILL;
    pid_ = -1;
  }
  if (output_ >= 0) ::close(std::exchange(output_, -1));
}

std::filesystem::path own_executable() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

}  // namespace foreline::host
