// SPDX-License-Identifier: Apache-2.0
// The files of mutual TLS, and what OpenSSL complains of, in words. Inside plugin/io only.
#pragma once

#include <fmt/format.h>
#include <openssl/err.h>

#include <boost/asio/ssl.hpp>
#include <cstring>
#include <string>

#include "plugin/core/device.hpp"

namespace foreline::io {

/// Asio has no words for what OpenSSL hears from the system, such as a file that is not there.
inline std::string words_of(const boost::system::error_code& error) {
  const auto code = static_cast<unsigned int>(error.value());
  return error.category() == boost::asio::error::get_ssl_category() && ERR_SYSTEM_ERROR(code)
             ? std::strerror(ERR_GET_REASON(code))
             : error.message();
}

/// Lets `context` use these files, as far as they have names. The first one that cannot be used,
/// and why; empty when all can.
inline std::string use_files(boost::asio::ssl::context& context, const core::TlsFiles& files) {
  boost::system::error_code error;
  const auto trouble = [&](const char* what, const std::string& file) {
    return fmt::format("the {} {} cannot be used: {}", what, file, words_of(error));
  };
  if (!files.authorities.empty()) context.load_verify_file(files.authorities, error);
  if (error) return trouble("authorities", files.authorities);
  if (!files.certificate.empty()) context.use_certificate_chain_file(files.certificate, error);
  if (error) return trouble("certificate", files.certificate);
  if (!files.key.empty())
    context.use_private_key_file(files.key, boost::asio::ssl::context::pem, error);
  if (error) return trouble("key", files.key);
  return {};
}

}  // namespace foreline::io
