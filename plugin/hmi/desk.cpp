// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "plugin/hmi/assets.hpp"
#include "plugin/hmi/what_if.hpp"
#include "plugin/store/store.hpp"
#include "sim/text/document.hpp"
#include "sim/worker/client.hpp"

namespace foreline::hmi {

namespace {

constexpr double state_at_least_every_s = 1;  ///< So that a browser sees a dead link within 3 s.
constexpr double ticket_s = 120;
constexpr double refusals_noted_every_s = 5;
constexpr std::size_t audit_lines_max = 1000;
constexpr std::size_t reason_most = 200;
constexpr std::size_t card_most = 8000;
constexpr std::uintmax_t summed_most = 100'000'000;  ///< Larger weights are not summed at start.
constexpr std::size_t waiting_for_clerk_max = 16;
constexpr std::size_t waiting_for_plc_max = 2;  ///< A slow one takes seconds for each.
constexpr const char* session_cookie = "foreline_session";

Response answer(Json body, int status = 200) {
  Response response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

Response refusal(int status, const std::string& why) {
  return answer({{"error", why}}, status);
}

Response answer_of(const attachment::Answer& given) {
  switch (given.refusal) {
    case attachment::Refusal::none:
      return answer({{"done", true}});
    case attachment::Refusal::wrong_state:
    case attachment::Refusal::refused:
      return refusal(409, given.text);
    case attachment::Refusal::io:
      return refusal(503, given.text);
    case attachment::Refusal::invalid_argument:
      break;
  }
  return refusal(400, given.text);
}

/// One key of a query, its percent signs undone.
std::string query_value(const std::string& query, const std::string& key) {
  std::size_t at = 0;
  while (at <= query.size()) {
    auto end = query.find('&', at);
    if (end == std::string::npos) end = query.size();
    const auto pair = query.substr(at, end - at);
    if (pair.rfind(key + "=", 0) == 0) {
      std::string value;
      for (std::size_t i = key.size() + 1; i < pair.size(); ++i) {
        const auto hex = [&](std::size_t place) {
          const char c = place < pair.size() ? pair[place] : 'x';
          if (c >= '0' && c <= '9') return c - '0';
          if (c >= 'a' && c <= 'f') return c - 'a' + 10;
          if (c >= 'A' && c <= 'F') return c - 'A' + 10;
          return -1;
        };
        if (pair[i] == '%' && hex(i + 1) >= 0 && hex(i + 2) >= 0) {
          value += static_cast<char>(16 * hex(i + 1) + hex(i + 2));
          i += 2;
        } else {
          value += pair[i] == '+' ? ' ' : pair[i];
        }
      }
      return value;
    }
    at = end + 1;
  }
  return {};
}

/// Whether `body` holds exactly these keys, each a string ("s"), a number ("n") or a truth value
/// ("b").
bool has_shape(const Json& body, const std::map<std::string, char>& shape) {
  if (!body.is_object() || body.size() != shape.size()) return false;
  return std::all_of(shape.begin(), shape.end(), [&](const auto& wanted) {
    const auto found = body.find(wanted.first);
    if (found == body.end()) return false;
    if (wanted.second == 's') return found->is_string();
    return wanted.second == 'n' ? found->is_number() : found->is_boolean();
  });
}

/// What a browser or a file of a model says, unless it is no JSON or nested more deeply than any of
/// ours: copying such a thing or writing it out again would use up the stack.
Json body_of(const std::string& text) {
  constexpr int deepest = 8;
  bool deep = false;
  auto body = Json::parse(
      text,
      [&](int depth, Json::parse_event_t, Json&) {
        deep = deep || depth > deepest;
        return !deep;
      },
      false);
  return deep ? Json() : body;
}

std::int64_t wall_ms_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A whole number that a page sent as such.
std::optional<int> whole(const Json& value) {
  if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int>::max())
    return std::nullopt;
  return value.get<int>();
}

/// Whether a request comes from a page of this server, as far as its browser says.
bool same_origin(const Request& request) {
  if (request.origin.empty()) return true;
  return request.origin == (request.secure ? "https://" : "http://") + request.host;
}

/// Which model this is: by the sum of its weights, since when the file is so, and what it was
/// judged on. Null without one.
Json identity_of(const std::filesystem::path& folder, const Json& evaluation) {
  const auto file = folder / "model.safetensors";
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (folder.empty() || error) return {};
  std::string weights;
  if (size <= summed_most) {
    std::ifstream in(file, std::ios::binary);
    weights.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto written = std::filesystem::last_write_time(file, error);
  Json out = {
      {"folder", std::filesystem::absolute(folder, error).filename().string()},
      {"sha256", weights.empty() ? Json() : Json(store::digest_of(weights))},
      {"written_ms", error ? Json()
                           : Json(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::file_clock::to_sys(written).time_since_epoch())
                                      .count())},
      {"judged_days", evaluation.is_object() ? evaluation.value("days", Json()) : Json()}};
  const auto config = text::read_text_file(folder / "config.json");
  const auto read = config ? body_of(*config) : Json();
  const auto own = read.is_object() ? read.value("foreline", Json()) : Json();
  out["language"] = own.is_object() ? own.value("language", Json()) : Json();
  return out;
}

struct Cancelled {};

/// The running schedule is simulated anew when somebody looks and the line has gone on so far,
/// never more often than this, and so seldom that it takes no more than this share of the time.
constexpr double expect_every_line_s = 300;
constexpr double expect_every_s = 10;
constexpr double expect_share = 0.05;

/// A hash nobody knows the password of: an unknown name costs as much time as a known one.
const std::string& nobody() {
  static const std::string hash = [] {
    auto made = hash_of(random_word());
    return made ? *made : std::string();
  }();
  return hash;
}

}  // namespace

Clerk::Clerk(std::size_t waiting_max)
    : waiting_max_(waiting_max), thread_([this] {
        std::unique_lock lock(mutex_);
        for (;;) {
          filled_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
          if (stopping_) return;
          auto work = std::move(waiting_.front());
          waiting_.pop_front();
          lock.unlock();
          work();
          work = nullptr;
          lock.lock();
        }
      }) {}

Clerk::~Clerk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  filled_.notify_one();
  thread_.join();
}

