/**
 * The external broker in the gateway's configuration: an address, or a group of keys.
 * @module
 */
import * as v from 'valibot'
import { textValue } from '../../ports/configTypes.ts'

const urlAllowed =
  'a broker such as mqtt://USER@127.0.0.1:1883 or mqtts://USER@HOST:8883, without the password'

const urlValue = v.pipe(v.string(urlAllowed), v.check(isBrokerUrl, urlAllowed))

function isBrokerUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'mqtt:' && url.protocol !== 'mqtts:')) return false
  const bare = url.pathname === '' || url.pathname === '/'
  return url.hostname !== '' && url.password === '' && bare && url.search === '' && url.hash === ''
}

const groupValue = v.pipe(
  v.strictObject({
    url: urlValue,
    /** Where the password of the user in the address comes from. */
    passwordFile: v.optional(textValue),
    passwordEnv: v.optional(textValue),
    passwordCredential: v.optional(textValue),
    /** PEM files for mqtts: who may sign the broker's certificate, and a certificate of our own. */
    caFile: v.optional(textValue),
    certificateFile: v.optional(textValue),
    certificateKeyFile: v.optional(textValue),
    /** Requests without a signature that are taken from whomever the broker lets make them. */
    unsigned: v.optional(
      v.array(v.picklist(['pause', 'resume', 'close'], 'one of pause, resume, close')),
      [],
    ),
  }),
  v.check(
    (broker) =>
      [broker.passwordFile, broker.passwordEnv, broker.passwordCredential].filter(Boolean).length <=
      1,
    'a broker with one of passwordFile, passwordEnv and passwordCredential',
  ),
  v.check(
    ({ certificateFile, certificateKeyFile }) =>
      (certificateFile === undefined) === (certificateKeyFile === undefined),
    'a broker with both of certificateFile and certificateKeyFile, or neither',
  ),
  v.check(
    ({ url, caFile, certificateFile }) =>
      url.startsWith('mqtts:') || (caFile === undefined && certificateFile === undefined),
    'a broker whose address begins with mqtts:// where certificates are named',
  ),
)

const addressValue = v.pipe(
  urlValue,
  v.transform((url): BrokerSettings => ({ url, unsigned: [] })),
)

/**
 * Which of the two is meant shows in what is written, so that a mistake is told of the right one.
 * The options are there for the names of environment variables.
 */
export const brokerValue = Object.assign(
  v.lazy((input) => (typeof input === 'string' ? addressValue : groupValue)),
  { options: [addressValue, groupValue] },
)

export type BrokerSettings = v.InferOutput<typeof groupValue>
