/**
 * Makes the engine fit a small computer. Only what V8 reads anew each time is safe to set while it
 * runs: switching its threads off, for one, ends the process.
 * @module
 */
import { setFlagsFromString } from 'node:v8'

/** V8 of Node 22. */
const OTHER_BUDGETS_SINCE_V8 = 12

/** Holds for the process from now on. */
export function stayLean(): void {
  // Building a hash chain makes 65,536 short-lived objects, for which V8 would let its young space
  // grow to 16 MB and keep it: measured 88 MB of memory instead of 74 MB.
  setFlagsFromString('--semi-space-growth-factor=1')
  // The old space grows in small steps: 3 MB less with 16 meters, at the same CPU.
  setFlagsFromString('--optimize-for-size')
  // How much a function must have run before V8 optimises it, 120 times the usual. An agent is
  // idle most of the time: more than a third of its CPU in the first minute and 5 MB of memory
  // went into optimising what hardly runs (16 meters: 240 us a tick, instead of 130). The loop
  // that hashes still gets there within its first chain.
  // Later engines count in another way, and complain of flags that they do not know.
  if (Number.parseInt(process.versions.v8, 10) >= OTHER_BUDGETS_SINCE_V8) return
  setFlagsFromString('--interrupt-budget=8000000')
  setFlagsFromString('--interrupt-budget-for-feedback-allocation=20000')
}
