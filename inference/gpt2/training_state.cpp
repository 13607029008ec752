// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/training_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Done;
using line::Error;
using line::Result;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* kind = "foreline training state";

Error refuse(const fs::path& file, std::string what, std::string hint = {}) {
  return Error(std::vector<Diagnostic>{{file.string(), 0, 0, std::move(what), std::move(hint)}});
}

/// A checksum against bad disks and cut copies, not against people: four lanes
/// of multiply and rotate over 8-byte words. Sizes are multiples of 4.
class Checksum {
 public:
  void add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min<std::size_t>(8, size - i));
      auto& lane = lanes_[count_++ % 4];
      lane = (lane ^ word) * 0x9e3779b97f4a7c15ULL;
      lane ^= lane >> 29U;
    }
  }
  [[nodiscard]] std::string text() const {
    std::uint64_t all = count_;
    for (const auto lane : lanes_) all = (all ^ lane) * 0xbf58476d1ce4e5b9ULL + 1;
    return fmt::format("{:016x}", all);
  }

 private:
  std::uint64_t lanes_[4] = {1, 2, 3, 4};
  std::uint64_t count_ = 0;
};

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int file, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const auto n = ::write(file, bytes, std::min<std::size_t>(size, std::size_t{1} << 24U));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

struct Mapped {
  fs::path file;
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;

  Mapped() = default;
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    if (data != nullptr) ::munmap(const_cast<std::uint8_t*>(data), size);
  }
};

}  // namespace

struct OpenState::State {
  Mapped map;
  std::size_t base = 0;
  std::uint64_t steps = 0;
  std::string note;
  struct Entry {
    std::vector<std::size_t> shape;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::map<std::string, Entry> entries;

  [[nodiscard]] Result<Done> read(const fs::path& file);
  [[nodiscard]] Result<Done> read_entry(const std::string& name, const json& entry);
};

Result<Done> write_state(const fs::path& file, const StateFile& state) {
  Checksum checksum;
  json header;
  std::size_t at = 0;
  for (const auto& tensor : state.tensors) {
    const auto size = tensor.data.size_bytes();
    checksum.add(tensor.data.data(), size);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {at, at + size}}};
    at += size;
  }
  header["__metadata__"] = {{"format", kind},
                            {"steps", std::to_string(state.steps)},
                            {"checksum", checksum.text()},
                            {"note", state.note}};
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();

  const fs::path part = file.string() + ".part";
  const auto failed = [&](const char* what) {
    const int reason = errno;
    std::error_code ignored;
    fs::remove(part, ignored);
    return refuse(file,
                  fmt::format("{}: {} ({:.0f} MB are needed)", what, std::strerror(reason),
                              static_cast<double>(at + length) * 1e-6),
                  fs::exists(file, ignored)
                      ? "the file that was there before is whole and still there"
                      : "nothing was left behind");
  };
  {
    const File out(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (out.get() < 0) return failed("cannot be written");
    bool good = write_all(out.get(), &length, sizeof length) &&
                write_all(out.get(), text.data(), text.size());
    for (const auto& tensor : state.tensors)
      good = good && write_all(out.get(), tensor.data.data(), tensor.data.size_bytes());
    if (!good || ::fsync(out.get()) != 0) return failed("cannot be written");
  }
  if (::rename(part.c_str(), file.c_str()) != 0) return failed("cannot be put into place");
  const auto folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  const File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) (void)::fsync(directory.get());
  return Done{};
}

