// SPDX-License-Identifier: Apache-2.0
// Every command explains itself with an example, and every example runs. A soft PLC is started for
// the examples that attach to one.
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = FORELINE_SOURCE_DIR;
const fs::path programs = fs::path(FORELINE_BINARY_DIR) / "bin";

struct Ran {
  int status = -1;
  std::string output;
};

/// Runs one shell line in `folder`, with the build's programs first in PATH.
Ran run(const fs::path& folder, const std::string& command) {
  const std::string line = "cd '" + folder.string() + "' && PATH='" + programs.string() +
                           "':\"$PATH\" && " + "export PATH && { " + command +
                           "\n} 2>&1 </dev/null";
  Ran ran;
  std::FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    ran.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

/// An empty folder in which the data of the tree is found under its usual names.
fs::path fresh_folder(const std::string& name) {
  const fs::path folder = fs::path(FORELINE_BINARY_DIR) / "examples" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const char* data : {"scenarios", "inference", "plugin"}) {
    fs::create_directory_symlink(root / data, folder / data);
  }
  fs::create_directories(folder / "demo-output");
  fs::copy_file(root / "tests/house/story.json", folder / "demo-output/report.json");
  return folder;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> commands() {
  const auto help = run(root, "foreline --help");
  REQUIRE(help.status == 0);
  std::vector<std::string> names;
  for (const auto& line : lines_of(help.output)) {
    // Options have a dash, and what is too long for its line goes on further to the right.
    if (line.size() > 2 && line.rfind("  ", 0) == 0 && line[2] != ' ' && line[2] != '-')
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

/// Commands that are run: those with parts of their own as "account add".
std::vector<std::string> all_commands() {
  std::vector<std::string> names;
  for (const auto& name : commands()) {
    const auto man = run(root, "foreline man " + name + " --json");
    REQUIRE(man.status == 0);
    const auto page = nlohmann::json::parse(man.output).at("page").get<std::string>();
    const std::regex part(R"(\.BR foreline\\-(\S+) \(1\))");
    std::size_t parts = 0;
    const auto from = page.find(".SH COMMANDS");
    const auto until = page.find(".SH OPTIONS");
    if (from != std::string::npos) {
      const auto listed = page.substr(from, until - from);
      for (std::sregex_iterator at(listed.begin(), listed.end(), part), end; at != end; ++at) {
        auto whole = std::regex_replace((*at)[1].str(), std::regex(R"(\\-)"), "-");
        names.push_back(name + " " + whole.substr(name.size() + 1));
        ++parts;
      }
    }
    // What has parts may also be something by itself, as data is.
    if (parts == 0 || name == "data") names.push_back(name);
  }
  return names;
}

/// Of each command one call that is over soon; the later ones use what earlier ones have made.
const std::vector<std::pair<std::string, std::string>> calls_alone = {
    {"init", "made --yes"},
    {"demo", "--limit 1 --out demo-run"},
    {"check", "scenarios/lines"},
    {"show", "scenarios/lines/gearbox.toml"},
    {"run", "scenarios/regression/no-fault.toml --seed 1"},
    {"state", "scenarios/demo.toml --at 40min"},
    {"futures", "scenarios/demo.toml --at 40min --count 2 --for '10 min'"},
    {"generate", "--count 2 --out made-days"},
    {"swarm", "--count 2"},
    {"serve", "--for '1 s'"},
    {"forecast", "scenarios/demo.toml --at 40min"},
    {"data", "scenarios/plant/pumps.toml"},
    {"data guess", "scenarios/plant/pumps.csv"},
    {"train",
     "--data scenarios/plant/pumps.toml --gpt-steps 5 --members 1 --no-trees --out pump-model"},
    {"evaluate", "--data scenarios/plant/pumps.toml --gpt-steps 5 --members 1 --no-trees"},
    {"explain", "--model pump-model --data scenarios/plant/pumps.toml"},
    {"plan", "scenarios/demo.toml --at 40min --futures 5 --for '30 min' --no-llm"},
    {"whatif", "scenarios/demo.toml --at 40min --futures 2 --for '30 min' --rush A-106"},
    {"compare",
     "scenarios/demo.toml scenarios/schedules/bottling-by-family.toml --futures 2 --for '30 min'"},
    {"solve", "scenarios/instances/flowshop-12x5.txt --evaluations 1000"},
    {"report", "demo-output/report.json --csv tables --xlsx report.xlsx"},
    {"watch", "watch.toml --for '1 s'"},
    {"registers", "scenarios/lines/bottling.toml"},
    {"audit", "verify my-store"},
    {"account add", "accounts.json ada --role approver"},
    {"account list", "accounts.json"},
    {"account remove", "accounts.json ada"},
    {"tokenize", "' vibration high'"},
    {"hidden", "' vibration'"},
    {"score", "' vibration high'"},
    {"complete", "' vibration' --tokens 2"},
    {"bench model", "--seconds 1 --precision f32 --work prefill:16"},
    {"completion", "fish"},
    {"man", "solve"},
};
/// With a soft PLC and a plugin that is attached to it.
const std::vector<std::pair<std::string, std::string>> calls_attached = {
    {"probe", "127.0.0.1:15020 --last 60"},
    {"status", ""},
    {"deploy", "--status"},
    {"rollback", "--status"},
    {"alarms list", ""},
    {"alarms acknowledge", "filler/jam"},
    {"alarms shelve", "filler/jam --reason x"},
    {"alarms unshelve", "filler/jam"},
    {"alarms out-of-service", "filler/jam --reason x"},
    {"alarms in-service", "filler/jam --reason x"},
};

/// One JSON text, or one a line.
bool is_json(const std::string& text) {
  if (nlohmann::json::accept(text)) return true;
  const auto lines = lines_of(text);
  return !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
    return nlohmann::json::accept(line);
  });
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What a guide lets its reader type.
std::vector<std::string> typed_in(const fs::path& guide) {
  std::vector<std::string> typed;
  bool shell = false;
  for (const auto& line : lines_of(content_of(guide))) {
    if (line.rfind("```", 0) == 0)
      shell = line == "```sh";
    else if (shell && line.rfind("export PATH", 0) != 0)  // it is in there already
      typed.push_back(line);
  }
  return typed;
}

}  // namespace

TEST_CASE("a number is not taken for another one") {
  for (const char* words :
       {"complete x --tokens -1", "complete x --top-k=-1", "complete x --temperature nan",
        "complete x --top-p NaN", "hidden --ids 1,-2", "bench model --seconds nan"}) {
    INFO(words);
    const auto ran = run(root, std::string("foreline ") + words);
    INFO(ran.output);
    CHECK(ran.status == 2);
    CHECK((ran.output.find("is no whole number from 0") != std::string::npos ||
           ran.output.find("is no number") != std::string::npos));
  }
  CHECK(run(root, "foreline complete ' vibration' --tokens 1 --temperature 0").status == 0);
}

TEST_CASE("constrained answers that are alike share alike") {
  const auto ran =
      run(root, "foreline complete ' vibration' --choice ' high' --choice ' high' --json");
  REQUIRE(ran.status == 0);
  for (const auto& choice : nlohmann::json::parse(ran.output)["choices"])
    CHECK(choice["share"] == 0.5);
}

TEST_CASE("every command answers in JSON when it is asked to, also when it cannot") {
  auto missing = all_commands();
  REQUIRE(missing.size() >= 40);
  const auto folder = fresh_folder("json");
  const std::string store =
      "cp plugin/config/bottling.toml watch.toml; sed -i 's#\"../../#\"'\"$PWD\"'/#; "
      "s/^# store = .*/store = \"my-store\"/' watch.toml\n";
  const auto script = [](const auto& calls) {
    std::string text;
    for (const auto& [name, words] : calls) {
      auto file = name;
      std::replace(file.begin(), file.end(), ' ', '-');
      text += "echo 'correct horse' | timeout 120 foreline " + name + " " + words + " --json >" +
              file + ".out 2>" + file + ".err; echo $? >" + file + ".status\n";
    }
    return text;
  };
  run(folder, store + script(calls_alone) +
                  "foreline serve scenarios/demo.toml --port 15020 >/dev/null 2>&1 & plc=$!\n"
                  "foreline watch plugin/config/bottling.toml --hmi 15080 >/dev/null 2>&1 & "
                  "plugin=$!\nsleep 4\n" +
                  script(calls_attached) + "kill $plugin $plc; wait");
  const std::set<std::string> fail_here = {"demo",  // it is over before its line is
                                           "alarms acknowledge",
                                           "alarms shelve",
                                           "alarms unshelve",
                                           "alarms out-of-service",
                                           "alarms in-service"};  // nobody has signed in
  auto calls = calls_alone;
  calls.insert(calls.end(), calls_attached.begin(), calls_attached.end());
  for (const auto& [name, words] : calls) {
    auto file = name;
    std::replace(file.begin(), file.end(), ' ', '-');
    const auto out = content_of(folder / (file + ".out"));
    const auto error = content_of(folder / (file + ".err"));
    const auto status = content_of(folder / (file + ".status"));
    INFO("$ foreline " << name << " " << words << " --json\n" << out << error << status);
    const bool fails = fail_here.count(name) != 0;
    CHECK((status == "0\n") != fails);
    if (!fails || !out.empty()) CHECK(is_json(out));
    if (fails) {
      REQUIRE_FALSE(lines_of(error).empty());
      const auto said = nlohmann::json::parse(lines_of(error).back(), nullptr, false);
      REQUIRE(said.is_object());
      CHECK(said.at("error").at("mistakes").size() == 1);
    }
    missing.erase(std::remove(missing.begin(), missing.end(), name), missing.end());
  }
  CHECK(missing == std::vector<std::string>());
}

TEST_CASE("a wrong word is told in JSON too") {
  for (const auto* words : {"pln --json", "run --no-such-option --json", "run no-such.toml --json",
                            "run --json no-such.toml"}) {
    const auto ran = run(root, std::string("foreline ") + words);
    INFO(words << "\n" << ran.output);
    CHECK(ran.status == 2);
    const auto said = nlohmann::json::parse(ran.output, nullptr, false);
    REQUIRE(said.is_object());
    CHECK(said.at("error").at("status") == 2);
    CHECK_FALSE(said.at("error").at("mistakes").at(0).at("what").get<std::string>().empty());
  }
}

TEST_CASE("fish completes what is typed") {
  if (run(root, "command -v fish").status != 0) {
    WARN("fish is not installed");
    return;
  }
  const auto folder = fresh_folder("fish");
  const auto offered = [&](const std::string& typed) {
    return run(folder,
               "foreline completion fish >script; HOME=$PWD fish -c 'source script; "
               "complete -C \"" +
                   typed + "\"'")
        .output;
  };
  CHECK(offered("foreline so").rfind("solve\t", 0) == 0);
  CHECK(offered("foreline solve --problem j").rfind("jobshop", 0) == 0);
  CHECK(lines_of(offered("foreline account add --role ")).size() == 4);
}

TEST_CASE("zsh completes what is typed") {
  if (run(root, "command -v zsh").status != 0) {
    WARN("zsh is not installed");
    return;
  }
  const auto folder = fresh_folder("zsh");
  std::ofstream(folder / "ask") << R"(zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($PWD/functions \$fpath); autoload -U compinit; compinit -u -D; PS1=; print rea''dy"
zpty -r -m shell seen '*ready*'
zpty -w -n shell "$1"$'\t\C-e\C-a: \C-e\C-j'
zpty -w shell "print en''ded"
zpty -r -m shell seen '*ended*'
print -r -- $seen
)";
  const auto offered = [&](const std::string& typed) {
    return run(folder,
               "mkdir -p functions; foreline completion zsh >functions/_foreline; timeout 20 zsh "
               "-f ask '" +
                   typed + "'")
        .output;
  };
  CHECK(offered("foreline so").find("solve") != std::string::npos);
  CHECK(offered("foreline solve --pro").find("--problem") != std::string::npos);
  CHECK(offered("foreline account add --role app").find("approver") != std::string::npos);
  for (const auto& name : all_commands())
    CHECK(offered("foreline " + name + " --he").find("_arguments") == std::string::npos);
}

