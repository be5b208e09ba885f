import { defineConfig } from 'vitest/config'

/** Tests on virtual time and in memory: as many at a time as there are cores. */
const pure = ['test/unit/**', 'test/property/**', 'test/simulation/**', 'test/threats/**']
const timeouts = { testTimeout: 30_000, hookTimeout: 60_000 }
const exclude = ['dist/**', 'node_modules/**']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: pure.map((folder) => `${folder}/*.test.ts`),
          exclude,
          ...timeouts,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real programs, sockets and disks, one file at a time: some look at memory and at delays.
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, ...pure],
          ...timeouts,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
