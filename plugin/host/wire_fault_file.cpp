// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/wire_fault_file.hpp"

#include <fmt/format.h>

#include <string>

#include "sim/text/document.hpp"

namespace foreline::host {

namespace {

using plc::WireFault;
using Kind = WireFault::Kind;

WireFault fault_of(text::Table& table) {
  WireFault fault;
  const std::vector<std::string> kinds(WireFault::names.begin(), WireFault::names.end());
  const auto kind = table.one_of("kind", kinds);
  fault.kind = static_cast<Kind>(kind < kinds.size() ? kind : 0);
  fault.from_s = table.duration("from", 0, fault.from_s);
  fault.until_s = table.duration("until", 0, fault.until_s);
  if (!(fault.from_s < fault.until_s)) table.complain("until", "until must be after from");
  const auto only_for = [&](const char* key, std::initializer_list<Kind> takers) {
    if (!table.has(key)) return false;
    for (const auto taker : takers)
      if (fault.kind == taker) return true;
    table.complain(key, fmt::format("{} means nothing to \"{}\"", key,
                                    WireFault::names.at(static_cast<std::size_t>(fault.kind))));
    return false;
  };
  if (only_for("delay", {Kind::delay, Kind::split}))
    fault.delay_s = table.duration("delay", 0.001, fault.delay_s);
  if (only_for("code", {Kind::exception}))
    fault.code = static_cast<std::uint8_t>(table.integer("code", 1, 255));
  if (only_for("bytes", {Kind::split}))
    fault.bytes = static_cast<std::size_t>(table.integer("bytes", 1, 260));
  if (fault.kind == Kind::freeze) {
    for (const char* key : {"share", "times", "function"})
      if (table.has(key)) table.complain(key, fmt::format("{} means nothing to \"freeze\"", key));
  } else {
    fault.share = table.share("share", fault.share);
    fault.times = static_cast<std::uint64_t>(table.integer("times", 0, INT64_MAX, 0));
    fault.function = static_cast<std::uint8_t>(table.integer("function", 0, 127, 0));
  }
  table.finish();
  return fault;
}

}  // namespace

line::Result<std::vector<WireFault>> read_wire_fault_file(const std::filesystem::path& path) {
  auto document = text::Document::open(path);
  if (!document) return document.error();
  auto root = document->root();
  if (const auto format = root.string("format"); format != "foreline wire faults 1")
    root.complain("format",
                  fmt::format("the format is \"{}\", wanted \"foreline wire faults 1\"", format));
  std::vector<WireFault> faults;
  for (auto& table : root.tables("fault")) faults.push_back(fault_of(table));
  root.finish();
  auto diagnostics = document->diagnostics();
  if (!diagnostics.empty()) return line::Error(std::move(diagnostics));
  return faults;
}

}  // namespace foreline::host
