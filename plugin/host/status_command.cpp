// SPDX-License-Identifier: Apache-2.0
// How a running plugin is, asked over its own registers as any SCADA would.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <bit>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "plugin/core/published.hpp"
#include "plugin/host/console.hpp"
#include "plugin/host/device_commands.hpp"
#include "plugin/host/endpoint.hpp"
#include "plugin/host/hint.hpp"
#include "plugin/io/modbus_client.hpp"
#include "sim/line/alarm.hpp"

namespace foreline::host {

namespace {

namespace published = core::published;

int status(const std::string& where, bool json) {
  const auto at_plugin = endpoint_of(where, 0);
  if (!at_plugin)
    return fail(bad_input, "status", fmt::format("--plugin \"{}\" is no HOST:PORT", where));
  io::ModbusClient plugin(at_plugin->host, at_plugin->port, 1, std::chrono::seconds(2));
  if (auto connected = plugin.connect(); !connected)
    return fail(environment, "status", unanswered(connected.error()));
  auto words = plugin.read({core::RegisterTable::holding, 0, 20});
  if (!words) return fail(environment, "status", words.error());
  const auto at = [&](int address) { return (*words)[static_cast<std::size_t>(address)]; };
  const auto real = [&](int address) {
    return static_cast<double>(
        std::bit_cast<float>((std::uint32_t{at(address)} << 16U) | at(address + 1)));
  };
  if (at(published::signature) != published::signature_value)
    return fail(environment, "status",
                "that is no foreline plugin (its first register says otherwise)");
  if (at(published::version) != published::version_value)
    return fail(environment, "status",
                fmt::format("that plugin serves version {} of the register table, wanted {}",
                            at(published::version), published::version_value));
  const auto alarm = [&](int address) {
    const auto state = at(address);
    return state <= static_cast<std::uint16_t>(line::AlarmState::out_of_service)
               ? std::string(line::name_of(static_cast<line::AlarmState>(state)))
               : std::to_string(state);
  };
  const auto proposal = at(published::proposal_state);
  const std::string proposal_text =
      proposal <= static_cast<std::uint16_t>(core::ProposalState::failed)
          ? std::string(core::name_of(static_cast<core::ProposalState>(proposal)))
          : std::to_string(proposal);
  const bool connected = at(published::connected) != 0;
  if (json)
    fmt::print("{}\n", nlohmann::ordered_json{{"connected", connected},
                                              {"line_time_s", real(published::clock_s)},
                                              {"polls", at(published::heartbeat)},
                                              {"machines", at(published::machine_count)},
                                              {"model", at(published::model_loaded) != 0},
                                              {"alarms", at(published::standing_alarms)},
                                              {"unacknowledged", at(published::unacknowledged)},
                                              {"communication", alarm(published::communication)},
                                              {"deployment", alarm(published::deployment)},
                                              {"proposal", at(published::proposal)},
                                              {"proposal_state", proposal_text}}
                           .dump());
  else
    fmt::print(
        "PLC            {}\nline time      {}\nmachines       {}\nmodel          {}\n"
        "alarms         {} ({} unacknowledged)\ncommunication  {}\ndeployment     {}\n"
        "proposal       {} ({})\n",
        connected ? "answers" : "does not answer", clock_text(real(published::clock_s)),
        at(published::machine_count), at(published::model_loaded) != 0 ? "loaded" : "none",
        at(published::standing_alarms), at(published::unacknowledged),
        alarm(published::communication), alarm(published::deployment), at(published::proposal),
        proposal_text);
  return connected ? pass : expectation_failed;
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  struct Options {
    std::string plugin = "127.0.0.1:15030";
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("status", "Say how a running plugin is; 1: no PLC answers it");
  command->add_option("--plugin", options->plugin, "The plugin's register server, HOST:PORT")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer("Example:\n  foreline status --plugin 127.0.0.1:15030");
  command->callback([options, &exit_code] { exit_code = status(options->plugin, options->json); });
}

}  // namespace foreline::host