TEST_CASE("man renders every page without a complaint") {
  if (run(root, "command -v groff").status != 0) {
    WARN("groff is not installed");
    return;
  }
  const auto folder = fresh_folder("man");
  const auto ran =
      run(folder,
          "foreline man --out pages >/dev/null && for page in pages/*.1; do groff -Kutf8 -man "
          "-ww -Tutf8 -P-cbou $page >$page.txt || exit 1; done");
  INFO(ran.output);
  CHECK(ran.status == 0);
  CHECK(ran.output.empty());
  CHECK(content_of(folder / "pages" / "foreline-solve.1.txt").find("EXAMPLES") !=
        std::string::npos);
}

TEST_CASE("the list of commands and every command's help fit a screen") {
  const auto list = lines_of(run(root, "foreline --help").output);
  CHECK(list.size() <= 50);
  for (const auto& line : list) CHECK(line.size() <= 80);
  for (const auto& name : all_commands()) {
    const auto help = run(root, "foreline " + name + " --help");
    INFO("foreline " << name << " --help\n" << help.output);
    const auto lines = lines_of(help.output);
    CHECK(lines.size() <= 49);
    for (const auto& line : lines) {
      INFO(line);
      const auto letters = std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
      });
      CHECK(letters <= 80);
    }
    CHECK(help.output.find("Example") != std::string::npos);
  }
}

