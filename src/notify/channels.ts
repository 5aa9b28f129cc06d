import type { Delivery, Notification } from '../domain/notification.js';

/** A way to tell people. */
export interface Channel {
  /** `telegram`, `webhook`, or what a notifier is called. */
  name: string;
  /** True: what may have arrived is never sent again. False: it is sent until it is known to have arrived. */
  atMostOnce: boolean;
  /** Sends it, once. Never throws, and names no secret. The signal ends the wait for an answer. */
  send(notification: Notification, signal: AbortSignal): Promise<Delivery>;
}
