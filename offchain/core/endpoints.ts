// SPDX-License-Identifier: MIT

/** So many addresses of one worker are tried: a record must not keep a caller busy for minutes. */
export const MAX_ENDPOINTS = 4;
const MAX_LENGTH = 200;

/**
 * The HTTP addresses in a worker's record, which its owner wrote. Scheme, host and port only: a path, query or user name could aim a
 * caller's request at another service. What is anything else is left out.
 */
export function parseEndpoints(text: string): string[] {
  // Bounds the work before anything is split: the record may be as long as a transaction.
  const words = text.slice(0, (MAX_LENGTH + 1) * 4 * MAX_ENDPOINTS).split(/\s+/);
  return words.filter(isEndpoint).slice(0, MAX_ENDPOINTS);
}

function isEndpoint(word: string): boolean {
  if (word.length > MAX_LENGTH || !URL.canParse(word)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(word);
  const isHttp = protocol === "http:" || protocol === "https:";
  return isHttp && pathname === "/" && search + hash + username + password === "";
}

/** A libp2p address of a worker's record: host and TCP port only; the identity stands in the record beside it. */
export const isLibp2pEndpoint = (word: string): boolean =>
  word.length <= MAX_LENGTH && /^\/(ip4|ip6|dns|dns4|dns6)\/[\w.:-]+\/tcp\/\d{1,5}$/.test(word);
