/**
 * Who holds which session: one holder per id, a bounded number per place. The newest always gets
 * its seat; whoever has to make room is returned.
 * @module
 */
import type { Seat } from './admission.ts'

export type Seats<T> = {
  /** Seats `holder` and returns those that lost theirs. */
  readonly take: (seat: Seat, holder: T) => readonly T[]
  /** Frees the seat if `holder` still has it. */
  readonly leave: (seat: Seat, holder: T) => void
  readonly get: (id: string) => T | undefined
  readonly all: () => Iterable<T>
}

export function createSeats<T>(): Seats<T> {
  const byId = new Map<string, T>()
  /** Ids of each place, in the order they were taken. */
  const places = new Map<string, Set<string>>()

  const free = (place: string, id: string) => {
    byId.delete(id)
    const ids = places.get(place)
    ids?.delete(id)
    if (ids?.size === 0) places.delete(place)
  }

  const take = (seat: Seat, holder: T): readonly T[] => {
    const ids = places.get(seat.place) ?? new Set<string>()
    const [oldest] = ids
    const full = ids.size >= seat.seats && !ids.has(seat.id)
    const leaving = [seat.id, ...(full && oldest !== undefined ? [oldest] : [])]
    const evicted = leaving.map((id) => byId.get(id)).filter((one) => one !== undefined)
    for (const id of leaving) free(seat.place, id)
    places.set(seat.place, ids.add(seat.id))
    byId.set(seat.id, holder)
    return evicted
  }

  return {
    take,
    leave: (seat, holder) => {
      if (byId.get(seat.id) === holder) free(seat.place, seat.id)
    },
    get: (id) => byId.get(id),
    all: () => byId.values(),
  }
}
