// SPDX-License-Identifier: Apache-2.0
// The C face of an Attachment: checks what crosses the border, and lets no exception out.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "foreline/foreline.h"
#include "plugin/attachment/attachment.hpp"
#include "plugin/core/configuration.hpp"
#include "plugin/core/quality.hpp"
#include "plugin/hmi/hmi.hpp"

struct foreline_instance {
  foreline_host host{};
  std::string hmi_where;  ///< As the host gave it.
  bool started = false;
  foreline::core::Configuration configuration;
  /// Held by calls from any thread, and while a reload puts another attachment or pages in place.
  std::mutex door;
  std::unique_ptr<foreline::attachment::Attachment> attachment;
  /// What ran before a reload; the next start goes on where it stood.
  std::unique_ptr<foreline::attachment::Attachment> former;
  std::unique_ptr<foreline::hmi::Hmi> hmi;  ///< Hears events until the attachment has stopped.
};

namespace {

using namespace foreline;
using attachment::Answer;
using attachment::Refusal;

foreline_status say(foreline_status status, const std::string& text, char* error, size_t size) {
  if (error != nullptr && size > 0) {
    // One line: what a person reads first.
    const auto length = std::min(text.size(), size - 1);
    std::memcpy(error, text.data(), length);
    error[length] = '\0';
  }
  return status;
}

foreline_status answer(const Answer& given, char* error, size_t size) {
  switch (given.refusal) {
    case Refusal::none:
      return say(FORELINE_OK, {}, error, size);
    case Refusal::wrong_state:
      return say(FORELINE_WRONG_STATE, given.text, error, size);
    case Refusal::refused:
      return say(FORELINE_REFUSED, given.text, error, size);
    case Refusal::io:
      return say(FORELINE_IO, given.text, error, size);
    case Refusal::invalid_argument:
      break;
  }
  return say(FORELINE_INVALID_ARGUMENT, given.text, error, size);
}

/// Runs `body`; nothing thrown passes.
template <class Body>
foreline_status guarded(char* error, size_t size, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return say(FORELINE_INTERNAL, "out of memory", error, size);
  } catch (const std::exception& thrown) {
    try {
      return say(FORELINE_INTERNAL, std::string("internal error: ") + thrown.what(), error, size);
    } catch (...) {
      return FORELINE_INTERNAL;
    }
  } catch (...) {
    return FORELINE_INTERNAL;
  }
}

constexpr auto patience = std::chrono::seconds(5);  ///< With what is under way at an end.

uint32_t kind_of(attachment::EventKind kind) {
  return static_cast<uint32_t>(kind) + FORELINE_EVENT_LINK;
}

attachment::HostCalls calls_of(foreline_instance& instance) {
  const auto& host = instance.host;
  attachment::HostCalls calls;
  if (host.log != nullptr)
    calls.log = [host](attachment::Level level, std::string_view room, const std::string& line) {
      host.log(host.context, static_cast<int>(level), std::string(room).c_str(), line.c_str());
    };
  calls.event = [host, &instance](const attachment::Event& event) {
    if (instance.hmi) instance.hmi->tell(event);
    if (host.event != nullptr) {
      const foreline_event out = {sizeof out,
                                  kind_of(event.kind),
                                  event.at_s,
                                  event.subject.c_str(),
                                  event.what.c_str(),
                                  event.text.c_str(),
                                  event.detail_json.c_str(),
                                  event.probability,
                                  event.expected_in_s};
      host.event(host.context, &out);
    }
  };
  if (host.now_ns != nullptr) calls.now_ns = [host] { return host.now_ns(host.context); };
  return calls;
}

/// Takes "PORT" or "ADDRESS:PORT"; false when it is neither, or no loopback address.
bool listen_on(const std::string& where, core::HmiRules& rules) {
  const auto colon = where.rfind(':');
  const auto port = where.substr(colon == std::string::npos ? 0 : colon + 1);
  auto host = colon == std::string::npos ? std::string("127.0.0.1") : where.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  const bool loopback = host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
  if (!loopback || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos || std::stoul(port) > 65'535)
    return false;
  rules.on = true;
  rules.host = host;
  rules.port = static_cast<uint16_t>(std::stoul(port));
  return true;
}

foreline_status create(const char* config_path, const foreline_host* host, foreline_instance** out,
                       char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (out == nullptr || config_path == nullptr)
      return say(FORELINE_INVALID_ARGUMENT, "config_path and out must not be NULL", error,
                 error_size);
    *out = nullptr;
    auto instance = std::make_unique<foreline_instance>();
    if (host != nullptr) {
      if (host->size < sizeof(uint32_t))
        return say(FORELINE_INVALID_ARGUMENT, "host.size is not set", error, error_size);
      // Half a pointer is none.
      std::memcpy(&instance->host, host,
                  std::min<size_t>(host->size - host->size % alignof(foreline_host),
                                   sizeof(foreline_host)));
    }
    auto configuration = core::read_configuration(config_path);
    if (!configuration)
      return say(FORELINE_INVALID_CONFIG, configuration.error().text(), error, error_size);
    if (instance->host.hmi != nullptr && !listen_on(instance->host.hmi, configuration->hmi))
      return say(FORELINE_INVALID_ARGUMENT,
                 "host.hmi must be a port, or a loopback address and a port (127.0.0.1:8080); "
                 "other addresses belong into [hmi] of the configuration",
                 error, error_size);
    if (instance->host.hmi != nullptr) instance->hmi_where = instance->host.hmi;
    instance->host.hmi = nullptr;  // borrowed for this call only
    instance->configuration = *configuration;
    instance->attachment =
        std::make_unique<attachment::Attachment>(std::move(*configuration), calls_of(*instance));
    *out = instance.release();
    return say(FORELINE_OK, {}, error, error_size);
  });
}

