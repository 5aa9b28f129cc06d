import { readStatus } from '../../db/status.js';
import { formatTime } from '../output.js';
import { fail, ok, type Check } from './check.js';

/** Every channel took its last message. */
export const notificationsCheck: Check = {
  name: 'notifications',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { failing_channels: failing } = await readStatus(pool);
    if (failing.length === 0) return [ok('channels that take messages', 'none has refused its last one')];
    return failing.map(({ channel, since, why, lost }) =>
      fail(
        `channel "${channel}" to take messages`,
        `it has lost all since ${formatTime(new Date(since))} (${lost} ever), the last since: ${why}`,
        'do what the reason says, and restart the worker; the next message that arrives ends this',
      ),
    );
  },
};
