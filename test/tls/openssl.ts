/**
 * Certificates as people make them who have an authority of their own: with the openssl program.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Pair = { readonly certificate: string; readonly key: string }
export type Authority = Pair & { readonly name: string }

export type Workshop = {
  readonly folder: string
  readonly authority: (name: string) => Authority
  /** A certificate for clients. */
  readonly client: (by: Authority, subject: string, days?: number) => Pair
  /** A certificate for the gateway at 127.0.0.1. */
  readonly server: (by: Authority, hosts?: string) => Pair
  /** A revocation list of an authority. */
  readonly revoke: (by: Authority, ...certificates: readonly string[]) => string
  readonly close: () => void
}

const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export function startWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-openssl-'))
  const at = (name: string) => join(folder, name)
  let count = 0
  const openssl = (...words: string[]) =>
    execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })

  const issue = (by: Authority, subject: string, extensions: string, days: number): Pair => {
    count += 1
    const name = `issued-${count}`
    const pair = { certificate: at(`${name}.crt`), key: at(`${name}.key`) }
    openssl('req', ...fresh, '-keyout', pair.key, '-out', `${name}.csr`, '-subj', subject)
    writeFileSync(at(`${name}.ext`), extensions)
    const signer = ['-CA', by.certificate, '-CAkey', by.key, '-CAcreateserial']
    const wanted = ['-days', `${days}`, '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', pair.certificate, ...signer, ...wanted)
    return pair
  }

  return {
    folder,
    authority: (name) => {
      const pair = { certificate: at(`${name}.crt`), key: at(`${name}.key`) }
      const subject = ['-days', '2', '-subj', `/CN=${name}`]
      openssl('req', '-x509', ...fresh, '-keyout', pair.key, '-out', pair.certificate, ...subject)
      return { ...pair, name }
    },
    client: (by, subject, days = 2) => issue(by, subject, 'extendedKeyUsage=clientAuth\n', days),
    server: (by, hosts = 'IP:127.0.0.1,DNS:localhost') =>
      issue(by, '/CN=gateway', `extendedKeyUsage=serverAuth\nsubjectAltName=${hosts}\n`, 2),
    revoke: (by, ...certificates) => {
      const index = at(`${by.name}.index`)
      writeFileSync(index, '')
      const lines = ['[ca]', 'default_ca=it', '[it]', `database=${index}`, 'default_md=sha256']
      writeFileSync(at(`${by.name}.cnf`), `${lines.join('\n')}\ndefault_crl_days=2\n`)
      const signer = ['-config', `${by.name}.cnf`, '-cert', by.certificate, '-keyfile', by.key]
      for (const one of certificates) openssl('ca', ...signer, '-revoke', one)
      const list = at(`${by.name}.crl`)
      openssl('ca', ...signer, '-gencrl', '-out', list)
      return list
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
