import type { Outcome } from './types.js';

/** What people are told about: a claim that failed its job, or an alert. */
export type NotificationKind =
  | 'failed'
  | 'backstop alive'
  | 'backstop unknown'
  | 'crash budget'
  | 'host without probe'
  | 'survivor'
  | 'digest';

/** What a digest says of the many messages that it stands for. */
export interface Digest {
  /** Their kind. */
  of: NotificationKind;
  count: number;
  /** How many there are of each agent and reason, the most frequent first, at most 20. Reasons omit pids, ages and times. */
  groups: { agent: string | null; reason: string; count: number }[];
  /** The first jobs, or hosts. */
  first: string[];
  /** The command that lists them. */
  list: string;
}

/** What people are told. Each attempt to send it sends the same. */
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
  /** Null unless its kind is `digest`. @default null */
  digest?: Digest | null;
}

/**
 * What became of one attempt to send. `sent`: it arrived. `not delivered`: it did not. `unknown`: it may have arrived. `refused`: it
 * did not and never will, unless a setting is changed. No `why` contains a secret.
 */
export type Delivery =
  | { result: 'sent' }
  | { result: 'not delivered'; why: string; retryAfterS?: number | undefined }
  | { result: 'unknown' | 'refused'; why: string };

/** How a notification was settled: sent, no channel to send it on, or given up. (Or `digest`: another one stands for it.) */
export type SettledAs = 'sent' | 'no channel' | 'given up';

/**
 * Telegram's channel. Telegram has no idempotency keys, so this channel alone sends at most once: a message that may have
 * arrived is never sent again. Any other channel sends a message until it is known to have arrived.
 */
export const TELEGRAM = 'telegram';

/** The names of the built-in channels, which no notifier may have. */
export const BUILT_IN_CHANNELS = [TELEGRAM, 'webhook'] as const;
