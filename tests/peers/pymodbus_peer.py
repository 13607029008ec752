# SPDX-License-Identifier: Apache-2.0
"""pymodbus as a device of ours and as a client of ours. ARGS: foreline libforeline.so source work"""
import json
import struct
import subprocess
import sys
import threading

try:
    from pymodbus.client import ModbusTcpClient
    from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                    ModbusSlaveContext, ModbusSparseDataBlock)
    from pymodbus.device import ModbusDeviceIdentification
    from pymodbus.mei_message import ReadDeviceInformationRequest
    from pymodbus.server import StartTcpServer
except ImportError as missing:
    print("SKIPPED: python3-pymodbus is not installed:", missing)
    sys.exit(77)

from plant import Program, connects, free_port, fresh, soft_plc, until

foreline, library, source, work = sys.argv[1:5]
folder = fresh(work)

# --- A device of ours: floats in CDAB, counting from 0 ---------------------------------------
words = [0] * 100
words[0] = 4711
for at, value in ((10, 25.5), (12, 1480.0), (14, 0.82), (16, 230.25)):
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    words[at], words[at + 1] = low, high
words[20] = 77
holding = ModbusSequentialDataBlock(0, words)
coils = ModbusSequentialDataBlock(0, [True, False] * 8)
context = ModbusServerContext(ModbusSlaveContext(hr=holding, co=coils, di=coils, ir=holding,
                                                 zero_mode=True), single=True)
identity = ModbusDeviceIdentification(info_name={"VendorName": "Oven works", "ProductCode": "O1",
                                                 "MajorMinorRevision": "2.7"})
port = free_port()
threading.Thread(target=StartTcpServer, daemon=True,
                 kwargs={"context": context, "identity": identity,
                         "address": ("127.0.0.1", port)}).start()
until(lambda: connects(port), "pymodbus listens")


def run(*arguments):
    done = subprocess.run([foreline, *map(str, arguments)], cwd=folder, capture_output=True,
                          text=True, timeout=120)
    print(done.stderr, file=sys.stderr)
    return done.returncode, done.stdout


status, text = run("probe", f"127.0.0.1:{port}", "--last", 99, "--wait", "10 ms", "--json",
                   "--tags", "found.csv")
assert status == 0, text
probe = json.loads(text.splitlines()[-1])
assert probe["identity"]["vendor"] == "Oven works", probe
assert probe["order"] == "CDAB", probe
values = {g["at"]: g for g in probe["guesses"]}
assert abs(values["hr:12 (400013)"]["value"] - 1480) < 1e-3, values
assert "hr_12,plc,hr:12,f32,CDAB" in (folder / "found.csv").read_text()

config = f"""format = "foreline plugin 1"
line = "{source}/scenarios/lines/bottling.toml"
[plc]
port = {port}
[[tag]]
name = "Right"
at = "10 f32 CDAB"
eu_min = 0
eu_max = 100
[[tag]]
name = "Wrong order"
at = "10 f32"
eu_min = 0
eu_max = 100
[[tag]]
name = "Coil"
at = "co:0 bool"
[[tag]]
name = "Not there"
at = "hr:5000"
"""
sample = open(f"{source}/plugin/config/bottling.toml").read()
machines = sample[sample.index("\n[[machine]]"):sample.index("\n[progress]")]
(folder / "plugin.toml").write_text(config + machines)
status, text = run("watch", "plugin.toml", "--dry-run", "--json")
assert status == 1, (status, text)
shown = {v["name"]: v for v in json.loads(text.splitlines()[0])["values"]}
assert shown["Right"]["quality"] == "Good" and shown["Right"]["value"] == 25.5, shown["Right"]
assert shown["Wrong order"]["quality"] != "Good", shown["Wrong order"]
assert shown["Coil"]["value"] == 1, shown["Coil"]
assert shown["Not there"]["quality"] == "Bad_Config", shown["Not there"]

# --- A client of ours ------------------------------------------------------------------------
plc = soft_plc(foreline, folder, source)
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch.log") as watch:
    ours = int(watch.line(r"Modbus port (\d+)").group(1))
    client = ModbusTcpClient("127.0.0.1", port=ours)
    assert client.connect()
    until(lambda: client.read_holding_registers(0, 4, slave=1).registers[3] == 1, "connected")
    registers = client.read_input_registers(0, 12, slave=1).registers
    assert registers[0] == 0x464F and registers[1] == 4, registers
    assert client.read_discrete_inputs(0, 4, slave=1).bits[:4] == [False] * 4
    refused = client.write_register(3, 7, slave=1)
    assert refused.isError() and refused.exception_code == 2, refused
    assert client.read_holding_registers(60000, 10, slave=1).exception_code == 2
    answer = client.execute(ReadDeviceInformationRequest(1, 0, slave=1))
    assert answer.information[0] == b"Foreline", answer.information
    client.close()
plc.end()
print("ok")
