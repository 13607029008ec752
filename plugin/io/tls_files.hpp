// SPDX-License-Identifier: Apache-2.0
// Whether the files of mutual TLS are what they are said to be.
#pragma once

#include "plugin/core/device.hpp"
#include "sim/line/result.hpp"

namespace foreline::io {

/// Reads the files that have names as a connection would. The error names the first
/// that OpenSSL refuses, and a key that does not belong to the certificate.
[[nodiscard]] line::Result<line::Done> read_tls_files(const core::TlsFiles& files);

}  // namespace foreline::io