bool Clerk::take(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= waiting_max_) return false;
    waiting_.push_back(std::move(work));
  }
  filled_.notify_one();
  return true;
}

/// A what-if on its way; shared with the thread that simulates.
struct Desk::Question {
  std::uint64_t number = 0;
  std::string who;
  std::int64_t asked_ms = 0;  ///< Wall clock.
  std::atomic<std::size_t> done = 0;
  std::atomic<std::size_t> all = 0;
  std::atomic<bool> cancelled = false;
  bool over = false;  ///< The rest: on the server's thread.
  Pace pace;
  Json answer;  ///< Null when it was cancelled or failed.
  std::string error;
};

Desk::Desk(attachment::Attachment& attachment, const core::Configuration& configuration,
           std::function<void(std::function<void()>)> post, std::function<double()> seconds)
    : attachment_(attachment),
      rules_(configuration.hmi),
      store_(configuration.store),
      post_(std::move(post)),
      now_s_(std::move(seconds)),
      record_(*configuration.line, *configuration.orders),
      sessions_(configuration.hmi.session_idle_s),
      actual_(*configuration.line, *configuration.orders),
      scenarios_({configuration.hmi.scenarios, configuration.model, configuration.watch}, post_),
      reader_(std::make_unique<Clerk>(waiting_for_plc_max)),
      clerk_(std::make_unique<Clerk>(waiting_for_clerk_max)) {
  auto description = description_of(*configuration.line, *configuration.orders);
  const auto& alarms = configuration.watch.alarms;
  description["rules"] = {{"horizon_s", alarms.horizon_s},
                          {"raise_probability", alarms.raise_probability},
                          {"poll_s", configuration.plc.poll_s},
                          {"freeze_s", configuration.planning.freeze_s},
                          {"expires_s", configuration.planning.expires_s}};
  const auto target = [](double value) { return value > 0 ? Json(value) : Json(); };
  description["targets"] = {{"oee", target(rules_.target_oee)},
                            {"parts_h", target(rules_.target_parts_h)}};
  if (!configuration.time_zone.empty()) description["time_zone"] = configuration.time_zone;
  description["may_write"] = configuration.may_write;
  description["plc"] = fmt::format("{}:{}", configuration.plc.host, configuration.plc.port);
  description["plans"] = !configuration.orders->empty() && configuration.map.schedule.has_value();
  description["scenarios"] = !scenarios_.none();
  description["audit"] = !configuration.store.empty();
  believed_ = {{"least_skill", configuration.gate.least_skill},
               {"largest_calibration_error", configuration.gate.largest_calibration_error},
               {"least_failures", configuration.gate.least_failures}};
  const auto evaluation = configuration.model.empty()
                              ? line::Result<std::string>(std::string())
                              : text::read_text_file(configuration.model / "evaluation.json");
  if (evaluation) evaluation_ = body_of(*evaluation);
  if (!evaluation_.is_object()) evaluation_ = Json();
  if (!configuration.model.empty())
    if (const auto card = text::read_text_file(configuration.model / "README.md"))
      card_ = card->substr(0, card_most);
  description["model"] = identity_of(configuration.model, evaluation_);
  description_ = description.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Desk::~Desk() {
  close();
}

void Desk::close() {
  clerk_.reset();
  reader_.reset();
  if (question_) question_->cancelled = true;
  if (asking_.joinable()) asking_.join();
  expecting_ends_ = true;
  if (expecting_.joinable()) expecting_.join();
  scenarios_.close();
}

/// A removed account, another role or another password ends sessions, and with them their streams.
void Desk::heed_accounts() {
  if (rules_.accounts.empty()) return;
  std::error_code gone;
  const auto written = std::filesystem::last_write_time(rules_.accounts, gone);
  if (written == accounts_written_) return;
  accounts_written_ = written;
  const auto accounts = read_accounts(rules_.accounts);
  sessions_.end_others(accounts ? *accounts : std::vector<Account>());
}

bool Desk::look() {
  if (refusing_) return false;
  heed_accounts();
  const bool ended = sessions_.sweep(now_s_());
  const auto snapshot = Json::parse(attachment_.snapshot(), nullptr, false);
  record_.take(snapshot);
  actual_.take(snapshot);
  follow_schedule(snapshot);
  const auto received_ms = snapshot.value("received_ns", std::int64_t{0}) / 1'000'000;
  if (received_ms != 0) wall_clock_.take(snapshot.value("line_time_s", 0.0), received_ms);
  if (!remembered_) {
    const auto past = Json::parse(attachment_.past(), nullptr, false);
    remembered_ = past.is_array();
    record_.remember(past);
  }
  auto state = record_.state();
  state["last_note"] = record_.last_note();
  if (question_) {
    const std::size_t done = question_->done;
    const std::size_t all = question_->all;
    question_->pace.take("futures", done, all, now_s_());
    const auto left_s = question_->pace.left_s(now_s_());
    state["what_if"] = {{"number", question_->number},
                        {"done", done},
                        {"all", all},
                        {"left_s", left_s ? Json(std::ceil(*left_s)) : Json()},
                        {"cancelled", question_->cancelled.load()},
                        {"over", question_->over}};
  }
  if (auto running = scenarios_.now(); !running.is_null()) state["scenario"] = std::move(running);
  const auto wall_ms = wall_ms_now();
  auto text = state.dump(-1, ' ', false, Json::error_handler_t::replace);
  const double at = now_s_();
  if (text == compared_ && at - sent_s_ < state_at_least_every_s) return ended;
  compared_ = std::move(text);
  sent_s_ = at;
  ++version_;
  state["wall_ms"] = wall_ms;
  if (const auto zero_ms = wall_clock_.zero_ms()) state["zero_ms"] = *zero_ms;
  state["age_s"] = received_ms == 0
                       ? Json()
                       : Json(std::max(0.0, static_cast<double>(wall_ms - received_ms) / 1000));
  state_ =
      "event: state\ndata: " + state.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
  return true;
}

Feed Desk::feed(const std::string& session) {
  // A stream that is slow gets the newest state next, never a queue of old ones.
  return [this, session, known = sessions_.find(session, now_s_()) != nullptr,
          version = std::uint64_t{0},
          note = record_.last_note()]() mutable -> std::optional<std::string> {
    const bool lost = known && sessions_.find(session, now_s_()) == nullptr;
    if (lost && !rules_.open_to_view) return std::nullopt;
    std::string news;
    if (lost) news = "event: signed-out\ndata: {}\n\n";
    known = known && !lost;
    for (const auto& told : record_.notes_after(note)) {
      note = told.at("number").get<std::uint64_t>();
      news += "event: note\ndata: " + told.dump(-1, ' ', false, Json::error_handler_t::replace) +
              "\n\n";
    }
    if (version != version_) news += state_;
    version = version_;
    return news;
  };
}

void Desk::refuse() {
  refusing_ = true;
}

void Desk::handle(const Request& request, Reply reply) {
  if (refusing_) return reply(refusal(503, "the plugin ends"));
  const auto* session = sessions_.find(cookie_named(request.cookie, session_cookie), now_s_());
  // What a browser sends must not end the host, whatever was forgotten here.
  try {
    if (request.method == "GET" || request.method == "HEAD") return get(request, reply, session);
    if (request.method == "POST") return act(request, reply, session);
    reply(refusal(405, "only GET, HEAD and POST are served"));
  } catch (const std::exception& error) {
    reply(refusal(500, fmt::format("internal error: {}", error.what())));
  }
}

Json Desk::session_json(const Session* session) const {
  Json rights = Json::array();
  if (session != nullptr) {
    static constexpr std::array<std::pair<Act, const char*>, 7> acts = {
        {{Act::acknowledge, "acknowledge"},
         {Act::shelve, "shelve"},
         {Act::service, "service"},
         {Act::plan, "plan"},
         {Act::what_if, "what-if"},
         {Act::decide, "decide"},
         {Act::run_scenario, "run-scenario"}}};
    for (const auto& [act, name] : acts)
      if (may(session->account.role, act)) rights.push_back(name);
  }
  const auto of = [&](const auto& part) { return session == nullptr ? Json() : Json(part()); };
  return {
      {"user", of([&] { return session->account.name; })},
      {"role", of([&] { return name_of(session->account.role); })},
      {"token", of([&] { return session->token; })},
      {"may", std::move(rights)},
      {"ends_in_s", of([&] { return sessions_.ends_in_s(*session, now_s_()); })},
      {"ends_at_last_in_s", of([&] { return Sessions::ends_at_last_in_s(*session, now_s_()); })},
      {"warn_s", std::min(60.0, rules_.session_idle_s / 2)},
      {"accounts", !rules_.accounts.empty()},
      {"open_to_view", rules_.open_to_view}};
}

void Desk::get(const Request& request, const Reply& reply, const Session* session) {
  if (request.path.rfind("/api/", 0) != 0) return asset(request, reply);
  if (request.path == "/api/session") return reply(answer(session_json(session)));
  if (session == nullptr && !rules_.open_to_view)
    return reply(refusal(401, "sign in to look at this line"));
  if (request.path == "/api/line") {
    Response response;
    response.body = description_;
    return reply(std::move(response));
  }
  if (request.path == "/api/stream") {
    Response response;
    response.type = "text/event-stream; charset=utf-8";
    response.headers = {{"X-Accel-Buffering", "no"}};
    response.feed = feed(cookie_named(request.cookie, session_cookie));
    return reply(std::move(response));
  }
  if (request.path == "/api/machine") {
    auto machine = record_.machine(query_value(request.query, "name"));
    if (machine.is_null()) return reply(refusal(404, "there is no machine of that name"));
    machine["maintenance"] =
        Json::parse(attachment_.maintenance(machine["name"].get<std::string>()), nullptr, false);
    return reply(answer(std::move(machine)));
  }
  if (request.path == "/api/plan")
    return reply(answer({{"plan", record_.plan()},
                         {"plans", record_.plans()},
                         {"closed", closed_in(record_.plan())},
                         {"read_back", read_back_}}));
  if (request.path == "/api/alarms") return reply(answer(alarms()));
  if (request.path == "/api/alarm-load") return reply(answer(record_.alarm_load()));
  if (request.path == "/api/notes") return reply(answer(record_.notes_after(0)));
  if (request.path == "/api/data") return reply(answer(data()));
  if (request.path == "/api/what-if") {
    if (!question_) return reply(answer(Json()));
    return reply(answer({{"number", question_->number},
                         {"who", question_->who},
                         {"asked_ms", question_->asked_ms},
                         {"cancelled", question_->cancelled.load()},
                         {"over", question_->over},
                         {"error", question_->error},
                         {"closed", closed_in(question_->answer)},
                         {"answer", question_->answer}}));
  }
  if (request.path == "/api/running") {
    if (!coming_.is_object() || line_time_s_ > coming_.value("at_s", 0.0) + expect_every_line_s)
      expect();
    return reply(answer(running()));
  }
  if (request.path == "/api/scenarios") {
    const bool taken = clerk_->take([folder = scenarios_.folder(), ended = scenarios_.ended(),
                                     reply] { reply(answer(Scenarios::list(folder, ended))); });
    if (!taken) reply(refusal(503, "busy; try again"));
    return;
  }
  if (request.path == "/api/scenario") return reply(answer(scenarios_.result()));
  if (request.path == "/api/audit") {
    // Who did what is for those who are known here, where anybody is.
    if (session == nullptr && !rules_.accounts.empty())
      return reply(refusal(401, "sign in to read the audit"));
    return audit(reply);
  }
  reply(refusal(404, "there is no such page"));
}

void Desk::act(const Request& request, const Reply& reply, const Session* session) {
  if (request.content_type.rfind("application/json", 0) != 0)
    return reply(refusal(415, "send application/json"));
  if (!same_origin(request)) return reply(refusal(403, "this came from another site's page"));
  auto body = body_of(request.body);
  if (!body.is_object()) return reply(refusal(400, "send one JSON object"));
  if (request.path == "/api/sign-in") return sign_in(request, body, reply);

  struct Known {
    Act act;
    Route route;
  };
  static const std::map<std::string, Known> routes = {
      {"/api/acknowledge", {Act::acknowledge, &Desk::acknowledge}},
      {"/api/shelve", {Act::shelve, &Desk::shelve}},
      {"/api/unshelve", {Act::shelve, &Desk::unshelve}},
      {"/api/service", {Act::service, &Desk::service}},
      {"/api/plan", {Act::plan, &Desk::plan}},
      {"/api/what-if", {Act::what_if, &Desk::ask_what_if}},
      {"/api/what-if/cancel", {Act::what_if, &Desk::cancel_what_if}},
      {"/api/scenario", {Act::run_scenario, &Desk::run_scenario}},
      {"/api/scenario/cancel", {Act::run_scenario, &Desk::cancel_scenario}},
      {"/api/decision/prepare", {Act::decide, &Desk::prepare}},
      {"/api/decision/confirm", {Act::decide, &Desk::confirm}},
      {"/api/roll-back/prepare", {Act::decide, &Desk::prepare_roll_back}},
      {"/api/roll-back/confirm", {Act::decide, &Desk::confirm_roll_back}},
      {"/api/lock-out/clear", {Act::decide, &Desk::clear_lock_out}}};
  const bool leaving = request.path == "/api/sign-out";
  const bool staying = request.path == "/api/stay";
  const auto route = routes.find(request.path);
  if (!leaving && !staying && route == routes.end())
    return reply(refusal(404, "there is no such act"));
  if (session == nullptr)
    return reply(refusal(401, rules_.accounts.empty()
                                  ? "these pages are read-only: no accounts are configured"
                                  : "sign in first; sessions end when they are not used"));
  if (request.token.empty() || request.token != session->token)
    return reply(refusal(403, "the page is out of date; load it again"));
  const Acting acting{session->account.name, session->account.role,
                      cookie_named(request.cookie, session_cookie), std::move(body)};
  if (leaving) return sign_out(acting, reply);
  sessions_.keep(acting.session, now_s_());
  // The file may have changed since it was last looked at.
  const auto accounts = read_accounts(rules_.accounts);
  sessions_.end_others(accounts ? *accounts : std::vector<Account>());
  session = sessions_.find(acting.session, now_s_());
  if (session == nullptr) return reply(refusal(401, "the account has changed; sign in again"));
  if (staying) return reply(answer(session_json(session)));
  if (!may(acting.role, route->second.act)) {
    note_act(acting.user, "refused",
             fmt::format("{} may not {}", name_of(acting.role), request.path.substr(5)));
    return reply(
        refusal(403, fmt::format("the role {} does not include this", name_of(acting.role))));
  }
  (this->*route->second.route)(acting, reply);
}

void Desk::note_act(const std::string& who, const std::string& what, const std::string& detail) {
  (void)attachment_.note(who, what, detail);
}

std::string Desk::cookie(const std::string& id, bool secure, double for_s) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={:.0f}{}", session_cookie,
                     id, for_s, secure ? "; Secure" : "");
}

