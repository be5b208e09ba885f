/**
 * A herd: a process with many agents and their meters, each agent with its own folder, session and
 * key. The cable between an agent and its meter is in memory, everything else is as in a device.
 * @module
 */
import { join } from 'node:path'
import * as v from 'valibot'
import { type Agent, startAgent } from '../../agent/agent.ts'
import { agentSchema } from '../../agent/config.ts'
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { type MeterSim, startMeterSim } from '../../firmware-sim/simulator.ts'
import type { Disk } from '../../ports/index.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { publicKeyOf, signDigest } from '../../protocol/keys.ts'
import { virtualPlug } from '../support/meterBench.ts'
import type { HerdCommand, HerdDevice, HerdQuestion, HerdView } from './herdMessages.ts'

/** What a file system writes at least. */
const BLOCK_BYTES = 4_096

type Pair = { readonly device: string; readonly agent: Agent; readonly meter: MeterSim }

const pairs: Pair[] = []
const written = { bytes: 0, writes: 0 }
const ports = nodePorts(() => {})

async function start(folder: string, { device, ...plan }: HerdDevice): Promise<Pair> {
  const plug = virtualPlug(ports)
  const own = join(folder, device)
  const meterConfig = parseMeterSimConfig({ ...plan.meter, stateFile: 'register.json' })
  const meterWorld = { openLines: plug.openLines, disk: await nodeDisk(own) }
  const meter = await startMeterSim(meterConfig, ports, meterWorld)
  const config = v.parse(agentSchema, plan.agent)
  const bytes = present(parseHex(plan.privateKey), 'hex')
  const key = { algorithm: 'p256' as const, bytes }
  const agent = await startAgent(config, {
    ports,
    connector: await brokerConnector(config.gateway, {}, key),
    openSerial: plug.openSerial,
    disk: counted(await nodeDisk(config.stateDirectory)),
    signer: { publicKey: publicKeyOf(key), sign: (digest) => signDigest(key, digest) },
    rootSecret: present(parseHex(plan.rootSecret), 'hex'),
    version: 'soak',
  })
  return { device, agent, meter }
}

/** Counts what an agent writes, each time as whole blocks. */
function counted(disk: Disk): Disk {
  const count = (bytes: Uint8Array) => {
    written.bytes += Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES
    written.writes += 1
  }
  return {
    ...disk,
    replace: (path, bytes) => {
      count(bytes)
      return disk.replace(path, bytes)
    },
    openAppend: async (path, length) => {
      const file = await disk.openAppend(path, length)
      return {
        ...file,
        append: (bytes) => {
          count(bytes)
          return file.append(bytes)
        },
      }
    },
  }
}

async function perform(command: HerdCommand): Promise<HerdView> {
  if (command.do === 'start') {
    for (const device of command.devices) pairs.push(await start(command.folder, device))
  } else if (command.do === 'fault') {
    await pairs[command.place % pairs.length]?.meter.command(command.command)
  } else if (command.do === 'close') {
    await Promise.all(pairs.map(({ agent }) => agent.close()))
    await Promise.all(pairs.map(({ meter }) => meter.close()))
  }
  return look()
}

function look(): HerdView {
  const devices = pairs.map(({ device, agent }) => {
    const { connection, meters } = agent.status()
    const [meter] = meters
    return {
      device,
      isOnline: connection === 'online',
      relayClosed: meter?.relayClosed === true,
      units: meter?.units ?? null,
      unitsPaid: meter?.unitsPaid ?? null,
    }
  })
  return { devices, writtenBytes: written.bytes, writes: written.writes }
}

process.on('message', ({ id, command }: HerdQuestion) => {
  perform(command).then(
    (view) => process.send?.({ id, view }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
