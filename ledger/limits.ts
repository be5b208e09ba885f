/**
 * Bounds of a ledger, with the reason beside each; those of the protocol are in protocol/limits.ts.
 * @module
 */

/** One submission: a gateway with more channels to settle sends several. */
export const CLAIMS_PER_SUBMISSION_MAX = 16_384
/** Results kept for repeats; a gateway has a handful of submissions under way. */
export const SUBMISSIONS_REMEMBERED_MAX = 64
/** Channels whose newest proof is kept in memory, about 400 bytes each. */
export const PROVEN_CHANNELS_MAX = 16_384
/** Hashes of names (fleet, gateway, meter, asset) kept while digests are made. */
export const TEXT_HASHES_MAX = 4_096
/** Requests of one allocation that wait for the end of their notice. */
export const WITHDRAWALS_WAITING_MAX = 16
/** Keys and references: they stand in CSV files, so no character is special there. */
export const REFERENCE_CHARS_MAX = 128
export const ENTRIES_PER_PAGE_MAX = 1_000
/** Entries looked at for one page of one account's entries. */
export const ENTRIES_SCANNED_MAX = 100_000
/** Hashes after which a submission lets others run: a few milliseconds. */
export const SLICE_COST_HASHES = 4_096
/** What checking one claim costs beside its tail, in hashes: two signatures and three digests. */
export const CLAIM_COST_HASHES = 256
/** Claims read between two breaths: 3 ms. */
export const READS_PER_SLICE = 128
/** Key objects kept by the fast verifier, about 1 kB each. */
export const KEY_OBJECTS_MAX = 16_384
/** Signatures that a process remembers to have verified, 36 bytes each: 9 MiB when it is full. */
export const VERIFIED_SIGNATURES_MAX = 262_144
/** What applying a claim costs when it was proved ahead, in hashes. */
export const PROVED_CLAIM_COST_HASHES = 48
/** Threads that prove ahead: settlement never takes more of a machine, however large it is. */
export const PROVER_THREADS_MAX = 2
/** Key objects kept by each of these threads. */
export const PROVER_KEY_OBJECTS_MAX = 4_096
/** Under so many hashes of work a thread is not worth the way to it. */
export const PROVER_WORK_HASHES_MIN = 4_096
/** Hashes that take as long as verifying one signature. */
export const SIGNATURE_COST_HASHES = 200
