// SPDX-License-Identifier: Apache-2.0
// What hostile requests do to the desk: each gets one answer, and none ends the process.
#include "plugin/hmi/desk.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "plugin/hmi/hmi.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/plain_client.hpp"
#include "tests/support/register_plc.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using namespace foreline::hmi;

namespace {

const std::set<int> expected = {200, 400, 401, 403, 404, 405, 409, 415, 429, 503};

core::Configuration configuration(const std::string& name, const std::string& pages = "",
                                  std::uint16_t plc = 15999, const std::string& top = "",
                                  const std::string& of_plc = "") {
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("desk-" + name);
  fs::remove_all(folder);
  fs::create_directories(folder / "scenarios");
  std::ofstream(folder / "orders.csv") << "id,product,quantity,release,due,weight\nA,a,10,,,1\n";
  std::ofstream(folder / "line.toml")
      << "format = \"foreline line 1\"\nname = \"test\"\nproducts = [\"a\"]\n"
         "[[machine]]\nname = \"press\"\ncycle = \"10 s\"\n"
         "[[machine.signal]]\nname = \"vibration\"\nkind = \"vibration\"\nnormal = \"2 mm/s\"\n"
         "noise = \"0.1 mm/s\"\nrange = [\"0 mm/s\", \"40 mm/s\"]\n";
  std::ofstream(folder / "plugin.toml")
      << "format = \"foreline plugin 1\"\nline = \"line.toml\"\n"
      << top << "[plc]\nport = " << plc << "\n"
      << of_plc
      << "[[machine]]\nname = \"press\"\nstate = \"10\"\noperating = \"11\"\nrenewals = \"12\"\n"
         "[machine.signals]\nvibration = \"20 f32\"\n"
         "[hmi]\naccounts = \"accounts.json\"\nscenarios = \"scenarios\"\n"
      << pages;
  const auto hash = hash_of("a long enough one");
  REQUIRE(hash);
  REQUIRE(write_accounts(folder / "accounts.json", {{"eva", Role::engineer, *hash},
                                                    {"anton", Role::approver, *hash},
                                                    {"berta", Role::approver, *hash}}));
  auto read = core::read_configuration(folder / "plugin.toml");
  if (!read) FAIL(read.error().text());
  return *read;
}

/// A desk whose server thread is this one.
struct Office {
  explicit Office(const std::string& name) : Office(configuration(name)) {}
  explicit Office(core::Configuration configuration, attachment::HostCalls host = {})
      : rules(std::move(configuration)), attachment(rules, std::move(host)) {}
  core::Configuration rules;
  attachment::Attachment attachment;
  std::mutex mutex;
  std::deque<std::function<void()>> posted;
  double now_s = 0;
  Desk desk{attachment, rules,
            [this](std::function<void()> work) {
              const std::lock_guard lock(mutex);
              posted.push_back(std::move(work));
            },
            [this] { return now_s; }};

  ~Office() { desk.close(); }

