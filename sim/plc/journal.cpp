// SPDX-License-Identifier: Apache-2.0
#include "sim/plc/journal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace foreline::plc {

Journal::Journal(Journal&& other) noexcept {
  *this = std::move(other);
}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(accepted_, other.accepted_);
  std::swap(clock_s_, other.clock_s_);
  return *this;
}

Journal::~Journal() {
  if (file_ != nullptr) std::fclose(file_);
}

line::Result<Journal> Journal::open(const std::filesystem::path& path) {
  Journal journal;
  std::ifstream in(path);
  for (std::string text; std::getline(in, text) && !in.eof();) {
    std::istringstream words(text);
    std::string what;
    Accepted accepted;
    words >> what >> accepted.at_s;
    if (what == "clock" && words) journal.clock_s_ = accepted.at_s;
    if (what != "schedule") continue;
    words >> accepted.sequence;
    for (auto& word : accepted.block) words >> word;
    if (words) journal.accepted_.push_back(accepted);
  }
  journal.file_ = std::fopen(path.c_str(), "ae");
  if (journal.file_ == nullptr) {
    return line::Error(
        fmt::format("cannot write the journal {}: {}", path.string(), std::strerror(errno)));
  }
  return journal;
}

void Journal::append(const Accepted& accepted) {
  if (file_ == nullptr) return;
  fmt::print(file_, "schedule {} {} {}\n", accepted.at_s, accepted.sequence,
             fmt::join(accepted.block, " "));
  std::fflush(file_);
}

void Journal::append_clock(double at_s) {
  if (file_ == nullptr) return;
  fmt::print(file_, "clock {}\n", at_s);
  std::fflush(file_);
}

}  // namespace foreline::plc
