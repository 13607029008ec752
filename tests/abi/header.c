/* SPDX-License-Identifier: Apache-2.0
 * The header alone, in strict C99. */
#include <foreline/foreline.h>

int foreline_header_is_c99(const foreline_api* api) {
  return api != NULL && api->abi_version == FORELINE_ABI_VERSION && FORELINE_OK == 0;
}
