/**
 * Processor time, for tests about speed: a busy machine stretches the clock, not this.
 * @module
 */

/** Milliseconds of processor time that `run` costs this process. */
export async function cpuMs(run: () => unknown): Promise<number> {
  const start = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
