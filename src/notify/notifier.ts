import { BUILT_IN_CHANNELS } from '../domain/notification.js';
import { messageOf } from '../domain/trouble.js';
import type { Channel } from './channels.js';
import { toNotifierMessage, type NotifierMessage } from './message.js';

/** A custom notification channel, in addition to Telegram and the webhook. */
export interface Notifier {
  /** Its name in the records of what was sent: unique, and neither `telegram` nor `webhook`. */
  name: string;
  /**
   * Delivers a message within 10 s. Called until it resolves, so possibly more than once, each time with the same
   * `idempotencyKey`.
   *
   * @throws Error to be called again later; its message is logged
   */
  notify: (message: NotifierMessage, signal: AbortSignal) => Promise<void>;
}

/**
 * Turns notifiers into channels.
 *
 * @throws RangeError for a duplicate name
 */
export function toChannels(notifiers: readonly Notifier[]): Channel[] {
  const taken = new Set<string>(BUILT_IN_CHANNELS);
  return notifiers.map(({ name, notify }) => {
    if (taken.has(name)) {
      throw new RangeError(`Expected each notifier to have a unique name, got "${name}" again: rename it`);
    }
    taken.add(name);
    return {
      name,
      async send(notification, signal) {
        try {
          await notify(toNotifierMessage(notification), signal);
          return { result: 'sent' };
        } catch (error) {
          return { result: 'not delivered', why: messageOf(error) };
        }
      },
    };
  });
}
