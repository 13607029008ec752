# SPDX-License-Identifier: Apache-2.0
# `foreline check FILE` must end with status 2 and print exactly what stands beside the file.
execute_process(COMMAND ${FORELINE} check ${FILE} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE message)
string(REGEX REPLACE "[.]toml$" ".expected" beside ${FILE})
file(READ ${beside} expected)
if(NOT status EQUAL 2)
  message(FATAL_ERROR "status ${status}, wanted 2\n${out}${message}")
endif()
if(NOT message STREQUAL expected)
  message(FATAL_ERROR "got\n${message}\nwanted\n${expected}")
endif()
