/**
 * The gateway's side of `scripts/dashboardBench.js`, in a process of its own: the embedded broker
 * with its page, ten thousand retained reports, and a thousand new ones a second. Asked over IPC.
 * @module
 */
import { createBroker } from '../dist/gateway/broker/io/embeddedBroker.js'
import { nodeClock, nodeTimers } from '../dist/ports/io/node.js'
import { mayAccess } from '../dist/protocol/access.js'

const devices = Number(process.argv[2] ?? 10_000)
const updatesPerSecond = Number(process.argv[3] ?? 1_000)
const STEP_MS = 5
/** As a gateway does, which takes ticks in between. */
const REPORTS_PER_TURN = 16
/** Not a divisor of how often anything on the page happens. */
const STAMP_EVERY_MS = 613
const GATEWAY_EVERY_MS = 5_000
const fleet = 'acme'

const nameOf = (number) => `ev-${`${number}`.padStart(5, '0')}`
const paid = Array.from({ length: devices }, (_, number) => 1_000_000n + BigInt(number) * 997n)
const sum = () => paid.reduce((total, one) => total + one, 0n)

/** One in fifty is off, one in a hundred nearly at its limit. */
function reportOf(number) {
  const isOff = number % 50 === 7
  const amount = paid[number]
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return {
    device: nameOf(number),
    online: number % 200 !== 3,
    timeSeconds: nowSeconds,
    channels: [
      {
        fleet,
        device: nameOf(number),
        slot: 0,
        channelId: number.toString(16).padStart(64, '0'),
        meter: 'main',
        unit: 'Wh',
        asset: { code: 'EUR', scale: 6 },
        epoch: 3,
        index: Number(amount % 65_536n),
        startReading: '1000',
        unitsPaid: `${amount / 30n}`,
        register: `${amount / 30n + 1_000n}`,
        paid: `${amount}`,
        reserved: '4800000',
        settled: `${amount / 2n}`,
        exposure: `${amount - amount / 2n}`,
        creditUnits: '160',
        supply: isOff ? 'off' : 'on',
        reason: isOff ? 'not_paying' : 'ok',
        mandate: {
          sequence: 1,
          limit: `${number % 100 === 11 ? (amount * 100n) / 95n : 4_000_000_000_000n}`,
          limitPerDay: '4000000000',
          expiry: nowSeconds + 80_000,
          claimUntil: nowSeconds + 700_000,
        },
        state: 'open',
      },
    ],
  }
}

/** A page that cannot follow is cut off by the broker: then the figures are of something else. */
const closed = []
function noteClosed(_level, text, fields) {
  if (text === 'connection closed') closed.push(fields.reason)
}

const broker = await createBroker({
  ports: { clock: nodeClock, timers: nodeTimers, log: noteClosed },
  handlers: {
    authenticate: async () => ({ kind: 'reader', fleet, name: 'ann', rights: ['read', 'supply'] }),
    mayAccess,
    onMessage: (_identity, _session, _topic, _payload, done) => done(),
    onConnected: () => {},
    onDisconnected: () => {},
  },
})
const [port] = await broker.listen([{ kind: 'ws', host: '127.0.0.1', port: 0, roles: ['reader'] }])

function publish(topic, value) {
  broker.publish(topic, Buffer.from(JSON.stringify(value)), { retain: true })
}

function publishDevice(number) {
  publish(`tickpay/1/${fleet}/_/devices/${nameOf(number)}`, reportOf(number))
}

function publishGateway() {
  publish('tickpay/1/_gateway/gw-1/state', { gateway: 'gw-1', state: 'online' })
  publish('tickpay/1/_gateway/gw-1/health', {
    gateway: 'gw-1',
    sessions: devices,
    channels: devices,
    accepted: 1,
    acceptedAmount: `${sum()}`,
    settled: `${sum() / 2n}`,
    refused: { slow_down: 3, bad_word: 1 },
    settlements: 2,
    position: 1_000,
    journal: { hash: 'ab'.repeat(32) },
  })
}

for (let number = 0; number < devices; number++) publishDevice(number)
publishGateway()
setInterval(publishGateway, GATEWAY_EVERY_MS)

let next = 1
let startedMs = 0
let sent = 0
function step() {
  const wanted = Math.floor(((performance.now() - startedMs) * updatesPerSecond) / 1_000)
  const end = Math.min(wanted, sent + REPORTS_PER_TURN)
  for (; sent < end; sent++) {
    paid[next] += 3_000n
    publishDevice(next)
    next = next === devices - 1 ? 1 : next + 1
  }
  if (sent < wanted) setImmediate(step)
  else setTimeout(step, STEP_MS)
}

/** The first device carries the time at which its report was published. */
function stamp() {
  paid[0] = BigInt(Date.now())
  publishDevice(0)
}

const answers = {
  start: () => {
    startedMs = performance.now()
    step()
    setInterval(stamp, STAMP_EVERY_MS)
  },
  sent: () => ({ sent, seconds: (performance.now() - startedMs) / 1_000, closed }),
}
process.on('message', (name) => process.send({ name, value: answers[name]?.() ?? null }))
process.on('disconnect', () => process.exit(0))
process.send({ name: 'open', value: { port } })
