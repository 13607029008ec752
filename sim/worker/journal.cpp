// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

#include "sim/worker/wire.hpp"

namespace foreline::worker {

using namespace line;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view heading = "foreline journal 1\n";

struct RecordHead {
  Journal::Key key;
  std::uint64_t size = 0;
  std::uint64_t check = 0;  ///< Of key, size and bytes.
};
static_assert(sizeof(RecordHead) == 32 && std::is_trivially_copyable_v<RecordHead>);

std::uint64_t check_of(const Journal::Key& key, std::string_view bytes) {
  return content_key(bytes, {key.first ^ bytes.size(), key.second}).first;
}

/// Reads exactly `size` bytes at `at`.
bool read_at(int file, std::uint64_t at, void* into, std::size_t size) {
  auto* to = static_cast<char*>(into);
  while (size > 0) {
    const auto n = ::pread(file, to, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    at += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool write_at(int file, std::uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::optional<Journal::Key> key_of_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  Journal::Key key{wire_version, 0};
  std::array<char, 65536> buffer;
  ssize_t n = 0;
  while ((n = ::read(file, buffer.data(), buffer.size())) > 0)
    key = content_key({buffer.data(), static_cast<std::size_t>(n)}, key);
  ::close(file);
  return n == 0 ? std::optional(key) : std::nullopt;
}

}  // namespace

Journal::Key content_key(std::string_view bytes, Journal::Key begun) {
  // Two lanes that multiply and rotate differently; the length ends both.
  constexpr std::uint64_t a = 0x9E3779B97F4A7C15;
  constexpr std::uint64_t b = 0xC2B2AE3D27D4EB4F;
  const auto size = bytes.size();
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const auto n = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), n);
    bytes.remove_prefix(n);
    begun.first = std::rotl((begun.first ^ word) * a, 29);
    begun.second = std::rotl((begun.second + word) * b, 31) ^ word;
  }
  begun.first = (begun.first ^ size) * b;
  begun.second = (begun.second + size) * a;
  begun.first ^= begun.first >> 32U;
  begun.second ^= begun.second >> 29U;
  return begun;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      end_(other.end_),
      simulator_(other.simulator_),
      places_(std::move(other.places_)),
      reused_(other.reused_) {}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Result<Journal> Journal::open(const fs::path& path, const fs::path& simulator) {
  Journal journal;
  journal.path_ = path;
  const auto refuse = [&](const std::string& what, std::string hint = {}) {
    return Error(std::vector<Diagnostic>{{path.string(), 0, 0, what, std::move(hint)}});
  };
  const auto build = key_of_file(simulator);
  if (!build) return Error(fmt::format("{} cannot be read", simulator.string()));
  journal.simulator_ = *build;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0)
    return refuse(fmt::format("cannot be opened: {}", std::strerror(errno)),
                  "a journal of finished trials is kept there");
  journal.file_ = file;
  if (::flock(file, LOCK_EX | LOCK_NB) != 0)
    return refuse("another run keeps its journal there", "wait for it, or name another file");
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return refuse("is no file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::string begins(std::min<std::uint64_t>(size, heading.size()), '\0');
  if (!read_at(file, 0, begins.data(), begins.size()) || !heading.starts_with(begins))
    return refuse("is no journal of foreline", "name a file that does not exist yet");
  journal.end_ = heading.size();
  if (begins.size() < heading.size()) {
    if (!write_at(file, 0, heading)) return refuse("cannot be written");
    return journal;
  }
  RecordHead head;
  std::string bytes;
  while (size - journal.end_ >= sizeof head && read_at(file, journal.end_, &head, sizeof head) &&
         head.size <= size - journal.end_ - sizeof head) {
    bytes.resize(head.size);
    if (!read_at(file, journal.end_ + sizeof head, bytes.data(), bytes.size()) ||
        head.check != check_of(head.key, bytes))
      break;
    journal.places_[head.key] = {journal.end_ + sizeof head, head.size};
    journal.end_ += sizeof head + head.size;
  }
  if (journal.end_ < size && ::ftruncate(file, static_cast<off_t>(journal.end_)) != 0)
    return refuse(fmt::format("cannot be written: {}", std::strerror(errno)));
  return journal;
}

Journal::Key Journal::key_of(std::string_view trial) const {
  return content_key(trial, simulator_);
}

std::optional<std::string> Journal::find(const Key& key) const {
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  std::string bytes(found->second.size, '\0');
  if (!read_at(file_, found->second.at, bytes.data(), bytes.size())) return std::nullopt;
  ++reused_;
  return bytes;
}

Result<Done> Journal::add(const Key& key, std::string_view outcome) {
  const RecordHead head{key, outcome.size(), check_of(key, outcome)};
  std::string record(sizeof head, '\0');
  std::memcpy(record.data(), &head, sizeof head);
  record.append(outcome);
  if (!write_at(file_, end_, record))
    return Error(std::vector<Diagnostic>{
        {path_.string(), 0, 0, fmt::format("cannot be written: {}", std::strerror(errno)),
         "a journal of finished trials is kept there"}});
  places_[key] = {end_ + sizeof head, outcome.size()};
  end_ += record.size();
  return Done{};
}

void Journal::remove() {
  std::error_code error;
  fs::remove(path_, error);
}

}  // namespace foreline::worker
