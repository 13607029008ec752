# SPDX-License-Identifier: Apache-2.0
"""mosquitto loads the library as a broker plugin. ARGS: foreline libforeline.so source work plugin.so"""
import shutil
import sys

from plant import Program, free_port, fresh, skip, soft_plc

foreline, library, source, work, plugin = sys.argv[1:6]
mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
if not mosquitto:
    skip("mosquitto is not installed")
folder = fresh(work)
plc = soft_plc(foreline, folder, source)
(folder / "m.conf").write_text(f"""listener {free_port()} 127.0.0.1
allow_anonymous true
plugin {plugin}
plugin_opt_library {library}
plugin_opt_config {folder}/plugin.toml
log_dest stderr
log_type all
user root
""")
with Program([mosquitto, "-c", folder / "m.conf"], folder / "mosquitto.log") as broker:
    broker.line("foreline: plc connected")
assert "foreline: ended" in broker.text(), broker.text()
assert broker.process.returncode == 0, broker.text()
plc.end()
print("ok")
