# SPDX-License-Identifier: Apache-2.0
"""A real Node-RED with our node package: shows what stands, and its decisions reach the plugin.
The installation (119 MB) is made only when FORELINE_SLOW_PEERS is set, and kept.
ARGS: foreline libforeline.so source work cache"""
import json
import pathlib
import sys
import urllib.error
import urllib.request

from plant import Program, connects, free_port, fresh, installed_by_npm, soft_plc, until

foreline, library, source, work, cache = sys.argv[1:6]
cache = pathlib.Path(cache)
installed_by_npm(cache, "Node-RED", ["node-red@4.1.8"])

folder = fresh(work)
plc = soft_plc(foreline, folder, source)
port = free_port()
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch.log") as watch:
    ours = int(watch.line(r"Modbus port (\d+)").group(1))
    (folder / "settings.js").write_text(f"""module.exports = {{
  uiPort: {port}, uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: false,
  telemetry: {{ enabled: false }}, diagnostics: {{ enabled: false, ui: false }},
  nodesDir: ['{source}/plugin/packaging/node-red'],
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
        {"id": "out", "type": "http response", "z": "t", "wires": []}]))
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
        except AssertionError:
            print(red.text()[-3000:], watch.text()[-2000:])
            raise
plc.end()
print("ok")
