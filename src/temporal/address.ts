import { isIPv4, isIPv6 } from 'node:net';

/** The host of `host:port` or `[IPv6]:port`, without brackets; null for anything else, including an impossible port. */
export function hostOf(address: string): string | null {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return null;
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : null;
  const isName = plain.length <= 253 && /^\w([\w.-]*[\w.])?$/.test(plain);
  return isName ? plain : null;
}

/** Whether the address is on this machine. */
export function isLoopback(host: string): boolean {
  return host === '::1' || /^(.+\.)?localhost$/i.test(host) || (isIPv4(host) && host.startsWith('127.'));
}
