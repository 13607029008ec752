// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/checkpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

namespace foreline::gpt2 {

using line::Diagnostic;
using line::Done;
using line::Error;
using line::Result;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

Error refuse(const fs::path& file, std::string what, std::string hint = {}) {
  return Error(std::vector<Diagnostic>{{file.string(), 0, 0, std::move(what), std::move(hint)}});
}

/// A file in memory, read-only.
class Mapping {
 public:
  static Result<std::shared_ptr<Mapping>> open(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return refuse(path, fmt::format("cannot be opened: {}", std::strerror(errno)),
                    "a model folder holds config.json and model.safetensors");
    struct stat status {};
    ::fstat(fd, &status);
    auto mapping = std::make_shared<Mapping>();
    mapping->size_ = static_cast<std::size_t>(status.st_size);
    if (S_ISREG(status.st_mode) && mapping->size_ > 0) {
      void* data = ::mmap(nullptr, mapping->size_, PROT_READ, MAP_PRIVATE, fd, 0);
      mapping->data_ = data == MAP_FAILED ? nullptr : static_cast<const std::uint8_t*>(data);
    }
    ::close(fd);
    if (mapping->data_ == nullptr) return refuse(path, "is empty or no ordinary file");
    return mapping;
  }
  Mapping() = default;
  ~Mapping() {
    if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

enum class Type { f32, f16, bf16 };

struct Stored {
  std::shared_ptr<Mapping> mapping;
  fs::path file;
  Type type = Type::f32;
  std::vector<std::size_t> shape;
  std::size_t begin = 0;  ///< Byte offset in the file.
  std::size_t count = 0;
};

float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -value : value;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13U));
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (fraction << 13U));
}

Result<Done> read_header(const fs::path& file, std::map<std::string, Stored>& tensors) {
  auto mapping = Mapping::open(file);
  if (!mapping) return mapping.error();
  const auto& map = **mapping;
  std::uint64_t length = 0;
  if (map.size() < sizeof length)
    return refuse(file, "is shorter than a safetensors header", "the file is truncated");
  std::memcpy(&length, map.data(), sizeof length);
  if (length > map.size() - sizeof length || length > 100'000'000) {
    return refuse(
        file, fmt::format("its header would be {} bytes long, the file has {}", length, map.size()),
        "the file is truncated or no safetensors file");
  }
  const auto* text = reinterpret_cast<const char*>(map.data() + sizeof length);
  const json header = json::parse(text, text + length, nullptr, false);
  if (!header.is_object())
    return refuse(file, "its header is no JSON object",
                  "the file is damaged or no safetensors file");
  const std::size_t base = sizeof length + length;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    auto bad = [&, tensor = name](const std::string& what) {
      return refuse(file, fmt::format("tensor {}: {}", tensor, what));
    };
    const auto type = entry.is_object() ? entry.value("dtype", json()) : json();
    const auto shape = entry.is_object() ? entry.value("shape", json()) : json();
    const auto offsets = entry.is_object() ? entry.value("data_offsets", json()) : json();
    if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2 ||
        !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
      return bad("its entry has no dtype, shape and data_offsets");
    }
    Stored stored;
    stored.mapping = *mapping;
    stored.file = file;
    if (type == "F32")
      stored.type = Type::f32;
    else if (type == "F16")
      stored.type = Type::f16;
    else if (type == "BF16")
      stored.type = Type::bf16;
    else if (name.find("attn.bias") != std::string::npos ||
             name.find("attn.masked_bias") != std::string::npos)
      continue;
    else
      return bad(fmt::format("type {} is not F32, F16 or BF16", type.dump()));
    stored.count = 1;
    for (const auto& n : shape) {
      if (!n.is_number_unsigned() || n.get<std::uint64_t>() > (1ULL << 40U))
        return bad("its shape is no list of sizes");
      stored.shape.push_back(n.get<std::size_t>());
      if (stored.count > (1ULL << 40U)) return bad("its shape is too large");
      stored.count *= stored.shape.back();
    }
    const auto begin = offsets[0].get<std::uint64_t>();
    const auto end = offsets[1].get<std::uint64_t>();
    const std::size_t width = stored.type == Type::f32 ? 4 : 2;
    if (end < begin || end - begin != stored.count * width)
      return bad("its bytes do not fit its shape");
    if (end > map.size() - base) {
      return refuse(file,
                    fmt::format("tensor {} ends {} bytes beyond the end of the file", name,
                                end - (map.size() - base)),
                    "the file is truncated; copy it again");
    }
    stored.begin = base + begin;
    tensors[name.rfind("transformer.", 0) == 0 ? name.substr(12) : name] = std::move(stored);
  }
  return Done{};
}

