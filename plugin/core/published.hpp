// SPDX-License-Identifier: Apache-2.0
// What the plugin serves as Modbus registers of its own (holding and input registers alike), and
// what clients may write. Documented for integrators in docs/integrators/registers.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/core/alarms.hpp"
#include "sim/line/fault.hpp"
#include "sim/line/line.hpp"

namespace foreline::core {

namespace published {

inline constexpr std::uint16_t signature_value = 0x464F;  // "FO"
inline constexpr std::uint16_t version_value = 4;
inline constexpr int signature = 0;
inline constexpr int version = 1;
inline constexpr int heartbeat = 2;        // u16, counts polls
inline constexpr int connected = 3;        // u16
inline constexpr int clock_s = 4;          // f32, line time
inline constexpr int machine_count = 6;    // u16
inline constexpr int kind_count = 7;       // u16, fault kinds a machine
inline constexpr int standing_alarms = 8;  // u16
inline constexpr int unacknowledged = 9;   // u16
inline constexpr int communication = 10;   // u16, ISA-18.2 state of the communication alarm
inline constexpr int model_loaded = 11;    // u16
inline constexpr int proposal = 12;        // u16, number; 0 = none yet
inline constexpr int proposal_state = 13;  // u16, ProposalState
inline constexpr int proposal_gain = 14;   // f32, lower bound of the mean gain
inline constexpr int layout = 16;          // u32, CRC-32 of this table
inline constexpr int deployment = 18;      // u16, ISA-18.2 state of the deployment alarm
inline constexpr int deployed = 19;    // u16, number of the deployed proposal that stands; 0: none
inline constexpr int locked_out = 20;  // u16, 1 after a roll-back until a person clears it
inline constexpr int roll_back = 21;   // u16, RollBack
inline constexpr int acknowledge =
    60;  // written: machine * kinds + kind + 1; 65535 = communication, 65534 = deployment
inline constexpr int shelve = 61;    // written in one request: code, minutes; 0 minutes unshelves
inline constexpr int service = 63;   // written in one request: code, 0 out of service, 1 in service
inline constexpr int decision = 70;  // written in one request: proposal, decision, name
inline constexpr int decision_name = 72;  // 16 registers, two ASCII characters each
inline constexpr int decision_size = 18;
inline constexpr int forecast_base = 100;  // + (machine * kinds + kind) * forecast_stride
inline constexpr int forecast_stride = 12;
inline constexpr int f_available = 0;     // u16
inline constexpr int f_alarm = 1;         // u16, ISA-18.2 state
inline constexpr int f_within_30min = 2;  // f32, probability
inline constexpr int f_within_2h = 4;     // f32
inline constexpr int f_median_s = 6;      // f32, s until a fault is as likely as not; -1: none
inline constexpr int f_at_s = 8;          // f32, line time of the forecast
inline constexpr int f_missing = 10;      // f32, share of the input that was missing

}  // namespace published

enum class ProposalState : std::uint16_t {
  none = 0,
  planning = 1,
  proposed = 2,  ///< Waits for a person.
  refused = 3,   ///< By the gate.
  rejected = 4,  ///< By a person.
  lapsed = 5,    ///< Nobody decided in time, or the line went on without it.
  deploying = 6,
  confirmed = 7,  ///< Active in the PLC, read back and compared.
  failed = 8,
};
[[nodiscard]] std::string_view name_of(ProposalState state);

/// How the last roll-back went.
enum class RollBack : std::uint16_t { none = 0, under_way = 1, done = 2, refused = 3, failed = 4 };

/// What there is to publish.
struct Published {
  std::uint16_t heartbeat = 0;
  bool connected = false;
  double clock_s = 0;
  bool model_loaded = false;
  std::uint16_t proposal = 0;
  ProposalState proposal_state = ProposalState::none;
  double proposal_gain = 0;
  std::uint16_t deployed = 0;
  bool locked_out = false;
  RollBack roll_back = RollBack::none;
  std::uint32_t layout = 0;  ///< layout_of() this line's map.
};

/// The registers from address 0 on.
[[nodiscard]] std::vector<std::uint16_t> registers_of(const Published& values,
                                                      const line::Line& line, const Alarms& alarms,
                                                      const std::vector<line::Forecast>& forecasts);
/// Discrete inputs: machine * kinds + kind is on while that forecast alarm is active.
[[nodiscard]] std::vector<bool> inputs_of(const line::Line& line, const Alarms& alarms);

/// One register of ours, for people and for generated pages.
struct PublishedRegister {
  int address = 0;
  std::string type;  ///< "u16", "f32", "u32", "string 32"
  bool written = false;
  std::string name;
  std::string meaning;
};
/// All registers for this line in the order of their addresses.
[[nodiscard]] std::vector<PublishedRegister> published_map(const line::Line& line);
/// CRC-32 (IEEE 802.3) over addresses, types and names: changes when a client would misread.
[[nodiscard]] std::uint32_t layout_of(const std::vector<PublishedRegister>& map);

/// A decision on a proposal, or on the schedule that was deployed.
struct Decision {
  enum class Kind : std::uint16_t { approve = 1, reject = 2, roll_back = 3, clear = 4 };
  std::uint16_t proposal = 0;  ///< approve, reject; else what `deployed` says, or 0.
  Kind kind = Kind::reject;
  std::string who;
};
/// What a client wrote to `decision`; nothing when it is none (no name, no number, unknown code).
[[nodiscard]] std::optional<Decision> decision_from(std::span<const std::uint16_t> words);
[[nodiscard]] std::vector<std::uint16_t> to_words(const Decision& decision);
/// The alarm that a written acknowledge code names; empty when none.
[[nodiscard]] std::string acknowledged_by(std::uint16_t code, const line::Line& line);

}  // namespace foreline::core
