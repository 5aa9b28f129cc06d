import { freePort } from '../src/servers/free-port.js';
import { Proxy } from '../test/support/proxy.js';
import type { Bench } from './support/bench.js';
import { createEnvironment, startBenchServers } from './support/environment.js';
import { rounded } from './support/statistics.js';
import { until } from './support/until.js';

const INTERVALS_S = [1, 15];
/** Seconds within which sweeps must continue. */
const LIMIT_S = 60;

/** How long sweeps stall when the connections to Postgres go silent: they neither close nor fail, and new ones work. */
export const silentConnection: Bench = {
  name: 'silent-connection',
  about: 'Seconds from when all open connections to Postgres go silent to the end of the next sweep',
  async run(context) {
    const servers = await startBenchServers(context);
    const rows = [];
    const failures: string[] = [];
    for (const intervalS of INTERVALS_S) {
      context.log(`silent-connection: REAPER_INTERVAL_S=${intervalS}`);
      const environment = await createEnvironment(servers, context);
      const { admin, workerUrl } = environment;
      const url = new URL(workerUrl);
      const proxy = await Proxy.to({ host: url.hostname, port: Number(url.port) }, await freePort());
      context.cleanup.add(() => proxy.cut());
      url.host = `127.0.0.1:${proxy.port}`;
      const worker = environment.startWorker({
        REAPER_INTERVAL_S: String(intervalS),
        DATABASE_URL: url.href,
      });
      const swept = async () => {
        const { rows: found } = await admin.query<{ at: Date }>('select at from reaper.last_sweep');
        return found[0]?.at.getTime() ?? 0;
      };
      await until('a sweep', async () => (await swept()) > 0);
      const silent = proxy.silence();
      const before = await swept();
      const startMs = performance.now();
      await until('the next one', async () => {
        worker.assertRunning();
        return (await swept()) > before;
      });
      const seconds = (performance.now() - startMs) / 1000;
      rows.push({
        interval_s: intervalS,
        silent_connections: silent,
        next_sweep_after_s: rounded(seconds, 1),
      });
      if (seconds > LIMIT_S)
        failures.push(`Expected a sweep within ${LIMIT_S} s, got one after ${seconds.toFixed(1)} s`);
      await worker.stop();
    }
    return { rows, failures };
  },
};
