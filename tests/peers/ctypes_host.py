# SPDX-License-Identifier: Apache-2.0
"""Python as a host: loads libforeline.so through ctypes. ARGS: foreline libforeline.so source work"""
import ctypes as c
import json
import os
import sys
import threading

from plant import fresh, soft_plc, until

foreline, library, source, work = sys.argv[1:5]
folder = fresh(work)

OK, INVALID_ARGUMENT, INVALID_CONFIG, IO, REFUSED, WRONG_STATE = range(6)


class Event(c.Structure):
    _fields_ = [("size", c.c_uint32), ("kind", c.c_uint32), ("at_s", c.c_double),
                ("subject", c.c_char_p), ("what", c.c_char_p), ("text", c.c_char_p),
                ("detail", c.c_char_p), ("probability", c.c_double), ("expected_in_s", c.c_double)]


class Value(c.Structure):
    _fields_ = [("size", c.c_uint32), ("at_s", c.c_double), ("received_ns", c.c_int64),
                ("value", c.c_double), ("quality", c.c_uint32), ("unit", c.c_char * 16)]


LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_char_p)
EVENT = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Event))
NOW = c.CFUNCTYPE(c.c_int64, c.c_void_p)


class Host(c.Structure):
    _fields_ = [("size", c.c_uint32), ("context", c.c_void_p), ("log", LOG), ("event", EVENT),
                ("now_ns", NOW), ("hmi", c.c_char_p)]


P, S, N = c.c_void_p, c.c_char_p, c.c_size_t
call = lambda *a: c.CFUNCTYPE(c.c_int, *a)


class Api(c.Structure):
    _fields_ = [("size", c.c_uint32), ("abi_version", c.c_uint32), ("version", S),
                ("create", call(S, c.POINTER(Host), c.POINTER(P), S, N)),
                ("start", call(P, S, N)), ("stop", call(P, c.c_uint32, S, N)),
                ("destroy", c.CFUNCTYPE(None, P)), ("read", call(P, S, c.POINTER(Value), S, N)),
                ("server_port", c.CFUNCTYPE(c.c_uint16, P)), ("acknowledge", call(P, S, S, N)),
                ("plan", call(P, S, N)), ("decide", call(P, c.c_uint64, c.c_int, S, S, N)),
                ("snapshot", call(P, c.POINTER(c.c_void_p), S, N)),
                ("free_text", c.CFUNCTYPE(None, c.c_void_p)),
                ("hmi_port", c.CFUNCTYPE(c.c_uint16, P)),
                ("write", call(P, S, c.c_double, S, S, N)), ("reload", call(P, S, S, N)),
                ("config_schema", c.CFUNCTYPE(S)), ("metrics", call(P, c.POINTER(c.c_void_p), S, N)),
                ("acknowledge_as", call(P, S, S, S, N)), ("shelve", call(P, S, c.c_double, S, S, S, N)),
                ("service", call(P, S, c.c_int, S, S, S, N))]


loaded = c.CDLL(library)
loaded.foreline_get_api.restype = c.POINTER(Api)
chosen = c.c_uint32()
assert not loaded.foreline_get_api(2, 9, c.byref(chosen)), "a version that does not exist"
api = loaded.foreline_get_api(1, 1, c.byref(chosen)).contents
assert chosen.value == 1 and api.size == c.sizeof(Api), (api.size, c.sizeof(Api))

schema = json.loads(api.config_schema())
assert schema["properties"]["plc"]["properties"]["timeout"]["type"] == "string"

events, threads = [], set()


@EVENT
def on_event(_, event):
    threads.add(threading.get_ident())
    e = event.contents
    events.append((e.kind, e.subject.decode(), e.what.decode()))


error = c.create_string_buffer(2048)
plc = soft_plc(foreline, folder, source)
host = Host(c.sizeof(Host), None, LOG(), on_event, NOW(), None)
handle = P()
config = str(folder / "plugin.toml").encode()
assert api.create(b"no-such.toml", c.byref(host), c.byref(handle), error, 2048) == INVALID_CONFIG
assert b"no-such.toml" in error.value
assert api.create(config, c.byref(host), c.byref(handle), error, 2048) == OK, error.value
assert api.start(handle, error, 2048) == OK, error.value

value = Value(c.sizeof(Value))


def good():
    api.read(handle, b"filler/vibration", c.byref(value), error, 2048)
    return value.quality == 192


until(good, "a good value")
assert value.unit == b"mm/s" and 0 <= value.value <= 40, (value.unit, value.value)
assert api.write(handle, b"nothing", 1.0, b"me", error, 2048) == INVALID_ARGUMENT
text = c.c_void_p()
assert api.metrics(handle, c.byref(text), error, 2048) == OK
assert b"foreline_requests_total" in c.cast(text, S).value
api.free_text(text)

# Row 26: a reload with a mistake says where, and the old configuration runs on.
broken = folder / "broken.toml"
broken.write_text((folder / "plugin.toml").read_text().replace("timeout =", "timeuot ="))
assert api.reload(handle, str(broken).encode(), error, 2048) == INVALID_CONFIG
assert b"timeuot" in error.value and b"did you mean" in error.value, error.value
until(good, "a good value under the old configuration")
slower = folder / "slower.toml"
slower.write_text((folder / "plugin.toml").read_text().replace('timeout = "1 s"', 'timeout = "2 s"'))
assert api.reload(handle, str(slower).encode(), error, 2048) == OK, error.value
until(good, "a good value under the new configuration")
assert api.stop(handle, 5000, error, 2048) == OK
seen = len(events)
api.destroy(handle)
assert (1, "plc", "connected") in events, events
assert threading.get_ident() not in threads and len(events) == seen

before = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
for _ in range(20):
    assert api.create(config, None, c.byref(handle), error, 2048) == OK
    assert api.start(handle, error, 2048) == OK
    api.destroy(handle)
assert (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))) == before
plc.end()
print("ok:", len(events), "events")
