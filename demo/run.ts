import { colors } from '../src/cli/colors.js';
import { startServers, type Servers } from '../servers/index.js';
import { fates } from './fates/index.js';
import type { Result } from './fates/play.js';
import { perform } from './perform.js';
import { finalTable } from './view/final-table.js';
import { LiveView } from './view/live-view.js';
import { Cast } from './world/cast.js';
import { Cleanup } from './world/cleanup.js';
import { branchOf } from './world/enqueue-fates.js';
import { createWorld } from './world/world.js';

const USAGE = `Usage: npm run demo [-- --exit]

Starts a worker and launchers on real servers, kills them in every possible way, and shows what happens to the jobs.

  --exit  exit when everything is over, with exit code 1 if a fate did not come true. Without it, the servers keep
          running so that you can explore the Web UI`;

/** Milliseconds that all fates together may take, including the worker's start. */
const LIMIT_MS = 90_000;

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg !== '--exit')) {
    console.error(USAGE);
    return 2;
  }
  const cleanup = new Cleanup('the demo');
  const interrupted = interruption();
  const view = new LiveView();
  try {
    const servers = await startServers({ log: (line) => console.log(line) });
    cleanup.add(() => servers.stop());
    const results = await show(servers, view, cleanup, interrupted);
    console.log(finalTable(results));
    if (!args.includes('--exit')) {
      console.log(`\nWeb UI: ${webUi(servers)}\nPress Ctrl-C to stop everything.`);
      await untilAborted(interrupted);
    }
    return results.every(({ isTrue }) => isTrue) ? 0 : 1;
  } catch (error) {
    if (!interrupted.aborted) console.error(colors.red(`The demo failed: ${String(error)}`));
    return interrupted.aborted ? 130 : 1;
  } finally {
    view.clear();
    if (interrupted.aborted) console.log('Stopping everything ...');
    await cleanup.run();
  }
}

async function show(
  servers: Servers,
  view: LiveView,
  cleanup: Cleanup,
  interrupted: AbortSignal,
): Promise<Result[]> {
  interrupted.throwIfAborted();
  const world = await createWorld(
    servers,
    fates.map(({ id }) => branchOf(id)),
    cleanup,
  );
  const cast = new Cast(world, view);
  const over = new AbortController();
  cleanup.add(async () => {
    over.abort();
    await cast.end();
  });
  view.note(null, `Web UI: ${webUi(servers)}`);

  const limit = AbortSignal.any([interrupted, AbortSignal.timeout(LIMIT_MS)]);
  let results: Result[] = [];
  try {
    results = await Promise.race([
      perform(world, cast, fates, limit),
      cast.board.watch(over.signal),
      cast.worker.exited.then(() => Promise.reject(new Error('the worker ended'))),
    ]);
    // An interrupted demo has not failed.
    interrupted.throwIfAborted();
    return results;
  } finally {
    over.abort();
    view.clear();
    const isGood = results.length > 0 && results.every(({ isTrue }) => isTrue);
    if (!isGood && !interrupted.aborted) console.error(await cast.logs());
  }
}

function webUi({ temporal }: Servers): string {
  return temporal.uiUrl ?? `see the Temporal server ${temporal.address}, namespace ${temporal.namespace}`;
}

/** Aborted by Ctrl-C and similar signals. A second one changes nothing: everything that was started must be ended first. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => controller.abort());
  return controller.signal;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

process.exitCode = await main(process.argv.slice(2));
