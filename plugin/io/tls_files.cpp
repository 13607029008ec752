// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/tls_files.hpp"

#include "plugin/io/tls.hpp"

namespace foreline::io {

line::Result<line::Done> read_tls_files(const core::TlsFiles& files) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls);
  if (auto trouble = use_files(context, files); !trouble.empty())
    return line::Error(std::move(trouble), "give PEM files, and the key of that very certificate");
  return line::Done{};
}

}  // namespace foreline::io
