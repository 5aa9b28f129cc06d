import type { Delivery, Notification } from '../domain/notification.js';

/**
 * Telegram's channel. Telegram has no idempotency keys, so this channel alone sends at most once: a message that may have
 * arrived is never sent again. Any other channel sends a message until it is known to have arrived.
 */
export const TELEGRAM = 'telegram';

/** A notification channel. */
export interface Channel {
  /** {@link TELEGRAM}, `webhook`, or the name of a notifier. */
  name: string;
  /** Sends a notification, once. Never throws, and never reveals a secret. The signal ends the wait for an answer. */
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>;
}
