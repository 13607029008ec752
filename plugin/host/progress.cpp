// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/progress.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <regex>
#include <utility>

namespace foreline::host {

using Clock = std::chrono::steady_clock;

Progress::Progress(std::string what, std::size_t total)
    : what_(std::move(what)), total_(total), begun_(Clock::now()), said_(begun_) {}

void Progress::step() {
  ++done_;
  tell();
}

void Progress::tell() {
  const auto now = Clock::now();
  const double spent_s = std::chrono::duration<double>(now - begun_).count();
  if (done_ >= total_ || spent_s < 2 || now - said_ < std::chrono::seconds(1)) return;
  said_ = now;
  std::string left;
  if (done_ > 0)
    left = fmt::format(", {:.0f} s to go", std::ceil(spent_s / static_cast<double>(done_) *
                                                     static_cast<double>(total_ - done_)));
  fmt::print(stderr, "   {}: {} of {}{}\n", what_, done_, total_, left);
}

void Told::operator()(const std::string& text) {
  const std::lock_guard lock(mutex_);
  static const std::regex count(R"((\d+) of (\d+)(?!.*\d of \d))");
  std::smatch found;
  std::string left;
  // Some know it themselves.
  if (text.find(" left") == std::string::npos && std::regex_search(text, found, count)) {
    const double done = std::stod(found[1]);
    const double all = std::stod(found[2]);
    const auto now = Clock::now();
    const auto [first, fresh] = first_.try_emplace(found.prefix().str(), First{done, now});
    const double spent_s = std::chrono::duration<double>(now - first->second.at).count();
    if (done <= first->second.done)
      first->second = {done, now};  // the next of its kind
    else if (!fresh && done < all && spent_s >= 1)
      left = fmt::format(", {:.0f} s to go",
                         std::ceil(spent_s / (done - first->second.done) * (all - done)));
  }
  fmt::print(stderr, "   {}{}\n", text, left);
}

}  // namespace foreline::host
