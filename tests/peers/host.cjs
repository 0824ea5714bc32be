// A small Sparkplug host on npm's mqtt and sparkplug-payload: tells every message that it hears, and says what it is told.
// Decides nothing: the test that started it judges.
//
//   node host.cjs PORT HOST TOPIC…
//   in:  {"topic", "payload" (a Sparkplug payload), "qos"} | {"leave": true}
//   out: {"topic", "qos", "retain", "payload"} | {"topic", …, "state"} | {"event": "ready"}
'use strict'
const readline = require('node:readline')
const mqtt = require('mqtt')
const payloads = require('sparkplug-payload').get('spBv1.0')

const [port, host, ...topics] = process.argv.slice(2)
const STATE = `spBv1.0/STATE/${host}`
const since = Date.now()
const tell = (said) => process.stdout.write(JSON.stringify(said, plain) + '\n')
const certificate = (online) => JSON.stringify({ online, timestamp: since })

// Integers of 64 bits come as Long; all of ours are small enough for a number.
function plain (key, value) {
  return value && typeof value === 'object' && 'low' in value && 'high' in value
    ? value.high * 2 ** 32 + (value.low >>> 0) : value
}

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
  clientId: `npm-${host}`, clean: true, reconnectPeriod: 0,
  will: { topic: STATE, payload: certificate(false), qos: 1, retain: true },
})
client.on('connect', () => client.subscribe([STATE, ...topics], { qos: 1 }, () => {
  client.publish(STATE, certificate(true), { qos: 1, retain: true }, () => tell({ event: 'ready' }))
}))
client.on('message', (topic, bytes, { qos, retain }) => {
  if (topic.startsWith('spBv1.0/STATE/')) tell({ topic, qos, retain, state: JSON.parse(bytes) })
  else tell({ topic, qos, retain, payload: payloads.decodePayload(bytes) })
})
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const said = JSON.parse(line)
    if (said.leave) client.publish(STATE, certificate(false), { qos: 1, retain: true }, () => client.end(false, () => process.exit(0)))
    else client.publish(said.topic, Buffer.from(payloads.encodePayload(said.payload)), { qos: said.qos || 0 })
  })
  .on('close', () => process.exit(0))
