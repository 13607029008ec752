// SPDX-License-Identifier: Apache-2.0
// Node.js as a host through koffi, and modbus-serial and jsmodbus as clients of our registers.
// ARGS: libforeline.so plugin.toml
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import koffi from 'koffi';
import ModbusRTU from 'modbus-serial';
import jsmodbus from 'jsmodbus';

const [library, config] = process.argv.slice(2);
const later = (ms) => new Promise((done) => setTimeout(done, ms));
async function until(holds, what) {
  for (let i = 0; i < 600; ++i) {
    if (await holds()) return;
    await later(50);
  }
  assert.fail('never happened: ' + what);
}

const Instance = koffi.pointer('foreline_instance', koffi.opaque());
const Event = koffi.struct('foreline_event', {
  size: 'uint32_t', kind: 'uint32_t', at_s: 'double', subject: 'str', what: 'str', text: 'str',
  detail_json: 'str', probability: 'double', expected_in_s: 'double' });
const Value = koffi.struct('foreline_value', {
  size: 'uint32_t', at_s: 'double', received_ns: 'int64_t', value: 'double', quality: 'uint32_t',
  unit: koffi.array('char', 16) });
const OnEvent = koffi.proto('void on_event(void *context, const foreline_event *event)');
const Host = koffi.struct('foreline_host', {
  size: 'uint32_t', context: 'void *', log: 'void *', event: koffi.pointer(OnEvent),
  now_ns: 'void *', hmi: 'str' });
const create = koffi.proto('int create(const char *path, const foreline_host *host, _Out_ foreline_instance *out, _Out_ char *error, size_t size)');
const start = koffi.proto('int start(foreline_instance i, _Out_ char *error, size_t size)');
const stop = koffi.proto('int stop(foreline_instance i, uint32_t ms, _Out_ char *error, size_t size)');
const destroy = koffi.proto('void destroy(foreline_instance i)');
const read = koffi.proto('int read(foreline_instance i, const char *tag, _Inout_ foreline_value *out, _Out_ char *error, size_t size)');
const port = koffi.proto('uint16_t port(foreline_instance i)');
const Api = koffi.struct('foreline_api', {
  size: 'uint32_t', abi_version: 'uint32_t', version: 'str', create: koffi.pointer(create),
  start: koffi.pointer(start), stop: koffi.pointer(stop), destroy: koffi.pointer(destroy),
  read: koffi.pointer(read), server_port: koffi.pointer(port) });

const lib = koffi.load(library);
const get = lib.func('const foreline_api *foreline_get_api(uint32_t min, uint32_t max, _Out_ uint32_t *chosen)');
const chosen = [0];
const api = koffi.decode(get(1, 1, chosen), Api);
assert.equal(chosen[0], 1);
const call = (pointer, type) => koffi.decode(pointer, type);
const f = {
  create: call(api.create, create), start: call(api.start, start), stop: call(api.stop, stop),
  destroy: call(api.destroy, destroy), read: call(api.read, read),
  server_port: call(api.server_port, port) };

const events = [];
const heard = koffi.register((_, pointer) => {
  const event = koffi.decode(pointer, Event);
  events.push(`${event.subject} ${event.what}`);
}, koffi.pointer(OnEvent));
const host = { size: koffi.sizeof(Host), context: null, log: null, event: heard, now_ns: null, hmi: null };
const error = Buffer.alloc(1024);
const out = [null];
assert.equal(f.create(config, host, out, error, error.length), 0, error.toString());
const instance = out[0];
assert.equal(f.start(instance, error, error.length), 0, error.toString());
await until(() => events.includes('plc connected'), 'the PLC answers');
const value = { size: koffi.sizeof(Value), at_s: 0, received_ns: 0, value: 0, quality: 0, unit: '' };
await until(() => {
  f.read(instance, 'filler/vibration', value, error, error.length);
  return value.quality === 192;
}, 'a good value');
assert.ok(value.value > 0 && value.value < 40);

const ours = f.server_port(instance);
const serial = new ModbusRTU();
await serial.connectTCP('127.0.0.1', { port: ours });
serial.setID(1);
serial.setTimeout(3000);
const first = await serial.readHoldingRegisters(0, 4);
assert.equal(first.data[0], 0x464f);
assert.equal(first.data[3], 1);
assert.equal((await serial.readDiscreteInputs(0, 8)).data.length, 8);
await assert.rejects(serial.writeRegister(3, 1), /exception 2|Illegal data address/i);
const who = await serial.readDeviceIdentification(1, 0);
assert.match(JSON.stringify(who.data), /Foreline/);
serial.close(() => {});

const socket = new net.Socket();
const client = new jsmodbus.client.TCP(socket, 1, 3000);
await new Promise((done) => socket.connect(ours, '127.0.0.1', done));
const second = await client.readInputRegisters(0, 2);
assert.deepEqual([...second.response.body.values], [0x464f, 4]);
await assert.rejects(client.readHoldingRegisters(60000, 5));
socket.end();

// stop() waits for the library's thread, which may wait for this one to hear its last event: so it
// must not be called on it.
await new Promise((done, failed) => f.stop.async(instance, 5000, error, error.length,
  (problem, status) => (problem || status !== 0 ? failed(problem ?? status) : done())));
const count = events.length;
await later(100);
assert.equal(events.length, count);
f.destroy(instance);
koffi.unregister(heard);
console.log('ok', count, 'events');