  /// What a request is answered, once it is.
  struct Asked {
    std::mutex mutex;
    std::vector<Response> answers;
    [[nodiscard]] bool answered() {
      const std::lock_guard lock(mutex);
      return !answers.empty();
    }
  };
  std::shared_ptr<Asked> begin(Request request) {
    request.host = "127.0.0.1";
    auto asked = std::make_shared<Asked>();
    desk.handle(request, [asked](Response response) {
      const std::lock_guard lock(asked->mutex);
      asked->answers.push_back(std::move(response));
    });
    return asked;
  }
  Response await(Asked& asked) {
    for (int i = 0; i < 10'000; ++i) {
      std::function<void()> work;
      {
        const std::lock_guard lock(mutex);
        if (!posted.empty()) {
          work = std::move(posted.front());
          posted.pop_front();
        }
      }
      if (work) work();
      const std::lock_guard lock(asked.mutex);
      if (!asked.answers.empty()) {
        REQUIRE(asked.answers.size() == 1);
        return asked.answers.front();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL("no answer");
    return {};
  }
  Response ask(const Request& request) { return await(*begin(request)); }
  Response get(const std::string& path, const Request& as = {}) {
    auto request = as;
    request.method = "GET";
    request.path = path;
    return ask(request);
  }
  static Request posting(const std::string& path, const std::string& body, const Request& as) {
    auto request = as;
    request.method = "POST";
    request.path = path;
    request.content_type = "application/json";
    request.body = body;
    return request;
  }
  Response post(const std::string& path, const std::string& body, const Request& as = {}) {
    return ask(posting(path, body, as));
  }
  /// Cookie and token of somebody who has signed in.
  Request signed_in(const std::string& name) {
    const auto told =
        post("/api/sign-in", Json{{"name", name}, {"password", "a long enough one"}}.dump());
    REQUIRE(told.status == 200);
    Request as;
    for (const auto& [key, value] : told.headers)
      if (key == "Set-Cookie") as.cookie = value.substr(0, value.find(';'));
    as.token = Json::parse(told.body).at("token").get<std::string>();
    return as;
  }
};

/// A proposal that waits for a decision, as the attachment tells of it.
Json proposed(int number) {
  return {{"event", "plan"},
          {"subject", "proposal"},
          {"what", "proposed"},
          {"detail", {{"proposal", number}, {"winner", "w"}}}};
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("every act takes every kind of nonsense with one answer, and goes on") {
  Office office("acts");
  const std::vector<std::pair<std::string, Json>> acts = {
      {"/api/acknowledge", {{"alarm", "press/vibration"}}},
      {"/api/shelve", {{"alarm", "press/vibration"}, {"for_s", 600}, {"reason", "x"}}},
      {"/api/unshelve", {{"alarm", "press/vibration"}}},
      {"/api/service", {{"alarm", "press/vibration"}, {"in_service", false}, {"reason", "x"}}},
      {"/api/plan", Json::object()},
      {"/api/what-if", {{"futures", 4}, {"sequence", Json::array()}}},
      {"/api/what-if/cancel", {{"number", 1}}},
      {"/api/scenario", {{"file", "../accounts.json"}}},
      {"/api/scenario/cancel", Json::object()},
      {"/api/decision/prepare", {{"proposal", 1}, {"approve", true}}},
      {"/api/decision/confirm", {{"ticket", "00"}, {"reason", "x"}}},
      {"/api/roll-back/prepare", Json::object()},
      {"/api/roll-back/confirm", {{"ticket", "00"}, {"reason", "x"}}},
      {"/api/lock-out/clear", {{"reason", "x"}}},
      {"/api/no-such", Json::object()}};
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-1",
                                           "0",
                                           "1e308",
                                           "1e999",
                                           "NaN",
                                           "Infinity",
                                           "\"\xff\xfe\"",
                                           "\"\xed\xa0\x80\"",
                                           "\"<script>alert(1)</script>\"",
                                           "-1e308",
                                           "1.5",
                                           "18446744073709551615",
                                           "-9223372036854775808",
                                           "4294967297",
                                           "\"\"",
                                           "\"\\u0000\"",
                                           "\"\\ud83d\\ude00\"",
                                           "\"" + std::string(20'000, 'x') + "\"",
                                           "[]",
                                           "{}",
                                           "[{}]",
                                           "[[[[[[[[[[[[1]]]]]]]]]]]]",
                                           nested(30'000),
                                           "{\"a\":" + nested(20'000) + "}"};
  const std::vector<std::string> bodies = {"",
                                           "{",
                                           "}",
                                           "[]",
                                           "null",
                                           "7",
                                           "\"x\"",
                                           "{\"a\":1,\"a\":2}",
                                           "{\"alarm\":\"\xff\xfe\"}",
                                           std::string(60'000, '['),
                                           std::string(60'000, '{'),
                                           "{\"x\":" + nested(30'000) + "}",
                                           std::string("{\"alarm\":\"a\0b\"}", 15)};
  for (const auto* name : {"eva", "anton"}) {
    const auto as = office.signed_in(name);
    for (const auto& [path, act] : acts) {
      for (const auto& body : bodies) CHECK(expected.count(office.post(path, body, as).status));
      for (const auto& [key, proper] : act.items()) {
        for (const auto& value : values) {
          std::string body;
          for (const auto& [other, kept] : act.items())
            body += (body.empty() ? "{\"" : ",\"") + other +
                    "\":" + (other == key ? value : kept.dump());
          CHECK(expected.count(office.post(path, body + "}", as).status));
        }
      }
    }
    // Deep inside what would otherwise be an edit.
    const auto deep =
        office.post("/api/what-if",
                    "{\"services\":[{\"machine\":\"press\",\"x\":" + nested(30'000) + "}]}", as);
    CHECK(deep.status == 400);
    CHECK(office.post("/api/sign-out", "{}", as).status == 200);
    CHECK(office.post("/api/plan", "{}", as).status == 401);
  }
}

TEST_CASE("an evaluation of a model that is nested too deeply is not shown, and harms nothing") {
  auto rules = configuration("evaluation");
  rules.model = fs::path(FORELINE_BINARY_DIR) / "scratch" / "desk-evaluation";
  std::ofstream(rules.model / "evaluation.json") << "{\"x\":" << nested(200'000) << "}";
  Office office(rules);
  Request look;
  look.method = "GET";
  look.path = "/api/data";
  const auto told = office.ask(look);
  CHECK(told.status == 200);
  CHECK(Json::parse(told.body).at("evaluation").is_null());
}

TEST_CASE("nonsense at the door, in queries, cookies and tokens is refused") {
  Office office("door");
  for (const auto* body : {"{}", "{\"name\":1,\"password\":2}", "{\"name\":\"eva\"}",
                           "{\"name\":\"../../etc/passwd\",\"password\":\"x\"}",
                           "{\"name\":\"eva\",\"password\":\"x\",\"role\":\"engineer\"}"})
    CHECK(expected.count(office.post("/api/sign-in", body).status));
  CHECK(office
            .post("/api/sign-in",
                  Json{{"name", "eva"}, {"password", std::string(50'000, 'x')}}.dump())
            .status == 401);
  Request look;
  look.method = "GET";
  for (const auto* path : {"/", "/api/line", "/api/alarms", "/api/data", "/api/notes", "/api/plan",
                           "/api/machine", "/api/what-if", "/api/running", "/api/scenario",
                           "/api/scenarios", "/api/audit", "/api/session", "/../accounts.json",
                           "/%2e%2e/accounts.json", "/api/", "//", "/api/machine/../audit"}) {
    look.path = path;
    for (const auto& query :
         {std::string(), std::string("name=press"), std::string("name=%00%ff%zz%"),
          std::string("name=") + std::string(7000, '%'), std::string(7000, '&'),
          std::string("name=press&name=")}) {
      look.query = query;
      const auto told = office.ask(look);
      CHECK(expected.count(told.status));
      CHECK(told.body.find("argon2") == std::string::npos);
    }
  }
  const auto as = office.signed_in("eva");
  for (const auto& token : {std::string(), std::string("0"), as.token + "0", as.token.substr(1)}) {
    auto forged = as;
    forged.token = token;
    CHECK(office.post("/api/plan", "{}", forged).status == 403);
  }
  for (const auto& cookie : {as.cookie + "0", std::string("foreline_session=") + as.token,
                             "x" + as.cookie, std::string(8000, ';')}) {
    auto forged = as;
    forged.cookie = cookie;
    CHECK(office.post("/api/plan", "{}", forged).status == 401);
  }
  auto other_site = as;
  other_site.origin = "http://127.0.0.1.evil.example";
  CHECK(office.post("/api/plan", "{}", other_site).status == 403);
  auto form = as;
  form.method = "POST";
  form.path = "/api/plan";
  form.content_type = "text/plain";
  form.body = "{}";
  CHECK(office.ask(form).status == 415);
  form.method = "DELETE";
  CHECK(office.ask(form).status == 405);
}

TEST_CASE("well-formed acts with wounds are answered once, in JSON, and nothing is lost by them") {
  Office office("wounds");
  const std::vector<std::pair<std::string, std::string>> acts = {
      {"/api/sign-in", R"({"name":"eva","password":"a long enough one"})"},
      {"/api/acknowledge", R"({"alarm":"press/vibration"})"},
      {"/api/shelve", R"({"alarm":"press/vibration","for_s":600,"reason":"known"})"},
      {"/api/unshelve", R"({"alarm":"press/vibration"})"},
      {"/api/service", R"({"alarm":"press/vibration","in_service":false,"reason":"x"})"},
      {"/api/plan", "{}"},
      {"/api/what-if",
       R"({"futures":4,"seed":1,"sequence":[],"services":[{"machine":"press","in_s":60}],)"
       R"("faults":[{"machine":"press","kind":"jam","in_s":1,"repair_s":2}],"crews":2,)"
       R"("buffers":[{"machine":"press","places":3}],"speeds":[{"machine":"press","factor":1.1}]})"},
      {"/api/scenario", R"({"file":"a.toml"})"},
      {"/api/decision/prepare", R"({"proposal":1,"approve":true})"},
      {"/api/decision/confirm", R"({"ticket":"00","reason":"x"})"},
      {"/api/roll-back/confirm", R"({"ticket":"00","reason":"x"})"},
      {"/api/lock-out/clear", R"({"reason":"x"})"}};
  const auto as = office.signed_in("eva");
  tests::Mutations wound(7);
  for (int round = 0; round < 150; ++round) {
    for (const auto& [path, body] : acts) {
      // Its lock-out is the other test's.
      if (path == "/api/sign-in" && round % 50 != 0) continue;
      const auto told = office.post(path, wound.of(body), as);
      INFO(path << " " << told.body);
      CHECK(expected.count(told.status) == 1);
      CHECK(Json::parse(told.body, nullptr, false).is_object());
    }
  }
  Request look = as;
  look.method = "GET";
  look.path = "/api/line";
  CHECK(office.ask(look).status == 200);
}

TEST_CASE("only acts keep a session, and the pages are told when it ends") {
  Office office(configuration("idle", "session_idle = \"10 min\"\n"));
  const auto as = office.signed_in("eva");
  const auto session = [&] { return Json::parse(office.get("/api/session", as).body); };
  CHECK(session().at("ends_in_s") == 600);
  CHECK(session().at("warn_s") == 60);
  for (; office.now_s < 500; office.now_s += 1) {
    CHECK(office.get("/api/data", as).status == 200);
    CHECK(session().at("user") == "eva");
  }
  CHECK(session().at("ends_in_s") == 100);
  auto forged = as;
  forged.token = std::string(64, '0');
  CHECK(office.post("/api/stay", "{}", forged).status == 403);
  CHECK(session().at("ends_in_s") == 100);
  CHECK(Json::parse(office.post("/api/stay", "{}", as).body).at("ends_in_s") == 600);
  office.now_s += 599;
  CHECK(session().at("user") == "eva");
  office.now_s += 2;
  CHECK(session().at("user").is_null());
  CHECK(session().at("ends_in_s").is_null());
  CHECK(office.post("/api/stay", "{}", as).status == 401);
}

TEST_CASE("tokens of an ended session and of another's are worth nothing") {
  Office office("tokens");
  const auto ended = office.signed_in("eva");
  REQUIRE(office.post("/api/sign-out", "{}", ended).status == 200);
  CHECK(office.post("/api/plan", "{}", ended).status == 401);
  auto as = office.signed_in("eva");
  as.token = ended.token;
  CHECK(office.post("/api/plan", "{}", as).status == 403);
  as.token = office.signed_in("anton").token;
  CHECK(office.post("/api/plan", "{}", as).status == 403);
}

TEST_CASE("a stream that only those who have signed in may see ends with their session") {
  const auto pages = std::string("open_to_view = false\nsession_idle = \"10 min\"\n");
  Office office(configuration("stream", pages));
  CHECK(office.get("/api/stream").status == 401);
  office.desk.look();
  const auto open = [&](const Request& as) {
    auto stream = office.get("/api/stream", as).feed;
    REQUIRE(stream);
    const auto first = stream();
    REQUIRE(first);
    CHECK(first->find("event: state") != std::string::npos);
    return stream;
  };
  /// What the server does several times a second: true, so that it wakes the streams.
  const auto ends = [&](const Feed& stream) { return office.desk.look() && !stream(); };

  auto as = office.signed_in("eva");
  auto stream = open(as);
  office.now_s += 599;
  (void)office.desk.look();
  CHECK(stream());
  office.now_s += 1.1;
  CHECK(ends(stream));

  as = office.signed_in("eva");
  stream = open(as);
  CHECK(office.post("/api/sign-out", "{}", as).status == 200);
  CHECK(ends(stream));

  as = office.signed_in("eva");
  stream = open(as);
  for (double at = 0; at < Sessions::longest_s; at += 500) {
    CHECK(office.post("/api/stay", "{}", as).status == 200);
    office.now_s += 500;
  }
  (void)office.desk.look();
  CHECK_FALSE(stream());

  const auto of_anton = office.signed_in("anton");
  as = office.signed_in("eva");
  stream = open(as);
  const auto others = open(of_anton);
  auto accounts = *read_accounts(office.rules.hmi.accounts);
  accounts.front().role = Role::viewer;
  REQUIRE(write_accounts(office.rules.hmi.accounts, accounts));
  CHECK(ends(stream));
  CHECK(others());
}

TEST_CASE("a stream that anybody may see goes on, and tells the page that nobody is signed in") {
  Office office("open-stream");
  office.desk.look();
  const auto as = office.signed_in("eva");
  const auto stream = office.get("/api/stream", as).feed;
  (void)stream();
  CHECK(office.post("/api/sign-out", "{}", as).status == 200);
  CHECK(office.desk.look());
  const auto news = stream();
  REQUIRE(news);
  CHECK(news->find("event: signed-out") != std::string::npos);
  CHECK(stream()->find("event: signed-out") == std::string::npos);
}

TEST_CASE("who guesses an approver's password from one desk does not keep him from another") {
  Office office("lock-out");
  Request guesser;
  guesser.remote = "10.0.0.9";
  for (int i = 0; i < Lockout::failures_max; ++i)
    CHECK(office.post("/api/sign-in", R"({"name":"anton","password":"a guess"})", guesser).status ==
          401);
  const auto* right = R"({"name":"anton","password":"a long enough one"})";
  CHECK(office.post("/api/sign-in", right, guesser).status == 429);
  Request own;
  own.remote = "10.0.0.7";
  CHECK(office.post("/api/sign-in", right, own).status == 200);
}

TEST_CASE("a sign-in that was not checked is no wrong password") {
  Office office("unchecked");
  const auto* right = R"({"name":"anton","password":"a long enough one"})";
  Request from;
  from.remote = "10.0.0.7";
  const auto accounts = office.rules.hmi.accounts;
  fs::rename(accounts, accounts.string() + ".away");
  for (int i = 0; i < 2 * Lockout::failures_max; ++i)
    CHECK(office.post("/api/sign-in", right, from).status == 503);
  fs::rename(accounts.string() + ".away", accounts);
  CHECK(office.post("/api/sign-in", right, from).status == 200);
  // Others keep the desk full.
  for (int i = 0, strangers = 0; i < 2 * Lockout::failures_max; ++i) {
    for (bool full = false; !full;) {
      const auto name = "x" + std::to_string(++strangers);
      Request stranger;
      stranger.remote = name;
      full = office
                 .begin(Office::posting("/api/sign-in",
                                        Json{{"name", name}, {"password", "x"}}.dump(), stranger))
                 ->answered();
    }
    const auto asked = office.begin(Office::posting("/api/sign-in", right, from));
    REQUIRE(asked->answered());
    CHECK(asked->answers.front().status == 503);
  }
}

TEST_CASE("whoever signs in does not wait for a PLC that is read slowly") {
  std::atomic<bool> reads = false;
  std::atomic<bool> slow = true;
  const auto sleep = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  attachment::HostCalls host;
  host.event = [&](const attachment::Event&) {
    for (reads = true; slow;) sleep();
  };
  Office office(configuration("slow-plc"), std::move(host));
  const std::shared_ptr<void> ends(nullptr, [&](void*) { slow = false; });
  const auto as = office.signed_in("anton");
  REQUIRE(office.attachment.start().refusal == attachment::Refusal::none);
  while (!reads) sleep();
  office.desk.note(proposed(1));
  const auto reading = office.begin(
      Office::posting("/api/decision/prepare", R"({"proposal":1,"approve":true})", as));
  (void)office.signed_in("eva");
  CHECK_FALSE(reading->answered());
  slow = false;
  CHECK(office.await(*reading).status == 503);
}

TEST_CASE("who looks at a proposal takes nobody's second step") {
  Office office("tickets");
  office.desk.note(proposed(1));
  const auto prepared = [&](const Request& as) {
    const auto told = office.post("/api/decision/prepare", R"({"proposal":1,"approve":false})", as);
    REQUIRE(told.status == 200);
    return Json::parse(told.body).at("ticket").get<std::string>();
  };
  const auto confirm = [&](const std::string& ticket, const Request& as) {
    return Json::parse(office
                           .post("/api/decision/confirm",
                                 Json{{"ticket", ticket}, {"reason", "x"}}.dump(), as)
                           .body)
        .at("error")
        .get<std::string>();
  };
  const auto anton = office.signed_in("anton");
  const auto berta = office.signed_in("berta");
  const auto first = prepared(anton);
  const auto second = prepared(berta);
  CHECK(first != second);
  const std::string not_yours = "the first step is too old or was not yours; begin again";
  CHECK(confirm(first, anton) == "this instance is not running");
  CHECK(confirm(first, anton) == not_yours);  // a step is taken once
  CHECK(confirm(first, berta) == not_yours);
  CHECK(confirm(second, berta) == not_yours);  // after a wrong one it begins anew
  const auto third = prepared(berta);
  (void)prepared(anton);
  CHECK(confirm(third, berta) == "this instance is not running");
}

TEST_CASE("a desk that ends refuses whatever comes") {
  Office office("ends");
  const auto as = office.signed_in("anton");
  office.desk.note(proposed(1));
  office.desk.refuse();
  office.desk.close();
  CHECK(office.post("/api/sign-in", R"({"name":"eva","password":"a long enough one"})").status ==
        503);
  CHECK(office.post("/api/decision/prepare", R"({"proposal":1,"approve":true})", as).status == 503);
  for (const auto* path : {"/api/scenarios", "/api/audit", "/api/running", "/api/stream"})
    CHECK(office.get(path, as).status == 503);
  CHECK_FALSE(office.desk.look());
}

TEST_CASE("pages that end while browsers ask answer or hang up") {
  const auto rules = configuration("hmi-ends", "port = 0\n");
  attachment::Attachment attachment(rules, {});
  auto pages = Hmi::start(attachment, rules);
  REQUIRE(pages);
  const auto asking = [](const std::string& head, const std::string& body = "") {
    const auto text = head + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
                      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  // A password in hand takes as long as the end must wait for it.
  tests::PlainClient signs_in((*pages)->port());
  signs_in.send(asking("POST /api/sign-in", R"({"name":"eva","password":"wrong"})"));
  std::atomic<bool> over = false;
  std::thread asks([&, port = (*pages)->port()] {
    while (!over) {
      tests::PlainClient browser(port);
      browser.send(asking("GET /api/scenarios"));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  pages->reset();
  over = true;
  asks.join();
}

TEST_CASE("what belonged to a former run of the line is not told of the new one") {
  tests::RegisterPlc plc;
  plc.set(30, 40'000);
  plc.set(10, 6);
  auto rules = configuration("new-run", "", plc.port(), "orders = \"orders.csv\"\n",
                             "poll = \"20 ms\"\nclock = \"30\"\n[schedule]\nactive = 300\n"
                             "active_sequence = 420\nstaging = 500\ncommit = 620\necho = 421\n"
                             "reject = 422\n");

  Office office(rules);
  REQUIRE(office.attachment.start().refusal == attachment::Refusal::none);
  const auto looked_at = [&](double line_s) {
    for (int i = 0; i < 5000; ++i) {
      (void)office.desk.look();
      if (Json::parse(office.get("/api/running").body).at("at_s") == line_s) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  };
  const auto read_back = [&] { return Json::parse(office.get("/api/plan").body).at("read_back"); };
  REQUIRE(looked_at(40'000));
  office.desk.note({{"event", "deploy"},
                    {"subject", "proposal 1"},
                    {"what", "confirmed"},
                    {"at_s", 39'000},
                    {"detail", {{"registers", Json::array()}}}});
  plc.set(30, 40'010);
  REQUIRE(looked_at(40'010));
  CHECK(read_back().at("at_s") == 39'000);
  CHECK(read_back().at("back") == false);
  office.desk.note({{"event", "deploy"},
                    {"subject", "deployment"},
                    {"what", "rolled-back"},
                    {"at_s", 39'500},
                    {"detail", {{"proposal", 7}, {"registers", Json::array()}}}});
  CHECK(read_back().at("proposal") == 7);
  CHECK(read_back().at("back") == true);
  plc.set(30, 10);
  REQUIRE(looked_at(10));
  CHECK(read_back().is_null());
}
