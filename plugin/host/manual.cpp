// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/manual.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <sstream>

namespace foreline::host {

namespace {

/// Every command of the tree, parents first.
std::vector<const ManualCommand*> all_of(const ManualCommand& root) {
  std::vector<const ManualCommand*> all = {&root};
  for (const auto& command : root.commands) {
    const auto below = all_of(command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

std::string last_name(const ManualCommand& command) {
  return command.path.back();
}

/// Inside single quotes of bash, zsh and fish alike, apart from what fish does with backslashes.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> names_of(const std::vector<ManualOption>& options) {
  std::vector<std::string> names;
  for (const auto& option : options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::vector<std::string> names_of(const std::vector<ManualCommand>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(last_name(command));
  return names;
}

std::string bash(const ManualCommand& root) {
  std::vector<std::string> steps;
  std::string values;
  std::string words;
  for (const auto* command : all_of(root)) {
    const auto name = command->name();
    if (command != &root) steps.push_back(fmt::format("\"{}\"", name));
    for (const auto& option : command->options) {
      if (option.choices.empty()) continue;
      std::vector<std::string> cases;
      for (const auto& spelled : option.names)
        cases.push_back(fmt::format("\"{}|{}\"", name, spelled));
      values += fmt::format("    {}) words={} ;;\n", fmt::join(cases, "|"),
                            quoted(fmt::format("{}", fmt::join(option.choices, " "))));
    }
    words += fmt::format(
        "      \"{}\") options={}; commands={} ;;\n", name,
        quoted(fmt::format("{}", fmt::join(names_of(command->options), " "))),
        quoted(fmt::format("{}",
                           fmt::join(command->commands.empty() && command->positionals.size() == 1
                                         ? command->positionals.front().choices
                                         : names_of(command->commands),
                                     " "))));
  }
  return fmt::format(R"(# Completion of foreline for bash: source <(foreline completion bash)
_foreline() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local path=foreline words= options= commands= i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$path ${{COMP_WORDS[i]}}" in
      {}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$path|$before" in
{}    *) case "$path" in
{}      esac
      words=$commands
      [[ $word == -* ]] && words=$options ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _foreline foreline
)",
                     fmt::join(steps, "|"), values, words);
}

/// Text inside a specification of _arguments.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const ManualCommand& root) {
  std::string out =
      "#compdef foreline\n# Completion of foreline for zsh: source <(foreline completion zsh)\n";
  const auto all = all_of(root);
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const auto& command = **it;
    out += fmt::format("_{}() {{\n  local curcontext=$curcontext state line\n  _arguments -C",
                       command.name("_"));
    for (const auto& option : command.options) {
      for (const auto& spelled : option.names) {
        std::string value;
        if (!option.value.empty())
          value = option.choices.empty()
                      ? fmt::format(":{}:_files", zsh_text(option.value))
                      : fmt::format(":{}:({})", zsh_text(option.value.substr(0, 12)),
                                    fmt::join(option.choices, " "));
        out += " \\\n    " +
               quoted(fmt::format("{}[{}]{}", spelled, zsh_text(option.description), value));
      }
    }
    if (command.commands.empty()) {
      int place = 0;
      for (const auto& positional : command.positionals) {
        const auto where = positional.many ? std::string("*") : std::to_string(++place);
        const auto words = positional.choices.empty()
                               ? std::string("_files")
                               : fmt::format("({})", fmt::join(positional.choices, " "));
        out += " \\\n    " +
               quoted(fmt::format("{}:{}:{}", where, zsh_text(positional.names.front()), words));
      }
      out += "\n}\n";
      continue;
    }
    out +=
        " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n  command)\n    local -a "
        "commands=(\n";
    for (const auto& below : command.commands)
      out += fmt::format("      {}\n", quoted(last_name(below) + ":" + below.description));
    out += "    )\n    _describe command commands ;;\n  rest)\n    case $words[1] in\n";
    for (const auto& below : command.commands)
      out += fmt::format("    {}) _{} ;;\n", last_name(below), below.name("_"));
    out += "    esac ;;\n  esac\n}\n";
  }
  return out +
         "if [ \"$funcstack[1]\" = \"_foreline\" ]; then _foreline \"$@\"; else compdef _foreline "
         "foreline; fi\n";
}

/// In fish's single quotes a backslash still escapes.
std::string fish_quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return "'" + out + "'";
}

std::string fish(const ManualCommand& root) {
  std::string out = "# Completion of foreline for fish: foreline completion fish | source\n";
  for (const auto* command : all_of(root)) {
    std::string when = "__fish_use_subcommand";
    if (command != &root) {
      std::vector<std::string> seen;
      for (std::size_t i = 1; i < command->path.size(); ++i)
        seen.push_back("__fish_seen_subcommand_from " + command->path[i]);
      when = fmt::format("{}", fmt::join(seen, "; and "));
    }
    std::string not_yet = when;
    if (command != &root && !command->commands.empty())
      not_yet += fmt::format("; and not __fish_seen_subcommand_from {}",
                             fmt::join(names_of(command->commands), " "));
    for (const auto& below : command->commands)
      out += fmt::format("complete -c foreline -n {} -f -a {} -d {}\n", fish_quoted(not_yet),
                         last_name(below), fish_quoted(below.description));
    for (const auto& positional : command->positionals) {
      if (!positional.choices.empty())
        out += fmt::format("complete -c foreline -n {} -f -a {}\n", fish_quoted(when),
                           fish_quoted(fmt::format("{}", fmt::join(positional.choices, " "))));
    }
    for (const auto& option : command->options) {
      out += fmt::format("complete -c foreline -n {}", fish_quoted(when));
      for (const auto& name : option.names)
        out += name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.choices.empty())
        out += " -x -a " + fish_quoted(fmt::format("{}", fmt::join(option.choices, " ")));
      else if (!option.value.empty())
        out += " -r";
      out += " -d " + fish_quoted(option.description) + "\n";
    }
  }
  return out;
}