foreline_status without_instance(char* error, size_t size) {
  return say(FORELINE_INVALID_ARGUMENT, "instance must not be NULL", error, size);
}

Answer begin(foreline_instance& instance) {
  if (instance.configuration.hmi.on && !instance.hmi) {
    auto pages = hmi::Hmi::start(*instance.attachment, instance.configuration);
    if (!pages) return {Refusal::io, pages.error().text()};
    const std::lock_guard lock(instance.door);
    instance.hmi = std::move(*pages);
  }
  auto started = instance.attachment->start(instance.former.get());
  if (started.refusal != Refusal::none) return started;
  instance.started = true;
  instance.former.reset();
  return started;
}

Answer end(foreline_instance& instance, std::chrono::milliseconds limit) {
  auto stopped = instance.attachment->stop(limit);
  if (stopped.refusal != Refusal::none) return stopped;
  std::unique_ptr<hmi::Hmi> pages;
  {
    const std::lock_guard lock(instance.door);
    pages.swap(instance.hmi);
  }
  instance.started = false;
  return stopped;
}

foreline_status start(foreline_instance* instance, char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr) return without_instance(error, error_size);
    return answer(begin(*instance), error, error_size);
  });
}

foreline_status reload(foreline_instance* instance, const char* config_path, char* error,
                       size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || config_path == nullptr) return without_instance(error, error_size);
    auto read = core::read_configuration(config_path);
    if (!read) return say(FORELINE_INVALID_CONFIG, read.error().text(), error, error_size);
    if (!instance->hmi_where.empty()) (void)listen_on(instance->hmi_where, read->hmi);
    const bool running = instance->started;
    if (const auto ended = end(*instance, patience); ended.refusal != Refusal::none)
      return answer(ended, error, error_size);
    auto fresh = std::make_unique<attachment::Attachment>(*read, calls_of(*instance));
    {
      const std::lock_guard lock(instance->door);
      std::swap(instance->attachment, fresh);
    }
    std::swap(instance->configuration, *read);
    if (!instance->former) instance->former = std::move(fresh);
    if (!running) return say(FORELINE_OK, {}, error, error_size);
    const auto begun = begin(*instance);
    if (begun.refusal == Refusal::none) return say(FORELINE_OK, {}, error, error_size);
    (void)end(*instance, patience);
    {
      const std::lock_guard lock(instance->door);
      std::swap(instance->attachment, instance->former);
    }
    instance->former.reset();
    instance->configuration = std::move(*read);
    const auto again = begin(*instance);
    if (again.refusal == Refusal::none) return answer(begun, error, error_size);
    return say(FORELINE_INTERNAL,
               begun.text + "; and the former configuration cannot be started again: " + again.text,
               error, error_size);
  });
}

foreline_status stop(foreline_instance* instance, uint32_t timeout_ms, char* error,
                     size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr) return without_instance(error, error_size);
    return answer(end(*instance, std::chrono::milliseconds(timeout_ms)), error, error_size);
  });
}

void destroy(foreline_instance* instance) {
  guarded(nullptr, 0, [&] {
    if (instance == nullptr) return FORELINE_OK;
    // From a callback of its own thread, or in a fork, nothing can be freed: better a leak than a
    // dead host.
    const auto stopped = instance->attachment->stop(patience);
    if (stopped.refusal != Refusal::none) return answer(stopped, nullptr, 0);
    delete instance;
    return FORELINE_OK;
  });
}

foreline_status read(foreline_instance* instance, const char* tag, foreline_value* out, char* error,
                     size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr) return without_instance(error, error_size);
    if (tag == nullptr || out == nullptr || out->size < sizeof(uint32_t))
      return say(FORELINE_INVALID_ARGUMENT, "tag, out or out->size is missing", error, error_size);
    attachment::Value value;
    const std::lock_guard lock(instance->door);
    const auto given = instance->attachment->read(tag, value);
    if (given.refusal != Refusal::none) return answer(given, error, error_size);
    foreline_value result{};
    result.size = out->size;
    result.at_s = value.at_s;
    result.received_ns = value.received_ns;
    result.value = value.value;
    result.quality = core::opc_quality(value.quality);
    const auto length = std::min(value.unit.size(), sizeof result.unit - 1);
    std::memcpy(result.unit, value.unit.data(), length);
    std::memcpy(out, &result, std::min<size_t>(out->size, sizeof result));
    return say(FORELINE_OK, {}, error, error_size);
  });
}

