// SPDX-License-Identifier: Apache-2.0
// What an integrator meets on a bad day. Each ends with a clear message and a true exit status.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/programs.hpp"

using namespace foreline::tests;

namespace {

/// A port that is taken for as long as this lives, or only known to be free afterwards.
class Taken {
 public:
  Taken() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Taken() { ::close(fd_); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

std::string free_port() {
  return Taken().port();
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

/// The sample configuration with other ports (and more), its files named absolutely.
fs::path configuration(const std::string& name, const std::string& plc_port,
                       const std::string& server_port, const std::string& model = "") {
  auto text = contents(from_tree("plugin/config/bottling.toml"));
  text = std::regex_replace(text, std::regex("\"\\.\\./\\.\\./"), "\"" + from_tree("").string());
  text = replaced(text, "port = 15020", "port = " + plc_port);
  text = replaced(text, "port = 15030", "port = " + server_port);
  if (!model.empty()) text = replaced(text, from_tree("inference/models/small").string(), model);
  const auto path = fresh_folder(name) / "plugin.toml";
  std::ofstream(path) << text;
  return path;
}

}  // namespace

TEST_CASE("a PLC that is not there is tried again, reported, and attached to when it comes") {
  const auto port = free_port();
  const auto config = configuration("absent-plc", port, "0");
  // Without a PLC the line's clock stands in for by ours: the alarm's delay is real time.
  Foreline watch({"watch", config.string(), "--for", "60 s"});
  REQUIRE_FALSE(watch.line_with("watching with").empty());
  const auto trouble = watch.line_with(port);
  INFO(watch.said());
  CHECK_FALSE(trouble.empty());
  Foreline serve({"serve", from_tree("scenarios/demo.toml").string(), "--port", port, "--speed",
                  "50", "--for", "30 s"});
  CHECK_FALSE(serve.line_with("listening").empty());
  CHECK_FALSE(watch.line_with("answers").empty());
  watch.signal(SIGTERM);
  CHECK(watch.end() == 0);
}

TEST_CASE("a port in use is an error that names the port") {
  const Taken taken;
  Foreline serve({"serve", from_tree("scenarios/demo.toml").string(), "--port", taken.port()});
  CHECK(serve.end() == 3);
  CHECK(serve.said().find(taken.port()) != std::string::npos);
  Foreline watch(
      {"watch", configuration("port-in-use", free_port(), taken.port()).string(), "--for", "5 s"});
  CHECK(watch.end() == 3);
  INFO(watch.said());
  CHECK(watch.said().find(taken.port()) != std::string::npos);
}

TEST_CASE("a truncated model is refused by name before anything is watched") {
  const auto folder = fresh_folder("truncated-model");
  for (const auto& entry : fs::directory_iterator(from_tree("inference/models/small")))
    fs::copy_file(entry.path(), folder / entry.path().filename());
  fs::resize_file(folder / "model.safetensors", 100'000);
  Foreline watch({"watch", configuration("truncated", free_port(), "0", folder.string()).string(),
                  "--for", "5 s"});
  const int status = watch.end();
  INFO(watch.said());
  CHECK(status != 0);
  CHECK(status != -1);
  CHECK(watch.said().find("model.safetensors") != std::string::npos);
  Foreline forecast(
      {"forecast", from_tree("scenarios/demo.toml").string(), "--model", folder.string()});
  CHECK(forecast.end() == 2);
  CHECK(forecast.said().find("model.safetensors") != std::string::npos);
}

TEST_CASE("a running watch reads its configuration again, and keeps the old one on a mistake") {
  const auto port = free_port();
  Foreline serve(
      {"serve", from_tree("scenarios/demo.toml").string(), "--port", port, "--for", "60 s"});
  REQUIRE_FALSE(serve.line_with("listening").empty());
  const auto config = configuration("reload", port, "0");
  const auto text = contents(config);
  Foreline watch({"watch", config.string(), "--json"});
  REQUIRE_FALSE(watch.line_with("connected").empty());
  const auto reload = [&](const std::string& now) {
    std::ofstream(config) << now;
    watch.signal(SIGUSR1);
    return nlohmann::json::parse(watch.line_with("\"reload\""), nullptr, false);
  };

  auto told = reload(replaced(text, "poll = ", "pol = "));
  INFO(watch.said());
  REQUIRE(told.is_object());
  CHECK(told["done"] == false);
  CHECK(told["text"].get<std::string>().find("did you mean \"poll\"") != std::string::npos);

  const Taken taken;
  told = reload(text + "\n[metrics]\nport = " + taken.port() + "\n");
  CHECK(told["done"] == false);
  CHECK(told["text"].get<std::string>().find(taken.port()) != std::string::npos);
  CHECK_FALSE(watch.line_with("connected").empty());  // the old one, again

  told = reload(replaced(text, "poll = \"100 ms\"", "poll = \"200 ms\""));
  CHECK(told["done"] == true);
  CHECK_FALSE(watch.line_with("connected").empty());
  watch.signal(SIGTERM);
  CHECK(watch.end() == 0);
}

TEST_CASE("a killed watch leaves nothing behind, and nothing half written on the PLC") {
  const auto port = free_port();
  Foreline serve({"serve", from_tree("scenarios/demo.toml").string(), "--port", port, "--speed",
                  "50", "--for", "40 s"});
  REQUIRE_FALSE(serve.line_with("listening").empty());
  Foreline watch({"watch", configuration("killed-watch", port, "0").string()});
  REQUIRE_FALSE(watch.line_with("answers").empty());
  const auto family = descendants(watch.pid());
  watch.signal(SIGKILL);
  CHECK(watch.end() == 137);
  CHECK(ended(family));
  Foreline again({"watch", configuration("watch-again", port, "0").string(), "--for", "2 s"});
  CHECK_FALSE(again.line_with("answers").empty());
  CHECK(again.end() == 0);
}

TEST_CASE("a scenario that cannot be read stops every command that reads one") {
  for (const char* command : {"check", "run", "serve", "forecast", "plan", "demo"}) {
    Foreline run({command, "no-such-scenario.toml"});
    INFO(command << ": " << run.said());
    CHECK(run.end() == 2);
    CHECK(run.said().find("no-such-scenario.toml") != std::string::npos);
  }
}

TEST_CASE("check finds what an instance would only find at its start") {
  const auto folder = fresh_folder("check-loads");
  const auto configured = [&](const std::string& model, const std::string& more) {
    const auto file = folder / "plugin.toml";
    std::ifstream in(from_tree("plugin/config/bottling.toml"));
    std::ostringstream text;
    text << in.rdbuf();
    auto out = std::regex_replace(text.str(), std::regex("\\.\\./\\.\\./"), from_tree("").string());
    out = std::regex_replace(out, std::regex("model = [^\\n]*"), "model = \"" + model + "\"");
    std::ofstream(file) << out << more;
    Foreline check({"check", file.string()});
    const int status = check.end();
    return std::pair(status, check.said());
  };
  fs::create_directories(folder / "no-model");
  const auto model = configured("no-model", "");
  CHECK(model.first == 2);
  CHECK(model.second.find((folder / "no-model").string()) != std::string::npos);
  std::ofstream(folder / "accounts.json") << "[";
  fs::permissions(folder / "accounts.json", fs::perms::owner_read);
  const auto accounts = configured("", "[hmi]\naccounts = \"accounts.json\"\n");
  CHECK(accounts.first == 2);
  CHECK(accounts.second.find("accounts.json") != std::string::npos);
  for (const auto* name : {"us.pem", "key.pem"}) std::ofstream(folder / name) << "no PEM\n";
  const auto secured = configured("", "[hmi]\ncertificate = \"us.pem\"\nkey = \"key.pem\"\n");
  INFO(secured.second);
  CHECK(secured.first == 2);
  CHECK(secured.second.find("us.pem cannot be used") != std::string::npos);
  CHECK(configured("", "").first == 0);
}

TEST_CASE("small commands tell programs the same as people, mistakes and all") {
  const auto asked = [](const std::vector<std::string>& words, int wanted) {
    Foreline run(words);
    const int status = run.end();
    INFO(run.said());
    CHECK(status == wanted);
    const auto told = nlohmann::json::parse(run.said(), nullptr, false);
    CHECK_FALSE(told.is_discarded());
    return told;
  };
  const auto sample = from_tree("plugin/config/bottling.toml").string();
  CHECK(asked({"check", sample, "--json"}, 0).at("right") == true);
  const auto folder = fresh_folder("small-commands");
  std::ofstream(folder / "wrong.toml") << "format = \"foreline plugin 1\"\nlien = 1\n";
  const auto wrong = asked({"check", (folder / "wrong.toml").string(), "--json"}, 2);
  CHECK(wrong.at("right") == false);
  CHECK(wrong.at("mistakes").at(0).at("line").get<int>() > 0);
  const auto registers = asked({"registers", sample, "--json"}, 0);
  CHECK(registers.at("registers").at(0).at("name") == "signature");
  CHECK(registers.at("discrete_inputs").size() > 5);

  const auto port = free_port();
  const auto own = free_port();
  Foreline watch({"watch", configuration("small-commands-watch", port, own).string()});
  REQUIRE_FALSE(watch.line_with("watching with").empty());
  const auto plugin = "127.0.0.1:" + own;
  CHECK(asked({"deploy", "--plugin", plugin, "--status", "--json"}, 0).at("proposal") == 0);
  CHECK(asked({"rollback", "--plugin", plugin, "--status", "--json"}, 0).at("locked_out") == false);
  watch.signal(SIGTERM);
  CHECK(watch.end() == 0);
}