/// Text in roff: what would be a request or an escape is not.
std::string roff(const std::string& text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    begins = c == '\n';
  }
  return out;
}

std::string entry(const ManualOption& option) {
  std::vector<std::string> names;
  for (const auto& name : option.names) names.push_back("\\fB" + roff(name) + "\\fR");
  std::string out = ".TP\n" + fmt::format("{}", fmt::join(names, ", "));
  if (!option.value.empty()) out += " \\fI" + roff(option.value) + "\\fR";
  out += "\n" + roff(option.description);
  if (!option.description.empty() && option.description.back() != '.') out += ".";
  if (!option.choices.empty())
    out += roff(fmt::format("\nOne of {}.", fmt::join(option.choices, ", ")));
  if (!option.standard.empty()) out += "\nDefault: " + roff(option.standard) + ".";
  return out + "\n";
}

}  // namespace

std::string ManualCommand::name(const std::string& between) const {
  return fmt::format("{}", fmt::join(path, between));
}

std::string completion_for(Shell shell, const ManualCommand& root) {
  switch (shell) {
    case Shell::bash:
      return bash(root);
    case Shell::zsh:
      return zsh(root);
    case Shell::fish:
      return fish(root);
  }
  return {};
}

std::string page_of(const ManualCommand& command, const std::string& version) {
  std::string out = fmt::format(
      ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH {} 1 \"\" \"foreline {}\" \"Foreline\"\n.SH "
      "NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n",
      roff(upper(command.name("-"))), version, roff(command.name("-")), roff(command.description),
      roff(command.name()));
  if (!command.options.empty()) out += "[\\fIoption\\fR ...]\n";
  if (!command.commands.empty()) out += "\\fIcommand\\fR ...\n";
  for (const auto& positional : command.positionals) {
    const auto name = "\\fI" + roff(positional.names.front()) + "\\fR";
    out += (positional.required ? name : "[" + name + "]") + "\n";
  }
  if (!command.commands.empty()) {
    out += ".SH COMMANDS\n";
    for (const auto& below : command.commands)
      out += fmt::format(".TP\n.BR {} (1)\n{}.\n", roff(below.name("-")), roff(below.description));
  }
  if (!command.positionals.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const auto& positional : command.positionals) out += entry(positional);
  }
  out += ".SH OPTIONS\n";
  for (const auto& option : command.options) out += entry(option);
  std::istringstream footer(command.footer);
  bool example = false;
  std::string rest;
  std::string examples;
  for (std::string line; std::getline(footer, line);) {
    if (line.rfind("Example", 0) == 0) {
      example = true;
    } else if (example && line.rfind("  ", 0) == 0) {
      examples += line.substr(2) + "\n";
    } else {
      example = false;
      if (!line.empty()) rest += line + "\n";
    }
  }
  if (!rest.empty()) out += ".SH NOTES\n" + roff(rest);
  if (!examples.empty()) out += ".SH EXAMPLES\n.nf\n" + roff(examples) + ".fi\n";
  out +=
      ".SH EXIT STATUS\n0 pass, 1 an expectation failed, 2 bad input, 3 the environment is not as "
      "needed, 4 a bug.\n";
  if (command.path.size() > 1) out += ".SH SEE ALSO\n.BR foreline (1)\n";
  return out;
}

}  // namespace foreline::host
