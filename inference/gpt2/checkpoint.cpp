// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/checkpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <tuple>

#include "inference/gpt2/json_text.hpp"
#include "inference/gpt2/written_files.hpp"

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

Result<std::shared_ptr<const StoredFile>> open_stored(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return refuse(path, fmt::format("cannot be opened: {}", std::strerror(errno)),
                  "a model folder holds config.json and model.safetensors");
  struct stat status {};
  const bool good =
      ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  auto file = std::make_shared<const StoredFile>(descriptor);
  if (!good) return refuse(path, "is empty or no ordinary file");
  return file;
}

struct Entry {
  StoredTensor tensor;
  std::string type;  ///< As the file names it.
  std::vector<std::size_t> shape;
};

/// Bytes of one element; 0 for a type that safetensors does not have.
std::size_t width_of(const std::string& type) {
  static const std::map<std::string, std::size_t> widths = {
      {"F64", 8}, {"I64", 8}, {"U64", 8},  {"F32", 4},     {"I32", 4},
      {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2},     {"U16", 2},
      {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  const auto found = widths.find(type);
  return found == widths.end() ? 0 : found->second;
}

std::string printable(std::string text) {
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

Result<Done> read_header(const fs::path& file, std::map<std::string, Entry>& tensors) {
  const auto opened = open_stored(file);
  if (!opened) return opened.error();
  const auto& stored = **opened;
  const auto file_size = stored.size();
  std::uint64_t length = 0;
  if (file_size < sizeof length || !stored.read(0, sizeof length, &length))
    return refuse(file, "is shorter than a safetensors header", "the file is truncated");
  if (length > file_size - sizeof length || length > 100'000'000) {
    return refuse(
        file, fmt::format("its header would be {} bytes long, the file has {}", length, file_size),
        "the file is truncated or no safetensors file");
  }
  std::string text(length, ' ');
  if (!stored.read(sizeof length, length, text.data()))
    return refuse(file, "cannot be read to the end of its header", "the file is truncated");
  const auto parsed = json_from(text, file.string());
  if (!parsed || !parsed->is_object())
    return refuse(file, "its header is no JSON object",
                  "the file is damaged or no safetensors file");
  const json& header = *parsed;
  const std::size_t base = sizeof length + length;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> spans;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    auto bad = [&, tensor = name](const std::string& what) {
      return refuse(file, fmt::format("tensor {}: {}", printable(tensor), what));
    };
    const auto type = entry.is_object() ? entry.value("dtype", json()) : json();
    const auto shape = entry.is_object() ? entry.value("shape", json()) : json();
    const auto offsets = entry.is_object() ? entry.value("data_offsets", json()) : json();
    if (!type.is_string() || !shape.is_array() || !offsets.is_array() || offsets.size() != 2 ||
        !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
      return bad("its entry has no dtype, shape and data_offsets");
    }
    Entry found;
    found.type = printable(type.get<std::string>());
    std::size_t count = 1;
    for (const auto& n : shape) {
      if (!n.is_number_unsigned() || n.get<std::uint64_t>() > (1ULL << 40U))
        return bad("its shape is no list of sizes");
      found.shape.push_back(n.get<std::size_t>());
      if (count > (1ULL << 40U) / std::max<std::size_t>(found.shape.back(), 1))
        return bad("its shape is too large");
      count *= found.shape.back();
    }
    const auto begin = offsets[0].get<std::uint64_t>();
    const auto end = offsets[1].get<std::uint64_t>();
    if (end > file_size - base) {
      return refuse(file,
                    fmt::format("tensor {} ends {} bytes beyond the end of the file",
                                printable(name), end - (file_size - base)),
                    "the file is truncated; copy it again");
    }
    const auto width = width_of(found.type);
    if (end < begin || (width != 0 && end - begin != count * width))
      return bad(fmt::format("its bytes do not fit its shape and dtype {}", found.type));
    if (end > begin) spans.emplace_back(begin, end, name);
    found.tensor = {nullptr,
                    found.type == "F16"    ? StoredType::f16
                    : found.type == "BF16" ? StoredType::bf16
                                           : StoredType::f32,
                    count,
                    file.string(),
                    *opened,
                    base + begin};
    const auto bare = name.rfind("transformer.", 0) == 0 ? name.substr(12) : name;
    const auto earlier = tensors.find(bare);
    if (earlier != tensors.end())
      return bad("is there twice, also in " + earlier->second.tensor.file);
    tensors.emplace(bare, std::move(found));
  }
  std::sort(spans.begin(), spans.end());
  for (std::size_t i = 1; i < spans.size(); ++i) {
    if (std::get<0>(spans[i]) < std::get<1>(spans[i - 1])) {
      return refuse(file,
                    fmt::format("tensors {} and {} overlap", printable(std::get<2>(spans[i - 1])),
                                printable(std::get<2>(spans[i]))),
                    "the file is damaged");
    }
  }
  return Done{};
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("({})", fmt::join(shape, " x "));
}

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  constexpr std::uintmax_t size_max = 256'000'000;
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  if (!in || !fs::is_regular_file(path, error))
    return refuse(path, "cannot be read",
                  "a model folder holds config.json, vocab.json, merges.txt and model.safetensors");
  if (fs::file_size(path, error) > size_max)
    return refuse(path, fmt::format("is larger than {} MB", size_max / 1'000'000));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t hash = 1469598103934665603ULL;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return hash;
}

namespace {

std::atomic<unsigned> files_whole = 0;
std::atomic<const char*> file_part = nullptr;
std::mutex last_file_mutex;
std::array<char, 1024> last_file{};  // read by a handler of signals: only ever overwritten

struct Part {
  explicit Part(const char* path) { file_part = path; }
  ~Part() { file_part = nullptr; }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
};

}  // namespace

WrittenFiles written_so_far() {
  return {files_whole, last_file.data(), file_part};
}

Result<Done> write_file(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path part = path.string() + ".part";
  std::error_code error;
  const Part noted(part.c_str());
  {
    std::ofstream out(part, std::ios::binary);
    if (out) write(out);
    out.flush();
    if (!out) {
      out.close();
      fs::remove(part, error);
      return refuse(path, "cannot be written", "is there room, and permission?");
    }
  }
  fs::rename(part, path, error);
  if (error) return refuse(path, "cannot be put into place: " + error.message());
  const std::lock_guard lock(last_file_mutex);
  std::snprintf(last_file.data(), last_file.size(), "%s", path.c_str());
  ++files_whole;
  return Done{};
}

Result<Done> write_file(const fs::path& path, std::string_view bytes) {
  return write_file(path, [&](std::ostream& out) {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  });
}

namespace {

/// The files that hold a model's tensors.
Result<std::vector<fs::path>> weight_files(const fs::path& directory) {
  const auto single = directory / "model.safetensors";
  const auto index_file = directory / "model.safetensors.index.json";
  std::error_code error;
  if (fs::exists(single, error)) return std::vector<fs::path>{single};
  if (fs::exists(index_file, error)) {
    const auto text = read_file(index_file);
    if (!text) return text.error();
    const auto index = json_from(*text, index_file.string());
    if (!index) return index.error();
    if (!index->is_object() || !index->contains("weight_map") ||
        !index->at("weight_map").is_object() || index->at("weight_map").empty())
      return refuse(index_file, "has no weight_map");
    std::set<std::string> names;
    for (const auto& [tensor, shard] : index->at("weight_map").items()) {
      if (!shard.is_string() ||
          fs::path(shard.get<std::string>()).filename() != shard.get<std::string>()) {
        return refuse(index_file,
                      fmt::format("the shard of {} is no file name", printable(tensor)));
      }
      names.insert(shard.get<std::string>());
    }
    std::vector<fs::path> files;
    files.reserve(names.size());
    for (const auto& name : names) files.push_back(directory / name);
    return files;
  }
  // Shards without an index: model-00002-of-00003.safetensors. All of them must be there.
  std::vector<fs::path> files;
  std::size_t wanted = 0;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto name = entry.path().filename().string();
    unsigned number = 0;
    unsigned count = 0;
    int used = 0;
    if (std::sscanf(name.c_str(), "model-%5u-of-%5u.safetensors%n", &number, &count, &used) == 2 &&
        static_cast<std::size_t>(used) == name.size()) {
      files.push_back(entry.path());
      wanted = count;
    }
  }
  std::sort(files.begin(), files.end());
  if (!files.empty()) {
    if (files.size() != wanted)
      return refuse(directory,
                    fmt::format("holds {} of {} shards of the model", files.size(), wanted));
    return files;
  }
  if (fs::exists(directory / "pytorch_model.bin", error)) {
    return refuse(single, "is not there, only pytorch_model.bin, which could run code as it loads",
                  "save it with save_pretrained(..., safe_serialization=True)");
  }
  return std::vector<fs::path>{single};
}

}  // namespace

