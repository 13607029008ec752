// SPDX-License-Identifier: Apache-2.0
#include "plugin/core/configuration.hpp"

namespace foreline::core {

// clang-format off
const char* configuration_schema() {
  // In pieces, as compilers take string literals of limited length.
  static const std::string text = std::string()
    + R"json({
 "$schema": "https://json-schema.org/draft/2020-12/schema",
 "title": "Foreline plugin configuration",
 "type": "object",
 "description": "docs/integrators and plugin/config/bottling.toml explain each key",
 "additionalProperties": false,
 "properties": {
  "format": {
   "const": "foreline plugin 1"
  },
  "line": {
   "type": "string",
   "description": "Line file"
  },
  "orders": {
   "type": "string",
   "description": "Order book"
  },
  "model": {
   "type": "string",
   "description": "Folder of the forecasting model"
  },
  "store": {
   "type": "string",
   "description": "Folder of audit, journal and historian"
  },
  "tags": {
   "type": "string",
   "description": "Tag file, CSV"
  },
  "plc": {
   "type": "object",
   "description": "The device that runs the line",
   "additionalProperties": false,
   "properties": {
    "name": {
     "type": "string",
     "description": "Name by which tags and machines refer to it"
    },
    "transport": {
     "type": "string",
     "description": "How it is reached",
     "enum": [
      "tcp",
      "tls",
      "udp",
      "rtu-over-tcp",
      "rtu"
     ],
     "default": "tcp"
    },
    "path": {
     "type": "string",
     "description": "Serial line, with transport rtu"
    },
    "baud": {
     "type": "integer",
     "description": "Serial line",
     "minimum": 300,
     "maximum": 4000000,
     "default": 19200
    },
    "parity": {
     "type": "string",
     "description": "Serial line",
     "enum": [
      "none",
      "even",
      "odd"
     ],
     "default": "even"
    },
    "data_bits": {
     "type": "integer",
     "description": "Serial line",
     "minimum": 7,
     "maximum": 8,
     "default": 8
    },
    "stop_bits": {
     "type": "integer",
     "description": "Serial line",
     "minimum": 1,
     "maximum": 2,
     "default": 1
    },
    "host": {
     "type": "string",
     "description": "Name or address",
     "default": "127.0.0.1"
    },
    "port": {
     "type": "integer",
     "description": "Port; 802 with transport tls",
     "minimum": 1,
     "maximum": 65535,
     "default": 502
    },
    "backup_host": {
     "type": "string",
     "description": "Tried when host does not answer"
    },
    "backup_port": {
     "type": "integer",
     "description": "Port there; as port",
     "minimum": 1,
     "maximum": 65535
    },
    "authorities": {
     "type": "string",
     "description": "PEM file: whom to believe, with transport tls"
    },
    "certificate": {
     "type": "string",
     "description": "PEM file, with transport tls"
    },
    "key": {
     "type": "string",
     "description": "PEM file, with transport tls"
    },
    "peer_name": {
     "type": "string",
     "description": "Name that the peer's certificate must carry; default host"
    },
    "unit": {
     "type": "integer",
     "description": "Unit number",
     "minimum": 0,
     "maximum": 255,
     "default": 1
    },
    "timeout": {
     "type": "string",
     "description": "Whole time of one transaction; a time such as \"2 s\" or \"100 ms\"",
     "default": "1 s"
    },
    "reconnect_min": {
     "type": "string",
     "description": "First pause between attempts to connect; doubles; a time such as \"2 s\" or \"100 ms\"",
     "default": "100 ms"
    },
    "reconnect_max": {
     "type": "string",
     "description": "Longest pause between attempts to connect; a time such as \"2 s\" or \"100 ms\"",
     "default": "10 s"
    },
    "in_flight": {
     "type": "integer",
     "description": "Requests sent before the first is answered",
     "minimum": 1,
     "maximum": 16,
     "default": 1
    },
    "silences": {
     "type": "integer",
     "description": "Timeouts in a row that end the connection",
     "minimum": 1,
     "maximum": 100,
     "default": 2
    },
    "breaker_failures": {
     "type": "integer",
     "description": "Failures in a row after which a unit is left alone",
     "minimum": 1,
     "maximum": 1000000,
     "default": 5
    },
    "breaker_pause": {
     "type": "string",
     "description": "For so long; a time such as \"2 s\" or \"100 ms\"",
     "default": "2 s"
    },
    "busy_retries": {
     "type": "integer",
     "description": "After exception 6",
     "minimum": 0,
     "maximum": 16,
     "default": 3
    },
    "busy_wait": {
     "type": "string",
     "description": "Before the first retry; doubles; a time such as \"2 s\" or \"100 ms\"",
     "default": "100 ms"
    },
    "longest_read": {
     "type": "integer",
     "description": "Registers a request",
     "minimum": 4,
     "maximum": 125,
     "default": 120
    },
    "longest_bits": {
     "type": "integer",
     "description": "Bits a request",
     "minimum": 8,
     "maximum": 2000,
     "default": 1920
    },
    "gap": {
     "type": "integer",
     "description": "Registers read in vain to save a request",
     "minimum": 0,
     "maximum": 100,
     "default": 16
    },
    "base": {
     "type": "integer",
     "description": "What addresses of this device count from",
     "minimum": 0,
     "maximum": 1,
     "default": 0
    },
    "holes": {
     "type": "array",
     "description": "Never read to save a request",
     "items": {
      "type": "string"
     }
    },
    "close_after_poll": {
     "type": "boolean",
     "description": "Leave the device after each poll",
     "default": false
    },
    "one_field": {
     "type": "boolean",
     "description": "One request a field",
     "default": false
    },
    "only_single": {
     "type": "boolean",
     "description": "Knows functions 5 and 6, not 15 and 16",
     "default": false
    },
    "any_unit": {
     "type": "boolean",
     "description": "Answers under another unit number",
     "default": false
    },
    "connect_pause": {
     "type": "string",
     "description": "Between connecting and the first request; a time such as \"2 s\" or \"100 ms\"",
     "default": "0 s"
    },
    "request_pause": {
     "type": "string",
     "description": "Between an answer and the next request; a time such as \"2 s\" or \"100 ms\"",
     "default": "0 s"
    },
    "heartbeat": {
     "type": "string",
     "description": "Must keep moving; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
    },
    "heartbeat_stale": {
     "type": "string",
     "description": "Standing still for longer: stale; a time such as \"2 s\" or \"100 ms\"",
     "default": "5 s"
    },
    "signature": {
     "type": "string",
     "description": "Must hold signature_value, or nothing is believed; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
    },
    "signature_value": {
     "type": "number",
     "description": "See signature"
    },
    "poll": {
     "type": "string",
     "description": "Between two polls of the line; a time such as \"2 s\" or \"100 ms\"",
     "default": "1 s"
    },
    "clock": {
     "type": "string",
     "description": "The line's own time, s; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
    }
   }
  },
  "device": {
   "type": "array",
   "items": {
    "type": "object",
    "description": "Another device",
    "additionalProperties": false,
    "properties": {
     "name": {
      "$ref": "#/properties/plc/properties/name"
     },
     "transport": {
      "$ref": "#/properties/plc/properties/transport"
     },
     "path": {
      "$ref": "#/properties/plc/properties/path"
     },
     "baud": {
      "$ref": "#/properties/plc/properties/baud"
     },
     "parity": {
      "$ref": "#/properties/plc/properties/parity"
     },
     "data_bits": {
      "$ref": "#/properties/plc/properties/data_bits"
     },
     "stop_bits": {
      "$ref": "#/properties/plc/properties/stop_bits"
     },
     "host": {
      "$ref": "#/properties/plc/properties/host"
     },
     "port": {
      "$ref": "#/properties/plc/properties/port"
     },
     "backup_host": {
      "$ref": "#/properties/plc/properties/backup_host"
     },
     "backup_port": {
      "$ref": "#/properties/plc/properties/backup_port"
     },
     "authorities": {
      "$ref": "#/properties/plc/properties/authorities"
     },
     "certificate": {
      "$ref": "#/properties/plc/properties/certificate"
     },
     "key": {
      "$ref": "#/properties/plc/properties/key"
     },
     "peer_name": {
      "$ref": "#/properties/plc/properties/peer_name"
     },
     "unit": {
      "$ref": "#/properties/plc/properties/unit"
     },
     "timeout": {
      "$ref": "#/properties/plc/properties/timeout"
     },
     "reconnect_min": {
      "$ref": "#/properties/plc/properties/reconnect_min"
     },
     "reconnect_max": {
      "$ref": "#/properties/plc/properties/reconnect_max"
     },
     "in_flight": {
      "$ref": "#/properties/plc/properties/in_flight"
     },
     "silences": {
      "$ref": "#/properties/plc/properties/silences"
     },
     "breaker_failures": {
      "$ref": "#/properties/plc/properties/breaker_failures"
     },
     "breaker_pause": {
      "$ref": "#/properties/plc/properties/breaker_pause"
     },
     "busy_retries": {
      "$ref": "#/properties/plc/properties/busy_retries"
     },
     "busy_wait": {
      "$ref": "#/properties/plc/properties/busy_wait"
     },
     "longest_read": {
      "$ref": "#/properties/plc/properties/longest_read"
     },
     "longest_bits": {
      "$ref": "#/properties/plc/properties/longest_bits"
     },
     "gap": {
      "$ref": "#/properties/plc/properties/gap"
     },
     "base": {
      "$ref": "#/properties/plc/properties/base"
     },
     "holes": {
      "$ref": "#/properties/plc/properties/holes"
     },
     "close_after_poll": {
      "$ref": "#/properties/plc/properties/close_after_poll"
     },
     "one_field": {
      "$ref": "#/properties/plc/properties/one_field"
     },
     "only_single": {
      "$ref": "#/properties/plc/properties/only_single"
     },
     "any_unit": {
      "$ref": "#/properties/plc/properties/any_unit"
     },
     "connect_pause": {
      "$ref": "#/properties/plc/properties/connect_pause"
     },
     "request_pause": {
      "$ref": "#/properties/plc/properties/request_pause"
     },
     "heartbeat": {
      "$ref": "#/properties/plc/properties/heartbeat"
     },
     "heartbeat_stale": {
      "$ref": "#/properties/plc/properties/heartbeat_stale"
     },
     "signature": {
      "$ref": "#/properties/plc/properties/signature"
     },
     "signature_value": {
      "$ref": "#/properties/plc/properties/signature_value"
     }
    },
    "required": [
     "name"
    ]
   }
  },
  "group": {
   "type": "array",
   "items": {
    "type": "object",
    "description": "Tags that are read together",
    "additionalProperties": false,
    "properties": {
     "name": {
      "type": "string",
      "description": "Name"
     },
     "period": {
      "type": "string",
      "description": "Between two polls; a time such as \"2 s\" or \"100 ms\"",
      "default": "1 s"
     },
     "phase": {
      "type": "string",
      "description": "From the start to the first poll; default: spread; a time such as \"2 s\" or \"100 ms\""
     }
    },
    "required": [
     "name"
    ]
   }
  },
  "tag": {
   "type": "array",
   "items": {
    "type": "object",
    "description": "One value",
    "additionalProperties": false,
    "properties": {
     "name": {
      "type": "string",
      "description": "Name"
     },
     "device": {
      "type": "string",
      "description": "Which; default the PLC"
     },
     "at": {
      "type": "string",
      "description": "Where and how; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "unit": {
      "type": "string",
      "description": "Unit"
     },
     "eu_min": {
      "type": "number",
      "description": "Below: out of range"
     },
     "eu_max": {
      "type": "number",
      "description": "Above: out of range"
     },
     "deadband": {
      "type": "number",
      "description": "Smaller changes are not told",
)json"
    + R"json(      "minimum": 0,
      "default": 0
     },
     "group": {
      "type": "string",
      "description": "Poll group; default the first"
     },
     "description": {
      "type": "string",
      "description": "For people"
     }
    },
    "required": [
     "name",
     "at"
    ]
   }
  },
  "write": {
   "type": "array",
   "items": {
    "type": "object",
    "description": "A tag that may be written",
    "additionalProperties": false,
    "properties": {
     "tag": {
      "type": "string",
      "description": "Name of a tag"
     },
     "low": {
      "type": "number",
      "description": "Least value"
     },
     "high": {
      "type": "number",
      "description": "Greatest value"
     },
     "step": {
      "type": "number",
      "description": "Largest change at once; default any",
      "minimum": 0
     },
     "every": {
      "type": "string",
      "description": "Least time between two writes; a time such as \"2 s\" or \"100 ms\"",
      "default": "0 s"
     },
     "tolerance": {
      "type": "number",
      "description": "How far the nearest value that the register can hold may be from the wanted one",
      "minimum": 0,
      "default": 0
     }
    },
    "required": [
     "tag",
     "low",
     "high"
    ]
   }
  },
  "machine": {
   "type": "array",
   "items": {
    "type": "object",
    "description": "A machine of the line file",
    "additionalProperties": false,
    "properties": {
     "name": {
      "type": "string",
      "description": "As in the line file"
     },
     "device": {
      "type": "string",
      "description": "Which; default the PLC"
     },
     "state": {
      "type": "string",
      "description": "PackML state number; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "operating": {
      "type": "string",
      "description": "Seconds in Execute since renewal; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "renewals": {
      "type": "string",
      "description": "Services and repairs so far; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "order": {
      "type": "string",
      "description": "Position in the order book; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "remaining": {
      "type": "string",
      "description": "Seconds of work left on the part; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "holds_part": {
      "type": "string",
      "description": "Parts on the machine; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "down": {
      "type": "string",
      "description": "Seconds left of a stop; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "parts": {
      "type": "string",
      "description": "Parts started; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "good": {
      "type": "string",
      "description": "Good parts made, for the pages; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "scrap": {
      "type": "string",
      "description": "Parts scrapped, for the pages; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "buffer": {
      "type": "string",
      "description": "Parts in the buffer behind, for the pages; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
     },
     "signals": {
      "type": "object",
      "description": "One register for each signal of the line file",
      "additionalProperties": {
       "type": "string",
       "description": "Where and how; \"120 f32\", \"hr:7 u32 CDAB * 0.1\", \"400121 u16 bits 4-7\""
      }
     }
    },
    "required": [
     "name",
     "state",
     "operating",
     "renewals",
     "signals"
    ]
   }
  },
  "progress": {
   "type": "object",
   "description": "Good and scrap of each order on each machine",
   "additionalProperties": false,
   "properties": {
    "address": {
     "type": "integer",
     "description": "First pair",
     "minimum": 0,
     "maximum": 65535
    },
    "machine_stride": {
     "type": "integer",
     "description": "Registers from machine to machine",
     "minimum": 0,
     "maximum": 65535
    },
    "order_stride": {
     "type": "integer",
     "description": "Registers from order to order",
     "minimum": 0,
     "maximum": 65535
    }
   },
   "required": [
    "address",
    "machine_stride",
    "order_stride"
   ]
  },
  "schedule": {
   "type": "object",
   "description": "Where schedules go and are confirmed",
   "additionalProperties": false,
   "properties": {
    "writes": {
     "type": "boolean",
     "description": "May schedules be written?",
     "default": false
    },
    "active": {
     "type": "integer",
     "description": "Block that runs",
     "minimum": 0,
     "maximum": 65535
    },
    "active_sequence": {
     "type": "integer",
     "description": "Its commit number",
     "minimum": 0,
     "maximum": 65535
    },
    "staging": {
     "type": "integer",
     "description": "Block to write",
     "minimum": 0,
     "maximum": 65535
    },
    "commit": {
     "type": "integer",
     "description": "Write a new number here",
     "minimum": 0,
     "maximum": 65535
    },
    "echo": {
     "type": "integer",
     "description": "Last number handled",
     "minimum": 0,
     "maximum": 65535
    },
    "reject": {
     "type": "integer",
     "description": "0: accepted",
     "minimum": 0,
     "maximum": 65535
    }
   },
   "required": [
    "active",
    "active_sequence",
    "staging",
    "commit",
    "echo",
    "reject"
   ]
  },
  "forecast": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "every": {
     "type": "string",
     "description": "Line time between forecasts; a time such as \"2 s\" or \"100 ms\"",
     "default": "1 min"
    },
    "reasons": {
     "type": "boolean",
     "description": "Say which signals speak for a forecast",
     "default": true
    }
   }
  },
  "alarms": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "horizon": {
     "type": "string",
     "description": "A forecast alarm is about a fault within this; a time such as \"2 s\" or \"100 ms\"",
     "default": "2 h"
    },
    "raise_probability": {
     "type": [
      "string",
      "number"
     ],
     "description": "Raised at or above; \"5 %\" or 0.05",
     "default": "50 %"
    },
    "clear_probability": {
     "type": [
      "string",
      "number"
     ],
     "description": "Cleared below; \"5 %\" or 0.05",
     "default": "30 %"
    },
    "on_delay": {
     "type": "string",
     "description": "Holds for so long before it is raised; a time such as \"2 s\" or \"100 ms\"",
     "default": "2 min"
    },
    "off_delay": {
     "type": "string",
     "description": "Has ceased for so long before it is cleared; a time such as \"2 s\" or \"100 ms\"",
     "default": "10 min"
    },
    "communication_on_delay": {
     "type": "string",
     "description": "No frame for so long; a time such as \"2 s\" or \"100 ms\"",
     "default": "30 s"
    },
    "quality_on_delay": {
     "type": "string",
     "description": "A signal without good values for so long; a time such as \"2 s\" or \"100 ms\"",
     "default": "2 min"
    },
    "latch": {
     "type": "boolean",
     "description": "Stays after clearing until acknowledged once more",
     "default": false
    },
    "forecast_priority": {
     "type": "string",
     "description": "Of forecast alarms",
     "enum": [
      "low",
      "medium",
      "high",
      "critical"
     ],
     "default": "medium"
    },
    "communication_priority": {
     "type": "string",
     "description": "Of the communication alarm",
     "enum": [
      "low",
      "medium",
      "high",
      "critical"
     ],
     "default": "high"
    },
    "quality_priority": {
     "type": "string",
     "description": "Of data-quality alarms",
     "enum": [
      "low",
      "medium",
      "high",
      "critical"
     ],
     "default": "low"
    },
    "deployment_priority": {
     "type": "string",
     "description": "Of the deployment alarm",
     "enum": [
      "low",
      "medium",
      "high",
      "critical"
     ],
     "default": "high"
    }
   }
  },
  "planning": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "on_alarm": {
     "type": "boolean",
     "description": "Plan when a forecast alarm is raised",
     "default": true
    },
    "on_breakdown": {
     "type": "boolean",
     "description": "Plan when a machine stands for longer",
     "default": true
    },
    "breakdown_after": {
     "type": "string",
     "description": "Shorter stops need no plan; a time such as \"2 s\" or \"100 ms\"",
     "default": "5 min"
    },
    "on_finish": {
     "type": "boolean",
     "description": "Plan when an order leaves the band in which nine of ten futures end it",
     "default": true
    },
    "policy": {
     "description": "What a plan may move: no order, late orders, all",
     "enum": [
      "right-shift",
      "affected",
      "full"
     ],
     "default": "full"
    },
    "freeze": {
     "type": "string",
     "description": "Orders that start within this stay; a time such as \"2 s\" or \"100 ms\"",
     "default": "0 s"
    },
    "horizon": {
     "type": "string",
     "description": "Length of each future; a time such as \"2 s\" or \"100 ms\"",
     "default": "8 h"
    },
    "selection_seeds": {
     "type": "integer",
     "description": "Futures to rank on",
     "minimum": 2,
     "maximum": 10000,
     "default": 20
    },
    "gate_seeds": {
     "type": "integer",
     "description": "Fresh futures to prove on; as many as gate.least_futures unless given",
     "minimum": 2,
     "maximum": 100000,
     "default": 200
    },
    "check_every": {
     "type": "string",
     "description": "Line time of the stretches that are simulated afterwards and compared; a time such as \"2 s\" or \"100 ms\"",
     "default": "1 h"
    },
    "seed": {
     "type": "integer",
     "description": "Of the futures",
     "minimum": 0,
     "maximum": 9223372036854775807,
     "default": 1
    },
    "again_after": {
     "type": "string",
     "description": "While an alarm stands and nothing was proposed; a time such as \"2 s\" or \"100 ms\"",
     "default": "15 min"
    },
    "expires": {
     "type": "string",
     "description": "A proposal that nobody decides on lapses; a time such as \"2 s\" or \"100 ms\"",
     "default": "15 min"
    },
    "cost_tardiness": {
     "type": "number",
     "description": "Cost of a second of tardiness",
     "minimum": 0
    },
    "cost_downtime": {
     "type": "number",
     "description": "Cost of a second of downtime",
     "minimum": 0
    },
    "cost_service": {
     "type": "number",
     "description": "Cost of a second of service",
     "minimum": 0
    },
    "cost_makespan": {
     "type": "number",
     "description": "Cost of a second of makespan",
     "minimum": 0
    },
    "twin": {
     "type": "string",
     "description": "Folder in which the plant's now is kept as files, relative to this file"
    }
   }
  },
  "gate": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "least_gain": {
     "type": [
      "string",
      "number"
     ],
     "description": "Lower 95 % bound of the gain; \"5 %\" or 0.05",
     "default": "0.5 %"
    },
    "least_probability_better": {
     "type": [
      "string",
      "number"
     ],
     "description": "P(better); \"5 %\" or 0.05",
     "default": "60 %"
    },
    "largest_tail_growth": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the worst tenth; \"5 %\" or 0.05",
     "default": "1 %"
    },
    "oldest_forecast": {
     "type": "string",
     "description": "Age of the forecast; a time such as \"2 s\" or \"100 ms\"",
     "default": "15 min"
    },
    "largest_missing": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the input; \"5 %\" or 0.05",
     "default": "30 %"
    },
    "largest_moved": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the open orders; \"5 %\" or 0.05",
     "default": "20 %"
    },
    "largest_shift": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of what open orders could shift, next ones counting most; \"5 %\" or 0.05",
     "default": "50 %"
    },
    "hold_off": {
     "type": "string",
     "description": "Between two deployments; a time such as \"2 s\" or \"100 ms\"",
     "default": "1 h"
    },
    "least_futures": {
     "type": "integer",
     "description": "Futures that the proof needs",
     "minimum": 2,
     "maximum": 100000,
     "default": 200
    },
    "largest_on_time_drop": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the probability to be on time; \"5 %\" or 0.05",
     "default": "10 %"
    },
    "least_good_corners": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the corner cases that must not be worse; \"5 %\" or 0.05",
     "default": "80 %"
    },
    "largest_corner_loss": {
     "type": [
      "string",
      "number"
     ],
     "description": "In the worst corner case; \"5 %\" or 0.05",
     "default": "3 %"
    },
    "least_failures": {
     "type": "integer",
     "description": "Failures seen here before the forecast's record on this plant counts",
     "minimum": 1,
     "maximum": 1000,
     "default": 10
    },
    "least_stretches": {
     "type": "integer",
     "description": "Stretches of time that were simulated afterwards and compared",
     "minimum": 0,
     "maximum": 1000,
     "default": 3
    },
    "windows_outside": {
     "type": "integer",
     "description": "Windows in a row outside the simulated band that take a schedule back",
     "minimum": 1,
     "maximum": 1000,
     "default": 3
    },
    "oldest_forecast_of_horizon": {
     "type": [
      "string",
      "number"
     ],
     "description": "Age of the forecast, of the horizon; \"5 %\" or 0.05",
     "default": "5 %"
    },
    "largest_calibration_error": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the forecasts; \"5 %\" or 0.05",
     "default": "5 %"
    },
    "largest_throughput_error": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the simulation against the plant; \"5 %\" or 0.05",
     "default": "3 %"
    },
)json"
    + R"json(    "largest_event_error": {
     "type": [
      "string",
      "number"
     ],
     "description": "Of the simulation against the plant; \"5 %\" or 0.05",
     "default": "2 %"
    },
    "oldest_state": {
     "type": "string",
     "description": "Age of the line's state; a time such as \"2 s\" or \"100 ms\"",
     "default": "5 min"
    },
    "largest_start_deviation": {
     "type": "string",
     "description": "Between the plan's start and the line's state; a time such as \"2 s\" or \"100 ms\"",
     "default": "4 h"
    },
    "most_broken_promises": {
     "type": "integer",
     "description": "Of the last 20 deployments, how many may have kept less than promised",
     "minimum": 0,
     "maximum": 1000
    }
   }
  },
  "server": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "on": {
     "type": "boolean",
     "description": "Serve our registers",
     "default": true
    },
    "host": {
     "type": "string",
     "description": "Address",
     "default": "127.0.0.1"
    },
    "port": {
     "type": "integer",
     "description": "0: any free one",
     "minimum": 0,
     "maximum": 65535,
     "default": 0
    },
    "approvals": {
     "type": "boolean",
     "description": "Clients may acknowledge and decide",
     "default": false
    },
    "clients": {
     "type": "integer",
     "description": "At once",
     "minimum": 1,
     "maximum": 1000,
     "default": 200
    },
    "authorities": {
     "type": "string",
     "description": "PEM file: whom to believe"
    },
    "certificate": {
     "type": "string",
     "description": "PEM file; with it, TLS"
    },
    "key": {
     "type": "string",
     "description": "PEM file"
    },
    "write_roles": {
     "type": "array",
     "description": "Roles in client certificates that may write",
     "items": {
      "type": "string"
     }
    },
    "trusted_network": {
     "type": "boolean",
     "description": "Approvals without TLS from other computers, too: whoever reaches the port may decide",
     "default": false
    }
   }
  },
  "hmi": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "on": {
     "type": "boolean",
     "description": "Serve the pages",
     "default": true
    },
    "host": {
     "type": "string",
     "description": "Address",
     "default": "127.0.0.1"
    },
    "port": {
     "type": "integer",
     "description": "0: any free one",
     "minimum": 0,
     "maximum": 65535,
     "default": 0
    },
    "names": {
     "type": "array",
     "description": "Host names people use",
     "items": {
      "type": "string"
     }
    },
    "accounts": {
     "type": "string",
     "description": "Made by foreline account"
    },
    "open_to_view": {
     "type": "boolean",
     "description": "Looking needs no account",
     "default": true
    },
    "certificate": {
     "type": "string",
     "description": "PEM chain"
    },
    "key": {
     "type": "string",
     "description": "PEM file"
    },
    "target_oee": {
     "type": "string",
     "description": "What OEE ought to be, as \"85 %\"; shown beside what it is"
    },
    "target_parts_h": {
     "type": "number",
     "description": "Good parts an hour that there ought to be; shown beside what there are"
    },
    "session_idle": {
     "type": "string",
     "description": "A session without use ends; a time such as \"2 s\" or \"100 ms\"",
     "default": "15 min"
    },
    "scenarios": {
     "type": "string",
     "description": "Folder of scenario files that may be run"
    }
   }
  },
  "site": {
   "type": "object",
   "description": "Where the line is",
   "additionalProperties": false,
   "properties": {
    "time_zone": {
     "type": "string",
     "description": "IANA name, such as \"Europe/Berlin\"; pages tell times in it, else in the zone of who looks"
    }
   },
   "required": [
    "time_zone"
   ]
  },
  "historian": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "on": {
     "type": "boolean",
     "description": "Keep the past",
     "default": true
    },
    "keep": {
     "type": "string",
     "description": "Samples; events four times longer; a time such as \"2 s\" or \"100 ms\"",
     "default": "744 h"
    }
   }
  },
  "metrics": {
   "type": "object",
   "description": "",
   "additionalProperties": false,
   "properties": {
    "on": {
     "type": "boolean",
     "description": "Serve counters to Prometheus on the loopback",
     "default": true
    },
    "port": {
     "type": "integer",
     "description": "0: any free one",
     "minimum": 0,
     "maximum": 65535,
     "default": 0
    }
   }
  },
  "sparkplug": {
   "type": "object",
   "description": "Publish to an MQTT broker as a Sparkplug B edge node",
   "additionalProperties": false,
   "properties": {
    "on": {
     "type": "boolean",
     "description": "",
     "default": true
    },
    "host": {
     "type": "string",
     "description": "The broker",
     "default": "127.0.0.1"
    },
    "port": {
     "type": "integer",
     "description": "Default 1883, with authorities 8883",
     "minimum": 1,
     "maximum": 65535
    },
    "group": {
     "type": "string",
     "description": "Group id, without +, # and /"
    },
    "node": {
     "type": "string",
     "description": "Edge node id, without +, # and /",
     "default": "foreline"
    },
    "primary_host": {
     "type": "string",
     "description": "Host id whose STATE says whether anything is sent; default: none, and all is sent at once"
    },
    "username": {
     "type": "string",
     "description": "Default: none"
    },
    "password": {
     "type": "string",
     "description": "A file that holds the password"
    },
    "keepalive": {
     "type": "string",
     "description": "A dead broker is noticed after one and a half of it; a time such as \"2 s\"",
     "default": "10 s"
    },
    "most_kept": {
     "type": "integer",
     "description": "Records on disk while the broker is away; the oldest goes first",
     "minimum": 100,
     "maximum": 100000000,
     "default": 100000
    },
    "authorities": {
     "type": "string",
     "description": "PEM file of those whom to believe; with it TLS is used"
    },
    "certificate": {
     "type": "string",
     "description": "PEM file of our own certificate"
    },
    "key": {
     "type": "string",
     "description": "PEM file of its key"
    }
   },
   "required": [
    "group"
   ]
  }
 },
 "required": [
  "format",
  "line",
  "plc",
  "machine"
 ]
})json"
    ;
  return text.c_str();
}
// clang-format on

}  // namespace foreline::core
