/**
 * Listens for MQTT over WebSocket, in plaintext or over TLS, and serves the dashboard beside it: a
 * page may then speak with where it came from and with nobody else.
 * @module
 */
import type { Duplex } from 'node:stream'
import { answerPage } from '../../http/io/staticPages.ts'
import type { Listener, PeerCertificate } from '../broker.ts'
import type { OpenListener } from './tcpListener.ts'
import { listenTcp } from './tcpListener.ts'
import type { TlsContext } from './tlsListener.ts'
import { listenTls } from './tlsListener.ts'
import { createWebSocketDoor } from './webSocketDoor.ts'

export type ListenerContext = Omit<TlsContext, 'onConnection'> & {
  /** The certificate is undefined at a listener that asks for none. */
  readonly onConnection: (
    line: Duplex,
    remote: string,
    certificate: PeerCertificate | undefined,
    origin?: string,
  ) => void
}

/** @throws OperatorError naming the file or the address, and what to do */
export function openPlace(listener: Listener, context: ListenerContext): Promise<OpenListener> {
  if ('certificate' in listener) return listenTls(listener, context)
  return listenTcp(listener, (line, remote) => context.onConnection(line, remote, undefined))
}

/** @throws OperatorError naming the file or the address, and what to do */
export async function listenWs(
  listener: Listener,
  context: ListenerContext,
): Promise<OpenListener> {
  const door = createWebSocketDoor({ ...context, onRequest: answerPage })
  const opened = await openPlace(listener, { ...context, onConnection: door.take })
  return {
    port: opened.port,
    close: async () => {
      const closed = opened.close()
      door.close()
      await closed
    },
  }
}
