# SPDX-License-Identifier: Apache-2.0
"""Sparkplug B against a real mosquitto, its payloads read by protoc's code: births with aliases and
units, data, quality, deaths, a rebirth when asked, and what happened while the broker was away as
history, whole and in order. ARGS: foreline libforeline.so source work"""
import os
import shutil
import signal
import subprocess
import sys
import time

from plant import Program, connects, free_port, fresh, skip, until

foreline, library, source, work = sys.argv[1:5]
folder = fresh(work)
mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
if not mosquitto or not shutil.which("protoc"):
    skip("mosquitto and protobuf-compiler are not installed")
try:
    import google.protobuf  # noqa: F401
    import paho.mqtt.client as mqtt
except ImportError as missing:
    skip(f"{missing} (python3-protobuf, python3-paho-mqtt)")
subprocess.run(["protoc", f"-I{source}/tests/peers/sparkplug", f"--python_out={folder}",
                "sparkplug_b.proto"], check=True)
sys.path.insert(0, str(folder))
import sparkplug_b_pb2 as proto  # noqa: E402

# A PLC of pymodbus would be slow to freeze; this one is a table of words behind a socket.
import socket  # noqa: E402
import struct  # noqa: E402
import threading  # noqa: E402

words = [0] * 200
words[0] = 4711
answering = True
beats = 0


def serve(connection):
    global beats
    try:
        while True:
            head = connection.recv(12, socket.MSG_WAITALL)
            if len(head) < 12 or not answering:
                return connection.close()
            words[2] = (words[2] + 1) & 0xFFFF
            address, count = struct.unpack(">HH", head[8:12])
            body = struct.pack(f">{count}H", *words[address:address + count])
            connection.sendall(head[:4] + struct.pack(">HBBB", 3 + len(body), head[6], head[7],
                                                      len(body)) + body)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", 0))


def accept():
    while True:
        connection, _ = listener.accept()
        if answering:
            threading.Thread(target=serve, args=(connection,), daemon=True).start()
        else:
            connection.close()


