// SPDX-License-Identifier: Apache-2.0
// The pages for people, served beside one attachment.
#pragma once

#include <cstdint>
#include <memory>

#include "plugin/attachment/attachment.hpp"
#include "plugin/core/configuration.hpp"
#include "sim/line/result.hpp"

namespace foreline::hmi {

class Hmi {
 public:
  /// Serves `attachment`, which must outlive it. Errors: port, certificate, accounts file.
  [[nodiscard]] static line::Result<std::unique_ptr<Hmi>> start(
      attachment::Attachment& attachment, const core::Configuration& configuration);
  ~Hmi();
  Hmi(const Hmi&) = delete;
  Hmi& operator=(const Hmi&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// An event of the attachment. From any thread.
  void tell(const attachment::Event& event);

 private:
  Hmi();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::hmi
