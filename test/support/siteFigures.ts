/**
 * The equations between meters, agents, gateway and ledger, kept apart from the program's own
 * reconciliation so that a mistake there is not repeated here.
 * @module
 */

export type DeviceBooks = {
  readonly device: string
  /** From the meter's own register: what flowed since it was new. */
  readonly units: bigint
  /** From the gateway's store. */
  readonly unitsPaid: bigint
  /** From the agent. */
  readonly unitsUnpaid: bigint
  readonly creditUnits: bigint
  readonly unitsPerTick: bigint
  /** From the gateway's store. */
  readonly paid: bigint
  /** What the price list says is due for `unitsPaid`. */
  readonly due: bigint
}

export type Books = {
  readonly devices: readonly DeviceBooks[]
  /** From the gateway's store. */
  readonly accepted: bigint
  /** From the entries of the ledger. */
  readonly settled: bigint
  /** From the gateway's store. */
  readonly unsettled: bigint
  readonly ledgerSum: bigint
}

/** One line for each equation that does not hold. */
export function brokenEquations(books: Books): readonly string[] {
  const broken: string[] = []
  const hold = (isSo: boolean, line: string) => {
    if (!isSo) broken.push(line)
  }
  for (const one of books.devices) {
    const { device, units, unitsPaid, unitsUnpaid, creditUnits, unitsPerTick, paid, due } = one
    const remainder = units - unitsPaid - unitsUnpaid
    const sum = `${device}: ${units} units, ${unitsPaid} paid, ${unitsUnpaid} unpaid`
    hold(remainder >= 0n && remainder < unitsPerTick, `${sum}: ${remainder} are left over`)
    hold(unitsPaid % unitsPerTick === 0n, `${sum}: paid is no whole number of ticks`)
    hold(unitsUnpaid <= creditUnits, `${sum}: more than the credit of ${creditUnits}`)
    hold(paid === due, `${device}: ${paid} is paid and ${due} is due for ${unitsPaid} units`)
  }
  const { accepted, settled, unsettled, ledgerSum } = books
  const paid = books.devices.reduce((sum, one) => sum + one.paid, 0n)
  hold(paid === accepted, `${accepted} accepted, the channels add up to ${paid}`)
  hold(settled + unsettled === accepted, `${settled} + ${unsettled} are not ${accepted}`)
  hold(ledgerSum === 0n, `the ledger adds up to ${ledgerSum}`)
  return broken
}

/** What the ledger paid to payees out of allocations. */
export function settledBy(
  entries: readonly {
    readonly debit: string
    readonly credit: string
    readonly amount: string
  }[],
): bigint {
  const isPayment = (one: { readonly debit: string; readonly credit: string }) =>
    one.debit.startsWith('allocation:') && one.credit.startsWith('payee:')
  return entries.filter(isPayment).reduce((sum, { amount }) => sum + BigInt(amount), 0n)
}