TEST_CASE("every command's example runs") {
  const auto names = commands();
  REQUIRE(names.size() >= 11);
  for (const auto& name : names) {
    if (name == "demo") continue;  // the end-to-end test runs it
    const auto help = run(root, "foreline " + name + " --help");
    INFO("foreline " << name << " --help");
    REQUIRE(help.status == 0);
    std::vector<std::string> examples;
    bool listing = false;
    // As a shell reads it: what ends with a backslash goes on.
    for (const auto& line : lines_of(std::regex_replace(help.output, std::regex(R"(\\\n)"), ""))) {
      if (line.rfind("Example", 0) == 0) listing = true;
      if (listing && (line.rfind("  foreline ", 0) == 0 || line.rfind("  echo ", 0) == 0))
        examples.push_back(line.substr(2));
    }
    REQUIRE_FALSE(examples.empty());
    const auto folder = fresh_folder(name);
    // The examples of watch, deploy and rollback name the ports of plugin/config/bottling.toml.
    std::string surroundings;
    if (name == "deploy" || name == "rollback")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --for '6 s' & } >/dev/null 2>&1; sleep 2; ";
    if (name == "status")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --for '6 s' & } >/dev/null 2>&1; sleep 3; ";
    if (name == "alarms")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '6 s' & "
          "foreline watch plugin/config/bottling.toml --hmi 15080 --for '6 s' & } >/dev/null 2>&1; "
          "sleep 3; ";
    if (name == "audit")
      surroundings =
          "cp -r plugin/config/bottling.toml watch.toml; sed -i 's#\"../../#\"'\"$PWD\"'/#; "
          "s/^# store = .*/store = \"my-store\"/' watch.toml; "
          "foreline watch watch.toml --for '1 s' >/dev/null 2>&1; ";
    if (name == "probe")
      surroundings =
          "{ foreline serve scenarios/demo.toml --port 15020 --for '8 s' & } >/dev/null 2>&1; "
          "sleep 2; ";
    for (const auto& example : examples) {
      // What surrounds an example is over before the next one wants its ports.
      const auto ran =
          run(folder, surroundings + "timeout 120 " + example + "; done=$?; wait; exit $done");
      INFO("$ " << example << "\n" << ran.output);
      CHECK(ran.status == 0);
      CHECK_FALSE(ran.output.empty());
    }
  }
}

