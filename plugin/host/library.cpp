// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "plugin/host/process.hpp"

namespace foreline::host {

namespace {

constexpr const char* file_name = "libforeline.so.1";

std::string find_library() {
  const auto here = own_executable().parent_path();
  std::error_code error;
  for (const auto& folder :
       {here, here.parent_path() / "lib" / "x86_64-linux-gnu", here.parent_path() / "lib",
        here.parent_path() / "lib64", here.parent_path() / "lib" / "aarch64-linux-gnu"}) {
    if (std::filesystem::exists(folder / file_name, error)) return (folder / file_name).string();
  }
  return file_name;
}

}  // namespace

line::Result<Library> Library::open(const std::filesystem::path& path) {
  Library library;
  library.path_ = path.empty() ? find_library() : path.string();
  library.handle_ = ::dlopen(library.path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle_ == nullptr)
    return line::Error(fmt::format("cannot load the plugin: {}", ::dlerror()),
                       "give --library PATH");
  auto* symbol = ::dlsym(library.handle_, "foreline_get_api");
  if (symbol == nullptr)
    return line::Error(fmt::format("{} is no foreline plugin: {}", library.path_, ::dlerror()));
  std::uint32_t chosen = 0;
  library.api_ = reinterpret_cast<decltype(&foreline_get_api)>(symbol)(
      FORELINE_ABI_VERSION, FORELINE_ABI_VERSION, &chosen);
  if (library.api_ == nullptr)
    return line::Error(fmt::format("{} has no ABI version {}", library.path_, FORELINE_ABI_VERSION),
                       "build host and plugin from the same release");
  return library;
}

Library::Library(Library&& other) noexcept {
  *this = std::move(other);
}

Library& Library::operator=(Library&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(api_, other.api_);
  std::swap(path_, other.path_);
  return *this;
}

Library::~Library() {
  if (handle_ != nullptr) ::dlclose(handle_);
}

}  // namespace foreline::host
