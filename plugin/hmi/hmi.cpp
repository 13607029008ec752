// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/hmi.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <future>

#include "plugin/hmi/desk.hpp"

namespace foreline::hmi {

namespace {

/// A value is on the screen this long after it was polled, at most (and the network's time).
constexpr auto look_every = std::chrono::milliseconds(200);

Json to_json(const attachment::Event& event) {
  static constexpr std::array<const char*, 6> kinds = {"link", "forecast", "alarm",
                                                       "plan", "deploy",   "write"};
  Json out = {{"event", kinds.at(static_cast<std::size_t>(event.kind))},
              {"at_s", event.at_s},
              {"subject", event.subject},
              {"what", event.what},
              {"text", event.text},
              {"probability", event.probability}};
  out["expected_in_s"] = std::isfinite(event.expected_in_s) ? Json(event.expected_in_s) : Json();
  out["detail"] = Json::parse(event.detail_json, nullptr, false);
  return out;
}

}  // namespace

struct Hmi::State {
  std::unique_ptr<Server> server;
  std::unique_ptr<Desk> desk;
};

Hmi::Hmi() : state_(std::make_unique<State>()) {}

line::Result<std::unique_ptr<Hmi>> Hmi::start(attachment::Attachment& attachment,
                                              const core::Configuration& configuration) {
  const auto& rules = configuration.hmi;
  if (!rules.accounts.empty()) {
    if (auto accounts = read_accounts(rules.accounts); !accounts) return accounts.error();
  }
  std::unique_ptr<Hmi> hmi(new Hmi());
  auto& s = *hmi->state_;
  s.desk = std::make_unique<Desk>(attachment, configuration, [&s](std::function<void()> work) {
    s.server->post(std::move(work));
  });
  ServerOptions options;
  options.host = rules.host;
  options.port = rules.port;
  options.names = rules.names;
  options.certificate = rules.certificate;
  options.key = rules.key;
  auto server = Server::listen(options);
  if (!server) return server.error();
  s.server = std::move(*server);
  s.server->serve(
      [&s](const Request& request, Reply reply) { s.desk->handle(request, std::move(reply)); });
  s.server->every(look_every, [&s] {
    if (s.desk->look()) s.server->wake_streams();
  });
  return hmi;
}

Hmi::~Hmi() {
  if (!state_->server) return;
  std::promise<void> refuses;
  state_->server->post([&] {
    state_->desk->refuse();
    refuses.set_value();
  });
  refuses.get_future().wait();
  // Slow work may still answer, and an answer needs the server.
  state_->desk->close();
  state_->server.reset();
}

std::uint16_t Hmi::port() const {
  return state_->server->port();
}

void Hmi::tell(const attachment::Event& event) {
  state_->server->post(
      [this, told = to_json(event)]() mutable { state_->desk->note(std::move(told)); });
}

}  // namespace foreline::hmi
