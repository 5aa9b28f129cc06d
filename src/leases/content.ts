import { z } from 'zod';
import type { Lease } from '../domain/lease.js';

/** The maximum number of bytes read of a lease file; a real one has a few hundred. */
export const MAX_CONTENT_BYTES = 64 * 1024;

/** Control characters and lone surrogates could not be recorded. */
const text = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,500}$/u, 'to be 1 to 500 printable characters');

const time = z.iso
  .datetime({ offset: true, error: 'to be a time like 2026-01-31T12:00:00Z' })
  .transform((value) => new Date(value))
  .refine((value) => value.getTime() > 0, 'to be a time after 1970');

const contentSchema = z.object({
  repo: text,
  token: text,
  pid: z.int('to be a whole number or null').nullable(),
  host: text.nullable(),
  identity: text.nullable(),
  /** Other programs may leave it out: then each term counts as a separate holding. */
  held_since: time.optional(),
  acquired_at: time,
  ttl_s: z.number('to be a number of seconds').positive('to be more than 0 seconds'),
});

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
  const parsed = contentSchema.safeParse(jsonOrUndefined(json));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.');
    const why =
      field === undefined || field === ''
        ? 'expected the file to contain a JSON object'
        : `expected \`${field}\` ${issue?.message ?? ''}`;
    return { kind: 'unreadable', why };
  }
  const { acquired_at: acquiredAt, held_since: heldSince = acquiredAt, ttl_s: ttlS, ...rest } = parsed.data;
  return { kind: 'lease', lease: { ...rest, heldSince, acquiredAt, ttlS } };
}

function jsonOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
