/**
 * How somebody takes part in a demo that runs: where its dashboard is, a credential, and what to
 * type to pause a device.
 * @module
 */
import { demoDevices, demoFleet } from './plan.ts'

export const demoPerson = 'you'

export type Access = {
  /** URL of the page. */
  readonly dashboard: string
  /** Port on 127.0.0.1. */
  readonly brokerPort: number
  readonly username: string
  readonly password: string
}

/** The same for a shell, to be read with `.`; nothing in it needs quotes. */
export function accessText(access: Access): string {
  const { dashboard, brokerPort, username, password } = access
  const values = { dashboard, broker_port: brokerPort, username, password }
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** What a person is told, narrow enough for any screen. */
export function accessLines({
  dashboard,
  brokerPort,
  username,
  password,
}: Access): readonly string[] {
  const request = JSON.stringify({ transaction: '1', device: demoDevices[0]?.device })
  return [
    '',
    `dashboard  ${dashboard}`,
    `sign in    ${username}   password ${password}`,
    '',
    'pause the charger from another terminal (resume it with /resume instead of /pause):',
    `  mosquitto_pub -q 1 -h 127.0.0.1 -p ${brokerPort} \\`,
    `    -u ${username} -P ${password} \\`,
    `    -t tickpay/1/${demoFleet}/_/request/pause \\`,
    `    -m '${request}'`,
    '',
  ]
}
