import { ApplicationFailure } from '@temporalio/activity';
import type { Queryable } from '../db/database.js';
import {
  gatherDigest,
  noteDelivery,
  readDueNotifications,
  readNotification,
  settleNotification,
  takeForSending,
  takeForTelegram,
  type DeliveryRecord,
  type NotificationRow,
} from '../db/notification.js';
import { TELEGRAM, type Delivery } from '../domain/notification.js';
import type { Logger } from '../log.js';
import type { Channel } from '../notify/channels.js';

/** Seconds after which a notification is no longer worth sending. */
const GIVE_UP_AFTER_S = 24 * 3600;
/** A worker that took a notification for Telegram has recorded the result within so many seconds, or never will. */
const TAKEN_FOR_S = 20;
/** Maximum of seconds before a retry, whatever a server asks for. */
const MAX_WAIT_S = 60;

/** Maximum of notifications that one activity settles without a digest: each is sent at once. */
const TOGETHER = 20;

/** What {@link createNotifyActivities} needs. */
export interface NotifyActivitiesOptions {
  pool: Queryable;
  log: Logger;
  /** Where notifications are sent; may be empty. */
  channels: readonly Channel[];
  /** Time limit of one attempt to send, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

/** An attempt that has to be retried. */
interface Again {
  why: string;
  retryAfterS: number | undefined;
}

/** The activities that send notifications. */
export function createNotifyActivities({ pool, log, channels, timeoutMs = 10_000 }: NotifyActivitiesOptions) {
  const settleOne = async (notificationId: number): Promise<void> => {
    const notification = await readNotification(pool, notificationId);
    if (!notification?.owed) return;
    if (channels.length === 0) {
      await settleNotification(pool, notificationId, 'no channel');
    } else if (notification.ageS > GIVE_UP_AFTER_S) {
      await giveUp(notification);
      if (await settleNotification(pool, notificationId, 'given up')) {
        log.warn(
          `given up after a day, not delivered on every channel: ${notification.text}`,
          about(notification),
        );
      }
    } else if (await takeForSending(pool, notificationId)) {
      await sendOnAll(notification);
    }
  };

  return {
    /**
     * Settles a notification: sends it at once on every channel that has not received it. Reads it from Postgres, so any worker
     * can do it at any time, even several at once.
     *
     * @throws ApplicationFailure of type NotDelivered if it has to be retried
     */
    settleOwed: settleOne,

    /**
     * Settles all due notifications of a kind. If there are many, they become a digest, one message for all: its text and key are
     * committed before it is sent. Never fails because of a channel.
     *
     * @returns ids of those that were not delivered and can be retried at once. Those that a channel wants later are due again in a minute
     */
    async settleDue(kind: string): Promise<number[]> {
      const digest = channels.length > 0 ? await gatherDigest(pool, kind) : null;
      // What came too late for the digest, or was attempted before, is sent by itself.
      const due = await readDueNotifications(pool, TOGETHER, kind);
      const ids = digest === null ? due : [digest, ...due];
      const sent = await Promise.allSettled(ids.map(settleOne));
      return sent.flatMap((result, index) => {
        if (result.status === 'fulfilled') return [];
        // Postgres does not answer: what is still due is sent by the next attempt.
        if (!(result.reason instanceof ApplicationFailure)) throw result.reason;
        return result.reason.nextRetryDelay ? [] : (ids[index] ?? []);
      });
    },
  };

  async function sendOnAll(notification: NotificationRow): Promise<void> {
    // Each runs to its end, whatever becomes of the others.
    const sendings = await Promise.allSettled(channels.map((channel) => sendOn(channel, notification)));
    const again = sendings.flatMap((sending) => {
      if (sending.status === 'rejected') throw sending.reason;
      return sending.value ?? [];
    });
    if (again.length > 0) throw notDelivered(notification, again);
    const { deliveries } = (await readNotification(pool, notification.id)) ?? notification;
    await settleNotification(
      pool,
      notification.id,
      Object.values(deliveries).includes('sent') ? 'sent' : 'given up',
    );
  }

  /** Null if nothing is left to do on this channel. */
  async function sendOn(channel: Channel, notification: NotificationRow): Promise<Again | null> {
    const { id } = notification;
    const before = notification.deliveries[channel.name];
    if (before !== undefined && isOver(channel, before)) return null;
    if (channel.name === TELEGRAM && !(await takeForTelegram(pool, id))) {
      const takenS = notification.telegramTakenS ?? 0;
      if (takenS < TAKEN_FOR_S) {
        return { why: `${channel.name}: another worker is sending it`, retryAfterS: TAKEN_FOR_S - takenS };
      }
      await conclude(channel, notification, { result: 'unknown', why: 'the worker that sent it died' });
      return null;
    }
    const delivery = await channel.send(notification, AbortSignal.timeout(timeoutMs));
    await conclude(channel, notification, delivery);
    if (delivery.result === 'sent' || isOver(channel, delivery.result)) return null;
    const retryAfterS = delivery.result === 'not delivered' ? delivery.retryAfterS : undefined;
    return { why: `${channel.name}: ${delivery.why}`, retryAfterS };
  }

  /** A channel that did not accept it for a day has lost it. */
  async function giveUp({ id, deliveries }: NotificationRow): Promise<void> {
    for (const channel of channels) {
      const before = deliveries[channel.name];
      if (before !== undefined && isOver(channel, before)) continue;
      await noteDelivery(pool, id, channel.name, 'given up', 'not delivered for a day');
    }
  }

  async function conclude(
    channel: Channel,
    notification: NotificationRow,
    delivery: Delivery,
  ): Promise<void> {
    const { name } = channel;
    const lost = delivery.result !== 'sent' && isOver(channel, delivery.result) ? delivery.why : null;
    await noteDelivery(pool, notification.id, name, delivery.result, lost);
    if (delivery.result === 'sent' || lost === null) return;
    const line =
      delivery.result === 'refused' ? 'refused, not sent again' : 'may not have arrived, not sent again';
    log.error(`${name}: ${line} (${delivery.why}): ${notification.text}`, about(notification));
  }
}

/** Whether nothing is left to do on a channel after an attempt. */
function isOver({ name }: Channel, result: DeliveryRecord): boolean {
  return result === 'unknown' ? name === TELEGRAM : result !== 'not delivered';
}

function about({ id, jobId, runKey }: NotificationRow) {
  return { notification_id: id, job_id: jobId, run_key: runKey };
}

function notDelivered({ id }: NotificationRow, again: Again[]): ApplicationFailure {
  const retryAfterS = Math.max(0, ...again.map((each) => each.retryAfterS ?? 0));
  return ApplicationFailure.create({
    type: 'NotDelivered',
    message: `Expected notification ${id} to be delivered, got ${again.map(({ why }) => why).join('; ')}: it stays owed`,
    ...(retryAfterS > 0 && { nextRetryDelay: Math.min(retryAfterS, MAX_WAIT_S) * 1000 }),
  });
}

/** Activities that {@link createNotifyActivities} makes. */
export type NotifyActivities = ReturnType<typeof createNotifyActivities>;
