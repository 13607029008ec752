// SPDX-License-Identifier: Apache-2.0
// What the command line says about itself, as values, and what is written from them: manual pages
// and completion for shells. One source for all: the options as the program parses them.
#pragma once

#include <string>
#include <vector>

namespace foreline::host {

/// An option, a flag, or a positional (without a dash before its name).
struct ManualOption {
  std::vector<std::string> names;  ///< "-h", "--help"; "file" of a positional.
  std::string value;               ///< "TEXT"; empty of a flag.
  std::string standard;            ///< Taken when it is not given; may be empty.
  std::string description;
  std::vector<std::string> choices;  ///< When only these words are allowed.
  bool required = false;
  bool many = false;  ///< A positional that takes all the words that come.
};

struct ManualCommand {
  std::vector<std::string> path;  ///< {"foreline", "account", "add"}.
  std::string description;
  std::vector<ManualOption> options;
  std::vector<ManualOption> positionals;
  std::string footer;  ///< Examples, and what else there is to say.
  std::vector<ManualCommand> commands;

  [[nodiscard]] std::string name(const std::string& between = " ") const;
};

enum class Shell { bash, zsh, fish };

/// A script for the shell to read; completes commands, options, words of choices, and files.
[[nodiscard]] std::string completion_for(Shell shell, const ManualCommand& root);
/// A page of section 1 in roff (man macros), for this command alone.
[[nodiscard]] std::string page_of(const ManualCommand& command, const std::string& version);

}  // namespace foreline::host
