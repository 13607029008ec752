// SPDX-License-Identifier: Apache-2.0
// A PLC of registers in this process: holds words, notes what is written, and misbehaves when told.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "tests/support/plain_server.hpp"

namespace foreline::tests {

class RegisterPlc {
 public:
  /// `written` is told each write (function, address, words) under the lock and may change words;
  /// false: no answer is sent.
  using Written = std::function<bool(int address, const std::vector<std::uint16_t>& words)>;

  explicit RegisterPlc(Written written = {})
      : written_(std::move(written)), server_([this](Peer& peer) { serve(peer); }) {}

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  void set(int address, std::uint16_t word) {
    const std::lock_guard lock(mutex_);
    words_[address] = word;
  }
  [[nodiscard]] std::uint16_t get(int address) {
    const std::lock_guard lock(mutex_);
    return words_[address];
  }
  /// Under the lock already: for `written`.
  std::map<int, std::uint16_t>& words() { return words_; }
  /// This register counts reads, as a heartbeat does; -1: none.
  void beat_at(int address) { beat_ = address; }
  void freeze(bool frozen) { frozen_ = frozen; }
  /// Every address is answered with that of another.
  void shift(int by) { shift_ = by; }
  [[nodiscard]] int writes() const { return writes_; }
  [[nodiscard]] int reads() const { return reads_; }
  [[nodiscard]] int connections() const { return server_.connections(); }

 private:
  void serve(Peer& peer) {
    for (auto request = peer.request(); !request.empty(); request = peer.request()) {
      const int address = (request[8] << 8) | request[9];
      const int count = (request[10] << 8) | request[11];
      const auto function = request[7];
      if (function == 3 || function == 4) {
        ++reads_;
        Bytes pdu = {function, static_cast<std::uint8_t>(2 * count)};
        {
          const std::lock_guard lock(mutex_);
          if (beat_ >= 0 && !frozen_) ++words_[beat_];
          for (int i = 0; i < count; ++i) {
            const auto word = words_[address + i + shift_];
            pdu.push_back(static_cast<std::uint8_t>(word >> 8U));
            pdu.push_back(static_cast<std::uint8_t>(word & 0xFFU));
          }
        }
        peer.send(Peer::answer(request, pdu));
        continue;
      }
      if (function != 6 && function != 16) {
        peer.send(Peer::answer(request, {static_cast<std::uint8_t>(function | 0x80U), 1}));
        continue;
      }
      ++writes_;
      std::vector<std::uint16_t> words;
      if (function == 6)
        words.push_back(static_cast<std::uint16_t>(count));
      else
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
          words.push_back(
              static_cast<std::uint16_t>((request[13 + 2 * i] << 8U) | request[14 + 2 * i]));
      bool answers = true;
      {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < words.size(); ++i)
          words_[address + static_cast<int>(i)] = words[i];
        if (written_) answers = written_(address, words);
      }
      if (answers)
        peer.send(
            Peer::answer(request, {function, request[8], request[9], request[10], request[11]}));
    }
  }

  std::mutex mutex_;
  std::map<int, std::uint16_t> words_;
  Written written_;
  std::atomic<int> beat_{-1};
  std::atomic<bool> frozen_{false};
  std::atomic<int> shift_{0};
  std::atomic<int> writes_{0};
  std::atomic<int> reads_{0};
  PlainServer server_;  ///< Last: its thread uses the rest.
};

}  // namespace foreline::tests
