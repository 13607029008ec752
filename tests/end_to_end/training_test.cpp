// SPDX-License-Identifier: Apache-2.0
// A training run that ends before its time: by kill -9, by Ctrl-C, on a full disk.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace fs = std::filesystem;

namespace {

const std::string train =
    "'" + std::string(FORELINE_BINARY_DIR) +
    "/bin/foreline' train --line scenarios/lines/stamping.toml --days 2 --validation-days 1 "
    "--test-days 0 --batch 8 --width 32 --threads 1 --steps 120 --checkpoint-every 10 ";

int shell(const std::string& line) {
  const int status =
      std::system(("cd '" + std::string(FORELINE_SOURCE_DIR) + "' && " + line).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Begins a run in `folder` and sends `signal` when its state is there for the first time.
int interrupted(const fs::path& folder, const std::string& signal, const fs::path& log) {
  return shell(train + "--out '" + folder.string() + "' >'" + log.string() +
               "' 2>&1 & run=$!; while kill -0 $run 2>/dev/null && [ ! -e '" +
               (folder / "training.state").string() + "' ]; do sleep 0.02; done; kill -" + signal +
               " $run; wait $run");
}

}  // namespace

TEST_CASE("a training run survives kill -9 and Ctrl-C, and resumes to the same weights") {
  const fs::path folder = fs::path(FORELINE_BINARY_DIR) / "training-interrupted";
  fs::remove_all(folder);
  fs::create_directories(folder);
  REQUIRE(shell(train + "--out '" + (folder / "whole").string() + "' 2>/dev/null") == 0);
  const auto wanted = bytes_of(folder / "whole/model.safetensors");
  REQUIRE(wanted.size() > 1000);
  CHECK_FALSE(fs::exists(folder / "whole/training.state"));

  for (const std::string signal : {"KILL", "INT"}) {
    INFO("SIG" << signal);
    const auto out = folder / signal;
    const auto log = folder / (signal + ".log");
    const int status = interrupted(out, signal, log);
    CHECK(status == (signal == "KILL" ? 128 + 9 : 3));
    REQUIRE(fs::exists(out / "training.state"));
    CHECK_FALSE(fs::exists(out / "model.safetensors"));
    if (signal == "INT") {
      const auto said = bytes_of(log);
      INFO(said);
      CHECK(said.find("stopped after step") != std::string::npos);
      CHECK(said.find("continue with --resume") != std::string::npos);
    }
    // Without --resume a state that is there is not thrown away.
    CHECK(shell(train + "--out '" + out.string() + "' 2>/dev/null") != 0);
    REQUIRE(shell(train + "--resume --out '" + out.string() + "' 2>/dev/null") == 0);
    CHECK(bytes_of(out / "model.safetensors") == wanted);
    CHECK_FALSE(fs::exists(out / "training.state"));
  }
}

TEST_CASE("threads that learn wait without spinning, unless the environment says otherwise") {
  const std::string asked = "OMP_DISPLAY_ENV=true " + std::string(FORELINE_BINARY_DIR) +
                            "/bin/foreline evaluate --help 2>&1 | tail -n 200 | grep -q ";
  CHECK(shell("env -u OMP_WAIT_POLICY " + asked + "\"OMP_WAIT_POLICY = 'PASSIVE'\"") == 0);
  CHECK(shell("OMP_WAIT_POLICY=active " + asked + "\"OMP_WAIT_POLICY = 'ACTIVE'\"") == 0);
}

TEST_CASE("a training run says what is where when the disk is full") {
  const fs::path folder = fs::path(FORELINE_BINARY_DIR) / "training-full-disk";
  fs::remove_all(folder);
  fs::create_directories(folder);
  // A limit on the size of files stands for the disk: writing more fails in the same place.
  const int status = shell("ulimit -f 40; trap '' XFSZ; " + train + "--out '" +
                           (folder / "model").string() + "' 2>'" + (folder / "log").string() + "'");
  CHECK(status == 3);
  const auto said = bytes_of(folder / "log");
  INFO(said);
  CHECK(said.find("training.state") != std::string::npos);
  CHECK(said.find("nothing was written") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "model/model.safetensors"));
}
