/**
 * The text of docs/topics.md: what is said once, and the table of verbs as it is.
 * @module
 */
import { argumentTexts, type FleetVerb, fleetVerbs } from '../../gateway/verbs/table.ts'
import { commandReasons } from '../../protocol/reasons.ts'

const opening = `# The topics of a fleet

Any MQTT 3.1.1 client works: mosquitto_pub and mosquitto_sub, Paho, Node-RED. All of this is JSON; amounts and units are
decimal strings, amounts in minor units of the asset; times are seconds since 1970. Topics of devices: protocol.md, section 12.

| topic | retained | what |
|---|---|---|
| \`tickpay/1/{fleet}/_/devices/{device}\` | yes | what the gateway knows of a device: units, paid, reserved, exposure, settled, supply with its reason |
| \`tickpay/1/{fleet}/_/event\` | no | \`ordered\` (a Command was carried out), \`refused\` (a request was not, with its reason), \`deposit_announced\` |
| \`tickpay/1/{fleet}/_/statement\` | yes | the statement that waits |
| \`tickpay/1/{fleet}/_/request/{verb}\` | no | a request: \`{"transaction": "any text", ...arguments}\` |
| \`tickpay/1/{fleet}/_/response/{verb}\` | no | \`{"transaction", "status": "ok", "data"}\` or \`{"transaction", "status": "error", "reason", "error"}\` |

## Who may ask what

A person's tool logs in with a credential (\`tickpay credential add\`) that carries rights: \`read\`; \`supply\`, to pause and
resume, not more than 20 times at once and once in 2 s after that, each of them logged; \`command\`, to hand in what the
fleet has signed. None of them is enough for money, limits or keys: these need a *Command*, signed by the fleet's signer key
for this gateway, this ledger, one verb, one scope and these very arguments. It counts once, and for 24 h at most.

\`\`\`sh
tickpay fleet sign limit --config fleet.yaml --group depot --arg per-day=5000000 |
  mosquitto_pub -h gateway -u pipe@acme -P PASSWORD -t tickpay/1/acme/_/request/limit -s
\`\`\`

Such a request carries \`command\`, hex of the CBOR of the signed Command, and \`arguments\`, the JSON text that it was signed for.
\`tickpay fleet limit --config fleet.yaml --group depot --per-day 5000000\` does both at once and shows the answer. A Command for
the scope \`fleet\` may name a part of it; one for \`device:ID\`, \`group:ID\` or \`site:ID\` reaches that part alone. A request with
\`"dry_run": true\` says how many devices and channels it touches, changes nothing and needs no Command.

Refusals, in the order in which they are looked for:

`

const policies = `
## What is ordered for a part of a fleet

A device is in one group and at one site at most (\`assign\`). A pause, limits and price ceilings may be set for a device, a
group, a site and the fleet; all that concern a device hold. They are in the gateway's journal and so outlive its restarts.
They act on supply, never on the acceptance of a word: what was used is paid. A device is told on \`down/supply\` with the
reason (\`paused\`, \`over_limit\`, \`price_ceiling\`) and on each ack, and opens its relay. Limits count what the gateway accepted
since the minute, hour, day or month (UTC) began, from when they were set on; supply of a channel ends when one credit window of it
more would pass the limit, so that a group may exceed its limit by the credit windows of its other channels at most, and by what
is paid within a second.

## Verbs

`

const needs: Readonly<Record<FleetVerb['right'], string>> = {
  read: 'right `read`',
  supply: 'right `supply`, or a Command',
  command: 'a Command',
  own_signature: 'nothing: its arguments are signed',
}

export function topicsPage(): string {
  const verbs = Object.entries(fleetVerbs).map(([name, verb]) => verbText(name, verb))
  const reasons = commandReasons.map((one) => `\`${one}\``).join(', ')
  return `${opening}${reasons}.\n${policies}${verbs.join('\n')}`
}

function verbText(name: string, verb: FleetVerb): string {
  const rows = Object.entries(verb.entries).map(([key, schema]) => {
    const isNeeded = schema.type !== 'optional'
    return `| \`${key}\` | ${isNeeded ? 'needed' : ''} | ${argumentTexts[key]?.[1] ?? ''} |`
  })
  const table = rows.length === 0 ? [] : ['| argument | | |', '|---|---|---|', ...rows, '']
  const lines = [
    `### ${name}`,
    '',
    `${verb.about}. Needs ${needs[verb.right]}. Answers ${verb.answer}.`,
  ]
  return [...lines, '', ...table].join('\n')
}
