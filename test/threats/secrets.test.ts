/**
 * Threats to what has to stay secret: words and keys that repeat, comparisons that tell by their
 * time how much of a guess was right, logs that say too much.
 */
import { describe, expect, test } from 'vitest'
import { createMarks } from '../../gateway/marks.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, equalSecrets } from '../../protocol/bytes.ts'
import { buildChain } from '../../protocol/chain.ts'
import { channelStructure, digestOf } from '../../protocol/structures.ts'
import { channel, counting, domain, life, rootSecret, termsOf } from '../support/fixtures.ts'
import { checkpointOf, openScene } from '../support/gatewayScene.ts'
import { tickOf } from '../support/scriptedDevice.ts'
import { gatewayKey, signerKey, testKey } from '../support/virtualGateway.ts'

describe('T15: words of different commitments', () => {
  test('no two of 20,000 roots are the same, be the terms ever so near', () => {
    const roots = new Set<string>()
    for (let step = 0; step < 5_000; step++) {
      const variants = [
        { epoch: step + 1 },
        { startReading: BigInt(step) },
        { base: BigInt(step) + 1n },
        { issuedAt: step },
      ]
      for (const change of variants) {
        roots.add(bytesToHex(buildChain(rootSecret, termsOf({ length: 1, ...change })).root))
      }
    }
    expect(roots.size).toBe(20_000)
  })

  test('another secret, another chain; the same secret and terms again, the same', () => {
    const rootOf = (secret: Uint8Array) => buildChain(secret, termsOf({ length: 3 })).root
    expect(rootOf(counting(1))).not.toEqual(rootOf(counting(2)))
    // A device that reboots a thousand times makes the same words and no new ones.
    expect(rootOf(counting(1))).toEqual(rootOf(counting(1)))
  })
})

describe('T16: secrets are compared', () => {
  /** Counts what is read of `bytes`. */
  function watched(bytes: Uint8Array): { readonly seen: Uint8Array; readonly reads: () => number } {
    let reads = 0
    const seen = new Proxy(bytes, {
      get: (target, name) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) reads++
        return Reflect.get(target, name)
      },
    })
    return { seen, reads: () => reads }
  }

  test('by looking at every byte, wherever they differ', () => {
    const secret = counting(1)
    for (let place = 0; place < secret.length; place++) {
      const guess = secret.map((byte, at) => (at === place ? byte ^ 1 : byte))
      const { seen, reads } = watched(guess)
      expect(equalSecrets(secret, seen)).toBe(false)
      expect(reads()).toBe(secret.length)
    }
    expect(equalSecrets(secret, secret.slice())).toBe(true)
    expect(equalSecrets(secret, secret.slice(1))).toBe(false)
  })

  test('so is the seal of a mark that a device returns', () => {
    const marks = createMarks(gatewayKey, life)
    const mark = marks.at(7)
    for (let place = 0; place < mark.seal.length; place++) {
      const { seen, reads } = watched(mark.seal.map((byte, at) => (at === place ? byte ^ 1 : byte)))
      expect(marks.isOurs({ ...mark, seal: seen })).toBe(false)
      expect(reads()).toBe(mark.seal.length)
    }
    expect(marks.isOurs(mark)).toBe(true)
  })
})

describe('T73: ids of channels', () => {
  test('two channels of one device have nothing in common but what is in them', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1', { units: ['Wh', 'Wh'] })
    const { cold } = scene.world.gateway.core.state
    const salts = device.channelIds.map((_, number) =>
      bytesToHex(cold.channel(number).channel.salt),
    )
    expect(new Set(salts).size).toBe(2)
    expect(salts.every((salt) => /^(?!0{16})[0-9a-f]{64}$/.test(salt))).toBe(true)
  })

  test('the same meter at another gateway, or with another salt, has an unrelated id', () => {
    const idOf = (change: Partial<typeof channel>) =>
      bytesToHex(digestOf(domain, channelStructure, { ...channel, ...change }))
    const ids = [{}, { gateway: 'gateway-2' }, { salt: counting(0x11) }].map(idOf)
    expect(new Set(ids.map((id) => id.slice(0, 8))).size).toBe(3)
  })
})

describe('T74: logs', () => {
  test('a message is one line of JSON, whatever a peer put into it', () => {
    const lines: string[] = []
    const log = jsonLog('debug', { write: (line) => lines.push(line) })
    const evil = 'a\n{"level":"info","message":"paid"}\r\u2028\u0000\u001b[31m'
    log('warn', evil, { device: evil, [evil]: evil })
    expect(lines).toHaveLength(1)
    const controls = [...(lines[0] ?? '')].filter((one) => one < ' ')
    expect(controls).toEqual(['\n'])
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', message: evil, device: evil })
  })

  test('an error for an operator is one line, whatever it quotes', () => {
    const { message } = new OperatorError('no "a\r\nb\u2028c\u001b[31m" here')
    expect(message).toBe('no "a  b c [31m" here')
  })

  test('of a gateway that refuses everything hold no key, no word and no password', async () => {
    const scene = await openScene()
    const key = testKey('p256', 77)
    const device = await scene.device('ev-1', { key })
    const committed = await device.commit()
    const password = 'canary-password-0123456789'
    const made = await scene.call('credential_add', {
      fleet: 'acme',
      name: 'desk',
      rights: ['read'],
    })
    for (let round = 0; round < 4; round++) {
      if (device.client.received.closed) await device.reconnect()
      await device.sendTicks({ ...tickOf(committed, 3), word: counting(round) })
      await device.sendCommitment({
        ...device.commitment(checkpointOf(committed, 1)).commitment,
        signature: counting(round, 64),
      })
    }
    await device.sendTicks(tickOf(committed, 3))
    await device.reconnect(createMarks(gatewayKey, counting(5, 16)).at(1_000))
    await scene.call('no_such_verb', { password }).catch(() => {})
    expect(scene.world.logs.length).toBeGreaterThan(0)
    const text = scene.world.logs.join('\n')
    const secrets = [key.bytes, gatewayKey.bytes, signerKey.bytes, device.identity.rootSecret]
    const words = [committed.chain.wordAt(3), committed.chain.wordAt(100)]
    for (const secret of [...secrets, ...words]) {
      expect(text).not.toContain(bytesToHex(secret).slice(0, 24))
      expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(0, 24))
    }
    expect(text).not.toContain(password)
    const answered = (made as { readonly password: string }).password
    expect(answered.length).toBeGreaterThan(20)
    expect(text).not.toContain(answered)
  })
})
