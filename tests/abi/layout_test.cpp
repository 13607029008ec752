// SPDX-License-Identifier: Apache-2.0
// The binary interface, field by field, as version 1 has promised it. Lines are only ever added.
#include <foreline/foreline.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string layout() {
  std::ostringstream out;
#define FIELD(type, field) \
  out << #type "." #field " " << offsetof(type, field) << " " << sizeof(type::field) << "\n"
  FIELD(foreline_event, size);
  FIELD(foreline_event, kind);
  FIELD(foreline_event, at_s);
  FIELD(foreline_event, subject);
  FIELD(foreline_event, what);
  FIELD(foreline_event, text);
  FIELD(foreline_event, detail_json);
  FIELD(foreline_event, probability);
  FIELD(foreline_event, expected_in_s);
  FIELD(foreline_value, size);
  FIELD(foreline_value, at_s);
  FIELD(foreline_value, received_ns);
  FIELD(foreline_value, value);
  FIELD(foreline_value, quality);
  FIELD(foreline_value, unit);
  FIELD(foreline_host, size);
  FIELD(foreline_host, context);
  FIELD(foreline_host, log);
  FIELD(foreline_host, event);
  FIELD(foreline_host, now_ns);
  FIELD(foreline_host, hmi);
  FIELD(foreline_api, size);
  FIELD(foreline_api, abi_version);
  FIELD(foreline_api, version);
  FIELD(foreline_api, create);
  FIELD(foreline_api, start);
  FIELD(foreline_api, stop);
  FIELD(foreline_api, destroy);
  FIELD(foreline_api, read);
  FIELD(foreline_api, server_port);
  FIELD(foreline_api, acknowledge);
  FIELD(foreline_api, plan);
  FIELD(foreline_api, decide);
  FIELD(foreline_api, snapshot);
  FIELD(foreline_api, free_text);
  FIELD(foreline_api, hmi_port);
  FIELD(foreline_api, write);
  FIELD(foreline_api, reload);
  FIELD(foreline_api, config_schema);
  FIELD(foreline_api, metrics);
  FIELD(foreline_api, acknowledge_as);
  FIELD(foreline_api, shelve);
  FIELD(foreline_api, service);
#undef FIELD
  out << "foreline_status " << FORELINE_OK << FORELINE_INVALID_ARGUMENT << FORELINE_INVALID_CONFIG
      << FORELINE_IO << FORELINE_REFUSED << FORELINE_WRONG_STATE << FORELINE_INTERNAL << "\n"
      << "foreline_event_kind " << FORELINE_EVENT_LINK << FORELINE_EVENT_FORECAST
      << FORELINE_EVENT_ALARM << FORELINE_EVENT_PLAN << FORELINE_EVENT_DEPLOY
      << FORELINE_EVENT_WRITE << "\n"
      << "FORELINE_ABI_VERSION " << FORELINE_ABI_VERSION << "\n";
  return out.str();
}

}  // namespace

TEST_CASE("every field of the interface lies where the committed table says") {
  std::ifstream file(std::string(FORELINE_SOURCE_DIR) + "/tests/abi/layout.txt");
  std::string wanted;
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#') wanted += line + "\n";
  CHECK(layout() == wanted);
}
