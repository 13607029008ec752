# SPDX-License-Identifier: Apache-2.0
# Installs what package-lock.json names into the build folder; the source folder stays clean. No
# package's own script runs.
file(MAKE_DIRECTORY ${TO})
foreach(name package.json package-lock.json)
  configure_file(${FROM}/${name} ${TO}/${name} COPYONLY)
endforeach()
execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
  WORKING_DIRECTORY ${TO} RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(failed)
  message(FATAL_ERROR "npm could not install the packages of the HMI's pages:\n${said}\n"
    "Check that the npm registry is reached, or build without pages: -Dforeline_HMI=OFF")
endif()
