/**
 * How a gateway answers who asks for a WebSocket.
 * @module
 */
import type { ClientOptions } from 'ws'
import { WebSocket } from 'ws'

/** `open`, or the status of the refusal. */
export function webSocketAnswer(
  url: string,
  protocols: string[],
  options: ClientOptions = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocols, options)
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(`${statusCode}`))
    socket.on('error', () => {})
    socket.on('open', () => {
      socket.close()
      resolve('open')
    })
  })
}
