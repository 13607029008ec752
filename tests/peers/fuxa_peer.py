# SPDX-License-Identifier: Apache-2.0
"""A real FUXA with the project of plugin/packaging/fuxa: it reads our forecasts and alarms over Modbus, raises
its own, and a person at its page acknowledges ours. Takes the pictures of docs/integrators/fuxa.md. The
installation (261 MB, minutes, a compiler) is made only when FORELINE_SLOW_PEERS is set, and kept.
ARGS: foreline libforeline.so source work cache"""
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import urllib.parse
import urllib.request

from plant import Program, connects, free_port, fresh, installed_by_npm, soft_plc, until

foreline, library, source, work, cache = sys.argv[1:6]
source = pathlib.Path(source)
cache = pathlib.Path(cache)
installed_by_npm(cache, "FUXA", ["@frangoteam/fuxa@1.3.4", "modbus-serial@8.0.25"])

folder = fresh(work)
plc = soft_plc(foreline, folder, source, speed=150)
port = free_port()
fuxa = cache / "node_modules/@frangoteam/fuxa"


def ask(path, body=None, **query):
    where = f"http://127.0.0.1:{port}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
    request = urllib.request.Request(where, None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def tags(*ids):
    told = ask("/api/getTagValue", ids=json.dumps(ids)) or []
    return {tag["id"]: tag["value"] for tag in told if tag and tag.get("value") is not None}


with Program([foreline, "watch", folder / "plugin.toml", "--json"], folder / "watch.log") as watch:
    ours = int(watch.line(r'"server_port":\s*(\d+)').group(1))

    def words(address, count):
        with socket.create_connection(("127.0.0.1", ours), 5) as s:
            s.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, address, count))
            answer = s.recv(9 + 2 * count, socket.MSG_WAITALL)
        return struct.unpack(f">{count}H", answer[9:])

    settings = (fuxa / "settings.default.js").read_text()
    for before, after in (('//uiHost: "127.0.0.1",', 'uiHost: "127.0.0.1",'),
                          ("uiPort: process.env.PORT || 1881", f"uiPort: {port}")):
        assert before in settings, f"settings.default.js holds no {before}"
        settings = settings.replace(before, after)
    data = folder / "fuxa" / "_appdata"
    data.mkdir(parents=True)
    (data / "settings.js").write_text(settings)
    project = json.loads((source / "plugin/packaging/fuxa/project.json").read_text())
    project["devices"]["foreline"]["property"]["address"] = f"127.0.0.1:{ours}"
    with Program(["node", fuxa / "main.js", "--userDir", folder / "fuxa"], folder / "fuxa.log") as scada:
        until(lambda: connects(port), "FUXA listens", 60)

        def accepts():
            try:
                ask("/api/project", project)
                return True
            except OSError:
                return False
        until(accepts, "FUXA takes the project", 30)
        try:
            until(lambda: "wear_2h" in tags("wear_2h"), "FUXA reads a forecast", 60)
            until(lambda: tags("wear_state").get("wear_state") == 1, "FUXA sees our alarm", 100)
            assert tags("wear_2h")["wear_2h"] >= 0.3, tags("wear_2h")
            # What FUXA shows is what we serve.
            two_hours = struct.unpack(">f", struct.pack(">HH", *words(104, 2)))[0]
            assert abs(tags("wear_2h")["wear_2h"] - two_hours) < 0.5, two_hours

            def raised():
                return [a for a in ask("/api/alarms") or [] if a["name"].startswith("filler bearing")]
            until(raised, "FUXA raises its own alarm")
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            modules = os.environ.get("FORELINE_BROWSER_MODULES", "")
            if chromium and pathlib.Path(modules).exists():
                pictures = folder / "pictures"
                pictures.mkdir()
                done = subprocess.run(["node", pathlib.Path(__file__).parent / "fuxa/pictures.mjs",
                                       f"http://127.0.0.1:{port}", pictures, chromium, modules],
                                      capture_output=True, text=True, timeout=120)
                assert done.returncode == 0, done.stdout + done.stderr
                if os.environ.get("FORELINE_ACCEPT"):
                    for picture in pictures.glob("*.png"):
                        shutil.copy(picture, source / "docs/pages")
            else:  # no browser here: as its page does
                ask("/api/setTagValue", {"tags": [{"id": "acknowledge", "value": "1"}]})
            until(lambda: words(101, 1)[0] != 1, "our alarm is acknowledged")
            assert words(101, 1)[0] in (0, 2), words(101, 1)
            assert '"what":"acknowledged"' in watch.text().replace('": "', '":"'), watch.text()[-2000:]
            until(lambda: tags("wear_state").get("wear_state") != 1, "and FUXA sees that")
        except AssertionError:
            print(scada.text()[-3000:], watch.text()[-2000:])
            raise
plc.end()
print("ok")
