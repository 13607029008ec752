// SPDX-License-Identifier: Apache-2.0
#include "plugin/attachment/state.hpp"

#include <fmt/format.h>

namespace foreline::attachment {

void Attachment::State::write_tag(const WriteWanted& wanted) {
  const auto& tag = configuration.tags[wanted.tag];
  const auto end = [&](std::size_t which, const std::string& what, const std::string& text) {
    const bool noted = note(wanted.who, "write " + what, tag.name + ": " + text);
    {
      const std::lock_guard lock(mutex);
      ++write_ends[which];
    }
    tell({EventKind::write, line_s, tag.name, what,
          noted ? text : text + " (and the audit could not be written)", "{}"});
  };
  io::ModbusClient device(devices[tag.at.device]);
  const auto range = core::range_of(tag.at);
  const auto reason = [&]() -> std::string {
    const std::lock_guard lock(mutex);
    const auto link = known[tag.at.device].link;
    return link == Quality::bad_config || link == Quality::bad_stale
               ? fmt::format("{} is {}: {}", core::device_at(configuration, tag.at.device).name,
                             name_of(link), known[tag.at.device].trouble)
               : std::string();
  }();
  if (!reason.empty()) return end(1, "refused", reason);
  core::TagValue current;
  if (auto words = device.read(range)) {
    core::Image fresh;
    fresh.put(range, *words);
    current = core::value_of(tag, fresh);
  }
  const double now_s = seconds(Clock::now() - started);
  auto words = writes.judge(wanted.tag, tag, wanted.value, current, now_s);
  if (!words) return end(1, "refused", words.error().text());
  if (!note(wanted.who, "write begun",
            fmt::format("{}: {} to {}", tag.name, current.value, wanted.value)))
    return end(1, "refused", "the audit cannot be written, so nothing is");
  writes.begun(wanted.tag, now_s);
  const auto sent = core::is_bits(range.table) ? device.write_bit(range.address, words->at(0) != 0)
                                               : device.write(range.address, *words);
  // After a lost answer only the device knows: what it holds decides.
  const auto back = device.read(range);
  if (!back)
    return end(2, "failed", fmt::format("written, and not read back: {}", back.error().text()));
  if (*back == *words) {
    const double held = core::number_of(tag.at, *words);
    return end(0, "written",
               fmt::format("{} {} is in the device, read back{}", held, tag.unit,
                           held == wanted.value ? std::string()
                                                : fmt::format(" ({} was wanted)", wanted.value)));
  }
  if (!sent) return end(2, "failed", sent.error().text());
  const double held = core::number_of(tag.at, *back);
  const auto found =
      fmt::format("the device holds {}{}{}: {}", held, tag.unit.empty() ? "" : " ", tag.unit,
                  held == current.value ? "it does not take what is written"
                                        : "it limits what is written, or another master writes");
  end(2, "conflict", found);
  alarm_deployment(true, fmt::format("{}: {}", tag.name, found));
}

}  // namespace foreline::attachment
