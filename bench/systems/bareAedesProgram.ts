/**
 * The broker that the gateway is built on, with nothing around it: no login, no checks, no store.
 * @module
 */
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const broker = await Aedes.createBroker()
const server = createServer({ noDelay: true }, (socket) => {
  broker.handle(socket)
})
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  process.stdout.write(`bare aedes listens on :${port}\n`)
})
