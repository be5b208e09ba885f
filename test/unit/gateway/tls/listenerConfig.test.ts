/** Listeners in gateway.yaml: TLS, and what is asked of whoever wants none. */
import { describe, expect, test } from 'vitest'
import { gatewayConfigSchema, PLAINTEXT_CONSENT } from '../../../../gateway/config.ts'
import { parseConfig } from '../../../../ports/config.ts'
import { isLoopback } from '../../../../ports/loopback.ts'

const rest = `gateway: gw-1
data: /var/lib/tickpay
key: { file: k, passphraseFile: p }
payee: operator
asset: { code: EUR, scale: 6 }
tariffs: [{ unit: Wh, unitsPerTick: 5, pricePerTick: 1500 }]
`

function read(listener: string, environment: Record<string, string> = {}) {
  const text = `${rest}listeners: [${listener}]\n`
  const source = { text, origin: 'gateway.yaml', environment, prefix: 'TG' }
  return parseConfig(source, gatewayConfigSchema).listeners
}

const files = 'certificate: c.pem, key: c.key, clientAuthority: ca.pem'

describe('a plain listener', () => {
  test.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost'])('on %s needs no words', (host) => {
    expect(read(`{ kind: tcp, port: 1883, host: "${host}" }`)).toMatchObject([{ host }])
  })

  test.each(['0.0.0.0', '::', '10.0.0.2', '127.0.0.1.example', 'gateway.lan', '127.0.0.256'])(
    'on %s is refused, with what to do',
    (host) => {
      const bare = () => read(`{ kind: tcp, port: 1883, host: "${host}" }`)
      expect(bare).toThrow(`gateway.yaml: listeners.0.host is "${host}"; it must be an address`)
      expect(bare).toThrow('use kind: tls')
      expect(bare).toThrow(`plaintextOnNetwork: ${PLAINTEXT_CONSENT}`)
      const said = `plaintextOnNetwork: ${PLAINTEXT_CONSENT}`
      expect(read(`{ kind: tcp, port: 1883, host: "${host}", ${said} }`)).toHaveLength(1)
      for (const other of ['true', 'yes', '"i-understand"']) {
        const half = `{ kind: tcp, port: 1883, host: "${host}", plaintextOnNetwork: ${other} }`
        expect(() => read(half)).toThrow(PLAINTEXT_CONSENT)
      }
    },
  )

  test('does not become one by the environment', () => {
    const environment = { TG__LISTENERS__0__HOST: '0.0.0.0' }
    expect(() => read('{ kind: tcp, port: 1883 }', environment)).toThrow('use kind: tls')
  })
})

describe('a TLS listener', () => {
  test('asks for certificates unless told otherwise', () => {
    expect(read(`{ kind: tls, host: 0.0.0.0, port: 8883, ${files} }`)).toEqual([
      {
        kind: 'tls',
        host: '0.0.0.0',
        port: 8_883,
        roles: ['device', 'fleet', 'reader'],
        certificate: 'c.pem',
        key: 'c.key',
        clientAuthority: 'ca.pem',
        clientCertificate: 'required',
      },
    ])
  })

  test('takes its keys from the environment too', () => {
    const environment = { TG__LISTENERS__0__REVOCATION_LIST: 'crl.pem' }
    const [listener] = read(`{ kind: tls, port: 8883, ${files} }`, environment)
    expect(listener).toMatchObject({ revocationList: 'crl.pem' })
  })

  test.each([
    ['{ kind: tls, port: 8883 }', /listeners.0.certificate is missing/],
    [`{ kind: tls, port: 8883, ${files}, clientCertificate: none }`, /required or optional/],
    [`{ kind: tls, port: 8883, ${files}, plaintextOnNetwork: x }`, /is not a known key/],
    [`{ kind: tcp, port: 8883, ${files} }`, /is not a known key/],
    ['{ kind: ssl, port: 8883 }', /listeners.0.kind is "ssl"; it must be tcp or tls/],
  ])('%s', (listener, expected) => {
    expect(() => read(listener)).toThrow(expected)
  })
})

test('nothing that merely looks like this machine is taken for it', () => {
  for (const host of ['127.0.0.1.', '0127.0.0.1', '127.1', '::ffff:127.0.0.1', 'LOCALHOST', '']) {
    expect(isLoopback(host), host).toBe(false)
  }
})
