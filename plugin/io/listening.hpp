// SPDX-License-Identifier: Apache-2.0
// How our servers open a port.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "sim/line/result.hpp"

namespace foreline::io {

/// Programs that the host starts must not hold it: it would stay open when we close it.
template <class Socket>
void keep_from_children(Socket& socket) {
  (void)::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

/// Opens, binds and listens. Errors: the port; `what` says what cannot be served there.
[[nodiscard]] inline line::Result<line::Done> listen(boost::asio::ip::tcp::acceptor& acceptor,
                                                     const boost::asio::ip::tcp::endpoint& endpoint,
                                                     int backlog, std::string_view what) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) keep_from_children(acceptor);
  if (!error) acceptor.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(backlog, error);
  if (error)
    return line::Error(
        fmt::format("cannot serve {} on {}:{}: {}", what, endpoint.address().to_string(),
                    endpoint.port(), error.message()),
        "choose another port, or 0 for any free one");
  return line::Done{};
}

/// Gives each connection to `take`, until the acceptor is closed and `again` cancelled; both must
/// outlive it. Out of descriptors it waits: accept() fails at once for as long as that lasts.
template <class Take>
void accept_all(boost::asio::ip::tcp::acceptor& acceptor, boost::asio::steady_timer& again,
                Take take) {
  acceptor.async_accept([&acceptor, &again, take](const boost::system::error_code& error,
                                                  boost::asio::ip::tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!error) {
      keep_from_children(socket);
      take(std::move(socket));
      return accept_all(acceptor, again, take);
    }
    again.expires_after(std::chrono::milliseconds(100));
    again.async_wait([&acceptor, &again, take](const boost::system::error_code& stopped) {
      if (!stopped) accept_all(acceptor, again, take);
    });
  });
}

}  // namespace foreline::io
