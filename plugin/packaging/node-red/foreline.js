// SPDX-License-Identifier: Apache-2.0
// Two nodes over the plugin's own registers: foreline-status gives what stands, on every input and
// at an interval; foreline-decide approves or rejects a proposal. Plain Modbus TCP, no other package.
'use strict'
const net = require('net')

const FORECASTS = 100
const STRIDE = 12
const STATES = ['none', 'planning', 'proposed', 'refused', 'rejected', 'lapsed', 'deploying', 'confirmed', 'failed']
const ALARMS = ['normal', 'unacknowledged', 'acknowledged', 'returned unacknowledged', 'shelved', 'out of service']

/** One connection, one request at a time; a request that has no answer in time ends it. */
class Plugin {
  constructor (host, port, timeoutMs = 3000) {
    Object.assign(this, { host, port, timeoutMs, socket: null, number: 0, last: Promise.resolve() })
  }

  ask (pdu) {
    const asked = this.last.then(() => this.one(pdu))
    this.last = asked.catch(() => {})
    return asked
  }

  one (pdu) {
    return new Promise((resolve, reject) => {
      const number = this.number = (this.number + 1) & 0xffff
      let held = Buffer.alloc(0)
      const timer = setTimeout(() => end(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs)
      const socket = this.socket = this.socket || net.connect(this.port, this.host)
      const lost = (error) => end(error instanceof Error ? error : new Error('the plugin has closed the connection'))
      const end = (error, answer) => {
        clearTimeout(timer)
        socket.removeListener('data', heard)
        socket.removeListener('error', lost)
        socket.removeListener('close', lost)
        if (!error) return resolve(answer)
        socket.on('error', () => {})
        socket.destroy()
        this.socket = null
        reject(error)
      }
      const heard = (bytes) => {
        held = Buffer.concat([held, bytes])
        if (held.length < 7) return
        const length = held.readUInt16BE(4)
        if (held.readUInt16BE(2) !== 0 || length < 3 || length > 254) return end(new Error('that is no Modbus'))
        if (held.length < 6 + length) return
        if (held.readUInt16BE(0) !== number) return end(new Error('an answer to another request'))
        const answer = held.subarray(7, 6 + length)
        if (answer[0] & 0x80) {
          const refused = new Error(`the plugin refuses (exception ${answer[1]})`)
          refused.refused = true
          clearTimeout(timer)
          socket.removeListener('data', heard)
          socket.removeListener('error', lost)
          socket.removeListener('close', lost)
          return reject(refused)
        }
        end(null, answer)
      }
      socket.on('data', heard)
      socket.on('error', lost)
      socket.on('close', lost)
      const head = Buffer.alloc(7)
      head.writeUInt16BE(number, 0)
      head.writeUInt16BE(pdu.length + 1, 4)
      head[6] = 1
      socket.write(Buffer.concat([head, pdu]))
    })
  }

  async read (address, count) {
    const pdu = Buffer.alloc(5)
    pdu[0] = 3
    pdu.writeUInt16BE(address, 1)
    pdu.writeUInt16BE(count, 3)
    const answer = await this.ask(pdu)
    if (answer[0] !== 3 || answer[1] !== 2 * count || answer.length !== 2 + 2 * count) throw new Error('an answer of another size')
    return answer.subarray(2)
  }

  async write (address, words) {
    const pdu = Buffer.alloc(6 + 2 * words.length)
    pdu[0] = 16
    pdu.writeUInt16BE(address, 1)
    pdu.writeUInt16BE(words.length, 3)
    pdu[5] = 2 * words.length
    words.forEach((word, i) => pdu.writeUInt16BE(word, 6 + 2 * i))
    await this.ask(pdu)
  }

  async status () {
    const head = await this.read(0, 20)
    if (head.readUInt16BE(0) !== 0x464f) throw new Error('that is no foreline plugin')
    const version = head.readUInt16BE(2)
    if (version < 2 || version > 4) throw new Error(`register table version ${version}, wanted 2 to 4`)
    const machines = head.readUInt16BE(12)
    const kinds = head.readUInt16BE(14)
    const forecasts = []
    const perRead = Math.floor(120 / STRIDE)
    for (let first = 0; first < machines * kinds; first += perRead) {
      const count = Math.min(perRead, machines * kinds - first)
      const block = await this.read(FORECASTS + STRIDE * first, STRIDE * count)
      for (let n = 0; n < count; ++n) {
        const at = 2 * STRIDE * n
        if (block.readUInt16BE(at) !== 1) continue
        const cell = first + n
        forecasts.push({
          number: cell, machine: Math.floor(cell / kinds), kind: cell % kinds,
          alarm: ALARMS[block.readUInt16BE(at + 2)] || 'unknown',
          within30min: block.readFloatBE(at + 4), within2h: block.readFloatBE(at + 8),
          median_s: block.readFloatBE(at + 12), missing: block.readFloatBE(at + 20)
        })
      }
    }
    return {
      connected: head.readUInt16BE(6) === 1, line_time_s: head.readFloatBE(8), machines, kinds,
      alarms: head.readUInt16BE(16), unacknowledged: head.readUInt16BE(18),
      proposal: { number: head.readUInt16BE(24), state: STATES[head.readUInt16BE(26)] || 'unknown', gain: head.readFloatBE(28) },
      forecasts
    }
  }

  /** Approves or rejects in one request, so that nothing half decided is ever seen. */
  async decide (proposal, approve, who) {
    const words = [proposal, approve ? 1 : 2, ...new Array(16).fill(0)]
    const name = Buffer.from(who, 'ascii').subarray(0, 32)
    name.forEach((c, i) => { words[2 + (i >> 1)] |= i % 2 === 0 ? c << 8 : c })
    await this.write(70, words)
  }

  async acknowledge (number) { await this.write(60, [number + 1]) }

  close () {
    if (this.socket) this.socket.destroy()
    this.socket = null
  }
}

module.exports = function (RED) {
  function show (node, error) {
    node.status(error ? { fill: 'red', shape: 'ring', text: error.message } : { fill: 'green', shape: 'dot', text: 'connected' })
  }

  RED.nodes.registerType('foreline-status', function (config) {
    RED.nodes.createNode(this, config)
    const plugin = new Plugin(config.host || '127.0.0.1', Number(config.port) || 15030)
    const give = (msg, send, done) => plugin.status().then((status) => {
      show(this)
      send({ ...msg, payload: status })
      done()
    }, (error) => { show(this, error); done(error) })
    const period = Number(config.interval) * 1000
    const timer = period > 0 ? setInterval(() => give({}, (m) => this.send(m), () => {}), period) : null
    this.on('input', give)
    this.on('close', (done) => { clearInterval(timer); plugin.close(); done() })
  })

  RED.nodes.registerType('foreline-decide', function (config) {
    RED.nodes.createNode(this, config)
    const plugin = new Plugin(config.host || '127.0.0.1', Number(config.port) || 15030)
    this.on('input', (msg, send, done) => {
      const wanted = msg.payload || {}
      const who = String(wanted.who || config.who || '')
      const act = Number.isInteger(wanted.acknowledge)
        ? plugin.acknowledge(wanted.acknowledge)
        : !Number.isInteger(wanted.proposal) || typeof wanted.approve !== 'boolean' || who === ''
            ? Promise.reject(new Error('payload must be {proposal, approve, who} or {acknowledge}'))
            : plugin.decide(wanted.proposal, wanted.approve, who)
      act.then(() => { show(this); send(msg); done() }, (error) => { show(this, error); done(error) })
    })
    this.on('close', (done) => { plugin.close(); done() })
  })
}
module.exports.Plugin = Plugin
