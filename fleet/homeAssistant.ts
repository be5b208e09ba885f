/**
 * What Home Assistant is told of a fleet's devices: its discovery in the device form, and values.
 * Pure. (home-assistant.io/integrations/mqtt, "Device discovery")
 * @module
 */
import type { ChannelReport, DeviceReport } from './reports.ts'

export type HomeAssistantMessage = { readonly topic: string; readonly value: unknown }

/** Where the values are: a root of our own on the person's broker. */
const ROOT = 'tickpay-home'

export function stateTopic(fleet: string, device: string): string {
  return `${ROOT}/${fleet}/${device}/state`
}

export function switchTopic(fleet: string, device: string): string {
  return `${ROOT}/${fleet}/${device}/supply/set`
}

export function availabilityTopic(fleet: string, device: string): string {
  return `${ROOT}/${fleet}/${device}/available`
}

/** The bridge itself: its last will, so that nothing looks alive that nobody follows. */
export function bridgeTopic(fleet: string): string {
  return `${ROOT}/${fleet}/available`
}

/** The device of a switch's topic; undefined when it is none of this fleet. */
export function switchedDevice(fleet: string, topic: string): string | undefined {
  const [root, name, device, ...rest] = topic.split('/')
  const isOurs = root === ROOT && name === fleet && rest.join('/') === 'supply/set'
  return isOurs ? device : undefined
}

export function discoveryTopic(prefix: string, fleet: string, device: string): string {
  return `${prefix}/device/tickpay-${fleet}-${device}/config`
}

const unitSensors: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Wh: { device_class: 'energy', unit_of_measurement: 'Wh' },
  mL: { device_class: 'water', unit_of_measurement: 'mL' },
  s: { device_class: 'duration', unit_of_measurement: 's' },
  kB: { device_class: 'data_size', unit_of_measurement: 'kB' },
}

/** Sensors for units and money of every open channel, and one switch for supply. */
export function discoveryOf(fleet: string, report: DeviceReport, version: string): unknown {
  const { device } = report
  const id = `tickpay-${fleet}-${device}`
  const components: Record<string, unknown> = {
    supply: {
      platform: 'switch',
      name: 'Supply',
      unique_id: `${id}-supply`,
      command_topic: switchTopic(fleet, device),
      value_template: '{{ value_json.supply }}',
    },
  }
  for (const channel of openChannels(report)) {
    const { asset, meter, unit } = channel
    const total = { platform: 'sensor', state_class: 'total_increasing' }
    components[`${meter}-units`] = {
      ...total,
      ...unitSensors[unit],
      name: `${meter} paid`,
      unique_id: `${id}-${meter}-units`,
      value_template: `{{ value_json.meters['${meter}'].units }}`,
    }
    components[`${meter}-spent`] = {
      platform: 'sensor',
      state_class: 'total',
      device_class: 'monetary',
      unit_of_measurement: asset.code,
      name: `${meter} spent`,
      unique_id: `${id}-${meter}-spent`,
      value_template: `{{ value_json.meters['${meter}'].spent }}`,
    }
  }
  return {
    device: { identifiers: [id], name: `${fleet} ${device}`, manufacturer: 'Tickpay' },
    origin: { name: 'tickpay', sw_version: version },
    state_topic: stateTopic(fleet, device),
    availability: [{ topic: bridgeTopic(fleet) }, { topic: availabilityTopic(fleet, device) }],
    availability_mode: 'all',
    qos: 1,
    components,
  }
}

/** The values of a device; money as a decimal number in text, exact. */
export function valuesOf(report: DeviceReport): unknown {
  const channels = openChannels(report)
  const isPaused = channels.some(({ reason }) => reason === 'paused')
  const meters = channels.map(
    (one) => [one.meter, { units: String(one.unitsPaid), spent: moneyOf(one) }] as const,
  )
  return { supply: isPaused ? 'OFF' : 'ON', meters: Object.fromEntries(meters) }
}

function openChannels({ channels }: DeviceReport): readonly ChannelReport[] {
  return channels.filter(({ state }) => state === 'open')
}

function moneyOf({ asset, paid }: ChannelReport): string {
  const digits = String(paid).padStart(asset.scale + 1, '0')
  const whole = digits.slice(0, digits.length - asset.scale)
  return asset.scale === 0 ? whole : `${whole}.${digits.slice(-asset.scale)}`
}
