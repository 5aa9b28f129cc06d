import { groupBy } from './group-by.js';
import type { Invariant } from './invariant.js';

const FAILED = /job (\S+) \(.* reaped as FAILED/;

export const told: Invariant = {
  name: 'told once',
  promise: 'Telegram hears of a failure at most once, the webhook always with the same key',
  *check({ queue, received }) {
    // What was refused was not delivered, and says so.
    const telegram = received.filter(({ channel, answer }) => channel === 'telegram' && answer !== 'refused');
    for (const [text, messages] of groupBy(telegram, (message) => message.text)) {
      if (messages.length > 1)
        yield { what: `Telegram was sent ${messages.length} times: ${text}`, evidence: messages };
    }
    const webhook = received.filter(({ channel }) => channel === 'webhook');
    for (const [text, messages] of groupBy(webhook, (message) => message.text)) {
      const keys = new Set(messages.map(({ key }) => key));
      if (keys.size > 1 || keys.has(null)) {
        yield { what: `the webhook was sent with ${keys.size} keys: ${text}`, evidence: messages };
      }
    }
    const failed = new Set(
      queue.ledger.filter(({ outcome }) => outcome === 'failed').map(({ jobId }) => jobId),
    );
    for (const { text, channel, atMs } of received) {
      const [, jobId] = FAILED.exec(text) ?? [];
      if (jobId === undefined || failed.has(jobId)) continue;
      yield {
        what: `${channel} was told that job ${jobId} failed, and the ledger does not say so`,
        evidence: { text, atMs },
      };
    }
  },
};

/** Judged when everything is over and what was owed had time to be sent. */
export const toldAtLast: Invariant = {
  name: 'told at last',
  promise: 'the webhook hears of every failure at least once, and nothing stays owed',
  *check({ queue, received }) {
    const taken = new Set(
      received
        .filter(({ channel, answer }) => channel === 'webhook' && answer === 'taken')
        .map(({ key }) => key),
    );
    for (const row of queue.ledger.filter(({ outcome }) => outcome === 'failed')) {
      const own = queue.failures.get(row.id);
      const failure = (own?.digestId != null ? queue.digests.get(own.digestId) : null) ?? own;
      if (failure !== undefined && !failure.owed && taken.has(failure.key)) continue;
      yield {
        what: `the webhook never took the failure of job ${row.jobId}${failure?.owed === true ? ', which is still owed' : ''}`,
        evidence: { row, failure },
      };
    }
  },
};
