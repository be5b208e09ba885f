/**
 * Byte streams to a broker over TCP and TLS.
 * @module
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { unreachableReasons } from '../../../ports/io/unreachableReasons.ts'
import type { Wire, WireEvents, WireOpener } from '../wire.ts'

export type TlsOptions = {
  /** PEM; without it the certificates that the system trusts. */
  readonly ca: Uint8Array | undefined
  readonly certificate: { readonly chain: Uint8Array; readonly key: Uint8Array } | undefined
}

export type Place = {
  readonly host: string
  readonly port: number
  /** Undefined: in the clear. */
  readonly tls: TlsOptions | undefined
}

/** A thousand ticks in one read; more would only make the others wait. */
const READ_BYTES = 128 * 1_024

/** Opens one stream a call. */
export function socketWire(place: Place): WireOpener {
  return (events) => open(place, events)
}

function open(place: Place, events: WireEvents): Promise<Wire> {
  return new Promise((resolve, reject) => {
    let error: Error | undefined
    let wire: Wire | undefined
    const socket = place.tls ? openTls(place, place.tls, events) : openTcp(place, events)
    socket.setNoDelay(true)
    socket.once(place.tls ? 'secureConnect' : 'connect', () => {
      wire = wireOver(socket)
      resolve(wire)
    })
    socket.on('error', (reason) => {
      error = reason
    })
    socket.once('close', () => {
      const reason = reasonOf(error)
      if (wire) events.onClose(reason)
      else reject(new Error(reason))
    })
  })
}

/** All reads go to one buffer: what is in it is dealt with before the next. */
function openTcp({ host, port }: Place, { onData }: WireEvents): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const callback = (length: number) => {
    onData(buffer.subarray(0, length))
    return true
  }
  return connectTcp({ host, port, onread: { buffer, callback } })
}

function openTls({ host, port }: Place, tls: TlsOptions, { onData }: WireEvents): Socket {
  const { ca, certificate } = tls
  const socket = connectTls({
    host,
    port,
    minVersion: 'TLSv1.3',
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca ? { ca: Buffer.from(ca) } : {}),
    ...(certificate
      ? { cert: Buffer.from(certificate.chain), key: Buffer.from(certificate.key) }
      : {}),
  })
  return socket.on('data', onData)
}

function wireOver(socket: Socket): Wire {
  return {
    write: (bytes) => {
      if (!socket.destroyed) socket.write(bytes)
    },
    waitingBytes: () => socket.writableLength,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  }
}

const reasons: Readonly<Record<string, string>> = {
  ...unreachableReasons,
  EPIPE: 'it closed the connection',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: name its authority in caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted: name its authority in caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted: name its authority in caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted: name its authority in caFile',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: correct the host',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS on this port: correct the port, or use mqtt://',
}

function reasonOf(error: Error | undefined): string {
  if (error === undefined) return 'it closed the connection'
  // A name with several addresses fails with one error for each.
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const code = 'code' in first ? String(first.code) : ''
  return reasons[code] ?? first.message
}
