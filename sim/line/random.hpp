// SPDX-License-Identifier: Apache-2.0
// Random numbers that belong to a place, not to a moment. A draw is a pure function of
// (seed, machine, purpose, index); who drew before does not matter. So two schedules simulated with
// one seed meet the same failures (common random numbers), and equal schedules differ by exactly 0.
// The mixing function is SplitMix64's finaliser (Steele, Lea, Flood 2014) over a keyed counter.
#pragma once

#include <cstdint>

namespace foreline::line {

/// What a stream of draws is for. Values are part of the reproducibility contract: append only.
enum class Purpose : std::uint32_t {
  cycle = 1,           ///< Processing time; indexed by the machine's part number.
  scrap = 2,           ///< Scrap decision; indexed by the machine's part number.
  onset = 3,           ///< Operating time until a fault begins; indexed by fault_index().
  progress = 4,        ///< Time from onset to failure; same index as onset.
  repair = 5,          ///< Repair time; same index as onset.
  noise = 6,           ///< Sensor noise; indexed by 1e6*signal + sample number.
  changeover = 7,      ///< Changeover time; indexed by changeover number.
  forecast = 8,        ///< Fault time drawn from a forecast; indexed by fault kind.
  sensor_fault = 9,    ///< Sensor fault behaviour.
  scenario = 10,       ///< Choices of the scenario generator.
  planning = 11,       ///< Choices of the search.
  training = 12,       ///< Shuffling, dropout, initial weights.
  ambient = 13,        ///< Ambient temperature and load drift.
  spare = 14,          ///< Lead time of a spare part, keyed by part; indexed by order number.
  communication = 15,  ///< Which frames are lost, keyed by loss; indexed by sample number.
};

/// The draws of one purpose of one machine: what of a draw does not depend on its index, made once.
class RandomStream {
 public:
  constexpr RandomStream() = default;
  constexpr RandomStream(std::uint64_t seed, std::uint32_t machine, Purpose purpose)
      : key_(mix(mix(mix(seed + golden) ^ (golden * (1 + machine))) ^
                 (golden * (1 + static_cast<std::uint64_t>(purpose)) << 1))) {}
  [[nodiscard]] constexpr std::uint64_t word(std::uint64_t index) const {
    return mix(key_ + golden * (index + 1));
  }
  /// In the open interval (0, 1), 53 bits.
  [[nodiscard]] constexpr double uniform(std::uint64_t index) const {
    return (static_cast<double>(word(index) >> 11) + 0.5) * 0x1.0p-53;
  }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t key_ = 0;
};

/// A uniformly distributed 64-bit word for this key.
[[nodiscard]] constexpr std::uint64_t random_word(std::uint64_t seed, std::uint32_t machine,
                                                  Purpose purpose, std::uint64_t index) {
  return RandomStream(seed, machine, purpose).word(index);
}

/// A uniform draw in the open interval (0, 1), 53 bits.
[[nodiscard]] constexpr double random_uniform(std::uint64_t seed, std::uint32_t machine,
                                              Purpose purpose, std::uint64_t index) {
  return RandomStream(seed, machine, purpose).uniform(index);
}

/// Where the draws of a machine's fault mode stand: apart for every mode and every renewal.
[[nodiscard]] constexpr std::uint64_t fault_index(std::uint64_t mode, std::uint64_t renewal) {
  return renewal < 1000 ? 1000 * mode + renewal : ((mode + 1) << 40U) + renewal;
}

}  // namespace foreline::line
