// SPDX-License-Identifier: Apache-2.0
#include "sim/text/document.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/text/escape.hpp"

using namespace foreline;
using namespace foreline::text;

namespace {

Document parsed(const std::string& toml) {
  auto document = Document::parse(toml, "a.toml");
  if (!document) FAIL(document.error().text());
  return std::move(*document);
}

}  // namespace

TEST_CASE("a quantity is a number and its unit") {
  const auto speed = parse_quantity("2.8 mm/s");
  REQUIRE(speed);
  CHECK(speed->value == 2.8);
  CHECK(speed->unit == "mm/s");
  CHECK(parse_quantity("-5 degC")->value == -5);
  CHECK(parse_quantity("12")->unit.empty());
  CHECK(parse_quantity("1.5e3 N m")->unit == "N m");
  for (const char* none : {"", " ", "mm/s", "--5", "five", "nan s", "inf s", "1e999 s"}) {
    INFO(none);
    CHECK_FALSE(parse_quantity(none));
  }
}

TEST_CASE("durations are read in every unit people use") {
  CHECK(parse_duration("90s") == 90);
  CHECK(parse_duration("35 min") == 2100);
  CHECK(parse_duration("2h15min") == 8100);
  CHECK(parse_duration("1.5 h") == 5400);
  CHECK(parse_duration("250 ms") == 0.25);
  for (const char* none : {"", "5", "min", "5 parsecs", "nan s", "inf h", "2h15"}) {
    INFO(none);
    CHECK_FALSE(parse_duration(none));
  }
}

TEST_CASE("a duration that is written is read back as it was") {
  for (const double seconds : {0.0, 0.001, 0.25, 1.0, 4.5, 59.999, 60.0, 90.0, 2100.0, 3599.5,
                               3600.0, 8100.0, 8101.0, 86400.0, 1e6, 12345678.9}) {
    const auto text = duration_text(seconds);
    INFO(seconds << " is written " << text);
    REQUIRE(parse_duration(text));
    CHECK(*parse_duration(text) == Approx(seconds).epsilon(1e-9).margin(1e-9));
  }
}

TEST_CASE("a misspelt name is understood when it is near, and only then") {
  const std::vector<std::string> known = {"filler", "capper", "labeller"};
  CHECK(nearest("filer", known) == "filler");
  CHECK(nearest("caper", known) == "capper");
  CHECK(nearest("Labeler", known) == "labeller");
  CHECK_FALSE(nearest("palletiser", known));
  CHECK_FALSE(nearest("", known));
  CHECK_FALSE(nearest("filler", std::vector<std::string>{}));
}

TEST_CASE("all mistakes are told at once, in the order of the file, each at its place") {
  const auto document = parsed(
      "speed = 3\n"
      "pause = \"5 parsecs\"\n"
      "  clour = \"red\"\n"
      "count = 70\n");
  auto root = document.root();
  (void)root.string("speed");
  (void)root.duration("pause", 0);
  (void)root.string("colour", "grey");
  (void)root.integer("count", 1, 64);
  (void)root.string("name");
  root.finish();
  const auto all = document.diagnostics();
  REQUIRE(all.size() == 5);
  const auto about = [&](const std::string& word) {
    for (const auto& diagnostic : all)
      if (diagnostic.what.find(word) != std::string::npos) return diagnostic;
    FAIL("nobody complains about " + word);
    return all.front();
  };
  CHECK(about("\"speed\"").line == 1);
  CHECK(about("5 parsecs").line == 2);
  CHECK(about("clour").line == 3);
  CHECK(about("clour").column == 3);
  CHECK(about("clour").hint.find("colour") != std::string::npos);
  CHECK(about("\"count\"").line == 4);
  CHECK(about("\"count\"").what.find("64") != std::string::npos);
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].line <= all[i].line);
  for (const auto& diagnostic : all) CHECK(diagnostic.file == "a.toml");
}

TEST_CASE("what is no TOML is one complaint at its place") {
  const auto broken = Document::parse("a = 1\nb = = 2\n", "b.toml");
  REQUIRE_FALSE(broken);
  REQUIRE(broken.error().diagnostics.size() == 1);
  CHECK(broken.error().diagnostics.front().file == "b.toml");
  CHECK(broken.error().diagnostics.front().line == 2);
}

TEST_CASE("a string that is written as TOML is read back as it was") {
  for (const char* text : {"plain", "with \"quotes\"", "back\\slash", "two\nlines", "tab\there",
                           "\x01 control", "Füller 灌装机", ""}) {
    const auto document = parsed("value = " + toml_string(text) + "\n");
    auto root = document.root();
    CHECK(root.string("value") == text);
    CHECK(document.diagnostics().empty());
  }
}

TEST_CASE("a terminal does not obey what others have written") {
  CHECK(text::printable("plain M\xC3\xA4rz") == "plain M\xC3\xA4rz");
  CHECK(text::printable("\x1B[2J\a\r\n\x7F") == "?[2J????");
  CHECK(text::printable("\xC2\x9B"
                        "31m") == "?31m");
  CHECK(text::printable("\x9B"
                        "31m") == "?31m");
}

TEST_CASE("what is no UTF-8 is taken for ISO 8859-1, and the rest stays as it is") {
  using text::as_utf8;
  for (const char* fine :
       {"", "plain", "M\xC3\xA4rz", "\xE4\xBA\xA7\xE7\xBA\xBF", "\xF0\x9F\x98\x80"})
    CHECK(as_utf8(fine) == fine);
  CHECK(as_utf8("M\xE4rz") == "M\xC3\xA4rz");
  CHECK(as_utf8("\xFF") == "\xC3\xBF");
  // Cut off, overlong, a surrogate, beyond Unicode.
  for (const char* broken :
       {"\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80\x80"}) {
    const auto mended = as_utf8(broken);
    CHECK(as_utf8(mended) == mended);
    CHECK(mended.size() > std::string(broken).size());
  }
}
