// SPDX-License-Identifier: Apache-2.0
// Answers PDUs from the soft PLC's registers, with libmodbus, in the manner of a personality.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/plc/personality.hpp"
#include "sim/plc/registers.hpp"

namespace foreline::plc {

class Replier {
 public:
  /// Both must outlive it.
  Replier(Registers& registers, const Personality& personality);
  ~Replier();
  Replier(const Replier&) = delete;
  Replier& operator=(const Replier&) = delete;
  /// The PDU that answers `pdu` (at least one byte); nothing: silence.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> answer(std::uint8_t unit,
                                                                std::span<const std::uint8_t> pdu);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreline::plc
