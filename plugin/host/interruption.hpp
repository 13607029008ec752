// SPDX-License-Identifier: Apache-2.0
// What Ctrl-C (and SIGTERM, SIGHUP) does to a command that has no way of its own to end early: no
// half a file stays, the terminal is as it was, a line says what is where, and the process ends by
// the signal, which shells show as exit status 130. watch, serve, demo, solve and train end in
// their own ways.
#pragma once

#include <termios.h>

#include <string>
#include <string_view>

namespace foreline::host {

/// Handles the signal on a stack of its own: oneDNN's kernels use the stack pointer for other
/// things, and what a handler pushes there would go into their numbers. Of the calling thread.
void on_own_stack(int number, void (*handler)(int));

/// From now on, for the command of this name.
void end_when_interrupted(std::string_view command);

/// Said in addition: "what is done is in FILE, and the same command goes on from there". Empty:
/// nothing. Main thread.
void when_interrupted(const std::string& text);

/// A terminal that is changed for a while, and how it was.
class Unseen {
 public:
  explicit Unseen(int terminal);  ///< What is typed is not shown as long as this lives.
  ~Unseen();
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  int terminal_;
  termios before_{};
};

}  // namespace foreline::host
