import { expect, test } from 'vitest'
import {
  readNewestSnapshot,
  SNAPSHOT_ROOM_BYTES,
  writeSnapshot,
} from '../../../../gateway/store/snapshot.ts'
import { fastSha256 } from '../../../../ledger/io/fastSha256.ts'
import { OperatorError } from '../../../../ports/operatorError.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

const snapshot = (position: bigint, state: string) => ({ position, state: utf8ToBytes(state) })

async function newest(disk: ReturnType<typeof memoryDisk>) {
  const { snapshot, damaged } = await readNewestSnapshot(disk)
  const state = snapshot && new TextDecoder().decode(snapshot.state)
  return { position: snapshot?.position, state, damaged }
}

test('an empty store has no snapshot', async () => {
  expect(await newest(memoryDisk())).toEqual({
    position: undefined,
    state: undefined,
    damaged: [],
  })
})

test('the newest comes back, the two newest stay, the older says what may go', async () => {
  const disk = memoryDisk()
  expect(await writeSnapshot(disk, snapshot(5n, 'five'))).toBe(5n)
  expect(await writeSnapshot(disk, snapshot(9n, 'nine'))).toBe(5n)
  expect(await writeSnapshot(disk, snapshot(0x10n, 'sixteen'))).toBe(9n)
  expect(disk.paths()).toEqual(['snapshot/0000000000000009.snap', 'snapshot/0000000000000010.snap'])
  expect(await newest(disk)).toEqual({ position: 16n, state: 'sixteen', damaged: [] })
})

test('a state with room before it is written where it is, like all others', async () => {
  const [roomy, plain] = [memoryDisk(), memoryDisk()]
  const memory = new Uint8Array(SNAPSHOT_ROOM_BYTES + 4)
  memory.set(utf8ToBytes('five'), SNAPSHOT_ROOM_BYTES)
  const state = memory.subarray(SNAPSHOT_ROOM_BYTES)
  const roomBytes = SNAPSHOT_ROOM_BYTES
  await writeSnapshot(roomy, { position: 5n, state, roomBytes }, fastSha256)
  await writeSnapshot(plain, snapshot(5n, 'five'))
  const [path = ''] = plain.paths()
  expect(roomy.bytes(path)).toEqual(plain.bytes(path))
  expect((await readNewestSnapshot(roomy, fastSha256)).snapshot?.state).toEqual(state)
})

// T53
test('every flipped bit and truncation of the newest falls back to the one before', async () => {
  const disk = memoryDisk()
  await writeSnapshot(disk, snapshot(5n, 'five'))
  await writeSnapshot(disk, snapshot(9n, 'nine'))
  const path = 'snapshot/0000000000000009.snap'
  const bytes = disk.bytes(path) ?? new Uint8Array(0)
  const versionBits = (bit: number) => bit >> 3 === 4
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    if (versionBits(bit)) continue
    disk.flipBit(path, bit)
    expect(await newest(disk)).toEqual({ position: 5n, state: 'five', damaged: [path] })
    disk.flipBit(path, bit)
  }
  for (let length = 0; length < bytes.length; length++) {
    disk.put(path, bytes.slice(0, length))
    expect(await newest(disk)).toEqual({ position: 5n, state: 'five', damaged: [path] })
  }
})

test('a snapshot under another name is not taken for that position', async () => {
  const disk = memoryDisk()
  await writeSnapshot(disk, snapshot(5n, 'five'))
  const bytes = disk.bytes('snapshot/0000000000000005.snap') ?? new Uint8Array(0)
  disk.put('snapshot/0000000000000006.snap', bytes)
  expect((await newest(disk)).position).toBe(5n)
})

test('a failed or interrupted write leaves the ones before', async () => {
  const disk = memoryDisk()
  await writeSnapshot(disk, snapshot(1n, 'one'))
  await writeSnapshot(disk, snapshot(5n, 'five'))
  disk.fail({ operation: 'replace', code: 'ENOSPC' })
  await expect(writeSnapshot(disk, snapshot(9n, 'nine'))).rejects.toThrow('ENOSPC')
  const release = disk.holdSyncs()
  const lost = writeSnapshot(disk, snapshot(9n, 'nine')).catch(() => {})
  disk.crash()
  release()
  await lost
  expect(disk.paths()).toHaveLength(2)
  expect((await newest(disk)).position).toBe(5n)
})

test('a snapshot of a newer version asks for an upgrade', async () => {
  const disk = memoryDisk()
  await writeSnapshot(disk, snapshot(5n, 'five'))
  const path = 'snapshot/0000000000000005.snap'
  const bytes = disk.bytes(path) ?? new Uint8Array(0)
  bytes[4] = 2
  disk.put(path, bytes)
  await expect(readNewestSnapshot(disk)).rejects.toThrow(OperatorError)
  await expect(readNewestSnapshot(disk)).rejects.toThrow(/newer version.*upgrade/)
})
