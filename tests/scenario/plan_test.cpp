// SPDX-License-Identifier: Apache-2.0
// `foreline plan` as a planner uses it: from a state, again, and with a book that is too large for
// anybody's desk.
#include <nlohmann/json.hpp>

#include "tests/scenario/command.hpp"

namespace fs = std::filesystem;
using foreline::tests::folder;
using foreline::tests::read;
using foreline::tests::run;

namespace {

const std::string day =
    "format = \"foreline scenario 1\"\ntitle = \"a day\"\nline = \"lines/bottling.toml\"\n"
    "random_faults = true\nhorizon = \"8 h\"\n";
const std::string bottling = day + "orders = \"orders/bottling-day.csv\"\n";

/// What stands after a word, to the end of its line.
std::string after(const std::string& text, const std::string& word) {
  const auto at = text.find(word);
  if (at == std::string::npos) return {};
  return text.substr(at + word.size(), text.find('\n', at) - at - word.size());
}

}  // namespace

TEST_CASE("a plan from a state begins there, and is made again from its own file") {
  const auto here = folder("plan-from");
  std::ofstream(here / "day.toml") << bottling;
  REQUIRE(run(here, "state day.toml --at 1h --out now.toml").status == 0);
  const std::string planning = "plan day.toml --from now.toml --futures 5 --for 5h ";
  const auto first = run(here, planning + "--json plan.json --out best.toml");
  INFO(first.output);
  REQUIRE(first.status == 0);
  CHECK(first.output.find("bottling at 01:00:00") != std::string::npos);
  // It has no signals, so nothing was forecast.
  CHECK(first.output.find("within 2 h") == std::string::npos);
  const auto id = after(first.output, "This plan: ");
  CHECK(id.size() == 64);
  const auto json = nlohmann::json::parse(read(here / "plan.json"));
  CHECK(json["id"] == id);
  CHECK(json["rerun"]["from"] == "now.toml");
  const auto again = run(here, "plan --again plan.json");
  CHECK(again.status == 0);
  CHECK(after(again.output, "This plan: ") == id);
  const auto compared =
      run(here, "compare day.toml --from now.toml best.toml --futures 3 --for 5h");
  INFO(compared.output);
  CHECK(compared.status == 0);
  CHECK(compared.output.find("bottling from 01:00:00 on") != std::string::npos);
  // The state is part of what a plan is about.
  REQUIRE(run(here, "state day.toml --at 70min --out now.toml").status == 0);
  const auto other = run(here, "plan --again plan.json");
  CHECK(other.status == 1);
  CHECK(other.output.find("plan.json holds another plan") != std::string::npos);
}

TEST_CASE("a state of another line is refused with every mistake and its place") {
  const auto here = folder("plan-from-wrong");
  std::ofstream(here / "day.toml") << bottling;
  CHECK(run(here, "plan day.toml --from nowhere.toml").status == 2);
  REQUIRE(run(here, "state day.toml --at 1h --out now.toml").status == 0);
  auto text = read(here / "now.toml");
  for (const auto& [right, wrong] :
       {std::pair<std::string, std::string>{"\"filler\"", "\"fillr\""}, {"at = ", "att = "}})
    text.replace(text.find(right), right.size(), wrong);
  std::ofstream(here / "wrong.toml") << text;
  const auto ran = run(here, "plan day.toml --from wrong.toml --futures 5");
  INFO(ran.output);
  CHECK(ran.status == 2);
  CHECK(ran.output.find("foreline plan: wrong.toml:") == 0);
  CHECK(ran.output.find("fillr") != std::string::npos);
  CHECK(ran.output.find("att") != std::string::npos);
}

TEST_CASE("ten thousand orders end in a plan, and as many mistakes in a list of them") {
  const auto here = folder("plan-many");
  std::ofstream(here / "day.toml") << day + "orders = \"many.csv\"\n";
  const std::string products[] = {"still", "sparkling", "juice", "tea"};
  const auto write = [&](const char* release, const char* due) {
    std::ofstream book(here / "many.csv");
    book << "id,product,quantity,release,due,weight\n";
    for (int i = 0; i < 10'000; ++i)
      book << "X-" << i << ',' << products[i * 7 % 4] << ',' << 5 + i % 50 << ',' << release << ','
           << (due[0] == '\0' ? std::to_string(1 + i * 7919 % 4000) + " h" : due) << ",1\n";
  };
  write("0 s", "");
  const auto planned = run(here, "plan day.toml --no-llm --futures 5 --csv orders.csv");
  INFO(planned.output);
  REQUIRE(planned.status == 0);
  CHECK(planned.output.find("of 10000 orders stay") != std::string::npos);
  const auto rows = read(here / "orders.csv");
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 10'001);
  write("2 h", "1 h");
  const auto refused = run(here, "plan day.toml --no-llm");
  CHECK(refused.status == 2);
  CHECK(refused.output.find("many.csv:2:") != std::string::npos);
  CHECK(refused.output.find("the order is due before its release") != std::string::npos);
  CHECK(refused.output.find("more like these") != std::string::npos);
  CHECK(std::count(refused.output.begin(), refused.output.end(), '\n') < 200);
  // A sequence that leaves most of them out.
  write("0 s", "");
  std::ofstream(here / "day.toml", std::ios::app) << "sequence = [\"X-1\", \"X-2\", \"X-1\"]\n";
  const auto incomplete = run(here, "plan day.toml --no-llm");
  CHECK(incomplete.status == 2);
  CHECK(incomplete.output.find("order \"X-1\" is in the sequence already") != std::string::npos);
  CHECK(incomplete.output.find("9978 more orders are missing") != std::string::npos);
}
