// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/twin_check.hpp"

#include "sim/plan/replay.hpp"
#include "sim/worker/client.hpp"

namespace foreline::attachment {

TwinCheck::~TwinCheck() {
  if (thread_.joinable()) thread_.join();
}

void TwinCheck::look(const plan::Request& now, const core::Booked& booked,
                     const core::StopLog& stops) {
  const auto& orders = *now.orders;
  if (!begun_ || !(begun_->from.active == now.active) ||
      booked.missed_s > begun_->booked.missed_s || now.now.at_s < begun_->from.now.at_s) {
    begun_ = {now, booked, std::vector<double>(orders.size(), -1)};
    for (std::size_t o = 0; o < orders.size(); ++o)
      if (plan::is_finished(*now.line, now.now, orders[o], o)) begun_->finished_s[o] = 0;
    return;
  }
  bool open = false;
  for (std::size_t o = 0; o < orders.size(); ++o) {
    if (begun_->finished_s[o] < 0 && plan::is_finished(*now.line, now.now, orders[o], o))
      begun_->finished_s[o] = now.now.at_s;
    open = open || begun_->finished_s[o] < 0;
  }
  if (now.now.at_s < begun_->from.now.at_s + every_s_ || busy_) return;
  if (!open) return;  // an idle line proves nothing
  auto request = std::move(begun_->from);
  request.horizon_s = now.now.at_s - request.now.at_s;
  const double came = plan::parts_off(*now.line, now.now) - plan::parts_off(*now.line, request.now);
  if (thread_.joinable()) thread_.join();
  busy_ = true;
  thread_ = std::thread([this, request = std::move(request), came,
                         finished_s = std::move(begun_->finished_s),
                         seen = stops.between(request.now.at_s, now.now.at_s)] {
    auto client = worker::Client::start({});
    auto replayed = client ? plan::replay(request, seen, *client)
                           : line::Result<plan::Replayed>(client.error());
    if (replayed)
      done_(core::stretch_of(request, *replayed, came, finished_s));
    else
      done_(replayed.error());
    busy_ = false;
  });
  begun_.reset();
  look(now, booked, stops);
}

}  // namespace foreline::attachment
