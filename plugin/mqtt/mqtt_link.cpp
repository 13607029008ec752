// SPDX-License-Identifier: Apache-2.0
#include "plugin/mqtt/mqtt_link.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "plugin/io/name_lookup.hpp"

#ifdef FORELINE_MQTT
#include <dlfcn.h>
#include <mosquitto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <utility>
#endif

namespace foreline::mqtt {

using line::Done;
using line::Error;
using line::Result;

#ifdef FORELINE_MQTT

namespace {

constexpr const char* library_name = "libmosquitto.so.1";

/// The functions of libmosquitto that are used here.
class Library {
 public:
  Library() : handle_(::dlopen(library_name, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) return;
    complete_ =
        find(lib_init, "mosquitto_lib_init") && find(lib_cleanup, "mosquitto_lib_cleanup") &&
        find(make, "mosquitto_new") && find(destroy, "mosquitto_destroy") &&
        find(will_set, "mosquitto_will_set") && find(will_clear, "mosquitto_will_clear") &&
        find(username_pw_set, "mosquitto_username_pw_set") && find(tls_set, "mosquitto_tls_set") &&
        find(connect_async, "mosquitto_connect_async") &&
        find(disconnect, "mosquitto_disconnect") && find(publish, "mosquitto_publish") &&
        find(subscribe, "mosquitto_subscribe") && find(socket, "mosquitto_socket") &&
        find(want_write, "mosquitto_want_write") && find(loop_read, "mosquitto_loop_read") &&
        find(loop_write, "mosquitto_loop_write") && find(loop_misc, "mosquitto_loop_misc") &&
        find(strerror, "mosquitto_strerror") && find(connack_string, "mosquitto_connack_string") &&
        find(connect_callback_set, "mosquitto_connect_callback_set") &&
        find(disconnect_callback_set, "mosquitto_disconnect_callback_set") &&
        find(subscribe_callback_set, "mosquitto_subscribe_callback_set") &&
        find(message_callback_set, "mosquitto_message_callback_set");
    if (complete_) lib_init();
  }
  ~Library() {
    if (complete_) lib_cleanup();
    if (handle_ != nullptr) ::dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  [[nodiscard]] bool complete() const { return complete_; }

  decltype(&mosquitto_lib_init) lib_init = nullptr;
  decltype(&mosquitto_lib_cleanup) lib_cleanup = nullptr;
  decltype(&mosquitto_new) make = nullptr;
  decltype(&mosquitto_destroy) destroy = nullptr;
  decltype(&mosquitto_will_set) will_set = nullptr;
  decltype(&mosquitto_will_clear) will_clear = nullptr;
  decltype(&mosquitto_username_pw_set) username_pw_set = nullptr;
  decltype(&mosquitto_tls_set) tls_set = nullptr;
  decltype(&mosquitto_connect_async) connect_async = nullptr;
  decltype(&mosquitto_disconnect) disconnect = nullptr;
  decltype(&mosquitto_publish) publish = nullptr;
  decltype(&mosquitto_subscribe) subscribe = nullptr;
  decltype(&mosquitto_socket) socket = nullptr;
  decltype(&mosquitto_want_write) want_write = nullptr;
  decltype(&mosquitto_loop_read) loop_read = nullptr;
  decltype(&mosquitto_loop_write) loop_write = nullptr;
  decltype(&mosquitto_loop_misc) loop_misc = nullptr;
  decltype(&mosquitto_strerror) strerror = nullptr;
  decltype(&mosquitto_connack_string) connack_string = nullptr;
  decltype(&mosquitto_connect_callback_set) connect_callback_set = nullptr;
  decltype(&mosquitto_disconnect_callback_set) disconnect_callback_set = nullptr;
  decltype(&mosquitto_subscribe_callback_set) subscribe_callback_set = nullptr;
  decltype(&mosquitto_message_callback_set) message_callback_set = nullptr;

 private:
  template <class Function>
  bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    return function != nullptr;
  }
  void* handle_;
  bool complete_ = false;
};

}  // namespace

struct MqttLink::State {
  Library library;
  LinkSettings settings;
  Heard heard;
  mosquitto* client = nullptr;
  bool connected = false;
  bool trying = false;
  /// libmosquitto looks the broker's name up while its caller waits, so a thread of its own does:
  /// until it says so here, the client is that thread's.
  std::atomic<bool> begun = true;
  int how_begun = 0;  ///< Before `begun`: that thread's, as is the errno that belongs to it.
  int errno_begun = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (client != nullptr) library.destroy(client);
  }
  void lose(const std::string& why) {
    const bool was = connected || trying;
    connected = trying = false;
    if (was && heard.lost) heard.lost(why);
  }
  void check(int result) {
    if (result != MOSQ_ERR_SUCCESS && result != MOSQ_ERR_NO_CONN) lose(words_of(result));
  }
  [[nodiscard]] std::string words_of(int result, int number = errno) const {
    if (result == MOSQ_ERR_ERRNO)
      return number == 0 ? "the connection has ended" : std::strerror(number);
    if (result == MOSQ_ERR_KEEPALIVE) return "it does not answer";  // libmosquitto has no words
    std::string words = library.strerror(result);
    if (words.ends_with('.')) words.pop_back();
    return words;
  }
};

