/**
 * How somebody takes part in a demo that runs: where its dashboard is, who may act there, and
 * what to type to pause a device.
 * @module
 */
import { codeAt } from '../../gateway/operators/oneTimeCode.ts'
import { demoDevices, demoFleet } from './plan.ts'

/** Who acts on the page, and what the tools of a terminal log in as. */
export const demoPerson = 'you'
export const demoTool = 'tool'

export type Access = {
  /** URL of the page. */
  readonly dashboard: string
  /** Port on 127.0.0.1. */
  readonly brokerPort: number
  readonly tool: { readonly username: string; readonly password: string }
  readonly operator: {
    readonly username: string
    readonly password: string
    /** Of the one-time codes, in base32. */
    readonly secret: string
  }
}

/** The same for a shell, to be read with `.`; nothing in it needs quotes. */
export function accessText({ dashboard, brokerPort, tool, operator }: Access): string {
  const values = {
    dashboard,
    broker_port: brokerPort,
    username: tool.username,
    password: tool.password,
    operator: operator.username,
    operator_password: operator.password,
    operator_secret: operator.secret,
  }
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** What the page asks for before it pauses a device, at `nowMs`. */
export function codeText({ operator }: Access, nowMs: number): string {
  return `one-time code ${codeAt(operator.secret, nowMs)}`
}

/** What a person is told, narrow enough for any screen. */
export function accessLines({ dashboard, brokerPort, tool, operator }: Access): readonly string[] {
  const request = JSON.stringify({ transaction: '1', device: demoDevices[0]?.device })
  return [
    '',
    `dashboard  ${dashboard}`,
    `sign in    ${operator.username}   password ${operator.password}`,
    '           (its buttons ask for the one-time code, shown below)',
    '',
    'pause the charger from another terminal (resume it with /resume instead of /pause):',
    `  mosquitto_pub -q 1 -h 127.0.0.1 -p ${brokerPort} \\`,
    `    -u ${tool.username} -P ${tool.password} \\`,
    `    -t tickpay/1/${demoFleet}/_/request/pause \\`,
    `    -m '${request}'`,
    '',
  ]
}
