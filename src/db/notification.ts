import { secondsSince } from './age.js';
import type { Queryable } from './database.js';
import type { Delivery, Notification, SettledAs } from '../domain/notification.js';

/** What became of a sending, or that nobody tries any more. */
export type DeliveryRecord = Delivery['result'] | 'given up';

/** A notification with how far it has come. */
export interface NotificationRow extends Notification {
  owed: boolean;
  /** Seconds since it is owed. */
  ageS: number;
  /** Seconds since somebody took it for Telegram, or null when nobody has. */
  telegramTakenS: number | null;
  /** What became of its last sending, by channel. */
  deliveries: Record<string, DeliveryRecord | undefined>;
}

/** Reads one notification afresh, or null when there is none. */
export async function readNotification(pool: Queryable, id: number): Promise<NotificationRow | null> {
  const { rows } = await pool.query<NotificationRow>(
    `select n.id, n.key, n.kind, n.job_id as "jobId", n.run_key as "runKey", n.host, n.agent, n.repo, l.outcome,
            n.reason, l.evidence, n.text, n.owed, n.deliveries,
            ${secondsSince('n.at')} as "ageS",
            ${secondsSince('n.telegram_at')} as "telegramTakenS"
       from reaper.notification n
       cross join (select reaper.now() as now) c
       left join reaper.ledger l on l.id = n.ledger_id
      where n.id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

/** Ids of the owed notifications that a sweep is to settle now, the longest due first. */
export async function readDueNotifications(pool: Queryable, limit: number): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select id from reaper.notification
      where owed and due_at <= (select reaper.now())
      order by due_at, id limit $1`,
    [limit],
  );
  return rows.map((row) => row.id);
}

/** Takes an owed notification for Telegram, before it is sent there. False when it was taken before. */
export async function takeForTelegram(pool: Queryable, id: number): Promise<boolean> {
  const { rows } = await pool.query<{ taken: boolean }>('select reaper.take_for_telegram($1) as taken', [id]);
  return rows[0]?.taken ?? false;
}

/**
 * Puts on record what became of one sending. One that Telegram did not get may be taken again.
 *
 * @param lost why the message is lost on this channel and not sent again, free of secrets; null while it is not
 */
export async function noteDelivery(
  pool: Queryable,
  id: number,
  channel: string,
  result: DeliveryRecord,
  lost: string | null = null,
): Promise<void> {
  await pool.query('select reaper.note_delivery($1, $2, $3, $4)', [id, channel, result, lost]);
}

/** Tells where people are told now, so that a channel that nobody sends on any more is no trouble. */
export async function keepChannels(pool: Queryable, names: readonly string[]): Promise<void> {
  await pool.query('select reaper.keep_channels($1)', [names]);
}

/** Settles a notification: nothing is owed any more. False when it was settled before. */
export async function settleNotification(pool: Queryable, id: number, as: SettledAs): Promise<boolean> {
  const { rows } = await pool.query<{ settled: boolean }>(
    'select reaper.settle_notification($1, $2) as settled',
    [id, as],
  );
  return rows[0]?.settled ?? false;
}
