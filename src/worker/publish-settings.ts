import { toPolicy } from '../config.js';
import { readControl } from '../db/control.js';
import { keepChannels } from '../db/notification.js';
import { publishPolicy } from '../db/policy.js';
import type { WorkerContext } from './context.js';
import { pause } from './within.js';

const RETRY_MS = 1_000;

/**
 * Publishes the settings that decide to the control row, and where people are told, before anything polls, so that the first scan goes by them. Waits
 * for Postgres, its schema and an adapter.
 */
export async function publishSettings({
  settings,
  pool,
  pools,
  postgres,
  log,
  channels,
  signal,
  pulse,
}: WorkerContext): Promise<void> {
  const policy = toPolicy(settings);
  while (!signal.aborted) {
    pulse.beat();
    try {
      const lost = await pools.control.readBack();
      if (lost.length > 0) {
        const words = lost.map(({ name, expected, got }) => `${name}: expected ${expected}, got ${got}`);
        throw new Error(
          `the settings that bound our statements do not hold (${words.join('; ')}): a pooler has to run in transaction or session mode`,
        );
      }
      const { adapter } = await readControl(pool);
      if (adapter === null) {
        throw new Error('no adapter is installed: run job-reaper migrate --adapter <name or file>');
      }
      const old = await publishPolicy(pool, policy, `worker on ${settings.REAPER_HOST}`);
      await keepChannels(
        pool,
        channels.map(({ name }) => name),
      );
      postgres.back();
      // jsonb orders its keys, so the texts of the two differ although they say the same.
      const differs =
        old !== null &&
        Object.entries(policy).some(([name, value]) => old[name as keyof typeof old] !== value);
      if (differs) log.info('the policy changed', { old, new: policy });
      return;
    } catch (error) {
      postgres.away(error);
      await pause(RETRY_MS, signal);
    }
  }
}
