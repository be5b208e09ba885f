/**
 * The absorbing half of Keccak-f[1600] with a rate of 136 bytes as a WebAssembly module, assembled
 * from the description of the permutation. Sources: FIPS 202 section 3, WebAssembly core
 * specification 1.0 section 5.
 * @module
 */

export type Sponge = {
  /** 200 bytes; the first 32 are the hash once all is absorbed. */
  readonly state: Uint8Array
  readonly input: Uint8Array
  /** Takes in the first `length` bytes of `input`, a multiple of 136. */
  readonly absorb: (length: number) => void
}

const LANES = 25
const RATE_LANES = 17
const ROUNDS = 24
const INPUT_OFFSET = 256
/** 30 blocks: every structure here is shorter. */
const INPUT_BYTES = 30 * RATE_LANES * 8
const CONSTANTS_OFFSET = 8_192

type Code = readonly number[]

/** Numbers of local variables: input, its end, offset of the round's constant, then lanes. */
const INPUT = 0
const END = 1
const ROUND = 2
const A = 3
const B = A + LANES
const C = B + LANES
const D = C + 5

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const load = (offset: number): Code => [0x29, 3, ...unsigned(offset)]
const store = (offset: number): Code => [0x37, 3, ...unsigned(offset)]
const int32 = (value: number): Code => [0x41, ...signed(value)]
const int64 = (value: number): Code => [0x42, ...signed(value)]
const XOR = 0x85
const AND = 0x83
const ROTATE = 0x89
const ADD32 = 0x6a
const LESS32 = 0x49
const LOOP: Code = [0x03, 0x40]
const AGAIN_IF: Code = [0x0d, 0]
const FINISH = 0x0b

/** LEB128. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  const isLast = value >= -64 && value < 64
  return isLast ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]
}

const times = (count: number, code: (place: number) => Code): Code =>
  Array.from({ length: count }, (_, place) => code(place)).flat()

/** Rotation of the lane at x, y: (t + 1)(t + 2) / 2 for the t-th on the path from (1, 0). */
function rotations(): readonly number[] {
  const found = new Array<number>(LANES).fill(0)
  let x = 1
  let y = 0
  for (let t = 0; t < 24; t++) {
    found[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64
    const next = (2 * x + 3 * y) % 5
    x = y
    y = next
  }
  return found
}

/** Round constants: bit 2^j - 1 is the output of the shift register at j + 7 * round. */
function roundConstants(): readonly bigint[] {
  let register = 1
  const step = () => {
    const bit = register & 1
    register = (register << 1) ^ (register >> 7 ? 0x171 : 0)
    return bit
  }
  return Array.from({ length: ROUNDS }, () => {
    let constant = 0n
    for (let j = 0; j < 7; j++) if (step() === 1) constant |= 1n << ((1n << BigInt(j)) - 1n)
    return constant
  })
}

const column = (x: number): Code => [
  ...get(A + x),
  ...[5, 10, 15, 20].flatMap((y) => [...get(A + x + y), XOR]),
  ...set(C + x),
]

const parity = (x: number): Code => [
  ...get(C + ((x + 4) % 5)),
  ...[...get(C + ((x + 1) % 5)), ...int64(1), ROTATE],
  ...[XOR, ...set(D + x)],
]

/** Theta, rho and pi of one lane. */
function move(place: number, rotation: number): Code {
  const x = place % 5
  const y = (place - x) / 5
  const target = y + 5 * ((2 * x + 3 * y) % 5)
  const mixed = [...get(A + place), ...get(D + x), XOR]
  return [...mixed, ...int64(rotation), ROTATE, ...set(B + target)]
}

/** Chi of one lane. */
function choose(place: number): Code {
  const x = place % 5
  const row = place - x
  const [next, after] = [B + row + ((x + 1) % 5), B + row + ((x + 2) % 5)]
  const chosen = [...get(next), ...int64(-1), XOR, ...get(after), AND]
  return [...get(B + place), ...chosen, XOR, ...set(A + place)]
}

function round(): Code {
  const rotation = rotations()
  const constant = [...get(ROUND), ...load(CONSTANTS_OFFSET)]
  return [
    ...times(5, column),
    ...times(5, parity),
    ...times(LANES, (place) => move(place, rotation[place] ?? 0)),
    ...times(LANES, choose),
    ...[...get(A), ...constant, XOR, ...set(A)],
    ...[...get(ROUND), ...int32(8), ADD32, ...set(ROUND)],
  ]
}

function body(): Code {
  const takeIn = (lane: number): Code => [
    ...[...get(A + lane), ...get(INPUT), ...load(8 * lane)],
    ...[XOR, ...set(A + lane)],
  ]
  const rounds = [...round(), ...get(ROUND), ...int32(8 * ROUNDS), LESS32, ...AGAIN_IF]
  const advance = [...get(INPUT), ...int32(8 * RATE_LANES), ADD32, ...set(INPUT)]
  return [
    ...times(LANES, (lane) => [...int32(0), ...load(8 * lane), ...set(A + lane)]),
    ...[...LOOP, ...times(RATE_LANES, takeIn), ...int32(0), ...set(ROUND)],
    ...[...LOOP, ...rounds, FINISH, ...advance],
    ...[...get(INPUT), ...get(END), LESS32, ...AGAIN_IF, FINISH],
    ...times(LANES, (lane) => [...int32(0), ...get(A + lane), ...store(8 * lane)]),
    FINISH,
  ]
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: Code) => [id, ...unsigned(content.length), ...content]
  const locals = [2, 1, 0x7f, 2 * LANES + 10, 0x7e]
  const code = [...locals, ...body()]
  const [memory, absorb] = ['m'.charCodeAt(0), 'a'.charCodeAt(0)]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, 1, 1]),
    ...section(7, [2, 1, memory, 2, 0, 1, absorb, 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ])
}

/** What is used of WebAssembly; the type library of the language has no part for it alone. */
type Engine = {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (module: object) => { readonly exports: Exports }
}
type Exports = {
  readonly m: { readonly buffer: ArrayBuffer }
  readonly a: (from: number, end: number) => void
}

function openSponge(): Sponge | undefined {
  const engine = (globalThis as { readonly WebAssembly?: Engine }).WebAssembly
  if (engine === undefined) return undefined
  const { m: memory, a: absorb } = new engine.Instance(new engine.Module(moduleBytes())).exports
  const constants = new DataView(memory.buffer, CONSTANTS_OFFSET)
  for (const [place, constant] of roundConstants().entries()) {
    constants.setBigUint64(8 * place, constant, true)
  }
  return {
    state: new Uint8Array(memory.buffer, 0, 8 * LANES),
    input: new Uint8Array(memory.buffer, INPUT_OFFSET, INPUT_BYTES),
    absorb: (length) => absorb(INPUT_OFFSET, INPUT_OFFSET + length),
  }
}

/** Undefined where the engine has no WebAssembly. */
export const sponge: Sponge | undefined = openSponge()