Result<std::unique_ptr<MqttLink>> MqttLink::make(const LinkSettings& settings, Heard heard) {
  auto state = std::make_shared<State>();
  if (!state->library.complete())
    return Error(fmt::format("publishing needs {}, which is not installed", library_name),
                 "install it (Debian: apt-get install libmosquitto1), or take [sparkplug] out");
  state->settings = settings;
  state->heard = std::move(heard);
  auto& library = state->library;
  // mosquitto_new() ignores SIGPIPE for the whole process, which is not ours to decide.
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  state->client = library.make(settings.client.c_str(), true, state.get());
  ::sigaction(SIGPIPE, &before, nullptr);
  if (state->client == nullptr) return Error("no memory for an MQTT client");
  auto* client = state->client;
  if (!settings.username.empty())
    library.username_pw_set(client, settings.username.c_str(), settings.password.c_str());
  if (settings.tls) {
    const auto& tls = *settings.tls;
    const auto or_none = [](const std::string& file) {
      return file.empty() ? nullptr : file.c_str();
    };
    if (const int result = library.tls_set(client, or_none(tls.authorities), nullptr,
                                           or_none(tls.certificate), or_none(tls.key), nullptr);
        result != MOSQ_ERR_SUCCESS)
      return Error(fmt::format("the certificates of [sparkplug] cannot be used: {}",
                               library.strerror(result)),
                   "give PEM files");
  }
  library.connect_callback_set(client, [](mosquitto*, void* self, int code) {
    auto& s = *static_cast<State*>(self);
    if (code != 0) {
      std::string refusal = s.library.connack_string(code);
      if (refusal.ends_with('.')) refusal.pop_back();
      return s.lose(refusal);
    }
    s.connected = true;
    s.trying = false;
    if (s.heard.connected) s.heard.connected();
  });
  library.disconnect_callback_set(client, [](mosquitto*, void* self, int code) {
    auto& s = *static_cast<State*>(self);
    s.lose(code == 0 ? "disconnected" : s.words_of(code));
  });
  library.subscribe_callback_set(client, [](mosquitto*, void* self, int ticket, int, const int*) {
    auto& s = *static_cast<State*>(self);
    if (s.heard.subscribed) s.heard.subscribed(ticket);
  });
  library.message_callback_set(
      client, [](mosquitto*, void* self, const mosquitto_message* message) {
        auto& s = *static_cast<State*>(self);
        const auto* bytes = static_cast<const std::uint8_t*>(message->payload);
        if (s.heard.message)
          s.heard.message(message->topic, {bytes, static_cast<std::size_t>(message->payloadlen)});
      });
  return std::unique_ptr<MqttLink>(new MqttLink(std::move(state)));
}

