// SPDX-License-Identifier: Apache-2.0
// The alarms of a running plugin, through the server of its pages: the same accounts, rights and
// audit.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "plugin/hmi/client.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "sim/text/escape.hpp"

namespace foreline::host {

namespace {

using Clock = std::chrono::steady_clock;
using hmi::Json;

constexpr auto patience = std::chrono::seconds(5);

struct Options {
  std::string pages = "127.0.0.1:15080";
  std::string authorities;
  std::string who;
  std::string alarm;
  std::string reason;
  double minutes = 30;
  bool json = false;
};

int refused(const hmi::Told& told) {
  return fail(told.status == 400   ? bad_input
              : told.status >= 500 ? environment
                                   : expectation_failed,
              "alarms", told.refusal());
}

std::string state_of(const Json& alarms, const std::string& id) {
  for (const auto& alarm : alarms)
    if (alarm.value("id", "") == id) return alarm.value("state", "");
  return "normal";
}

void print(const Json& alarms, const std::string& only = {}) {
  for (const auto& alarm : alarms) {
    if (!only.empty() && alarm.value("id", "") != only) continue;
    std::string text = alarm.value("why", "");
    if (alarm.contains("by")) {
      text = alarm["state"] == "shelved"
                 ? fmt::format("until {}, ", clock_text(alarm.value("until_s", 0.0)))
                 : std::string();
      text += fmt::format("by {}", alarm["by"].get<std::string>());
      if (const auto reason = alarm.value("reason", ""); !reason.empty()) text += ": " + reason;
    }
    fmt::print("{:<24} {:<8} {}  {:<32} {}\n", alarm.value("state", ""),
               alarm.value("priority", ""), clock_text(alarm.value("since_s", 0.0)),
               alarm.value("id", ""), text::printable(text));
  }
}

/// One person at the pages.
class Desk {
 public:
  explicit Desk(const Options& options) : options_(options) {}

  /// Finds the server, and signs in when there is a name; anything but `pass` has been said.
  int open() {
    auto at = hmi::pages_address(options_.pages);
    if (!at) return fail(bad_input, "alarms", at.error());
    hmi::Client::Options how;
    how.at = *at;
    how.authorities = options_.authorities;
    client_ = std::make_unique<hmi::Client>(how);
    if (options_.who.empty()) return pass;
    auto told = client_->sign_in(options_.who, password_from_person(options_.who, ""));
    if (!told) return fail(environment, "alarms", told.error());
    return told->status == 200 ? pass : refused(*told);
  }

  /// The alarms that stand, if the server tells them.
  line::Result<Json> look(int& status) {
    auto told = client_->get("/api/alarms");
    if (!told) {
      status = fail(environment, "alarms", told.error());
      return told.error();
    }
    if (told->status != 200) {
      status = refused(*told);
      return line::Error(told->refusal());
    }
    if (!told->body.is_object() || !told->body.contains("alarms") ||
        !told->body["alarms"].is_array()) {
      status = fail(environment, "alarms", "that is no foreline plugin, or one of another release");
      return line::Error("no list of alarms");
    }
    return told->body;
  }

  int list() {
    int status = open();
    if (status != pass) return status;
    const auto told = look(status);
    if (!told) return status;
    if (options_.json)
      fmt::print("{}\n", told->dump());
    else if ((*told)["alarms"].empty())
      fmt::print("no alarm stands\n");
    else
      print((*told)["alarms"]);
    return pass;
  }

