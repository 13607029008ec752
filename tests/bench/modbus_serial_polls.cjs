// SPDX-License-Identifier: Apache-2.0
// Polls of 125 registers with modbus-serial: prints polls, seconds, CPU seconds. ARGS: port seconds
const ModbusRTU = require('modbus-serial')
const client = new ModbusRTU()
client.connectTCP('127.0.0.1', { port: Number(process.argv[2]) }).then(async () => {
  client.setID(1)
  const begun = performance.now()
  const cpu = process.cpuUsage()
  let polls = 0
  while (performance.now() - begun < 1000 * Number(process.argv[3])) {
    await client.readHoldingRegisters(0, 125)
    ++polls
  }
  const used = process.cpuUsage(cpu)
  console.log(polls, (performance.now() - begun) / 1000, (used.user + used.system) / 1e6)
  process.exit(0)
})
