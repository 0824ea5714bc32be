// An edge node on npm's sparkplug-client: says what it is told line by line, and tells line by line what it hears.
// Decides nothing: no order of births, no answer to a rebirth comes from here.
//
//   node edge.cjs PORT GROUP NODE
//   in:  {"do": "NBIRTH" | "NDATA", "payload"} | {"do": "DBIRTH" | "DDATA" | "DDEATH", "device", "payload", "options"}
//        {"do": "skip"} (one seq, as if a message were lost) | {"do": "leave"}
//   out: {"event": "connected" | "birth" | "ncmd" | "dcmd" | "left", "device", "payload"}
'use strict'
const readline = require('node:readline')
const sparkplug = require('sparkplug-client')

const [port, groupId, edgeNode] = process.argv.slice(2)
const tell = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
const edge = sparkplug.newClient({
  serverUrl: `tcp://127.0.0.1:${port}`, username: '', password: '', clientId: `npm-${edgeNode}`, groupId, edgeNode,
  publishDeath: true,
})
const acts = {
  NBIRTH: ({ payload, options }) => edge.publishNodeBirth(payload, options),
  NDATA: ({ payload, options }) => edge.publishNodeData(payload, options),
  DBIRTH: ({ device, payload, options }) => edge.publishDeviceBirth(device, payload, options),
  DDATA: ({ device, payload, options }) => edge.publishDeviceData(device, payload, options),
  DDEATH: ({ device, payload }) => edge.publishDeviceDeath(device, payload),
  skip: () => edge.incrementSeqNum(),
  leave: () => { edge.on('close', () => { tell('left'); process.exit(0) }); edge.stop() },
}
edge.on('connect', () => tell('connected'))
edge.on('birth', () => tell('birth'))
edge.on('ncmd', (payload) => tell('ncmd', { payload }))
edge.on('dcmd', (device, payload) => tell('dcmd', { device, payload }))
readline.createInterface({ input: process.stdin })
  .on('line', (line) => { const said = JSON.parse(line); acts[said.do](said) })
  .on('close', () => process.exit(0))
