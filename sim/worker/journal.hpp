// SPDX-License-Identifier: Apache-2.0
// What became of finished trials, in a file that a killed run leaves behind and the same run finds
// again. A trial is known by its content and the simulator that ran it, not by its place.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sim/line/result.hpp"

namespace foreline::worker {

class Journal {
 public:
  struct Key {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  /// Opens or begins the file and holds it alone. What a kill has left half written at its end is
  /// cut off. Errors: no such folder, another run holds it, the file is no journal.
  /// `simulator`: the executable whose outcomes these are.
  [[nodiscard]] static line::Result<Journal> open(const std::filesystem::path& path,
                                                  const std::filesystem::path& simulator);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  /// 128 bits of a trial's bytes and of the simulator. Not proof against forgery.
  [[nodiscard]] Key key_of(std::string_view trial) const;
  /// The outcome's bytes.
  [[nodiscard]] std::optional<std::string> find(const Key& key) const;
  /// The record outlives the process; a machine that loses its power may lose the last ones.
  [[nodiscard]] line::Result<line::Done> add(const Key& key, std::string_view outcome);
  /// How many trials find() has answered with an outcome.
  [[nodiscard]] std::size_t reused() const { return reused_; }
  /// Deletes the file.
  void remove();

 private:
  struct Place {
    std::uint64_t at = 0;
    std::uint64_t size = 0;
  };
  Journal() = default;
  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t end_ = 0;
  Key simulator_;
  std::map<Key, Place> places_;
  mutable std::size_t reused_ = 0;
};

/// 128 bits of some bytes, going on from `begun`.
[[nodiscard]] Journal::Key content_key(std::string_view bytes, Journal::Key begun);

}  // namespace foreline::worker
