import { secondsSince } from './fragments.js';
import type { Queryable } from './database.js';
import type { Delivery, Notification, SettledAs } from '../domain/notification.js';

/** What became of an attempt to send, or that sending was given up. */
export type DeliveryRecord = Delivery['result'] | 'given up';

/** A notification and its progress. */
export interface NotificationRow extends Notification {
  owed: boolean;
  /** For how many seconds it has been owed. */
  ageS: number;
  /** Seconds since a worker took it for Telegram, or null if none has. */
  telegramTakenS: number | null;
  /** What became of the last attempt to send it, by channel. */
  deliveries: Record<string, DeliveryRecord | undefined>;
}

/** Reads one notification; null if there is none. */
export async function readNotification(pool: Queryable, id: number): Promise<NotificationRow | null> {
  const { rows } = await pool.query<NotificationRow>(
    `select n.id, n.key, n.kind, n.job_id as "jobId", n.run_key as "runKey", n.host, n.agent, n.repo, l.outcome,
            n.reason, l.evidence, n.text, n.detail as digest, n.owed, n.deliveries,
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

/** Ids of the owed notifications that are due, the longest due first; all, or those of a kind. */
export async function readDueNotifications(
  pool: Queryable,
  limit: number,
  kind: string | null = null,
): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>(
    `select id from reaper.notification
      where owed and due_at <= (select reaper.now()) and ($2::text is null or kind = $2)
      order by due_at, id limit $1`,
    [limit, kind],
  );
  return rows.map((row) => row.id);
}

/** The kinds of the owed notifications that are due. */
export async function readDueKinds(pool: Queryable): Promise<string[]> {
  const { rows } = await pool.query<{ kind: string }>(
    `select distinct kind from reaper.notification where owed and due_at <= (select reaper.now()) order by kind`,
  );
  return rows.map((row) => row.kind);
}

/** Puts all due notifications of a kind into one digest, if there are so many that it should be one. Null if not. */
export async function gatherDigest(pool: Queryable, kind: string): Promise<number | null> {
  const { rows } = await pool.query<{ id: number | null }>('select reaper.gather_digest($1) as id', [kind]);
  return rows[0]?.id ?? null;
}

/** Takes an owed notification before it is sent, so that no digest takes it meanwhile. False if it is settled. */
export async function takeForSending(pool: Queryable, id: number): Promise<boolean> {
  const { rows } = await pool.query<{ taken: boolean }>('select reaper.take_for_sending($1) as taken', [id]);
  return rows[0]?.taken ?? false;
}

/** Takes an owed notification for Telegram before it is sent there. False if it was already taken. */
export async function takeForTelegram(pool: Queryable, id: number): Promise<boolean> {
  const { rows } = await pool.query<{ taken: boolean }>('select reaper.take_for_telegram($1) as taken', [id]);
  return rows[0]?.taken ?? false;
}

/**
 * Records what became of one attempt to send. If Telegram did not receive it, it may be taken again.
 *
 * @param lost why the message is lost on this channel and not sent again, free of secrets; null if it is not lost
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

/** Records which channels are in use now, so that one that is no longer used does not count as failing. */
export async function keepChannels(pool: Queryable, names: readonly string[]): Promise<void> {
  await pool.query('select reaper.keep_channels($1)', [names]);
}

/** Settles a notification: it is no longer owed. False if it was already settled. */
export async function settleNotification(pool: Queryable, id: number, as: SettledAs): Promise<boolean> {
  const { rows } = await pool.query<{ settled: boolean }>(
    'select reaper.settle_notification($1, $2) as settled',
    [id, as],
  );
  return rows[0]?.settled ?? false;
}
