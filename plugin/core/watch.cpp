// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/watch.hpp"

#include <utility>

namespace foreline::core {

using namespace line;

namespace {

void append(std::vector<AlarmEvent>& all, std::vector<AlarmEvent> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Watch::Watch(std::shared_ptr<const Line> line,
             std::shared_ptr<const inference::Forecaster> forecaster, const WatchRules& rules)
    : line_(std::move(line)),
      forecaster_(std::move(forecaster)),
      rules_(rules),
      history_(line_),
      alarms_(*line_, rules.alarms) {}

Changes Watch::step(const Frame& frame) {
  Changes changes;
  history_.add(frame);
  append(changes.alarms, alarms_.unshelve_due(frame.at_s));
  append(changes.alarms, alarms_.update_communication(frame.at_s, frame.connected));
  if (!frame.connected) return changes;
  std::vector<inference::Window> windows;
  std::vector<std::vector<bool>> bad;
  for (std::uint32_t m = 0; m < frame.machines.size() && m < line_->machines.size(); ++m) {
    auto& of_machine = bad.emplace_back();
    for (const auto& sample : frame.machines[m].signals)
      of_machine.push_back(sample.quality != Quality::good);
  }
  const bool due = frame.at_s >= next_forecast_s_;
  if (due) {
    next_forecast_s_ = frame.at_s + rules_.forecast_every_s;
    for (std::uint32_t m = 0; m < line_->machines.size(); ++m) {
      windows.push_back(history_.window({m}));
      // A sensor that shows one value for ever is as good as none.
      for (std::size_t s = 0; m < bad.size() && s < bad[m].size(); ++s) {
        const bool runs = windows[m].ready && frame.machines[m].state == PackmlState::execute;
        if (runs && !windows[m].signals[s].known) bad[m][s] = true;
      }
    }
    stuck_ = bad;
  } else if (!stuck_.empty()) {
    for (std::size_t m = 0; m < bad.size(); ++m)
      for (std::size_t s = 0; s < bad[m].size(); ++s) bad[m][s] = bad[m][s] || stuck_[m][s];
  }
  append(changes.alarms, alarms_.update_quality(frame.at_s, bad));
  if (!due || !forecaster_) return changes;
  latest_ = forecaster_->forecast(windows);
  changes.forecasts = latest_;
  std::vector<bool> held;
  for (const auto& machine : frame.machines) held.push_back(machine.state == PackmlState::held);
  append(changes.alarms, alarms_.update_forecasts(frame.at_s, latest_, held));
  return changes;
}

void Watch::take_over(Watch&& former) {
  alarms_.take_over(former.alarms_);
  history_.take_over(std::move(former.history_));
  if (*former.line_ != *line_) return;
  stuck_ = std::move(former.stuck_);
  if (!forecaster_) return;
  latest_ = std::move(former.latest_);
  next_forecast_s_ = former.next_forecast_s_;
}

Changes Watch::lost(double at_s) {
  auto changes = alarms_.unshelve_due(at_s);
  append(changes, alarms_.update_communication(at_s, false));
  return {std::move(changes), {}};
}

}  // namespace foreline::core
