/* SPDX-License-Identifier: Apache-2.0
 * A host as small as can be: negotiates the version and shows how a bad configuration is refused. */
#include <foreline/foreline.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  uint32_t chosen = 0;
  const foreline_api* api = foreline_get_api(1, FORELINE_ABI_VERSION, &chosen);
  if (api == NULL || argc < 2) return 1;
  foreline_host host;
  memset(&host, 0, sizeof host);
  host.size = sizeof host;
  foreline_instance* instance = NULL;
  char error[512];
  const foreline_status status = api->create(argv[1], &host, &instance, error, sizeof error);
  printf("foreline %s, ABI %u: %s\n", api->version, (unsigned)chosen, error);
  return status == FORELINE_INVALID_CONFIG && instance == NULL ? 0 : 2;
}
