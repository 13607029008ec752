// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 for people's browsers: requests to answers, and streams of server-sent events. One
// thread of its own does everything; slow and hostile clients meet limits and deadlines. Knows
// nothing of production lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::hmi {

struct Request {
  std::string method;  ///< "GET", "HEAD", "POST".
  std::string path;    ///< Without the query.
  std::string query;   ///< Without "?".
  std::string cookie;  ///< The header's text; likewise those below.
  std::string token;   ///< X-Foreline-Token.
  std::string content_type;
  std::string origin;
  std::string host;
  std::string accept_encoding;
  std::string if_none_match;
  std::string body;
  std::string remote;   ///< Address of the client.
  bool secure = false;  ///< Came over TLS.
};

/// The news for one stream since it was last asked; empty when there is none; nothing: the stream
/// ends. Runs on the server's thread.
using Feed = std::function<std::optional<std::string>()>;

struct Response {
  int status = 200;
  std::string type = "application/json; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  Feed feed;  ///< Not empty: the answer is a stream of server-sent events.
};

/// May be called once, from any thread, also after the client has gone.
using Reply = std::function<void(Response)>;
/// Runs on the server's thread and must not block.
using Handler = std::function<void(const Request&, Reply)>;

struct ServerLimits {
  std::size_t connections = 256;
  std::uint32_t header_bytes = 8 * 1024;
  std::uint64_t body_bytes = 64 * 1024;
  std::chrono::milliseconds request{10'000};  ///< To send a whole request, and to idle between two.
  std::chrono::milliseconds write{10'000};    ///< For a client to take what it is sent.
  std::size_t requests_a_connection = 1000;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::vector<std::string> names;     ///< Host names that clients may use, besides addresses.
  std::filesystem::path certificate;  ///< PEM; empty: plain HTTP.
  std::filesystem::path key;
  ServerLimits limits;
};

class Server {
 public:
  /// Listens. Errors: the address, the port, the certificate or the key.
  [[nodiscard]] static line::Result<std::unique_ptr<Server>> listen(const ServerOptions& options);
  /// Begins to serve, once.
  void serve(Handler handler);
  /// Ends the thread; no handler runs afterwards.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Runs `work` on the server's thread, soon. From any thread.
  void post(std::function<void()> work);
  /// Runs `work` on the server's thread every `period` until the end. Before any client matters.
  void every(std::chrono::milliseconds period, std::function<void()> work);
  /// Streams look whether there is news. On the server's thread.
  void wake_streams();
  /// Open connections. On the server's thread.
  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether a Host header names this server: an address, "localhost" or one of `names`, with any
/// port. What is neither is another site's name that was made to lead here (DNS rebinding).
[[nodiscard]] bool host_is_ours(const std::string& host, const std::vector<std::string>& names);

}  // namespace foreline::hmi
