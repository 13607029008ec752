// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cctype>
#include <charconv>
#include <optional>

namespace foreline::hmi {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using line::Error;
using line::Result;

namespace {

constexpr std::uint64_t answer_most = 16ULL * 1024 * 1024;

using Answer = http::response<http::string_body>;

/// Runs one asynchronous step, which ends itself at the stream's deadline.
template <class Begin>
error_code step(asio::io_context& context, Begin begin) {
  error_code found = asio::error::operation_aborted;
  begin([&found](error_code error, auto&&...) { found = error; });
  context.restart();
  context.run();
  return found;
}

template <class Stream>
error_code exchange(asio::io_context& context, Stream& stream,
                    const http::request<http::string_body>& request,
                    http::response_parser<http::string_body>& parser) {
  const auto sent = step(context, [&](auto done) { http::async_write(stream, request, done); });
  if (sent) return sent;
  beast::flat_buffer buffer;
  return step(context, [&](auto done) { http::async_read(stream, buffer, parser, done); });
}

}  // namespace

Result<PagesAddress> pages_address(const std::string& text) {
  const auto wrong = [&] {
    return Error(fmt::format("\"{}\" is no address of pages", text),
                 "write HOST:PORT, as in 127.0.0.1:15080, or https://HOST:PORT");
  };
  PagesAddress found;
  std::string rest = text;
  if (const auto scheme = rest.find("://"); scheme != std::string::npos) {
    const auto name = rest.substr(0, scheme);
    if (name != "http" && name != "https") return wrong();
    found.secure = name == "https";
    rest = rest.substr(scheme + 3);
  }
  if (!rest.empty() && rest.back() == '/') rest.pop_back();
  const auto colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong();
  found.host = rest.substr(0, colon);
  if (found.host.size() > 2 && found.host.front() == '[' && found.host.back() == ']')
    found.host = found.host.substr(1, found.host.size() - 2);
  const auto digits = rest.substr(colon + 1);
  const auto* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, found.port);
  const bool named = std::all_of(found.host.begin(), found.host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '_';
  });
  if (read.ec != std::errc() || read.ptr != end || found.port == 0 || !named) return wrong();
  return found;
}

std::string Told::refusal() const {
  if (status == 200) return {};
  if (body.is_object() && body.contains("error") && body["error"].is_string())
    return body["error"].get<std::string>();
  return fmt::format("the server answers with status {}", status);
}

struct Client::State {
  Options options;
  asio::io_context context{1};
  std::optional<asio::ssl::context> tls;
  std::string cookie;
  std::string token;

  /// The name in the request, which the server compares with its own.
  [[nodiscard]] std::string host() const {
    const auto& at = options.at;
    const bool v6 = at.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", at.host, v6 ? "]" : "", at.port);
  }

  Error failed(const char* doing, error_code error) const {
    return Error(
        fmt::format("{} at {}: {}", doing, host(),
                    error == beast::error::timeout ? "no answer in time" : error.message()),
        "foreline watch FILE --hmi PORT serves the pages");
  }

  Result<Told> ask(http::verb verb, const std::string& path, const std::string& body) {
    http::request<http::string_body> request{verb, path, 11};
    request.set(http::field::host, host());
    request.set(http::field::user_agent, "foreline");
    request.keep_alive(false);
    if (!cookie.empty()) request.set(http::field::cookie, cookie);
    if (verb == http::verb::post) {
      request.set(http::field::content_type, "application/json");
      if (!token.empty()) request.set("X-Foreline-Token", token);
      request.body() = body;
    }
    request.prepare_payload();
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_most);
    error_code error;
    asio::ip::tcp::resolver resolver(context);
    const auto places = resolver.resolve(options.at.host, std::to_string(options.at.port), error);
    if (error) return failed("the name is not known", error);
    const auto connect = [&](beast::tcp_stream& stream) {
      stream.expires_after(options.patience);
      return step(context, [&](auto done) { stream.async_connect(places, done); });
    };
    if (options.at.secure) {
      beast::ssl_stream<beast::tcp_stream> stream(context, *tls);
      SSL_set_tlsext_host_name(stream.native_handle(), options.at.host.c_str());
      stream.set_verify_callback(asio::ssl::host_name_verification(options.at.host));
      if ((error = connect(beast::get_lowest_layer(stream))))
        return failed("nobody answers", error);
      error = step(context, [&](auto done) {
        stream.async_handshake(asio::ssl::stream_base::client, done);
      });
      if (error) return failed("the certificate is not to be trusted, or there is no TLS", error);
      error = exchange(context, stream, request, parser);
    } else {
      beast::tcp_stream stream(context);
      if ((error = connect(stream))) return failed("nobody answers", error);
      error = exchange(context, stream, request, parser);
    }
    if (error) return failed("no answer that is one", error);
    const auto answer = parser.release();
    for (const auto& field : answer.base())
      if (field.name() == http::field::set_cookie) {
        const std::string value(field.value());
        cookie = value.substr(0, value.find(';'));
      }
    Told told{static_cast<int>(answer.result_int()), Json::parse(answer.body(), nullptr, false)};
    if (told.body.is_discarded()) told.body = Json();
    return told;
  }
};

Client::Client(Options options) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.options = std::move(options);
  if (!s.options.at.secure) return;
  error_code ignored;
  s.tls.emplace(asio::ssl::context::tls_client);
  s.tls->set_verify_mode(asio::ssl::verify_peer, ignored);
  if (s.options.authorities.empty())
    s.tls->set_default_verify_paths(ignored);
  else
    s.tls->load_verify_file(s.options.authorities.string(), ignored);  // the handshake then fails
}

Client::~Client() {
  if (!state_->token.empty()) (void)post("/api/sign-out", Json::object());
}

Result<Told> Client::get(const std::string& path) {
  return state_->ask(http::verb::get, path, {});
}

Result<Told> Client::post(const std::string& path, const Json& body) {
  return state_->ask(http::verb::post, path,
                     body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Told> Client::sign_in(const std::string& name, const std::string& password) {
  auto told = post("/api/sign-in", {{"name", name}, {"password", password}});
  if (told && told->status == 200 && told->body.is_object())
    state_->token = told->body.value("token", std::string());
  return told;
}

}  // namespace foreline::hmi
