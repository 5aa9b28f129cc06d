import { readStatus } from '../../db/status.js';
import { formatTime } from '../../domain/wording.js';
import { fail, ok, type Check } from './check.js';

/** Checks that every channel accepted its last message. */
export const notificationsCheck: Check = {
  name: 'notifications',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { failing_channels: failing } = await readStatus(pool);
    if (failing.length === 0) return [ok('channels that accept messages', 'none rejected its last one')];
    return failing.map(({ channel, since, why, lost }) =>
      fail(
        `channel "${channel}" to accept messages`,
        `it has lost all messages since ${formatTime(new Date(since))} (${lost} in total), the last because: ${why}`,
        'fix the cause and restart the worker; the next message that arrives clears this',
      ),
    );
  },
};
