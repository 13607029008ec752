// SPDX-License-Identifier: Apache-2.0
#include "plugin/io/name_lookup.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace foreline::io {

namespace {

constexpr int threads_most = 64;  ///< Of this process; other lookups wait their turn.
std::atomic<int> threads{0};

bool is_literal(const std::string& host) {
  in6_addr space{};
  return ::inet_pton(AF_INET, host.c_str(), &space) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &space) == 1;
}

std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<std::string> addresses;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, INET6_ADDRSTRLEN + 16> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.data());
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

void stay_loaded() {
  Dl_info here{};
  if (::dladdr(reinterpret_cast<const void*>(&stay_loaded), &here) != 0)
    (void)::dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

struct NameLookup::Asked {
  std::string host;
  std::mutex mutex;
  std::optional<std::vector<std::string>> answer;
};

NameLookup::NameLookup(std::string host) : asked_(std::make_shared<Asked>()) {
  asked_->host = std::move(host);
  if (is_literal(asked_->host)) asked_->answer = {asked_->host};
}

NameLookup::~NameLookup() {
  const std::lock_guard lock(asked_->mutex);
  if (begun_ && !asked_->answer) stay_loaded();
}

std::optional<std::vector<std::string>> NameLookup::answer() {
  const std::lock_guard lock(asked_->mutex);
  if (asked_->answer || begun_) return asked_->answer;
  if (threads.fetch_add(1) >= threads_most) {
    --threads;
    return std::nullopt;
  }
  try {
    std::thread([asked = asked_] {
      auto found = addresses_of(asked->host);
      --threads;
      const std::lock_guard inner(asked->mutex);
      asked->answer = std::move(found);
    }).detach();
    begun_ = true;
  } catch (const std::system_error&) {
    --threads;  // No thread to be had now; the next call tries again.
  }
  return std::nullopt;
}

}  // namespace foreline::io
