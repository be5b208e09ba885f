/**
 * `tickpay credential list`
 * @module
 */
import { fleetListCommand } from '../fleetList.ts'

export const command = fleetListCommand(
  'credential_list',
  'Lists the static credentials and when each was last used',
  'tickpay credential list',
)
