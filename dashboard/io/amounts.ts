/**
 * The four sums of money that a fleet and a device have alike, and their plots.
 * @module
 */
import { decimal, money } from '../format.ts'
import type { Fleet, Sums } from '../model/fleet.ts'
import type { Plot } from './plot.ts'
import { createPlot } from './plot.ts'
import type { Tile } from './view.ts'
import { tile } from './view.ts'

export type AmountTiles = {
  readonly tiles: readonly Tile[]
  readonly show: (of: { readonly sums: Sums; readonly asset: Fleet['asset'] }) => void
}

/** `reservedHint` says whose worst case it is. */
export function amountTiles(reservedHint: string): AmountTiles {
  const paid = tile('Paid', 'accepted words, in all')
  const settled = tile('Settled', 'paid by the ledger')
  const exposure = tile('Exposure', 'accepted and not yet settled')
  const reserved = tile('Reserved', reservedHint)
  return {
    tiles: [paid, settled, exposure, reserved],
    show: ({ sums, asset }) => {
      paid.show(money(sums.paid, asset))
      settled.show(money(sums.settled, asset))
      exposure.show(money(sums.exposure, asset))
      reserved.show(money(sums.reserved, asset))
    },
  }
}

/** A plot of minor units, in units of the fleet's asset. */
export function moneyPlot(title: string, fleet: Fleet): Plot {
  return createPlot(title, () => 10 ** fleet.asset.scale, decimal)
}
