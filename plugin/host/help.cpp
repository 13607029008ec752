// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/help.hpp"

#include <CLI/App.hpp>
#include <algorithm>
#include <sstream>

#include "sim/text/letters.hpp"

namespace foreline::host {

namespace {

constexpr std::size_t screen = 80;
constexpr std::size_t column = 24;
constexpr std::size_t narrow_column = 14;  ///< Of commands, whose names are short.

/// What CLI11 writes as "TEXT:{a,b}" or "UINT:INT in [1 - 9]", before and behind the colon.
std::pair<std::string, std::string> parts_of(const std::string& type) {
  const auto colon = type.find(':');
  if (colon == std::string::npos) return {type, ""};
  return {type.substr(0, colon), type.substr(colon + 1)};
}

/// An example that is wider goes on in the next line, as shells read it: before an option, or
/// before a word where none is in quotes.
std::string folded(std::string line, std::size_t width) {
  std::string out;
  while (text::letters_in(line) > width) {
    auto at = line.rfind(" --", width - 2);
    if ((at == std::string::npos || line.find_first_not_of(' ') > at) &&
        line.find_first_of("'\"") == std::string::npos)
      at = line.rfind(' ', width - 2);
    if (at == std::string::npos || line.find_first_not_of(' ') > at) break;
    out += line.substr(0, at) + " \\\n";
    line = "     " + line.substr(at);
  }
  return out + line;
}

std::string entry(const std::string& left, const std::string& text, std::size_t from = column) {
  auto out = "  " + left;
  if (text.empty()) return out + "\n";
  if (text::letters_in(out) + 2 > from)
    out += "\n" + std::string(from, ' ');
  else
    out += std::string(from - text::letters_in(out), ' ');
  return out + wrapped(text, screen - from, from) + "\n";
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!out.empty()) out += "\n" + std::string(indent, ' ');
    if (!line.empty() && line.front() == ' ') {
      out += folded(std::move(line), width);
      continue;
    }
    std::istringstream words(line);
    std::size_t used = 0;
    for (std::string word; words >> word;) {
      if (used > 0 && used + 1 + text::letters_in(word) > width) {
        out += "\n" + std::string(indent, ' ');
        used = 0;
      } else if (used > 0) {
        out += ' ';
        ++used;
      }
      out += word;
      used += text::letters_in(word);
    }
  }
  return out;
}

Help::Help() {
  column_width(column);
}

std::string Help::make_help(const CLI::App* command, std::string name,
                            CLI::AppFormatMode mode) const {
  if (command->get_parent() != nullptr) return Formatter::make_help(command, name, mode);
  auto out = make_description(command) +
             "Usage: foreline COMMAND ...; foreline COMMAND --help says more of one\n\n";
  std::string group;
  for (const auto* one : command->get_subcommands({})) {
    if (one->get_group() != group) out += (group = one->get_group()) + ":\n";
    out += make_subcommand(one);
  }
  return out + "\n" + make_footer(command);
}

std::string Help::make_option(const CLI::Option* option, bool positional) const {
  if (option->check_lname("help")) return {};  // who reads this knows
  return entry(make_option_name(option, positional) + make_option_opts(option),
               make_option_desc(option));
}

std::string Help::make_option_opts(const CLI::Option* option) const {
  std::string out;
  if (option->get_items_expected_max() > 0) {
    const auto type = parts_of(option->get_type_name()).first;
    if (option->nonpositional())
      out += type == "UINT" || type == "INT" ? " N"
             : type == "FLOAT"               ? " X"
             : type.empty()                  ? std::string()
                                             : " " + type;
    if (!option->get_default_str().empty()) out += "=" + option->get_default_str();
    if (option->get_expected_max() > 1) out += " ...";
    if (option->get_required() && option->nonpositional()) out += " REQUIRED";
  }
  return out;
}

std::string Help::make_option_desc(const CLI::Option* option) const {
  auto text = option->get_description();
  auto choices = parts_of(option->get_type_name()).second;
  if (choices.size() < 2 || choices.front() != '{' || choices.back() != '}') return text;
  choices = choices.substr(1, choices.size() - 2);
  // Where the sentence names them already, once is enough.
  if (text.find(choices.substr(0, choices.find(','))) != std::string::npos) return text;
  std::string list;
  for (const char c : choices) list += c == ',' ? std::string(", ") : std::string(1, c);
  return text + ": " + list;
}

std::string Help::make_subcommand(const CLI::App* command) const {
  // A line each: the rest stands in the command's own help.
  auto text = command->get_description();
  while (text::letters_in(text) > screen - narrow_column) {
    const auto end = text.find_last_of(",:;");
    if (end == std::string::npos) break;
    text.resize(end);
  }
  return entry(command->get_name(), text, narrow_column);
}

std::string Help::make_description(const CLI::App* command) const {
  const auto text = command->get_description();
  return text.empty() ? text : wrapped(text, screen, 0) + "\n";
}

std::string Help::make_footer(const CLI::App* command) const {
  const auto text = command->get_footer();
  return text.empty() ? text : wrapped(text, screen, 0) + "\n";
}

}  // namespace foreline::host