void Desk::sign_in(const Request& request, const Json& body, const Reply& reply) {
  if (!has_shape(body, {{"name", 's'}, {"password", 's'}}))
    return reply(refusal(400, "send name and password"));
  if (rules_.accounts.empty())
    return reply(refusal(403, "these pages are read-only: no accounts are configured"));
  const auto name = body["name"].get<std::string>();
  const auto password = body["password"].get<std::string>();
  if (!complaint_about_name(name).empty() || password.size() > 128)
    return reply(refusal(401, "name or password is wrong"));
  if (const double wait = lockout_.wait_s(name, request.remote, now_s_()); wait > 0) {
    auto response = refusal(429, fmt::format("too many wrong passwords; try again in {:.0f} min",
                                             std::ceil(wait / 60)));
    response.headers.emplace_back("Retry-After", fmt::format("{:.0f}", std::ceil(wait)));
    return reply(std::move(response));
  }
  const auto accounts = read_accounts(rules_.accounts);
  if (!accounts) return reply(refusal(503, "the accounts cannot be read"));
  std::optional<Account> account;
  for (const auto& known : *accounts)
    if (known.name == name) account = known;
  const bool taken = clerk_->take([this, name, account, password, reply, secure = request.secure,
                                   remote = request.remote,
                                   former = cookie_named(request.cookie, session_cookie)] {
    const bool right = matches(account ? account->hash : nobody(), password) && account.has_value();
    post_([this, name, account, right, secure, remote, former, reply] {
      if (!right) {
        // A flood of wrong passwords must not become a flood of audit lines.
        if (now_s_() - refusal_noted_s_ > refusals_noted_every_s) {
          refusal_noted_s_ = now_s_();
          note_act(name, "sign-in refused", "name or password is wrong");
        }
        return reply(refusal(401, "name or password is wrong"));
      }
      lockout_.succeeded(name, remote, now_s_());
      sessions_.end(former);
      const auto id = sessions_.begin(*account, now_s_());
      note_act(name, "signed in", std::string(name_of(account->role)));
      auto response = answer(session_json(sessions_.find(id, now_s_())));
      response.headers.emplace_back("Set-Cookie", cookie(id, secure, Sessions::longest_s));
      reply(std::move(response));
    });
  });
  if (!taken) return reply(refusal(503, "too many people sign in at once; try again"));
  // Counted before the hash is, so that many at once are not more than few.
  lockout_.failed(name, request.remote, now_s_());
}

