/**
 * What the demo consists of: three devices with their meters, a price for each, and the files that
 * the separate programs read.
 * @module
 */
import { stringify } from 'yaml'
import type { Asset } from '../../protocol/amount.ts'
import type { DeviceAnswer } from '../answers.ts'

export type DemoDevice = {
  readonly device: string
  readonly kind: 'sdm630' | 'firmware-link'
  readonly profile: 'ev' | 'water' | 'data'
  readonly unit: 'Wh' | 'mL' | 'kB'
  /** How much faster than life: a charging car would be dull to watch. */
  readonly speed: number
  readonly seed: number
  readonly baudRate: number
  /** What the meter shows before the demo. */
  readonly initialRegister: bigint
  readonly unitsPerTick: bigint
  /** Minor units: 0.30 EUR a kWh, 4 EUR a cubic metre, 2 EUR a gigabyte. */
  readonly pricePerTick: bigint
}

export const demoAsset: Asset = { code: 'EUR', scale: 6 }
export const demoFleet = 'demo-fleet'
export const demoGateway = 'demo-gateway'
export const demoMeter = 'main'
const settlementSeconds = 5
/** Time for the fleet's service; it answers within a second. */
const cosignSeconds = 20

export const demoDevices: readonly DemoDevice[] = [
  {
    device: 'ev-charger',
    kind: 'sdm630',
    profile: 'ev',
    unit: 'Wh',
    speed: 6,
    seed: 4,
    baudRate: 9_600,
    initialRegister: 1_204_000n,
    unitsPerTick: 5n,
    pricePerTick: 1_500n,
  },
  {
    device: 'water-meter',
    kind: 'firmware-link',
    profile: 'water',
    unit: 'mL',
    speed: 15,
    seed: 207,
    baudRate: 115_200,
    initialRegister: 88_000n,
    unitsPerTick: 250n,
    pricePerTick: 1_000n,
  },
  {
    device: 'data-link',
    kind: 'firmware-link',
    profile: 'data',
    unit: 'kB',
    speed: 3,
    seed: 155,
    baudRate: 115_200,
    initialRegister: 0n,
    unitsPerTick: 1_000n,
    pricePerTick: 2_000n,
  },
]

/** What each device may owe in all, and what the fleet sets aside for the three. */
export const demoLimit = 100_000_000n
export const demoDeposit = 1_000_000_000n

/** By statements that the fleet co-signs, or by the evidence of each channel alone. */
export type Settling = 'statements' | 'evidence'

/** fleet.yaml of the demo: the fleet's own service, which co-signs. */
export function fleetYaml(folder: string, answer: DeviceAnswer, url: string): string {
  const { gateway, ledger } = answer
  return yaml({
    fleet: demoFleet,
    gateway: { ...gateway, url },
    ledger: { chainId: Number(ledger.chainId), contract: ledger.contract },
    key: keyIn(folder, `${folder}/fleet.key`),
    // The first mandates last for a month; the service only co-signs.
    policy: { devices: Object.fromEntries(demoDevices.map(({ device }) => [device, 'none'])) },
    statements: {
      data: `${folder}/fleet`,
      // Devices tell their readings every ten seconds: what flows meanwhile, and some more.
      toleranceUnits: { Wh: 500, mL: 20_000, kB: 100_000 },
      toleranceAmount: 500_000,
    },
    log: 'info',
  })
}

/** gateway.yaml of the demo, with paths below `folder`. */
export function gatewayYaml(folder: string, settling: Settling): string {
  return yaml({
    gateway: demoGateway,
    data: `${folder}/data`,
    key: keyIn(folder, `${folder}/gateway.key`),
    payee: 'demo-operator',
    asset: demoAsset,
    feeBasisPoints: 100,
    listeners: [
      { kind: 'tcp', host: '127.0.0.1', port: 0 },
      { kind: 'ws', host: '127.0.0.1', port: 0, roles: ['reader'] },
    ],
    tariffs: demoDevices.map(({ unit, unitsPerTick, pricePerTick }) => {
      return { unit, unitsPerTick, pricePerTick }
    }),
    settlement: {
      periodSeconds: settlementSeconds,
      cosignSeconds: settling === 'statements' ? cosignSeconds : 0,
    },
    reportSeconds: 1,
    // Its meters run faster than life, so what is impossible begins later.
    fraud: {
      rules: {
        velocity: { ticks: 3_000 },
        impossible_power: { whPerSecond: 150, mlPerSecond: 45_000 },
      },
    },
    log: 'warn',
  })
}

/** agent.yaml of one device of the demo. */
export function agentYaml(
  folder: string,
  plan: DemoDevice,
  { answer, url, source }: { answer: DeviceAnswer; url: string; source: string },
): string {
  const own = deviceFolder(folder, plan)
  const { gateway, ledger } = answer
  return yaml({
    fleet: demoFleet,
    device: plan.device,
    gateway: { ...gateway, url },
    ledger: { chainId: Number(ledger.chainId), contract: ledger.contract },
    key: keyIn(folder, `${own}/device.key`),
    stateDirectory: `${own}/state`,
    meters: [{ name: demoMeter, unit: plan.unit, driver: plan.kind, source }],
    logLevel: 'warn',
  })
}

/** One passphrase file serves all keys of the demo. */
export function passphrase(folder: string): string {
  return `${folder}/demo.pass`
}

function keyIn(folder: string, file: string) {
  return { file, passphraseFile: passphrase(folder) }
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 })
}

/** Where the files of one device are. */
export function deviceFolder(folder: string, { device }: DemoDevice): string {
  return `${folder}/${device}`
}

/** Options of the simulated meter, as its configuration file holds them. */
export function meterOptions(folder: string, plan: DemoDevice, line: string) {
  const { device, kind, profile, speed, seed, initialRegister } = plan
  return {
    name: device,
    kind,
    line,
    profile,
    speed,
    seed,
    initialRegister: `${initialRegister}`,
    stateFile: `${deviceFolder(folder, plan)}/register.json`,
  }
}

/** `30s`, `5m` or plain seconds; undefined when it is no duration above 0. */
export function readDuration(typed: string): number | undefined {
  const match = /^([1-9][0-9]{0,6})(s|m|h)?$/.exec(typed)
  if (match === null) return undefined
  const secondsOf = { s: 1, m: 60, h: 3_600 } as const
  const [, count, unit = 's'] = match
  return Number(count) * secondsOf[unit as keyof typeof secondsOf]
}
