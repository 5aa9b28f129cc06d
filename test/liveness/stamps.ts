import { expect } from 'vitest';
import { processIdentity } from '../../src/liveness/index.js';
import { formatStamp, parseStamp, type LinuxStamp } from '../../src/liveness/stamp.js';

/** A stamp of a live process with some fields forged. */
export function forged(pid: number, fields: Partial<Omit<LinuxStamp, 'scheme'>>): string {
  return formatStamp({ ...linuxStampOf(pid), ...fields });
}

export function linuxStampOf(pid: number): LinuxStamp {
  const stamp = parseStamp(stampOf(pid));
  if (stamp?.scheme !== 'linux') throw new Error(`pid ${pid} has no linux stamp`);
  return stamp;
}

export function stampOf(pid: number): string {
  const text = processIdentity(pid);
  expect(text).not.toBeNull();
  return text ?? '';
}

export const OTHER_BOOT = '00000000-0000-4000-8000-000000000000';
export const OTHER_MACHINE = 'f'.repeat(32);