void Desk::sign_out(const Acting& acting, const Reply& reply) {
  sessions_.end(acting.session);
  note_act(acting.user, "signed out", "");
  auto response = answer(session_json(nullptr));
  response.headers.emplace_back("Set-Cookie", cookie("", false, 0));
  reply(std::move(response));
}

void Desk::acknowledge(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"alarm", 's'}})) return reply(refusal(400, "send the alarm"));
  const auto id = acting.body["alarm"].get<std::string>();
  reply(answer_of(attachment_.acknowledge(id, acting.user)));
}

void Desk::shelve(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"alarm", 's'}, {"for_s", 'n'}, {"reason", 's'}}))
    return reply(refusal(400, "send alarm, for_s and reason"));
  const auto id = acting.body["alarm"].get<std::string>();
  const auto reason = acting.body["reason"].get<std::string>();
  const double for_s = acting.body["for_s"].get<double>();
  if (reason.empty() || reason.size() > reason_most)
    return reply(refusal(400, "shelving needs a reason of at most 200 bytes"));
  reply(answer_of(attachment_.shelve(id, for_s, acting.user, reason)));
}

void Desk::unshelve(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"alarm", 's'}})) return reply(refusal(400, "send the alarm"));
  reply(answer_of(attachment_.unshelve(acting.body["alarm"].get<std::string>(), acting.user)));
}

