import { toPolicy } from '../config.js';
import { readControl } from '../db/control.js';
import { keepChannels } from '../db/notification.js';
import { publishPolicy } from '../db/policy.js';
import type { WorkerContext } from './context.js';
import { pause } from '../pause.js';

const RETRY_MS = 1_000;

/**
 * Publishes the policy and the notification channels to Postgres before anything polls, so that the first scan uses them. Waits for
 * Postgres, its schema and an adapter.
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
          `the session settings that our statements rely on did not take effect (${words.join('; ')}): if a pooler is in between, run it in transaction or session mode`,
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
      // jsonb orders its keys, so the texts of two equal policies may differ.
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
