// SPDX-License-Identifier: Apache-2.0
// Store and forward: what could not be sent, on disk, in order, until it was received. Bounded: the
// oldest goes first. An SQLite database of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sim/line/result.hpp"

namespace foreline::store {

struct Parcel {
  std::int64_t number = 0;  ///< Given by add(); grows.
  std::string address;
  std::int64_t at_ms = 0;
  std::vector<std::uint8_t> content;
};

class Outbox {
 public:
  /// Opens or makes `folder`/outbox.db; keeps at most `most` parcels.
  [[nodiscard]] static line::Result<Outbox> open(const std::filesystem::path& folder,
                                                 std::size_t most);
  Outbox(Outbox&&) noexcept;
  Outbox& operator=(Outbox&&) noexcept;
  ~Outbox();

  /// All of them, or none; durable when it returns.
  [[nodiscard]] line::Result<line::Done> add(const std::vector<Parcel>& parcels);
  /// The oldest after `number`, at most `count`, in order.
  [[nodiscard]] line::Result<std::vector<Parcel>> after(std::int64_t number,
                                                        std::size_t count) const;
  /// They were received, up to and with this one.
  [[nodiscard]] line::Result<line::Done> received(std::int64_t number);
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t dropped() const;  ///< Since it was opened, because it was full.
  /// A number that grows with each call, over restarts, too.
  [[nodiscard]] line::Result<std::uint64_t> count_up();

 private:
  struct State;
  explicit Outbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace foreline::store
