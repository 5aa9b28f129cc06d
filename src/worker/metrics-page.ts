import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { readFleetNumbers } from '../db/fleet-numbers.js';
import { FleetMetrics } from '../metrics/fleet-metrics.js';
import type { WorkerContext } from './context.js';
import type { Reply } from './admin-server.js';

/** Time limit for the SDK's own metrics, in milliseconds. */
const SDK_LIMIT_MS = 2_000;

/**
 * `/metrics`, in Prometheus' text format: this process's counters, the fleet's numbers from Postgres, Node.js process metrics,
 * and the Temporal SDK's own. What cannot be read now is left out; `job_reaper_reachable` says why.
 *
 * @param sdkPort where the SDK's own metrics are, or null if it has none yet
 */
export function createMetricsPage(
  context: WorkerContext,
  version: string,
  sdkPort: () => number | null,
): () => Promise<Reply> {
  const { metrics, parts, settings } = context;
  const runtime = new Registry();
  collectDefaultMetrics({ register: runtime });
  new Gauge({
    name: 'job_reaper_info',
    help: 'Always 1: this worker, by version, REAPER_NAME and host.',
    labelNames: ['version', 'name', 'host'],
    registers: [runtime],
  }).set({ version, name: settings.REAPER_NAME, host: settings.REAPER_HOST }, 1);
  const fleet = new FleetMetrics();

  return async () => {
    const [ofFleet, ofSdk] = await Promise.all([parts.workflows ? readFleet() : '', readSdk(sdkPort())]);
    metrics.setReachable('temporal', context.link !== null && !context.temporal.isAway);
    if (!parts.workflows) metrics.setReachable('postgres', !context.postgres.isAway);
    const texts = [await metrics.registry.metrics(), ofFleet, await runtime.metrics(), ofSdk];
    return {
      code: 200,
      contentType: runtime.contentType,
      body: texts.filter((text) => text !== '').join(''),
    };
  };

  async function readFleet(): Promise<string> {
    try {
      const numbers = await readFleetNumbers(context.pools.others);
      metrics.setReachable('postgres', true);
      fleet.set(numbers);
      return await fleet.registry.metrics();
    } catch {
      metrics.setReachable('postgres', false);
      return '';
    }
  }
}

async function readSdk(port: number | null): Promise<string> {
  if (port === null) return '';
  try {
    const signal = AbortSignal.timeout(SDK_LIMIT_MS);
    return await (await fetch(`http://127.0.0.1:${port}/metrics`, { signal })).text();
  } catch {
    return '';
  }
}
