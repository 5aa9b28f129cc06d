import type { Outcome } from './types.js';

/** What people are told of: a claim that ended its job as failed, or an alert. */
export type NotificationKind =
  'failed' | 'backstop alive' | 'backstop unknown' | 'host without probe' | 'survivor';

/** What people are told. It is the same at every sending. */
export interface Notification {
  id: number;
  /** The idempotency key: printable ASCII. */
  key: string;
  kind: NotificationKind;
  /** Null for an alert about a host. */
  jobId: string | null;
  runKey: string | null;
  host: string | null;
  agent: string | null;
  repo: string | null;
  /** How the claim ended the run; null for an alert. */
  outcome: Outcome | null;
  reason: string;
  /** The claim's evidence; null for an alert. */
  evidence: Record<string, unknown> | null;
  /** The sentence for a person. */
  text: string;
}

/**
 * What became of one sending. `sent`: it arrived. `not delivered`: it did not. `unknown`: nobody can tell. `refused`: it did
 * not and never will, unless a setting is changed. Each `why` is free of secrets.
 */
export type Delivery =
  | { result: 'sent' }
  | { result: 'not delivered'; why: string; retryAfterS?: number | undefined }
  | { result: 'unknown' | 'refused'; why: string };

/** How a notification was settled: somebody was told, nobody is to be told, or nobody could be told. */
export type SettledAs = 'sent' | 'no channel' | 'given up';
