import type { Digest, Notification, NotificationKind } from '../domain/notification.js';
import type { Outcome } from '../domain/types.js';

/** What a notifier gets. */
export interface NotifierMessage {
  /** The same for each attempt. A receiver that has seen it has already seen this message. */
  idempotencyKey: string;
  kind: NotificationKind;
  job: string | null;
  run: string | null;
  host: string | null;
  agent: string | null;
  repo: string | null;
  /** How the claim ended the run; null for an alert. */
  outcome: Outcome | null;
  reason: string;
  /** The claim's evidence; null for an alert. */
  evidence: Record<string, unknown> | null;
  /** The command that shows more, to copy into a shell; null if the message is not about a job. */
  explain: string | null;
  text: string;
  /** What many messages say together; only in a message of kind `digest`, of which every other field but `text` is empty. */
  digest?: Digest;
}

/**
 * The JSON body for a webhook: version 2 for a digest, 1 for everything else. Chat webhooks show `text`. The header `Idempotency-Key`
 * repeats the key.
 */
export type WebhookMessage = { version: 1 | 2; idempotency_key: string } & Omit<
  NotifierMessage,
  'idempotencyKey'
>;

/** A notification as a notifier gets it. */
export function toNotifierMessage(notification: Notification): NotifierMessage {
  const { key, kind, jobId, runKey, host, agent, repo, outcome, reason, evidence, text, digest } =
    notification;
  return {
    idempotencyKey: key,
    kind,
    job: jobId,
    run: runKey,
    host,
    agent,
    repo,
    outcome,
    reason,
    evidence,
    explain: jobId === null ? null : explainCommand(jobId),
    text,
    ...(digest && { digest }),
  };
}

/** A notification as the JSON body for a webhook. */
export function toWebhookMessage(notification: Notification): WebhookMessage {
  const { idempotencyKey, ...rest } = toNotifierMessage(notification);
  return { version: rest.digest ? 2 : 1, idempotency_key: idempotencyKey, ...rest };
}

/** The command that explains a job. */
export function explainCommand(jobId: string): string {
  const separator = jobId.startsWith('-') ? '-- ' : '';
  return `job-reaper explain ${separator}${quoteForShell(jobId)}`;
}

/** Quotes a text as one word for a POSIX shell; plain words stay as they are. */
function quoteForShell(text: string): string {
  if (/^[A-Za-z0-9._:@/-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
