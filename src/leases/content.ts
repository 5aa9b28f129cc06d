import type { Lease } from '../domain/lease.js';

/** The maximum number of bytes read of a lease file; a real one has a few hundred. */
export const MAX_CONTENT_BYTES = 64 * 1024;

/** What a file contains. */
export type LeaseContent = { kind: 'lease'; lease: Lease } | { kind: 'unreadable'; why: string };

/** The text of a lease file. */
export function formatLease({ heldSince, acquiredAt, ttlS, ...rest }: Lease): string {
  const content = { ...rest, held_since: heldSince, acquired_at: acquiredAt, ttl_s: ttlS };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Reads the text of a lease file. Unknown fields are ignored. */
export function parseLease(json: string): LeaseContent {
  if (json.trim() === '') return { kind: 'unreadable', why: 'the file is empty' };
  const content = objectOrUndefined(json);
  if (content === undefined) {
    return { kind: 'unreadable', why: 'expected the file to contain a JSON object' };
  }
  for (const [field, mistakeIn] of Object.entries(RULES)) {
    const mistake = mistakeIn(content[field]);
    if (mistake !== null) return { kind: 'unreadable', why: `expected \`${field}\` ${mistake}` };
  }
  const { repo, token, pid, host, identity, held_since, acquired_at, ttl_s } = content as unknown as Content;
  const acquiredAt = new Date(acquired_at);
  const heldSince = held_since === undefined ? acquiredAt : new Date(held_since);
  return { kind: 'lease', lease: { repo, token, pid, host, identity, heldSince, acquiredAt, ttlS: ttl_s } };
}

/** The JSON of a lease file. */
interface Content {
  repo: string;
  token: string;
  pid: number | null;
  host: string | null;
  identity: string | null;
  /** Other programs may leave it out: then each term counts as a separate holding. */
  held_since?: string;
  acquired_at: string;
  ttl_s: number;
}

/** What a field was expected to be, or null if it is that. */
type Rule = (value: unknown) => string | null;

/*
 * Written out, because launchers load this: a schema library alone takes longer to load than everything else they need.
 */
const RULES: Record<keyof Content, Rule> = {
  repo: text,
  token: text,
  pid: (value) => (value === null || Number.isSafeInteger(value) ? null : 'to be a whole number or null'),
  host: (value) => (value === null ? null : text(value)),
  identity: (value) => (value === null ? null : text(value)),
  held_since: (value) => (value === undefined ? null : time(value)),
  acquired_at: time,
  ttl_s(value) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return 'to be a number of seconds';
    return value > 0 ? null : 'to be more than 0 seconds';
  },
};

/** Control characters and lone surrogates could not be recorded. */
function text(value: unknown): string | null {
  const isText = typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{1,500}$/u.test(value);
  return isText ? null : 'to be 1 to 500 printable characters';
}

/** ISO 8601, to the second or finer, with `Z` or an offset. */
const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

function time(value: unknown): string | null {
  const date = typeof value === 'string' ? TIME.exec(value)?.[1] : undefined;
  if (date === undefined || !isInCalendar(date)) return 'to be a time like 2026-01-31T12:00:00Z';
  return Date.parse(value as string) > 0 ? null : 'to be a time after 1970';
}

/** `Date` would read February 30 as March 2. */
function isInCalendar(date: string): boolean {
  const midnight = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
}

function objectOrUndefined(json: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
