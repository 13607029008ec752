# SPDX-License-Identifier: Apache-2.0
"""collectd loads the library as a module, and polls our registers with its own modbus plugin.
ARGS: foreline libforeline.so source work module.so"""
import os
import pathlib
import shutil
import sys

from plant import Program, fresh, skip, soft_plc, until

foreline, library, source, work, module = sys.argv[1:6]
collectd = shutil.which("collectd", path="/usr/sbin:/usr/bin")
plugins = pathlib.Path("/usr/lib/collectd")
if not collectd or not (plugins / "modbus.so").exists():
    skip("collectd-core is not installed")
folder = fresh(work)
plug = folder / "plug"
plug.mkdir()
for name in ("logfile.so", "csv.so", "modbus.so"):
    shutil.copy(plugins / name, plug)
shutil.copy(module, plug / "foreline.so")
plc = soft_plc(foreline, folder, source)
text = (folder / "plugin.toml").read_text()
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch.log") as watch:
    ours = watch.line(r"Modbus port (\d+)").group(1)
    # The module runs an instance of its own, without the store that the first one holds.
    (folder / "module.toml").write_text(text.replace('store = "store"\n', "")
                                        .replace("writes = true", "writes = false"))
    (folder / "c.conf").write_text(f"""
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "{plug}"
TypesDB "/usr/share/collectd/types.db"
Hostname "t"
FQDNLookup false
Interval 1
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File STDOUT
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates false
</Plugin>
LoadPlugin modbus
<Plugin modbus>
  <Data "signature">
    RegisterBase 0
    RegisterType uint16
    RegisterCmd ReadHolding
    Type gauge
    Instance "signature"
  </Data>
  <Data "clock">
    RegisterBase 4
    RegisterType float
    RegisterCmd ReadInput
    Type gauge
    Instance "clock"
  </Data>
  <Host "ours">
    Address "127.0.0.1"
    Port "{ours}"
    Interval 1
    <Slave 1>
      Instance "line"
      Collect "signature"
      Collect "clock"
    </Slave>
  </Host>
</Plugin>
LoadPlugin foreline
<Plugin foreline>
  Library "{library}"
  Config "{folder}/module.toml"
  Tag "filler/vibration"
</Plugin>
""")
    with Program([collectd, "-f", "-C", folder / "c.conf"], folder / "collectd.log") as host:
        def rows(pattern):
            lines = []
            for file in folder.glob("csv/" + pattern):
                lines += [line for line in file.read_text().splitlines()[1:] if line]
            return lines
        try:
            until(lambda: len(rows("ours/modbus-line/gauge-signature*")) >= 2, "collectd polls us")
            until(lambda: len(rows("t/foreline/gauge-value*")) >= 2, "the module gives values")
        except AssertionError:
            print(host.text())
            raise
        assert all(float(r.split(",")[1]) == 0x464F
                   for r in rows("ours/modbus-line/gauge-signature*"))
        clock = [float(r.split(",")[1]) for r in rows("ours/modbus-line/gauge-clock*")]
        assert clock[-1] > clock[0] >= 0, clock
        assert all(0 < float(r.split(",")[1]) < 40 for r in rows("t/foreline/gauge-value*"))
        host.line("foreline: .*answers")
    assert "foreline: ended" in host.text(), host.text()
    assert host.process.returncode == 0, host.process.returncode
plc.end()
print("ok")
