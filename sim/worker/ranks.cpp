// SPDX-License-Identifier: Apache-2.0
#include "sim/worker/ranks.hpp"

#include <fmt/format.h>

#include <utility>

namespace foreline::worker {

using namespace line;

namespace {

/// One piece is worked on and one is there already when it is done.
constexpr std::size_t ahead = 2;

/// From rank 0: leave. To rank 0: why the sender cannot work.
constexpr std::uint64_t no_trial = UINT64_MAX;

Message opened(Carrier::Letter letter) {
  bool broken = false;
  auto message = take_message(letter.bytes, broken);
  if (!message)
    return {no_trial, fmt::format("rank {} runs another build of foreline", letter.from)};
  return std::move(*message);
}

}  // namespace

Ranks::Ranks(std::shared_ptr<Carrier> carrier)
    : carrier_(std::move(carrier)), open_(static_cast<std::size_t>(carrier_->size())) {}

Ranks::~Ranks() {
  for (int rank = 1; rank < carrier_->size(); ++rank) carrier_->send(rank, framed(no_trial, ""));
  carrier_->settle();
}

Result<Done> Ranks::serve(const std::function<std::optional<Message>()>& next,
                          const std::function<void(Message)>& done,
                          std::chrono::microseconds patience) {
  while (auto letter = carrier_->receive(patience)) {
    patience = {};
    const auto rank = static_cast<std::size_t>(letter->from);
    auto message = opened(std::move(*letter));
    if (message.id == no_trial)
      return Error(fmt::format("rank {} cannot run trials: {}", rank, message.bytes));
    if (open_[rank].erase(message.id) > 0) done(std::move(message));
  }
  bool more = true;
  for (std::size_t rank = 1; rank < open_.size() && more; ++rank) {
    while (more && open_[rank].size() < ahead) {
      const auto job = next();
      more = job.has_value();
      if (!more) break;
      open_[rank].insert(job->id);
      carrier_->send(static_cast<int>(rank), framed(job->id, job->bytes));
    }
  }
  return Done{};
}

bool work_for_rank_0(Carrier& carrier,
                     const std::function<Result<std::string>(std::string_view)>& run) {
  for (;;) {
    auto letter = carrier.receive(std::chrono::microseconds::max());
    if (!letter) continue;
    const auto message = opened(std::move(*letter));
    if (message.id == no_trial) return message.bytes.empty();
    const auto outcome = run(message.bytes);
    carrier.send(0,
                 outcome ? framed(message.id, *outcome) : framed(no_trial, outcome.error().text()));
    // Its bytes are rank 0's before the next trial keeps this process from the carrier.
    carrier.settle();
    if (!outcome) return false;
  }
}

}  // namespace foreline::worker
