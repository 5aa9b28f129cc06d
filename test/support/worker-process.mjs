// The built worker as a process of its own.
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
  // As the command does: what hangs would keep the process.
  process.exit(1);
}
