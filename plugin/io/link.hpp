// SPDX-License-Identifier: Apache-2.0
// A connection that carries bytes: TCP, TLS over TCP, UDP. Inside plugin/io only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "plugin/core/device.hpp"

namespace foreline::io {

/// Handlers run on the io_context's thread. The buffers given to write() and read() must live until
/// their handler; one write and one read may be under way at a time.
class Link : public std::enable_shared_from_this<Link> {
 public:
  using Done = std::function<void(const boost::system::error_code&, std::size_t)>;
  virtual ~Link() = default;
  /// Resolves, connects, shakes hands.
  virtual void open(const std::string& host, std::uint16_t port, Done done) = 0;
  virtual void write(std::span<const std::uint8_t> bytes, Done done) = 0;
  virtual void read(std::span<std::uint8_t> into, Done done) = 0;
  virtual void close() = 0;
  /// What open() waits for, and why it has failed: in words.
  [[nodiscard]] virtual std::string awaited() const { return "connection"; }
  [[nodiscard]] virtual std::string why(const boost::system::error_code& error) {
    return error.message();
  }
  /// Whether one read is one whole frame.
  [[nodiscard]] virtual bool datagrams() const { return false; }
};

/// Errors (a certificate that cannot be read) come from open().
[[nodiscard]] std::shared_ptr<Link> make_link(boost::asio::io_context& context,
                                              const core::Device& device);

}  // namespace foreline::io
