// SPDX-License-Identifier: Apache-2.0
// The smallest real host: loads libforeline.so through its C header and prints what it says.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "plugin/host/console.hpp"
#include "plugin/host/dry_run.hpp"
#include "plugin/host/interruption.hpp"
#include "plugin/host/library.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t reload_wanted = 0;

struct Options {
  std::string configuration;
  std::string library;
  std::string duration;
  std::string snapshots;
  std::string hmi;
  bool json = false;
  bool forecasts = false;
  bool dry_run = false;
};

/// Events come on the plugin's thread, everything else on ours.
class Printer {
 public:
  Printer(bool json, bool forecasts) : json_(json), forecasts_(forecasts) {}

  void event(const foreline_event& event) {
    constexpr std::array<const char*, 7> kinds = {"",     "link",   "forecast", "alarm",
                                                  "plan", "deploy", "write"};
    const std::string kind = event.kind < kinds.size() ? kinds[event.kind] : "?";
    if (json_) {
      ordered_json out = {
          {"event", kind},      {"at_s", event.at_s}, {"subject", event.subject},
          {"what", event.what}, {"text", event.text}, {"probability", event.probability}};
      out["expected_in_s"] =
          std::isfinite(event.expected_in_s) ? ordered_json(event.expected_in_s) : ordered_json();
      out["detail"] = ordered_json::parse(event.detail_json, nullptr, false);
      print(out.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    } else if (event.kind != FORELINE_EVENT_FORECAST || forecasts_) {
      print(fmt::format("{}  {:<8}  {}", clock_text(event.at_s), kind, event.text));
    }
  }
  void log(int level, const char* room, const char* line) {
    if (json_)
      print(ordered_json{{"event", "log"}, {"level", level}, {"room", room}, {"text", line}}.dump(
          -1, ' ', false, ordered_json::error_handler_t::replace));
    else if (level > 0)
      print(fmt::format("          {:<8}  {}", room, line));
  }
  void reloaded(const std::string& path, const std::string& why_not) {
    if (json_) {
      ordered_json out = {{"event", "reload"}, {"file", path}, {"done", why_not.empty()}};
      if (!why_not.empty()) out["text"] = why_not;
      print(out.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
    } else {
      print(why_not.empty() ? fmt::format("{} has been read again and is in force", path)
                            : fmt::format("{}\nThe configuration of before runs on.", why_not));
    }
  }
  void print(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
  }

 private:
  bool json_;
  bool forecasts_;
  std::mutex mutex_;
};

/// Tells systemd (sd_notify(3)) when it is who has started us; else does nothing.
void notify(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path;
  if (name.size() >= sizeof address.sun_path) return;
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()));
  ::close(fd);
}

std::optional<double> duration_option(const std::string& text, const char* name, int& status) {
  if (text.empty()) return std::nullopt;
  const auto value = text::parse_duration(text);
  if (!value || !(*value > 0))
    status = fail(bad_input, "watch",
                  fmt::format("{} \"{}\" is no duration (write \"20 s\")", name, text));
  return value;
}

