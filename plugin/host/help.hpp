// SPDX-License-Identifier: Apache-2.0
// --help for a screen of 80 columns: short names of values, and descriptions that wrap.
#pragma once

#include <CLI/Formatter.hpp>
#include <string>

namespace foreline::host {

class Help : public CLI::Formatter {
 public:
  Help();
  /// Of the program itself: every command on a line, in their groups, on one screen of 50 lines.
  std::string make_help(const CLI::App* command, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option(const CLI::Option* option, bool positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_description(const CLI::App* command) const override;
  std::string make_footer(const CLI::App* command) const override;
};

/// `text` in lines of at most `width` letters, those after the first behind `indent` spaces. Lines
/// that begin with a space are examples, to be copied: folded as shells read it.
[[nodiscard]] std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace foreline::host
