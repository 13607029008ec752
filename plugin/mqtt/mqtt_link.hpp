// SPDX-License-Identifier: Apache-2.0
// A connection to an MQTT broker, by libmosquitto, which is loaded when it is asked for: a host
// that publishes nothing needs no such library. All calls from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "plugin/core/device.hpp"
#include "sim/line/result.hpp"

namespace foreline::mqtt {

struct LinkSettings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string client;  ///< Name at the broker.
  std::string username;
  std::string password;
  std::chrono::seconds keepalive{10};
  std::optional<core::TlsFiles> tls;
};

class MqttLink {
 public:
  /// Called from within step().
  struct Heard {
    std::function<void()> connected;
    std::function<void(const std::string& why)> lost;
    std::function<void(int ticket)> subscribed;
    std::function<void(const std::string& topic, std::span<const std::uint8_t> payload)> message;
  };
  /// Errors: there is no libmosquitto here, or this build was made without it; a certificate.
  [[nodiscard]] static line::Result<std::unique_ptr<MqttLink>> make(const LinkSettings& settings,
                                                                    Heard heard);
  ~MqttLink();  ///< Never waits.
  MqttLink(const MqttLink&) = delete;
  MqttLink& operator=(const MqttLink&) = delete;

  /// Begins to connect, also to a name whose server is silent; the broker publishes the will when
  /// the connection breaks. What comes of it is heard in step().
  [[nodiscard]] line::Result<line::Done> connect(const std::string& will_topic,
                                                 std::span<const std::uint8_t> will);
  /// False when it is not connected.
  bool publish(const std::string& topic, std::span<const std::uint8_t> payload);
  /// The ticket that `subscribed` is called with once the broker has taken this, and with it all
  /// that was published before; -1: not connected.
  int subscribe(const std::string& topic);
  void disconnect();
  /// Waits for the broker at most so long, and does what is due.
  void step(std::chrono::milliseconds patience);

 private:
  struct State;
  explicit MqttLink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  ///< Shared with a thread that connects.
};

}  // namespace foreline::mqtt
