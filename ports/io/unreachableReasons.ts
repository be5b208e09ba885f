/**
 * Why another host could not be reached, or went away, in words for whoever runs this.
 * @module
 */

/** By the code of an error of a socket. */
export const unreachableReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no network',
  ECONNRESET: 'it closed the connection',
}
