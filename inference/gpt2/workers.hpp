// SPDX-License-Identifier: Apache-2.0
// A few threads that share the tasks of one pass. Whoever waits looks a few microseconds and then
// sleeps in the kernel: a busy neighbour is neither disturbed nor waited for, since tasks are
// handed out one by one. Each thread begins with a stretch of neighbouring tasks of its own, since
// memory is read fastest in long runs, and then helps with what is left of the others'. One thread
// means no thread: tasks then run where they are asked for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace foreline::gpt2 {

/// Asks the kernel for turns of a fifth of a millisecond for the calling thread, more often instead
/// of longer ones: beside a busy program it is then woken at once instead of after that one's turn.
/// Linux 6.12 and later; elsewhere it changes nothing.
void take_short_turns();

class Workers {
 public:
  /// The caller is one of the threads.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] std::size_t count() const { return stretches_.size(); }

  /// Calls task(number, worker) for all numbers below `tasks`, in any order; returns when all are
  /// done. worker is below count(), and no two tasks have the same one at once. One caller at a
  /// time; tasks must not throw.
  template <class Task>
  void operator()(std::size_t tasks, Task&& task) {
    if (threads_.empty() || tasks <= 1 || tasks > tasks_max) {
      for (std::size_t i = 0; i < tasks; ++i) task(i, std::size_t{0});
      return;
    }
    run(
        tasks,
        [](void* context, std::size_t number, std::size_t worker) {
          (*static_cast<std::remove_reference_t<Task>*>(context))(number, worker);
        },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  static constexpr std::size_t tasks_max = (1U << 20U) - 1;
  using Call = void (*)(void* context, std::size_t number, std::size_t worker);
  void run(std::size_t tasks, Call call, void* context);
  void serve(std::size_t worker);
  void take(std::size_t worker);

  std::vector<std::thread> threads_;
  Call call_ = nullptr;
  void* context_ = nullptr;
  /// A worker's own tasks. Round, end and the next of them in one word: a thread that wakes late,
  /// in a later round or in none, can take nothing that is not there, and nobody waits for it.
  struct alignas(64) Stretch {
    std::atomic<std::uint64_t> state{0};
  };
  std::vector<Stretch> stretches_;
  std::uint32_t tasks_ = 0;
  std::atomic<std::uint32_t> round_{0};
  std::atomic<std::uint32_t> done_{0};
  std::atomic<bool> ending_{false};
};

}  // namespace foreline::gpt2
