/**
 * Listens for MQTT over TCP.
 * @module
 */
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { Place } from '../broker.ts'

export type OpenListener = { readonly port: number; readonly close: () => Promise<void> }

/** @throws OperatorError naming the address and what to do */
export async function listenTcp(
  listener: Place,
  onConnection: (socket: Socket, remote: string) => void,
): Promise<OpenListener> {
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    onConnection(socket, `${socket.remoteAddress}:${socket.remotePort}`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explain(listener, error)))
    server.listen({ host: listener.host, port: listener.port }, resolve)
  })
  return {
    port: portOf(server),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it or choose another port',
  EACCES: 'this user may not listen there: choose a port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address: correct the host',
  ENOTFOUND: 'the host name is unknown: correct the host',
}

function explain(listener: Place, error: Error): OperatorError {
  const code = 'code' in error ? String(error.code) : ''
  const why = advice[code] ?? `${error.message}: correct the listener`
  return new OperatorError(`cannot listen on ${listener.host} port ${listener.port}: ${why}`, {
    cause: error,
  })
}
