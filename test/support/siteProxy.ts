/**
 * A TCP proxy in front of a port: its connections can be broken without either side's consent.
 * @module
 */
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

export type SiteProxy = {
  readonly port: number
  readonly connections: () => number
  /** Breaks connection number `place`, oldest first; false when there is none. */
  readonly breakOne: (place: number) => boolean
  readonly breakAll: () => void
  readonly close: () => Promise<void>
}

/** Passes everything on to `target` on this machine. */
export async function openProxy(target: number): Promise<SiteProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = createConnection({ host: '127.0.0.1', port: target, noDelay: true })
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of pair) {
      socket.on('error', end)
      socket.on('close', end)
    }
    client.pipe(upstream)
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (pair: readonly [Socket, Socket] | undefined) => {
    for (const socket of pair ?? []) socket.resetAndDestroy()
    return pair !== undefined
  }
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => pairs.size,
    breakOne: (place) => cut([...pairs][place % Math.max(1, pairs.size)]),
    breakAll: () => {
      for (const pair of [...pairs]) cut(pair)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const pair of [...pairs]) cut(pair)
      }),
  }
}
