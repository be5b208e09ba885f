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
  'latency: p99 as a multiple of that of bare aedes':
    'The median is 1.6 times that of aedes; the p99 is what follows a pause of 5 to 20 ms of ' +
    'the event loop: collections of the young generation (3 to 6 ms), the first round of the ' +
    'watch while it is compiled (9 ms; four times smaller turns since), receipts. At half of ' +
    'the maximum a queue of 18,000 messages a second drains slowly, because each write to a ' +
    'socket is 9 us. At 13,600 a second the same case gave 9.7 ms and 3.1. A second thread ' +
    'for writing would help.',
  'ingest: (d) tick rate of (c)':
    'Sending 64 ticks in a message saves the packet and the acknowledgement, and those have ' +
    'become cheap: (c) costs 1.7 us a tick, (d) 1.0, of which the hash is 0.3, its comparison ' +
    'and copies 0.2, register, journal and ack the rest. Five times (c) would need 0.35 us a ' +
    'tick, little more than the bare hash: only hashing in other threads gets there.',
  'scale: rate at 1m, share of that at 1k':
    'Both have become faster, the thousand more (142,000 and 65,000 before), since devices ' +
    'that pay this fast are no finding of the watch any more. A tick takes 4.3 us of CPU in ' +
    'place of 1.6: in a profile a fifth of the busy time is receipts, and the rest of the ' +
    'difference is spread over every step: each message is of a device whose connection, ' +
    'session and 64 registers no cache holds any more. Receipts in another thread, and fewer ' +
    'objects a connection, would help.',
  'scale: the same with all connected and ticking, MB':
    'A million slots on 15,625 connections: by the case connections some 34 KiB a connection, ' +
    '530 MB. What a session keeps of a slot lies in columns, some 30 bytes; the rest is the ' +
    'state that was there before anybody came, 334 MB, receipts on their way, and what V8 has ' +
    'not collected. Fewer bytes a connection would need sockets that are not those of Node.',
  'agent: CPU us a tick, 200 ticks/s in all, the most of all':
    'It goes by readings, not by ticks: 16 meters take 30 ms of CPU a second when they share ' +
    '200 ticks a second and 37 ms when each of them brings 200. A reading is a request, an ' +
    'answer and, where units flowed, a message. Fewer readings a second cost less and make ' +
    'supply follow later.',
  'settle: 10000 channels settled the first time, seconds':
    'The first time both signatures of each channel are verified: 356 us of CPU a claim in ' +
    'all threads, so 1.8 s of two cores are the least, and rounds took 1.9 to 2.7 s. On the ' +
    'same machine it took 1.3 to 1.7 s hours before, when bare aedes carried 47,000 ticks/s ' +
    'beside 33,000 now. More cores or a faster verification of P-256 would help.',
  'fraud: detected within 4 h: use at night':
    'Whoever often cooks or washes late has used as much near midnight before, and 2 kW more is ' +
    'then not above what the hours around have seen. It is advice of a baseline, no proof of a ' +
    'rule; a bound that finds more of it cries wolf more often than once in 1,000 days.',
  'floods: bad-passwords: memory 60 s after, share of before':
    'After a collection the process has 206 to 216 MB or 228 to 232, before and after floods of ' +
    'either kind, and goes back by itself beside the next: one half of what V8 keeps for young ' +
    'objects, 16 MB, is in memory or is not. Nothing of it belongs to the flood.',
  'floods: subscribes: memory 60 s after, share of before': 'As with bad-passwords.',
  'tls: 10,000 devices paying again with a full handshake each, seconds':
    'A login takes 4.7 ms of CPU of one thread on Node 20, of which 3.5 are the handshake, and ' +
    'more while the program is cold. On Node 24, whose OpenSSL is 3.5 and which the packages ' +
    'carry, a login takes 3.3 ms, and all were back after 53 s on the same machine.',
  'chain: verify step, share of the bare loop to text':
    'Putting the index and the next word into the block and comparing the result takes 60 ns ' +
    'beside a hash of 320.',
}

export function reasonOf(caseName: string, target: string): string {
  return reasons[`${caseName}: ${target}`] ?? ''
}
