import type { Mutant } from './mutant.js';

const WEBHOOK_JS = 'dist/src/notify/webhook.js';
const CLAIM = 'sql/migrations/0015_claim_waits_briefly.sql';

/** What must come before anything is claimed or said, and what must not be lost on the way. */
export const inControl: readonly Mutant[] = [
  {
    name: 'the control row read without its lock',
    scenario: 'a pause overtakes a claim',
    caughtBy: 'a block is a block',
    edits: [{ file: CLAIM, from: 'perform from reaper.control for share;', to: '' }],
  },
  {
    name: 'a pause that is not honoured',
    scenario: 'a pause while a streak runs',
    caughtBy: 'a block is a block',
    edits: [{ file: 'sql/migrations/0004_blocks.sql', from: 'when c.paused then', to: 'when false then' }],
  },
  {
    name: 'Telegram not taken before it is sent',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told once',
    edits: [
      {
        file: 'sql/migrations/0010_notifications.sql',
        from: 'where id = p_id and owed and telegram_at is null;',
        to: 'where id = p_id and owed;',
      },
    ],
  },
  {
    name: 'a webhook key of its own for each sending',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told once',
    edits: [
      {
        file: WEBHOOK_JS,
        from: `'idempotency-key': notification.key`,
        to: `'idempotency-key': notification.key + '/' + Date.now()`,
      },
    ],
  },
  {
    name: 'a webhook that did not answer taken for told',
    scenario: 'a message whose delivery is not noted',
    caughtBy: 'told at last',
    edits: [{ file: WEBHOOK_JS, from: `result: 'unknown'`, to: `result: 'sent'` }],
  },
  {
    name: 'a connection that breaks while it is handed out heard by nobody',
    scenario: 'a lost answer',
    caughtBy: 'nobody gives up',
    edits: [
      {
        file: 'dist/src/db/pool.js',
        from: `            client.on('error', ignore);`,
        to: '',
      },
    ],
  },
];
