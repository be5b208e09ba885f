/**
 * Identities, topics and filters for the access rule, hostile ones among them.
 * @module
 */
import type { Action, Identity } from '../../protocol/access.ts'
import { downNames, gatewayNames, upNames } from '../../protocol/topics.ts'

export const identities: Readonly<Record<string, Identity>> = {
  device: { kind: 'device', fleet: 'harbour', device: 'charger-7' },
  staleClock: { kind: 'stale_clock', fleet: 'harbour', device: 'charger-7' },
  claimant: { kind: 'claimant', fleet: 'harbour', serial: 'sn-4711' },
  fleet: { kind: 'fleet', fleet: 'harbour' },
  reader: { kind: 'reader', fleet: 'harbour', name: 'panel', rights: ['read'] },
  supplier: { kind: 'reader', fleet: 'harbour', name: 'switch', rights: ['supply'] },
  both: { kind: 'reader', fleet: 'harbour', name: 'desk', rights: ['read', 'supply'] },
  bearer: { kind: 'reader', fleet: 'harbour', name: 'pipe', rights: ['command'] },
  noRights: { kind: 'reader', fleet: 'harbour', name: 'revoked', rights: [] },
}
export const actions: readonly Action[] = ['publish', 'subscribe', 'receive']

const fleets = ['harbour', 'harbour-2', 'h']
const devices = ['charger-7', 'charger-70', 'charger']
const verbs = ['list', 'get', 'policy', 'export', 'pause', 'resume', 'limit', 'command', 'x']

const deviceTopics = fleets.flatMap((fleet) =>
  devices.flatMap((device) => {
    const prefix = `tickpay/1/${fleet}/${device}`
    const names = [
      ...upNames.map((name) => `up/${name}`),
      ...downNames.map((name) => `down/${name}`),
      'state',
    ]
    return [...names.map((name) => `${prefix}/${name}`), `tickpay/1/${fleet}/_/devices/${device}`]
  }),
)
const fleetTopics = fleets.flatMap((fleet) => [
  ...['status', 'event', 'statement'].map((name) => `tickpay/1/${fleet}/_/${name}`),
  ...verbs.flatMap((verb) => [
    `tickpay/1/${fleet}/_/request/${verb}`,
    `tickpay/1/${fleet}/_/response/${verb}`,
  ]),
])
const enrolmentTopics = fleets.flatMap((fleet) =>
  ['enrol', 'enrolled'].flatMap((name) =>
    ['sn-4711', 'sn-47110', 'charger-7', '+', '#', '_', ''].map(
      (serial) => `tickpay/1/${fleet}/_/${name}/${serial}`,
    ),
  ),
)
const gatewayTopics = ['gateway-1', 'gateway-2'].flatMap((gateway) =>
  gatewayNames.map((name) => `tickpay/1/_gateway/${gateway}/${name}`),
)

