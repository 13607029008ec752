# SPDX-License-Identifier: Apache-2.0
# `foreline check FILE`, or what reads files of its name, must end with status 2 and print exactly what stands beside
# the file.
set(command check ${FILE})
if(FILE MATCHES "/edits-")
  set(command whatif scenarios/demo.toml --at 30min --futures 2 --edits ${FILE})
endif()
execute_process(COMMAND ${FORELINE} ${command} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE message)
string(REGEX REPLACE "[.]toml$" ".expected" beside ${FILE})
file(READ ${beside} expected)
if(NOT status EQUAL 2)
  message(FATAL_ERROR "status ${status}, wanted 2\n${out}${message}")
endif()
if(NOT message STREQUAL expected)
  message(FATAL_ERROR "got\n${message}\nwanted\n${expected}")
endif()
