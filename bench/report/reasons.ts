/**
 * Why a target is missed: what profiling showed, written by hand. The page shows it beside the
 * target as long as the target is missed.
 * @module
 */

/** By `case: target`. */
export const reasons: Readonly<Record<string, string>> = {
  'ingest: (a) rate of bare aedes':
    'Both spend most of a tick in one read and one write of the socket. Here the write comes ' +
    'after the sync, when the connection has left the cache, and carries an ack of 110 bytes ' +
    'beside the PUBACK: 13 us of 31, where aedes takes 10 of 21. Fewer system calls would help ' +
    '(several sockets a call), which Node does not offer; or a second thread.',
  'ingest: (d) tick rate of (c)':
    'Sending 64 ticks in a message saves the packet and the acknowledgement, and those have ' +
    'become cheap: (c) costs 1.7 us a tick, (d) 1.0, of which the hash is 0.3, its comparison ' +
    'and copies 0.2, register, journal and ack the rest. Five times (c) would need 0.35 us a ' +
    'tick, little more than the bare hash: only hashing in other threads gets there.',
  'scale: rate at 1m, share of that at 1k':
    'Receipts: of a million channels that all move in 30 s they are 140 s of work, done between ' +
    'the ticks. Since this was measured they have a tenth of the time at most and come later ' +
    'instead; without any receipts the share was 0.87. To be measured again.',
  'scale: written to disk, bytes a tick':
    'The receipts of a million channels, some 700 bytes each in the database; a round without ' +
    'any wrote 48 bytes a tick.',
  'scale: the same with all connected and ticking, MB':
    'A million slots on 15,625 connections: by the case connections some 30 KiB a connection, ' +
    '470 MB. What a session keeps of a slot lies in columns, some 30 bytes; the rest is the ' +
    'state that was there before anybody came, 335 MB, receipts on their way, and what V8 has ' +
    'not collected. Fewer bytes a connection would need sockets that are not those of Node.',
  'agent: CPU us a tick, 200 ticks/s in all, the most of all':
    'It goes by readings, not by ticks: 16 meters take 30 ms of CPU a second when they share 200 ' +
    'ticks a second and 37 ms when each of them brings 200. A reading is a request, an answer and, ' +
    'where units flowed, a message. Fewer readings a second cost less and make supply follow later.',
  'settle: 10000 channels settled the first time, seconds':
    'The first time both signatures of each channel are verified: 356 us of CPU a claim in all ' +
    'threads, so 1.8 s of two cores are the least, and rounds took 1.9 to 2.7 s. On the same ' +
    'machine it took 1.3 to 1.7 s hours before, when bare aedes carried 47,000 ticks/s beside ' +
    '33,000 now. More cores or a faster verification of P-256 would help.',
  'fraud: detected within 4 h: use at night':
    'Whoever often cooks or washes late has used as much near midnight before, and 2 kW more is ' +
    'then not above what the hours around have seen. It is advice of a baseline, no proof of a ' +
    'rule; a bound that finds more of it cries wolf more often than once in 1,000 days.',
  'chain: verify step, share of the bare loop to text':
    'Putting the index and the next word into the block and comparing the result takes 60 ns ' +
    'beside a hash of 320.',
}

export function reasonOf(caseName: string, target: string): string {
  return reasons[`${caseName}: ${target}`] ?? ''
}