void convert(const Stored& stored, Tensor& tensor) {
  tensor.resize(stored.count);
  const auto* bytes = stored.mapping->data() + stored.begin;
  if (stored.type == Type::f32) {
    std::memcpy(tensor.data(), bytes, stored.count * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < stored.count; ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, bytes + 2 * i, 2);
    tensor[i] = stored.type == Type::f16
                    ? from_half(half)
                    : std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
  }
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("({})", fmt::join(shape, " x "));
}

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path))
    return refuse(path, "cannot be read",
                  "a model folder holds config.json, vocab.json, merges.txt and model.safetensors");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<Done> write_file(const fs::path& path, std::string_view bytes) {
  const fs::path part = path.string() + ".part";
  {
    std::ofstream out(part, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) return refuse(path, "cannot be written", "is there room, and permission?");
  }
  std::error_code error;
  fs::rename(part, path, error);
  if (error) return refuse(path, "cannot be put into place: " + error.message());
  return Done{};
}

Result<Checkpoint> load_checkpoint(const fs::path& directory) {
  const auto text = read_file(directory / "config.json");
  if (!text) return text.error();
  auto config = config_from_json(*text, (directory / "config.json").string());
  if (!config) return config.error();
  std::vector<fs::path> files;
  const auto index_file = directory / "model.safetensors.index.json";
  if (fs::exists(directory / "model.safetensors") || !fs::exists(index_file)) {
    files.push_back(directory / "model.safetensors");
  } else {
    const auto index_text = read_file(index_file);
    if (!index_text) return index_text.error();
    const json index = json::parse(*index_text, nullptr, false);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
      return refuse(index_file, "has no weight_map");
    std::map<std::string, bool> names;
    for (const auto& [tensor, shard] : index["weight_map"].items()) {
      if (!shard.is_string() ||
          fs::path(shard.get<std::string>()).filename() != shard.get<std::string>()) {
        return refuse(index_file, fmt::format("the shard of {} is no file name", tensor));
      }
      names[shard.get<std::string>()] = true;
    }
    for (const auto& [name, used] : names) files.push_back(directory / name);
  }
  std::map<std::string, Stored> stored;
  for (const auto& file : files) {
    if (auto done = read_header(file, stored); !done) return done.error();
  }
  Checkpoint checkpoint{std::move(*config), {}};
  // The file knows better than the flag whether there is a head of its own.
  if (stored.count("lm_head.weight") != 0 && !checkpoint.config.tie_word_embeddings) {
  } else if (stored.count("lm_head.weight") == 0) {
    checkpoint.config.tie_word_embeddings = true;
  }
  std::vector<Diagnostic> diagnostics;
  for_each_tensor(
      checkpoint.config, checkpoint.weights,
      [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& tensor) {
        const auto found = stored.find(name);
        if (found == stored.end()) {
          diagnostics.push_back(
              {files.front().string(), 0, 0,
               fmt::format("tensor {} is missing, wanted {}", name, shape_text(shape)),
               "does config.json belong to these weights?"});
        } else if (found->second.shape != shape) {
          diagnostics.push_back({found->second.file.string(), 0, 0,
                                 fmt::format("tensor {} is {}, wanted {}", name,
                                             shape_text(found->second.shape), shape_text(shape)),
                                 "does config.json belong to these weights?"});
        } else {
          convert(found->second, tensor);
        }
      });
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return checkpoint;
}

Result<Done> save_checkpoint(const fs::path& directory, const Config& config,
                             const Weights& weights) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return refuse(directory, "cannot be created: " + error.message());
  json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for_each_tensor(
      config, const_cast<Weights&>(weights),
      [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& tensor) {
        const auto begin = data.size();
        data.append(reinterpret_cast<const char*>(tensor.data()), tensor.size() * sizeof(float));
        header[name == "lm_head.weight" ? name : "transformer." + name] = {
            {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
      });
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text + data;
  if (auto done = write_file(directory / "model.safetensors", bytes); !done) return done;
  return write_file(directory / "config.json", config_to_json(config));
}

}  // namespace foreline::gpt2