void Desk::service(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"alarm", 's'}, {"in_service", 'b'}, {"reason", 's'}}))
    return reply(refusal(400, "send alarm, in_service and reason"));
  const auto reason = acting.body["reason"].get<std::string>();
  if (reason.empty() || reason.size() > reason_most)
    return reply(refusal(400,
                         "taking an alarm out of service, and back, needs a reason of at most "
                         "200 bytes"));
  reply(answer_of(attachment_.service(acting.body["alarm"].get<std::string>(),
                                      acting.body["in_service"].get<bool>(), acting.user, reason)));
}

void Desk::plan(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {})) return reply(refusal(400, "send an empty object"));
  note_act(acting.user, "asked for a plan", "");
  reply(answer_of(attachment_.plan()));
}

void Desk::ask_what_if(const Acting& acting, const Reply& reply) {
  if (question_ && !question_->over)
    return reply(refusal(409, "another what-if is being simulated; wait for it"));
  const auto now = attachment_.question();
  if (!now)
    return reply(refusal(409,
                         "where the line stands has not been read yet, or there is no order "
                         "book or schedule in the configuration"));
  auto asked = what_if_from(acting.body, *now);
  if (!asked) return reply(refusal(400, asked.error().text()));
  auto question = std::make_shared<Question>();
  question->number = question_ ? question_->number + 1 : 1;
  question->who = acting.user;
  question->asked_ms = wall_ms_now();
  question->all = 2 * asked->futures;
  if (asking_.joinable()) asking_.join();
  question_ = question;
  note_act(acting.user, "asked what if", acting.body.dump());
  asking_ = std::thread([this, question, now = *now, asked = std::move(*asked)] {
    Json answer;
    std::string error;
    try {
      worker::Options options;
      options.given_up = [question] { return question->cancelled.load(); };
      auto client = worker::Client::start(options);
      if (!client) {
        error = client.error().text();
      } else {
        auto found = answer_of(asked, now, *client, [&](std::size_t done, std::size_t) {
          if (question->cancelled) throw Cancelled{};
          question->done = done;
        });
        if (found)
          answer = std::move(*found);
        else
          error = found.error().text();
      }
    } catch (const Cancelled&) {
      answer = nullptr;
    } catch (const std::exception& thrown) {
      error = thrown.what();
    }
    post_([question, answer = std::move(answer), error] {
      question->over = true;
      if (question->cancelled) return;
      question->answer = answer;
      question->error = error;
    });
  });
  reply(answer({{"number", question->number}}));
}

