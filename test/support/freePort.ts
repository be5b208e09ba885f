/**
 * A TCP port that nobody uses now.
 * @module
 */
import { type AddressInfo, createServer } from 'node:net'

/** Free when this resolves; given out by the system in turn, so that it stays so for a while. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
