# SPDX-License-Identifier: Apache-2.0
# Installs the build to an empty prefix, moves the prefix, and builds and runs a C project against it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed (${status}): ${ARGN}\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK}/staged ${WORK}/prefix ${WORK}/consumer-build)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/staged)
file(RENAME ${WORK}/staged ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/consumer-build -DCMAKE_PREFIX_PATH=${WORK}/prefix
    -DCMAKE_C_COMPILER=${C_COMPILER})
run(${CMAKE_COMMAND} --build ${WORK}/consumer-build)
run(${WORK}/consumer-build/consumer ${WORK}/no-such.toml)
if(NOT out MATCHES "no-such.toml")
  message(FATAL_ERROR "the consumer did not report the missing configuration: ${out}")
endif()
run(${WORK}/prefix/bin/foreline --version)
run(${CMAKE_COMMAND} -E chdir ${WORK}/prefix/share/foreline/scenarios
    ${WORK}/prefix/bin/foreline check lines/bottling.toml)