TEST_CASE("every command of the tutorials runs as it stands there") {
  const std::string plc = "foreline serve scenarios/demo.toml --port 15020";
  const auto stays = [](const std::string& command) {
    return command.rfind("foreline serve", 0) == 0 ||
           (command.rfind("foreline watch", 0) == 0 &&
            command.find("--dry-run") == std::string::npos);
  };
  // Before each: what its text takes for granted.
  const std::vector<std::pair<std::string, std::string>> guides = {
      {"integrators/tutorial.md", ""},
      {"integrators/attach.md", plc},
      {"integrators/pages.md", plc},
      {"integrators/handshake.md", ""},
      {"planners/scenarios-as-tests.md", ""},
      {"planners/tutorial.md", ""},
      {"planners/cookbook.md", ""},
      {"planners/what-if.md", ""},
      {"planners/solve.md", ""},
      {"plant-data.md", ""}};
  for (const auto& [guide, before] : guides) {
    auto typed = typed_in(root / "docs" / guide);
    REQUIRE_FALSE(typed.empty());
    if (!before.empty()) typed.insert(typed.begin(), before);
    std::string script;
    for (auto command : typed) {
      // Who has an account, and which alarm stands, is the reader's: the alarms' own test shelves.
      if (command.find("alarms shelve") != std::string::npos) continue;
      command =
          std::regex_replace(command, std::regex(R"(192\.168\.0\.10:502)"), "127.0.0.1:15020");
      if (command.find("account add") != std::string::npos)
        command = "echo 'correct horse' | " + command;
      script += stays(command)
                    ? command +
                          " >log 2>&1 & ended=\"$ended $!\"; sleep 3; "
                          "kill -0 $! || { echo \"this has ended:\"; cat log; done=1; }\n"
                    : "timeout 200 " + command + " || { echo \"this failed: $?\"; done=1; }\n";
    }
    script = std::regex_replace(script, std::regex("timeout 200 echo"), "echo");
    const auto folder = fresh_folder("guide-" + fs::path(guide).stem().string());
    const auto ran = run(folder, "done=0\n" + script + "kill $ended; wait; exit $done");
    INFO("docs/" << guide << "\n" << script << "\n" << ran.output);
    CHECK(ran.status == 0);
  }
}

