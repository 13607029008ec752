// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/workers.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace foreline::gpt2 {

namespace {

/// A few microseconds: less than the kernel needs to wake a thread.
constexpr int looks = 600;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Until `value` is no longer `old`.
void await_change(std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < looks; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

void take_short_turns() {
  // As the kernel's sched_attr of 2014 has it, which no header of the C library declares yet.
  struct {
    std::uint32_t size = 48;
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } wanted;
  if (::syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 0) != 0 ||
      wanted.policy != SCHED_OTHER)
    return;
  constexpr std::uint64_t reset_on_fork = 1;  // what it starts takes its turns as others do
  wanted.flags = reset_on_fork;
  wanted.runtime_ns = 200'000;
  (void)::syscall(SYS_sched_setattr, 0, &wanted, 0);
}

Workers::Workers(int threads) : stretches_(static_cast<std::size_t>(threads < 1 ? 1 : threads)) {
  for (int i = 1; i < threads; ++i)
    threads_.emplace_back([this, i] { serve(static_cast<std::size_t>(i)); });
}

Workers::~Workers() {
  ending_.store(true);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::run(std::size_t tasks, Call call, void* context) {
  call_ = call;
  context_ = context;
  tasks_ = static_cast<std::uint32_t>(tasks);
  done_.store(0, std::memory_order_relaxed);
  const std::uint64_t round = round_.load(std::memory_order_relaxed) + 1;
  for (std::size_t i = 0; i < count(); ++i) {
    const std::uint64_t next = tasks * i / count();
    const std::uint64_t end = tasks * (i + 1) / count();
    stretches_[i].state.store(round << 40U | end << 20U | next, std::memory_order_release);
  }
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  take(0);
  for (auto done = done_.load(std::memory_order_acquire); done != tasks;
       done = done_.load(std::memory_order_acquire))
    await_change(done_, done);
}

void Workers::take(std::size_t worker) {
  constexpr std::uint64_t low = tasks_max;
  for (std::size_t i = 0; i < count(); ++i) {
    auto& stretch = stretches_[(worker + i) % count()].state;
    auto state = stretch.load(std::memory_order_acquire);
    while ((state & low) < (state >> 20U & low)) {
      if (!stretch.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) continue;
      const auto tasks = tasks_;
      call_(context_, static_cast<std::size_t>(state & low), worker);
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) done_.notify_one();
      state = stretch.load(std::memory_order_acquire);
    }
  }
}

void Workers::serve(std::size_t worker) {
  take_short_turns();
  std::uint32_t seen = 0;
  while (true) {
    await_change(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (ending_.load()) return;
    take(worker);
  }
}

}  // namespace foreline::gpt2
