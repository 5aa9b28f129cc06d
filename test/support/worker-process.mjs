// The built worker as a separate process.
import { readSettings } from '../../dist/src/config.js';
import { createLogger } from '../../dist/src/log.js';
import { runWorker } from '../../dist/src/worker.js';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());

const { PARTS, ...env } = process.env;
try {
  const parts = { workflows: PARTS !== 'probe', probe: PARTS !== 'workflows' };
  await runWorker({ settings: readSettings(env), parts, log: createLogger(), signal: stop.signal });
} catch (error) {
  console.error(error.message);
  // Like the command: anything that hangs would keep the process alive.
  process.exit(1);
}