  /// Acts, and waits until it shows.
  template <class Shows>
  int act(const std::string& path, Json body, const Shows& shows) {
    if (options_.who.empty()) return fail(bad_input, "alarms", "an act needs a name: --as NAME");
    int status = open();
    if (status != pass) return status;
    body["alarm"] = options_.alarm;
    auto told = client_->post(path, body);
    if (!told) return fail(environment, "alarms", told.error());
    if (told->status != 200) return refused(*told);
    const auto deadline = Clock::now() + patience;
    for (;;) {
      const auto alarms = look(status);
      if (!alarms) return status;
      const auto& standing = (*alarms)["alarms"];
      const auto state = state_of(standing, options_.alarm);
      if (shows(state)) {
        if (options_.json)
          fmt::print("{}\n", Json{{"alarm", options_.alarm}, {"state", state}}.dump(
                                 -1, ' ', false, Json::error_handler_t::replace));
        else if (state == "normal")
          fmt::print("{} is normal\n", options_.alarm);
        else
          print(standing, options_.alarm);
        return pass;
      }
      if (Clock::now() > deadline)
        return fail(expectation_failed, "alarms",
                    fmt::format("{} is still {}", options_.alarm, state));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

 private:
  const Options& options_;
  std::unique_ptr<hmi::Client> client_;
};

}  // namespace

void add_alarms(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("alarms", "List the alarms of a running plugin, and act on them");
  command->require_subcommand(1);
  const auto part = [&](const char* name, const char* what, bool acts, const char* why) {
    auto* sub = command->add_subcommand(name, what);
    if (acts)
      sub->add_option("alarm", options->alarm, "As list names it, such as filler/bearing-wear")
          ->required();
    sub->add_option("--pages", options->pages,
                    "Where the plugin serves its pages: HOST:PORT or https://HOST:PORT")
        ->capture_default_str();
    sub->add_option("--ca", options->authorities,
                    "PEM file of who signed the pages' certificate, if the system does not know");
    sub->add_option("--as", options->who,
                    "Account to sign in with; the password comes from the terminal or a pipe");
    sub->add_flag("--json", options->json, "Print one JSON object");
    if (why != nullptr) sub->add_option("--reason", options->reason, why)->required();
    sub->footer(std::string("Example:\n  foreline alarms ") + name +
                (acts ? " filler/bearing-wear --as ada" : " --pages 127.0.0.1:15080") +
                (why != nullptr ? " --reason 'the sensor is being replaced'" : ""));
    return sub;
  };
  part("list", "Alarms that are not normal", false, nullptr)->callback([options, &exit_code] {
    exit_code = Desk(*options).list();
  });
  part("acknowledge", "Say that somebody has seen it", true, nullptr)
      ->callback([options, &exit_code] {
        exit_code = Desk(*options).act("/api/acknowledge", Json::object(), [](const auto& state) {
          return state != "unacknowledged" && state != "returned-unacknowledged";
        });
      });
  auto* shelve = part("shelve", "Hide it for a time", true, "Why; goes into the audit");
  shelve->add_option("--minutes", options->minutes, "Of line time")
      ->check(CLI::Range(1.0, 1440.0))
      ->capture_default_str();
  shelve->callback([options, &exit_code] {
    exit_code = Desk(*options).act("/api/shelve",
                                   {{"for_s", 60 * options->minutes}, {"reason", options->reason}},
                                   [](const auto& state) { return state == "shelved"; });
  });
  part("unshelve", "Show it before that time is over", true, nullptr)
      ->callback([options, &exit_code] {
        exit_code = Desk(*options).act("/api/unshelve", Json::object(),
                                       [](const auto& state) { return state != "shelved"; });
      });
  part("out-of-service", "Hide it until it is returned; engineers only", true,
       "Why; goes into the audit")
      ->callback([options, &exit_code] {
        exit_code =
            Desk(*options).act("/api/service", {{"in_service", false}, {"reason", options->reason}},
                               [](const auto& state) { return state == "out-of-service"; });
      });
  part("in-service", "Return it to service; engineers only", true, "Why; goes into the audit")
      ->callback([options, &exit_code] {
        exit_code =
            Desk(*options).act("/api/service", {{"in_service", true}, {"reason", options->reason}},
                               [](const auto& state) { return state != "out-of-service"; });
      });
  command->footer(
      "Accounts and rights are those of the pages: foreline account add makes them.\n"
      "Example:\n  foreline alarms list --pages 127.0.0.1:15080");
}

}  // namespace foreline::host
