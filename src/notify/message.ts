import type { Notification } from '../domain/notification.js';

/** What a webhook is sent. `text` is what chat webhooks show. */
export interface WebhookMessage {
  version: 1;
  /** Also the header `Idempotency-Key`: whoever has seen it has seen this message. */
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
  /** The command that tells more, to copy into a shell; null where it is not about a job. */
  explain: string | null;
  text: string;
}

/** A notification as a webhook is sent it. */
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

/** A text as one word of a POSIX shell; plain words stay as they are. */
function quoteForShell(text: string): string {
  if (/^[A-Za-z0-9._:@/-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
