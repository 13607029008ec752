// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/wire_fault_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/mutations.hpp"

using namespace foreline;
using Kind = plc::WireFault::Kind;

namespace {

line::Result<std::vector<plc::WireFault>> read(const std::string& text) {
  const auto folder =
      std::filesystem::path(FORELINE_BINARY_DIR) / fmt::format("wire-faults-{}", ::getpid());
  std::filesystem::create_directory(folder);
  const auto file = folder / "wire-faults.toml";
  std::ofstream(file) << text;
  return host::read_wire_fault_file(file);
}

std::string complaints(const std::string& faults) {
  auto got = read("format = \"foreline wire faults 1\"\n" + faults);
  return got ? std::string() : got.error().text();
}

}  // namespace

TEST_CASE("the annotated script of faults is read as it says") {
  auto faults = host::read_wire_fault_file(std::filesystem::path(FORELINE_SOURCE_DIR) /
                                           "plugin/config/rough-wire.toml");
  if (!faults) FAIL(faults.error().text());
  REQUIRE(faults->size() == 9);
  CHECK(faults->at(0).kind == Kind::delay);
  CHECK(faults->at(0).share == Approx(0.05));
  CHECK(faults->at(1).until_s == 20);
  CHECK(faults->at(2).bytes == 2);
  CHECK(faults->at(4).code == 6);
  CHECK(faults->at(4).function == 16);
  CHECK(faults->at(4).times == 2);
  CHECK(faults->at(8).kind == Kind::freeze);
}

TEST_CASE("mistakes in a script of faults are told with their place") {
  CHECK(complaints("[[fault]]\nkind = \"delai\"\n").find("wire-faults.toml:3:") !=
        std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"delai\"\n").find("did you mean \"delay\"") !=
        std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"drop\"\ndelay = \"2 s\"\n")
            .find("delay means nothing to \"drop\"") != std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"freeze\"\nshare = \"2 %\"\n")
            .find("share means nothing to \"freeze\"") != std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"drop\"\nfrom = \"9 s\"\nuntil = \"3 s\"\n")
            .find("until must be after from") != std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"drop\"\nshare = \"120 %\"\n").find(":4:") !=
        std::string::npos);
  CHECK(complaints("[[fault]]\nkind = \"drop\"\nwhen = \"now\"\n").find("when") !=
        std::string::npos);
  CHECK_FALSE(read("format = \"foreline line 1\"\n"));
  CHECK(complaints("").empty());
}

TEST_CASE(
    "a damaged script of faults is refused with a place, or holds faults within their bounds") {
  std::ifstream file(std::filesystem::path(FORELINE_SOURCE_DIR) / "plugin/config/rough-wire.toml");
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  tests::Mutations mutations(3);
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto faults = read(mutations.of(whole));
    if (!faults) {
      REQUIRE(faults.error().text().find("wire-faults.toml") != std::string::npos);
      continue;
    }
    ++accepted;
    for (const auto& fault : *faults) {
      CHECK(fault.from_s >= 0);
      CHECK(fault.from_s < fault.until_s);
      CHECK(fault.share >= 0);
      CHECK(fault.share <= 1);
      CHECK(fault.bytes <= 260);
      CHECK(fault.delay_s > 0);
      CHECK(std::isfinite(fault.delay_s));
    }
  }
  CHECK(accepted > 50);
  for (const auto* hostile : {"", "[[[[", "fault = 7\n", "[fault]\n", "[[fault]]\n[[fault]]\n"})
    CHECK_NOTHROW((void)read(hostile));
  CHECK_FALSE(read("format = \"foreline wire faults 1\"\nx = " + std::string(100'000, '[')));
}
