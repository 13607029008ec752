// SPDX-License-Identifier: Apache-2.0
// `foreline completion` and `foreline man`: the command line in the words of shells and of man(1).
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "inference/gpt2/checkpoint.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/manual.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

/// CLI11 spells choices as "TEXT:{a,b}" in the name of the type.
std::vector<std::string> choices_in(std::string& type) {
  std::vector<std::string> choices;
  const auto open = type.find(":{");
  const auto close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::istringstream words(type.substr(open + 2, close - open - 2));
  for (std::string word; std::getline(words, word, ',');) choices.push_back(word);
  type.erase(open, close + 1 - open);
  return choices;
}

ManualOption manual_of(const CLI::Option& option) {
  ManualOption out;
  for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  if (out.names.empty()) out.names.push_back(option.get_name());
  out.description = option.get_description();
  out.required = option.get_required();
  out.many = option.get_expected_max() > 1;
  if (option.get_items_expected_max() == 0) return out;
  out.value = option.get_type_name();
  out.choices = choices_in(out.value);
  if (const auto check = out.value.find(':'); check != std::string::npos) {
    out.description += " (" + out.value.substr(check + 1) + ")";
    out.value.erase(check);
  }
  out.standard = option.get_default_str();
  return out;
}

ManualCommand manual_of(const CLI::App& app, std::vector<std::string> path) {
  ManualCommand out;
  out.description = app.get_description();
  if (!out.description.empty() && out.description.back() == '.') out.description.pop_back();
  out.footer = app.get_footer();
  for (const auto* option : app.get_options())
    (option->nonpositional() ? out.options : out.positionals).push_back(manual_of(*option));
  for (const auto* below : app.get_subcommands({})) {
    auto longer = path;
    longer.push_back(below->get_name());
    out.commands.push_back(manual_of(*below, std::move(longer)));
  }
  out.path = std::move(path);
  return out;
}

void collect(const ManualCommand& command, std::vector<const ManualCommand*>& all) {
  all.push_back(&command);
  for (const auto& below : command.commands) collect(below, all);
}

int write_pages(const std::vector<const ManualCommand*>& all, const std::filesystem::path& folder,
                bool json) {
  auto files = nlohmann::ordered_json::array();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(environment, "man",
                fmt::format("cannot make {}: {}", folder.string(), error.message()));
  for (const auto* command : all) {
    const auto page = folder / (command->name("-") + ".1");
    if (auto written = gpt2::write_file(page, page_of(*command, FORELINE_VERSION)); !written)
      return fail(environment, "man", written.error());
    files.push_back(page.string());
  }
  if (json)
    print_json({{"files", files}});
  else
    fmt::print("{} pages in {}\n", all.size(), folder.string());
  return pass;
}

}  // namespace

void add_completion(CLI::App& app, int& exit_code) {
  auto shell = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  auto* command =
      app.add_subcommand("completion", "Print a script that completes foreline's words");
  command->add_option("shell", *shell, "The shell that is to complete them")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_json(*command, *json, "Print one JSON object: the shell, and the script as text");
  command->footer(
      "Let the shell read it at its start, for example in ~/.bashrc: source <(foreline completion "
      "bash)\n\nExample:\n  foreline completion bash");
  command->callback([shell, json, &app, &exit_code] {
    const auto kind = *shell == "bash" ? Shell::bash : *shell == "zsh" ? Shell::zsh : Shell::fish;
    const auto script = completion_for(kind, manual_of(app, {"foreline"}));
    if (*json)
      print_json({{"shell", *shell}, {"script", script}});
    else
      fmt::print("{}", script);
    exit_code = pass;
  });
}

void add_man(CLI::App& app, int& exit_code) {
  struct Options {
    std::vector<std::string> path;
    std::string out;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("man", "Print the manual page of a command, or write them all");
  command->add_option("command", options->path, "The command's words; none: foreline itself");
  command->add_option("--out", options->out, "Write every page into this folder");
  add_json(*command, options->json, "Print one JSON object: the page as text, or the files");
  command->footer("Example:\n  foreline man solve\n  foreline man --out man1");
  command->callback([options, &app, &exit_code] {
    const auto root = manual_of(app, {"foreline"});
    std::vector<const ManualCommand*> all;
    collect(root, all);
    if (!options->out.empty()) {
      exit_code = write_pages(all, options->out, options->json);
      return;
    }
    auto wanted = options->path;
    wanted.insert(wanted.begin(), "foreline");
    std::vector<std::string> known;
    for (const auto* one : all) {
      if (one->path == wanted) {
        const auto page = page_of(*one, FORELINE_VERSION);
        if (options->json)
          print_json({{"command", one->name()}, {"page", page}});
        else
          fmt::print("{}", page);
        return;
      }
      known.push_back(one->name());
    }
    const auto asked = fmt::format("{}", fmt::join(wanted, " "));
    const auto meant = text::nearest(asked, known);
    exit_code = fail(bad_input, "man",
                     fmt::format("there is no command \"{}\"{}", asked,
                                 meant ? "; did you mean \"" + *meant + "\"?" : ""));
  });
}

}  // namespace foreline::host
