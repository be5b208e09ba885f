/**
 * The version of this program, the same as in package.json (a test holds the two together).
 * @module
 */

export const VERSION = '0.1.0'
