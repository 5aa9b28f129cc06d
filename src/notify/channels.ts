import type { Delivery, Notification } from '../domain/notification.js';

/**
 * Telegram's channel. It knows no idempotency key, so it alone is sent to at most once: what may have arrived there is never
 * sent again. On any other channel a message is sent until it is known to have arrived.
 */
export const TELEGRAM = 'telegram';

/** A way to tell people. */
export interface Channel {
  /** {@link TELEGRAM}, `webhook`, or what a notifier is called. */
  name: string;
  /** Sends it, once. Never throws, and names no secret. The signal ends the wait for an answer. */
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>;
}
