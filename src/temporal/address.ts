import { isIPv4, isIPv6 } from 'node:net';

/** Where a server listens. IPv6 addresses are without brackets. */
export interface HostAndPort {
  host: string;
  port: number;
}

/** Reads `host:port` or `[IPv6]:port`; null for anything else, a port that none can have included. */
export function parseAddress(text: string): HostAndPort | null {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return null;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : null;
  return isHostName(plain) ? { host: plain, port } : null;
}

/** A name of the DNS, or an IPv4 address. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text);
}

/** Whether what is sent there stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === '::1' || /^(.+\.)?localhost$/i.test(host) || (isIPv4(host) && host.startsWith('127.'));
}
