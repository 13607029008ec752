// SPDX-License-Identifier: Apache-2.0
// A person at the pages of a running plugin, by a program: the same server, accounts and rights.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/line/result.hpp"

namespace foreline::hmi {

using Json = nlohmann::ordered_json;

/// Where the pages are.
struct PagesAddress {
  bool secure = false;
  std::string host;  ///< A name or an address, without brackets.
  std::uint16_t port = 0;
};
/// "127.0.0.1:15080", "[::1]:15080", "http://plant:15080" or "https://plant:15443/".
[[nodiscard]] line::Result<PagesAddress> pages_address(const std::string& text);

struct Told {
  int status = 0;  ///< HTTP; 200: done.
  Json body;       ///< Null when it was no JSON.
  /// What the server says is wrong; empty when nothing is.
  [[nodiscard]] std::string refusal() const;
};

/// Blocks; each exchange ends within its patience. One thread at a time.
class Client {
 public:
  struct Options {
    PagesAddress at;
    std::filesystem::path authorities;  ///< PEM, for https; empty: those of the system.
    std::chrono::milliseconds patience{5000};
  };
  explicit Client(Options options);
  ~Client();  ///< Signs out, if it was signed in.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Errors: nobody there, no answer in time, a certificate that is not to be trusted.
  [[nodiscard]] line::Result<Told> get(const std::string& path);
  [[nodiscard]] line::Result<Told> post(const std::string& path, const Json& body);
  /// Keeps the session for what follows.
  [[nodiscard]] line::Result<Told> sign_in(const std::string& name, const std::string& password);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::hmi
