// SPDX-License-Identifier: Apache-2.0
// Damage that a seed decides: bytes replaced, left out, put in, doubled, cut off.
#pragma once

#include <cstdint>
#include <string>

namespace foreline::tests {

class Mutations {
 public:
  explicit Mutations(std::uint64_t seed) : state_(2 * seed + 1) {}
  std::size_t below(std::size_t bound) {
    state_ = state_ * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    return static_cast<std::size_t>(state_ >> 33U) % bound;
  }
  /// `text` with one to four wounds.
  std::string of(std::string text) {
    static const std::string favourites = "\n\r,;\"'=[]{}:-.%#0123456789eEnNaA\\\0\xff\x80\x7f ";
    for (std::size_t wounds = 1 + below(4); wounds > 0 && !text.empty(); --wounds) {
      const auto at = below(text.size());
      const char byte = favourites[below(favourites.size())];
      switch (below(6)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.erase(at, 1 + below(8));
          break;
        case 2:
          text.insert(at, 1 + below(3), byte);
          break;
        case 3:
          text.insert(at, text.substr(below(text.size()), 1 + below(40)));
          break;
        case 4:
          text.resize(at);
          break;
        default:
          text.insert(at, 1 + below(2000), byte);
      }
    }
    return text;
  }

 private:
  std::uint64_t state_;
};

}  // namespace foreline::tests
