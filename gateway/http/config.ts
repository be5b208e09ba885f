/**
 * The `http` part of gateway.yaml: where health and metrics are served. Absent: nowhere.
 * @module
 */
import * as v from 'valibot'
import { integerValue, textValue } from '../../ports/configTypes.ts'
import { mayBePlain, PLAINTEXT_CONSENT, plaintextConsentValue } from '../plaintext.ts'

/** Free in the lists of ports that exporters and well-known services use. */
export const HTTP_PORT_DEFAULT = 9_464

const placeAllowed =
  'an address of this machine alone such as 127.0.0.1; for a network put a reverse proxy with ' +
  `TLS before it, or set plaintextOnNetwork: ${PLAINTEXT_CONSENT}`

export const httpValue = v.pipe(
  v.strictObject({
    host: v.optional(textValue, '127.0.0.1'),
    port: v.optional(integerValue(0, 65_535), HTTP_PORT_DEFAULT),
    plaintextOnNetwork: plaintextConsentValue,
  }),
  v.forward(v.partialCheck([['host'], ['plaintextOnNetwork']], mayBePlain, placeAllowed), ['host']),
)

export type HttpSettings = v.InferOutput<typeof httpValue>
