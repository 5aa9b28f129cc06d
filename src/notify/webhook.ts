import type { Delivery } from '../domain/notification.js';
import type { Channel } from './channels.js';
import { toWebhookMessage } from './message.js';
import { judgeStatus, postJson, retryAfterOf } from './post-json.js';

/**
 * A webhook gets a message at least once, always with the same key and content. Its URL may contain a secret that its answers
 * may repeat, so neither is ever quoted.
 */
export function createWebhook(webhookUrl: string): Channel {
  const url = new URL(webhookUrl);
  return {
    name: 'webhook',
    async send(notification, signal): Promise<Delivery> {
      const posted = await postJson(url, toWebhookMessage(notification), {
        headers: { 'idempotency-key': notification.key },
        signal,
      });
      if (posted.kind === 'unsent') return { result: 'not delivered', why: posted.why };
      if (posted.kind === 'unanswered') return { result: 'unknown', why: posted.why };
      const why = `HTTP ${posted.status}`;
      switch (judgeStatus(posted.status)) {
        case 'taken':
          return { result: 'sent' };
        case 'later':
        case 'failed':
          return { result: 'not delivered', why, retryAfterS: retryAfterOf(posted.headers) };
        case 'refused':
          return { result: 'refused', why: `${why}${hintOf(posted.status)}; check REAPER_WEBHOOK_URL` };
      }
    },
  };
}

function hintOf(status: number): string {
  if (status === 401 || status === 403) return ': access denied';
  return status === 404 || status === 410 ? ': the webhook no longer exists' : '';
}
