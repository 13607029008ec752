// SPDX-License-Identifier: Apache-2.0
#include "plugin/store/outbox.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

using namespace foreline;
using store::Outbox;
using store::Parcel;

namespace {

std::filesystem::path fresh(const std::string& name) {
  auto folder = std::filesystem::path(FORELINE_BINARY_DIR) / "scratch" / ("outbox-" + name);
  std::filesystem::remove_all(folder);
  return folder;
}

Outbox opened(const std::filesystem::path& folder, std::size_t most = 1000) {
  auto outbox = Outbox::open(folder, most);
  if (!outbox) FAIL(outbox.error().text());
  return std::move(*outbox);
}

Parcel parcel(int i) {
  return {0, "plc", i, {static_cast<std::uint8_t>(i), 0, 0xFF}};
}

}  // namespace

TEST_CASE("what is kept comes back in order, over a restart, until it was received") {
  const auto folder = fresh("order");
  {
    auto outbox = opened(folder);
    REQUIRE(outbox.add({parcel(1), parcel(2)}));
    REQUIRE(outbox.add({parcel(3)}));
    CHECK(outbox.size() == 3);
  }
  auto outbox = opened(folder);
  CHECK(outbox.size() == 3);
  const auto first = outbox.after(0, 2);
  REQUIRE(first);
  REQUIRE(first->size() == 2);
  CHECK(first->at(0).at_ms == 1);
  CHECK(first->at(1).content == std::vector<std::uint8_t>{2, 0, 0xFF});
  const auto rest = outbox.after(first->at(1).number, 2);
  REQUIRE(rest->size() == 1);
  CHECK(rest->at(0).address == "plc");
  REQUIRE(outbox.received(first->at(1).number));
  CHECK(outbox.size() == 1);
  CHECK(outbox.after(0, 9)->at(0).at_ms == 3);
}

TEST_CASE("row 27: a full outbox drops its oldest and counts them") {
  auto outbox = opened(fresh("full"), 5);
  for (int i = 0; i < 12; ++i) REQUIRE(outbox.add({parcel(i)}));
  CHECK(outbox.size() == 5);
  CHECK(outbox.dropped() == 7);
  CHECK(outbox.after(0, 9)->front().at_ms == 7);
}

TEST_CASE("row 27: a full disk keeps all of a call, or nothing of it") {
  auto outbox = opened(fresh("disk"));
  REQUIRE(outbox.add({parcel(1)}));
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const rlimit none{0, old.rlim_max};
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto refused = outbox.add({parcel(2), parcel(3)});
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("outbox.db") != std::string::npos);
  CHECK(outbox.size() == 1);
  REQUIRE(outbox.add({parcel(4)}));
  const auto kept = outbox.after(0, 9);
  REQUIRE(kept->size() == 2);
  CHECK(kept->at(1).at_ms == 4);
}

TEST_CASE("births are counted over restarts") {
  const auto folder = fresh("births");
  CHECK(*opened(folder).count_up() == 0);
  CHECK(*opened(folder).count_up() == 1);
  CHECK(*opened(folder).count_up() == 2);
}