void Desk::cancel_what_if(const Acting& acting, const Reply& reply) {
  const auto number = acting.body.contains("number") ? whole(acting.body["number"]) : std::nullopt;
  if (acting.body.size() != 1 || !number) return reply(refusal(400, "send the number"));
  if (!question_ || question_->over || question_->number != static_cast<std::uint64_t>(*number))
    return reply(refusal(409, "this what-if is not being simulated"));
  question_->cancelled = true;
  note_act(acting.user, "cancelled a what-if", "");
  reply(answer({{"done", true}}));
}

void Desk::note(Json event) {
  if (const auto detail = event.find("detail"); event.value("event", "") == "deploy" &&
                                                detail != event.end() && detail->is_object() &&
                                                detail->contains("registers"))
    read_back_ = {{"at_s", event.value("at_s", 0.0)},
                  {"proposal", detail->value("proposal", record_.plan().is_object()
                                                             ? record_.plan().value("proposal", 0)
                                                             : 0)},
                  {"back", event.value("what", "") == "rolled-back"},
                  {"registers", detail->at("registers")}};
  record_.note(std::move(event));
}

void Desk::follow_schedule(const Json& snapshot) {
  const auto found = snapshot.is_object() ? snapshot.find("schedule") : snapshot.end();
  if (!snapshot.is_object() || found == snapshot.end()) return;
  const double at_s = snapshot.value("line_time_s", 0.0);
  if (at_s < line_time_s_ - new_run_s)
    schedule_ = asked_ = planned_ = coming_ = read_back_ = nullptr;
  line_time_s_ = at_s;
  if (*found != schedule_) {
    schedule_ = *found;
    planned_ = nullptr;
    coming_ = nullptr;
    // What the gate has simulated of it holds from its own state on.
    if (const auto& plan = record_.plan(); plan.is_object() && plan.contains("spans"))
      if (plan.value("after", Json()) == schedule_)
        planned_ = {{"at_s", plan["at_s"]},
                    {"until_s", plan["until_s"]},
                    {"futures", plan["proof"]["seeds"].size()},
                    {"spans", plan["spans"]["winner"]},
                    {"orders", plan["orders"]["winner"]}};
  }
  if (!coming_.is_object() && asked_ != schedule_) expect();
}

