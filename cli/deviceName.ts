/**
 * A device as an argument: FLEET/DEVICE.
 * @module
 */
import { parseDeviceName } from './certificates/record.ts'
import { UsageError } from './exitCodes.ts'

/** @throws UsageError when the text names no device */
export function deviceNamed(text: string): { readonly fleet: string; readonly device: string } {
  const [fleet, device] = parseDeviceName(text)?.split('/') ?? []
  if (fleet === undefined || device === undefined) {
    throw new UsageError(`"${text}" is no device: write FLEET/DEVICE`)
  }
  return { fleet, device }
}
