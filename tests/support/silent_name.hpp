// SPDX-License-Identifier: Apache-2.0
// "silent.example": a name whose server does not answer until the test lets it. Stands in place of
// the C library's look-up for the whole program, its libraries included when the program exports
// its symbols (ENABLE_EXPORTS). For one source of a program.
#pragma once

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

namespace foreline::tests {

inline std::atomic<int> silent_asked{0};
inline std::atomic<int> silent_answered{0};
inline std::atomic<bool> silent = true;

/// Lets every lookup of the silent name end, so that no thread of it outlives the test.
inline void end_silence() {
  silent = false;
  while (silent_answered < silent_asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  silent = true;
}

}  // namespace foreline::tests

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* node,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  using namespace foreline::tests;
  if (node != nullptr && std::strcmp(node, "silent.example") == 0) {
    ++silent_asked;
    for (int i = 0; i < 20'000 && silent; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++silent_answered;
    return EAI_AGAIN;
  }
  static const auto own =
      reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return own(node, service, hints, found);
}