void Desk::expect() {
  if (expects_ || now_s_() < expect_again_s_) return;
  expect_again_s_ = now_s_() + 1;
  const auto now = attachment_.question();
  if (!now) return;
  expects_ = true;
  asked_ = schedule_;
  if (expecting_.joinable()) expecting_.join();
  expecting_ = std::thread([this, now = *now, schedule = schedule_, begun_s = now_s_()] {
    Json expected;
    try {
      worker::Options beside_the_plant;
      beside_the_plant.children = 1;
      beside_the_plant.given_up = [this] { return expecting_ends_.load(); };
      if (auto client = worker::Client::start(beside_the_plant)) {
        auto found = expected_of(now, *client, [&](std::size_t, std::size_t) {
          if (expecting_ends_) throw Cancelled{};
        });
        if (found) expected = std::move(*found);
      }
    } catch (const std::exception&) {  // there is no answer, and it is asked again
    } catch (const Cancelled&) {
    }
    post_([this, expected = std::move(expected), schedule, begun_s] {
      expects_ = false;
      const double took_s = now_s_() - begun_s;
      expect_again_s_ = now_s_() + std::max(expect_every_s, took_s / expect_share);
      if (!expected.is_object() || schedule != schedule_) return;
      coming_ = expected;
      if (!planned_.is_object()) planned_ = expected;
    });
  });
}

Json Desk::closed_in(const Json& simulated) const {
  if (!simulated.is_object()) return Json::array();
  return actual_.closed(simulated.value("at_s", 0.0), simulated.value("until_s", 0.0));
}

Json Desk::running() const {
  const double until_s =
      coming_.is_object() ? coming_.value("until_s", line_time_s_) : line_time_s_;
  auto bars = actual_.bars();
  const double from_s = bars.empty() ? line_time_s_ : bars.front().value("from_s", line_time_s_);
  return {{"at_s", line_time_s_},    {"schedule", schedule_},
          {"bars", std::move(bars)}, {"closed", actual_.closed(from_s, until_s)},
          {"planned", planned_},     {"coming", coming_},
          {"expecting", expects_}};
}

void Desk::run_scenario(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"file", 's'}})) return reply(refusal(400, "send file"));
  const auto file = acting.body["file"].get<std::string>();
  if (auto begun = scenarios_.run(file, acting.user); !begun)
    return reply(refusal(409, begun.error().text()));
  note_act(acting.user, "ran a scenario", file);
  reply(answer(scenarios_.now()));
}

void Desk::cancel_scenario(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {})) return reply(refusal(400, "send an empty object"));
  const auto file = scenarios_.cancel(acting.user);
  if (!file) return reply(refusal(409, file.error().text()));
  note_act(acting.user, "cancelled a scenario", *file);
  reply(answer(scenarios_.now()));
}

void Desk::prepare(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"proposal", 'n'}, {"approve", 'b'}}))
    return reply(refusal(400, "send proposal and approve"));
  const auto number = whole(acting.body["proposal"]);
  const auto& plan = record_.plan();
  // What the gate refused can be overruled, by two people, where its rules allow that.
  const bool waits =
      plan.is_object() &&
      (plan.value("outcome", "") == "proposed" ||
       (plan.value("outcome", "") == "refused" && plan.value("can_be_overruled", false)));
  if (!waits || !number || plan.value("proposal", 0) != *number)
    return reply(refusal(409, "this proposal does not wait for a decision any more"));
  const auto& ticket = tickets_[acting.user] = {
      random_word(16), *number, acting.body["approve"].get<bool>(), false, now_s_() + ticket_s};
  Json told = {{"ticket", ticket.word},
               {"expires_in_s", ticket_s},
               {"proposal", *number},
               {"approve", ticket.approve},
               {"before", plan.value("before", Json())},
               {"after", plan.value("after", Json())},
               {"reason", plan.value("reason", "")}};
  if (!ticket.approve) return reply(answer(std::move(told)));
  with_registers(std::move(told), false, reply);
}

std::optional<std::pair<Desk::Ticket, std::string>> Desk::second_step(const Acting& acting,
                                                                      bool roll_back,
                                                                      const Reply& reply) {
  if (!has_shape(acting.body, {{"ticket", 's'}, {"reason", 's'}})) {
    reply(refusal(400, "send ticket and reason"));
    return std::nullopt;
  }
  auto reason = acting.body["reason"].get<std::string>();
  if (reason.empty() || reason.size() > reason_most) {
    reply(refusal(400, "a decision needs a reason of at most 200 bytes"));
    return std::nullopt;
  }
  auto ticket = tickets_.extract(acting.user);
  if (ticket.empty() || ticket.mapped().word != acting.body["ticket"].get<std::string>() ||
      ticket.mapped().roll_back != roll_back || now_s_() > ticket.mapped().until_s) {
    reply(refusal(409, "the first step is too old or was not yours; begin again"));
    return std::nullopt;
  }
  return std::pair(std::move(ticket.mapped()), std::move(reason));
}

void Desk::confirm(const Acting& acting, const Reply& reply) {
  const auto step = second_step(acting, false, reply);
  if (!step) return;
  const auto& [ticket, reason] = *step;
  note_act(acting.user, "reason", fmt::format("proposal {}: {}", ticket.proposal, reason));
  reply(answer_of(attachment_.decide(static_cast<std::uint64_t>(ticket.proposal), ticket.approve,
                                     acting.user)));
}

