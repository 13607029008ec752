// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/manual.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/support/programs.hpp"

using namespace foreline::host;

namespace {

ManualCommand tree() {
  ManualCommand root;
  root.path = {"foreline"};
  root.description = "See and prove";
  root.options = {{{"-h", "--help"}, "", "", "Help", {}, false}};
  ManualCommand solve;
  solve.path = {"foreline", "solve"};
  solve.description = "It's a search";
  solve.options = {
      {{"--problem"}, "TEXT", "flowshop", "Which [one]: 'this'", {"flowshop", "jobshop"}, false},
      {{"--seconds"}, "FLOAT", "5", "How long", {}, false}};
  solve.positionals = {{{"file"}, "TEXT", "", "An instance", {}, true}};
  solve.footer = "Ends early on Ctrl-C.\n\nExample:\n  foreline solve .hidden\n";
  ManualCommand account;
  account.path = {"foreline", "account"};
  account.description = "People";
  ManualCommand add;
  add.path = {"foreline", "account", "add"};
  add.description = "Add one";
  add.options = {{{"--role"}, "TEXT", "", "What he may", {"viewer", "planner"}, false}};
  account.commands = {add};
  root.commands = {solve, account};
  return root;
}

/// What bash offers after these words.
std::string offered(const std::string& script, const std::string& words) {
  const auto folder = foreline::tests::fresh_folder("completion");
  std::ofstream(folder / "script") << script;
  std::ofstream(folder / "ask") << "source '" << (folder / "script").string() << "'\nCOMP_WORDS=("
                                << words
                                << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_foreline\n"
                                   "echo \"${COMPREPLY[*]}\"\n";
  std::FILE* pipe = ::popen(("bash '" + (folder / "ask").string() + "' 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said(4096, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  ::pclose(pipe);
  return said;
}

}  // namespace

TEST_CASE("bash completes commands, options, and the words of a choice") {
  const auto script = completion_for(Shell::bash, tree());
  CHECK(offered(script, "foreline ''") == "solve account\n");
  CHECK(offered(script, "foreline so") == "solve\n");
  CHECK(offered(script, "foreline solve --p") == "--problem\n");
  CHECK(offered(script, "foreline solve --problem j") == "jobshop\n");
  CHECK(offered(script, "foreline account ''") == "add\n");
  CHECK(offered(script, "foreline account add --role ''") == "viewer planner\n");
  CHECK(offered(script, "foreline solve ''") == "\n");  // then bash itself offers files
}

TEST_CASE("descriptions cannot break out of a completion script's quotes") {
  const auto fish = completion_for(Shell::fish, tree());
  CHECK(fish.find("-d 'It\\'s a search'") != std::string::npos);
  const auto zsh = completion_for(Shell::zsh, tree());
  CHECK(zsh.find("Which \\[one\\]\\: '\\''this'\\''") != std::string::npos);
}

TEST_CASE("a manual page has its sections, and text is not taken for requests") {
  const auto page = page_of(tree().commands[0], "1.2.3");
  for (const char* section : {".SH NAME", ".SH SYNOPSIS", ".SH ARGUMENTS", ".SH OPTIONS",
                              ".SH NOTES", ".SH EXAMPLES", ".SH EXIT STATUS", ".SH SEE ALSO"})
    CHECK(page.find(section) != std::string::npos);
  CHECK(page.find("One of flowshop, jobshop.") != std::string::npos);
  CHECK(page.find("Default: 5.") != std::string::npos);
  CHECK(page_of(tree(), "1").find(".BR foreline\\-account (1)") != std::string::npos);
  ManualCommand dotted;
  dotted.path = {"foreline"};
  dotted.footer = ".so /etc/passwd\n'br \\fB";
  const auto safe = page_of(dotted, "1");
  CHECK(safe.find("\n.so") == std::string::npos);
  CHECK(safe.find("\\&.so") != std::string::npos);
  CHECK(safe.find("\\&'br \\efB") != std::string::npos);
}
