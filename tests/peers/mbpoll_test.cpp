// SPDX-License-Identifier: Apache-2.0
// mbpoll, a Modbus master that is not ours, against the soft PLC and against our own registers.
#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

struct Answer {
  int status = -1;
  std::string text;
  std::map<int, double> values;  ///< By address, from 0.
};

/// One run of mbpoll; `values` after the host are written.
Answer mbpoll(const std::string& port, const std::string& options, const std::string& values = "") {
  const auto command = fmt::format("timeout 10 {} -m tcp -p {} -a 1 -0 -1 -q {} 127.0.0.1 {} 2>&1",
                                   MBPOLL, port, options, values);
  Answer answer;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    answer.text.append(buffer.data(), n);
  answer.status = ::pclose(pipe);
  const std::regex entry("\\[(\\d+)\\]:\\s+(\\S+)");
  for (auto it = std::sregex_iterator(answer.text.begin(), answer.text.end(), entry);
       it != std::sregex_iterator(); ++it)
    answer.values[std::stoi((*it)[1])] = std::stod((*it)[2]);
  return answer;
}

/// The soft PLC and the plugin attached to it.
struct Plant {
  fs::path folder;
  Foreline serve;
  std::string plc;
  explicit Plant(const std::string& name)
      : folder(fresh_folder(name)),
        serve({"serve", from_tree("scenarios/demo.toml").string(), "--speed", "200", "--for",
               "60 s", "--write-config", folder.string()}) {
    const auto line = serve.line_with("listening");
    plc = line.substr(line.rfind(':') + 1);
    REQUIRE_FALSE(plc.empty());
  }
};

}  // namespace

TEST_CASE("mbpoll reads the soft PLC's head and signals, and may write the staging block only") {
  const Plant plant("mbpoll-plc");
  const auto head = mbpoll(plant.plc, "-t 4 -r 0 -c 7");
  INFO(head.text);
  REQUIRE(head.status == 0);
  CHECK(head.values.at(0) == 0x464C);
  CHECK(head.values.at(5) == 5);
  CHECK(head.values.at(6) == 8);
  const auto inputs = mbpoll(plant.plc, "-t 3 -r 0 -c 2");
  CHECK(inputs.values.at(0) == 0x464C);
  const auto signals = mbpoll(plant.plc, "-t 4:float -B -r 120 -c 5");
  INFO(signals.text);
  REQUIRE(signals.status == 0);
  REQUIRE(signals.values.size() == 5);
  for (const auto& [address, value] : signals.values) CHECK(value > 0);

  CHECK(mbpoll(plant.plc, "-t 4 -r 4000", "8 1 2 3").status == 0);
  const auto staged = mbpoll(plant.plc, "-t 4 -r 4000 -c 4");
  CHECK(staged.values.at(4000) == 8);
  CHECK(staged.values.at(4003) == 3);
  const auto refused = mbpoll(plant.plc, "-t 4 -r 0", "1 2");
  INFO(refused.text);
  CHECK(refused.status != 0);
  // A commit of half a block is refused by the PLC's program, by checksum.
  CHECK(mbpoll(plant.plc, "-t 4 -r 4200", "77").status == 0);
  Answer echo;
  for (int i = 0; i < 50; ++i) {
    echo = mbpoll(plant.plc, "-t 4 -r 3200 -c 2");
    if (echo.values.at(3200) == 77) break;
  }
  CHECK(echo.values.at(3200) == 77);
  CHECK(echo.values.at(3201) == 1);
}

TEST_CASE("mbpoll reads our forecasts and alarms, by every read function") {
  Plant plant("mbpoll-ours");
  Foreline watch({"watch", (plant.folder / "plugin.toml").string(), "--forecasts"});
  const auto started = watch.line_with("Modbus port");
  std::smatch found;
  REQUIRE(std::regex_search(started, found, std::regex("Modbus port (\\d+)")));
  const std::string ours = found[1];
  REQUIRE_FALSE(watch.line_with("forecast").empty());
  for (const char* table : {"-t 4", "-t 3"}) {
    const auto head = mbpoll(ours, std::string(table) + " -r 0 -c 14");
    INFO(head.text);
    REQUIRE(head.status == 0);
    CHECK(head.values.at(0) == 0x464F);
    CHECK(head.values.at(3) == 1);
    CHECK(head.values.at(6) == 5);
    CHECK(head.values.at(11) == 1);
  }
  // The first windows are too short for a forecast.
  Answer available;
  for (int i = 0; i < 500 && available.values[100] != 1; ++i)
    available = mbpoll(ours, "-t 4 -r 100 -c 1");
  CHECK(available.values[100] == 1);
  const auto shares = mbpoll(ours, "-t 4:float -B -r 102 -c 2");
  INFO(shares.text);
  REQUIRE(shares.values.size() == 2);
  double before = 0;
  for (const auto& [address, share] : shares.values) {
    CHECK(share >= before);
    CHECK(share <= 1);
    before = share;
  }
  CHECK(mbpoll(ours, "-t 1 -r 0 -c 20").status == 0);
  CHECK(mbpoll(ours, "-t 4 -r 100", "1 2").status != 0);
  watch.signal(SIGTERM);
  CHECK(watch.end() == 0);
}
