// SPDX-License-Identifier: Apache-2.0
// `mpirun … foreline run`: the same bytes as one process, and nothing lost when the job is killed.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/programs.hpp"

namespace fs = std::filesystem;
using namespace foreline;

namespace {

/// A process in a folder of its own making, with a cache of its own.
class Command {
 public:
  Command(const fs::path& folder, const std::string& line) : output_(folder / "said") {
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::setpgid(0, 0);
    ::setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    const auto all = "cd '" + folder.string() + "' && exec " + line + " >said 2>&1 </dev/null";
    ::execl("/bin/sh", "sh", "-c", all.c_str(), nullptr);
    ::_exit(127);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command() {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  int end() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] std::string said() const { return tests::contents(output_); }

 private:
  pid_t pid_ = -1;
  fs::path output_;
};

const std::string mpirun =
    std::string("'" FORELINE_MPIEXEC "' --oversubscribe --bind-to none --mca btl self,vader ");
const std::string command =
    "'" + (fs::path(FORELINE_BINARY_DIR) / "bin" / "foreline").string() +
    "' run day.toml next.toml --json out.json --junit out.xml --html out.html";

fs::path folder(const std::string& name, int seeds) {
  auto path = tests::fresh_folder(name);
  for (const char* data : {"lines", "orders", "schedules"})
    fs::create_directory_symlink(tests::from_tree("scenarios") / data, path / data);
  for (const char* file : {"day", "next"})
    std::ofstream(path / (std::string(file) + ".toml"))
        << "format = \"foreline scenario 1\"\ntitle = \"" << file
        << "\"\nline = \"lines/bottling.toml\"\norders = \"orders/bottling-day.csv\"\nseeds = "
        << seeds << "\nhorizon = \"8 h\"\nrandom_faults = true\n[[expect]]\nmeasure = \"good\"\n"
        << "is = \">= 1 parts\"\n";
  return path;
}

std::vector<std::string> outputs(const fs::path& from) {
  std::vector<std::string> all;
  for (const char* name : {"out.json", "out.xml", "out.html"}) {
    all.push_back(tests::contents(from / name));
    CHECK(all.back().size() > 300);
    fs::remove(from / name);
  }
  return all;
}

std::size_t journal_bytes(const fs::path& here) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(here / "cache" / "foreline", error))
    return static_cast<std::size_t>(entry.file_size(error));
  return 0;
}

}  // namespace

TEST_CASE("a job of several processes gives the bytes of one, and leaves no journal behind") {
  const auto here = folder("mpi-same", 10);
  Command one(here, command);
  INFO(one.said());
  REQUIRE(one.end() == 0);
  const auto wanted = outputs(here);
  for (const char* ranks : {"2", "4"}) {
    Command several(here, mpirun + "-n " + ranks + " " + command);
    const int status = several.end();
    INFO(several.said());
    REQUIRE(status == 0);
    CHECK(outputs(here) == wanted);
    CHECK(journal_bytes(here) == 0);
  }
}

TEST_CASE("a killed job loses no finished trial, and the same command goes on") {
  const auto here = folder("mpi-killed", 300);
  Command one(here, command);
  REQUIRE(one.end() == 0);
  const auto wanted = outputs(here);
  std::size_t kept = 0;
  for (const bool launcher : {true, false}) {
    Command job(here, mpirun + "-n 3 " + command);
    for (int i = 0; i < 3000 && journal_bytes(here) < kept + 6000; ++i) ::usleep(10'000);
    REQUIRE(journal_bytes(here) >= kept + 6000);
    const auto family = tests::descendants(job.pid());
    REQUIRE(family.size() >= 3);
    // First mpirun itself, then one of the processes that work.
    int victim = job.pid();
    for (const auto& process : family)
      if (!launcher && process.command.find("bin/foreline ") != std::string::npos)
        victim = process.pid;
    ::kill(victim, SIGKILL);
    CHECK(job.end() != 0);
    CHECK(tests::ended(family, 20));
    kept = journal_bytes(here);
  }
  Command again(here, mpirun + "-n 3 " + command);
  const int status = again.end();
  INFO(again.said());
  REQUIRE(status == 0);
  CHECK(again.said().find("finished trials of an earlier run were taken from its journal") !=
        std::string::npos);
  CHECK(outputs(here) == wanted);
  CHECK(journal_bytes(here) == 0);
}

TEST_CASE("bad input ends the whole job with one message") {
  const auto here = folder("mpi-bad", 2);
  std::ofstream(here / "next.toml") << "format = \"foreline scenario 1\"\n";
  Command job(here, mpirun + "-n 3 " + command);
  CHECK(job.end() == 2);
  const auto said = job.said();
  const std::string mistake =
      R"("file":"next.toml","line":1,"column":1,"what":"\"title\" is missing")";
  const auto at = said.find(mistake);
  INFO(said);
  REQUIRE(at != std::string::npos);
  CHECK(said.find(mistake, at + 1) == std::string::npos);
}
