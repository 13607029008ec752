// SPDX-License-Identifier: Apache-2.0
// Ctrl-C in the middle of every long command: a true exit status, a line that says what is where,
// no process and no half a file left, and the terminal as it was.
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

constexpr int by_interrupt = 128 + SIGINT;

std::vector<std::string> half_files(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".part") found.push_back(entry.path().string());
  return found;
}

/// `foreline` on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> words) {
    words.insert(words.begin(), (fs::path(FORELINE_BINARY_DIR) / "bin" / "foreline").string());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
  }
  ~Terminal() {
    ::close(terminal_);
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) const {
    REQUIRE(::write(terminal_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// Reads on until the screen shows this.
  bool shows(const std::string& text, int patience_ms = 10'000) {
    for (pollfd waiting{terminal_, POLLIN, 0}; seen_.find(text) == std::string::npos;) {
      char some[512];
      if (::poll(&waiting, 1, patience_ms) <= 0) return false;
      const auto size = ::read(terminal_, some, sizeof some);
      if (size <= 0) return false;
      seen_.append(some, static_cast<std::size_t>(size));
    }
    return true;
  }
  [[nodiscard]] bool echoes() const {
    termios now{};
    return ::tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ECHO) != 0;
  }
  /// As a shell says it.
  int end() {
    (void)shows("that it never says");
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  [[nodiscard]] const std::string& seen() const { return seen_; }

 private:
  int terminal_ = -1;
  int pid_ = -1;
  std::string seen_;
};

struct Long {
  std::vector<std::string> words;
  int status = by_interrupt;
  std::string says = "interrupted";
  std::string begun = "";  ///< Waited for before; empty: a while.
  int by = SIGINT;
};

}  // namespace

TEST_CASE("every long command can be interrupted") {
  const auto folder = fresh_folder("ctrl-c");
  const auto in = [&](const char* name) { return (folder / name).string(); };
  const auto demo = from_tree("scenarios/demo.toml").string();
  const auto pumps = from_tree("scenarios/plant/pumps.toml").string();
  const auto shop = from_tree("scenarios/instances/flowshop-12x5.txt").string();
  Foreline serve({"serve", demo, "--port", "0", "--for", "120 s"});
  const auto listening = serve.line_with("listening");
  REQUIRE_FALSE(listening.empty());
  const auto plc = listening.substr(listening.find("127."));
  const std::vector<Long> all = {
      {{"run", from_tree("scenarios/regression").string(), "--html", in("run.html")}},
      {{"swarm", "--count", "100000", "--out", in("swarm")}},
      {{"generate", "--count", "100000", "--traces", "--out", in("made")}},
      {{"generate", "--worst-of", "100000", "--out", in("worst")}},
      {{"futures", demo, "--count", "10000", "--json", in("futures.json")}},
      {{"plan", demo, "--futures", "10000", "--out", in("plan.toml")}},
      {{"whatif", demo, "--futures", "10000", "--csv", in("whatif.csv")}},
      {{"compare", demo, from_tree("scenarios/schedules/bottling-by-family.toml").string(),
        "--futures", "10000", "--json", in("compare.json")}},
      {{"evaluate", "--data", pumps, "--gpt-steps", "100000"}},
      {{"bench", "model", "--seconds", "600"}},
      {{"probe", plc, "--last", "60000", "--wait", "100 ms", "--tags", in("tags.csv")}},
      // These end in their own ways.
      {{"solve", shop, "--seconds", "600"}, 0, "makespan"},
      {{"solve", shop, "--seconds", "600"}, 0, "makespan", "", SIGTERM},
      {{"serve", demo, "--port", "0"}, 0, "listening", "listening"},
      {{"demo", "--out", in("demo")}, by_interrupt, "interrupted", "libforeline.so"},
  };
  for (const auto& one : all) {
    Foreline command(one.words);
    if (one.begun.empty())
      ::usleep(1'500'000);
    else
      CHECK_FALSE(command.line_with(one.begun).empty());
    const auto family = descendants(command.pid());
    command.signal(one.by);
    const int status = command.end(15);
    INFO(one.words.front() << ": status " << status << "\n" << command.said());
    CHECK(status == one.status);
    CHECK(command.said().find(one.says) != std::string::npos);
    CHECK(ended(family));
  }
  CHECK(half_files(folder).empty());
}

TEST_CASE("a password that is not typed to its end leaves a terminal that shows what is typed") {
  const auto accounts = (fresh_folder("unseen") / "accounts.json").string();
  Terminal add({"account", "add", accounts, "vera", "--role", "viewer"});
  REQUIRE(add.shows("Password for vera"));
  for (int i = 0; i < 200 && add.echoes(); ++i) ::usleep(20'000);
  CHECK_FALSE(add.echoes());
  add.type("half a pass\x03");
  CHECK(add.end() == by_interrupt);
  CHECK(add.echoes());
  CHECK(add.seen().find("half a pass") == std::string::npos);
  CHECK_FALSE(fs::exists(accounts));
}

TEST_CASE("init asks a few questions, and again where an answer is wrong") {
  const auto folder = fresh_folder("asked") / "new";
  Terminal init({"init", folder.string()});
  const auto answers = [&](const std::string& question, const std::string& answer) {
    INFO(init.seen());
    REQUIRE(init.shows(question));
    init.type(answer + "\n");
  };
  answers("Name of the line [line-1]: ", "north");
  answers("Machines in the order of flow", " , ");
  answers("at least one machine", "saw, drill");
  answers("Time a part takes", "fast");
  answers("no time of a part", "7 s");
  answers("Products [A, B]: ", "");
  answers("Address of the PLC", "10.0.0.7:99999");
  answers("no address of a PLC", "10.0.0.7");
  CHECK(init.end() == 0);
  INFO(init.seen());
  const auto line = contents(folder / "line.toml");
  for (const char* part : {"name = \"north\"", "name = \"saw\"", "name = \"drill\"", "7 s"})
    CHECK(line.find(part) != std::string::npos);
  CHECK(contents(folder / "plugin.toml").find("10.0.0.7") != std::string::npos);
}
