// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <foreline/foreline.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "plugin/io/modbus_client.hpp"
#include "sim/text/files.hpp"
#include "tests/support/soft_plc.hpp"

namespace fs = std::filesystem;
using namespace foreline;
using namespace std::chrono_literals;

namespace {

using GetApi = const foreline_api* (*)(uint32_t, uint32_t, uint32_t*);

GetApi get_api() {
  static void* const library = ::dlopen(
      (fs::path(FORELINE_BINARY_DIR) / "bin" / "libforeline.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) FAIL(::dlerror());
  return reinterpret_cast<GetApi>(::dlsym(library, "foreline_get_api"));
}

const foreline_api& api() {
  uint32_t chosen = 0;
  const auto* found = get_api()(1, 1, &chosen);
  REQUIRE(found != nullptr);
  REQUIRE(chosen == 1);
  return *found;
}

/// A host that counts what it is told.
struct Host {
  std::atomic<int> events{0};
  std::atomic<int> links{0};
  std::atomic<int> forecasts{0};
  foreline_host calls{};
  Host() {
    calls.size = sizeof calls;
    calls.context = this;
    calls.event = [](void* context, const foreline_event* event) {
      auto& self = *static_cast<Host*>(context);
      ++self.events;
      if (event->kind == FORELINE_EVENT_LINK) ++self.links;
      if (event->kind == FORELINE_EVENT_FORECAST) ++self.forecasts;
    };
  }
};

std::string sample() {
  std::ostringstream text;
  text << std::ifstream(fs::path(FORELINE_SOURCE_DIR) / "plugin/config/bottling.toml").rdbuf();
  return std::regex_replace(text.str(), std::regex("\"\\.\\./\\.\\./"),
                            "\"" + std::string(FORELINE_SOURCE_DIR) + "/");
}

/// The sample configuration for a PLC on `port`, our own registers on any free port.
std::string configuration(std::uint16_t port, const std::string& name,
                          std::string text = sample()) {
  const auto replace = [&](const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
  };
  replace("port = 15020", "port = " + std::to_string(port));
  replace("port = 15030", "port = 0");
  const auto folder = fs::path(FORELINE_BINARY_DIR) / "scratch" / ("abi-" + name);
  fs::create_directories(folder);
  std::ofstream(folder / "plugin.toml") << text;
  return (folder / "plugin.toml").string();
}

struct Instance {
  foreline_instance* handle = nullptr;
  std::array<char, 1024> error{};
  Instance(const std::string& config, const Host& host) {
    const auto status =
        api().create(config.c_str(), &host.calls, &handle, error.data(), error.size());
    INFO(error.data());
    REQUIRE(status == FORELINE_OK);
    REQUIRE(handle != nullptr);
  }
  ~Instance() { api().destroy(handle); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  void start() {
    const auto status = api().start(handle, error.data(), error.size());
    INFO(error.data());
    REQUIRE(status == FORELINE_OK);
  }
  void stop() { CHECK(api().stop(handle, 5000, error.data(), error.size()) == FORELINE_OK); }
};

bool soon(const std::function<bool()>& holds) {
  for (int i = 0; i < 1000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

std::size_t threads() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& task : fs::directory_iterator("/proc/self/task")) ++count;
  return count;
}

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& fd : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// The bottling line, as the sample configuration expects it.
line::Trial bottling() {
  auto scenario = text::read_scenario_file(fs::path(FORELINE_SOURCE_DIR) / "scenarios/demo.toml");
  if (!scenario) FAIL(scenario.error().text());
  return text::trial_of(*scenario, 0);
}

constexpr std::uint16_t nobody = 1;  // a port on which nothing listens

}  // namespace

TEST_CASE("the version is negotiated, and none is given outside the range") {
  uint32_t chosen = 99;
  const auto* table = get_api()(1, 7, &chosen);
  REQUIRE(table != nullptr);
  CHECK(chosen == 1);
  CHECK(table->abi_version == 1);
  CHECK(table->size >= sizeof(foreline_api));
  CHECK(std::string(table->version).find('.') != std::string::npos);
  CHECK(get_api()(2, 7, &chosen) == nullptr);
  CHECK(chosen == 0);
  CHECK(get_api()(0, 0, nullptr) == nullptr);
  CHECK(get_api()(7, 1, nullptr) == nullptr);
}

TEST_CASE("missing arguments are refused everywhere, with or without room for the reason") {
  const auto& a = api();
  std::array<char, 64> error{};
  foreline_instance* instance = nullptr;
  char* text = nullptr;
  CHECK(a.create(nullptr, nullptr, &instance, error.data(), error.size()) ==
        FORELINE_INVALID_ARGUMENT);
  CHECK(std::strlen(error.data()) > 0);
  CHECK(a.create("x.toml", nullptr, nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.start(nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.stop(nullptr, 0, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.read(nullptr, "x", nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.acknowledge(nullptr, nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.plan(nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.decide(nullptr, 1, 1, nullptr, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.snapshot(nullptr, &text, nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.acknowledge_as(nullptr, "x", "me", nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.shelve(nullptr, "x", 60, "me", "", nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.service(nullptr, "x", 1, "me", "", nullptr, 0) == FORELINE_INVALID_ARGUMENT);
  CHECK(a.server_port(nullptr) == 0);
  a.destroy(nullptr);
  a.free_text(nullptr);
}

TEST_CASE("a bad configuration is told with its place, in as much room as there is") {
  auto text = sample();
  text.replace(text.find("[gate]"), 6, "[gate]\nleast_gian = \"1 %\"");
  const auto path = configuration(nobody, "bad", text);
  for (const std::size_t size : {1UL, 2UL, 40UL, 4096UL}) {
    std::vector<char> error(size + 8, 'x');
    foreline_instance* instance = nullptr;
    CHECK(api().create(path.c_str(), nullptr, &instance, error.data(), size) ==
          FORELINE_INVALID_CONFIG);
    CHECK(instance == nullptr);
    CHECK(std::memchr(error.data(), '\0', size) != nullptr);
    CHECK(std::string(error.end() - 8, error.end()) == "xxxxxxxx");
    if (size == 4096) {
      CHECK(std::regex_search(error.data(), std::regex("plugin.toml:[0-9]+:[0-9]+: .*least_gian")));
      CHECK(std::string(error.data()).find("least_gain") != std::string::npos);
    }
  }
}

TEST_CASE("an instance lives through its states in any order, without a PLC") {
  Host host;
  Instance instance(configuration(nobody, "states"), host);
  auto& error = instance.error;
  CHECK(api().server_port(instance.handle) == 0);
  CHECK(api().plan(instance.handle, error.data(), error.size()) != FORELINE_OK);
  CHECK(std::strlen(error.data()) > 0);
  instance.stop();  // never started
  instance.start();
  CHECK(api().start(instance.handle, error.data(), error.size()) == FORELINE_WRONG_STATE);
  CHECK(api().server_port(instance.handle) != 0);
  CHECK(api().decide(instance.handle, 12345, 1, "me", error.data(), error.size()) != FORELINE_OK);
  CHECK(api().acknowledge(instance.handle, "no/such", error.data(), error.size()) != FORELINE_OK);
  foreline_value value{};
  value.size = sizeof value;
  CHECK(api().read(instance.handle, "no/such", &value, error.data(), error.size()) ==
        FORELINE_INVALID_ARGUMENT);
  CHECK(api().read(instance.handle, "filler/vibration", &value, error.data(), error.size()) ==
        FORELINE_OK);
  CHECK(value.quality < 64);  // OPC DA: bad
  instance.stop();
  const int events = host.events;
  std::this_thread::sleep_for(200ms);
  CHECK(host.events == events);
  instance.stop();
}

TEST_CASE("values, forecasts and registers of a real line arrive, in two instances at once") {
  const tests::SoftPlc plc(bottling(), "abi-plc", 200);
  REQUIRE(plc.port() != 0);
  Host first_host;
  Host second_host;
  Instance first(configuration(plc.port(), "first"), first_host);
  Instance second(configuration(plc.port(), "second"), second_host);
  first.start();
  second.start();
  CHECK(soon([&] { return first_host.forecasts > 5 && second_host.forecasts > 5; }));
  CHECK(first_host.links >= 1);
  CHECK(api().server_port(first.handle) != api().server_port(second.handle));

  foreline_value value{};
  value.size = sizeof value;
  CHECK(api().read(first.handle, "filler/vibration", &value, nullptr, 0) == FORELINE_OK);
  CHECK(value.quality == 192);
  CHECK(std::string(value.unit) == "mm/s");
  CHECK(value.value > 0);
  CHECK(value.value < 50);
  CHECK(value.at_s > 0);
  // A host that was built when the struct ended after `value`.
  foreline_value old{};
  old.size = offsetof(foreline_value, quality);
  old.quality = 4711;
  CHECK(api().read(first.handle, "filler/vibration", &old, nullptr, 0) == FORELINE_OK);
  CHECK(old.quality == 4711);

  char* text = nullptr;
  REQUIRE(api().snapshot(first.handle, &text, nullptr, 0) == FORELINE_OK);
  CHECK(std::string(text).find("\"filler\"") != std::string::npos);
  api().free_text(text);

  io::ModbusClient scada("127.0.0.1", api().server_port(first.handle), 1, 1s);
  REQUIRE(scada.connect());
  const auto head = scada.read({core::RegisterTable::holding, 0, 2});
  REQUIRE(head);
  CHECK(head->at(0) != 0);
  first.stop();
  CHECK_FALSE(scada.read({core::RegisterTable::holding, 0, 2}));
  const int others = second_host.forecasts;
  CHECK(soon([&] { return second_host.forecasts > others; }));
}

TEST_CASE("row 25: a hundred cycles leave no thread, descriptor or byte behind") {
  const tests::SoftPlc plc(bottling(), "abi-cycle", 200);
  REQUIRE(plc.port() != 0);
  const auto bare =
      std::regex_replace(sample(), std::regex("\nmodel = [^\n]*"), "");  // loaded elsewhere
  const auto cycle = [&](int i) {
    Host host;
    // One in ten with the model, as it is in the field.
    Instance instance(configuration(plc.port(), "cycle", i % 10 == 0 ? sample() : bare), host);
    instance.start();
    if (i % 3 != 0) CHECK(soon([&] { return host.links > 0; }));  // else ended at once
    if (i % 2 == 0) instance.stop();                              // else destroy() does
  };
  // What a library makes once (an OpenMP pool, a loaded locale) may stay.
  for (int i = 0; i < 10; ++i) cycle(i);
  const auto threads_before = threads();
  const auto descriptors_before = descriptors();
  const auto bytes_before = ::mallinfo2().uordblks;
  for (int i = 0; i < 100; ++i) cycle(i);
  CHECK(threads() <= threads_before);
  CHECK(descriptors() <= descriptors_before);
  CHECK(static_cast<double>(::mallinfo2().uordblks) - static_cast<double>(bytes_before) < 65'536);
}

TEST_CASE("a reload keeps what stands, and one that fails leaves the old configuration running") {
  const tests::SoftPlc plc(bottling(), "abi-reload", 200);
  REQUIRE(plc.port() != 0);
  const auto bare = std::regex_replace(sample(), std::regex("\nmodel = [^\n]*"), "");
  const auto good = configuration(plc.port(), "reload", bare);
  const auto lacking = configuration(plc.port(), "reload-lacking", "model = \"nowhere\"\n" + bare);
  const auto empty = fs::path(lacking).replace_filename("empty-model");
  fs::create_directories(empty);
  const auto bad =
      configuration(plc.port(), "reload-bad", "model = \"" + empty.string() + "\"\n" + bare);
  Host host;
  Instance instance(good, host);
  instance.start();
  CHECK(soon([&] { return host.links > 0; }));
  const auto clock_s = [&] {
    foreline_value value{};
    value.size = sizeof value;
    CHECK(api().read(instance.handle, "filler/vibration", &value, nullptr, 0) == FORELINE_OK);
    return value.at_s;
  };
  CHECK(soon([&] { return clock_s() > 0; }));
  const double before_s = clock_s();
  CHECK(api().reload(instance.handle, bad.c_str(), instance.error.data(), instance.error.size()) ==
        FORELINE_IO);
  CHECK(api().reload(instance.handle, lacking.c_str(), instance.error.data(),
                     instance.error.size()) == FORELINE_INVALID_CONFIG);
  CHECK(clock_s() >= before_s);
  CHECK(api().reload(instance.handle, good.c_str(), instance.error.data(), instance.error.size()) ==
        FORELINE_OK);
  CHECK(clock_s() >= before_s);  // at once, before anything has been read anew
  CHECK(api().reload(instance.handle, "no/such/file.toml", instance.error.data(),
                     instance.error.size()) == FORELINE_INVALID_CONFIG);
  const int links = host.links;
  CHECK(soon([&] { return clock_s() > before_s + 100; }));
  CHECK(host.links >= links);
  instance.stop();
  // Reloaded while it rests, it goes on when it is started.
  const double rested_s = clock_s();
  CHECK(api().reload(instance.handle, good.c_str(), instance.error.data(), instance.error.size()) ==
        FORELINE_OK);
  instance.start();
  CHECK(clock_s() >= rested_s);
}

TEST_CASE("a host acts on alarms by name, and what it may not is refused") {
  auto text = sample();
  const std::string delay = "communication_on_delay = \"30 s\"";
  text.replace(text.find(delay), delay.size(), "communication_on_delay = \"0 s\"");
  Host host;
  Instance instance(configuration(nobody, "alarms", text), host);
  auto& error = instance.error;
  const auto* handle = instance.handle;
  const char* link = "plc/communication";
  const auto acknowledge = [&](const char* subject, const char* who) {
    return api().acknowledge_as(instance.handle, subject, who, error.data(), error.size());
  };
  const auto shelve = [&](const char* subject, double for_s, const char* who, const char* reason) {
    return api().shelve(instance.handle, subject, for_s, who, reason, error.data(), error.size());
  };
  const auto service = [&](const char* subject, int in, const char* who, const char* reason) {
    return api().service(instance.handle, subject, in, who, reason, error.data(), error.size());
  };
  const auto state = [&] {
    char* json = nullptr;
    REQUIRE(api().snapshot(instance.handle, &json, nullptr, 0) == FORELINE_OK);
    const std::string all = json;
    api().free_text(json);
    const auto at = all.find("\"state\":", all.find("\"id\":\"plc/communication\""));
    return at == std::string::npos ? std::string() : all.substr(at + 8, all.find(',', at) - at - 8);
  };
  REQUIRE(handle != nullptr);
  CHECK(acknowledge(link, "me") == FORELINE_WRONG_STATE);
  instance.start();
  REQUIRE(soon([&] { return state() == "\"unacknowledged\""; }));
  CHECK(acknowledge(nullptr, "me") == FORELINE_INVALID_ARGUMENT);
  CHECK(acknowledge(link, nullptr) == FORELINE_INVALID_ARGUMENT);
  CHECK(acknowledge(link, "") == FORELINE_INVALID_ARGUMENT);
  CHECK(acknowledge("no/such", "me") == FORELINE_REFUSED);
  CHECK(acknowledge(link, "me") == FORELINE_OK);
  CHECK(soon([&] { return state() == "\"acknowledged\""; }));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double for_s : {nan, -1.0, 1.0, 86'401.0, 1e300})
    CHECK(shelve(link, for_s, "me", "x") == FORELINE_INVALID_ARGUMENT);
  CHECK(shelve(link, 600, nullptr, "x") == FORELINE_INVALID_ARGUMENT);
  CHECK(shelve("no/such", 600, "me", "x") == FORELINE_REFUSED);
  CHECK(shelve(link, 0, "me", nullptr) == FORELINE_REFUSED);  // it is not shelved
  CHECK(shelve(link, 600, "me", "\xff\xfe<script>") == FORELINE_OK);
  CHECK(soon([&] { return state() == "\"shelved\""; }));
  CHECK(shelve(link, 0, "me", nullptr) == FORELINE_OK);
  CHECK(soon([&] { return state() == "\"unacknowledged\""; }));
  CHECK(service("no/such", 0, "me", "x") == FORELINE_INVALID_ARGUMENT);
  CHECK(service(link, 1, "me", "x") == FORELINE_REFUSED);
  CHECK(service(link, 0, "me", nullptr) == FORELINE_OK);
  CHECK(soon([&] { return state() == "\"out-of-service\""; }));
  CHECK(service(link, 1, "me", "back") == FORELINE_OK);
  CHECK(soon([&] { return state() != "\"out-of-service\""; }));
  instance.stop();
}

TEST_CASE("a PLC that dies does not hold up stopping") {
  tests::SoftPlc plc(bottling(), "abi-dying", 200);
  REQUIRE(plc.port() != 0);
  Host host;
  Instance instance(configuration(plc.port(), "dying"), host);
  instance.start();
  CHECK(soon([&] { return host.links > 0; }));
  plc.kill(SIGKILL);
  CHECK(soon([&] { return host.links > 1; }));
  const auto begun = std::chrono::steady_clock::now();
  instance.stop();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("other threads ask while a reload puts another configuration in place") {
  const tests::SoftPlc plc(bottling(), "abi-asked", 200);
  REQUIRE(plc.port() != 0);
  const auto bare = std::regex_replace(sample(), std::regex("\nmodel = [^\n]*"), "");
  const auto good = configuration(plc.port(), "asked", bare);
  Host host;
  Instance instance(good, host);
  instance.start();
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (!done) {
        foreline_value value{};
        value.size = sizeof value;
        (void)api().read(instance.handle, "filler/vibration", &value, nullptr, 0);
        for (auto* ask : {api().snapshot, api().metrics}) {
          char* text = nullptr;
          (void)ask(instance.handle, &text, nullptr, 0);
          api().free_text(text);
        }
        (void)api().acknowledge(instance.handle, "communication", nullptr, 0);
        (void)api().server_port(instance.handle);
        (void)api().hmi_port(instance.handle);
      }
    });
  for (int i = 0; i < 20; ++i)
    CHECK(api().reload(instance.handle, good.c_str(), instance.error.data(),
                       instance.error.size()) == FORELINE_OK);
  done = true;
  for (auto& thread : threads) thread.join();
  instance.stop();
}

TEST_CASE("stopped or destroyed from a callback, an instance says no and lives on") {
  const tests::SoftPlc plc(bottling(), "abi-callback", 200);
  REQUIRE(plc.port() != 0);
  struct Self {
    foreline_instance* handle = nullptr;
    std::atomic<int> status = -1;
  } self;
  foreline_host calls{};
  calls.size = sizeof calls;
  calls.context = &self;
  calls.event = [](void* context, const foreline_event*) {
    auto& own = *static_cast<Self*>(context);
    if (own.status != -1) return;
    const auto status = api().stop(own.handle, 5000, nullptr, 0);
    api().destroy(own.handle);
    own.status = static_cast<int>(status);
  };
  std::array<char, 1024> error{};
  REQUIRE(api().create(configuration(plc.port(), "callback").c_str(), &calls, &self.handle,
                       error.data(), error.size()) == FORELINE_OK);
  REQUIRE(api().start(self.handle, error.data(), error.size()) == FORELINE_OK);
  CHECK(soon([&] { return self.status != -1; }));
  CHECK(self.status == static_cast<int>(FORELINE_WRONG_STATE));
  CHECK(api().server_port(self.handle) != 0);
  CHECK(api().stop(self.handle, 5000, error.data(), error.size()) == FORELINE_OK);
  api().destroy(self.handle);
}

TEST_CASE("a host struct that ends within a pointer has that pointer not") {
  const tests::SoftPlc plc(bottling(), "abi-half", 200);
  REQUIRE(plc.port() != 0);
  Host host;
  host.calls.size = offsetof(foreline_host, event) + 4;
  foreline_instance* instance = nullptr;
  std::array<char, 1024> error{};
  REQUIRE(api().create(configuration(plc.port(), "half").c_str(), &host.calls, &instance,
                       error.data(), error.size()) == FORELINE_OK);
  REQUIRE(api().start(instance, error.data(), error.size()) == FORELINE_OK);
  CHECK(soon([&] {
    foreline_value value{};
    value.size = sizeof value;
    return api().read(instance, "filler/vibration", &value, nullptr, 0) == FORELINE_OK &&
           value.quality >= 192;
  }));
  CHECK(host.events == 0);
  api().destroy(instance);
}

TEST_CASE(
    "a forked process that stops or destroys an instance is told, and neither dies nor waits") {
  const tests::SoftPlc plc(bottling(), "abi-fork", 200);
  REQUIRE(plc.port() != 0);
  foreline_instance* instance = nullptr;
  std::array<char, 1024> error{};
  REQUIRE(api().create(configuration(plc.port(), "fork").c_str(), nullptr, &instance, error.data(),
                       error.size()) == FORELINE_OK);
  REQUIRE(api().start(instance, error.data(), error.size()) == FORELINE_OK);
  const auto child = ::fork();
  if (child == 0) {
    ::alarm(20);
    const auto status = api().stop(instance, 100, nullptr, 0);
    api().destroy(instance);
    ::_exit(status == FORELINE_WRONG_STATE ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(api().server_port(instance) != 0);
  CHECK(api().stop(instance, 5000, error.data(), error.size()) == FORELINE_OK);
  api().destroy(instance);
}
