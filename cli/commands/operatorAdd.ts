/**
 * `tickpay operator add`
 * @module
 */
import { operatorAnswer, readAnswer } from '../answers.ts'
import { argument, defineCommand, jsonOption, needed } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Lets a person act from the dashboard, with a password and one-time codes',
  details: [
    'An operator signs in at the dashboard with the password, sees one fleet, and pauses and',
    'resumes its devices after showing a code of an authenticator. Put the secret into one: by the',
    'otpauth:// address as a QR code, or by typing the text. Password and secret are shown once;',
    'the password is kept as a hash. About money, limits and keys an operator can do nothing.',
    '',
    worksOffline,
  ],
  arguments: { name: argument('what the operator is called: a-z, 0-9 and "-"') },
  options: {
    fleet: needed('FLEET', 'the fleet that is looked after'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay operator add ann --fleet acme'],
  run: async ({ name, fleet, json, ...place }, terminal) => {
    const data = await withGateway(place, terminal, ({ call }) =>
      call('operator_add', { fleet, name }),
    )
    const { username, password, secret, uri } = readAnswer(operatorAnswer, data)
    if (json) {
      terminal.out(jsonText({ username, password, secret, uri }))
    } else {
      terminal.out(`username ${username}`)
      terminal.out(`password ${password}`)
      terminal.out(`secret   ${(secret.match(/.{1,4}/g) ?? []).join(' ')}`)
      terminal.out(`uri      ${uri}`)
      terminal.error('put the secret into an authenticator: neither can be shown again')
    }
    return exitCodes.ok
  },
})
