/* SPDX-License-Identifier: Apache-2.0
 * foreline.h - the whole public face of libforeline.so. Plain C99.
 *
 * Conventions
 *  - One exported symbol: foreline_get_api(). It negotiates the version and returns a table of
 *    functions that stays valid until the library is unloaded.
 *  - Handles are opaque. Several instances may live in one process; the library has no globals.
 *  - Every call that can fail returns a foreline_status and, on failure, writes one English line
 *    into the caller's `error` buffer (always terminated; NULL and 0 are fine).
 *  - No C++ exception, exit() or write to stdout/stderr ever leaves the library.
 *  - Structs start with `size`: the writer sets it to sizeof; the reader reads min(size, sizeof).
 *    New fields are only appended.
 *  - Line times are seconds of the watched line's own clock and end in _s. Strings are UTF-8 and
 *    borrowed for the duration of the call or callback, unless a comment says otherwise.
 *  - Tags: [any-thread] may be called concurrently; [owner] calls must not overlap per handle;
 *    [plugin-thread] marks callbacks made by the library's own thread: do not block, do not call
 *    stop or destroy from them. No callback is made after stop() has returned.
 */
#ifndef FORELINE_H
#define FORELINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FORELINE_ABI_VERSION 1u
#define FORELINE_API __attribute__((visibility("default")))

typedef struct foreline_instance foreline_instance;

typedef enum foreline_status {
  FORELINE_OK = 0,
  FORELINE_INVALID_ARGUMENT = 1,
  FORELINE_INVALID_CONFIG = 2, /* error text holds file:line:column */
  FORELINE_IO = 3,             /* socket, file or worker process */
  FORELINE_REFUSED = 4,        /* the gate or a state said no; the text holds the reason */
  FORELINE_WRONG_STATE = 5,    /* e.g. start() twice */
  FORELINE_INTERNAL = 6        /* a bug in foreline; the instance has stopped */
} foreline_status;

typedef enum foreline_event_kind {
  FORELINE_EVENT_LINK = 1,     /* connected / lost */
  FORELINE_EVENT_FORECAST = 2, /* one machine and fault kind */
  FORELINE_EVENT_ALARM = 3,    /* raised, cleared, acknowledged, shelved */
  FORELINE_EVENT_PLAN = 4,     /* progress, proposal or refusal of planning */
  FORELINE_EVENT_DEPLOY = 5,   /* each step of a deployment and its end */
  FORELINE_EVENT_WRITE = 6     /* a tag: written, refused, failed or conflict */
} foreline_event_kind;

typedef struct foreline_event {
  uint32_t size;
  uint32_t kind;           /* foreline_event_kind */
  double at_s;             /* line time */
  const char* subject;     /* "filler/bearing-wear", "plc", "proposal 1" */
  const char* what;        /* "raised", "lost", "proposed", "refused", "confirmed", ... */
  const char* text;        /* one English sentence for people */
  const char* detail_json; /* machine-readable detail; "{}" when there is none */
  double probability;      /* forecasts and alarms; else 0 */
  double expected_in_s;    /* forecasts and alarms: median time to fault; else infinity */
} foreline_event;

typedef struct foreline_value {
  uint32_t size;
  double at_s;         /* line time of the source; -1 when never read */
  int64_t received_ns; /* host clock, ns since the Unix epoch */
  double value;        /* engineering unit */
  uint32_t quality;    /* OPC DA quality code: 192 good, 0..63 bad, 64..127 uncertain */
  char unit[16];
} foreline_value;

typedef struct foreline_host {
  uint32_t size;
  void* context;
  void (*log)(void* context, int level, const char* room,
              const char* line); /* [plugin-thread] level 0 debug .. 3 error */
  void (*event)(void* context, const foreline_event* event); /* [plugin-thread] */
  int64_t (*now_ns)(void* context); /* NULL: the system's clock. Wall clock, ns since the epoch.
                                       [any-thread] */
  const char* hmi; /* "PORT" or "ADDRESS:PORT": serve the pages there, whatever [hmi] says; NULL: as
                      configured */
} foreline_host;

