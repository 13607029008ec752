// SPDX-License-Identifier: Apache-2.0
// Trials and outcomes as bytes, between two builds of the same version on one machine: fields in
// order, numbers in the machine's own layout, containers with a length in front. One function a
// type serves both directions. A reader that meets a wrong length or the end stops and says so.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sim/line/branch.hpp"
#include "sim/line/result.hpp"
#include "sim/line/trial.hpp"

namespace foreline::worker {

/// Changes with every change of the layout below or of the types it writes.
inline constexpr std::uint32_t wire_version = 7;

[[nodiscard]] std::string to_bytes(const line::Trial& trial);
[[nodiscard]] line::Result<line::Trial> trial_from(std::string_view bytes);
[[nodiscard]] std::string to_bytes(const line::Outcome& outcome);
[[nodiscard]] line::Result<line::Outcome> outcome_from(std::string_view bytes);
[[nodiscard]] std::string to_bytes(const line::Fan& fan);
[[nodiscard]] line::Result<line::Fan> fan_from(std::string_view bytes);
[[nodiscard]] std::string to_bytes(const line::FanOutcome& outcome);
[[nodiscard]] line::Result<line::FanOutcome> fan_outcome_from(std::string_view bytes);

/// A message between client and worker: which trial it is about, and its bytes.
struct Message {
  std::uint64_t id = 0;
  std::string bytes;
};
/// The number of the message with which a worker says that it is there.
inline constexpr std::uint64_t worker_greeting = UINT64_MAX;
/// The message with its header (version, id, length) in front.
[[nodiscard]] std::string framed(std::uint64_t id, std::string_view bytes);
/// Takes the first complete message off the front of `buffer`; nothing when more bytes are needed.
/// Sets `broken` when the bytes are no message.
[[nodiscard]] std::optional<Message> take_message(std::string& buffer, bool& broken);

}  // namespace foreline::worker