Result<StoredCheckpoint> open_checkpoint(const fs::path& directory, Head head) {
  const auto text = read_file(directory / "config.json");
  if (!text) return text.error();
  auto config = config_from_json(*text, (directory / "config.json").string());
  if (!config) return config.error();
  const auto files = weight_files(directory);
  if (!files) return files.error();
  StoredCheckpoint checkpoint{std::move(*config), {}};
  std::map<std::string, Entry> stored;
  for (const auto& file : *files) {
    if (auto done = read_header(file, stored); !done) return done.error();
  }
  const bool own_head = stored.count("lm_head.weight") != 0;
  // Hidden states need no head: a GPT2Model whose GPT2LMHeadModel would not be tied has none.
  if (!own_head && head == Head::unwanted) checkpoint.config.tie_word_embeddings = true;
  std::vector<Diagnostic> diagnostics;
  const auto& first_file = files->front();
  for_each_shape(checkpoint.config, [&](const std::string& name,
                                        const std::vector<std::size_t>& shape) {
    const auto found = stored.find(name);
    if (found == stored.end()) {
      diagnostics.push_back(
          {first_file.string(), 0, 0,
           fmt::format("tensor {} is missing, wanted {}", name, shape_text(shape)),
           name == "lm_head.weight" ? "tie_word_embeddings is false in config.json"
                                    : "does config.json belong to these weights?"});
    } else if (found->second.shape != shape) {
      diagnostics.push_back({found->second.tensor.file, 0, 0,
                             fmt::format("tensor {} is {}, wanted {}", name,
                                         shape_text(found->second.shape), shape_text(shape)),
                             "does config.json belong to these weights?"});
    } else if (const auto& type = found->second.type;
               type != "F32" && type != "F16" && type != "BF16") {
      diagnostics.push_back({found->second.tensor.file, 0, 0,
                             fmt::format("tensor {}: type {} is not F32, F16 or BF16", name, type),
                             "save the model in one of these types"});
    } else {
      checkpoint.tensors.emplace(name, std::move(found->second.tensor));
    }
  });
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  for (const auto& [name, entry] : stored) {
    // Attention masks, as older versions of transformers kept them, change nothing.
    const bool mask = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
    if (name.starts_with("h.") && !mask && !checkpoint.tensors.contains(name))
      return refuse(entry.tensor.file,
                    fmt::format("tensor {} is in none of the {} layers of a GPT-2", printable(name),
                                checkpoint.config.n_layer),
                    "does config.json belong to these weights? an adapter is merged before saving");
  }
  return checkpoint;
}

