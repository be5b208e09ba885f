/**
 * Every message decoder on every input: refused, or exactly what was sent. Inputs are samples with
 * single values replaced, which stay well-formed, and samples with damaged bytes.
 * @module
 */
import { equalBytes } from '../../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import { alterAt, messageKinds, pathsOf } from '../../support/messageSamples.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { someValue } from './cbor.ts'

const edges = [0, 1, 2, 3, 63, 64, 65, 255, 256, 65_535, 65_536, 65_537, 0xffff_ffff] as const

function generate(dice: Dice): Uint8Array {
  const { samples } = dice.pick(messageKinds)
  return altered(dice, dice.pick(samples).bytes)
}

/** The same CBOR with up to two values replaced, and perhaps damaged. */
export function altered(dice: Dice, bytes: Uint8Array): Uint8Array {
  let wire = decodeCbor(bytes) ?? null
  for (let left = dice.below(3); left > 0; left--) {
    const path = dice.pick(pathsOf(wire))
    const value = dice.oneIn(2) ? dice.pick(edges) : someValue(dice, 4 - Math.min(4, path.length))
    wire = alterAt(wire, path, (old) => other(dice, old, value))
  }
  return perhapsDamaged(dice, encodeCbor(wire), 2)
}

type Wire = ReturnType<typeof someValue>

/** Another value in its place, or the list with an element more, less or moved. */
function other(dice: Dice, old: Wire, value: Wire): Wire {
  if (!Array.isArray(old) || dice.oneIn(3)) return value
  const list = [...old]
  const at = dice.below(list.length + 1)
  if (dice.oneIn(3)) return [...list.slice(at), ...list.slice(0, at)]
  list.splice(at, dice.below(2), ...(dice.oneIn(2) ? [value] : []))
  return list
}

function check(input: Uint8Array): string | undefined {
  for (const { name, again } of messageKinds) {
    const written = again(input)
    if (written !== undefined && !equalBytes(written, input)) {
      return `${name} was read and written back as ${Buffer.from(written).toString('hex')}`
    }
  }
  return undefined
}

export const messagesTarget: Target = { name: 'messages', quickRuns: 800, generate, check }
