import { messageOf } from '../domain/trouble.js';
import { TELEGRAM, type Channel } from './channels.js';
import { toWebhookMessage, type WebhookMessage } from './message.js';

/** A way of one's own to tell people, beside Telegram and the webhook. */
export interface Notifier {
  /** Names it in the record of what was sent: unique, and neither `telegram` nor `webhook`. */
  name: string;
  /**
   * Tells people, within 10 s. Called until it resolves, at times more than once: `idempotency_key` is the same then.
   *
   * @throws to be called again later; the error's message is logged
   */
  notify: (message: WebhookMessage, signal: AbortSignal) => Promise<void>;
}

/**
 * Makes notifiers into channels.
 *
 * @throws for a name that is taken
 */
export function toChannels(notifiers: readonly Notifier[]): Channel[] {
  const taken = new Set([TELEGRAM, 'webhook']);
  return notifiers.map(({ name, notify }) => {
    if (taken.has(name)) {
      throw new Error(`Expected each notifier to have a name of its own, got "${name}" again: rename it`);
    }
    taken.add(name);
    return {
      name,
      async send(notification, signal) {
        try {
          await notify(toWebhookMessage(notification), signal);
          return { result: 'sent' };
        } catch (error) {
          return { result: 'not delivered', why: messageOf(error) };
        }
      },
    };
  });
}
