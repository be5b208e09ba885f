/**
 * Which addresses never leave this machine.
 * @module
 */

/** True for `localhost`, 127.0.0.0/8 and ::1, as a configuration writes them. */
export function isLoopback(host: string): boolean {
  if (['localhost', '::1', '[::1]'].includes(host)) return true
  const parts = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1) ?? []
  return parts.length === 3 && parts.every((part) => Number(part) <= 255)
}