Result<Done> OpenState::State::read(const fs::path& file) {
  const char* hint = "a training state is a file written by `foreline train --checkpoint`";
  map.file = file;
  const File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0)
    return refuse(file, fmt::format("cannot be opened: {}", std::strerror(errno)), hint);
  struct stat status {};
  ::fstat(in.get(), &status);
  if (!S_ISREG(status.st_mode) || status.st_size < 8)
    return refuse(file, "is empty or no ordinary file", hint);
  map.size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, map.size, PROT_READ, MAP_PRIVATE, in.get(), 0);
  if (mapped == MAP_FAILED)
    return refuse(file, fmt::format("cannot be mapped: {}", std::strerror(errno)));
  map.data = static_cast<const std::uint8_t*>(mapped);
  std::uint64_t length = 0;
  std::memcpy(&length, map.data, sizeof length);
  if (length > map.size - sizeof length || length > (std::uint64_t{1} << 28U))
    return refuse(file, "its header is longer than the file", "it is damaged or of another kind");
  base = sizeof length + static_cast<std::size_t>(length);
  const auto* text = reinterpret_cast<const char*>(map.data) + sizeof length;
  const json header = json::parse(text, text + length, nullptr, false);
  if (!header.is_object() || !header.contains("__metadata__"))
    return refuse(file, "its header is no JSON object with __metadata__", hint);
  const auto& about = header["__metadata__"];
  for (const char* key : {"format", "steps", "checksum", "note"}) {
    if (!about.is_object() || !about.contains(key) || !about[key].is_string())
      return refuse(file, fmt::format("its metadata has no {}", key), hint);
  }
  if (about["format"] != kind) return refuse(file, "is no training state", hint);
  const auto count = about["steps"].get<std::string>();
  if (count.empty() || count.size() > 18 ||
      !std::all_of(count.begin(), count.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return refuse(file, "its number of steps is no number", hint);
  steps = std::stoull(count);
  note = about["note"].get<std::string>();
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    if (auto done = read_entry(name, entry); !done) return done;
  }
  Checksum checksum;
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  for (const auto& [name, entry] : entries) parts.emplace_back(entry.begin, entry.end);
  std::sort(parts.begin(), parts.end());
  std::size_t at = base;
  for (const auto& [begin, end] : parts) {
    if (begin != at) return refuse(file, "its tensors overlap or leave gaps");
    checksum.add(map.data + begin, end - begin);
    at = end;
  }
  if (at != map.size)
    return refuse(file, fmt::format("has {} bytes, wanted {}", map.size, at),
                  "it is cut short or damaged; use an older one");
  if (checksum.text() != about["checksum"].get<std::string>())
    return refuse(file, "its contents do not fit its checksum", "the disk or a copy damaged it");
  return Done{};
}

Result<Done> OpenState::State::read_entry(const std::string& name, const json& entry) {
  const auto bad = [&](const char* what) {
    return refuse(map.file, fmt::format("tensor {}: {}", name, what), "it is damaged");
  };
  if (!entry.is_object() || !entry.contains("shape") || !entry["shape"].is_array() ||
      !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2 || !entry["data_offsets"][0].is_number_unsigned() ||
      !entry["data_offsets"][1].is_number_unsigned())
    return bad("its entry has no shape and data_offsets");
  Entry made;
  std::uint64_t count = 1;
  for (const auto& n : entry["shape"]) {
    if (!n.is_number_unsigned() || n.get<std::uint64_t>() > (1ULL << 40U))
      return bad("its shape is no list of sizes");
    made.shape.push_back(n.get<std::size_t>());
    if (__builtin_mul_overflow(count, n.get<std::uint64_t>(), &count) || count > (1ULL << 40U))
      return bad("its shape is too large");
  }
  const auto begin = entry["data_offsets"][0].get<std::uint64_t>();
  const auto end = entry["data_offsets"][1].get<std::uint64_t>();
  if (end < begin || end - begin != count * sizeof(float) || begin % sizeof(float) != 0)
    return bad("its bytes do not fit its shape");
  if (end > map.size - base) return bad("it ends beyond the end of the file");
  made.begin = base + static_cast<std::size_t>(begin);
  made.end = base + static_cast<std::size_t>(end);
  entries.emplace(name, std::move(made));
  return Done{};
}

Result<OpenState> OpenState::open(const fs::path& file, const std::vector<StateTensor>& wanted) {
  auto state = std::make_shared<State>();
  if (auto done = state->read(file); !done) return done.error();
  OpenState opened;
  opened.state_ = state;
  std::vector<Diagnostic> diagnostics;
  for (const auto& tensor : wanted) {
    const auto found = state->entries.find(tensor.name);
    if (found != state->entries.end() && found->second.shape == tensor.shape) continue;
    diagnostics.push_back(
        {file.string(), 0, 0,
         fmt::format("tensor {} is {}, wanted ({})", tensor.name,
                     found == state->entries.end()
                         ? std::string("missing")
                         : fmt::format("({})", fmt::join(found->second.shape, " x ")),
                     fmt::join(tensor.shape, " x ")),
         "it belongs to a model of another shape, or to other rules"});
  }
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return opened;
}

std::uint64_t OpenState::steps() const {
  return state_->steps;
}
const std::string& OpenState::note() const {
  return state_->note;
}
bool OpenState::has(const std::string& name, const std::vector<std::size_t>& shape) const {
  const auto found = state_->entries.find(name);
  return found != state_->entries.end() && found->second.shape == shape;
}
void OpenState::copy(const std::string& name, float* to) const {
  const auto& entry = state_->entries.at(name);
  std::memcpy(to, state_->map.data + entry.begin, entry.end - entry.begin);
}

Result<std::string> note_of_state(const fs::path& file) {
  const auto opened = OpenState::open(file, {});
  if (!opened) return opened.error();
  return opened->note();
}

}  // namespace foreline::gpt2