const own = 'tickpay/1/harbour/charger-7'
const filters = [
  '#',
  '+',
  '+/#',
  '/#',
  'tickpay/#',
  'tickpay/+/harbour/#',
  'tickpay/1/#',
  'tickpay/1/+',
  'tickpay/1/+/#',
  'tickpay/1/+/charger-7/down/+',
  'tickpay/1/+/_/status',
  'tickpay/1/harbour/#',
  'tickpay/1/harbour/+/state',
  'tickpay/1/harbour/+/up/tick',
  'tickpay/1/harbour/+/down/+',
  'tickpay/1/harbour/_/#',
  'tickpay/1/harbour/_/devices/+',
  'tickpay/1/harbour/_/response/+',
  'tickpay/1/harbour/#/state',
  'tickpay/1/harbour/a#',
  'tickpay/1/harbour/+a/state',
  'tickpay/1/harbour/a+',
  'tickpay/1/harbour/##',
  'tickpay/1/harbour/++',
  'tickpay/1/harbour',
  'tickpay/1/harbour/',
  'tickpay/1/harbour#',
  'tickpay/1/harbour+/#',
  'tickpay/1/_gateway/#',
  'tickpay/1/_gateway/+/tariff',
  'tickpay/1/_gateway',
  'tickpay/1/_gateway2/#',
  `${own}/#`,
  `${own}/+`,
  `${own}/up/+`,
  `${own}/up/#`,
  `${own}/down/+`,
  `${own}/down/#`,
  `${own}/+/+`,
  `${own}/+/welcome`,
  'tickpay/1/harbour/charger-70/down/+',
  'tickpay/1/harbour/+/down/ack',
]
const hostile = [
  '',
  '/',
  '//',
  'tickpay',
  'tickpay/1',
  'tickpay/1/',
  '/tickpay/1/harbour/charger-7/up/tick',
  'tickpay/2/harbour/charger-7/up/tick',
  'tickpay/01/harbour/charger-7/up/tick',
  'Tickpay/1/harbour/charger-7/up/tick',
  'tickpay/1/harbour/charger-7/up',
  `${own}/up/`,
  `${own}/up/tick/`,
  `${own}/up/tick/x`,
  `${own}/up/ticks`,
  `${own}/up/ack`,
  `${own}/down/tick`,
  `${own}/UP/tick`,
  `${own}/up/tick `,
  ` ${own}/up/tick`,
  `${own}/up/tick\u0000`,
  `${own}/up/tick\n`,
  `${own}//up/tick`,
  `${own}/./up/tick`,
  `${own}/../charger-70/up/tick`,
  `${own}/state/`,
  `${own}/state/x`,
  'tickpay/1/harbour//up/tick',
  'tickpay/1//charger-7/up/tick',
  'tickpay/1/harbour/-charger/up/tick',
  'tickpay/1/harbour/_charger/up/tick',
  'tickpay/1/harbour/_/up/tick',
  'tickpay/1/harbour/_/down/welcome',
  'tickpay/1/harbour/_/state',
  'tickpay/1/harbour/_/status/',
  'tickpay/1/harbour/_/statuses',
  'tickpay/1/harbour/_/request/',
  'tickpay/1/harbour/_/request/Pause',
  'tickpay/1/harbour/_/request/pause/x',
  'tickpay/1/harbour/_/request/+',
  'tickpay/1/harbour/_/devices/_',
  'tickpay/1/harbour/_/devices',
  'tickpay/1/_gateway/gateway-1/state/',
  'tickpay/1/_gateway/gateway-1/state/x',
  'tickpay/1/_gateway/gateway-1',
  'tickpay/1/_gateway/_/state',
  'tickpay/1/_gateway//state',
  'tickpay/1/_/_/status',
  'tickpay/1/harbоur/charger-7/up/tick',
  'tickpay/1/hárbour/_/status',
  'tickpay/1/harbour/charger-７/up/tick',
  'tickpay/1/harbour/\u202echarger-7/up/tick',
  'tickpay/1/harbour/😀/up/tick',
  '$SYS/#',
  '$SYS/broker/uptime',
  '$share/group/tickpay/1/harbour/#',
  `$share/group/${own}/down/+`,
  '$share/group/#',
  '$queue/tickpay/1/harbour/#',
  'spBv1.0/harbour/NBIRTH/charger-7',
  `tickpay/1/harbour/${'a'.repeat(48)}/up/tick`,
  `tickpay/1/harbour/${'a'.repeat(49)}/up/tick`,
  `tickpay/1/harbour/_/request/${'a'.repeat(49)}`,
  `tickpay/1/harbour/${'a'.repeat(110)}`,
  `tickpay/1/harbour/${'a'.repeat(111)}`,
  'tickpay/1/harbour/a/b/c/d/e',
  'tickpay/1/harbour/a/b/c/d/e/f',
  'tickpay/1/harbour/a/b/c/d/e/#',
  `tickpay/1/harbour${'/+'.repeat(5)}`,
  `tickpay/1/harbour${'/+'.repeat(6)}`,
]

export const topics: readonly string[] = [
  ...new Set([
    ...deviceTopics,
    ...fleetTopics,
    ...enrolmentTopics,
    ...gatewayTopics,
    ...filters,
    ...hostile,
  ]),
]