TEST_CASE("Chinese guides let their readers type what the English ones do") {
  const auto commands_in = [](const char* guide) {
    auto typed = typed_in(root / guide);
    for (auto& command : typed) command = std::regex_replace(command, std::regex(" +#.*"), "");
    return typed;
  };
  for (const auto& [english, chinese] :
       {std::pair("README.md", "README.zh-CN.md"),
        std::pair("docs/quickstart.md", "docs/quickstart.zh-CN.md")}) {
    INFO(chinese);
    REQUIRE_FALSE(commands_in(english).empty());
    CHECK(commands_in(english) == commands_in(chinese));
  }
}

TEST_CASE("a wrong word is answered with the right one") {
  const std::vector<std::pair<std::string, std::string>> all = {
      {"", "Usage: foreline COMMAND"},
      {"pln", "did you mean plan?"},
      {"run", "for example: foreline run scenarios/"},
      {"run x.toml --seeds 5", "did you mean --seed?"},
      {"--verson", "did you mean --version?"},
      {"bench modell", "did you mean model?"},
      {"account", "one of add, remove, list"},
      {"completion tcsh", "foreline completion --help"},
      {"whatif --rush B-1", "A-101, A-102"},
      {"whatif --fail filler@-5min", "\"-5min\" is no duration"},
      {"plan --at -1h", "--at \"-1h\" is no duration"},
      {"show scenarios/demo.toml", "this is a \"foreline scenario 1\" file"},
      {"status --plugin 127.0.0.1:1", "is foreline watch running?"},
      {"init x --cycle fast", "write \"4.5 s\""},
  };
  for (const auto& [words, answer] : all) {
    const auto ran = run(root, "foreline " + words);
    INFO("$ foreline " << words << "\n" << ran.output);
    CHECK((ran.status == 2 || ran.status == 3));
    CHECK(ran.output.find(answer) != std::string::npos);
    if (!words.empty()) CHECK(lines_of(ran.output).size() == 1);
  }
}

TEST_CASE("a command that does not exist is a usage error") {
  const auto ran = run(root, "foreline pln");
  CHECK(ran.status == 2);
  CHECK(ran.output.find("pln") != std::string::npos);
}
