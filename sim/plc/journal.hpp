// SPDX-License-Identifier: Apache-2.0
// What a soft PLC must not forget when it is killed: accepted schedules with their line time, and
// how far its clock had come. A restarted one runs the same seed up to there, and meets the same
// line.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "sim/line/result.hpp"
#include "sim/line/schedule_block.hpp"

namespace foreline::plc {

struct Accepted {
  double at_s = 0;
  std::uint16_t sequence = 0;
  line::Block block{};
};

class Journal {
 public:
  /// Opens for appending; reads what is there. A torn last line is ignored.
  [[nodiscard]] static line::Result<Journal> open(const std::filesystem::path& path);
  Journal() = default;
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  [[nodiscard]] const std::vector<Accepted>& accepted() const { return accepted_; }
  [[nodiscard]] double clock_s() const { return clock_s_; }
  void append(const Accepted& accepted);
  void append_clock(double at_s);

 private:
  std::FILE* file_ = nullptr;
  std::vector<Accepted> accepted_;
  double clock_s_ = 0;
};

}  // namespace foreline::plc
