/**
 * The site of a soak: a real gateway on a small file system of its own, herds of agents with their
 * meters, and a proxy in between.
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collectedEnvironment } from '../../bench/collections.ts'
import { packagedEnvironment } from '../../bench/packaged.ts'
import { enrol, signFirstMandates } from '../../cli/enrolment.ts'
import { connectControl } from '../../cli/io/controlClient.ts'
import { newKeyFiles } from '../../cli/io/keyFiles.ts'
import { createKeyPair } from '../../ports/io/keyFile.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { freePort } from '../support/freePort.ts'
import type { Program } from '../support/siteProgram.ts'
import { openProxy } from '../support/siteProxy.ts'
import {
  agentSettings,
  enrolFleet,
  meterSettings,
  place,
  type RealDevice,
  writeJson,
} from '../support/siteReal.ts'
import { smallDisk } from '../support/smallDisk.ts'
import type { SoakSite } from './faults.ts'
import type { HerdDevice } from './herdMessages.ts'
import { herdProcess } from './herdProcess.ts'

/** Room for the databases, two snapshots and two segments of the journal. */
const DISK_KIB = 384 * 1_024
const FLEET = 'acme'
const LIMIT = '1000000000'
/** Some 4,000 ticks: chains are short, and nobody's share of the deposit is ever less. */
const LIMIT_PER_DAY = '6000000'

/** Bundles that the processes of a soak run. */
export type SoakFiles = { readonly herd: string; readonly collector: string }

export type OpenSoakSite = SoakSite & {
  readonly folder: string
  /** What the gateway says of itself after a collection. */
  readonly collectedFile: string
  readonly config: string
  readonly devices: readonly RealDevice[]
  readonly remove: () => Promise<void>
}

/** All file systems are in memory, where SIGKILL loses nothing. */
export async function openSoakSite(
  program: Program,
  files: SoakFiles,
  count: number,
  herds: number,
): Promise<OpenSoakSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-soak-'))
  const diskFolder = join(folder, 'disk')
  const disk = smallDisk(diskFolder, DISK_KIB)
  const agentsDisk = smallDisk(join(folder, 'agents'), DISK_KIB)
  const port = await freePort()
  const proxy = await openProxy(port)
  const devices = Array.from({ length: count }, (_, number) => deviceOf(number))
  const config = join(folder, 'gateway.yaml')
  const passphraseFile = join(folder, 'pass')
  writeJson(config, gatewaySettings(folder, diskFolder, port))
  await newKeyFiles(join(folder, 'gateway.key'), 'p256', passphraseFile)
  const collectedFile = join(folder, 'collected.json')
  const gateway = place(program, 'gateway', ['gateway', '--config', config], {
    ...packagedEnvironment,
    ...collectedEnvironment(files.collector, collectedFile),
  })
  await gateway.start()
  const plans = await enrolAll(folder, diskFolder, devices, proxy.port)
  const devicesEach = Math.ceil(count / herds)
  const own = join(folder, 'agents')
  const processes = Array.from({ length: herds }, (_, number) => {
    const some = plans.slice(number * devicesEach, (number + 1) * devicesEach)
    return herdProcess(files.herd, own, some)
  })
  for (const herd of processes) await herd.start()
  return {
    folder,
    collectedFile,
    config,
    devices,
    gateway,
    herds: processes,
    proxy,
    diskFolder,
    devicesEach,
    remove: async () => {
      await Promise.all([...processes.map(({ kill }) => kill()), gateway.kill()])
      await proxy.close()
      disk.remove()
      agentsDisk.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function deviceOf(number: number): RealDevice {
  return {
    device: `d-${number}`,
    kind: 'firmware-link',
    line: 'tcp',
    unit: 'Wh',
    unitsPerTick: 5n,
    pricePerTick: 1_500n,
    creditTicks: 24,
    unitsPerSecond: 1,
    pollMs: 1_000,
    initialRegister: BigInt(1_000 * number),
  }
}

function gatewaySettings(folder: string, diskFolder: string, port: number) {
  return {
    gateway: 'gw-1',
    data: join(diskFolder, 'data'),
    key: { file: join(folder, 'gateway.key'), passphraseFile: join(folder, 'pass') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints: 100,
    listeners: [{ kind: 'tcp', host: '127.0.0.1', port }],
    tariffs: [{ unit: 'Wh', unitsPerTick: '5', pricePerTick: '1500', creditTicks: 24 }],
    settlement: { periodSeconds: 60 },
    log: 'warn',
  }
}

async function enrolAll(
  folder: string,
  diskFolder: string,
  devices: readonly RealDevice[],
  port: number,
): Promise<readonly HerdDevice[]> {
  const socket = join(diskFolder, 'data', 'control.sock')
  const calls = present(await connectControl(socket), 'the gateway answers')
  const signer = await enrolFleet(calls, folder, join(folder, 'pass'))
  const plans: HerdDevice[] = []
  for (const device of devices) {
    const own = join(folder, 'agents', device.device)
    mkdirSync(own)
    const { privateKey, publicKey, rootSecret } = createKeyPair('p256')
    const answer = await enrol(calls, {
      fleet: FLEET,
      device: device.device,
      publicKey: formatPublicKey(publicKey),
      meters: [{ meter: 'main', unit: device.unit }],
    })
    const terms = { limit: LIMIT, limitPerDay: LIMIT_PER_DAY, life: 'unattended' } as const
    await signFirstMandates(calls, answer, FLEET, signer.privateKey, terms)
    const line = `serial:///dev/${device.device}`
    const agent = agentSettings(own, device, answer, port, `${line}?baud=9600`)
    plans.push({
      device: device.device,
      agent,
      meter: meterSettings(join(folder, 'agents'), device, line),
      privateKey: bytesToHex(privateKey.bytes),
      rootSecret: bytesToHex(rootSecret),
    })
  }
  await calls.close()
  return plans
}
