/** Long work says that it goes on, to people at a terminal and to nobody else. */
import { expect, test } from 'vitest'
import { showProgress } from '../../../cli/progress.ts'

function screen(isScreen: boolean) {
  const written: string[] = []
  const acts = new Set<() => void>()
  return {
    written,
    second: () => {
      for (const act of acts) act()
    },
    running: () => acts.size,
    place: {
      isScreen,
      columns: () => 30,
      write: (text: string) => void written.push(text),
      every: (_: number, act: () => void) => {
        acts.add(act)
        return () => void acts.delete(act)
      },
    },
  }
}

const CLEARED = '\r\u001b[K'

test('from the second second on it says what goes on and how far, and is gone then', async () => {
  const { place, written, second, running } = screen(true)
  const result = await showProgress(place, 'restoring', async ({ tell, clear }) => {
    second()
    expect(written).toEqual([])
    second()
    tell('7 of 9 files, and more than a line holds')
    second()
    clear()
    clear()
    return 5
  })
  expect(result).toBe(5)
  expect(written).toEqual([
    `${CLEARED}restoring, 2 s`,
    `${CLEARED}restoring, 3 s: 7 of 9 files,`,
    CLEARED,
  ])
  expect(running()).toBe(0)
})

test('a failure takes it off the screen too', async () => {
  const { place, written, second, running } = screen(true)
  const failing = showProgress(place, 'restoring', async () => {
    second()
    second()
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect([written.at(-1), running()]).toEqual([CLEARED, 0])
})

test('a pipe or a file gets nothing', async () => {
  const { place, written, running } = screen(false)
  const during = await showProgress(place, 'restoring', async ({ tell, clear }) => {
    tell('1 of 2')
    clear()
    return running()
  })
  expect([during, written]).toEqual([0, []])
})
