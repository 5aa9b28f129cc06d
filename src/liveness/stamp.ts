/** A Linux stamp: the process that started at this tick, in this pid namespace of this boot. */
export interface LinuxStamp {
  scheme: 'linux';
  /** Empty if the machine has none, like most containers. */
  machineId: string;
  bootId: string;
  pidNamespace: string;
  start: string;
}

/** A stamp from a platform without `/proc`: the process that `ps` on this host shows with this start time. */
export interface PsStamp {
  scheme: 'ps';
  host: string;
  start: string;
}

export type IdentityStamp = LinuxStamp | PsStamp;

export const STAMP_FORMATS = {
  linux: 'linux:<machine id>:<boot id>:<pid namespace inode>:<start ticks>',
  ps: 'ps:<host>:<start time as ps prints it>',
} as const;

/*
 * Strict on purpose: a field that is cut, padded or in another case would compare as "another process" and so
 * as dead. As malformed it is only unknown. The machine id alone is free text: it can only contribute to a death
 * verdict if it equals the probe's own.
 */
const BOOT_ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const DECIMAL = '(?:0|[1-9][0-9]{0,19})';
const BOOT_ID_ALONE = new RegExp(`^${BOOT_ID}$`);
const LINUX = new RegExp(`^linux:([^:\\s]*):(${BOOT_ID}):(${DECIMAL}):(${DECIMAL})$`);
const PS_START = '[A-Z][a-z]{2} +[A-Z][a-z]{2} +[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}';
// The start time's fixed form anchors the end, so colons in it and in a host name do no harm.
const PS_START_ALONE = new RegExp(`^${PS_START}$`);
const PS = new RegExp(`^ps:(.+):(${PS_START})$`);

/** Reads a stamp; null for any text that is not exactly one. */
export function parseStamp(text: string): IdentityStamp | null {
  const linux = LINUX.exec(text);
  if (linux !== null) {
    const [, machineId = '', bootId = '', pidNamespace = '', start = ''] = linux;
    return { scheme: 'linux', machineId, bootId, pidNamespace, start };
  }
  const ps = PS.exec(text);
  if (ps === null) return null;
  const [, host = '', start = ''] = ps;
  return { scheme: 'ps', host, start: singleSpaced(start) };
}

/** Writes a stamp as launchers store it. */
export function formatStamp(stamp: IdentityStamp): string {
  if (stamp.scheme === 'ps') return `ps:${stamp.host}:${stamp.start}`;
  return `linux:${stamp.machineId}:${stamp.bootId}:${stamp.pidNamespace}:${stamp.start}`;
}

/** `ps` pads the day with a second space, which an unquoted shell variable loses: both must compare equal. */
export function singleSpaced(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

/** True for a boot id as the kernel writes it. */
export function isBootId(text: string): boolean {
  return BOOT_ID_ALONE.test(text);
}

/** True for a start time as `ps` prints it with LC_ALL=C: other formats are ambiguous. */
export function isPsStart(text: string): boolean {
  return PS_START_ALONE.test(text);
}