typedef struct foreline_api {
  uint32_t size;
  uint32_t abi_version;
  const char* version; /* "0.1.0" */

  /* Reads and checks the configuration; opens nothing. [any-thread] On success *out is owned by the
   * caller until destroy(). `host` is copied. */
  foreline_status (*create)(const char* config_path, const foreline_host* host,
                            foreline_instance** out, char* error, size_t error_size);
  /* Opens the register server, loads the model, begins to poll. A PLC that is not there is not an
   * error: it is retried with back-off. [owner] */
  foreline_status (*start)(foreline_instance* instance, char* error, size_t error_size);
  /* Bounded: returns within about timeout_ms. Idempotent. [owner] */
  foreline_status (*stop)(foreline_instance* instance, uint32_t timeout_ms, char* error,
                          size_t error_size);
  /* Stops if need be and frees. NULL is fine. [owner] */
  void (*destroy)(foreline_instance* instance);
  /* The latest value of a tag by its name, of "machine/signal" ("filler/vibration") or
   * "machine/state". [any-thread] */
  foreline_status (*read)(foreline_instance* instance, const char* tag, foreline_value* out,
                          char* error, size_t error_size);
  /* TCP port of our register server; 0 when it is off or not started. [any-thread] */
  uint16_t (*server_port)(foreline_instance* instance);
  /* Acknowledges an alarm by subject. [any-thread] */
  foreline_status (*acknowledge)(foreline_instance* instance, const char* subject, char* error,
                                 size_t error_size);
  /* Starts planning from the line's state now (alarms do so by themselves when configured). The
   * result comes as events. [any-thread] */
  foreline_status (*plan)(foreline_instance* instance, char* error, size_t error_size);
  /* Approves (1) or rejects (0) the standing proposal in the name of `who`. Deployment runs on the
   * plugin's thread; its steps come as events. [any-thread] */
  foreline_status (*decide)(foreline_instance* instance, uint64_t proposal, int approved,
                            const char* who, char* error, size_t error_size);
  /* Everything known as one JSON object (link, values, forecasts, alarms, proposal, counters).
   * Free with free_text(). [any-thread] */
  foreline_status (*snapshot)(foreline_instance* instance, char** json_out, char* error,
                              size_t error_size);
  void (*free_text)(char* text);
  /* TCP port of the pages for people; 0 when they are off or not started. [any-thread] */
  uint16_t (*hmi_port)(foreline_instance* instance);

  /* Appended; a host that may meet an older library looks at api->size first. */

  /* Writes a tag that a [[write]] table of the configuration allows, in the name of `who`: judged,
   * noted in the audit, written, read back. FORELINE_OK means that it has been taken on; what
   * becomes of it comes as an event. [any-thread] */
  foreline_status (*write)(foreline_instance* instance, const char* tag, double value,
                           const char* who, char* error, size_t error_size);
  /* Replaces the configuration. When the new one cannot be read or started, the old one runs on and
   * the error says why. Alarms, histories and times go on, as far as the new line has them; a
   * proposal that waits for a decision lapses. [owner] */
  foreline_status (*reload)(foreline_instance* instance, const char* config_path, char* error,
                            size_t error_size);
  /* JSON Schema (2020-12) of the configuration's contents. Lives as long as the library.
   * [any-thread] */
  const char* (*config_schema)(void);
  /* Counters as Prometheus text. Free with free_text(). [any-thread] */
  foreline_status (*metrics)(foreline_instance* instance, char** text_out, char* error,
                             size_t error_size);

  /* Acts on alarms in the name of `who`, who goes into the audit with `reason` (may be ""; NULL is
   * ""). The host answers for `who`: the library knows no passwords here. FORELINE_OK means that
   * the act was taken on; what becomes of it comes as an event, and snapshot() lists the alarms.
   * Shelving and being out of service outlive a restart where the configuration names a store. */

  /* As acknowledge(), by name. [any-thread] */
  foreline_status (*acknowledge_as)(foreline_instance* instance, const char* subject,
                                    const char* who, char* error, size_t error_size);
  /* Hides a standing alarm for `for_s` seconds of line time, 60 to 86400; 0: no longer.
   * [any-thread] */
  foreline_status (*shelve)(foreline_instance* instance, const char* subject, double for_s,
                            const char* who, const char* reason, char* error, size_t error_size);
  /* Takes any alarm that the line can have out of service (0), or returns it (1). [any-thread] */
  foreline_status (*service)(foreline_instance* instance, const char* subject, int in_service,
                             const char* who, const char* reason, char* error, size_t error_size);
} foreline_api;

/* The newest version both sides know within [host_min, host_max] goes to *chosen; NULL if none.
 * [any-thread] */
FORELINE_API const foreline_api* foreline_get_api(uint32_t host_min, uint32_t host_max,
                                                  uint32_t* chosen);

#ifdef __cplusplus
}
#endif
#endif
