/**
 * Opens the relay that a configuration names.
 * @module
 */
import type { Ports, SerialOpener } from '../../../ports/index.ts'
import { brokerConnector } from '../../../ports/io/brokerLogin.ts'
import { loadModbus } from '../../meters/modbusMaster.ts'
import { modbusCoilRelay } from '../modbusCoil.ts'
import { mqttRelay } from '../mqttRelay.ts'
import type { RelayOpener } from '../types.ts'
import { commandRelay, gpioRelay } from './processRelays.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** @throws OperatorError when a password or a certificate is missing */
export function relayOpener(
  ports: Ports,
  openSerial: SerialOpener,
  environment: Environment,
): RelayOpener {
  return async (config) => {
    switch (config.kind) {
      case 'modbus-coil':
        return modbusCoilRelay(config, openSerial, await loadModbus(), ports.timers)
      case 'mqtt':
        return mqttRelay(config, await brokerConnector(config, environment), ports)
      case 'gpio':
        return gpioRelay(config)
      default:
        return commandRelay(config)
    }
  }
}
