/* SPDX-License-Identifier: Apache-2.0
 * mosquitto as a host: a broker plugin that loads libforeline.so and publishes what it says. */
#include <dlfcn.h>
#include <foreline/foreline.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct held {
  mosquitto_plugin_id_t* id;
  const foreline_api* api;
  foreline_instance* instance;
  pthread_mutex_t mutex; /* Events come on the library's thread; the broker publishes on its own. */
  char pending[64][256];
  int count;
};

static void on_event(void* context, const foreline_event* event) {
  struct held* held = context;
  pthread_mutex_lock(&held->mutex);
  if (held->count < 64)
    snprintf(held->pending[held->count++], sizeof held->pending[0], "%s %s", event->subject,
             event->what);
  pthread_mutex_unlock(&held->mutex);
}

static int on_tick(int event, void* data, void* userdata) {
  (void)event;
  (void)data;
  struct held* held = userdata;
  pthread_mutex_lock(&held->mutex);
  for (int i = 0; i < held->count; ++i) {
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "foreline: %s", held->pending[i]);
    mosquitto_broker_publish_copy(NULL, "foreline/event", (int)strlen(held->pending[i]),
                                  held->pending[i], 0, false, NULL);
  }
  held->count = 0;
  pthread_mutex_unlock(&held->mutex);
  return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_version(int count, const int* versions) {
  for (int i = 0; i < count; ++i)
    if (versions[i] == 5) return 5;
  return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t* id, void** userdata, struct mosquitto_opt* options,
                          int count) {
  const char *library = NULL, *config = NULL;
  for (int i = 0; i < count; ++i) {
    if (strcmp(options[i].key, "library") == 0) library = options[i].value;
    if (strcmp(options[i].key, "config") == 0) config = options[i].value;
  }
  struct held* held = calloc(1, sizeof *held);
  *userdata = held;
  held->id = id;
  pthread_mutex_init(&held->mutex, NULL);
  void* loaded = library == NULL ? NULL : dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (loaded == NULL) return MOSQ_ERR_UNKNOWN;
  const foreline_api* (*get)(uint32_t, uint32_t, uint32_t*);
  *(void**)&get = dlsym(loaded, "foreline_get_api");
  uint32_t chosen = 0;
  held->api = get(1, 1, &chosen);
  if (held->api == NULL) return MOSQ_ERR_UNKNOWN;
  foreline_host host;
  memset(&host, 0, sizeof host);
  host.size = sizeof host;
  host.context = held;
  host.event = on_event;
  char error[1024] = "";
  if (held->api->create(config, &host, &held->instance, error, sizeof error) != FORELINE_OK ||
      held->api->start(held->instance, error, sizeof error) != FORELINE_OK) {
    mosquitto_log_printf(MOSQ_LOG_ERR, "foreline: %s", error);
    return MOSQ_ERR_UNKNOWN;
  }
  return mosquitto_callback_register(id, MOSQ_EVT_TICK, on_tick, NULL, held);
}

int mosquitto_plugin_cleanup(void* userdata, struct mosquitto_opt* options, int count) {
  (void)options;
  (void)count;
  struct held* held = userdata;
  mosquitto_callback_unregister(held->id, MOSQ_EVT_TICK, on_tick, NULL);
  held->api->destroy(held->instance);
  mosquitto_log_printf(MOSQ_LOG_NOTICE, "foreline: ended");
  free(held);
  return MOSQ_ERR_SUCCESS;
}
