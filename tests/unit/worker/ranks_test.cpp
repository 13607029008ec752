// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/ranks.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace foreline;
using namespace std::chrono_literals;
using worker::Message;

namespace {

/// Letters between threads of one program.
struct Post {
  std::mutex mutex;
  std::condition_variable news;
  std::vector<std::deque<worker::Carrier::Letter>> boxes;
};

class ThreadCarrier : public worker::Carrier {
 public:
  ThreadCarrier(std::shared_ptr<Post> post, int rank) : post_(std::move(post)), rank_(rank) {}
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(post_->boxes.size()); }
  void send(int to, std::string bytes) override {
    const std::lock_guard lock(post_->mutex);
    post_->boxes.at(static_cast<std::size_t>(to)).push_back({rank_, std::move(bytes)});
    post_->news.notify_all();
  }
  void settle() override {}
  std::optional<Letter> receive(std::chrono::microseconds patience) override {
    std::unique_lock lock(post_->mutex);
    auto& box = post_->boxes.at(static_cast<std::size_t>(rank_));
    post_->news.wait_for(lock, std::min(patience, 60'000'000us), [&] { return !box.empty(); });
    if (box.empty()) return std::nullopt;
    auto letter = std::move(box.front());
    box.pop_front();
    return letter;
  }

 private:
  std::shared_ptr<Post> post_;
  int rank_;
};

struct Shared {
  std::map<std::uint64_t, std::string> results;
  std::vector<std::size_t> done_by;
  std::optional<line::Error> trouble;
};

/// 120 pieces among `ranks` others; `run` says what a rank makes of one.
Shared shared(int ranks,
              const std::function<line::Result<std::string>(int, std::string_view)>& run) {
  auto post = std::make_shared<Post>();
  post->boxes.resize(static_cast<std::size_t>(ranks) + 1);
  Shared all;
  all.done_by.resize(static_cast<std::size_t>(ranks) + 1);
  std::vector<std::thread> threads;
  for (int rank = 1; rank <= ranks; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCarrier carrier(post, rank);
      (void)worker::work_for_rank_0(carrier, [&](std::string_view bytes) {
        ++all.done_by[static_cast<std::size_t>(rank)];
        return run(rank, bytes);
      });
    });
  }
  {
    worker::Ranks others(std::make_shared<ThreadCarrier>(post, 0));
    std::uint64_t next = 0;
    while (all.results.size() < 120 && !all.trouble) {
      const auto served = others.serve(
          [&]() -> std::optional<Message> {
            if (next == 120) return std::nullopt;
            ++next;
            return Message{next, "piece " + std::to_string(next)};
          },
          [&](const Message& message) { all.results[message.id] = message.bytes; }, 1ms);
      if (!served) all.trouble = served.error();
    }
  }
  for (auto& thread : threads) thread.join();
  return all;
}

}  // namespace

TEST_CASE("every piece is worked on once, and its result is its own") {
  for (const int ranks : {1, 2, 7}) {
    const auto all = shared(ranks, [](int, std::string_view bytes) {
      return line::Result<std::string>("done: " + std::string(bytes));
    });
    CHECK_FALSE(all.trouble);
    REQUIRE(all.results.size() == 120);
    for (const auto& [id, result] : all.results)
      CHECK(result == "done: piece " + std::to_string(id));
    std::size_t done = 0;
    for (const auto count : all.done_by) done += count;
    CHECK(done == 120);
  }
}

TEST_CASE("a rank that is stuck with one piece keeps no more than one other") {
  std::atomic<std::size_t> by_others = 0;
  const auto all = shared(3, [&](int rank, std::string_view) {
    // Rank 1 is done with its first when the others have nothing left to do.
    while (rank == 1 && by_others < 118) std::this_thread::yield();
    if (rank != 1) ++by_others;
    return line::Result<std::string>(std::string());
  });
  CHECK(all.results.size() == 120);
  CHECK(all.done_by[1] == 2);
}

TEST_CASE("a rank that cannot work is told of by its number") {
  const auto all = shared(2, [](int rank, std::string_view) -> line::Result<std::string> {
    if (rank == 2) return line::Error("no simulator here");
    return std::string();
  });
  REQUIRE(all.trouble);
  CHECK(all.trouble->text() == "rank 2 cannot run trials: no simulator here");
}