int watch(const Options& options) {
  int status = pass;
  const auto limit_s = duration_option(options.duration, "--for", status);
  const auto snapshot_s = duration_option(options.snapshots, "--snapshots", status);
  if (status != pass) return status;
  // A connection a device, and there may be more than a thousand.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  auto library = Library::open(options.library);
  if (!library) return fail(environment, "watch", library.error());
  const auto& api = library->api();
  Printer printer(options.json, options.forecasts);
  foreline_host host{};
  host.size = sizeof host;
  host.context = &printer;
  host.log = [](void* context, int level, const char* room, const char* line) {
    static_cast<Printer*>(context)->log(level, room, line);
  };
  host.event = [](void* context, const foreline_event* event) {
    static_cast<Printer*>(context)->event(*event);
  };
  // CLI11 says "true" for an option that was given without its value.
  const std::string hmi = options.hmi == "true" ? "0" : options.hmi;
  if (!hmi.empty()) host.hmi = hmi.c_str();
  std::array<char, 4096> error{};
  foreline_instance* instance = nullptr;
  const auto path = shipped(options.configuration).string();
  const auto created = api.create(path.c_str(), &host, &instance, error.data(), error.size());
  if (created != FORELINE_OK)
    return fail(created == FORELINE_INVALID_CONFIG ? bad_input : environment, "watch",
                std::string(error.data()));
  const std::unique_ptr<foreline_instance, void (*)(foreline_instance*)> owner(instance,
                                                                               api.destroy);
  for (const int number : {SIGINT, SIGTERM}) on_own_stack(number, [](int) { interrupted = 1; });
  on_own_stack(SIGUSR1, [](int) { reload_wanted = 1; });
  if (api.start(instance, error.data(), error.size()) != FORELINE_OK)
    return fail(environment, "watch", std::string(error.data()));
  const int port = api.server_port(instance);
  const int pages = api.hmi_port(instance);
  if (options.json)
    printer.print(ordered_json{
        {"event", "started"},
        {"library", library->path()},
        {"version", api.version},
        {"server_port", port},
        {"hmi_port",
         pages}}.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
  else
    printer.print(
        fmt::format("watching with {} (foreline {}); forecasts and alarms on Modbus port {}",
                    library->path(), api.version, port));
  if (!options.json && pages != 0)
    printer.print(fmt::format("look at http://127.0.0.1:{}/", pages));
  const auto begun = Clock::now();
  auto next_snapshot = begun;
  auto next_sign = begun;
  notify("READY=1");
  const auto due = [&](double s) {
    return std::chrono::duration<double>(Clock::now() - begun).count() >= s;
  };
  while (interrupted == 0 && !(limit_s && due(*limit_s))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (reload_wanted != 0) {
      reload_wanted = 0;
      notify("RELOADING=1");
      const auto reloaded = api.reload(instance, path.c_str(), error.data(), error.size());
      notify("READY=1");
      printer.reloaded(path, reloaded == FORELINE_OK ? "" : error.data());
      // Neither the old nor the new one runs: whoever has started us may do it again.
      if (reloaded == FORELINE_INTERNAL) return fail(environment, "watch", error.data());
    }
    if (Clock::now() >= next_sign) {
      next_sign = Clock::now() + std::chrono::seconds(1);
      // A sign of life that goes through the instance's lock, so that a hang is seen.
      char* counters = nullptr;
      if (api.metrics(instance, &counters, error.data(), error.size()) == FORELINE_OK)
        notify("WATCHDOG=1");
      api.free_text(counters);
    }
    if (!snapshot_s || Clock::now() < next_snapshot) continue;
    next_snapshot = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                       std::chrono::duration<double>(*snapshot_s));
    char* text = nullptr;
    if (api.snapshot(instance, &text, error.data(), error.size()) != FORELINE_OK) continue;
    printer.print(fmt::format(R"({{"event":"snapshot","snapshot":{}}})", text));
    api.free_text(text);
  }
  notify("STOPPING=1");
  (void)api.stop(instance, 5000, error.data(), error.size());
  return pass;
}

}  // namespace

void add_watch(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "watch", "Attach the plugin to a PLC and print forecasts, alarms and proposals");
  command->add_option("configuration", options->configuration, "The plugin's configuration")
      ->required();
  command->add_flag("--json", options->json, "One JSON object a line");
  command->add_flag("--forecasts", options->forecasts, "Print every forecast, not only changes");
  command->add_flag("--dry-run", options->dry_run,
                    "Read every register once, print values with units and quality, and end");
  command->add_option("--snapshots", options->snapshots,
                      "Print everything known this often, as JSON");
  command->add_option("--library", options->library, "libforeline.so, if not beside this program");
  command
      ->add_option("--hmi", options->hmi,
                   "Serve the pages on this port of 127.0.0.1 (or ADDRESS:PORT); 0: any free one")
      ->expected(0, 1);
  command->add_option("--for", options->duration, "End after this time, such as \"20 s\"");
  command->footer(
      "SIGUSR1 reads the configuration again (systemctl reload); one with a mistake leaves the old "
      "one running.\n\n"
      "Example:\n  foreline watch plugin/config/bottling.toml --hmi 15080 --for '1 s'");
  command->callback([options, &exit_code] {
    exit_code = options->dry_run ? dry_run(options->configuration, options->json) : watch(*options);
  });
}

}  // namespace foreline::host
