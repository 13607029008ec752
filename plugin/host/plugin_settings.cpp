// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/plugin_settings.hpp"

#include <fmt/format.h>

#include "sim/plc/contract.hpp"
#include "sim/text/document.hpp"

namespace foreline::host {

std::string configuration_of(const line::Line& line, const PluginSettings& settings) {
  namespace contract = plc::contract;
  const bool other = !settings.tags.empty();
  std::string out = fmt::format(
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# {} plugin/config/bottling.toml explains each key.\n"
      "format = \"foreline plugin 1\"\nline = {}\norders = {}\nmodel = {}\nstore = \"store\"\n{}\n"
      "[plc]\nhost = \"{}\"\nport = {}\nunit = 1\npoll = \"{:.0f} ms\"\ntimeout = \"1 s\"\n"
      "reconnect_max = \"2 s\"\n{}",
      other ? "The PLC's tags are in the tag file. Where each machine keeps its state and its "
              "signals is still\n# to be told: the registers below are those of the soft PLC."
            : "The registers of the soft PLC (foreline serve).",
      text::toml_string(settings.line.string()), text::toml_string(settings.orders.string()),
      text::toml_string(settings.model.string()),
      other ? fmt::format("tags = {}\n", text::toml_string(settings.tags.string())) : "",
      settings.host, settings.port, settings.poll_s * 1000,
      other
          ? "# clock, heartbeat, signature: see bottling.toml. The signature tells that this is "
            "the right device.\n"
          : fmt::format("clock = \"{} u32 * 0.1\"\nheartbeat = \"{} u16\"\nsignature = \"{} u16\"\n"
                        "signature_value = {}\n",
                        contract::clock_ds, contract::heartbeat, contract::signature,
                        contract::signature_value));
  for (std::size_t m = 0; m < line.machines.size(); ++m) {
    const auto& machine = line.machines[m];
    const int base = contract::machine_base(line.machines.size()) +
                     static_cast<int>(m) * contract::machine_stride;
    out += fmt::format(
        "\n[[machine]]\nname = {}\nstate = \"{}\"\noperating = \"{} u32\"\nrenewals = \"{}\"\n"
        "order = \"{}\"\nremaining = \"{} u32 * 0.1\"\nholds_part = \"{}\"\ndown = \"{} u32 * "
        "0.1\"\n"
        "parts = \"{} u32\"\ngood = \"{} u32\"\nscrap = \"{} u32\"\nbuffer = \"{}\"\n\n  "
        "[machine.signals]\n",
        text::toml_string(machine.name), base + contract::m_state, base + contract::m_operating_s,
        base + contract::m_renewals, base + contract::m_order, base + contract::m_remaining_ds,
        base + contract::m_holds_part, base + contract::m_down_ds, base + contract::m_parts,
        base + contract::m_good, base + contract::m_scrap, base + contract::m_buffer_after);
    for (std::size_t s = 0; s < machine.signals.size(); ++s)
      out += fmt::format("  {} = \"{} f32\"\n", text::toml_string(machine.signals[s].name),
                         base + contract::m_signals + 2 * static_cast<int>(s));
  }
  out += fmt::format(
      "\n[progress]\naddress = {}\nmachine_stride = {}\norder_stride = 2\n\n"
      "[schedule]\nwrites = {}\nactive = {}\nactive_sequence = {}\nstaging = {}\ncommit = {}\n"
      "echo = {}\nreject = {}\n\n[server]\nhost = \"127.0.0.1\"\nport = 0\napprovals = true\n",
      contract::progress_base(line.machines.size()), 2 * contract::orders_max, settings.writes,
      contract::active_base, contract::active_sequence, contract::staging_base,
      contract::commit_sequence, contract::echo_sequence, contract::reject_code);
  return out;
}

}  // namespace foreline::host
