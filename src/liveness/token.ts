import { createHash } from 'node:crypto';
import { isPossibleStart } from './boot-time.js';
import { isBootId } from './stamp.js';

/** What a token says of a process: its stamp without the machine, in 36 characters that a queue stores as a worker's name. */
export interface TokenParts {
  bootId: string;
  /** The inode of the pid namespace that the process is in. */
  pidNamespace: string;
  /** As the process itself counts it. */
  pid: number;
  /** Start ticks on the kernel's own clock. */
  start: string;
}

/** What can be read from a token: of the boot id only a hash is in it. */
export interface ParsedToken extends Omit<TokenParts, 'bootId'> {
  /** The first 8 bytes of SHA-256 of the boot id, in hex. */
  bootHash: string;
}

const PREFIX = 'jr1.';
const WHOLE = /^jr1\.([A-Za-z0-9_-]{32})$/;
const MAX_U32 = 0xffff_ffff;

/**
 * Writes a token: `jr1.` and base64url of 24 bytes, all numbers big-endian: the first 8 of SHA-256 of the boot id's text, pid namespace
 * (4), pid (4), start ticks (6), and the first 2 of SHA-256 of the 22 before them.
 *
 * @returns null for values that no process has
 */
export function formatToken({ bootId, pidNamespace, pid, start }: TokenParts): string | null {
  const namespace = Number(pidNamespace);
  const isPossible =
    isBootId(bootId) &&
    isU32(namespace) &&
    isU32(pid) &&
    pid > 0 &&
    /^\d+$/.test(start) &&
    isPossibleStart(start);
  if (!isPossible) return null;
  const bytes = Buffer.alloc(24);
  sha256(bootId).copy(bytes, 0, 0, 8);
  bytes.writeUInt32BE(namespace, 8);
  bytes.writeUInt32BE(pid, 12);
  bytes.writeUIntBE(Number(start), 16, 6);
  sha256(bytes.subarray(0, 22)).copy(bytes, 22, 0, 2);
  return PREFIX + bytes.toString('base64url');
}

/** Reads a text that is a token and nothing else; null for any other text. */
export function parseToken(text: string): ParsedToken | null {
  const bytes = Buffer.from(WHOLE.exec(text)?.[1] ?? '', 'base64url');
  if (bytes.length !== 24 || !sha256(bytes.subarray(0, 22)).subarray(0, 2).equals(bytes.subarray(22)))
    return null;
  return {
    bootHash: bytes.toString('hex', 0, 8),
    pidNamespace: String(bytes.readUInt32BE(8)),
    pid: bytes.readUInt32BE(12),
    start: String(bytes.readUIntBE(16, 6)),
  };
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_U32;
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
