/**
 * Vectors of topics and of the access rule.
 * @module
 */
import { mayAccess } from '../../../protocol/access.ts'
import { parseTopic } from '../../../protocol/topics.ts'
import { actions, identities, topics } from '../accessCases.ts'
import { formatFile, toJson } from './json.ts'

export function topicVectors(): string {
  const decisions = Object.entries(identities).flatMap(([name, identity]) =>
    actions.map((action) => ({
      identity: name,
      action,
      allowed: topics.filter((topic) => mayAccess(identity, action, topic)),
    })),
  )
  return formatFile({
    about: [
      'Section 12. topics: with what they are read as, or null. identities: kind reader is a',
      'tool of a person. decisions: what of all these topics (for subscribe: filters) is',
      'allowed; everything else is refused.',
    ],
    topics: topics.map((topic) => ({ topic, parsed: toJson(parseTopic(topic)) })),
    identities: Object.fromEntries(
      Object.entries(identities).map(([name, identity]) => [name, toJson(identity)]),
    ),
    decisions,
  })
}