Result<Done> MqttLink::connect(const std::string& will_topic, std::span<const std::uint8_t> will) {
  auto& s = *state_;
  s.library.will_clear(s.client);
  s.library.will_set(s.client, will_topic.c_str(), static_cast<int>(will.size()), will.data(), 1,
                     false);
  s.begun = false;
  try {
    std::thread([state = state_] {
      // A name server's socket may break too.
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
      state->how_begun = state->library.connect_async(
          state->client, state->settings.host.c_str(), state->settings.port,
          static_cast<int>(state->settings.keepalive.count()));
      state->errno_begun = errno;
      state->begun = true;
    }).detach();
  } catch (const std::system_error& error) {
    s.begun = true;
    return Error(fmt::format("no thread to connect with: {}", error.what()));
  }
  s.trying = true;
  return Done{};
}

bool MqttLink::publish(const std::string& topic, std::span<const std::uint8_t> payload) {
  auto& s = *state_;
  return s.connected &&
         s.library.publish(s.client, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                           payload.data(), 0, false) == MOSQ_ERR_SUCCESS;
}

int MqttLink::subscribe(const std::string& topic) {
  auto& s = *state_;
  int ticket = -1;
  if (!s.connected || s.library.subscribe(s.client, &ticket, topic.c_str(), 1) != MOSQ_ERR_SUCCESS)
    return -1;
  return ticket;
}

void MqttLink::disconnect() {
  auto& s = *state_;
  if (s.begun && s.connected) s.library.disconnect(s.client);
}

void MqttLink::step(std::chrono::milliseconds patience) {
  auto& s = *state_;
  if (!s.begun) {
    ::poll(nullptr, 0, static_cast<int>(patience.count()));
    return;
  }
  if (const int result = std::exchange(s.how_begun, MOSQ_ERR_SUCCESS); result != MOSQ_ERR_SUCCESS)
    return s.lose(s.words_of(result, s.errno_begun));
  const int fd = s.library.socket(s.client);
  if (fd < 0) {
    if (s.trying || s.connected) s.lose("the connection has ended");
    ::poll(nullptr, 0, static_cast<int>(patience.count()));
    return;
  }
  // mosquitto_loop() waits with select(), which ends at descriptor 1023.
  pollfd waiting{fd, POLLIN, 0};
  if (s.trying || s.library.want_write(s.client)) waiting.events |= POLLOUT;
  const int ready = ::poll(&waiting, 1, static_cast<int>(patience.count()));
  if (ready > 0 && (waiting.revents & (POLLIN | POLLERR | POLLHUP)) != 0)
    s.check(s.library.loop_read(s.client, 1));
  if (ready > 0 && (waiting.revents & POLLOUT) != 0) s.check(s.library.loop_write(s.client, 1));
  s.check(s.library.loop_misc(s.client));
  if (ready > 0 && s.trying && !s.connected) {
    // The greeting is on its way; POLLOUT alone must not make this spin.
    ::poll(nullptr, 0, 1);
  }
}

#else

struct MqttLink::State {};

Result<std::unique_ptr<MqttLink>> MqttLink::make(const LinkSettings&, Heard) {
  return Error("this build cannot publish: it was made without libmosquitto",
               "build it where libmosquitto-dev is installed, or take [sparkplug] out");
}
Result<Done> MqttLink::connect(const std::string&, std::span<const std::uint8_t>) {
  return Done{};
}
bool MqttLink::publish(const std::string&, std::span<const std::uint8_t>) {
  return false;
}
int MqttLink::subscribe(const std::string&) {
  return -1;
}
void MqttLink::disconnect() {}
void MqttLink::step(std::chrono::milliseconds) {}

#endif

MqttLink::MqttLink(std::shared_ptr<State> state) : state_(std::move(state)) {}
MqttLink::~MqttLink() {
#ifdef FORELINE_MQTT
  if (!state_->begun) io::stay_loaded();
#endif
}

}  // namespace foreline::mqtt