uint16_t server_port(foreline_instance* instance) {
  if (instance == nullptr) return 0;
  const std::lock_guard lock(instance->door);
  return instance->attachment->server_port();
}

uint16_t hmi_port(foreline_instance* instance) {
  if (instance == nullptr) return 0;
  const std::lock_guard lock(instance->door);
  return instance->hmi ? instance->hmi->port() : uint16_t{0};
}

foreline_status acknowledge(foreline_instance* instance, const char* subject, char* error,
                            size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || subject == nullptr) return without_instance(error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->acknowledge(subject, "the host"), error, error_size);
  });
}

constexpr const char* nobody = "an act on an alarm needs a name";

bool named(const char* who) {
  return who != nullptr && *who != '\0';
}

foreline_status acknowledge_as(foreline_instance* instance, const char* subject, const char* who,
                               char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || subject == nullptr) return without_instance(error, error_size);
    if (!named(who)) return say(FORELINE_INVALID_ARGUMENT, nobody, error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->acknowledge(subject, who), error, error_size);
  });
}

foreline_status shelve(foreline_instance* instance, const char* subject, double for_s,
                       const char* who, const char* reason, char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || subject == nullptr) return without_instance(error, error_size);
    if (!named(who)) return say(FORELINE_INVALID_ARGUMENT, nobody, error, error_size);
    const std::lock_guard lock(instance->door);
    auto& attachment = *instance->attachment;
    if (for_s == 0) return answer(attachment.unshelve(subject, who), error, error_size);
    return answer(attachment.shelve(subject, for_s, who, reason == nullptr ? "" : reason), error,
                  error_size);
  });
}

foreline_status service(foreline_instance* instance, const char* subject, int in_service,
                        const char* who, const char* reason, char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || subject == nullptr) return without_instance(error, error_size);
    if (!named(who)) return say(FORELINE_INVALID_ARGUMENT, nobody, error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->service(subject, in_service != 0, who,
                                                reason == nullptr ? "" : reason),
                  error, error_size);
  });
}

foreline_status plan(foreline_instance* instance, char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr) return without_instance(error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->plan(), error, error_size);
  });
}

foreline_status decide(foreline_instance* instance, uint64_t proposal, int approved,
                       const char* who, char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr) return without_instance(error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->decide(proposal, approved != 0, who == nullptr ? "" : who),
                  error, error_size);
  });
}

foreline_status write(foreline_instance* instance, const char* tag, double value, const char* who,
                      char* error, size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || tag == nullptr) return without_instance(error, error_size);
    const std::lock_guard lock(instance->door);
    return answer(instance->attachment->write(tag, value, who == nullptr ? "" : who), error,
                  error_size);
  });
}

const char* config_schema() {
  return core::configuration_schema();
}

/// A copy that free_text() frees.
char* copy_of(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

foreline_status metrics(foreline_instance* instance, char** text_out, char* error,
                        size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || text_out == nullptr) return without_instance(error, error_size);
    *text_out = nullptr;
    const std::lock_guard lock(instance->door);
    *text_out = copy_of(instance->attachment->metrics());
    return say(FORELINE_OK, {}, error, error_size);
  });
}

foreline_status snapshot(foreline_instance* instance, char** json_out, char* error,
                         size_t error_size) {
  return guarded(error, error_size, [&] {
    if (instance == nullptr || json_out == nullptr) return without_instance(error, error_size);
    *json_out = nullptr;
    const std::lock_guard lock(instance->door);
    *json_out = copy_of(instance->attachment->snapshot());
    return say(FORELINE_OK, {}, error, error_size);
  });
}

void free_text(char* text) {
  std::free(text);
}

constexpr foreline_api api = {sizeof(foreline_api),
                              FORELINE_ABI_VERSION,
                              FORELINE_VERSION,
                              create,
                              start,
                              stop,
                              destroy,
                              read,
                              server_port,
                              acknowledge,
                              plan,
                              decide,
                              snapshot,
                              free_text,
                              hmi_port,
                              write,
                              reload,
                              config_schema,
                              metrics,
                              acknowledge_as,
                              shelve,
                              service};

}  // namespace

extern "C" const foreline_api* foreline_get_api(uint32_t host_min, uint32_t host_max,
                                                uint32_t* chosen) {
  const bool fits = host_min <= FORELINE_ABI_VERSION && FORELINE_ABI_VERSION <= host_max;
  if (chosen != nullptr) *chosen = fits ? FORELINE_ABI_VERSION : 0;
  return fits ? &api : nullptr;
}
