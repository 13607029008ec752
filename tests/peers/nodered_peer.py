# SPDX-License-Identifier: Apache-2.0
"""A real Node-RED with our node package: shows what stands, and its decisions reach the plugin. Its own Modbus
nodes (node-red-contrib-modbus) read our registers and acknowledge, and serve values that we poll.
The installation (119 MB) is made only when FORELINE_SLOW_PEERS is set, and kept.
ARGS: foreline libforeline.so source work cache"""
import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

from plant import Program, connects, free_port, fresh, installed_by_npm, soft_plc, until

foreline, library, source, work, cache = sys.argv[1:6]
cache = pathlib.Path(cache)
installed_by_npm(cache, "Node-RED", ["node-red@4.1.8", "node-red-contrib-modbus@5.23.3"])

folder = fresh(work)
plc = soft_plc(foreline, folder, source)
port = free_port()
served = free_port()
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch.log") as watch:
    ours = int(watch.line(r"Modbus port (\d+)").group(1))
    (folder / "settings.js").write_text(f"""module.exports = {{
  uiPort: {port}, uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: false,
  telemetry: {{ enabled: false }}, diagnostics: {{ enabled: false, ui: false }},
  nodesDir: ['{source}/plugin/packaging/node-red', '{cache}/node_modules/node-red-contrib-modbus'],
  editorTheme: {{ tours: false, projects: {{ enabled: false }} }} }}""")
    place = {"host": "127.0.0.1", "port": ours, "z": "t"}
    (folder / "flows.json").write_text(json.dumps([
        {"id": "t", "type": "tab", "label": "t"},
        {"id": "in", "type": "http in", "z": "t", "url": "/status", "method": "get", "wires": [["ask"]]},
        {"id": "ask", "type": "foreline-status", "interval": 0, "wires": [["out"]], **place},
        {"id": "act", "type": "http in", "z": "t", "url": "/act", "method": "post", "wires": [["do"]]},
        {"id": "do", "type": "foreline-decide", "who": "", "wires": [["out"]], **place},
        {"id": "caught", "type": "catch", "z": "t", "scope": None, "wires": [["text"]]},
        {"id": "text", "type": "change", "z": "t", "rules": [
            {"t": "set", "p": "payload", "to": "error.message", "tot": "msg"},
            {"t": "set", "p": "statusCode", "to": "500", "tot": "num"}], "wires": [["out"]]},
        {"id": "out", "type": "http response", "z": "t", "wires": []},
        {"id": "client", "type": "modbus-client", "name": "foreline", "clienttype": "tcp", "bufferCommands": True,
         "stateLogEnabled": False, "queueLogEnabled": False, "failureLogEnabled": True, "tcpHost": "127.0.0.1",
         "tcpPort": str(ours), "tcpType": "DEFAULT", "unit_id": "1", "commandDelay": "1", "clientTimeout": "1000",
         "reconnectOnTimeout": True, "reconnectTimeout": "2000", "parallelUnitIdsAllowed": True,
         "showErrors": False, "showWarnings": True, "showLogs": True},
        {"id": "read", "type": "modbus-read", "z": "t", "name": "", "topic": "hr", "unitid": "",
         "dataType": "HoldingRegister", "adr": "0", "quantity": "22", "rate": "200", "rateUnit": "ms",
         "delayOnStart": False, "server": "client", "useIOFile": False, "ioFile": "", "useIOForPayload": False,
         "emptyMsgOnFail": True, "wires": [["kept"], []]},
        {"id": "kept", "type": "function", "z": "t", "func": "flow.set('hr', msg.payload); return null;",
         "outputs": 1, "wires": [[]]},
        {"id": "asked", "type": "http in", "z": "t", "url": "/hr", "method": "get", "wires": [["give"]]},
        {"id": "give", "type": "function", "z": "t", "func": "msg.payload = flow.get('hr') || null; return msg;",
         "outputs": 1, "wires": [["out"]]},
        {"id": "writes", "type": "http in", "z": "t", "url": "/write", "method": "post", "wires": [["write"]]},
        {"id": "write", "type": "function", "z": "t",
         "func": "msg.payload = {value: msg.payload.value, fc: 16, unitid: 1, address: msg.payload.address, "
                 "quantity: msg.payload.value.length}; return msg;", "outputs": 1, "wires": [["flex"]]},
        {"id": "flex", "type": "modbus-flex-write", "z": "t", "server": "client", "emptyMsgOnFail": True,
         "keepMsgProperties": True, "wires": [["out"], []]},
        {"id": "slave", "type": "modbus-server", "z": "t", "name": "", "hostname": "127.0.0.1",
         "serverPort": str(served), "responseDelay": 1, "delayUnit": "ms", "coilsBufferSize": 1000,
         "holdingBufferSize": 1000, "inputBufferSize": 1000, "discreteBufferSize": 1000, "showErrors": True,
         "wires": [[], [], [], [], []]},
        {"id": "fills", "type": "http in", "z": "t", "url": "/fill", "method": "post", "wires": [["fill"]]},
        {"id": "fill", "type": "function", "z": "t",
         "func": "node.send([{payload: {value: msg.payload.value, register: 'holding', address: 0, "
                 "disablemsgoutput: 1}}, msg]); return null;", "outputs": 2, "wires": [["slave"], ["out"]]}]))
    with Program(["node", cache / "node_modules/node-red/red.js", "-u", folder, "-s",
                  folder / "settings.js"], folder / "nodered.log") as red:
        until(lambda: connects(port), "Node-RED listens", 60)

        def get(path, body=None):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}{path}", None if body is None else json.dumps(body).encode(),
                {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        def status():
            code, said = get("/status")
            return said if code == 200 and said["connected"] else None
        try:
            said = until(status, "the node sees the PLC connected")
            assert said["machines"] == 5 and said["proposal"]["number"] == 0, said
            until(lambda: status()["forecasts"], "forecasts arrive")
            code, said = get("/act", {"proposal": 1, "approve": True})
            assert code == 500 and "payload must be" in said, (code, said)
            # Nothing waits: the register takes the decision, and the plugin says so in its log.
            code, said = get("/act", {"proposal": 9, "approve": True, "who": "planner"})
            assert code == 200, (code, said)
            watch.line("planner decided on proposal 9")

            def registers():
                code, said = get("/hr")
                return said if code == 200 and said and said[0] == 0x464F and said[3] == 1 else None
            said = until(registers, "Node-RED's own Modbus node reads our registers")
            assert said[6] == 5, said
            code, said = get("/write", {"address": 63, "value": [65535, 0]})
            assert code == 200, (code, said)
            watch.line("plc/communication taken out of service")
            until(lambda: registers()[10] == 5, "and it reads what it wrote")

            # Its server, which is filled byte by byte, is a device of ours.
            code, said = get("/fill", {"value": [4711 >> 8, 4711 & 255, 0x41, 0xC8, 0, 0]})
            assert code == 200, (code, said)
            (folder / "tags.csv").write_text("name,address,type\nCount,hr:0,u16\nTemp,hr:1,f32\n")
            text = (folder / "plugin.toml").read_text()
            for key in ("clock", "heartbeat", "signature", "signature_value"):
                text = re.sub(rf"(?m)^{key} = .*\n", "", text)
            (folder / "other.toml").write_text(
                re.sub(r"(?m)^port = \d+", f"port = {served}", text, count=1)
                .replace('format = "foreline plugin 1"', 'format = "foreline plugin 1"\ntags = "tags.csv"', 1))

            def polled():
                ran = subprocess.run([foreline, "watch", folder / "other.toml", "--dry-run", "--json"],
                                     capture_output=True, text=True, timeout=60)
                values = {value["name"]: value for value in json.loads(ran.stdout)["values"]}
                return values if values["Count"]["value"] == 4711 else None
            values = until(polled, "Node-RED's Modbus server is polled")
            assert values["Temp"]["value"] == 25 and values["Temp"]["quality"] == "Good", values["Temp"]
        except AssertionError:
            print(red.text()[-3000:], watch.text()[-2000:])
            raise
plc.end()
print("ok")
