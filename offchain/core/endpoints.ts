// SPDX-License-Identifier: MIT

/** So many addresses of one worker are tried: a record must not keep a caller busy for minutes. */
export const MAX_ENDPOINTS = 4;
const MAX_LENGTH = 200;

/**
 * The addresses in a worker's record, which its owner wrote. Scheme, host and port only: a path, query or user name could aim a
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
