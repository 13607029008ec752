// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/endpoint.hpp"

#include <catch2/catch.hpp>

using foreline::host::endpoint_of;

TEST_CASE("a host and a port are read as people write them") {
  const auto written = [](const char* text, std::uint16_t otherwise = 502) {
    const auto at = endpoint_of(text, otherwise);
    return at ? at->host + " " + std::to_string(at->port) : std::string("no");
  };
  CHECK(written("plc") == "plc 502");
  CHECK(written("plc:15020") == "plc 15020");
  CHECK(written("::1") == "::1 502");
  CHECK(written("[::1]") == "::1 502");
  CHECK(written("[fe80::1]:15020") == "fe80::1 15020");
  CHECK(written("plc", 0) == "no");
  CHECK(written("::1", 0) == "no");
  for (const char* wrong : {"", ":502", "plc:", "plc:x", "plc:502x", "plc:0", "plc:65536", "plc:-1",
                            "[::1", "[]:502", "[::1]502", "[::1]:"}) {
    INFO(wrong);
    CHECK(written(wrong) == "no");
  }
}
