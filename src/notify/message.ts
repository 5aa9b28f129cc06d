import type { Notification } from '../domain/notification.js';

/** The JSON body for a webhook. Chat webhooks show `text`. */
export interface WebhookMessage {
  version: 1;
  /** Also in the header `Idempotency-Key`. A receiver that has seen it has already seen this message. */
  idempotency_key: string;
  kind: Notification['kind'];
  job: string | null;
  run: string | null;
  host: string | null;
  agent: string | null;
  repo: string | null;
  outcome: Notification['outcome'];
  reason: string;
  evidence: Notification['evidence'];
  /** The command that shows more, to copy into a shell; null if the message is not about a job. */
  explain: string | null;
  text: string;
}

/** A notification as the JSON body for a webhook. */
export function toWebhookMessage(notification: Notification): WebhookMessage {
  const { key, kind, jobId, runKey, host, agent, repo, outcome, reason, evidence, text } = notification;
  return {
    version: 1,
    idempotency_key: key,
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
  };
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
