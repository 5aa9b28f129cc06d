import type { Delivery, Notification } from '../domain/notification.js';

/** A notification channel. */
export interface Channel {
  /** One of `BUILT_IN_CHANNELS`, or the name of a notifier. */
  name: string;
  /** Sends a notification, once. Never throws, and never reveals a secret. The signal ends the wait for an answer. */
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>;
}