threading.Thread(target=accept, daemon=True).start()
plc_port = listener.getsockname()[1]
port = free_port()
(folder / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n")
(folder / "line.toml").write_text("""format = "foreline line 1"
name = "test"
products = ["a"]
sample_period = "1 s"
[[machine]]
name = "press"
cycle = "10 s"
[[machine.signal]]
name = "vibration"
kind = "vibration"
normal = "2 mm/s"
noise = "0.1 mm/s"
range = ["0 mm/s", "40 mm/s"]
""")
(folder / "plugin.toml").write_text(f"""format = "foreline plugin 1"
line = "line.toml"
store = "store"
[plc]
port = {plc_port}
poll = "50 ms"
timeout = "300 ms"
reconnect_min = "50 ms"
reconnect_max = "200 ms"
heartbeat = "2"
signature = "0"
signature_value = 4711
[[group]]
name = "fast"
period = "50 ms"
[[tag]]
name = "Speed"
at = "40"
unit = "rpm"
eu_max = 9000
[[tag]]
name = "Door/Open"
at = "41 bool"
[[tag]]
name = "Recipe"
at = "50 string 4"
[[machine]]
name = "press"
state = "10"
operating = "11"
renewals = "12"
[machine.signals]
vibration = "20 f32"
[server]
on = false
[metrics]
[sparkplug]
group = "plant"
node = "edge"
port = {port}
keepalive = "5 s"
""")


def hold(**values):
    for name, value in values.items():
        words[{"speed": 40, "door": 41, "state": 10}[name]] = value


hold(speed=0, door=1, state=6)
words[20], words[21] = 0x4000, 0
words[50], words[51] = struct.unpack(">HH", b"PX-7")

heard = []


def on_message(client, userdata, message):
    payload = proto.Payload()
    payload.ParseFromString(message.payload)
    heard.append((message.topic.split("/", 2)[2], payload))


def kind(name):
    return [payload for topic, payload in list(heard) if topic.startswith(name)]


def quality(metric):
    return dict(zip(metric.properties.keys, metric.properties.values))["Quality"].int_value


def broker():
    started = Program([mosquitto, "-c", folder / "m.conf"], folder / "mosquitto.log")
    until(lambda: connects(port), "the broker listens")
    return started


def host():
    client = mqtt.Client(client_id="host")
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe("spBv1.0/plant/#", 1)
    client.loop_start()
    return client


first = broker()
listening = host()
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch.log") as watch:
    birth = until(lambda: kind("NBIRTH/edge"), "the node is born")[0]
    device = until(lambda: kind("DBIRTH/edge/plc"), "the device is born")[-1]
    assert birth.seq == 0, birth
    names = {m.name: m for m in birth.metrics}
    assert names["Node Control/Rebirth"].datatype == 11, birth
    bd_seq = names["bdSeq"].long_value
    metrics = {m.name: m for m in device.metrics}
    aliases = {m.alias: m.name for m in device.metrics}
    assert len(aliases) == len(device.metrics) == 5, device
    unit = dict(zip(metrics["Speed"].properties.keys, metrics["Speed"].properties.values))["engUnit"]
    assert unit.string_value == "rpm", device
    assert metrics["Alarms/communication"].string_value == "normal", device
    press = until(lambda: kind("DBIRTH/edge/press"), "the machine is born")[-1]
    assert {m.name for m in press.metrics} >= {"State", "Signals/vibration", "Alarms/vibration"}

    def shown(name):
        """What a host believes: births by name, data by alias."""
        value = None
        for topic, payload in list(heard):
            if topic in ("DBIRTH/edge/plc", "DDATA/edge/plc"):
                for m in payload.metrics:
                    if (m.name or aliases.get(m.alias)) == name and not m.is_historical:
                        value = m
        return value

    until(lambda: shown("Speed") and quality(shown("Speed")) == 192, "Speed is good")
    assert shown("Door/Open").boolean_value is True
    assert shown("Recipe").string_value == "PX-7"
    hold(speed=123)
    until(lambda: shown("Speed").double_value == 123, "a change arrives")
    assert shown("Speed").name == "", "data goes by alias"
    hold(speed=9500)
    until(lambda: quality(shown("Speed")) == 0, "beyond its range it is not good")
    hold(speed=124)
    until(lambda: shown("Speed").double_value == 124, "and is again")

    # In one sequence, whatever comes.
    def sequence():
        return [p.seq for t, p in list(heard) if not t.startswith("NDEATH") and "CMD" not in t]
    whole = sequence()
    assert all((a + 1) % 256 == b for a, b in zip(whole, whole[1:])), whole

    births = len(kind("NBIRTH"))
    command = proto.Payload()
    metric = command.metrics.add()
    metric.name, metric.datatype, metric.boolean_value = "Node Control/Rebirth", 11, True
    listening.publish("spBv1.0/plant/NCMD/edge", command.SerializeToString(), 0)
    until(lambda: len(kind("NBIRTH")) > births, "it is born again when asked")
    assert kind("NBIRTH")[-1].seq == 0
    again = {m.name: m for m in kind("NBIRTH")[-1].metrics}["bdSeq"].long_value
    assert again == bd_seq, "the same session"

    # The PLC goes, and comes back.
    answering = False
    until(lambda: kind("DDEATH/edge/plc"), "the device dies")
    until(lambda: kind("DDEATH/edge/press"), "and its machine")
    born = len(kind("DBIRTH/edge/plc"))
    answering = True
    until(lambda: len(kind("DBIRTH/edge/plc")) > born, "it is born again")

    # The broker goes; what happens meanwhile is kept, and sent as history, in order.
    time.sleep(1.5)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    watch.line("is away")
    for value in range(1000, 1060):
        hold(speed=value)
        time.sleep(0.25)  # longer than two polls: none is missed
    # The process that kept it is killed, too: the disk has it.
    watch.process.send_signal(signal.SIGKILL)
    watch.process.wait()
    listening.loop_stop()

heard.clear()
hold(speed=77)
second = broker()
listening = host()
time.sleep(0.5)
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch2.log") as watch:
    def history():
        return [m for p in kind("DDATA/edge/plc") for m in p.metrics
                if m.is_historical and aliases.get(m.alias) == "Speed"]
    until(lambda: len(history()) >= 55, "history arrives", 40)
    time.sleep(1)
    values = [m.double_value for m in history() if m.double_value >= 1000]
    # The last moments before the kill may not have been on the disk; nothing before is missing.
    assert values == [float(v) for v in range(1000, 1000 + len(values))], values
    assert len(values) >= 55, values
    times = [m.timestamp for m in history()]
    assert times == sorted(times), times
    second_bd = {m.name: m for m in kind("NBIRTH")[0].metrics}["bdSeq"].long_value
    assert second_bd > bd_seq, (bd_seq, second_bd)
    whole = [p.seq for t, p in list(heard) if not t.startswith("NDEATH") and "CMD" not in t]
    assert all((a + 1) % 256 == b for a, b in zip(whole, whole[1:])), whole
    metrics_port = int(watch.line(r"http://127.0.0.1:(\d+)/metrics").group(1))
    import urllib.request

    def counters():
        return urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics").read().decode()
    until(lambda: "foreline_mqtt_kept 0\n" in counters(), "what was received is kept no longer")
    assert "foreline_mqtt_connected 1\n" in counters()
    heard.clear()
    watch.process.send_signal(signal.SIGTERM)
    until(lambda: kind("NDEATH/edge"), "it says goodbye")
    said = {m.name: m.long_value for m in kind("NDEATH/edge")[0].metrics}
    assert said == {"bdSeq": second_bd}, said
    assert watch.process.wait(10) == 0, watch.text()

# Without a goodbye, the broker gives the will.
heard.clear()
with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch3.log") as watch:
    until(lambda: kind("DBIRTH/edge/plc"), "born a third time")
    watch.process.send_signal(signal.SIGKILL)
    until(lambda: kind("NDEATH/edge"), "the will", 20)
    third = {m.name: m.long_value for m in kind("NDEATH/edge")[0].metrics}["bdSeq"]
    assert third == {m.name: m for m in kind("NBIRTH")[-1].metrics}["bdSeq"].long_value == second_bd + 1

# With a primary host: nothing before it is online, nothing while it is offline, and then all of it.
import json  # noqa: E402

settings = (folder / "plugin.toml").read_text()
(folder / "plugin.toml").write_text(settings.replace('store = "store"', 'store = "store-host"') +
                                    'primary_host = "scada"\n')
heard.clear()
hold(speed=500)


def state(online, at_ms):
    listening.publish("spBv1.0/STATE/scada", json.dumps({"online": online, "timestamp": at_ms}), 1,
                      retain=True)


def dcmd(name):
    again = proto.Payload()
    metric = again.metrics.add()
    metric.name, metric.datatype, metric.boolean_value = name, 11, True
    listening.publish("spBv1.0/plant/DCMD/edge/plc", again.SerializeToString(), 0)


def ours():
    return [t for t, _ in list(heard) if "CMD" not in t and "NDEATH" not in t]


with Program([foreline, "watch", folder / "plugin.toml"], folder / "watch4.log") as watch:
    watch.line("waits for the host scada")
    for value in range(501, 506):
        hold(speed=value)
        time.sleep(0.25)
    assert not ours(), ours()
    listening.publish("spBv1.0/STATE/scada", b"\xff{]", 1)  # no such word
    state(True, 1000)
    until(lambda: kind("DBIRTH/edge/plc"), "births once the host is online")

    def history():
        return [m.double_value for p in kind("DDATA/edge/plc") for m in p.metrics
                if m.is_historical and aliases.get(m.alias) == "Speed"]
    until(lambda: 505.0 in history(), "what was kept before the host came")
    born = len(kind("DBIRTH/edge/plc")), len(kind("NBIRTH"))
    dcmd("Device Control/Something")
    dcmd("Device Control/Rebirth")
    until(lambda: len(kind("DBIRTH/edge/plc")) > born[0], "the device is born again when asked")
    assert len(kind("NBIRTH")) == born[1], "and only the device"
    state(False, 500)  # of an older session: counts no more
    time.sleep(0.5)
    assert not kind("NDEATH"), "an old word ended the session"
    state(False, 2000)
    until(lambda: kind("NDEATH/edge"), "it dies with its host")
    heard.clear()
    for value in range(2000, 2020):
        hold(speed=value)
        time.sleep(0.2)
    assert not ours(), ours()
    state(True, 3000)
    until(lambda: 2019.0 in history(), "history arrives once the host is back", 40)
    values = [v for v in history() if v >= 2000]
    assert values == [float(v) for v in range(2000, 2020)], values
    # A thousand requests are one birth a second.
    heard.clear()
    for _ in range(1000):
        listening.publish("spBv1.0/plant/NCMD/edge", command.SerializeToString(), 0)
    time.sleep(2.5)
    assert 1 <= len(kind("NBIRTH")) <= 4, len(kind("NBIRTH"))
    assert "is away" not in watch.text(), watch.text()
listening.loop_stop()
second.end()
print("ok", len(values), "values came as history")
