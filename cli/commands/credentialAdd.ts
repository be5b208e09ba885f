/**
 * `tickpay credential add`
 * @module
 */
import { credentialAnswer, readAnswer } from '../answers.ts'
import { defineCommand, flag, jsonOption, needed } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Gives a person or a tool an MQTT user name and password',
  details: [
    'For mosquitto_sub, Node-RED, Home Assistant and the like. It may read what concerns its',
    'fleet; with --supply it may also pause and resume devices, with --command bring what the',
    'fleet has signed. By itself it can do nothing about money. The password is shown once and',
    'kept as a hash.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'what it may see'),
    name: needed('NAME', 'what it is called, for example "dashboard"'),
    supply: flag('may pause and resume devices'),
    command: flag('may bring what the fleet has signed: see "tickpay fleet sign"'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay credential add --fleet acme --name dashboard'],
  run: async ({ fleet, name, supply, command, json, ...place }, terminal) => {
    const rights = ['read', ...(supply ? ['supply'] : []), ...(command ? ['command'] : [])]
    const data = await withGateway(place, terminal, ({ call }) =>
      call('credential_add', { fleet, name, rights }),
    )
    const { username, password } = readAnswer(credentialAnswer, data)
    if (json) {
      terminal.out(jsonText({ username, password }))
    } else {
      terminal.out(`username ${username}`)
      terminal.out(`password ${password}`)
      terminal.error('the password cannot be shown again')
    }
    return exitCodes.ok
  },
})