Result<Checkpoint> load_checkpoint(const fs::path& directory) {
  auto opened = open_checkpoint(directory);
  if (!opened) return opened.error();
  Checkpoint checkpoint{std::move(opened->config), {}};
  std::vector<Diagnostic> diagnostics;
  for_each_tensor(checkpoint.config, checkpoint.weights,
                  [&](const std::string& name, const std::vector<std::size_t>&, Tensor& tensor) {
                    const auto& stored = opened->tensors.at(name);
                    tensor.resize(stored.size);
                    if (!stored.read(0, stored.size, tensor.data()))
                      diagnostics.push_back(not_finite(name, stored));
                  });
  if (!diagnostics.empty()) return Error(std::move(diagnostics));
  return checkpoint;
}

Diagnostic not_finite(const std::string& name, const StoredTensor& tensor) {
  const auto end = tensor.offset + tensor.size * (tensor.type == StoredType::f32 ? 4 : 2);
  if (tensor.source != nullptr && tensor.source->size() < end)
    return {tensor.file, 0, 0,
            fmt::format("tensor {} cannot be read: the file was cut off after it was opened", name),
            "replace a model's files by renaming, not in place"};
  return {tensor.file, 0, 0, fmt::format("tensor {} has values that are NaN or infinite", name),
          "the training that wrote it diverged, or the file is damaged"};
}

Result<Done> save_checkpoint(const fs::path& directory, const Config& config,
                             const Weights& weights) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return refuse(directory, "cannot be created: " + error.message());
  json header = {{"__metadata__", {{"format", "pt"}}}};
  std::size_t size = 0;
  std::vector<const Tensor*> tensors;
  for_each_tensor(
      config, const_cast<Weights&>(weights),
      [&](const std::string& name, const std::vector<std::size_t>& shape, Tensor& tensor) {
        const auto begin = size;
        size += tensor.size() * sizeof(float);
        tensors.push_back(&tensor);
        header[name == "lm_head.weight" ? name : "transformer." + name] = {
            {"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, size}}};
      });
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  auto done = write_file(directory / "model.safetensors", [&](std::ostream& out) {
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto* tensor : tensors) {
      out.write(reinterpret_cast<const char*>(tensor->data()),
                static_cast<std::streamsize>(tensor->size() * sizeof(float)));
    }
  });
  if (!done) return done;
  return write_file(directory / "config.json", config_to_json(config));
}

}  // namespace foreline::gpt2
