import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Clock ticks per second, the unit of a process's start on Linux. */
export const TICKS_PER_S = 100;
/** Over 300 years. A start before the reader's own clock began is read as a larger number. */
const MAX_TICKS = 1e12;

/**
 * How far this process's time namespace shifts the clock of process starts, in ticks: 0 outside of one. The kernel adds it to
 * every start that this process reads, of whichever process.
 *
 * @throws if the readable offset is that of this process's children, not its own
 */
export function readBootOffset(procRoot: string): number {
  const own = linkOf(join(procRoot, 'self/ns/time'));
  const forChildren = linkOf(join(procRoot, 'self/ns/time_for_children'));
  if (own !== forChildren) {
    throw new Error(
      `the time namespace of this process (${own ?? 'none'}) is not that of its children (${forChildren ?? 'none'}): start it again inside that namespace`,
    );
  }
  return readOffsetOf('self', procRoot);
}

/**
 * The same for the time namespace of any process, or rather of its children.
 *
 * @throws if it cannot be read
 */
export function readOffsetOf(pid: number | 'self', procRoot: string): number {
  let text: string;
  try {
    text = readFileSync(join(procRoot, String(pid), 'timens_offsets'), 'latin1');
  } catch (error) {
    // A kernel without time namespaces.
    if (isMissing(error) && linkOf(join(procRoot, 'self/ns/time')) === null) return 0;
    throw error;
  }
  const [, seconds, nanoseconds] = /^(?:boottime|7)\s+(-?\d+)\s+(\d+)\s*$/m.exec(text) ?? [];
  if (seconds === undefined || nanoseconds === undefined) {
    throw new Error(`${join(procRoot, String(pid), 'timens_offsets')} has an unexpected format`);
  }
  return Number(seconds) * TICKS_PER_S + Math.floor((Number(nanoseconds) * TICKS_PER_S) / 1e9);
}

/** A start that this process reads, converted to the kernel's own clock; null for an impossible one. */
export function normalizeTicks(read: string, offset: number): string | null {
  const ticks = Number(read) - offset;
  return Number(read) <= MAX_TICKS && ticks >= 0 && ticks <= MAX_TICKS ? String(ticks) : null;
}

/** Whether a stamp's ticks can be a start at all. */
export function isPossibleStart(ticks: string): boolean {
  return Number(ticks) <= MAX_TICKS;
}

/** Equal except for the fraction of a tick that an offset cuts off. */
export function isSameStart(one: string, other: string): boolean {
  return Math.abs(Number(one) - Number(other)) <= 1;
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
