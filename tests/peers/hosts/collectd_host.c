/* SPDX-License-Identifier: Apache-2.0
 * collectd as a host: a module that loads libforeline.so and hands its values on. */
#define HAVE_CONFIG_H 1
#include <collectd/core/daemon/collectd.h>
#include <collectd/liboconfig/oconfig.h>
#define CONFIGFILE_H 1 /* which includes the former under another path */
#include <collectd/core/daemon/plugin.h>
#include <dlfcn.h>
#include <foreline/foreline.h>
#include <stdio.h>
#include <string.h>

static char library[512];
static char config[512];
static char tag[128];
static const foreline_api* api;
static foreline_instance* instance;

static void on_event(void* context, const foreline_event* event) {
  (void)context;
  if (event->kind == FORELINE_EVENT_LINK) NOTICE("foreline: %s", event->text);
}

static int configure(const char* key, const char* value) {
  char* into = strcasecmp(key, "Library") == 0  ? library
               : strcasecmp(key, "Config") == 0 ? config
                                                : tag;
  snprintf(into, into == tag ? sizeof tag : sizeof library, "%s", value);
  return 0;
}

static int begin(void) {
  char error[1024] = "";
  void* loaded = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (loaded == NULL) {
    ERROR("foreline: %s", dlerror());
    return -1;
  }
  const foreline_api* (*get)(uint32_t, uint32_t, uint32_t*);
  *(void**)&get = dlsym(loaded, "foreline_get_api");
  uint32_t chosen = 0;
  api = get == NULL ? NULL : get(1, 1, &chosen);
  if (api == NULL) return -1;
  foreline_host host;
  memset(&host, 0, sizeof host);
  host.size = sizeof host;
  host.event = on_event;
  if (api->create(config, &host, &instance, error, sizeof error) != FORELINE_OK ||
      api->start(instance, error, sizeof error) != FORELINE_OK) {
    ERROR("foreline: %s", error);
    return -1;
  }
  return 0;
}

static int hand_on(void) {
  char error[256];
  foreline_value value;
  memset(&value, 0, sizeof value);
  value.size = sizeof value;
  if (api->read(instance, tag, &value, error, sizeof error) != FORELINE_OK) return -1;
  if (value.quality != 192) return 0; /* only what is good */
  value_t gauge = {.gauge = value.value};
  value_list_t list = VALUE_LIST_INIT;
  list.values = &gauge;
  list.values_len = 1;
  snprintf(list.plugin, sizeof list.plugin, "foreline");
  snprintf(list.type, sizeof list.type, "gauge");
  snprintf(list.type_instance, sizeof list.type_instance, "value");
  return plugin_dispatch_values(&list);
}

static int end(void) {
  if (instance != NULL) api->destroy(instance);
  NOTICE("foreline: ended");
  return 0;
}

void module_register(void);
void module_register(void) {
  static const char* keys[] = {"Library", "Config", "Tag"};
  plugin_register_config("foreline", configure, keys, 3);
  plugin_register_init("foreline", begin);
  plugin_register_read("foreline", hand_on);
  plugin_register_shutdown("foreline", end);
}
