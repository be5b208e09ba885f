import { defineConfig } from 'vitest/config'

const exclude = ['dist/**', 'node_modules/**']

/** Tests on virtual time and in memory: as many at a time as there are cores. */
const pure = ['unit', 'property', 'simulation', 'threats']
/** Real programs that look at memory or at delays: one at a time. */
const alone = [...filesOf(['broker', 'hostile', 'soak']), 'test/e2e/story.test.ts']

function filesOf(folders: readonly string[]): readonly string[] {
  return folders.map((folder) => `test/${folder}/**/*.test.ts`)
}

/** A group of files; the groups follow each other. */
function group(
  name: string,
  groupOrder: number,
  maxWorkers: number | string,
  include: readonly string[],
  without: readonly string[] = [],
) {
  return {
    test: {
      name,
      include: [...include],
      exclude: [...exclude, ...without],
      testTimeout: 30_000,
      hookTimeout: 60_000,
      maxWorkers,
      sequence: { groupOrder },
    },
  }
}

export default defineConfig({
  test: {
    projects: [
      group('pure', 0, '100%', filesOf(pure)),
      // Real programs, sockets and disks that mostly wait for each other.
      group('programs', 1, 2, ['test/**/*.test.ts'], [...filesOf(pure), ...alone]),
      group('alone', 2, 1, alone),
    ],
  },
})
