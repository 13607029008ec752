// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/journal.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/worker/client.hpp"
#include "sim/worker/wire.hpp"
#include "tests/support/lines.hpp"
#include "tests/support/programs.hpp"

using namespace foreline;
using worker::Journal;

namespace {

Journal opened(const std::filesystem::path& path) {
  auto journal = Journal::open(path, tests::simulator());
  if (!journal) FAIL(journal.error().text());
  return std::move(*journal);
}

std::vector<line::Trial> trials(std::size_t count) {
  auto machines = std::vector<line::Machine>{tests::machine("a", 4, 3), tests::machine("b", 5, 0)};
  for (auto& machine : machines)
    machine.cycle = {line::Distribution::Kind::exponential, 5, 0, 0, 0};
  std::vector<line::Trial> all(
      count, tests::trial_of(tests::line_of(std::move(machines)), tests::one_order(50)));
  for (std::size_t i = 0; i < count; ++i) all[i].seed = 7 + i;
  return all;
}

/// Runs with a journal; the outcomes' bytes, and how many came from it.
std::pair<std::string, std::size_t> run(const std::filesystem::path& path,
                                        const std::vector<line::Trial>& all) {
  worker::Options options;
  options.executable = tests::simulator();
  options.children = 2;
  options.journal = std::make_shared<Journal>(opened(path));
  auto client = worker::Client::start(options);
  REQUIRE(client);
  const auto outcomes = client->run(all);
  REQUIRE(outcomes);
  std::string bytes;
  for (const auto& outcome : *outcomes) bytes += worker::to_bytes(outcome);
  return {bytes, options.journal->reused()};
}

}  // namespace

TEST_CASE("a journal gives back what was put into it, also after it was closed") {
  const auto path = tests::fresh_folder("journal") / "runs.journal";
  {
    auto journal = opened(path);
    CHECK_FALSE(journal.find(journal.key_of("one")));
    for (const auto* text : {"one", "two", ""})
      REQUIRE(journal.add(journal.key_of(text), "outcome of " + std::string(text)));
    CHECK(*journal.find(journal.key_of("two")) == "outcome of two");
  }
  const auto journal = opened(path);
  CHECK(*journal.find(journal.key_of("one")) == "outcome of one");
  CHECK(*journal.find(journal.key_of("")) == "outcome of ");
  CHECK_FALSE(journal.find(journal.key_of("three")));
  CHECK(journal.reused() == 2);
}

TEST_CASE("a journal cut anywhere keeps its whole records and goes on") {
  const auto folder = tests::fresh_folder("journal-cut");
  std::vector<std::string> texts;
  for (int i = 0; i < 5; ++i) texts.push_back(std::string(static_cast<std::size_t>(30 * i), 'x'));
  {
    auto journal = opened(folder / "whole");
    for (const auto& text : texts) REQUIRE(journal.add(journal.key_of(text), text));
  }
  const auto whole = tests::contents(folder / "whole");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::ofstream(folder / "cut", std::ios::binary) << whole.substr(0, size);
    auto journal = opened(folder / "cut");
    std::size_t kept = 0;
    while (kept < texts.size() && journal.find(journal.key_of(texts[kept]))) ++kept;
    for (std::size_t i = kept; i < texts.size(); ++i)
      CHECK_FALSE(journal.find(journal.key_of(texts[i])));
    CHECK((kept == texts.size()) == (size == whole.size()));
    REQUIRE(journal.add(journal.key_of("new"), "new"));
    CHECK(*journal.find(journal.key_of("new")) == "new");
  }
}

TEST_CASE("a changed byte in a record is not believed") {
  const auto folder = tests::fresh_folder("journal-changed");
  {
    auto journal = opened(folder / "whole");
    REQUIRE(journal.add(journal.key_of("one"), "outcome of one"));
  }
  const auto whole = tests::contents(folder / "whole");
  for (std::size_t i = whole.find('\n') + 1; i < whole.size(); ++i) {
    auto changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    std::ofstream(folder / "changed", std::ios::binary) << changed;
    const auto journal = opened(folder / "changed");
    CHECK_FALSE(journal.find(journal.key_of("one")));
  }
}

TEST_CASE("a journal is held by one run, and no other file is taken for one") {
  const auto folder = tests::fresh_folder("journal-held");
  const auto held = opened(folder / "runs");
  const auto second = Journal::open(folder / "runs", tests::simulator());
  REQUIRE_FALSE(second);
  CHECK(second.error().text().find("another run") != std::string::npos);
  std::ofstream(folder / "notes.txt") << "my notes";
  const auto notes = Journal::open(folder / "notes.txt", tests::simulator());
  REQUIRE_FALSE(notes);
  CHECK(notes.error().text().find("no journal") != std::string::npos);
  CHECK(tests::contents(folder / "notes.txt") == "my notes");
  CHECK_FALSE(Journal::open(folder / "nowhere" / "runs", tests::simulator()));
}

TEST_CASE("finished trials are not run again, and the outcomes are the same bytes") {
  const auto folder = tests::fresh_folder("journal-run");
  const auto all = trials(12);
  const auto [fresh, none] = run(folder / "fresh", all);
  CHECK(none == 0);
  const auto [part, still_none] = run(folder / "runs", {all.begin(), all.begin() + 5});
  CHECK(still_none == 0);
  const auto [rest, five] = run(folder / "runs", all);
  CHECK(five == 5);
  CHECK(rest == fresh);
  auto other = all;
  for (auto& trial : other) trial.horizon_s += 1;
  CHECK(run(folder / "runs", other).second == 0);
}

TEST_CASE("keys differ where trials differ") {
  std::set<Journal::Key> keys;
  std::string bytes(200, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    keys.insert(worker::content_key(std::string_view(bytes).substr(i), {}));
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[i] = static_cast<char>(1 << bit);
      keys.insert(worker::content_key(changed, {}));
    }
  }
  CHECK(keys.size() == bytes.size() * 9);
}
