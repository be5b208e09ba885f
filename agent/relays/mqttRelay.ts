/**
 * A relay behind an MQTT broker: commands go out with QoS 1, and where it tells its state it is
 * believed only when it has said so. The last will is "off": when the agent dies, the broker opens
 * the relay.
 * @module
 */
import type { Connector, Ports, Timers, Transport } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { RELAY_TIMEOUT_MS, type Relay, type RelayConfig } from './types.ts'

/** The shortest that brokers take for granted: the will follows after one and a half of it. */
const KEEPALIVE_SECONDS = 15

type Open = {
  readonly transport: Transport
  isGone: boolean
  /** What the relay said last. */
  told: string | undefined
  onTold: () => void
}

const nothing = () => {}

export function mqttRelay(
  config: RelayConfig & { kind: 'mqtt' },
  connector: Connector,
  { random, timers }: Ports,
): Relay {
  let open: Open | undefined
  let sent: string | undefined

  const connect = async (): Promise<Open> => {
    const transport = await connector({
      clientId: `tickpay-relay-${bytesToHex(random.bytes(8))}`,
      username: '',
      password: new Uint8Array(0),
      keepaliveSeconds: KEEPALIVE_SECONDS,
      will: { topic: config.commandTopic, payload: encode(config.off), retain: false },
    })
    const opened: Open = { transport, isGone: false, told: undefined, onTold: nothing }
    transport.onClose(() => {
      opened.isGone = true
      opened.onTold()
    })
    transport.onMessage((_topic, payload) => {
      opened.told = new TextDecoder().decode(payload)
      opened.onTold()
    })
    if (config.stateTopic !== undefined) await transport.subscribe([config.stateTopic])
    return opened
  }

  const current = async (): Promise<Open> => {
    if (open && !open.isGone) return open
    sent = undefined
    open = await connect()
    return open
  }

  return {
    set: async (closed) => {
      const one = await current()
      const word = closed ? config.on : config.off
      if (sent === word && (config.stateTopic === undefined || one.told === word)) return
      // A state from before the command proves nothing about the command.
      one.told = undefined
      await one.transport.publish(config.commandTopic, encode(word), { retain: false })
      sent = word
      if (config.stateTopic !== undefined) await hear(one, word, config, timers)
    },
    close: async () => {
      if (open && !open.isGone) await open.transport.close().catch(() => undefined)
    },
  }
}

/** Resolves when the relay has said `word`. */
function hear(
  one: Open,
  word: string,
  { stateTopic, url }: RelayConfig & { kind: 'mqtt' },
  timers: Timers,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      one.onTold = nothing
      cancel()
      settle()
    }
    const fail = (why: string) => end(() => reject(new OperatorError(`${url}: ${why}`)))
    const cancel = timers.after(RELAY_TIMEOUT_MS, () =>
      fail(`the relay does not say "${word}" on ${stateTopic}`),
    )
    one.onTold = () => {
      if (one.isGone) fail('the connection ended')
      else if (one.told === word) end(resolve)
    }
    one.onTold()
  })
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
