// SPDX-License-Identifier: Apache-2.0
// Commands about devices and running plugins; as in commands.hpp.
#pragma once

#include "plugin/host/commands.hpp"

namespace foreline::host {

void add_probe(CLI::App& app, int& exit_code);
void add_registers(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_alarms(CLI::App& app, int& exit_code);
void add_audit(CLI::App& app, int& exit_code);
void add_rollback(CLI::App& app, int& exit_code);

}  // namespace foreline::host
