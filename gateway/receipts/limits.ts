/**
 * Bounds of receipts, each with its reason.
 * @module
 */

/** How often receipts are made unless the configuration says otherwise. */
export const RECEIPT_SECONDS_DEFAULT = 30
/** Channels below one signature: one entry of the journal, and some 3 MB while it is made. */
export const RECEIPTS_PER_ROOT_MAX = 16_384
/** With as many receipts as one root has, an entry of the journal stays below its bound. */
export const TARIFFS_PER_ROOT_MAX = 1_024
/** Channels compared in one turn of the event loop. */
export const LOOKS_PER_TURN = 8_192
/** Records of the cold state read in one turn, at 40 us each. */
export const READS_PER_TURN = 64
/** Leaves hashed in one turn: about 40 us each. */
export const LEAVES_PER_TURN = 32
/** Inner nodes hashed in one turn: about 10 us each. */
export const NODES_PER_TURN = 128
/** Receipts handed out in one turn: about 60 us each. */
export const SENT_PER_TURN = 32
/** Receipts that are filed and handed on before the disk has taken those before: some 1 MB. */
export const RECEIPTS_WAITING_MAX = 1_024
/**
 * Of the event loop's time that making receipts may take: a tenth. With a million channels that all
 * move, each 30 s would bring two minutes of work, and ticks came in at a third of their rate; a
 * receipt then comes later instead, and says as much.
 */
export const RECEIPTS_SHARE = 0.1
/** A turn that seems longer has waited for a disk or for other work. */
export const TURN_MS_MAX = 20
