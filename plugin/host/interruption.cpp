// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/interruption.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "inference/gpt2/written_files.hpp"

namespace foreline::host {

namespace {

// All that the handler needs is made before: in it, memory is neither taken nor given back.
std::string begin;
std::array<char, 512> more{};
volatile std::sig_atomic_t hides = 0;
int hidden_terminal = -1;
termios shown{};

void say(const char* text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void end_by(int number) {
  if (hides != 0) ::tcsetattr(hidden_terminal, TCSAFLUSH, &shown);
  const auto files = gpt2::written_so_far();
  if (files.part != nullptr) ::unlink(files.part);
  say("\n");
  say(begin.c_str());
  if (files.whole == 0) {
    say("no file was written");
  } else {
    say("files written before are whole, the last is ");
    say(files.last);
  }
  if (more.front() != '\0') say("; ");
  say(more.data());
  say("\n");
  std::signal(number, SIG_DFL);
  ::raise(number);  // comes when this handler has returned
}

}  // namespace

void on_own_stack(int number, void (*handler)(int)) {
  alignas(16) static std::array<char, 64UL << 10U> stack{};
  stack_t own{};
  own.ss_sp = stack.data();
  own.ss_size = stack.size();
  ::sigaltstack(&own, nullptr);
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  ::sigfillset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

void end_when_interrupted(std::string_view command) {
  begin = fmt::format("foreline {}: interrupted; ", command);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    // nohup and its like have reasons of their own.
    if (before.sa_handler == SIG_IGN) continue;
    on_own_stack(number, end_by);
  }
}

void when_interrupted(const std::string& text) {
  more.front() = '\0';
  const auto size = std::min(text.size(), more.size() - 1);
  for (std::size_t i = size; i-- > 1;) more[i] = text[i];
  more[size] = '\0';
  if (size > 0) more.front() = text.front();
}

Unseen::Unseen(int terminal) : terminal_(terminal) {
  if (::tcgetattr(terminal, &before_) != 0) return;
  shown = before_;
  hidden_terminal = terminal;
  hides = 1;
  auto hidden = before_;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(terminal, TCSAFLUSH, &hidden);
}

Unseen::~Unseen() {
  if (hides == 0) return;
  ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  hides = 0;
}

}  // namespace foreline::host