void Desk::prepare_roll_back(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {})) return reply(refusal(400, "send an empty object"));
  const auto back = Json::parse(attachment_.way_back(), nullptr, false);
  if (!back.is_object()) return reply(refusal(409, "no deployed schedule stands to be taken back"));
  const int number = back.value("proposal", 0);
  const auto& ticket =
      tickets_[acting.user] = {random_word(16), number, false, true, now_s_() + ticket_s};
  with_registers({{"ticket", ticket.word},
                  {"expires_in_s", ticket_s},
                  {"proposal", number},
                  {"before", back.at("before")},
                  {"after", back.at("after")}},
                 true, reply);
}

void Desk::with_registers(Json told, bool back, const Reply& reply) {
  const bool taken = reader_->take([this, told = std::move(told), back, reply]() mutable {
    const auto staging = attachment_.staging(told.value("proposal", std::uint64_t{0}), back);
    if (!staging) return reply(refusal(503, staging.error().text()));
    told["staging"] = Json::parse(*staging, nullptr, false);
    reply(answer(std::move(told)));
  });
  if (!taken) reply(refusal(503, "busy; try again"));
}

void Desk::confirm_roll_back(const Acting& acting, const Reply& reply) {
  const auto step = second_step(acting, true, reply);
  if (!step) return;
  const auto& [ticket, reason] = *step;
  note_act(acting.user, "reason", fmt::format("roll-back of {}: {}", ticket.proposal, reason));
  reply(answer_of(attachment_.roll_back(acting.user)));
}

void Desk::clear_lock_out(const Acting& acting, const Reply& reply) {
  if (!has_shape(acting.body, {{"reason", 's'}})) return reply(refusal(400, "send the reason"));
  const auto reason = acting.body["reason"].get<std::string>();
  if (reason.empty() || reason.size() > reason_most)
    return reply(refusal(400, "clearing needs a reason of at most 200 bytes"));
  const auto given = attachment_.clear_lock_out(acting.user);
  if (given.refusal == attachment::Refusal::none) note_act(acting.user, "reason", reason);
  reply(answer_of(given));
}

/// As programs want them: asked of the attachment, not of the last look at it.
Json Desk::alarms() const {
  const auto snapshot = Json::parse(attachment_.snapshot(), nullptr, false);
  Json out = Json::object();
  for (const char* key : {"line", "connected", "line_time_s", "alarms"})
    out[key] = snapshot.value(key, Json());
  return out;
}

Json Desk::data() const {
  auto data = record_.data();
  data["inputs"] = Json::parse(attachment_.input_quality(), nullptr, false);
  data["drift"] = Json::parse(attachment_.drift(), nullptr, false);
  data["kept"] = !store_.empty();
  data["calibration"] = Json::parse(attachment_.calibration(), nullptr, false);
  data["evaluation"] = evaluation_;
  data["card"] = card_;
  data["believed"] = believed_;
  return data;
}

void Desk::audit(const Reply& reply) {
  if (store_.empty()) return reply(answer({{"kept", false}, {"lines", Json::array()}}));
  const bool taken = clerk_->take([this, reply] {
    auto store = store::Store::open(store_);
    auto lines =
        store ? store->audit() : line::Result<std::vector<store::AuditLine>>(store.error());
    Json out = {{"kept", true}, {"whole", lines.has_value()}, {"lines", Json::array()}};
    if (!lines) {
      out["error"] = lines.error().text();
    } else {
      out["count"] = lines->size();
      const auto first = lines->size() > audit_lines_max ? lines->size() - audit_lines_max : 0;
      for (std::size_t i = first; i < lines->size(); ++i) {
        const auto& line = (*lines)[i];
        out["lines"].push_back({{"number", line.number},
                                {"wall_ms", line.wall_ns / 1'000'000},
                                {"at_s", line.at_s},
                                {"who", line.who},
                                {"what", line.what},
                                {"detail", line.detail},
                                {"hash", line.hash.substr(0, 16)}});
      }
    }
    reply(answer(std::move(out)));
  });
  if (!taken) reply(refusal(503, "busy; try again"));
}

void Desk::asset(const Request& request, const Reply& reply) const {
  const auto path = request.path == "/" ? std::string("/index.html") : request.path;
  for (const auto& asset : assets()) {
    if (asset.path != path) continue;
    Response response;
    response.type = std::string(asset.type);
    response.headers = {{"ETag", fmt::format("\"{}\"", asset.tag)},
                        {"Cache-Control", "no-cache"},
                        {"Vary", "Accept-Encoding"}};
    if (request.if_none_match.find(asset.tag) != std::string::npos) {
      response.status = 304;
    } else if (request.accept_encoding.find("gzip") != std::string::npos) {
      response.headers.emplace_back("Content-Encoding", "gzip");
      response.body = std::string(asset.gzip);
    } else {
      response.body = std::string(asset.plain);
    }
    return reply(std::move(response));
  }
  if (assets().empty() && path == "/index.html") {
    Response response;
    response.type = "text/plain; charset=utf-8";
    response.body =
        "This build has no pages (foreline_HMI=OFF); /api/stream and the rest of /api work.\n";
    return reply(std::move(response));
  }
  Response response;
  response.status = 404;
  response.type = "text/plain; charset=utf-8";
  response.body = "There is no such page.\n";
  reply(std::move(response));
}

}  // namespace foreline::hmi
