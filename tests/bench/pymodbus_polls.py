# SPDX-License-Identifier: Apache-2.0
"""Polls of 125 registers with pymodbus: prints polls, seconds, CPU seconds. ARGS: port seconds"""
import sys
import time

from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]))
client.connect()
polls, begun, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - begun < float(sys.argv[2]):
    assert len(client.read_holding_registers(0, 125, slave=1).registers) == 125
    polls += 1
print(polls, time.perf_counter() - begun, time.process_time() - cpu)
